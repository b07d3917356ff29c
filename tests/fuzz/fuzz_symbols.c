// SPDX-License-Identifier: BSD-2-Clause
/* Guest symbol files: anything may stand in them. Whatever is read must also be usable. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/result/digest.h"
#include "guestsyms/kaslr.h"
#include "guestsyms/symload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fsa_seg segs[] = {
		{.t1 = 1, .isa = 2, .reason = 0x78, .rip = 0xffffffff81400482},
		{.t1 = 1, .isa = 2, .reason = 0x7c, .rip = 0xffffffff81400405},
		{.t1 = 1, .isa = 2, .reason = 0x400, .rip = 0xffffffff81200000},
	};
	struct fsa_fork fork = {.id = 1, .segs = segs, .nsegs = 3, .guest = {.read = true}};
	struct fsa_result res = {.forks = &fork, .nforks = 1};
	struct fsy_syms *s = NULL;
	char err[256] = "";
	uint8_t code[16];
	uint64_t off;

	if (fsy_syms_parse(data, size, "fuzz", &s, err, sizeof(err))) {
		if (!*err)
			abort(); /* a refusal says why */
		return 0;
	}
	if (fsa_digest(&fork))
		abort();
	fsy_kaslr_find(s, &res, 0);
	fsy_kaslr_check_own(s, &res, fork.guest.id);
	free(fork.places);
	for (size_t i = 0; i < 3; i++) {
		const char *name = fsy_syms_find(s, segs[i].rip, &off);

		if (name && strlen(name) >= 1024)
			abort();
		fsy_syms_code(s, segs[i].rip, code, sizeof(code));
	}
	fsy_syms_raw(s, UINT64_MAX, &off);
	fsy_syms_raw(s, 0, &off);
	fsy_syms_free(s);
	return 0;
}
