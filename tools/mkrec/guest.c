// SPDX-License-Identifier: BSD-2-Clause
/* Reads the lines of a guest's recorder. */
#include "tools/mkrec/guest.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "base/err.h"
#include "record/text/guest_text.h"
#include "tools/mkrec/guest_impl.h"
#include "tools/mkrec/value.h"

/* What one "name=value" sets: a field, or something that its line knows of. */
struct pair {
	char *name, *value;
	size_t len;
	bool quoted;
};

/* The next "name=value" of the line: 1, 0 at its end, or -errno. */
static int next_pair(struct fsr_guest_text *t, char **p, struct pair *out)
{
	size_t n;

	*p += strspn(*p, " \t");
	if (!**p)
		return 0;
	n = strcspn(*p, "= \t");
	if ((*p)[n] != '=')
		return fs_errf(t->err, t->err_len, -EINVAL, "\"%.*s\": not name=value", (int)n, *p);
	out->name = *p;
	out->name[n] = '\0';
	*p += n + 1;
	out->quoted = **p == '"';
	out->value = fsr_take_value(p, &out->len);
	return out->value ? 1
			  : fs_errf(t->err, t->err_len, -EINVAL,
				    "%s: the text is not closed by a \"", out->name);
}

static int set(struct fsr_guest_text *t, const struct fsr_field *f, void *rec, struct pair *p)
{
	f = fsr_find_field(f, p->name);
	if (!f)
		return fs_errf(t->err, t->err_len, -EINVAL, "there is no field \"%s\" here",
			       p->name);
	if (!fsr_set_field(rec, f, p->value, p->len))
		return fs_errf(t->err, t->err_len, -EINVAL, "%s: \"%s\" does not fit", p->name,
			       p->value);
	return 0;
}

static int set_all(struct fsr_guest_text *t, const struct fsr_field *f, void *rec, char *line)
{
	struct pair p;
	int got;

	while ((got = next_pair(t, &line, &p)) > 0) {
		got = set(t, f, rec, &p);
		if (got)
			break;
	}
	return got;
}

static int on_guest(struct fsr_guest_text *t, char *line)
{
	int ret;

	memset(&t->head, 0, sizeof(t->head));
	ret = set_all(t, fsr_fields_GUEST, &t->head, line);
	if (!t->head.done_ns)
		t->head.done_ns = t->head.at_ns;
	memcpy(t->id, t->head.id, sizeof(t->id));
	t->open = true;
	return ret;
}

static void default_dir(struct fsr_guest_text *t)
{
	if (t->has_dir)
		return;
	memset(&t->dir, 0, sizeof(t->dir));
	strcpy(t->dir.d.magic, FSG_MAGIC);
	t->dir.d.major = FSG_MAJOR;
	t->dir.d.minor = FSG_MINOR;
	t->dir.d.dir_bytes = sizeof(struct fsg_dir);
	t->dir.d.rec_bytes = sizeof(struct fsg_rec);
	memcpy(t->dir.d.id, t->head.id, sizeof(t->dir.d.id));
	t->has_dir = true;
}

static int on_dir(struct fsr_guest_text *t, char *line)
{
	default_dir(t);
	return set_all(t, fsr_fields_GUEST_DIR, &t->dir.d, line);
}

/* A row of one of the directory's tables: its index, then fields. */
static int on_row(struct fsr_guest_text *t, char *line, const struct fsr_field *f, void *rows,
		  size_t size, size_t n)
{
	unsigned long i;
	char *rest;

	default_dir(t);
	i = strtoul(line, &rest, 10);
	if (rest == line || i >= n)
		return fs_errf(t->err, t->err_len, -EINVAL, "a number below %zu must come first",
			       n);
	return set_all(t, f, (uint8_t *)rows + i * size, rest);
}

static int on_clock(struct fsr_guest_text *t, char *line)
{
	return on_row(t, line, fsr_fields_GUEST_CLOCK, t->dir.d.clocks, sizeof(t->dir.d.clocks[0]),
		      FSG_CLOCKS);
}

static int on_watcher(struct fsr_guest_text *t, char *line)
{
	return on_row(t, line, fsr_fields_GUEST_WATCHER, t->dir.d.watchers,
		      sizeof(t->dir.d.watchers[0]), FSG_WATCHERS);
}

