// SPDX-License-Identifier: BSD-2-Clause
/* The symbols of the running kernel: read once, the few that stacks need are picked. */
#include "collect/host/ksyms.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/kallsyms.h"
#include "base/search.h"
#include "base/vec.h"

struct sym {
	uint64_t addr;
	const char *name; /* in the text, up to the end of its line */
};

struct fs_ksyms {
	char *text;
	size_t len;
	FS_VEC(struct sym) syms; /* by address */
};

static int read_all(int fd, struct fs_ksyms *k)
{
	size_t cap = 0;
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	do {
		if (cap - k->len < 65536) {
			char *more = realloc(k->text, cap = cap ? cap * 2 : 8u << 20);

			if (!more)
				return -ENOMEM;
			k->text = more;
		}
		n = read(fd, k->text + k->len, cap - k->len - 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		k->len += n > 0 ? (size_t)n : 0;
	} while (n);
	k->text[k->len] = '\0';
	return 0;
}

static int by_addr(const void *a, const void *b)
{
	const struct sym *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name; /* as they stand in the text */
}

/* The symbols of code, whose addresses are shown. */
static int parse(struct fs_ksyms *k)
{
	struct fs_kallsym line;
	struct sym s;
	char *end;

	for (char *at = k->text; at && *at; at = end) {
		end = at + strcspn(at, "\n");
		if (!fs_kallsym_parse(at, end, &line) || !fs_kallsym_is_text(&line) || !line.addr) {
			end += *end == '\n';
			continue;
		}
		s.addr = line.addr;
		s.name = line.name;
		at += line.name - at + (ptrdiff_t)line.len;
		if (*at == '\t')
			*at = ' '; /* before the name of a module */
		if (*end)
			*end++ = '\0';
		if (fs_vec_push(&k->syms, s))
			return -ENOMEM;
	}
	return 0;
}

int fs_ksyms_read(int fd, struct fs_ksyms **out)
{
	struct fs_ksyms *k = calloc(1, sizeof(*k));
	int ret = k ? read_all(fd, k) : -ENOMEM;

	if (!ret)
		ret = parse(k);
	if (!ret && !k->syms.n)
		ret = -EACCES;
	if (ret) {
		fs_ksyms_free(k);
		return ret;
	}
	qsort(k->syms.v, k->syms.n, sizeof(*k->syms.v), by_addr);
	*out = k;
	return 0;
}

/* The last symbol at or before @addr, or NULL. */
static struct sym *holder(struct fs_ksyms *k, uint64_t addr)
{
	size_t end = fs_first_where(k->syms.n, i, k->syms.v[i].addr > addr);

	/* Of several names for one address the first is as good as any, and always the same. */
	while (end > 1 && k->syms.v[end - 2].addr == k->syms.v[end - 1].addr)
		end--;
	return end ? &k->syms.v[end - 1] : NULL;
}

char *fs_ksyms_pick(struct fs_ksyms *k, const uint64_t *addrs, size_t n, size_t *len)
{
	uint8_t *need = calloc(k->syms.n + 1, 1);
	char *text = NULL;
	FILE *f;

	if (!need)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct sym *s = holder(k, addrs[i]);

		if (s)
			need[s - k->syms.v] = 1;
	}
	f = open_memstream(&text, len);
	for (size_t i = 0; f && i < k->syms.n; i++)
		if (need[i])
			fprintf(f, "%llx %s\n", (unsigned long long)k->syms.v[i].addr,
				k->syms.v[i].name);
	free(need);
	if (f && fclose(f)) {
		free(text);
		text = NULL;
	}
	return text;
}

void fs_ksyms_free(struct fs_ksyms *k)
{
	if (!k)
		return;
	free(k->text);
	fs_vec_free(&k->syms);
	free(k);
}
