// SPDX-License-Identifier: BSD-2-Clause
/* Prints a GUEST chunk as lines of text or as JSON objects. */
#include "record/text/guest_text.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "record/guest/guest_chunk.h"
#include "record/text/event_text.h"
#include "record/text/values.h"

#define PER_LINE 16 /* frame numbers */

static const char *const kind_names[] = {
#define X(num, name, doc) [num] = #name,
	FSG_KINDS(X)
#undef X
};

#define NKINDS (sizeof(kind_names) / sizeof(kind_names[0]))

const char *fsr_guest_kind_name(uint16_t kind)
{
	return kind < NKINDS ? kind_names[kind] : NULL;
}

const struct fsr_field *fsr_guest_rec_x(uint16_t kind)
{
#define X_AS(form_)                                                            \
	{                                                                      \
		.name = "x", .offset = offsetof(struct fsg_rec, x), .size = 4, \
		.form = FSR_FORM_##form_                                       \
	}
	static const struct fsr_field number = X_AS(DEC), step = X_AS(GSTEP), stage = X_AS(GSTAGE);
#undef X_AS

	if (kind == FSG_K_STEP || kind == FSG_K_STEP_END)
		return &step;
	return kind == FSG_K_STAGE ? &stage : &number;
}

bool fsr_guest_rec_a_is_text(const struct fsg_rec *rec)
{
	return rec->kind == FSG_K_SWITCH || rec->kind == FSG_K_WAKING || rec->kind == FSG_K_IRQ ||
	       (rec->kind == FSG_K_STAGE && rec->x == FSG_STAGE_ACK);
}

/* --- text --- */

struct printer {
	void (*line)(const char *text, void *arg);
	void *arg;
	char buf[FSR_MAX_LINE];
	struct fsr_out o;
};

static void begin(struct printer *p, const char *word)
{
	p->o = (struct fsr_out){p->buf, p->buf + sizeof(p->buf)};
	fsr_put(&p->o, "%s", word);
}

static void end(struct printer *p)
{
	p->line(p->buf, p->arg);
}

static void put_fields(struct printer *p, const struct fsr_field *f, const void *rec)
{
	for (; f->name; f++) {
		const uint8_t *at = (const uint8_t *)rec + f->offset;

		if (fsr_is_default(f, at))
			continue;
		fsr_put(&p->o, " %s=", f->name);
		fsr_put_value(&p->o, f, at);
	}
}

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n && !b[n - 1])
		n--;
	return !n;
}

/* One line for each row of a table in the directory that holds something. */
static void print_rows(struct printer *p, const char *word, const struct fsr_field *f,
		       const void *rows, size_t size, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *row = (const uint8_t *)rows + i * size;

		if (is_zero(row, size))
			continue;
		begin(p, word);
		fsr_put(&p->o, " %zu", i);
		put_fields(p, f, row);
		end(p);
	}
}

static void print_numbers(struct printer *p, const char *word, const void *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v;

		memcpy(&v, (const uint8_t *)numbers + i * sizeof(v), sizeof(v));
		if (i % PER_LINE == 0)
			begin(p, word);
		fsr_put(&p->o, " 0x%" PRIx64, v);
		if (i % PER_LINE == PER_LINE - 1 || i + 1 == n)
			end(p);
	}
}

static void print_dir(struct printer *p, const void *data, size_t bytes)
{
	struct fsg_dir d = {0};
	size_t lists = FSG_MAX_LISTS;

	memcpy(&d, data, bytes < sizeof(d) ? bytes : sizeof(d));
	begin(p, "GDIR");
	put_fields(p, fsr_fields_GUEST_DIR, &d);
	end(p);
	print_rows(p, "GCLOCK", fsr_fields_GUEST_CLOCK, d.clocks, sizeof(d.clocks[0]), FSG_CLOCKS);
	print_rows(p, "GWATCHER", fsr_fields_GUEST_WATCHER, d.watchers, sizeof(d.watchers[0]),
		   FSG_WATCHERS);
	print_rows(p, "GPART", fsr_fields_GUEST_DIR_PART, d.parts, sizeof(d.parts[0]),
		   FSG_MAX_PARTS);
	while (lists && !d.list_gfn[lists - 1])
		lists--;
	print_numbers(p, "GLIST", d.list_gfn, lists);
}

static void put_rec(struct printer *p, const struct fsg_rec *rec, uint64_t n)
{
	const char *name = fsr_guest_kind_name(rec->kind);
	const struct fsr_field *x = fsr_guest_rec_x(rec->kind);

	begin(p, "GREC");
	fsr_put(&p->o, " n=%" PRIu64 " ts=%" PRIu64, n, (uint64_t)rec->ts);
	if (name)
		fsr_put(&p->o, " %s", name);
	else
		fsr_put(&p->o, " kind=%u", rec->kind);
	for (const struct fsr_field *f = fsr_fields_GUEST_REC; f->name; f++) {
		const uint8_t *at = (const uint8_t *)rec + f->offset;

		if (!strcmp(f->name, "ts") || fsr_is_default(f, at))
			continue;
		fsr_put(&p->o, " %s=", f->name);
		if (f->offset == offsetof(struct fsg_rec, a) && fsr_guest_rec_a_is_text(rec)) {
			fsr_put(&p->o, "\"");
			fsr_put_escaped(&p->o, (const char *)at, f->size, '"');
			fsr_put(&p->o, "\"");
		} else {
			fsr_put_value(&p->o, f->offset == x->offset ? x : f, at);
		}
	}
	end(p);
}

