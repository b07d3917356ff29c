/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that reads guests' memory for a recorder. The recorder drops every capability once it
 * is armed; another user's VMM can only be read with some. So they are kept by a process of its
 * own, made before the drop, that does nothing else: it takes one request at a time ("read VM 3")
 * from a socket pair, answers with the chunks to be written, never writes to a VMM, and ends with
 * the recorder. See privs.h for what it holds.
 */
#ifndef FORKSCOPE_GUESTPROC_H
#define FORKSCOPE_GUESTPROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "collect/guest/guestring.h"
#include "record/writer.h"

struct fs_guestproc;

/*
 * Starts it. To be called while this process is small and still has its rights: nothing that is
 * opened later is inherited. @files remain the caller's. Returns 0 or a negative errno.
 */
int fs_guestproc_start(const struct fs_memfile *files, size_t nfiles, struct fs_guestproc **out,
		       char *err, size_t len);

/* Readable when an answer comes. */
int fs_guestproc_fd(const struct fs_guestproc *p);

/* "CAP_SYS_PTRACE,..." that it holds, "" when none. */
const char *fs_guestproc_rights(const struct fs_guestproc *p);

/* CPU time that it has used, ns; 0 when that is not known. */
uint64_t fs_guestproc_cpu_ns(const struct fs_guestproc *p);

/* Asks for a reading; one at a time. Returns 0 or a negative errno: it is gone. */
int fs_guestproc_ask(struct fs_guestproc *p, const struct fs_guest_req *req,
		     const struct fs_slot *slots);

/*
 * Takes what has come, without waiting, and writes whole chunks to @w. Returns 1 and *@res when the
 * reading is done, 0 when more is to come, -EPIPE when the process is gone or talks nonsense, or
 * the writer's error.
 */
int fs_guestproc_take(struct fs_guestproc *p, struct fsr_writer *w, struct fs_guest_result *res);

/* Ends it; NULL is fine. */
void fs_guestproc_stop(struct fs_guestproc *p);

#endif
