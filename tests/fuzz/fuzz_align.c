// SPDX-License-Identifier: BSD-2-Clause
/*
 * Guest time to host time from any numbers: an answer that keeps what it promises, or a refusal
 * that says why. The bytes are small steps of times, so that some of it fits together.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "align/clock_map.h"

#define MAX 48

struct bytes {
	const uint8_t *p;
	size_t left;
};

static uint64_t take(struct bytes *b, size_t n)
{
	uint64_t v = 0;

	n = n < b->left ? n : b->left;
	memcpy(&v, b->p, n);
	b->p += n;
	b->left -= n;
	return v;
}

/* A moment some time after @from; seldom any other. */
static uint64_t after(struct bytes *b, uint64_t from)
{
	uint64_t step = take(b, 1);

	return step == 0xff ? take(b, 8) : from + (step & 0x80 ? step << 12 : step * 16);
}

static void clocks(struct bytes *b, const struct fsl_input *in, struct fsl_clock *out)
{
	struct fsg_clock guest[2];
	struct fsl_host_clock host[3];
	struct fsl_pvclock pv = {0};
	struct fsl_tsc_offset offset = {.offset = take(b, 8)};
	struct fsl_clock_input c = {
		.guest = guest,
		.nguest = 2,
		.clocksource = (uint32_t)take(b, 1) % 4,
		.guest_khz = take(b, 4),
		.first = in->vcpus[0].nevents ? in->vcpus[0].events[0] : 0,
		.host = host,
		.nhost = 3,
		.pv = &pv,
		.npv = 1,
		.offset = &offset,
		.noffset = 1,
	};

	c.last = c.first + take(b, 4);
	for (size_t i = 0; i < 2; i++) {
		memset(&guest[i], 0, sizeof(guest[i]));
		memcpy(&guest[i], b->p, b->left < sizeof(guest[i]) ? b->left : sizeof(guest[i]));
	}
	for (size_t i = 0; i < 3; i++)
		host[i] = (struct fsl_host_clock){take(b, 6), take(b, 2), i * 1000000000};
	pv.tsc_timestamp = take(b, 8);
	pv.system_time = take(b, 8);
	pv.mul = (uint32_t)take(b, 4);
	pv.shift = (int8_t)take(b, 1);
	fsl_vm_clock(&c, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = {data, size};
	struct fsl_span spans[2][MAX];
	uint64_t events[2][MAX], t = 1ull << 40, g = 1ull << 30;
	struct fsl_pair pairs[4];
	struct fsl_vcpu vcpus[2];
	struct fsl_input in = {.vcpus = vcpus, .pairs = pairs};
	struct fsl_map m;
	char err[200] = "";

	in.nvcpus = take(&b, 1) % 3;
	in.npairs = take(&b, 1) % 5;
	for (size_t c = 0; c < 2; c++) {
		vcpus[c] = (struct fsl_vcpu){spans[c], take(&b, 1) % MAX, events[c],
					     take(&b, 1) % MAX, 0};
		for (size_t i = 0; i < vcpus[c].nspans; i++) {
			spans[c][i].entry = after(&b, i ? spans[c][i - 1].exit : t);
			spans[c][i].exit = after(&b, spans[c][i].entry);
		}
		for (size_t i = 0; i < vcpus[c].nevents; i++)
			events[c][i] = after(&b, i ? events[c][i - 1] : g);
		if (take(&b, 1) & 1)
			vcpus[c].open = after(&b, t);
	}
	for (size_t i = 0; i < 4; i++)
		pairs[i] = (struct fsl_pair){after(&b, g), after(&b, t), take(&b, 1) & 1};
	if (in.nvcpus && take(&b, 1) & 1)
		clocks(&b, &in, &in.clock);
	if (fsl_align(&in, &m, err, sizeof(err))) {
		if (!*err)
			abort();
	} else if (m.outside || llabs(m.rate_ppb) > FSL_MAX_RATE_PPB) {
		abort();
	}
	fsl_to_host(&m, take(&b, 8));
	return 0;
}
