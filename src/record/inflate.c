// SPDX-License-Identifier: BSD-2-Clause
/* Inflates a zlib stream up to a limit. */
#include "record/inflate.h"
#include <errno.h>
#include <zlib.h>
#include "base/vec.h"

#define STEP ((size_t)256 << 10)

int fsr_inflate(struct fsr_text *t, const void *data, size_t bytes, size_t max)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)bytes};
	size_t was = t->n;
	int got = Z_OK, ret = 0;

	if (inflateInit(&z) != Z_OK)
		return -ENOMEM;
	while (got == Z_OK && !ret) {
		size_t left = max > t->n ? max - t->n : 0, room = left < STEP ? left + 1 : STEP;

		if (fs_vec_reserve(t, room + 2)) {
			ret = -ENOMEM;
			break;
		}
		z.next_out = (Bytef *)t->v + t->n;
		z.avail_out = (uInt)room;
		got = inflate(&z, Z_NO_FLUSH);
		t->n += room - z.avail_out;
		if (t->n > max)
			ret = -E2BIG;
	}
	inflateEnd(&z);
	if (!ret && got != Z_STREAM_END)
		ret = -EBADMSG;
	if (ret)
		t->n = was;
	return ret;
}