static int on_part(struct fsr_guest_text *t, char *line)
{
	return on_row(t, line, fsr_fields_GUEST_DIR_PART, t->dir.d.parts, sizeof(t->dir.d.parts[0]),
		      FSG_MAX_PARTS);
}

/* Frame numbers, hexadecimal with their 0x, each handed to @take. */
static int numbers(struct fsr_guest_text *t, char *line,
		   int (*take)(struct fsr_guest_text *t, uint64_t v))
{
	char *save, *tok;
	uint64_t v;

	for (tok = strtok_r(line, " \t", &save); tok; tok = strtok_r(NULL, " \t", &save)) {
		int ret = fsr_parse_number(tok, &v) ? take(t, v)
						    : fs_errf(t->err, t->err_len, -EINVAL,
							      "\"%s\" is no number", tok);

		if (ret)
			return ret;
	}
	return 0;
}

static int take_list(struct fsr_guest_text *t, uint64_t gfn)
{
	for (size_t i = 0; i < FSG_MAX_LISTS; i++) {
		if (t->dir.d.list_gfn[i])
			continue;
		t->dir.d.list_gfn[i] = gfn;
		return 0;
	}
	return fs_errf(t->err, t->err_len, -EINVAL, "more than %u lists", FSG_MAX_LISTS);
}

static int on_list(struct fsr_guest_text *t, char *line)
{
	default_dir(t);
	return numbers(t, line, take_list);
}

static int take_frame(struct fsr_guest_text *t, uint64_t gfn)
{
	return fsr_guest_text_append(t, &t->frames, &gfn, sizeof(gfn));
}

static int on_frames(struct fsr_guest_text *t, char *line)
{
	return numbers(t, line, take_frame);
}

static int begin_ring(struct fsr_guest_text *t, char *line, uint16_t kind)
{
	struct ring r = {.part.kind = kind};
	int ret = set_all(t, fsr_fields_GUEST_PART, &r.part, line);

	if (ret)
		return ret;
	r.next = r.part.first;
	return fs_vec_push(&t->rings, r) ? fsr_guest_text_no_memory(t) : 0;
}

static int on_ring(struct fsr_guest_text *t, char *line)
{
	return begin_ring(t, line, FSR_GP_RING);
}

static int on_agent(struct fsr_guest_text *t, char *line)
{
	return begin_ring(t, line, FSR_GP_AGENT);
}

static uint16_t kind_by_name(const char *name, size_t len)
{
	for (uint16_t kind = 1; kind < 64; kind++) {
		const char *known = fsr_guest_kind_name(kind);

		if (known && strlen(known) == len && !memcmp(known, name, len))
			return kind;
	}
	return FSG_K_NONE;
}

/* Takes the one word without '=' out of the line: the kind of the record. */
static uint16_t take_kind(char *line)
{
	char *p = line;

	while (*(p += strspn(p, " \t"))) {
		size_t n = strcspn(p, "= \t");

		if (p[n] != '=') {
			uint16_t kind = kind_by_name(p, n);

			memset(p, ' ', n);
			return kind;
		}
		p += n + 1;
		if (*p != '"') {
			p += strcspn(p, " \t");
			continue;
		}
		for (p++; *p && *p != '"'; p++)
			p += *p == '\\' && p[1];
		p += *p == '"';
	}
	return FSG_K_NONE;
}

static int set_rec(struct fsr_guest_text *t, struct fsg_rec *rec, uint64_t *n, struct pair *p)
{
	uint64_t v;

	if (!strcmp(p->name, "n"))
		return fsr_parse_number(p->value, n) ? 0
						     : fs_errf(t->err, t->err_len, -EINVAL,
							       "n: \"%s\" is no number", p->value);
	if (!strcmp(p->name, "kind") && fsr_parse_number(p->value, &v) && v <= UINT16_MAX) {
		rec->kind = (uint16_t)v;
		return 0;
	}
	if (!strcmp(p->name, "a") && p->quoted) {
		if (p->len > sizeof(rec->a))
			return fs_errf(t->err, t->err_len, -EINVAL, "a: more than 8 characters");
		rec->a = 0;
		memcpy(&rec->a, p->value, p->len);
		return 0;
	}
	if (!strcmp(p->name, "x"))
		return set(t, (const struct fsr_field[]){*fsr_guest_rec_x(rec->kind), {0}}, rec, p);
	return set(t, fsr_fields_GUEST_REC, rec, p);
}

