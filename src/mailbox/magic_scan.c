// SPDX-License-Identifier: BSD-2-Clause
/* Finds the magic of a mailbox in memory, with AVX2, SSE2, or without. */
#include "mailbox/magic_scan.h"
#include <string.h>
#include "mailbox/mbox_layout.h"

/*
 * A search for one byte would stop at every 256th byte of dense data; for two bytes at a fixed
 * distance at every 65,536th. Both are capitals, which are rare in a guest's memory, and are not
 * next to each other, so that words in capitals (TYPE, CRYPTO) seldom match by their pairs.
 */
#define FIRST_AT  1 /* Y */
#define SECOND_AT 4 /* M */

_Static_assert(sizeof(FS_MBOX_PREFIX) == FS_MBOX_PREFIX_LEN + 1 && FS_MBOX_PREFIX_LEN == 8,
	       "the prefix is compared as one word of 64 bits");

static inline int is_prefix(const uint8_t *p)
{
	uint64_t a, b;

	memcpy(&a, p, 8);
	memcpy(&b, FS_MBOX_PREFIX, 8);
	return a == b;
}

static const uint8_t *find_plain(const uint8_t *from, const uint8_t *end)
{
	while (end - from >= (ptrdiff_t)FS_MBOX_PREFIX_LEN) {
		const uint8_t *hit = memchr(from + FIRST_AT, FS_MBOX_PREFIX[FIRST_AT],
					    (size_t)(end - from) - FS_MBOX_PREFIX_LEN + 1);

		if (!hit)
			return NULL;
		if (is_prefix(hit - FIRST_AT))
			return hit - FIRST_AT;
		from = hit - FIRST_AT + 1;
	}
	return NULL;
}

static int always(void)
{
	return 1;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* How far ahead of the reading to fetch: the hardware's own fetching stops at each page's end. */
#define AHEAD 2048

/* Candidates of one block of @bits positions from @p on; those too near to @end are no matches. */
static const uint8_t *first_match(const uint8_t *p, uint64_t bits)
{
	for (; bits; bits &= bits - 1) {
		const uint8_t *at = p + __builtin_ctzll(bits);

		if (is_prefix(at))
			return at;
	}
	return NULL;
}

__attribute__((target("avx2"))) static inline __m256i pair32(const uint8_t *p)
{
	const __m256i first = _mm256_set1_epi8(FS_MBOX_PREFIX[FIRST_AT]);
	const __m256i second = _mm256_set1_epi8(FS_MBOX_PREFIX[SECOND_AT]);
	__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(p + FIRST_AT));
	__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + SECOND_AT));

	return _mm256_and_si256(_mm256_cmpeq_epi8(a, first), _mm256_cmpeq_epi8(b, second));
}

/* 128 positions a round, of which each reads up to 8 bytes on. */
__attribute__((target("avx2"))) static const uint8_t *find_avx2(const uint8_t *from,
								const uint8_t *end)
{
	const uint8_t *p = from;

	for (; end - p >= 128 + (ptrdiff_t)FS_MBOX_PREFIX_LEN; p += 128) {
		__m256i m[4], any;
		const uint8_t *hit;

		_mm_prefetch((const char *)p + AHEAD, _MM_HINT_T0);
		_mm_prefetch((const char *)p + AHEAD + 64, _MM_HINT_T0);
		for (int i = 0; i < 4; i++)
			m[i] = pair32(p + 32 * i);
		any = _mm256_or_si256(_mm256_or_si256(m[0], m[1]), _mm256_or_si256(m[2], m[3]));
		if (__builtin_expect(_mm256_testz_si256(any, any), 1))
			continue;
		for (int i = 0; i < 4; i++) {
			hit = first_match(p + 32 * i, (uint32_t)_mm256_movemask_epi8(m[i]));
			if (hit)
				return hit;
		}
	}
	return find_plain(p, end);
}

static inline __m128i pair16(const uint8_t *p)
{
	const __m128i first = _mm_set1_epi8(FS_MBOX_PREFIX[FIRST_AT]);
	const __m128i second = _mm_set1_epi8(FS_MBOX_PREFIX[SECOND_AT]);
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(p + FIRST_AT));
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + SECOND_AT));

	return _mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, second));
}

static const uint8_t *find_sse2(const uint8_t *from, const uint8_t *end)
{
	const uint8_t *p = from;

	for (; end - p >= 64 + (ptrdiff_t)FS_MBOX_PREFIX_LEN; p += 64) {
		__m128i m[4], any;
		const uint8_t *hit;

		_mm_prefetch((const char *)p + AHEAD, _MM_HINT_T0);
		for (int i = 0; i < 4; i++)
			m[i] = pair16(p + 16 * i);
		any = _mm_or_si128(_mm_or_si128(m[0], m[1]), _mm_or_si128(m[2], m[3]));
		if (__builtin_expect(_mm_movemask_epi8(any) == 0, 1))
			continue;
		for (int i = 0; i < 4; i++) {
			hit = first_match(p + 16 * i, (uint32_t)_mm_movemask_epi8(m[i]));
			if (hit)
				return hit;
		}
	}
	return find_plain(p, end);
}

static int has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}
#endif

const struct fs_scan_method fs_scan_methods[] = {
#if defined(__x86_64__)
	{"avx2", find_avx2, has_avx2},
	{"sse2", find_sse2, always},
#endif
	{"plain", find_plain, always},
	{NULL, NULL, NULL},
};

const struct fs_scan_method *fs_scan_best(void)
{
	const struct fs_scan_method *method = fs_scan_methods;

	while (!method->usable())
		method++;
	return method;
}
