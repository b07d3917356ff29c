// SPDX-License-Identifier: BSD-2-Clause
/* Fills a mailbox, in the memory file itself or in a private copy of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/log.h"
#include "cli/cmds.h"
#include "cli/mailbox/mailbox_request.h"
#include "mailbox/patch.h"

struct bytes {
	char v[FS_MBOX_SIZE + 1]; /* one more than fits, to see that it does not */
	size_t n;
};

static int read_payload(const char *file, struct bytes *b)
{
	FILE *f = strcmp(file, "-") ? fopen(file, "re") : stdin;
	int ret = 0;

	if (!f) {
		fs_error("opening the payload %s: %s", file, strerror(errno));
		return -1;
	}
	b->n = fread(b->v, 1, sizeof(b->v), f);
	if (ferror(f)) {
		fs_error("reading the payload %s: %s", file, strerror(errno));
		ret = -1;
	}
	if (f != stdin)
		fclose(f);
	return ret;
}

/* The bytes to write: those given, or made of the options; checked as the agent will check them. */
static int make_payload(struct mailbox_request *r, struct bytes *b)
{
	struct fs_payload decoded;
	enum fs_payload_error e;
	int n;

	if (r->asked.payload_file) {
		if (read_payload(r->asked.payload_file, b))
			return -1;
	} else {
		n = fs_payload_encode(&r->asked.payload, b->v, sizeof(b->v));
		b->n = n < 0 ? sizeof(b->v) : (size_t)n;
	}
	if (r->verified.hit.kind != FS_MBOX_RESUME_NETWORK || b->n > FS_MBOX_SIZE)
		return 0;
	e = fs_payload_decode(b->v, b->n, &decoded);
	if (e)
		fs_error("the agent would refuse this payload: %s", fs_payload_error_text(e));
	else
		mailbox_warn_of_gateway(&decoded);
	return e ? -1 : 0;
}

/* Says why the file is left alone, and what can be done instead. */
static int leave_alone(const struct mailbox_request *r)
{
	fs_error("%s: %s", r->asked.file, r->err);
	fs_error("nothing was written%s",
		 r->asked.copy_out ? "" : " (--private-copy leaves the file itself alone)");
	return -1;
}

/* Opens the file if no VM runs on it; with a copy only those matter that write into it. */
static int open_guarded(struct mailbox_request *r)
{
	enum fs_guard_for what_for = r->asked.copy_out ? FS_GUARD_COPY : FS_GUARD_WRITE;

	if (fs_guard_open(&r->guard, r->asked.file, what_for, r->asked.unseen_ok, r->err,
			  sizeof(r->err)))
		return leave_alone(r);
	r->fd = r->guard.fd;
	r->st = r->guard.st;
	return 0;
}

static int still_guarded(struct mailbox_request *r)
{
	return fs_guard_again(&r->guard, r->err, sizeof(r->err)) ? leave_alone(r) : 0;
}

/* Fills the verified mailbox of @fd and verifies that it is now as it should be. */
static int fill(struct mailbox_request *r, int fd, const struct bytes *b)
{
	uint64_t offset = r->verified.hit.offset;

	if (fs_mbox_verify(fd, (uint64_t)r->st.st_size, &r->asked.query, offset, &r->verified,
			   r->err, sizeof(r->err)) ||
	    fs_mbox_fill(fd, &r->verified, b->v, b->n, r->err, sizeof(r->err)) ||
	    fs_mbox_verify(fd, (uint64_t)r->st.st_size, &r->asked.query, offset, &r->verified,
			   r->err, sizeof(r->err))) {
		fs_error("%s: %s", r->asked.file, r->err);
		return -1;
	}
	if (r->verified.seq != 1 || r->verified.payload_len != b->n || !r->verified.payload ||
	    memcmp(r->verified.payload, b->v, b->n)) {
		fs_error("%s: the mailbox at 0x%" PRIx64
			 " does not hold what was written: somebody else writes it",
			 r->asked.file, offset);
		return -1;
	}
	return 0;
}

static int fill_copy(struct mailbox_request *r, const struct bytes *b, const char **method)
{
	struct fs_mbox_copy copy;
	struct fs_offset_memory memory;
	uint64_t offset = r->verified.hit.offset;

	if (r->verified.seq) /* before a gigabyte is copied for nothing */
		return fill(r, r->fd, b);
	if (fs_mbox_copy_make(&copy, r->fd, &r->st, r->asked.copy_out, r->err, sizeof(r->err))) {
		fs_error("%s: %s", r->asked.file, r->err);
		return -1;
	}
	if (still_guarded(r) || fill(r, copy.fd, b) || fstat(copy.fd, &r->st)) {
		fs_mbox_copy_abort(&copy);
		return -1;
	}
	*method = copy.method;
	if (fs_mbox_copy_commit(&copy, r->err, sizeof(r->err))) {
		fs_error("%s", r->err);
		return -1;
	}
	fs_offsets_open(&memory, r->asked.copy_out, &r->asked.query, NULL);
	if (!r->asked.forget && !r->asked.offset_file)
		(void)fs_offsets_put(&memory, &r->st, offset);
	return 0;
}

static int fill_in_place(struct mailbox_request *r, const struct bytes *b)
{
	if (r->st.st_nlink > 1)
		fs_warn("%s has %lu names: the mailbox is filled under all of them", r->asked.file,
			(unsigned long)r->st.st_nlink);
	if (fill(r, r->fd, b))
		return -1;
	if (!fstat(r->fd, &r->st)) /* our own write moved its time of modification */
		mailbox_remember(r);
	return 0;
}

static void print_patched(const struct mailbox_request *r, size_t len, const char *method)
{
	json_t *object;

	if (r->asked.json) {
		object = mailbox_json(r);
		json_object_set_new(
			object, "patched",
			fs_json_text(r->asked.copy_out ? r->asked.copy_out : r->asked.file));
		if (method)
			json_object_set_new(object, "copied_by", json_string(method));
		mailbox_print_json(object);
		return;
	}
	printf("%s: %zu bytes into the %s mailbox at 0x%" PRIx64,
	       r->asked.copy_out ? r->asked.copy_out : r->asked.file, len,
	       fs_mbox_layouts[r->verified.hit.kind].name, r->verified.hit.offset);
	if (method)
		printf(", a private copy (%s)", method);
	putchar('\n');
}

int mailbox_patch(struct mailbox_request *r)
{
	struct bytes b = {.n = 0};
	const char *method = NULL;
	int ret;

	/* asked before the search, which may take long, and again right before the write */
	if (open_guarded(r) || mailbox_locate(r) || make_payload(r, &b) || still_guarded(r))
		return FS_EXIT_FAILED;
	ret = r->asked.copy_out ? fill_copy(r, &b, &method) : fill_in_place(r, &b);
	if (ret)
		return FS_EXIT_FAILED;
	print_patched(r, b.n, method);
	return FS_EXIT_OK;
}
