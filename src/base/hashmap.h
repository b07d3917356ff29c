/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hashes, and a hash table from a 64-bit number to a pointer. Names and numbers come from
 * recordings that others may have made. So a secret of this process is mixed into every hash:
 * nobody can choose keys that all meet in one place. Nothing may depend on the order in a table, or
 * keep a hash.
 *
 * For other keys than numbers: the number is fs_hash() of the key, the pointer leads to a chain of
 * all that have this hash.
 */
#ifndef FORKSCOPE_HASHMAP_H
#define FORKSCOPE_HASHMAP_H

#include <stddef.h>
#include <stdint.h>

struct fs_hashmap {
	struct fs_hashslot {
		uint64_t key;
		void *val; /* NULL = free */
	} * v;
	size_t n, cap; /* cap is a power of two */
};

void *fs_hashmap_get(const struct fs_hashmap *m, uint64_t key);
/* Sets or replaces. @val is not NULL. Returns 0 or -ENOMEM. */
int fs_hashmap_put(struct fs_hashmap *m, uint64_t key, void *val);
void fs_hashmap_del(struct fs_hashmap *m, uint64_t key);
void fs_hashmap_free(struct fs_hashmap *m);

/* The hash of @n bytes, the same for the same bytes as long as this process lives. */
uint64_t fs_hash(const void *data, size_t n);

#endif
