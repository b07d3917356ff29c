// SPDX-License-Identifier: BSD-2-Clause
/* A hash table with linear probing, and its hash function: multiplications with a secret factor. */
#include "base/hashmap.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/clock.h"

static struct {
	uint64_t start, factor;
} secret;
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void draw_secret(void)
{
	/* Early in boot there may be no random numbers yet: then the load address and the time do.
	 */
	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) != sizeof(secret)) {
		secret.start = (uintptr_t)&secret;
		secret.factor = fs_mono_ns() * 0x9e3779b97f4a7c15ull;
	}
	secret.factor |= 1;
}

static uint64_t mix(uint64_t x)
{
	unsigned __int128 product = (unsigned __int128)x * secret.factor;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t fs_hash(const void *data, size_t n)
{
	const unsigned char *at = data;
	uint64_t h, part;

	pthread_once(&secret_once, draw_secret);
	h = secret.start ^ n;
	for (; n >= sizeof(part); n -= sizeof(part), at += sizeof(part)) {
		memcpy(&part, at, sizeof(part));
		h = mix(h ^ part);
	}
	part = 0;
	memcpy(&part, at, n);
	return mix(mix(h ^ part) ^ secret.start);
}

/* Where @key is looked for first. The secret is there: a table with room was grown. */
static size_t home(const struct fs_hashmap *m, uint64_t key)
{
	return mix(key ^ secret.start) & (m->cap - 1);
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

	pthread_once(&secret_once, draw_secret);
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
