/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP over a unix socket, as VMMs speak it. One connection, used by one thread. */
#ifndef FORKSCOPE_VMM_HTTP_H
#define FORKSCOPE_VMM_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

struct fs_http;

struct fs_http_answer {
	long status;
	const char *body; /* until the next call; NUL-terminated */
	size_t len;
};

/* Call once, before there are threads. */
void fs_http_setup(void);

/* Returns NULL when there is no memory. Nothing is connected before the first call. */
struct fs_http *fs_http_open(const char *socket);
void fs_http_close(struct fs_http *h);

/*
 * One request; @body (JSON) is NULL for none. Returns 0 when an answer came, whatever its status,
 * or -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET (it ended in the middle), -EMSGSIZE (longer than
 * FS_ANSWER_MAX), -EPROTO (no HTTP), -ENOMEM, with a sentence in @err.
 */
int fs_http_ask(struct fs_http *h, const char *method, const char *path, const json_t *body,
		uint64_t timeout_ns, struct fs_http_answer *a, char *err, size_t len);

#endif
