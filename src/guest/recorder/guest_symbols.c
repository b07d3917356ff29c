// SPDX-License-Identifier: BSD-2-Clause
/* The symbols of the guest's own kernel, compressed for its snapshot. */
#include "guest/recorder/guest_symbols.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/err.h"
#include "base/kallsyms.h"

struct text {
	char *v;
	size_t n, cap;
};

static int append(struct text *t, const char *s, size_t len)
{
	if (!t->v || t->n + len > t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 1u << 20;
		char *v = realloc(t->v, cap);

		if (!v)
			return -ENOMEM;
		t->v = v;
		t->cap = cap;
	}
	memcpy(t->v + t->n, s, len);
	t->n += len;
	return 0;
}

/* Text shrinks to a fifth at any level; the higher ones take most of the time that arming takes. */
#define LEVEL 3

static int read_text(struct guest_symbols *s, struct text *t, char *err, size_t len)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	bool hidden = true;
	char line[1024];
	int ret = 0;

	if (!f)
		return fs_errf(err, len, -errno, "cannot read /proc/kallsyms: %m");
	while (!ret && fgets(line, sizeof(line), f)) {
		size_t n = strlen(line);
		struct fs_kallsym sym;

		if (!fs_kallsym_parse(line, line + n - (line[n - 1] == '\n'), &sym) ||
		    !fs_kallsym_is_text(&sym))
			continue;
		hidden = hidden && !sym.addr;
		s->count++;
		ret = append(t, line, n);
	}
	fclose(f);
	if (ret)
		return fs_errf(err, len, ret, "out of memory");
	if (hidden)
		return fs_errf(
			err, len, -EPERM,
			"the kernel hides its addresses (kernel.kptr_restrict): run as root, with the capability SYSLOG");
	return 0;
}

int guest_symbols_read(struct guest_symbols *s, char *err, size_t len)
{
	struct text t = {0};
	uLongf bytes;
	int ret;

	*s = (struct guest_symbols){0};
	ret = read_text(s, &t, err, len);
	bytes = ret ? 0 : compressBound(t.n);
	s->z = ret ? NULL : malloc(bytes);
	if (!ret && (!s->z || compress2(s->z, &bytes, (const Bytef *)t.v, t.n, LEVEL) != Z_OK))
		ret = fs_errf(err, len, -ENOMEM, "out of memory");
	s->bytes = bytes;
	s->raw_bytes = t.n;
	free(t.v);
	if (ret)
		guest_symbols_free(s);
	return ret;
}

void guest_symbols_free(struct guest_symbols *s)
{
	free(s->z);
	*s = (struct guest_symbols){0};
}