static void print_ring(struct printer *p, const struct fsr_guest_part *part, const void *data)
{
	uint64_t n = part->first;

	begin(p, part->kind == FSR_GP_RING ? "GRING" : "GAGENT");
	put_fields(p, fsr_fields_GUEST_PART, part);
	end(p);
	for (size_t at = 0; at + sizeof(struct fsg_rec) <= part->bytes;
	     at += sizeof(struct fsg_rec)) {
		struct fsg_rec rec;

		memcpy(&rec, (const uint8_t *)data + at, sizeof(rec));
		n = fsr_guest_number(rec.seq, n);
		put_rec(p, &rec, n++);
	}
}

int fsr_guest_print(const void *payload, size_t bytes, void (*line)(const char *text, void *arg),
		    void *arg)
{
	struct printer p = {.line = line, .arg = arg};
	struct fsr_guest_part part;
	const void *data;
	size_t at = 0;
	int got;

	if (bytes < sizeof(struct fsr_guest))
		return -EBADMSG;
	begin(&p, "GUEST");
	put_fields(&p, fsr_fields_GUEST, payload);
	end(&p);
	while ((got = fsr_guest_next(payload, bytes, &at, &part, &data)) > 0) {
		if (part.kind == FSR_GP_DIR)
			print_dir(&p, data, part.bytes);
		else if (part.kind == FSR_GP_RING || part.kind == FSR_GP_AGENT)
			print_ring(&p, &part, data);
		else if (part.kind == FSR_GP_FRAMES)
			print_numbers(&p, "GFRAMES", data, part.bytes / 8);
	}
	return got;
}

/* --- JSON --- */

struct objects {
	void (*object)(const json_t *o, void *arg);
	void *arg;
	uint32_t vm;
};

static json_t *json_of(const struct fsr_field *f, const void *rec)
{
	json_t *o = json_object();

	if (o)
		fsr_json_fields(o, f, rec);
	return o;
}

static json_t *json_rows(const struct fsr_field *f, const void *rows, size_t size, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (!is_zero((const uint8_t *)rows + i * size, size))
			json_array_append_new(list, json_of(f, (const uint8_t *)rows + i * size));
	return list;
}

/* Hands on one object and lets it go. */
static void give(const struct objects *os, const char *what, json_t *o)
{
	json_t *line = json_pack("{s:o}", what, o);

	if (line)
		os->object(line, os->arg);
	json_decref(line);
}

static void json_dir(const struct objects *os, const void *data, size_t bytes)
{
	struct fsg_dir d = {0};
	json_t *o;

	memcpy(&d, data, bytes < sizeof(d) ? bytes : sizeof(d));
	o = json_of(fsr_fields_GUEST_DIR, &d);
	json_object_set_new(o, "vm", json_integer(os->vm));
	json_object_set_new(
		o, "clocks",
		json_rows(fsr_fields_GUEST_CLOCK, d.clocks, sizeof(d.clocks[0]), FSG_CLOCKS));
	json_object_set_new(o, "watchers",
			    json_rows(fsr_fields_GUEST_WATCHER, d.watchers, sizeof(d.watchers[0]),
				      FSG_WATCHERS));
	json_object_set_new(
		o, "parts",
		json_rows(fsr_fields_GUEST_DIR_PART, d.parts, sizeof(d.parts[0]), FSG_MAX_PARTS));
	give(os, "guest_dir", o);
}

static json_t *json_rec(const struct fsg_rec *rec, uint64_t n)
{
	const char *name = fsr_guest_kind_name(rec->kind);
	json_t *o = json_of(fsr_fields_GUEST_REC, rec);
	const struct fsr_field text[] = {{"a", offsetof(struct fsg_rec, a), 8, FSR_FORM_TEXT}, {0}};

	json_object_set_new(o, "n", json_integer((json_int_t)n));
	json_object_set_new(o, "kind", name ? json_string(name) : json_integer(rec->kind));
	if (fsr_guest_rec_a_is_text(rec))
		fsr_json_fields(o, text, (const void *)rec);
	return o;
}

static void json_ring(const struct objects *os, const struct fsr_guest_part *part, const void *data)
{
	const char *ring = part->kind == FSR_GP_RING ? "cpu" : "agent";
	uint64_t n = part->first;
	json_t *o = json_of(fsr_fields_GUEST_PART, part);

	json_object_set_new(o, "vm", json_integer(os->vm));
	json_object_set_new(o, "ring", json_string(ring));
	give(os, "guest_ring", o);
	for (size_t at = 0; at + sizeof(struct fsg_rec) <= part->bytes;
	     at += sizeof(struct fsg_rec)) {
		struct fsg_rec rec;

		memcpy(&rec, (const uint8_t *)data + at, sizeof(rec));
		n = fsr_guest_number(rec.seq, n);
		o = json_rec(&rec, n++);
		json_object_set_new(o, "vm", json_integer(os->vm));
		json_object_set_new(o, "ring", json_string(ring));
		json_object_set_new(o, "index", json_integer(part->index));
		give(os, "guest_record", o);
	}
}

int fsr_guest_json(const void *payload, size_t bytes, void (*object)(const json_t *o, void *arg),
		   void *arg)
{
	struct objects os = {.object = object, .arg = arg};
	struct fsr_guest_part part;
	const void *data;
	size_t at = 0;
	json_t *head;
	int got;

	if (bytes < sizeof(struct fsr_guest))
		return -EBADMSG;
	os.vm = ((const struct fsr_guest *)payload)->vm;
	head = json_of(fsr_fields_GUEST, payload);
	give(&os, "guest", head);
	while ((got = fsr_guest_next(payload, bytes, &at, &part, &data)) > 0) {
		if (part.kind == FSR_GP_DIR)
			json_dir(&os, data, part.bytes);
		else if (part.kind == FSR_GP_RING || part.kind == FSR_GP_AGENT)
			json_ring(&os, &part, data);
	}
	return got;
}
