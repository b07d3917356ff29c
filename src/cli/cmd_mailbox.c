// SPDX-License-Identifier: BSD-2-Clause
/* forkscope mailbox: finds, shows and fills the mailbox of a guest's agent in a memory file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>
#include "base/json.h"
#include "base/log.h"
#include "base/packed.h"
#include "base/units.h"
#include "cli/cmds.h"
#include "cli/mailbox/mailbox_opts.h"
#include "mailbox/guard.h"
#include "mailbox/locate.h"
#include "mailbox/offsets.h"
#include "mailbox/patch.h"

#define ERR_LEN   1024
#define MAX_SHOWN 16

/* What was asked, and what came of it. */
struct request {
	struct mailbox_asked asked;
	int fd; /* to patch: the guard's */
	struct stat st;
	struct fs_guard guard;
	struct fs_offset_memory memory;
	struct fs_mbox_proof proof;
	struct fs_mbox_found found; /* of the search, if there was one */
	bool remembered;            /* there was none: the offset was known and has been proven */
	char err[ERR_LEN];
};

/* --- finding -------------------------------------------------------------------------------- */

static int open_file(struct request *r)
{
	/* not to hang on a pipe, nor to make a terminal ours, before it is seen to be no file */
	r->fd = open(r->asked.file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0 || fstat(r->fd, &r->st)) {
		fs_error("opening %s: %s", r->asked.file, strerror(errno));
		return -1;
	}
	if (!S_ISREG(r->st.st_mode)) {
		fs_error("%s is no regular file: give the snapshot's memory file", r->asked.file);
		return -1;
	}
	return 0;
}

static json_t *hits_json(const struct request *r)
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

static void print_json(json_t *object)
{
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
}

static void say_others(const struct request *r)
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
		fs_error("it is compressed by %s, and nothing can be found in that: decompress it "
			 "first, as for a VM",
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
static void say_not_one(const struct request *r)
{
	size_t n = r->found.hits.n;

	if (n == 0) {
		say_others(r);
	} else {
		fs_error("%zu mailboxes in %s have this token, and only one may: which of them the "
			 "agent reads cannot be known",
			 n, r->asked.file);
		for (size_t i = 0; i < n && i < MAX_SHOWN; i++)
			fs_error("  %s at 0x%" PRIx64,
				 fs_mbox_layouts[r->found.hits.v[i].kind].name,
				 r->found.hits.v[i].offset);
		if (n > MAX_SHOWN)
			fs_error("  and %zu more", n - MAX_SHOWN);
	}
	if (r->asked.json)
		print_json(json_pack("{s:o, s:s, s:o, s:I}", "file", fs_json_text(r->asked.file),
				     "error", n ? "several" : "none", "matches", hits_json(r),
				     "others", (json_int_t)r->found.others));
}

/* The remembered offset, if the page there still proves it: one page is read. */
static bool recall(struct request *r)
{
	uint64_t offset;

	if (r->asked.forget || fs_offsets_get(&r->memory, &r->st, &offset))
		return false;
	posix_fadvise(r->fd, 0, 0, POSIX_FADV_RANDOM); /* the page, and nothing around it */
	r->remembered = !fs_mbox_prove(r->fd, (uint64_t)r->st.st_size, &r->asked.query, offset,
				       &r->proof, r->err, sizeof(r->err));
	posix_fadvise(r->fd, 0, 0, POSIX_FADV_NORMAL);
	if (!r->remembered)
		fs_debug("the offset in %s does not hold: %s; searching", r->memory.path, r->err);
	return r->remembered;
}

static void remember(struct request *r)
{
	int rc;

	if (r->asked.forget || !r->memory.path[0])
		return;
	rc = fs_offsets_put(&r->memory, &r->st, r->proof.hit.offset);
	if (rc && r->asked.offset_file)
		fs_warn("writing %s: %s; the offset is not remembered", r->memory.path,
			strerror(-rc));
}

/* Finds the one mailbox and proves it: r->proof. Says what is wrong otherwise. */
static int locate(struct request *r)
{
	int rc;

	fs_offsets_open(&r->memory, r->asked.file, &r->asked.query, r->asked.offset_file);
	if (recall(r))
		return 0;
	rc = fs_mbox_search(r->fd, (uint64_t)r->st.st_size, &r->asked.query, &r->found, r->err,
			    sizeof(r->err));
	if (rc) {
		fs_error("searching %s: %s", r->asked.file, r->err);
		return -1;
	}
	if (r->found.hits.n != 1) {
		say_not_one(r);
		return -1;
	}
	rc = fs_mbox_prove(r->fd, (uint64_t)r->st.st_size, &r->asked.query,
			   r->found.hits.v[0].offset, &r->proof, r->err, sizeof(r->err));
	if (rc) {
		fs_error("%s: %s", r->asked.file, r->err);
		return -1;
	}
	remember(r);
	return 0;
}

/* --- showing -------------------------------------------------------------------------------- */

static const char *state_of(const struct fs_mbox_proof *p)
{
	return p->seq == 0 ? "empty" : p->seq == 1 ? "full" : "unknown";
}

/* Bytes from a guest: what is no printable ASCII is escaped. */
static void print_bytes(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\\')
			printf("\\\\");
		else if (bytes[i] >= ' ' && bytes[i] <= '~')
			putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	}
}

