/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table from a 64-bit number to a pointer: processes, threads and VMs by their ids. */
#ifndef FORKSCOPE_ATTR_IDMAP_H
#define FORKSCOPE_ATTR_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct at_idmap {
	struct at_idslot {
		uint64_t key;
		void *val; /* NULL = free */
	} * v;
	size_t n, cap; /* cap is a power of two */
};

void *at_idmap_get(const struct at_idmap *m, uint64_t key);
/* Sets or replaces. @val is not NULL. Returns 0 or -ENOMEM. */
int at_idmap_put(struct at_idmap *m, uint64_t key, void *val);
void at_idmap_del(struct at_idmap *m, uint64_t key);
void at_idmap_free(struct at_idmap *m);

#endif
