// SPDX-License-Identifier: BSD-2-Clause
/* Finds the one mailbox of a memory file, by the remembered offset or by searching. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/log.h"
#include "base/packed.h"
#include "cli/mailbox/mailbox_request.h"
#include "mailbox/offsets.h"

#define MAX_SHOWN 16

int mailbox_open(struct mailbox_request *r)
{
	/* not to hang on a pipe, nor to make a terminal ours, before it is seen to be no file */
	r->fd = open(r->asked.file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0 || fstat(r->fd, &r->st)) {
		fs_error("opening %s: %s", r->asked.file, strerror(errno));
		return -1;
	}
	if (!S_ISREG(r->st.st_mode)) {
		fs_error("%s is not a regular file: give the snapshot's memory file",
			 r->asked.file);
		return -1;
	}
	return 0;
}

static json_t *hits_json(const struct mailbox_request *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->found.hits.n; i++) {
		const struct fs_mbox_hit *h = &r->found.hits.v[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:I}", "kind", fs_mbox_layouts[h->kind].name,
						"offset", (json_int_t)h->offset));
	}
	return list;
}

static void say_others(const struct mailbox_request *r)
{
	const char *packed = fs_packed_by(r->fd);
	char list[160] = "";
	size_t n = 0;

	for (size_t i = 0; i < r->found.others && i < 8 && n < sizeof(list) - 20; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, " 0x%" PRIx64,
				      r->found.other_at[i]);
	fs_error("no mailbox with this token%s%s is in %s",
		 r->asked.query.kinds == FS_MBOX_ALL ? "" : " of this kind",
		 r->asked.query.name ? " and name" : "", r->asked.file);
	if (packed)
		fs_error(
			"it is compressed by %s, and nothing can be found in that: decompress it first, as for a VM",
			packed);
	else if (r->found.others)
		fs_error("but %" PRIu64 " mailbox%s of another token, name or kind: at%s%s",
			 r->found.others, r->found.others > 1 ? "es" : "", list,
			 r->found.others > 8 ? " ..." : "");
	else if (!r->st.st_size)
		fs_error("it is empty: give the snapshot's memory file, wholly written");
	else
		fs_error("and no mailbox at all: was the agent armed when the snapshot was taken?");
}

/* None or several: says so, with the offsets, and leaves it to the user. */
static void say_not_one(const struct mailbox_request *r)
{
	size_t n = r->found.hits.n;

	if (n == 0) {
		say_others(r);
	} else {
		fs_error(
			"%zu mailboxes in %s have this token, and only one may: which of them the agent reads cannot be known",
			n, r->asked.file);
		for (size_t i = 0; i < n && i < MAX_SHOWN; i++)
			fs_error("  %s at 0x%" PRIx64,
				 fs_mbox_layouts[r->found.hits.v[i].kind].name,
				 r->found.hits.v[i].offset);
		if (n > MAX_SHOWN)
			fs_error("  and %zu more", n - MAX_SHOWN);
	}
	if (r->asked.json)
		mailbox_print_json(json_pack("{s:o, s:s, s:o, s:I}", "file",
					     fs_json_text(r->asked.file), "error",
					     n ? "several" : "none", "matches", hits_json(r),
					     "others", (json_int_t)r->found.others));
}

/* The remembered offset, if the page there still verifies it: one page is read. */
static bool recall(struct mailbox_request *r)
{
	uint64_t offset;

	if (r->asked.forget || fs_offsets_get(&r->memory, &r->st, &offset))
		return false;
	posix_fadvise(r->fd, 0, 0, POSIX_FADV_RANDOM); /* the page, and nothing around it */
	r->remembered = !fs_mbox_verify(r->fd, (uint64_t)r->st.st_size, &r->asked.query, offset,
					&r->verified, r->err, sizeof(r->err));
	posix_fadvise(r->fd, 0, 0, POSIX_FADV_NORMAL);
	if (!r->remembered)
		fs_debug("the offset in %s does not hold: %s; searching", r->memory.path, r->err);
	return r->remembered;
}

void mailbox_remember(struct mailbox_request *r)
{
	int ret;

	if (r->asked.forget || !r->memory.path[0])
		return;
	ret = fs_offsets_put(&r->memory, &r->st, r->verified.hit.offset);
	if (ret && r->asked.offset_file)
		fs_warn("writing %s: %s; the offset is not remembered", r->memory.path,
			strerror(-ret));
}

int mailbox_locate(struct mailbox_request *r)
{
	int ret;

	fs_offsets_open(&r->memory, r->asked.file, &r->asked.query, r->asked.offset_file);
	if (recall(r))
		return 0;
	ret = fs_mbox_search(r->fd, (uint64_t)r->st.st_size, &r->asked.query, &r->found, r->err,
			     sizeof(r->err));
	if (ret) {
		fs_error("searching %s: %s", r->asked.file, r->err);
		return -1;
	}
	if (r->found.hits.n != 1) {
		say_not_one(r);
		return -1;
	}
	ret = fs_mbox_verify(r->fd, (uint64_t)r->st.st_size, &r->asked.query,
			     r->found.hits.v[0].offset, &r->verified, r->err, sizeof(r->err));
	if (ret) {
		fs_error("%s: %s", r->asked.file, r->err);
		return -1;
	}
	mailbox_remember(r);
	return 0;
}
