// SPDX-License-Identifier: BSD-2-Clause
/* Writes a payload into a verified mailbox. */
#include "mailbox/patch.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "mailbox/store.h"

int fs_mbox_check_target(const struct stat *st, char *err, size_t err_len)
{
	uid_t me = geteuid();

	if (!S_ISREG(st->st_mode))
		return fs_errf(err, err_len, -EPERM, "it is not a regular file");
	if (me && st->st_uid != me)
		return fs_errf(
			err, err_len, -EPERM,
			"it belongs to user %u and you are user %u: be root or its owner, or use --private-copy",
			st->st_uid, me);
	if (st->st_mode & S_IWOTH)
		return fs_errf(
			err, err_len, -EPERM,
			"any user may write it (mode %04o), so what was verified may change before it is written: chmod o-w it",
			st->st_mode & 07777);
	if (st->st_mode & (S_ISUID | S_ISGID))
		return fs_errf(err, err_len, -EPERM, "it is set-uid or set-gid (mode %04o)",
			       st->st_mode & 07777);
	return 0;
}

static int write_at(int fd, const void *bytes, size_t len, uint64_t at, const char *what, char *err,
		    size_t err_len)
{
	int ret = fs_mbox_store(fd, bytes, len, at);

	return ret ? fs_errf(err, err_len, ret, "writing its %s at 0x%llx: %s", what,
			     (unsigned long long)at, strerror(-ret))
		   : 0;
}

int fs_mbox_fill(int fd, const struct fs_mbox_verified *page, const void *payload, size_t len,
		 char *err, size_t err_len)
{
	const struct fs_mbox_layout *l = &fs_mbox_layouts[page->hit.kind];
	uint64_t at = page->hit.offset;
	uint8_t word[4];
	int ret;

	if (page->seq > 1)
		return fs_errf(
			err, err_len, -EBUSY,
			"the mailbox at 0x%llx is neither empty nor full (sequence %u): its agent does not wait for a payload; take a fresh snapshot",
			(unsigned long long)at, page->seq);
	if (page->seq)
		return fs_errf(
			err, err_len, -EBUSY,
			"the mailbox at 0x%llx is full already (%u bytes): a fork of this file would take that payload; take a fresh snapshot",
			(unsigned long long)at, page->payload_len);
	if (len < 1 || len > fs_mbox_capacity(page->hit.kind))
		return fs_errf(err, err_len, -EMSGSIZE,
			       "a payload has 1 to %u bytes, this one has %s",
			       fs_mbox_capacity(page->hit.kind), len ? "more" : "none");
	if (len > page->room)
		return fs_errf(
			err, err_len, -EMSGSIZE,
			"the payload has %zu bytes, but the mailbox at 0x%llx has room for %u up to the end of its page, and the guest's next page need not be next in the file",
			len, (unsigned long long)at, page->room);
	ret = write_at(fd, payload, len, at + l->payload_off, "payload", err, err_len);
	if (ret)
		return ret;
	fs_put_le32(word, (uint32_t)len);
	ret = write_at(fd, word, sizeof(word), at + l->len_off, "length", err, err_len);
	if (ret)
		return ret;
	fs_put_le32(word, 1);
	return write_at(fd, word, sizeof(word), at + l->seq_off, "sequence", err, err_len);
}
