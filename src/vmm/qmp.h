/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's monitor protocol: one JSON object on a line, over a unix socket. */
#ifndef FORKSCOPE_VMM_QMP_H
#define FORKSCOPE_VMM_QMP_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

struct fs_qmp;

/*
 * Connects to @path, reads the greeting and leaves the negotiation. Returns 0 and @out, or a
 * negative errno with a sentence in @err: -ETIMEDOUT, -ECONNRESET, -EPROTO.
 */
int fs_qmp_open(const char *path, uint64_t timeout_ns, struct fs_qmp **out, char *err, size_t len);
void fs_qmp_close(struct fs_qmp *q);

/* "10.0.2", as the greeting says. */
const char *fs_qmp_version(const struct fs_qmp *q);

/*
 * Runs @command with @arguments (taken over; NULL for none). Events that come meanwhile are passed
 * over. Returns 0 and, if @out is not NULL, the answer's "return" (to decref); -EREMOTEIO with the
 * monitor's words when it refuses; or as fs_qmp_open().
 */
int fs_qmp_ask(struct fs_qmp *q, const char *command, json_t *arguments, uint64_t timeout_ns,
	       json_t **out, char *err, size_t len);

#endif
