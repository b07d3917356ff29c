/* SPDX-License-Identifier: BSD-2-Clause */
/* Inflating what a hostile file or guest calls a zlib stream. */
#ifndef FORKSCOPE_INFLATE_H
#define FORKSCOPE_INFLATE_H

#include <stddef.h>
#include <stdint.h>

/* A growing text, to be used with the macros of base/vec.h. */
struct fsr_text {
	char *v;
	size_t n, cap;
};

/*
 * Appends the inflated @data to @t, which has room for two more bytes afterwards. Returns 0,
 * -EBADMSG (no whole zlib stream), -E2BIG (@t would be longer than @max bytes) or -ENOMEM; then @t
 * holds as many bytes as before.
 */
int fsr_inflate(struct fsr_text *t, const void *data, size_t bytes, size_t max);

#endif
