// SPDX-License-Identifier: BSD-2-Clause
#include "bench/template.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "mailbox/mappers.h"
#include "mailbox/patch.h"

/* The first of these names that is in the folder; @dir: the name's folder is meant. */
static int pick(const char *folder, const char *const *names, char *path)
{
	struct stat st;

	for (; *names; names++) {
		int n = snprintf(path, PATH_MAX, "%s/%s", folder, *names);

		if (n > 0 && n < PATH_MAX && !stat(path, &st))
			return 0;
	}
	return -ENOENT;
}

int fs_template_open(struct fs_template *t, const char *signal, const char *folder, bool is_folder,
		     char *err, size_t len)
{
	static const char *const states[] = {"state", "vmstate", "snapshot", NULL};
	static const char *const folders[] = {"state.json", "snapshot/state.json", NULL};
	static const char *const memories[] = {"mem", "memory", "memory-ranges", NULL};
	struct stat st;

	memset(t, 0, sizeof(*t));
	t->signal = signal;
	t->folder = folder;
	t->fd = -1;
	if (pick(folder, is_folder ? folders : states, t->state))
		return fs_errf(err, len, -ENOENT, "the snapshot %s has no %s in it", folder,
			       is_folder ? "state.json" : "file state, vmstate or snapshot");
	if (is_folder)
		*strrchr(t->state, '/') = '\0';
	if (pick(folder, memories, t->memory))
		return fs_errf(err, len, -ENOENT,
			       "the snapshot %s has no file mem, memory or memory-ranges in it",
			       folder);
	t->fd = open(t->memory, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0 || fstat(t->fd, &st))
		return fs_errf(err, len, -errno, "opening %s: %m", t->memory);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return fs_errf(err, len, -EINVAL, "%s is no memory file", t->memory);
	t->size = (uint64_t)st.st_size;
	return 0;
}

/* The one mailbox of the token, proven. */
static int locate(int fd, const struct fs_template *t, const char *token,
		  struct fs_mbox_proof *proof, char *err, size_t len)
{
	struct fs_mbox_query q = {.kinds = 1u << FS_MBOX_RESUME_NETWORK, .token = token};
	struct fs_mbox_found found = {.way = ""};
	char why[300];
	uint64_t at;
	size_t n;
	int rc = fs_mbox_search(fd, t->size, &q, &found, why, sizeof(why));

	n = found.hits.n;
	at = n ? found.hits.v[0].offset : 0;
	fs_mbox_found_free(&found);
	if (rc)
		return fs_errf(err, len, rc, "searching %s for the mailbox: %s", t->memory, why);
	if (n != 1)
		return fs_errf(err, len, -ENOENT,
			       "token not found: %s has %zu mailboxes of this token, and it must "
			       "be one (forkscope mailbox find tells more)",
			       t->memory, n);
	return fs_mbox_prove(fd, t->size, &q, at, proof, err, len);
}

int fs_template_find(struct fs_template *t, const char *token, char *err, size_t len)
{
	struct fs_mbox_proof proof;
	int rc = locate(t->fd, t, token, &proof, err, len);

	if (rc)
		return rc;
	t->mailbox = true;
	t->offset = proof.hit.offset;
	return proof.seq == 0 ? 0
			      : fs_errf(err, len, -EBUSY,
					"the mailbox in %s is full: forks with copies of their own "
					"need an empty one",
					t->memory);
}

static int nobody_maps(const struct fs_template *t, int fd, char *err, size_t len)
{
	struct fs_mappers m = {.unseen = 0};
	struct stat st;
	int rc;

	if (fs_mbox_claim(fd, true))
		return 0;
	if (fstat(fd, &st))
		return fs_errf(err, len, -errno, "%s: %m", t->memory);
	rc = fs_mappers_find("/proc", &st, &m, err, len);
	if (!rc && m.list.n)
		rc = fs_errf(err, len, -EBUSY,
			     "%s is mapped by process %d (%s): a VM that runs on it would see the "
			     "mailbox change",
			     t->memory, (int)m.list.v[0].pid, m.list.v[0].comm);
	fs_mappers_free(&m);
	return rc;
}

/* Writes @payload into the empty mailbox at @proof of @fd. */
static int fill(int fd, const struct fs_mbox_proof *proof, const struct fs_payload *payload,
		char *err, size_t len)
{
	char json[FS_MBOX_SIZE];
	int n = fs_payload_encode(payload, json, sizeof(json));

	return n < 0 ? fs_errf(err, len, -EMSGSIZE, "the payload does not fit")
		     : fs_mbox_fill(fd, proof, json, (size_t)n, err, len);
}

