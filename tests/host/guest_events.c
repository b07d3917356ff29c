// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "guest_events.h"
#include "record/guest/guest_data.h"

#define MAX_VCPUS 64

struct span {
	uint64_t entry, exit;
};

/* When a vCPU was in guest mode. The last span is open: an exit without an entry has no record. */
struct vcpu {
	struct span *spans;
	size_t n, room;
};

static struct span *add_span(struct vcpu *v)
{
	if (v->n == v->room) {
		v->room = v->room ? 2 * v->room : 1024;
		v->spans = realloc(v->spans, v->room * sizeof(*v->spans));
		if (!v->spans)
			abort();
	}
	return &v->spans[v->n++];
}

static void read_spans(struct fsr_reader *r, uint32_t vm, struct vcpu *vcpus)
{
	const struct fs_ev *ev;

	while (fsr_next(r, &ev) == 1) {
		const struct fs_ev_vmexit *x = (const void *)ev;
		struct vcpu *v;

		if (ev->kind != FS_EV_VMEXIT || ev->vm != vm || x->vcpu_id >= MAX_VCPUS)
			continue;
		v = &vcpus[x->vcpu_id];
		if (v->n && x->ts_exit)
			v->spans[v->n - 1].exit = x->ts_exit;
		*add_span(v) = (struct span){ev->ts, UINT64_MAX};
	}
	fsr_rewind(r);
}

/* How far @t is from guest mode: 0 = in it. */
static uint64_t distance(const struct vcpu *v, uint64_t t)
{
	size_t low = 0, high = v->n;
	uint64_t before, after;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (v->spans[middle].entry <= t)
			low = middle + 1;
		else
			high = middle;
	}
	before = low ? (t <= v->spans[low - 1].exit ? 0 : t - v->spans[low - 1].exit) : UINT64_MAX;
	after = low < v->n ? v->spans[low].entry - t : UINT64_MAX;
	return before < after ? before : after;
}

static uint64_t to_host(const struct fsa_guest *g, uint64_t guest_ns)
{
	double since = (double)(int64_t)(guest_ns - g->ref_ns);

	return guest_ns + (uint64_t)g->offset_ns +
	       (uint64_t)(int64_t)(since * (double)g->rate_ppb / 1e9);
}

static void print_sends(const struct fsa_guest *g, const struct fsr_guest_data *data)
{
	const char *comma = "";

	printf("\"sends\": [");
	for (size_t i = 0; i < data->nrings; i++) {
		for (size_t n = 0; n < data->rings[i].n; n++) {
			const struct fsg_rec *rec = &data->rings[i].recs[n];

			if (rec->kind == FSG_K_UDP_SEND) {
				printf("%s[%" PRIu64 ", %u]", comma, to_host(g, rec->ts), rec->x);
				comma = ", ";
			}
		}
	}
	printf("]");
}

static void print_all(const struct fsa_fork *f, const struct fsr_guest_data *data,
		      struct vcpu *vcpus)
{
	uint64_t events = 0, outside = 0, worst = 0;

	for (size_t i = 0; i < data->nrings; i++) {
		const struct fsr_guest_ring *ring = &data->rings[i];

		if (ring->kind != FSR_GP_RING || ring->index >= MAX_VCPUS)
			continue;
		for (size_t n = 0; n < ring->n; n++) {
			uint64_t away =
				distance(&vcpus[ring->index], to_host(&f->guest, ring->recs[n].ts));

			events++;
			outside += away > f->clock_error_ns;
			worst = away > worst ? away : worst;
		}
	}
	printf("\"inside\": {\"events\": %" PRIu64 ", \"outside\": %" PRIu64
	       ", \"worst_ns\": %" PRIu64 ", ",
	       events, outside, worst);
	print_sends(&f->guest, data);
	printf("},\n ");
}

void guest_events_print(struct fsr_reader *r, const struct fsa_fork *f)
{
	struct vcpu vcpus[MAX_VCPUS] = {0};
	struct fsr_guest_data *data;

	if (!f->guest.used || fsr_guest_load(r, f->vm, &data) != 1)
		return;
	fsr_rewind(r);
	read_spans(r, f->vm, vcpus);
	print_all(f, data, vcpus);
	for (size_t i = 0; i < MAX_VCPUS; i++)
		free(vcpus[i].spans);
	fsr_guest_free(data);
}