static json_t *payload_json(const struct fs_mbox_proof *p)
{
	json_t *object = json_object(), *parsed;
	struct fs_payload decoded;
	char hex[2 * FS_MBOX_SIZE + 1];
	enum fs_payload_error e;

	for (uint32_t i = 0; i < p->payload_len; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", p->payload[i]);
	json_object_set_new(object, "hex", json_stringn(hex, 2 * (size_t)p->payload_len));
	parsed = json_loadb((const char *)p->payload, p->payload_len, 0, NULL);
	json_object_set_new(object, "json", parsed ? parsed : json_null());
	if (p->hit.kind == FS_MBOX_RESUME_NETWORK) {
		e = fs_payload_decode((const char *)p->payload, p->payload_len, &decoded);
		json_object_set_new(object, "agent", json_string(fs_payload_error_word(e)));
	}
	return object;
}

static json_t *mailbox_json(const struct request *r)
{
	const struct fs_mbox_proof *p = &r->proof;
	json_t *object =
		json_pack("{s:o, s:I, s:s, s:I, s:I, s:I, s:I, s:s, s:I}", "file",
			  fs_json_text(r->asked.file), "size", (json_int_t)r->st.st_size, "kind",
			  fs_mbox_layouts[p->hit.kind].name, "offset", (json_int_t)p->hit.offset,
			  "room", (json_int_t)p->room, "sequence", (json_int_t)p->seq,
			  "payload_length", (json_int_t)p->payload_len, "state", state_of(p),
			  "searched", (json_int_t)r->found.searched);

	json_object_set_new(object, "found_by", json_string(r->remembered ? "offset" : "search"));
	if (p->hit.name[0])
		json_object_set_new(object, "name", fs_json_text(p->hit.name));
	return object;
}

static void print_found(const struct request *r)
{
	const struct fs_mbox_proof *p = &r->proof;
	char bytes[FS_UNITS_LEN];

	printf("%s mailbox at 0x%" PRIx64 " (page %" PRIu64 ", byte %" PRIu64 " of it)\n",
	       fs_mbox_layouts[p->hit.kind].name, p->hit.offset, p->hit.offset / FS_MBOX_SIZE,
	       p->hit.offset % FS_MBOX_SIZE);
	if (p->hit.name[0])
		printf("  name      %s\n", p->hit.name);
	printf("  state     %s (sequence %u)\n", state_of(p), p->seq);
	printf("  room      %u bytes of payload\n", p->room);
	if (r->remembered)
		printf("  found by  the remembered offset, proven by reading its page\n");
	else
		printf("  found by  searching %s (%s), the only one\n",
		       fs_fmt_bytes(r->found.searched, bytes, sizeof(bytes)), r->found.way);
}

static void print_payload(const struct fs_mbox_proof *p)
{
	struct fs_payload d;
	enum fs_payload_error e;

	printf("  payload   %u bytes\n", p->payload_len);
	if (!p->payload_len)
		return;
	if (!p->payload) {
		printf("            more than can be there: the length is wrong\n");
		return;
	}
	printf("            ");
	print_bytes(p->payload, p->payload_len);
	putchar('\n');
	if (p->hit.kind != FS_MBOX_RESUME_NETWORK)
		return;
	e = fs_payload_decode((const char *)p->payload, p->payload_len, &d);
	if (e)
		printf("  agent     will refuse it: %s\n", fs_payload_error_text(e));
	else
		printf("  agent     sets %s to %s, %s/%u, gateway %s, acks to port %u\n",
		       d.interface, d.mac_text, d.ip_text, d.prefix, d.gateway_text, d.ack_port);
}

static int run_find(struct request *r)
{
	if (open_file(r) || locate(r))
		return FS_EXIT_FAILED;
	if (r->asked.json)
		print_json(mailbox_json(r));
	else
		print_found(r);
	return FS_EXIT_OK;
}

static int run_show(struct request *r)
{
	json_t *object;

	if (open_file(r) || locate(r))
		return FS_EXIT_FAILED;
	if (r->asked.json) {
		object = mailbox_json(r);
		json_object_set_new(object, "payload",
				    r->proof.payload ? payload_json(&r->proof) : json_null());
		print_json(object);
	} else {
		print_found(r);
		print_payload(&r->proof);
	}
	return FS_EXIT_OK;
}

/* --- filling -------------------------------------------------------------------------------- */

struct bytes {
	char v[FS_MBOX_SIZE + 1]; /* one more than fits, to see that it does not */
	size_t n;
};

static int read_payload(const char *file, struct bytes *b)
{
	FILE *f = strcmp(file, "-") ? fopen(file, "re") : stdin;
	int rc = 0;

	if (!f) {
		fs_error("opening the payload %s: %s", file, strerror(errno));
		return -1;
	}
	b->n = fread(b->v, 1, sizeof(b->v), f);
	if (ferror(f)) {
		fs_error("reading the payload %s: %s", file, strerror(errno));
		rc = -1;
	}
	if (f != stdin)
		fclose(f);
	return rc;
}

/* The bytes to write: those given, or made of the options; checked as the agent will check them. */
static int make_payload(struct request *r, struct bytes *b)
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
	if (r->proof.hit.kind != FS_MBOX_RESUME_NETWORK || b->n > FS_MBOX_SIZE)
		return 0;
	e = fs_payload_decode(b->v, b->n, &decoded);
	if (e)
		fs_error("the agent would refuse this payload: %s", fs_payload_error_text(e));
	return e ? -1 : 0;
}

