// SPDX-License-Identifier: BSD-2-Clause
/* Compiles a text, line by line, into a recording. */
#include "tools/mkrec/compile.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <zlib.h>
#include "base/err.h"
#include "base/fresh.h"
#include "base/vec.h"
#include "record/writer.h"
#include "tools/mkrec/event_line.h"
#include "tools/mkrec/guest.h"

#define CHUNK_BYTES (64u << 10) /* where a CPU's records are cut into chunks */
#define NCPUS       65536u

struct item {
	struct fsr_parsed p;
	uint16_t len;
	size_t line; /* keeps the order of the text among equals */
};

struct compiler {
	struct fsr_writer *w;
	FS_VEC(struct item) items;
	FS_VEC(uint8_t) bytes;  /* of the chunk that is being made */
	FS_VEC(uint8_t) stacks; /* payload of STACKS */
	FS_VEC(char) syms;      /* text of SYMBOLS */
	struct fsr_guest_text *guest;
	uint32_t *seq; /* next number of each CPU */
	size_t line;
	bool raw, no_end, ended;
	char *err;
	size_t err_len;
};

static struct fs_ev *header(struct item *it)
{
	return (void *)it->p.rec;
}

static int by_cpu_time(const void *a, const void *b)
{
	struct item *x = (void *)a, *y = (void *)b;
	const struct fs_ev *p = header(x), *q = header(y);

	if (p->cpu != q->cpu)
		return p->cpu < q->cpu ? -1 : 1;
	if (p->ts != q->ts)
		return p->ts < q->ts ? -1 : 1;
	return x->line < y->line ? -1 : 1;
}

static int by_cpu(const void *a, const void *b)
{
	struct item *x = (void *)a, *y = (void *)b;
	const struct fs_ev *p = header(x), *q = header(y);

	if (p->cpu != q->cpu)
		return p->cpu < q->cpu ? -1 : 1;
	return x->line < y->line ? -1 : 1;
}

static int write_failed(struct compiler *c, int err)
{
	return err ? fs_errf(c->err, c->err_len, err, "writing: %s", strerror(-err)) : 0;
}

static int flush_chunk(struct compiler *c, uint16_t cpu, uint32_t *count)
{
	int ret = 0;

	if (*count)
		ret = fsr_write_events(c->w, cpu, c->bytes.v, c->bytes.n, *count);
	c->bytes.n = 0;
	*count = 0;
	return write_failed(c, ret);
}

/* Writes the records gathered so far, each CPU's in chunks of its own. */
static int flush(struct compiler *c)
{
	uint32_t count = 0;
	int ret;

	if (c->items.n)
		qsort(c->items.v, c->items.n, sizeof(*c->items.v), c->raw ? by_cpu : by_cpu_time);
	for (size_t i = 0; i < c->items.n; i++) {
		struct item *it = &c->items.v[i];
		struct fs_ev *ev = header(it);

		if (ev->cpu != 0xffff) { /* those of user space have no numbers */
			if (!it->p.has_seq)
				ev->seq = c->seq[ev->cpu];
			c->seq[ev->cpu] = ev->seq + 1;
		}
		if (fs_vec_reserve(&c->bytes, it->len))
			return fs_errf(c->err, c->err_len, -ENOMEM, "out of memory");
		memcpy(c->bytes.v + c->bytes.n, it->p.rec, it->len);
		c->bytes.n += it->len;
		count++;
		if (i + 1 == c->items.n || header(it + 1)->cpu != ev->cpu ||
		    c->bytes.n + FSR_MAX_REC > CHUNK_BYTES) {
			ret = flush_chunk(c, ev->cpu, &count);
			if (ret)
				return ret;
		}
	}
	c->items.n = 0;
	return 0;
}

static int write_json(struct compiler *c, enum fsr_chunk_type type, const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);
	char *packed;
	int ret;

	if (!json_is_object(json)) {
		ret = fs_errf(c->err, c->err_len, -EINVAL, "line %zu: not a JSON object: %s",
			      c->line, json ? "it is another value" : why.text);
		json_decref(json);
		return ret;
	}
	packed = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (!packed)
		return fs_errf(c->err, c->err_len, -ENOMEM, "out of memory");
	ret = flush(c);
	if (!ret)
		ret = write_failed(c, fsr_write(c->w, type, packed, strlen(packed)));
	free(packed);
	return ret;
}

static int append(struct compiler *c, const void *data, size_t n)
{
	if (fs_vec_reserve(&c->stacks, n))
		return fs_errf(c->err, c->err_len, -ENOMEM, "out of memory");
	memcpy(c->stacks.v + c->stacks.n, data, n);
	c->stacks.n += n;
	return 0;
}

static int add_stack(struct compiler *c, const char *text)
{
	struct fsr_stack head = {0};
	uint64_t addrs[1024];
	char *rest;
	int ret;

	head.id = (uint32_t)strtoul(text, &rest, 0);
	for (text = rest; *(text += strspn(text, " \t")); text = rest) {
		if (head.depth == sizeof(addrs) / sizeof(addrs[0]))
			return fs_errf(c->err, c->err_len, -EINVAL,
				       "line %zu: more than %u addresses", c->line, head.depth);
		addrs[head.depth++] = strtoull(text, &rest, 16);
		if (rest == text)
			return fs_errf(c->err, c->err_len, -EINVAL,
				       "line %zu: \"%s\" is no address", c->line, text);
	}
	ret = append(c, &head, sizeof(head));
	return ret ? ret : append(c, addrs, head.depth * sizeof(addrs[0]));
}

