// SPDX-License-Identifier: BSD-2-Clause
/* Takes the acks of one fork and keeps those that count. */
#include "bench/fork_acks.h"
#include <string.h>

#define NEEDED 4 /* stages that are kept whatever else came: see needed() */

const struct fs_ack *fs_fork_find_ack(const struct fs_fork_result *r, const char *stage)
{
	for (unsigned int i = 0; i < r->nacks; i++)
		if (!strcmp(r->acks[i].stage, stage))
			return &r->acks[i];
	return NULL;
}

static bool needed(const struct fs_fork_result *r, const char *stage, const char *last)
{
	if (strcmp(stage, "mailbox") && strcmp(stage, "applied") && strcmp(stage, "error") &&
	    strcmp(stage, last))
		return false;
	return !fs_fork_find_ack(r, stage);
}

static void keep(struct fs_fork_result *r, const struct fs_ack *a, const char *last)
{
	_Static_assert(FS_BENCH_ACKS > NEEDED, "room for others, too");
	if (r->nacks < FS_BENCH_ACKS - NEEDED || needed(r, a->stage, last))
		r->acks[r->nacks++] = *a;
	else
		r->acks_not_kept++;
}

/* Where forks share a namespace, another's may come here. One that knows no address says "-". */
static bool is_of(const struct fs_ack *a, const char *ip)
{
	return !ip || !strcmp(a->ip, ip) || (!strcmp(a->ip, "-") && !strcmp(a->stage, "error"));
}

enum fs_heard fs_fork_listen(struct fs_fork_result *r, int fd, const char *last, const char *ip)
{
	enum fs_heard heard = FS_HEARD_NOTHING;
	struct fs_ack a;
	int got;

	for (int i = 0; fd >= 0 && i < FS_ACKS_AT_ONCE && (got = fs_acks_next(fd, &a)); i++) {
		if (got < 0 || !is_of(&a, ip)) {
			r->refused_acks++;
			continue;
		}
		keep(r, &a, last);
		if (!strcmp(a.stage, last))
			heard = FS_HEARD_LAST;
		else if (!strcmp(a.stage, "error") && heard == FS_HEARD_NOTHING)
			heard = FS_HEARD_ERROR;
	}
	return heard;
}
