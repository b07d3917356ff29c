// SPDX-License-Identifier: BSD-2-Clause
/* at_guest_align(): timelines of vCPU threads and a guest's rings, made from a known mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "attribute/state/at.h"
#include "attribute/guest/guest_align.h"
#include "attribute/records/records.h"
#include "align_truth.h"

#define US 1000ull
#define MS 1000000ull

static const struct truth_opts usual = {
	.vcpus = 2,
	.length = 1200 * MS,
	.run = 70 * US,
	.exit = 60 * US,
	.halts = 300,
	.per_span = 1,
	.late = 200 * MS,
	.edge = 12 * US,
	.host0 = 5000000000000ull,
	.guest0 = 77000000000ull,
	.rate = 15e-6,
};

struct world {
	struct truth t;
	struct at a;
	struct at_vm vm;
	struct at_proc proc;
	struct at_thr thr[TRUTH_MAX_VCPUS];
	struct fsr_guest_data g;
	struct fsr_guest_ring rings[TRUTH_MAX_VCPUS + 1];
	struct fsg_rec *recs[TRUTH_MAX_VCPUS + 1];
};

static void fill_ring(struct world *w, size_t k, uint16_t kind, uint16_t index,
		      const uint64_t *times, size_t n)
{
	w->recs[k] = calloc(n + 1, sizeof(*w->recs[k]));
	assert_non_null(w->recs[k]);
	for (size_t i = 0; i < n; i++)
		w->recs[k][i] = (struct fsg_rec){
			.ts = times[i], .seq = (uint32_t)i + 1, .kind = FSG_K_WAKEUP};
	w->rings[k] =
		(struct fsr_guest_ring){.kind = kind, .index = index, .recs = w->recs[k], .n = n};
	w->g.nrings = k + 1;
}

/* Exits up to @known (host ns); what came later had not been emitted when it is asked. */
static void fill_thread(struct world *w, size_t k, uint64_t known)
{
	const struct truth_vcpu *v = &w->t.v[k];
	struct at_thr *t = &w->thr[k];

	t->vcpu_id = (uint32_t)k;
	t->is_vcpu = true;
	t->vm = &w->vm;
	t->first_run = v->spans.v[0].entry - 30 * US;
	must_push(&t->exits,
		  (struct at_exit){.t0 = t->first_run, .t1 = v->spans.v[0].entry, .first = 1});
	for (size_t i = 1; i < v->spans.n && v->spans.v[i].entry < known; i++)
		must_push(&t->exits, (struct at_exit){.t0 = v->spans.v[i - 1].exit,
						      .t1 = v->spans.v[i].entry});
	must_push(&w->vm.vcpus, t);
}

static void make(struct world *w, const struct truth_opts *o, uint64_t known)
{
	memset(w, 0, sizeof(*w));
	truth_make(&w->t, o);
	w->vm.resume = o->host0 - 100 * US;
	w->vm.end = UINT64_MAX / 2;
	for (size_t i = 0; i < o->vcpus; i++) {
		const struct truth_vcpu *v = &w->t.v[i];

		fill_thread(w, i, known);
		fill_ring(w, i, FSR_GP_RING, (uint16_t)i, v->events.v, v->events.n);
	}
	w->g.rings = w->rings;
	w->g.state = FSR_GS_READ;
	w->g.read_ns = w->g.done_ns = o->host0 + o->length;
}

static void drop(struct world *w)
{
	for (size_t i = 0; i < w->t.o.vcpus; i++)
		at_thr_drop(&w->thr[i]);
	for (size_t i = 0; i < TRUTH_MAX_VCPUS + 1; i++)
		free(w->recs[i]);
	fs_vec_free(&w->vm.vcpus);
	fs_vec_free(&w->vm.txs);
	fs_vec_free(&w->vm.pvclocks);
	fs_vec_free(&w->vm.tsc_offsets);
	fs_vec_free(&w->a.clocks);
	truth_free(&w->t);
}

static char why[256];

static int aligned(struct world *w, struct fsl_map *m)
{
	int ret = at_guest_align(&w->a, &w->vm, &w->g, m, why, sizeof(why));

	if (ret) {
		assert_true(*why);
		return ret;
	}
	assert_int_equal(m->outside, 0);
	assert_true(truth_distance(&w->t, m) <= (double)m->error_ns);
	return 0;
}

static void well(struct world *w, struct fsl_map *m)
{
	if (aligned(w, m))
		fail_msg("%s", why);
}

static void rings_of_two_cpus(void **state)
{
	struct fsl_map m;
	struct world w;
	char text[160];

	(void)state;
	make(&w, &usual, UINT64_MAX);
	well(&w, &m);
	assert_in_range(m.error_ns, 5 * US, 20 * US);
	assert_int_equal(m.events, w.rings[0].n + w.rings[1].n);
	assert_false(m.clock_used);
	assert_non_null(
		strstr(at_guest_limits(&m, text, sizeof(text)), "no clock data: the guest's"));
	/* APIC numbers with a hole: the guest's CPU 1 is the second vCPU */
	w.thr[1].vcpu_id = 4;
	well(&w, &m);
	/* turned round they do not fit */
	w.thr[0].vcpu_id = 9;
	assert_int_equal(aligned(&w, &m), -ERANGE);
	w.thr[0].vcpu_id = 0;
	w.rings[1].index = 2;
	assert_int_equal(aligned(&w, &m), -ENODATA);
	assert_non_null(strstr(why, "its CPU 2"));
	drop(&w);
}

