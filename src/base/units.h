/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Durations and sizes as people write them. Parsing takes whatever the formatters print, and the
 * exact formatters print what parses back to the very same number.
 */
#ifndef FORKSCOPE_UNITS_H
#define FORKSCOPE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define FS_UNITS_LEN 32 /* enough for every text that is made here */

/*
 * "250ms", "1.5s", "10us", "90 ns", "2min", "1h": nanoseconds, rounded to whole ones. A number
 * without a unit is refused. Returns 0, -EINVAL (not a duration) or -ERANGE (beyond 64 bits).
 */
int fs_parse_ns(const char *s, uint64_t *ns);

/*
 * A duration that a user gives: as fs_parse_ns(), but -ERANGE above FS_DURATION_MAX (100 years of
 * 365 days), so that its sum with a clock's time, or with another one, fits 63 bits.
 */
#define FS_DURATION_MAX 3153600000000000000ull
int fs_parse_duration(const char *s, uint64_t *ns);

/*
 * "64MiB", "4 KiB", "512B", and in short "64M", "4K", "1G", which mean the same powers of two.
 * "MB" is refused, for it is read in two ways; so is a number without a unit. Returns as above.
 */
int fs_parse_bytes(const char *s, uint64_t *bytes);

/* "812 ns", "12.5 us", "812.3 ms", "1.234 s": for reading, rounded. Returns @buf. */
char *fs_fmt_ns(uint64_t ns, char *buf, size_t n);
/* "812 B", "4.0 KiB", "64.0 MiB": for reading, rounded. Returns @buf. */
char *fs_fmt_bytes(uint64_t bytes, char *buf, size_t n);

/* "250ms", "64MiB": in the largest unit that needs no fraction, so nothing is lost. Returns @buf.
 */
char *fs_fmt_ns_exact(uint64_t ns, char *buf, size_t n);
char *fs_fmt_bytes_exact(uint64_t bytes, char *buf, size_t n);

#endif
