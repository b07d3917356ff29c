// SPDX-License-Identifier: BSD-2-Clause
/*
 * libFuzzer target: any bytes as a list of ranges or as a hot-page list. What is taken is written
 * and read again the same, and tidied it is sorted, disjoint, and holds all that it held.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "experiment/range_lists.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct fs_ranges *r, bool hpl)
{
	struct fs_ranges again = {0};
	char *text = NULL;
	uint64_t bad;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int ret;

	if (hpl)
		fsx_ranges_write_hpl(r, NULL, 0, f, &bad);
	else
		fsx_ranges_write(r, f);
	fclose(f);
	ret = hpl ? fsx_ranges_hpl(text, len, &again, NULL, 0)
		  : fsx_ranges_text(text, len, &again, NULL, 0);
	if (ret || again.n != r->n || (r->n && memcmp(again.v, r->v, r->n * sizeof(*r->v))))
		abort();
	fs_ranges_free(&again);
	free(text);
}

static void check_tidy(struct fs_ranges *r)
{
	uint64_t first = r->n ? r->v[0].offset : 0, last = r->n ? r->v[r->n - 1].offset : 0;

	fsx_ranges_tidy(r);
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].offset % FSX_PAGE || r->v[i].size % FSX_PAGE || !r->v[i].size ||
		    (i && r->v[i - 1].offset + r->v[i - 1].size >= r->v[i].offset) ||
		    fsx_ranges_have(r, r->v[i].offset + r->v[i].size))
			abort();
	if (r->n && (!fsx_ranges_have(r, first) || !fsx_ranges_have(r, last)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool hpl = size >= 4 && !memcmp(data, FSX_HPL_MAGIC, 4);
	struct fs_ranges r = {0};
	char err[200];
	int ret = hpl ? fsx_ranges_hpl(data, size, &r, err, sizeof(err))
		      : fsx_ranges_text((const char *)data, size, &r, err, sizeof(err));

	if (!ret) {
		check_again(&r, hpl);
		check_tidy(&r);
	}
	fs_ranges_free(&r);
	return 0;
}
