// SPDX-License-Identifier: BSD-2-Clause
/* Gathers the MISSED records of a recording when it is opened. */
#include "record/missed.h"
#include <errno.h>
#include <string.h>

int fsr_missed_add(struct fsr_missed *t, const void *recs, size_t bytes)
{
	const uint8_t *p = recs, *end = p + bytes;
	struct fs_ev_missed e;
	struct fs_ev h;

	for (; (size_t)(end - p) >= sizeof(h); p += h.len) {
		memcpy(&h, p, sizeof(h));
		if (h.len < sizeof(h) || h.len % 8 || h.len > (size_t)(end - p))
			break;
		if (h.kind != FS_EV_MISSED || h.len < sizeof(e))
			continue;
		memcpy(&e, p, sizeof(e));
		if (t->v.n >= FSR_MAX_MISSED || e.ts_start >= e.h.ts) {
			t->left_out++;
			continue;
		}
		e.prog[sizeof(e.prog) - 1] = '\0';
		if (fs_vec_push(&t->v, e))
			return -ENOMEM;
	}
	return 0;
}

void fsr_missed_free(struct fsr_missed *t)
{
	fs_vec_free(&t->v);
}