static int on_rec(struct fsr_guest_text *t, char *line)
{
	struct ring *r = t->rings.n ? &t->rings.v[t->rings.n - 1] : NULL;
	struct fsg_rec rec = {0};
	struct pair p;
	uint64_t n;
	int got;

	if (!r)
		return fs_errf(t->err, t->err_len, -EINVAL, "no GRING or GAGENT goes before it");
	n = r->next;
	rec.kind = take_kind(line);
	while ((got = next_pair(t, &line, &p)) > 0) {
		got = set_rec(t, &rec, &n, &p);
		if (got)
			break;
	}
	if (got)
		return got;
	if (!rec.kind)
		return fs_errf(t->err, t->err_len, -EINVAL, "no kind of a guest record is named");
	if (!r->recs.n && !r->part.first)
		r->part.first = n;
	rec.seq = (uint32_t)(n + 1);
	r->next = n + 1;
	return fsr_guest_text_append(t, &r->recs, &rec, sizeof(rec));
}

static int on_blob(struct fsr_guest_text *t, char *line)
{
	struct fsr_guest_blob blob = {0};
	int ret = set_all(t, fsr_fields_GUEST_BLOB, &blob, line);

	memcpy(t->id, blob.id, sizeof(t->id));
	return ret;
}

static int on_sym(struct fsr_guest_text *t, char *line)
{
	int ret = fsr_guest_text_append(t, &t->syms, line, strlen(line));

	return ret ? ret : fsr_guest_text_append(t, &t->syms, "\n", 1);
}

static int on_meta(struct fsr_guest_text *t, struct fsr_writer *w, const char *line)
{
	struct fsr_bytes text = {.v = (uint8_t *)(uintptr_t)line, .n = strlen(line)};
	json_error_t why;
	json_t *json = json_loads(line, 0, &why);
	int ret = 0;

	if (!json_is_object(json))
		ret = fs_errf(t->err, t->err_len, -EINVAL, "not a JSON object: %s",
			      json ? "it is another value" : why.text);
	json_decref(json);
	return ret ? ret : fsr_guest_text_blob(t, w, FSG_PART_META, &text, 0);
}

/* Lines that belong to a reading, and those that do not. */
static const struct {
	const char *word;
	int (*take)(struct fsr_guest_text *t, char *line);
	bool inside;
} words[] = {
	{"GUEST", on_guest, false},     {"GDIR", on_dir, true},    {"GCLOCK", on_clock, true},
	{"GWATCHER", on_watcher, true}, {"GPART", on_part, true},  {"GLIST", on_list, true},
	{"GFRAMES", on_frames, true},   {"GRING", on_ring, true},  {"GAGENT", on_agent, true},
	{"GREC", on_rec, true},         {"GBLOB", on_blob, false}, {"GSYM", on_sym, false},
};

/* Is this line's first word @word? */
static bool is_word(const char *line, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(line, word, n);
}

/* What must be written before this line can be taken. */
static int write_before(struct fsr_guest_text *t, struct fsr_writer *w, const char *line, size_t n)
{
	bool guest = is_word(line, n, "GUEST"), blob = is_word(line, n, "GBLOB");
	int ret = guest ? fsr_guest_text_reading(t, w) : 0;

	if (!ret && (guest || blob))
		ret = fsr_guest_text_symbols(t, w);
	return ret;
}

int fsr_guest_text_line(struct fsr_guest_text *t, struct fsr_writer *w, const char *line, char *err,
			size_t err_len)
{
	size_t n = strcspn(line, " \t"), at = n + strspn(line + n, " \t");
	char *copy;
	int ret;

	t->err = err;
	t->err_len = err_len;
	if (is_word(line, n, "GMETA")) {
		ret = on_meta(t, w, line + at);
		return ret ? ret : 1;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!is_word(line, n, words[i].word))
			continue;
		if (words[i].inside && !t->open)
			return fs_errf(err, err_len, -EINVAL, "no GUEST goes before it");
		ret = write_before(t, w, line, n);
		if (ret)
			return fs_errf(err, err_len, ret, "writing: %s", strerror(-ret));
		copy = strdup(line + at);
		ret = copy ? words[i].take(t, copy) : fsr_guest_text_no_memory(t);
		free(copy);
		return ret ? ret : 1;
	}
	return 0;
}