/* Rings are read after the end; of exits after the last known one nothing is known. */
static void records_after_the_last_exit(void **state)
{
	struct fsl_map m;
	struct world w;

	(void)state;
	make(&w, &usual, usual.host0 + 600 * MS);
	well(&w, &m);
	assert_int_equal(m.events, w.rings[0].n + w.rings[1].n);
	assert_true(m.error_ns > 20 * US);
	drop(&w);
	/* what lies after the window is not asked for */
	make(&w, &usual, usual.host0 + 610 * MS);
	w.vm.end = usual.host0 + 600 * MS;
	assert_int_equal(at_guest_align(&w.a, &w.vm, &w.g, &m, why, sizeof(why)), 0);
	assert_in_range(m.error_ns, 5 * US, 20 * US);
	assert_true(m.events < w.rings[0].n + w.rings[1].n);
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < w.t.v[i].at.n && w.t.v[i].at.v[k] < w.vm.end; k++)
			assert_true(llabs((int64_t)(fsl_to_host(&m, w.t.v[i].events.v[k]) -
						    w.t.v[i].at.v[k])) <= (int64_t)m.error_ns);
	drop(&w);
}

/* The agent says not on which CPU it was: on one of them. */
static void agents_ring(void **state)
{
	struct fsl_map m;
	struct world w;

	(void)state;
	make(&w, &usual, UINT64_MAX);
	fill_ring(&w, 2, FSR_GP_AGENT, 0, w.t.v[1].events.v, w.t.v[1].events.n);
	w.rings[1].n = 0;
	well(&w, &m);
	assert_int_equal(m.events, w.rings[0].n + w.rings[2].n);
	/* and on none of them it was not: 50 ms before the resume; an hour and more away */
	w.recs[2][7].ts = truth_guest(&w.t, usual.host0 - 50 * MS);
	assert_int_equal(aligned(&w, &m), -ERANGE);
	assert_int_equal(m.outside, 1);
	w.recs[2][8].ts = UINT64_MAX - 3;
	assert_int_equal(aligned(&w, &m), -ERANGE);
	assert_int_equal(m.outside, 2);
	drop(&w);
}

/* Off its CPU a vCPU is not in guest mode, even if the exit was not recorded. */
static void off_cpu_is_not_guest_mode(void **state)
{
	struct fsl_map m, cut;
	struct truth_opts o = usual;
	struct world w;

	(void)state;
	o.vcpus = 1;
	make(&w, &o, UINT64_MAX);
	well(&w, &m);
	/* take the records of every other exit away, and say it in sleeps */
	for (size_t i = 1, n = 1; i < w.thr[0].exits.n; i++) {
		struct at_exit *x = &w.thr[0].exits.v[i];

		if (i % 2)
			must_push(&w.thr[0].offs, (struct at_off){.out = x->t0, .in = x->t1});
		else
			w.thr[0].exits.v[n++] = *x;
		if (i + 1 == w.thr[0].exits.n) {
			w.thr[0].exits.n = n;
			break;
		}
	}
	well(&w, &cut);
	assert_int_equal(cut.error_ns, m.error_ns);
	w.thr[0].offs.n = 0;
	well(&w, &cut);
	assert_true(cut.error_ns > m.error_ns);
	drop(&w);
}

/* A reading may take long, and the guest goes on meanwhile: its end is the bound, not its
 * beginning. */
static void a_long_reading(void **state)
{
	struct fsl_map m;
	struct world w;

	(void)state;
	make(&w, &usual, UINT64_MAX);
	w.g.read_ns = usual.host0;
	well(&w, &m);
	w.g.done_ns = usual.host0; /* then none of it could have been written */
	assert_int_equal(aligned(&w, &m), -ERANGE);
	drop(&w);
}

/* --- datagrams --- */

static void send(struct world *w, size_t i, uint32_t port, uint64_t bytes)
{
	w->recs[0][i].kind = FSG_K_UDP_SEND;
	w->recs[0][i].x = port;
	w->recs[0][i].a = bytes;
}

static void left(struct world *w, size_t i, uint64_t after, uint16_t port, uint16_t bytes)
{
	must_push(&w->vm.txs, (struct at_tx){w->t.v[0].at.v[i] + after, port, bytes});
}

