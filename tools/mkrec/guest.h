/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines of the text form that make GUEST and GUEST_BLOB chunks:
 *
 *	GUEST vm=1 tgid=10 id=00112233445566778899aabbccddeeff     a reading; what follows is of it
 *	GDIR flags=BPF|SPLIT ncpus=1                               its directory
 *	GCLOCK 0 tsc=... mono_ns=...     GWATCHER 0 tid=71 how=VMCLOCK_POLL own=1 comm="agent"
 *	GPART 0 kind=RING pages=2        GLIST 0x100               tables of the directory
 *	GRING index=0 first=100          the ring of a CPU; GAGENT: the agent's
 *	GREC ts=1000 SWITCH tid=0 x=71 a="agent"                   its next record; n= its number
 *	GFRAMES 0x100 0x101              frames of the recorder; more lines add to them
 *	GBLOB id=...                     what follows is of that id (GUEST sets it too)
 *	GMETA {...}                      META of the arming
 *	GSYM ffffffff81000000 T name     a line of the guest's symbols; further ones add to them
 */
#ifndef FORKSCOPE_GUESTCOMPILE_H
#define FORKSCOPE_GUESTCOMPILE_H

#include <stddef.h>
#include "record/writer.h"

struct fsr_guest_text;

struct fsr_guest_text *fsr_guest_text_new(void);

/*
 * Takes a line: 1 = it was one of those above, 0 = it is another, or a negative errno with a
 * sentence in @err. Writes the reading before when a new one begins.
 */
int fsr_guest_text_line(struct fsr_guest_text *t, struct fsr_writer *w, const char *line, char *err,
			size_t err_len);

/* Writes what was gathered. Returns 0 or the writer's error. */
int fsr_guest_text_flush(struct fsr_guest_text *t, struct fsr_writer *w);
void fsr_guest_text_free(struct fsr_guest_text *t);

#endif
