// SPDX-License-Identifier: BSD-2-Clause
/* Loads, sorts and searches the stacks and kernel symbols of a recording. */
#include "record/tables.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/search.h"
#include "record/format.h"

int fsr_stacks_add(struct fsr_stacks *t, const void *data, size_t bytes)
{
	const uint8_t *p = data, *end = p + bytes;

	while (p < end) {
		struct fsr_stack head;
		struct fsr_stack_ref ref;

		if ((size_t)(end - p) < sizeof(head))
			return -EBADMSG;
		memcpy(&head, p, sizeof(head));
		p += sizeof(head);
		if (head.depth > (size_t)(end - p) / sizeof(uint64_t))
			return -EBADMSG;
		if ((t->addrs.n + head.depth) * sizeof(uint64_t) + t->refs.n * sizeof(ref) >
		    FSR_MAX_TABLE)
			return -E2BIG;
		if (fs_vec_reserve(&t->addrs, head.depth))
			return -ENOMEM;
		ref = (struct fsr_stack_ref){.id = head.id, .depth = head.depth, .at = t->addrs.n};
		if (fs_vec_push(&t->refs, ref))
			return -ENOMEM;
		memcpy(t->addrs.v + t->addrs.n, p, head.depth * sizeof(uint64_t));
		t->addrs.n += head.depth;
		p += head.depth * sizeof(uint64_t);
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct fsr_stack_ref *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

void fsr_stacks_sort(struct fsr_stacks *t)
{
	size_t kept = 0;

	if (!t->refs.n)
		return;
	qsort(t->refs.v, t->refs.n, sizeof(*t->refs.v), by_id);
	for (size_t i = 1; i < t->refs.n; i++) {
		if (t->refs.v[i].id != t->refs.v[kept].id)
			kept++;
		t->refs.v[kept] = t->refs.v[i]; /* of several with one id the last stands */
	}
	t->refs.n = kept + 1;
}

const struct fsr_stack_ref *fsr_stacks_find(const struct fsr_stacks *t, uint32_t id)
{
	size_t at = fs_first_where(t->refs.n, i, t->refs.v[i].id >= id);

	return at < t->refs.n && t->refs.v[at].id == id ? &t->refs.v[at] : NULL;
}

void fsr_stacks_free(struct fsr_stacks *t)
{
	fs_vec_free(&t->refs);
	fs_vec_free(&t->addrs);
}

/* "ffffffff81000000 name [module]", cut into its parts in place. */
static bool parse_line(char *text, char *line, struct fsr_sym *sym)
{
	char *rest, *module;

	if (!isxdigit((unsigned char)*line))
		return false;
	errno = 0;
	sym->addr = strtoull(line, &rest, 16);
	if (errno || *rest != ' ' || !rest[1] || rest[1] == ' ')
		return false;
	for (char *p = ++rest; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?'; /* names end up on terminals */
	module = strchr(rest, ' ');
	if (module)
		*module++ = '\0';
	else
		module = rest + strlen(rest);
	sym->name = (size_t)(rest - text);
	sym->module = (size_t)(module - text);
	return true;
}

int fsr_symbols_add(struct fsr_symbols *t, const void *data, size_t bytes)
{
	size_t start = t->text.n;
	int ret = fsr_inflate(&t->text, data, bytes, FSR_MAX_TABLE);

	if (ret)
		return ret;
	t->text.v[t->text.n] = '\0'; /* fsr_inflate left room for two */
	for (char *line = t->text.v + start, *next; *line; line = next) {
		char *eol = strchr(line, '\n');
		struct fsr_sym sym;

		next = eol ? eol + 1 : line + strlen(line);
		if (eol)
			*eol = '\0';
		if (!parse_line(t->text.v, line, &sym))
			continue;
		if ((t->syms.n + 1) * sizeof(sym) > FSR_MAX_TABLE)
			return -E2BIG;
		if (fs_vec_push(&t->syms, sym))
			return -ENOMEM;
	}
	t->text.n++; /* the NUL of the last line */
	return 0;
}

static int by_addr(const void *a, const void *b)
{
	const struct fsr_sym *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

void fsr_symbols_sort(struct fsr_symbols *t)
{
	if (t->syms.n)
		qsort(t->syms.v, t->syms.n, sizeof(*t->syms.v), by_addr);
}

/* The first symbol of those at the greatest address that is not above @addr. */
const struct fsr_sym *fsr_symbols_find(const struct fsr_symbols *t, uint64_t addr)
{
	size_t end = fs_first_where(t->syms.n, i, t->syms.v[i].addr > addr);

	if (!end)
		return NULL;
	while (end > 1 && t->syms.v[end - 2].addr == t->syms.v[end - 1].addr)
		end--;
	return &t->syms.v[end - 1];
}

void fsr_symbols_free(struct fsr_symbols *t)
{
	fs_vec_free(&t->syms);
	fs_vec_free(&t->text);
}
