/* SPDX-License-Identifier: BSD-2-Clause */
/* The stacks and kernel symbols of a recording, as STACKS and SYMBOLS chunks hold them. */
#ifndef FORKSCOPE_TABLES_H
#define FORKSCOPE_TABLES_H

#include <stddef.h>
#include <stdint.h>
#include "base/vec.h"
#include "record/inflate.h"

/* Bytes of each table that are kept at most: what a hostile file can make us hold. */
#define FSR_MAX_TABLE (256u << 20)

struct fsr_stack_ref {
	uint32_t id, depth;
	size_t at; /* index of its first address */
};

struct fsr_stacks {
	FS_VEC(struct fsr_stack_ref) refs;
	FS_VEC(uint64_t) addrs;
};

struct fsr_sym {
	uint64_t addr;
	size_t name;   /* offset in the text */
	size_t module; /* "[kvm]", an empty text for the kernel itself */
};

struct fsr_symbols {
	FS_VEC(struct fsr_sym) syms;
	struct fsr_text text; /* NUL-terminated lines after they were parsed */
};

/*
 * Adds the stacks of one chunk. Returns 0, -EBADMSG (a stack is longer than what is left), -E2BIG
 * (the table is full) or -ENOMEM.
 */
int fsr_stacks_add(struct fsr_stacks *t, const void *data, size_t bytes);
void fsr_stacks_sort(struct fsr_stacks *t); /* once, before the first look-up */
const struct fsr_stack_ref *fsr_stacks_find(const struct fsr_stacks *t, uint32_t id);
void fsr_stacks_free(struct fsr_stacks *t);

/*
 * Adds the deflated lines ("addr name [module]", addr in hexadecimal) of one chunk; a line that
 * is not of that form is passed over. Returns as above, -EBADMSG also for what does not inflate.
 */
int fsr_symbols_add(struct fsr_symbols *t, const void *data, size_t bytes);
void fsr_symbols_sort(struct fsr_symbols *t);
const struct fsr_sym *fsr_symbols_find(const struct fsr_symbols *t, uint64_t addr);
void fsr_symbols_free(struct fsr_symbols *t);

#endif
