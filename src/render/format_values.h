/* SPDX-License-Identifier: BSD-2-Clause */
/* Words, numbers and addresses as the renderers print them: one place, so that all forms agree. */
#ifndef FORKSCOPE_FORMAT_VALUES_H
#define FORKSCOPE_FORMAT_VALUES_H

#include <stddef.h>
#include <stdint.h>
#include "render/view.h"

#define FSV_WORD_LEN 192 /* enough for every text that is made here */

/*
 * Copies @s with control characters and bytes that are no printable ASCII replaced by '?'.
 * Returns @buf.
 */
char *fsv_clean(const char *s, char *buf, size_t len);

/* @part of @whole as "55.5 %", "<0.1 %", "0 %"; "-" when @whole is 0. Returns @buf. */
char *fsv_pct(uint64_t part, uint64_t whole, char *buf, size_t len);
double fsv_share(uint64_t part, uint64_t whole); /* 0 to 1, 0 when @whole is 0 */

/*
 * Of signal delivery's time none is known, for guest time that could not be split has it: a 0 there
 * would say that the signal cost nothing. FSV_NOT_SEPARABLE stands in its place.
 */
#define FSV_NOT_SEPARABLE "not separable from guest (not split)"
static inline bool fsv_not_separable(double signal_ns, double unsplit_ns)
{
	return signal_ns < 0.5 && unsplit_ns >= 0.5;
}

/*
 * A guest address of @f: "do_idle+0x1c", "user 0x55..", or the number where no symbol holds it.
 * With @offset false the distance into the function is left out, so that equal functions fold.
 */
char *fsv_guest_addr(const struct fsv_view *v, const struct fsa_fork *f, uint64_t rip, bool offset,
		     char *buf, size_t len);

/* A host kernel address: "filemap_fault", "[kernel] 0x..". */
char *fsv_host_addr(const struct fsv_view *v, uint64_t addr, char *buf, size_t len);

/* @at relative to the start of the window: "+12.3 ms", "-1.2 s". Returns @buf. */
char *fsv_rel(const struct fsa_fork *f, uint64_t at, char *buf, size_t len);

/* How the fork was resumed: "woken", "signalled", ... */
const char *fsv_resume_text(enum fsa_resume_kind k);
const char *fsv_resume_name(enum fsa_resume_kind k); /* "wake", for machines */
const char *fsv_start_name(enum fsa_start_kind k);   /* "resume", "load", "spawn" */
const char *fsv_verdict_name(enum fsa_verdict v);    /* "memory_faults", ..., "mixed" */

/*
 * The verdict with its reason, one sentence without an end of line: "memory faults: 55.5 % of the
 * gap, 12.3 points ahead of ...". Returns @buf.
 */
char *fsv_verdict_text(const struct fsa_fork *f, char *buf, size_t len);

/* The end that was asked for, or that was used instead of it. Returns @buf. */
char *fsv_end_text(const struct fsv_view *v, const struct fsa_fork *f, char *buf, size_t len);

/* The two words for a fork's window: its gap, or (no end) the time that was watched. */
const char *fsv_window_word(const struct fsa_fork *f);

/* Notes of @f that are set, one after the other: *i is the position, 0 at the start. NULL = end. */
const char *fsv_note(const struct fsa_fork *f, unsigned int *i);

/*
 * Whether the signal path has the milestone of that name: it says which of several
 * interrupts it was.
 */
bool fsv_on_signal_path(const struct fsa_fork *f, const char *milestone);

#endif
