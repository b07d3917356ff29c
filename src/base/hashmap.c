// SPDX-License-Identifier: BSD-2-Clause
#include "base/hashmap.h"
#include <errno.h>
#include <stdlib.h>

static size_t home(const struct fs_hashmap *m, uint64_t key)
{
	return (size_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (m->cap - 1);
}

static struct fs_hashslot *find(const struct fs_hashmap *m, uint64_t key)
{
	size_t i = home(m, key);

	while (m->v[i].val && m->v[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return &m->v[i];
}

void *fs_hashmap_get(const struct fs_hashmap *m, uint64_t key)
{
	return m->n ? find(m, key)->val : NULL;
}

static int grow(struct fs_hashmap *m)
{
	struct fs_hashmap b = {.cap = m->cap ? m->cap * 2 : 64, .n = m->n};

	b.v = calloc(b.cap, sizeof(*b.v));
	if (!b.v)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->v[i].val)
			*find(&b, m->v[i].key) = m->v[i];
	free(m->v);
	*m = b;
	return 0;
}

int fs_hashmap_put(struct fs_hashmap *m, uint64_t key, void *val)
{
	struct fs_hashslot *s;

	if (m->n * 2 >= m->cap && grow(m))
		return -ENOMEM;
	s = find(m, key);
	if (!s->val)
		m->n++;
	s->key = key;
	s->val = val;
	return 0;
}

/* Linear probing: what stands behind the freed slot moves up, so no tombstones are needed. */
void fs_hashmap_del(struct fs_hashmap *m, uint64_t key)
{
	struct fs_hashslot *s;
	size_t i, j;

	if (!m->n)
		return;
	s = find(m, key);
	if (!s->val)
		return;
	i = j = (size_t)(s - m->v);
	for (;;) {
		size_t h;

		j = (j + 1) & (m->cap - 1);
		if (!m->v[j].val)
			break;
		h = home(m, m->v[j].key);
		/* movable unless its home lies cyclically in (i, j] */
		if (((j - h) & (m->cap - 1)) >= ((j - i) & (m->cap - 1))) {
			m->v[i] = m->v[j];
			i = j;
		}
	}
	m->v[i].val = NULL;
	m->n--;
}

void fs_hashmap_free(struct fs_hashmap *m)
{
	free(m->v);
	*m = (struct fs_hashmap){0};
}
