/* SPDX-License-Identifier: BSD-2-Clause */
/* The symbols of the guest's kernel, so that a snapshot describes itself. */
#ifndef FORKSCOPE_GUEST_SYMBOLS_H
#define FORKSCOPE_GUEST_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct guest_symbols {
	uint8_t *z; /* zlib: the lines of /proc/kallsyms that are of text */
	size_t bytes;
	size_t raw_bytes;
	size_t count;
};

/* Returns 0, or a negative errno and a sentence in @err (addresses hidden, no kallsyms). */
int guest_symbols_read(struct guest_symbols *s, char *err, size_t len);
void guest_symbols_free(struct guest_symbols *s);

#endif