/* Says why the file is left alone, and what can be done instead. */
static int leave_alone(const struct request *r)
{
	fs_error("%s: %s", r->asked.file, r->err);
	fs_error("nothing was written%s",
		 r->asked.copy_out ? "" : " (--private-copy leaves the file itself alone)");
	return -1;
}

/* Opens the file if no VM runs on it; with a copy only those matter that write into it. */
static int open_guarded(struct request *r)
{
	enum fs_guard_for what_for = r->asked.copy_out ? FS_GUARD_COPY : FS_GUARD_WRITE;

	if (fs_guard_open(&r->guard, r->asked.file, what_for, r->asked.unseen_ok, r->err,
			  sizeof(r->err)))
		return leave_alone(r);
	r->fd = r->guard.fd;
	r->st = r->guard.st;
	return 0;
}

static int still_guarded(struct request *r)
{
	return fs_guard_again(&r->guard, r->err, sizeof(r->err)) ? leave_alone(r) : 0;
}

/* Fills the proven mailbox of @fd and proves that it is now as it should be. */
static int fill(struct request *r, int fd, const struct bytes *b)
{
	uint64_t offset = r->proof.hit.offset;

	if (fs_mbox_prove(fd, (uint64_t)r->st.st_size, &r->asked.query, offset, &r->proof, r->err,
			  sizeof(r->err)) ||
	    fs_mbox_fill(fd, &r->proof, b->v, b->n, r->err, sizeof(r->err)) ||
	    fs_mbox_prove(fd, (uint64_t)r->st.st_size, &r->asked.query, offset, &r->proof, r->err,
			  sizeof(r->err))) {
		fs_error("%s: %s", r->asked.file, r->err);
		return -1;
	}
	if (r->proof.seq != 1 || r->proof.payload_len != b->n || !r->proof.payload ||
	    memcmp(r->proof.payload, b->v, b->n)) {
		fs_error("%s: the mailbox at 0x%" PRIx64
			 " does not hold what was written: somebody "
			 "else writes it",
			 r->asked.file, offset);
		return -1;
	}
	return 0;
}

