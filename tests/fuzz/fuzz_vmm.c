// SPDX-License-Identifier: BSD-2-Clause
/* What VMMs and guests say: answers, acks, prefetch words and files of ranges. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bench/prefetch.h"
#include "net/acks.h"
#include "vmm/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void prefetch(const char *text)
{
	struct fs_ranges none = {0}, out = {0};
	struct fs_prefetch_spec s;
	bool clamped;
	char err[200];

	if (fs_prefetch_parse(text, &s, err, sizeof(err)))
		return;
	if (!fs_prefetch_ranges(&s, 64u << 20, 5u << 20, &none, &out, &clamped, err, sizeof(err)))
		for (size_t i = 0; i < out.n; i++)
			if (!out.v[i].size || out.v[i].offset + out.v[i].size > 64u << 20)
				abort();
	fs_vec_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[200], shown[100], *text = malloc(size + 1);
	struct fs_ack a;
	json_t *o;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	o = fs_answer_parse(text, size, err, sizeof(err));
	fs_answer_string(o, "version");
	json_decref(o);
	fs_answer_show(text, size, shown, sizeof(shown));
	if (!fs_ack_parse(data, size, &a))
		for (const char *c = a.stage; *c; c++)
			if (*c <= ' ' || *c > '~')
				abort();
	prefetch(text);
	free(text);
	return 0;
}
