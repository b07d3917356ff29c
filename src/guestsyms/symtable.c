// SPDX-License-Identifier: BSD-2-Clause
/* The table of a guest kernel's function symbols, its code bytes, and the slide in use. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/search.h"
#include "guestsyms/symtable_impl.h"

#define LOOSE_SIZE 4096u /* how far a last function may reach when no size is given */

int fsy_syms_add(struct fsy_syms *s, uint64_t addr, uint64_t size, const char *name, size_t len)
{
	struct fsy_sym sym = {.addr = addr, .size = size, .name = (uint32_t)s->names.n};

	/* what the compiler put in front of functions is not where code runs */
	if (len > 6 && (!memcmp(name, "__pfx_", 6) || !memcmp(name, "__cfi_", 6)))
		return 0;
	if (len >= FSY_MAX_NAME)
		len = FSY_MAX_NAME - 1;
	if (s->syms.n >= FSY_MAX_SYMS || s->names.n + len + 1 > FSY_MAX_NAMES)
		return -E2BIG;
	if (fs_vec_reserve(&s->names, len + 1) || fs_vec_push(&s->syms, sym))
		return -ENOMEM;
	memcpy(s->names.v + s->names.n, name, len);
	s->names.v[s->names.n + len] = '\0';
	s->names.n += len + 1;
	return 0;
}

static int by_addr(const void *a, const void *b)
{
	const struct fsy_sym *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	/* of aliases the first in the file; the name's offset also makes the order total */
	return x->name < y->name ? -1 : x->name > y->name;
}

int fsy_syms_finish(struct fsy_syms *s, const char *name, char *err, size_t err_len)
{
	if (!s->syms.n)
		return fs_errf(err, err_len, -ENOENT, "%s holds no function symbols", name);
	qsort(s->syms.v, s->syms.n, sizeof(*s->syms.v), by_addr);
	if (!s->text_first)
		s->text_first = s->code_len ? s->code_addr : s->syms.v[0].addr;
	if (!s->text_end && s->code_len)
		s->text_end = s->code_addr + s->code_len;
	if (s->text_end <= s->text_first)
		s->text_end = s->syms.v[s->syms.n - 1].addr + LOOSE_SIZE;
	fsy_syms_no_slide(s, "not looked for");
	return 0;
}

void fsy_syms_free(struct fsy_syms *s)
{
	if (!s)
		return;
	fs_vec_free(&s->syms);
	fs_vec_free(&s->names);
	free(s->code);
	free(s);
}

enum fsy_syms_kind fsy_syms_kind(const struct fsy_syms *s)
{
	return s->kind;
}

const char *fsy_syms_kind_text(const struct fsy_syms *s)
{
	return s->kind == FSY_SYMS_ELF   ? "vmlinux"
	       : s->kind == FSY_SYMS_MAP ? "System.map"
					 : "kallsyms";
}

size_t fsy_syms_count(const struct fsy_syms *s)
{
	return s->syms.n;
}

void fsy_syms_text(const struct fsy_syms *s, uint64_t *first, uint64_t *end)
{
	*first = s->text_first;
	*end = s->text_end;
}

bool fsy_syms_running(const struct fsy_syms *s)
{
	return s->moved || s->modules;
}

size_t fsy_syms_code(const struct fsy_syms *s, uint64_t addr, uint8_t *buf, size_t n)
{
	size_t off;

	if (!s->code || addr < s->code_addr || addr - s->code_addr >= s->code_len)
		return 0;
	off = (size_t)(addr - s->code_addr);
	if (n > s->code_len - off)
		n = s->code_len - off;
	memcpy(buf, s->code + off, n);
	return n;
}

const char *fsy_syms_raw(const struct fsy_syms *s, uint64_t addr, uint64_t *off)
{
	size_t after = fs_first_where(s->syms.n, i, s->syms.v[i].addr > addr), first;
	const struct fsy_sym *x;
	uint64_t reach;

	if (!after)
		return NULL;
	/* the first of several names of the same address */
	for (first = after - 1; first && s->syms.v[first - 1].addr == s->syms.v[first].addr;
	     first--)
		;
	x = &s->syms.v[first];
	reach = x->size;
	if (!reach && after < s->syms.n && s->syms.v[after].addr - x->addr < (1u << 20))
		reach = s->syms.v[after].addr - x->addr;
	else if (!reach)
		reach = LOOSE_SIZE;
	if (addr - x->addr >= reach)
		return NULL;
	*off = addr - x->addr;
	return s->names.v + x->name;
}

double fsy_syms_share(const struct fsy_syms *s, bool (*match)(const char *name, void *arg),
		      void *arg)
{
	uint64_t all = s->text_end - s->text_first, in = 0;

	for (size_t i = 0; i < s->syms.n; i++) {
		const struct fsy_sym *x = &s->syms.v[i];
		uint64_t end = i + 1 < s->syms.n ? s->syms.v[i + 1].addr : s->text_end;

		/* of aliases only the last has a length */
		if (x->addr < s->text_first || end > s->text_end || end <= x->addr)
			continue;
		if (match(s->names.v + x->name, arg))
			in += x->size && x->size < end - x->addr ? x->size : end - x->addr;
	}
	return all ? (double)in / (double)all : 0;
}

void fsy_syms_set_slide(struct fsy_syms *s, uint64_t slide, const char *why)
{
	s->slide_known = true;
	s->slide = slide;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

void fsy_syms_no_slide(struct fsy_syms *s, const char *why)
{
	s->slide_known = false;
	s->slide = 0;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

bool fsy_syms_slide(const struct fsy_syms *s, uint64_t *slide)
{
	*slide = s->slide;
	return s->slide_known;
}

const char *fsy_syms_why(const struct fsy_syms *s)
{
	return s->why;
}

const char *fsy_syms_find(const struct fsy_syms *s, uint64_t rip, uint64_t *off)
{
	uint64_t raw = rip - s->slide;

	if (!s->slide_known)
		return NULL;
	if (raw >= s->text_first && raw < s->text_end)
		return fsy_syms_raw(s, raw, off);
	/* modules do not move with the kernel: only a file of the very same boot has their
	 * addresses */
	return s->modules && !s->slide && rip >= s->text_end ? fsy_syms_raw(s, rip, off) : NULL;
}
