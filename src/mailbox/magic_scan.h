/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds FS_MBOX_PREFIX in memory, as fast as the memory can be read. */
#ifndef FORKSCOPE_MAILBOX_SCAN_H
#define FORKSCOPE_MAILBOX_SCAN_H

#include <stddef.h>
#include <stdint.h>

/*
 * The first place in [@from, @end) at which all FS_MBOX_PREFIX_LEN bytes of the prefix stand, or
 * NULL. Reads nothing outside of that range.
 */
typedef const uint8_t *(*fs_scan_fn)(const uint8_t *from, const uint8_t *end);

struct fs_scan_method {
	const char *name;
	fs_scan_fn find;
	int (*usable)(void); /* whether this processor has what it needs */
};

/* All ways, fastest first; the last is usable everywhere. Ends with a NULL name. */
extern const struct fs_scan_method fs_scan_methods[];

/* The fastest usable one. */
const struct fs_scan_method *fs_scan_best(void);

#endif
