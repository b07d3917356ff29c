// SPDX-License-Identifier: BSD-2-Clause
/* Makes room in a growing array. */
#include "base/vec.h"
#include <stdint.h>

void *fs_vec_room(void *v, size_t n, size_t *cap, size_t extra, size_t size)
{
	size_t need, want;
	void *moved;

	if (__builtin_add_overflow(n, extra, &need))
		return NULL;
	if (v && need <= *cap)
		return v;
	want = *cap > SIZE_MAX / 2 ? need : *cap * 2;
	if (want < need)
		want = need;
	if (want < 8)
		want = 8;
	moved = reallocarray(v, want, size);
	if (moved)
		*cap = want;
	return moved;
}