static int fill_copy(struct request *r, const struct bytes *b, const char **method)
{
	struct fs_mbox_copy copy;
	struct fs_offset_memory memory;
	uint64_t offset = r->proof.hit.offset;

	if (r->proof.seq) /* before a gigabyte is copied for nothing */
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

static int fill_in_place(struct request *r, const struct bytes *b)
{
	if (r->st.st_nlink > 1)
		fs_warn("%s has %lu names: the mailbox is filled under all of them", r->asked.file,
			(unsigned long)r->st.st_nlink);
	if (fill(r, r->fd, b))
		return -1;
	if (!fstat(r->fd, &r->st)) /* our own write moved its time of modification */
		remember(r);
	return 0;
}

static void print_patched(const struct request *r, size_t len, const char *method)
{
	json_t *object;

	if (r->asked.json) {
		object = mailbox_json(r);
		json_object_set_new(
			object, "patched",
			fs_json_text(r->asked.copy_out ? r->asked.copy_out : r->asked.file));
		if (method)
			json_object_set_new(object, "copied_by", json_string(method));
		print_json(object);
		return;
	}
	printf("%s: %zu bytes into the %s mailbox at 0x%" PRIx64,
	       r->asked.copy_out ? r->asked.copy_out : r->asked.file, len,
	       fs_mbox_layouts[r->proof.hit.kind].name, r->proof.hit.offset);
	if (method)
		printf(", a private copy (%s)", method);
	putchar('\n');
}

static int run_patch(struct request *r)
{
	struct bytes b = {.n = 0};
	const char *method = NULL;
	int rc;

	/* asked before the search, which may take long, and again right before the write */
	if (open_guarded(r) || locate(r) || make_payload(r, &b) || still_guarded(r))
		return FS_EXIT_FAILED;
	rc = r->asked.copy_out ? fill_copy(r, &b, &method) : fill_in_place(r, &b);
	if (rc)
		return FS_EXIT_FAILED;
	print_patched(r, b.n, method);
	return FS_EXIT_OK;
}

static void print_help(FILE *to)
{
	fprintf(to,
		"usage: forkscope mailbox find | show | patch MEMFILE --token T [OPTIONS...]\n\n"
		"The mailbox is a page in the memory of a guest's agent. The host fills it in "
		"the\nsnapshot's memory file, and each fork's agent reads it when it resumes.\n\n"
		"  find   say where it is\n"
		"  show   say what it holds\n"
		"  patch  fill it\n\n"
		"forkscope mailbox find --help, and so on, tells about each.\n");
}

int cmd_mailbox(int argc, char **argv)
{
	struct request r = {.fd = -1, .asked.query.kinds = FS_MBOX_ALL};
	const char *what = argc > 1 ? argv[1] : "";
	int rc;

	if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
		print_help(stdout);
		return FS_EXIT_OK;
	}
	if (!strcmp(what, "find")) {
		rc = mailbox_opts_find(&r.asked, argc - 1, argv + 1);
		rc = rc >= 0 ? rc : run_find(&r);
	} else if (!strcmp(what, "show")) {
		rc = mailbox_opts_show(&r.asked, argc - 1, argv + 1);
		rc = rc >= 0 ? rc : run_show(&r);
	} else if (!strcmp(what, "patch")) {
		rc = mailbox_opts_patch(&r.asked, argc - 1, argv + 1);
		rc = rc >= 0 ? rc : run_patch(&r);
	} else {
		if (*what)
			fs_error("mailbox: \"%s\" is none of find, show, patch", what);
		print_help(stderr);
		return FS_EXIT_USAGE;
	}
	fs_mbox_found_free(&r.found);
	if (r.fd >= 0)
		close(r.fd);
	if (rc == FS_EXIT_OK && (fflush(stdout) || ferror(stdout))) {
		fs_error("writing to stdout: %s", strerror(errno));
		return FS_EXIT_FAILED;
	}
	return rc;
}
