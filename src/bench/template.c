// SPDX-License-Identifier: BSD-2-Clause
/* Finds, fills and empties the mailbox in a snapshot's memory. */
#include "bench/template.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/tree.h"
#include "mailbox/guard.h"
#include "mailbox/patch.h"
#include "mailbox/store.h"

#define EMPTY_NS 5000000000ull /* how long an end of the VMs is waited for before it is emptied */

int fs_template_lock(struct fs_template *t, const struct fs_template *before, size_t n, char *err,
		     size_t len)
{
	t->lock = open(t->state, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (t->lock < 0)
		return fs_errf(err, len, -errno, "opening %s: %m", t->state);
	for (size_t i = 0; i < n; i++)
		if (fs_names_one_file(before[i].state, t->state))
			return 0; /* two signals of ours share it */
	if (!flock(t->lock, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return fs_errf(
			err, len, -EBUSY,
			"the snapshot %s is in use: another bench makes forks of it (it holds a lock on %s). Wait until that has ended",
			t->folder, t->state);
	fs_warn("%s cannot be locked (%s): see that no other bench uses the snapshot meanwhile",
		t->state, strerror(errno));
	return 0;
}

/* The one mailbox of the token, verified. */
static int locate(int fd, const struct fs_template *t, const char *token,
		  struct fs_mbox_verified *page, char *err, size_t len)
{
	struct fs_mbox_query q = {.kinds = 1u << FS_MBOX_RESUME_NETWORK, .token = token};
	struct fs_mbox_found found = {.method = ""};
	char why[300];
	uint64_t at;
	size_t n;
	int ret = fs_mbox_search(fd, t->size, &q, &found, why, sizeof(why));

	n = found.hits.n;
	at = n ? found.hits.v[0].offset : 0;
	fs_mbox_found_free(&found);
	if (ret)
		return fs_errf(err, len, ret, "searching %s for the mailbox: %s", t->memory, why);
	if (n != 1)
		return fs_errf(
			err, len, -ENOENT,
			"token not found: %s has %zu mailboxes of this token, and it must be one (see forkscope mailbox find)",
			t->memory, n);
	return fs_mbox_verify(fd, t->size, &q, at, page, err, len);
}

static int guard(const struct fs_template *t, struct fs_guard *g, enum fs_guard_for what_for,
		 char *err, size_t len)
{
	char why[1024];
	int ret = fs_guard_open(g, t->memory, what_for, t->unseen_ok, why, sizeof(why));

	return ret ? fs_errf(err, len, ret, "%s: %s", t->memory, why) : 0;
}

static int still_unused(const struct fs_template *t, struct fs_guard *g, char *err, size_t len)
{
	char why[1024];
	int ret = fs_guard_again(g, why, sizeof(why));

	return ret ? fs_errf(err, len, ret, "%s: %s", t->memory, why) : 0;
}

int fs_template_find(struct fs_template *t, const char *token, char *err, size_t len)
{
	struct fs_mbox_verified page;
	struct fs_guard g;
	int ret = guard(t, &g, FS_GUARD_COPY, err, len);

	if (ret)
		return ret;
	fs_guard_close(&g);
	ret = locate(t->fd, t, token, &page, err, len);
	if (ret)
		return ret;
	t->mailbox = true;
	t->offset = page.hit.offset;
	return page.seq == 0
		       ? 0
		       : fs_errf(err, len, -EBUSY,
				 "the mailbox in %s is full: forks with copies of their own need an empty one",
				 t->memory);
}

/* Writes @payload into the empty mailbox at @page of @fd. */
static int fill(int fd, const struct fs_mbox_verified *page, const struct fs_payload *payload,
		char *err, size_t len)
{
	char json[FS_MBOX_SIZE];
	int n = fs_payload_encode(payload, json, sizeof(json));

	return n < 0 ? fs_errf(err, len, -EMSGSIZE, "the payload does not fit")
		     : fs_mbox_fill(fd, page, json, (size_t)n, err, len);
}

static int take_full(struct fs_template *t, const struct fs_mbox_verified *p, char *err, size_t len)
{
	enum fs_payload_error e = FS_PAYLOAD_ERR_SYNTAX;

	if (p->seq == 1 && p->payload)
		e = fs_payload_decode((const char *)p->payload, p->payload_len, &t->payload);
	if (e)
		return fs_errf(
			err, len, -EINVAL,
			"the mailbox in %s is full, and the agent would refuse what is in it: %s",
			t->memory, fs_payload_error_text(e));
	fs_info("the mailbox in %s is full already: forks get %s, acks go to %s:%u", t->memory,
		t->payload.ip_text, t->payload.gateway_text, t->payload.ack_port);
	return 0;
}

/* The guard's file is open and nobody else uses it: fills its mailbox, if that is empty. */
static int fill_guarded(struct fs_template *t, struct fs_guard *g, const char *token,
			const struct fs_payload *payload, char *err, size_t len)
{
	struct fs_mbox_verified page;
	int ret = locate(g->fd, t, token, &page, err, len);

	if (ret)
		return ret;
	t->mailbox = true;
	t->offset = page.hit.offset;
	t->payload = *payload;
	t->before = (uint32_t)page.len;
	memcpy(t->was, page.bytes, t->before < FS_MBOX_SIZE ? t->before : FS_MBOX_SIZE);
	t->dev = g->st.st_dev;
	t->ino = g->st.st_ino;
	if (page.seq)
		return take_full(t, &page, err, len);
	ret = still_unused(t, g, err, len);
	if (!ret)
		ret = fill(g->fd, &page, payload, err, len);
	t->filled = !ret;
	if (!ret && fdatasync(g->fd))
		ret = fs_errf(err, len, -errno, "writing %s: %m", t->memory);
	return ret;
}

void fs_template_let_go(struct fs_template *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

int fs_template_take(struct fs_template *t, char *err, size_t len)
{
	t->fd = open(t->memory, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return t->fd >= 0 ? 0 : fs_errf(err, len, -errno, "opening %s: %m", t->memory);
}

int fs_template_fill(struct fs_template *t, const char *token, const struct fs_payload *payload,
		     char *err, size_t len)
{
	struct fs_guard g;
	int ret = guard(t, &g, FS_GUARD_WRITE, err, len);

	if (ret)
		return ret;
	ret = fill_guarded(t, &g, token, payload, err, len);
	fs_guard_close(&g);
	return ret;
}

int fs_template_copy(const struct fs_template *t, const char *token, const char *out,
		     const struct fs_payload *payload, char *err, size_t len)
{
	struct fs_mbox_query q = {.kinds = 1u << FS_MBOX_RESUME_NETWORK, .token = token};
	struct fs_mbox_verified page;
	struct fs_mbox_copy copy;
	struct stat st;
	int ret;

	if (fstat(t->fd, &st))
		return fs_errf(err, len, -errno, "%s: %m", t->memory);
	ret = fs_mbox_copy_make(&copy, t->fd, &st, out, err, len);
	if (ret)
		return ret;
	ret = fs_mbox_verify(copy.fd, t->size, &q, t->offset, &page, err, len);
	if (!ret)
		ret = fill(copy.fd, &page, payload, err, len);
	if (!ret)
		return fs_mbox_copy_commit(&copy, err, len);
	fs_mbox_copy_abort(&copy);
	return ret;
}

/* Puts the mailbox's bytes back as they were, into the file that was filled. */
static int put_back(const struct fs_template *t, struct fs_guard *g, char *err, size_t len)
{
	const struct fs_mbox_layout *l = &fs_mbox_layouts[FS_MBOX_RESUME_NETWORK];
	uint32_t end = t->before < FS_MBOX_SIZE ? t->before : FS_MBOX_SIZE;
	int ret;

	if (g->st.st_dev != t->dev || g->st.st_ino != t->ino)
		return fs_errf(err, len, -ESTALE, "%s is another file by now", t->memory);
	/* the sequence first: a mailbox is full or empty, never in between */
	ret = end <= l->payload_off ? -EINVAL
				    : fs_mbox_store(g->fd, t->was + l->seq_off, end - l->seq_off,
						    t->offset + l->seq_off);
	return ret ? fs_errf(err, len, ret, "writing %s: %s", t->memory, strerror(-ret)) : 0;
}

/* VMs that were just ended let go of the file a little later, so it is tried for a while. */
static void empty(const struct fs_template *t)
{
	uint64_t until = fs_mono_ns() + EMPTY_NS;
	struct fs_guard g;
	char why[PATH_MAX + 1100];
	int ret;

	while ((ret = guard(t, &g, FS_GUARD_WRITE, why, sizeof(why))) == -EBUSY &&
	       fs_mono_ns() < until)
		usleep(100000);
	if (!ret) {
		ret = put_back(t, &g, why, sizeof(why));
		fs_guard_close(&g);
	}
	if (ret)
		fs_warn("the mailbox stays full, it could not be emptied again: %s", why);
}

void fs_template_close(struct fs_template *t)
{
	/* ours first: it would be in the way of the lease */
	fs_template_let_go(t);
	if (t->filled)
		empty(t);
	t->filled = false;
	if (t->lock >= 0)
		close(t->lock);
	t->lock = -1;
}
