/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood, "Fast
 * splittable pseudorandom number generators", OOPSLA 2014). For resampling and for shuffling the
 * order of an experiment, not for secrets.
 */
#ifndef FORKSCOPE_RNG_H
#define FORKSCOPE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct fss_rng {
	uint64_t s; /* the seed, any number */
};

static inline uint64_t fss_rng_next(struct fss_rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Uniform in [0, n), n > 0. The bias of the multiplication is below n / 2^64. */
static inline size_t fss_rng_below(struct fss_rng *r, size_t n)
{
	return (size_t)(((unsigned __int128)fss_rng_next(r) * n) >> 64);
}

/* Puts @n things into a random order: @swap exchanges number i and j (Fisher and Yates). */
static inline void fss_rng_shuffle(struct fss_rng *r, size_t n,
				   void (*swap)(void *arg, size_t i, size_t j), void *arg)
{
	for (size_t i = n; i > 1; i--)
		swap(arg, i - 1, fss_rng_below(r, i));
}

#endif