static void datagrams_limit(void **state)
{
	struct truth_opts o = usual;
	struct fsl_map m, with;
	struct world w;
	char text[160];
	size_t n;

	(void)state;
	o.vcpus = 1;
	make(&w, &o, UINT64_MAX);
	well(&w, &m);
	n = w.rings[0].n;
	send(&w, 0, 9000, 40);
	send(&w, n / 2, 9001, 40);
	send(&w, n / 2 + 9, 9001, 40); /* lost on its way, or the one before it */
	send(&w, n - 1, 9000, 40);
	left(&w, 0, 1 * US, 9000, 40);
	left(&w, n / 2, 1 * US, 9001, 40);
	left(&w, n - 1, 1 * US, 9000, 40);
	well(&w, &with);
	assert_true(with.error_ns < m.error_ns);
	assert_true(with.high_by == FSL_L_PAIRS);
	assert_non_null(
		strstr(at_guest_limits(&with, text, sizeof(text)), "a datagram's transit above"));
	/* more left than were sent: one was on its way at the snapshot. Nothing is known */
	left(&w, 1, 1 * US, 9001, 40);
	left(&w, 0, 1 * US, 9001, 40);
	w.vm.txs.v[w.vm.txs.n - 1].ts -= 100 * MS;
	well(&w, &with);
	/* one that left before it was sent */
	w.vm.txs.n = 1;
	w.vm.txs.v[0].ts -= 100 * MS;
	assert_int_equal(aligned(&w, &with), -ERANGE);
	/* but where records are missing it may have been another */
	w.g.lost = 1;
	well(&w, &with);
	drop(&w);
}

/* --- clocks --- */

#define TSC(mono) ((uint64_t)((double)(mono)*2.5))

/* A guest whose MONOTONIC is its kvmclock less 3 s, at one rate with the host. */
static void add_clocks(struct world *w)
{
	const uint64_t guest0 = usual.guest0, host0 = usual.host0, back = 3000000000ull;

	w->g.dir.clocksource = 1;
	w->g.dir.clocks[0] = (struct fsg_clock){
		.tsc = 1000 + TSC(guest0 - 2000 * MS),
		.tsc_width = 1000,
		.mono_ns = guest0 - 2000 * MS,
		.pv_tsc_timestamp = 1000 + TSC(guest0 - 5000 * MS),
		.pv_system_time = guest0 - 5000 * MS + back,
		.pv_version = 2,
		.pv_mul = 3435973837u,
		.pv_shift = -1,
	};
	for (uint32_t i = 0; i < 2; i++) {
		struct fs_ev_pvclock pv = {
			.h = {.vm = 1, .tgid = 10, .ts = host0 - 1 * MS},
			.tsc_timestamp = 1000 + TSC(guest0),
			.system_time = guest0 + back,
			.tsc_to_system_mul = 3435973837u,
			.tsc_shift = -1,
			.vcpu_id = i,
		};
		struct fs_ev_tsc_offset o = {
			.h = {.vm = 1, .tgid = 10, .ts = host0 - 2 * MS},
			.next = 7777,
			.vcpu_id = i,
		};

		assert_int_equal(at_on_tsc_offset(&w->a, &o), 0);
		o.next = 1000 + TSC(guest0) - TSC(host0);
		assert_int_equal(at_on_tsc_offset(&w->a, &o), 0);
		assert_int_equal(at_on_pvclock(&w->a, &pv), 0);
	}
	for (uint64_t ms = 0; ms < 3000; ms += 500) {
		struct fs_ev_clock c = {.tsc = TSC(host0 - 500 * MS + ms * MS),
					.tsc_width = 1000,
					.mono_ns = host0 - 500 * MS + ms * MS};

		assert_int_equal(at_on_clock(&w->a, &c), 0);
	}
}

static void the_vms_clock(void **state)
{
	struct truth_opts o = usual;
	struct fsl_map m;
	struct world w;
	char text[160];

	(void)state;
	o.rate = 0;
	make(&w, &o, UINT64_MAX);
	w.vm.id = 1;
	w.vm.proc = &w.proc;
	assert_int_equal(fs_hashmap_put(&w.a.vms, 1, &w.vm), 0);
	add_clocks(&w);
	assert_int_equal(w.vm.pvclocks.n, 2);
	assert_int_equal(w.vm.tsc_offsets.n, 2);
	well(&w, &m);
	if (!m.clock_used)
		fail_msg("%s", m.clock_why);
	assert_true(m.error_ns < 1500 && m.containment_error_ns > 5 * US);
	assert_int_equal(m.low_by, FSL_L_CLOCK);
	assert_string_equal(at_guest_limits(&m, text, sizeof(text)), "the VM's clock");
	/* a guest that says its clock was 100 us another */
	w.g.dir.clocks[0].mono_ns += 100 * US;
	well(&w, &m);
	assert_false(m.clock_used);
	assert_non_null(strstr(at_guest_limits(&m, text, sizeof(text)), "than containment allows"));
	fs_hashmap_free(&w.a.vms);
	drop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_of_two_cpus), cmocka_unit_test(records_after_the_last_exit),
		cmocka_unit_test(agents_ring),       cmocka_unit_test(off_cpu_is_not_guest_mode),
		cmocka_unit_test(a_long_reading),    cmocka_unit_test(datagrams_limit),
		cmocka_unit_test(the_vms_clock),
	};

	return cmocka_run_group_tests_name("guest_align", tests, NULL, NULL);
}