static int add_symbol(struct compiler *c, const char *text)
{
	size_t n = strlen(text);

	if (fs_vec_reserve(&c->syms, n + 1))
		return fs_errf(c->err, c->err_len, -ENOMEM, "out of memory");
	memcpy(c->syms.v + c->syms.n, text, n);
	c->syms.v[c->syms.n + n] = '\n';
	c->syms.n += n + 1;
	return 0;
}

static int write_round(struct compiler *c, const char *text)
{
	char *rest;
	uint64_t horizon = strtoull(text, &rest, 0);
	int ret;

	if (rest == text || *rest)
		return fs_errf(c->err, c->err_len, -EINVAL, "line %zu: ROUND takes a time in ns",
			       c->line);
	ret = flush(c);
	return ret ? ret : write_failed(c, fsr_write_round(c->w, horizon));
}

static int add_event(struct compiler *c, const char *line)
{
	char why[512];
	struct item it = {.line = c->line};
	int len = fsr_text_parse(line, &it.p, why, sizeof(why));

	if (len < 0)
		return fs_errf(c->err, c->err_len, len, "line %zu: %s", c->line, why);
	it.len = (uint16_t)len;
	if (fs_vec_push(&c->items, it))
		return fs_errf(c->err, c->err_len, -ENOMEM, "out of memory");
	return 0;
}

/* The rest of the line after @word, or NULL when it does not begin with it. */
static const char *after(const char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) || (line[n] && !isspace((unsigned char)line[n])))
		return NULL;
	return line + n + strspn(line + n, " \t");
}

/* Everything that was gathered so far. */
static int write_gathered(struct compiler *c)
{
	uLongf bytes = compressBound(c->syms.n);
	uint8_t *packed;
	int ret = flush(c);

	if (!ret)
		ret = write_failed(c, fsr_guest_text_flush(c->guest, c->w));
	if (!ret && c->stacks.n)
		ret = write_failed(c, fsr_write(c->w, FSR_STACKS, c->stacks.v, c->stacks.n));
	c->stacks.n = 0;
	if (ret || !c->syms.n)
		return ret;
	packed = malloc(bytes);
	if (!packed || compress(packed, &bytes, (const Bytef *)c->syms.v, c->syms.n) != Z_OK)
		ret = fs_errf(c->err, c->err_len, -ENOMEM, "out of memory");
	else
		ret = write_failed(c, fsr_write(c->w, FSR_SYMBOLS, packed, bytes));
	free(packed);
	c->syms.n = 0;
	return ret;
}

static int add_guest(struct compiler *c, const char *line)
{
	char why[512];
	int got = fsr_guest_text_line(c->guest, c->w, line, why, sizeof(why));

	return got < 0 ? fs_errf(c->err, c->err_len, got, "line %zu: %s", c->line, why) : got;
}

static int do_line(struct compiler *c, const char *line)
{
	const char *rest;
	int got;

	if (!*line || *line == '#')
		return 0;
	if ((rest = after(line, "META")))
		return write_json(c, FSR_META, rest);
	if ((rest = after(line, "STATS")))
		return write_json(c, FSR_STATS, rest);
	if ((rest = after(line, "STACK")))
		return add_stack(c, rest);
	if ((rest = after(line, "SYM")))
		return add_symbol(c, rest);
	if ((rest = after(line, "ROUND")))
		return write_round(c, rest);
	if (after(line, "CHUNK"))
		return flush(c);
	if (after(line, "RAW")) {
		c->raw = true;
		return 0;
	}
	if (after(line, "NOEND")) {
		c->no_end = true;
		return 0;
	}
	if ((rest = after(line, "END"))) {
		int ret = write_gathered(c);

		c->ended = true;
		return ret ? ret : write_json(c, FSR_END, rest);
	}
	got = *line == 'G' ? add_guest(c, line) : 0;
	return got ? (got < 0 ? got : 0) : add_event(c, line);
}

static int compile(struct compiler *c, const char *text)
{
	int ret = 0;

	while (*text && !ret) {
		size_t n = strcspn(text, "\n"), skip, len;
		char *line;

		c->line++;
		skip = strspn(text, " \t\r");
		for (len = n; len > skip && isspace((unsigned char)text[len - 1]); len--)
			;
		line = len > skip ? strndup(text + skip, len - skip) : strdup("");
		ret = line ? do_line(c, line) : -ENOMEM;
		free(line);
		text += n + (text[n] == '\n');
	}
	if (!ret)
		ret = write_gathered(c);
	if (!ret && !c->ended && !c->no_end)
		ret = write_failed(c, fsr_write(c->w, FSR_END, "{}", 2));
	return ret;
}

int fsr_compile(const char *text, const char *path, char *err, size_t err_len)
{
	struct compiler c = {.err = err, .err_len = err_len};
	int ret, closed;

	c.seq = calloc(NCPUS, sizeof(*c.seq));
	c.guest = fsr_guest_text_new();
	ret = c.seq && c.guest ? fsr_create(path, &c.w) : -ENOMEM;
	if (ret) {
		fs_errf(err, err_len, ret, "%s: %s", path, fs_fresh_why(ret));
	} else {
		ret = compile(&c, text);
		closed = fsr_close(c.w);
		if (!ret)
			ret = write_failed(&c, closed);
	}
	fsr_guest_text_free(c.guest);
	fs_vec_free(&c.items);
	fs_vec_free(&c.bytes);
	fs_vec_free(&c.stacks);
	fs_vec_free(&c.syms);
	free(c.seq);
	return ret;
}