static int take_full(struct fs_template *t, const struct fs_mbox_proof *p, char *err, size_t len)
{
	enum fs_payload_error e = FS_PAYLOAD_ERR_SYNTAX;

	if (p->seq == 1 && p->payload)
		e = fs_payload_decode((const char *)p->payload, p->payload_len, &t->payload);
	if (e)
		return fs_errf(err, len, -EINVAL,
			       "the mailbox in %s is full, and the agent would refuse what is in "
			       "it: %s",
			       t->memory, fs_payload_error_text(e));
	fs_info("the mailbox in %s is full already: forks get %s, acks go to %s:%u", t->memory,
		t->payload.ip_text, t->payload.gateway_text, t->payload.ack_port);
	return 0;
}

int fs_template_fill(struct fs_template *t, const char *token, const struct fs_payload *payload,
		     char *err, size_t len)
{
	struct fs_mbox_proof proof;
	struct stat st;
	int fd, rc;

	/* Our own descriptor would be in the way of the lease. */
	close(t->fd);
	t->fd = -1;
	fd = open(t->memory, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st)) {
		rc = fs_errf(err, len, -errno, "opening %s: %m", t->memory);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	rc = fs_mbox_check_target(&st, err, len);
	if (!rc)
		rc = nobody_maps(t, fd, err, len);
	if (!rc)
		rc = locate(fd, t, token, &proof, err, len);
	if (!rc) {
		t->mailbox = true;
		t->offset = proof.hit.offset;
		t->payload = *payload;
		t->before = (uint32_t)proof.len;
		memcpy(t->was, proof.bytes, t->before < FS_MBOX_SIZE ? t->before : FS_MBOX_SIZE);
		rc = proof.seq ? take_full(t, &proof, err, len)
			       : fill(fd, &proof, payload, err, len);
		t->filled = !rc && !proof.seq;
	}
	if (!rc && fdatasync(fd))
		rc = fs_errf(err, len, -errno, "writing %s: %m", t->memory);
	close(fd);
	t->fd = open(t->memory, O_RDONLY | O_CLOEXEC);
	return rc || t->fd >= 0 ? rc : fs_errf(err, len, -errno, "opening %s: %m", t->memory);
}

int fs_template_copy(const struct fs_template *t, const char *token, const char *out,
		     const struct fs_payload *payload, char *err, size_t len)
{
	struct fs_mbox_query q = {.kinds = 1u << FS_MBOX_RESUME_NETWORK, .token = token};
	struct fs_mbox_proof proof;
	struct fs_mbox_copy copy;
	struct stat st;
	int rc;

	if (fstat(t->fd, &st))
		return fs_errf(err, len, -errno, "%s: %m", t->memory);
	rc = fs_mbox_copy_make(&copy, t->fd, &st, out, err, len);
	if (rc)
		return rc;
	rc = fs_mbox_prove(copy.fd, t->size, &q, t->offset, &proof, err, len);
	if (!rc)
		rc = fill(copy.fd, &proof, payload, err, len);
	if (!rc)
		return fs_mbox_copy_commit(&copy, err, len);
	fs_mbox_copy_abort(&copy);
	return rc;
}

/* Puts the mailbox's bytes back as they were. */
static void empty(const struct fs_template *t)
{
	const struct fs_mbox_layout *l = &fs_mbox_layouts[FS_MBOX_RESUME_NETWORK];
	uint32_t end = t->before < FS_MBOX_SIZE ? t->before : FS_MBOX_SIZE;
	int fd = open(t->memory, O_WRONLY | O_CLOEXEC);
	off_t at = (off_t)(t->offset + l->seq_off);

	/* the sequence first: a mailbox is full or empty, never in between */
	if (fd < 0 || end <= l->payload_off ||
	    pwrite(fd, t->was + l->seq_off, end - l->seq_off, at) != (ssize_t)(end - l->seq_off))
		fs_warn("the mailbox in %s could not be emptied again: %s", t->memory,
			strerror(errno));
	if (fd >= 0)
		close(fd);
}

void fs_template_close(struct fs_template *t)
{
	if (t->filled)
		empty(t);
	t->filled = false;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}
