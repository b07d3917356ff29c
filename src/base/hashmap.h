/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table from a 64-bit number to a pointer: processes, threads and VMs by their ids. */
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

#endif
