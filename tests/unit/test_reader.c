// SPDX-License-Identifier: BSD-2-Clause
/* What the reader delivers from sound recordings; damaged ones are the matter of tests/format. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zlib.h>
#include "base/vec.h"
#include "tools/mkrec/compile.h"
#include "record/reader_impl.h"
#include "record/writer.h"
#include "tmp.h"

static struct fsr_reader *must_open(const char *path, size_t budget)
{
	char err[300] = "";
	struct fsr_reader *r = NULL;

	if (fsr_open_budget(path, budget, &r, err, sizeof(err)))
		fail_msg("%s: %s", path, err);
	return r;
}

static struct fsr_reader *must_compile(const char *text)
{
	char err[300] = "";
	const char *path = tmp_path("text.fsr");

	if (fsr_compile(text, path, err, sizeof(err)))
		fail_msg("%s", err);
	return must_open(path, FSR_MERGE_BUDGET);
}

static uint64_t next_ts(struct fsr_reader *r)
{
	const struct fs_ev *ev;
	int got = fsr_next(r, &ev);

	assert_true(got >= 0);
	return got ? ev->ts : 0;
}

/* --- order ---------------------------------------------------------------------------------- */

static uint32_t rnd_state = 1;

static uint32_t rnd(uint32_t below)
{
	rnd_state = rnd_state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)rnd_state * below) >> 32);
}

struct trace {
	FS_VEC(struct fs_ev_pio) want;
	uint64_t now;
	uint32_t seq[64];
};

static struct fs_ev_pio make_event(struct trace *t, uint16_t cpu, uint64_t ts)
{
	struct fs_ev_pio e = {
		.h = {.ts = ts,
		      .seq = t->seq[cpu]++,
		      .kind = FS_EV_PIO,
		      .len = sizeof(e),
		      .cpu = cpu},
		.value = t->want.n,
	};

	assert_int_equal(fs_vec_push(&t->want, e), 0);
	return e;
}

static int in_order(const void *a, const void *b)
{
	const struct fs_ev *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/*
 * One CPU's records of one round: times grow by small steps, so that many are equal over the CPUs;
 * now and then one stands after those of an "interrupt" although its time is earlier.
 */
static void write_cpu(struct fsr_writer *w, struct trace *t, uint16_t cpu, uint64_t from, int swaps)
{
	struct fs_ev_pio recs[200];
	uint32_t n = rnd(200), at = 0;
	uint64_t ts = from;

	for (uint32_t i = 0; i < n; i++)
		recs[i] = make_event(t, cpu, ts += rnd(4));
	for (uint32_t i = 0; swaps && i + 4 < n; i += 5 + rnd(20)) {
		struct fs_ev_pio late = recs[i];

		memmove(&recs[i], &recs[i + 1], 3 * sizeof(late));
		recs[i + 3] = late;
	}
	while (at < n) { /* in a few chunks */
		uint32_t some = 1 + rnd(n - at);

		assert_int_equal(fsr_write_events(w, cpu, &recs[at], some * sizeof(recs[0]), some),
				 0);
		at += some;
	}
}

static void write_trace(const char *path, struct trace *t, uint16_t cpus, int rounds, int swaps)
{
	struct fsr_writer *w;

	assert_int_equal(fsr_create(path, &w), 0);
	for (int round = 0; round < 20; round++) {
		for (uint16_t cpu = 0; cpu < cpus; cpu++)
			write_cpu(w, t, cpu, t->now, swaps);
		t->now += 1000;
		if (rounds)
			assert_int_equal(fsr_write_round(w, t->now), 0);
	}
	assert_int_equal(fsr_write(w, FSR_END, "{}", 2), 0);
	assert_int_equal(fsr_close(w), 0);
	qsort(t->want.v, t->want.n, sizeof(*t->want.v), in_order);
}

static void check_trace(struct fsr_reader *r, const struct trace *t)
{
	const struct fsr_info *info = fsr_info(r);
	const struct fs_ev *ev;

	for (size_t i = 0; i < t->want.n; i++) {
		assert_int_equal(fsr_next(r, &ev), 1);
		assert_memory_equal(ev, &t->want.v[i], sizeof(t->want.v[i]));
	}
	assert_int_equal(fsr_next(r, &ev), 0);
	assert_int_equal(fsr_next(r, &ev), 0); /* and stays there */
	assert_int_equal(info->events, t->want.n);
	assert_int_equal(info->bad_events + info->late_events + info->unknown_events, 0);
	assert_int_equal(info->seq_holes, 0);
	assert_true(info->complete);
	assert_false(info->truncated);
}

static void merges_any_number_of_cpus(void **state)
{
	static const uint16_t cpus[] = {1, 2, 3, 8, 64};
	static const size_t budgets[] = {FSR_MERGE_BUDGET, 20000, 0};

	(void)state;
	for (int form = 0; form < 4; form++) {
		for (size_t c = 0; c < 5; c++) {
			const char *path = tmp_path("merge.fsr");
			struct trace t = {0};

			write_trace(path, &t, cpus[c], form & 1, form & 2);
			for (size_t b = 0; b < 3; b++) {
				struct fsr_reader *r = must_open(path, budgets[b]);

				check_trace(r, &t);
				assert_int_equal(fsr_rewind(r), 0);
				check_trace(r, &t);
				fsr_free(r);
			}
			fs_vec_free(&t.want);
		}
	}
}

static void breaks_ties_by_cpu_then_sequence(void **state)
{
	struct fsr_reader *r = must_compile("ts=5 PIO cpu=3 value=4\n"
					    "ts=5 PIO cpu=1 value=1\n"
					    "ts=5 PIO cpu=1 value=2\n"
					    "ts=5 PIO cpu=2 value=3\n"
					    "CHUNK\n"
					    "ts=5 PIO cpu=3 value=5\n");
	const struct fs_ev *ev;

	(void)state;
	for (uint64_t i = 1; i <= 5; i++) {
		assert_int_equal(fsr_next(r, &ev), 1);
		assert_int_equal(((const struct fs_ev_pio *)ev)->value, i);
	}
	fsr_free(r);
}

static void what_came_after_its_round_is_late(void **state)
{
	/* 150 comes one round late, which is waited for; 50 comes two rounds late */
	struct fsr_reader *r = must_compile("ts=100 PIO cpu=0\nts=200 PIO cpu=0\nROUND 300\n"
					    "ts=150 PIO cpu=1\nts=400 PIO cpu=0\nROUND 500\n"
					    "ts=50 PIO cpu=1\nts=600 PIO cpu=1\nROUND 700\n");

	(void)state;
	assert_int_equal(next_ts(r), 100);
	assert_int_equal(next_ts(r), 150);
	assert_int_equal(next_ts(r), 200);
	assert_int_equal(next_ts(r), 400);
	assert_int_equal(next_ts(r), 600);
	assert_int_equal(next_ts(r), 0);
	assert_int_equal(fsr_info(r)->late_events, 1);
	assert_int_equal(fsr_info(r)->bad_events, 1);
	fsr_free(r);
}

static void extreme_times_and_horizons(void **state)
{
	struct fsr_reader *r =
		must_compile("ts=0 PIO cpu=0\nts=18446744073709551615 PIO cpu=0\n"
			     "ts=18446744073709551615 PIO cpu=1\nROUND 18446744073709551615\n"
			     "ts=7 PIO cpu=2\nROUND 3\nROUND 10\nROUND 18446744073709551615\n");
	uint64_t seen = 0;
	const struct fs_ev *ev;

	(void)state;
	while (fsr_next(r, &ev) == 1)
		seen++;
	assert_int_equal(seen, 4);
	assert_int_equal(fsr_info(r)->bad_events, 0);
	fsr_free(r);
}

/* --- memory --------------------------------------------------------------------------------- */

static void write_big(const char *path, int rounds)
{
	struct fsr_writer *w;
	struct fs_ev_pio *recs = calloc(2000, sizeof(*recs));

	assert_non_null(recs);
	assert_int_equal(fsr_create(path, &w), 0);
	for (uint32_t i = 0; i < 100; i++) {
		for (uint16_t cpu = 0; cpu < 2; cpu++) {
			for (uint32_t k = 0; k < 2000; k++)
				recs[k].h = (struct fs_ev){.ts = 1 + i * 2000 + k,
							   .seq = i * 2000 + k,
							   .kind = FS_EV_PIO,
							   .len = sizeof(*recs),
							   .cpu = cpu};
			assert_int_equal(fsr_write_events(w, cpu, recs, 2000 * sizeof(*recs), 2000),
					 0);
		}
		if (rounds)
			assert_int_equal(fsr_write_round(w, 1 + (i + 1) * 2000), 0);
	}
	assert_int_equal(fsr_write(w, FSR_END, "{}", 2), 0);
	assert_int_equal(fsr_close(w), 0);
	free(recs);
}

static void memory_does_not_grow_with_the_recording(void **state)
{
	const char *path = tmp_path("big.fsr");
	struct stat st;

	(void)state;
	for (int rounds = 0; rounds < 2; rounds++) {
		struct fsr_reader *r;
		uint64_t last = 0, n = 0;
		const struct fs_ev *ev;

		write_big(path, rounds);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_size > 20 << 20);
		r = must_open(path, 1 << 20);
		for (; fsr_next(r, &ev) == 1; n++) {
			assert_true(ev->ts >= last);
			last = ev->ts;
		}
		assert_int_equal(n, 400000);
		assert_int_equal(fsr_info(r)->bad_events, 0);
		assert_true(fsr_merge_peak(r->merge) < 2 << 20);
		fsr_free(r);
	}
}

static void a_file_that_shrinks_while_read_ends_with_an_error(void **state)
{
	const char *path = tmp_path("shrink.fsr");
	struct fsr_reader *r;
	const struct fs_ev *ev;
	uint64_t n = 0;
	int got;

	(void)state;
	write_big(path, 0);
	r = must_open(path, 1 << 20); /* nearly all of it is to be read again */
	assert_int_equal(fsr_next(r, &ev), 1);
	assert_int_equal(truncate(path, 4 << 20), 0);
	while ((got = fsr_next(r, &ev)) == 1)
		n++;
	assert_int_equal(got, -EIO);
	assert_true(n < 400000);
	fsr_free(r);
	write_big(path, 1);
	r = must_open(path, 1 << 20);
	assert_int_equal(fsr_next(r, &ev), 1);
	assert_int_equal(truncate(path, 4 << 20), 0);
	for (n = 1; (got = fsr_next(r, &ev)) == 1;)
		n++;
	assert_int_equal(got, 0); /* found at a chunk: what stands before it was delivered */
	assert_true(n > 50000 && n < 80000);
	assert_true(fsr_info(r)->truncated);
	assert_non_null(strstr(fsr_info(r)->why, "at byte"));
	fsr_free(r);
}

/* --- losses --------------------------------------------------------------------------------- */

static void counts_holes_in_the_sequence(void **state)
{
	struct fsr_reader *r = must_compile("ts=1 PIO cpu=0 seq=10\nts=2 PIO cpu=0 seq=11\n"
					    "ts=3 PIO cpu=0 seq=14\nts=1 PIO cpu=1 seq=4294967295\n"
					    "ts=2 PIO cpu=1 seq=0\nts=3 PIO cpu=1 seq=2\n"
					    "ts=9 MARK name=x\nts=10 MARK name=y\n");

	(void)state;
	while (next_ts(r))
		;
	assert_int_equal(fsr_info(r)->seq_holes, 3); /* 12, 13; 1 after the wrap */
	fsr_free(r);
	/* one that stands late is no hole */
	r = must_compile("RAW\nts=1 PIO seq=0\nts=3 PIO seq=2\nts=4 PIO seq=3\nts=2 PIO seq=1\n"
			 "ts=5 PIO seq=4\n");
	assert_int_equal(next_ts(r), 1);
	assert_int_equal(next_ts(r), 2);
	while (next_ts(r))
		;
	assert_int_equal(fsr_info(r)->seq_holes, 0);
	fsr_free(r);
}

/* --- records of other minors ---------------------------------------------------------------- */

static void longer_records_keep_their_known_part(void **state)
{
	struct {
		struct fs_ev_halt known;
		uint64_t more[3];
	} rec = {.known = {.h = {.ts = 5, .kind = FS_EV_HALT, .len = sizeof(rec)}, .ns = 77}};
	const struct fs_ev *ev;
	struct fsr_writer *w;
	struct fsr_reader *r;

	(void)state;
	assert_int_equal(fsr_create(tmp_path("longer.fsr"), &w), 0);
	assert_int_equal(fsr_write_events(w, 0, &rec, sizeof(rec), 1), 0);
	assert_int_equal(fsr_close(w), 0);
	r = must_open(tmp_path("longer.fsr"), FSR_MERGE_BUDGET);
	assert_int_equal(fsr_next(r, &ev), 1);
	assert_int_equal(((const struct fs_ev_halt *)ev)->ns, 77);
	assert_int_equal(ev->len, sizeof(rec));
	assert_int_equal(fsr_next(r, &ev), 0);
	fsr_free(r);
}

static void shorter_records_are_filled_with_zeros(void **state)
{
	uint8_t recs[32 + 40 + 48];
	const struct fs_ev_vmexit *x;
	const struct fs_ev *ev;
	struct fsr_writer *w;
	struct fsr_reader *r;

	(void)state;
	memset(recs, 0xee, sizeof(recs));
	*(struct fs_ev *)(void *)recs = (struct fs_ev){.ts = 5, .kind = FS_EV_VMEXIT, .len = 32};
	*(struct fs_ev *)(void *)(recs + 32) =
		(struct fs_ev){.ts = 6, .seq = 1, .kind = FS_EV_VMEXIT, .len = 40};
	*(struct fs_ev *)(void *)(recs + 72) =
		(struct fs_ev){.ts = 7, .seq = 2, .kind = FS_EV_HALT, .len = 48};
	assert_int_equal(fsr_create(tmp_path("shorter.fsr"), &w), 0);
	assert_int_equal(fsr_write_events(w, 0, recs, sizeof(recs), 3), 0);
	assert_int_equal(fsr_close(w), 0);
	r = must_open(tmp_path("shorter.fsr"), FSR_MERGE_BUDGET);
	assert_int_equal(fsr_next(r, &ev), 1);
	x = (const void *)ev;
	assert_int_equal(x->h.len, sizeof(*x));
	assert_int_equal(x->ts_exit | x->gpa | x->hints | x->run_ns, 0);
	assert_int_equal(fsr_next(r, &ev), 1);
	x = (const void *)ev;
	assert_true(x->ts_exit == 0xeeeeeeeeeeeeeeee);
	assert_int_equal(x->rip | x->gpa | x->hints | x->run_ns, 0);
	assert_int_equal(fsr_next(r, &ev), 1);
	assert_int_equal(ev->kind, FS_EV_HALT);
	assert_int_equal(fsr_info(r)->bad_events, 0);
	fsr_free(r);
}

static void unknown_kinds_are_skipped_and_counted(void **state)
{
	static const uint16_t kinds[] = {0, 60, 255, 256, 0xffff};
	struct fsr_writer *w;
	struct fsr_reader *r;

	(void)state;
	assert_int_equal(fsr_create(tmp_path("kinds.fsr"), &w), 0);
	for (uint32_t i = 0; i < 5; i++) {
		struct fs_ev recs[2] = {
			{.ts = 2 * i + 1, .seq = 2 * i, .kind = kinds[i], .len = 32},
			{.ts = 2 * i + 2, .seq = 2 * i + 1, .kind = FS_EV_RUN, .len = 32},
		};

		assert_int_equal(fsr_write_events(w, 0, recs, sizeof(recs), 2), 0);
	}
	assert_int_equal(fsr_close(w), 0);
	r = must_open(tmp_path("kinds.fsr"), FSR_MERGE_BUDGET);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(next_ts(r), 2 * i + 2);
	assert_int_equal(next_ts(r), 0);
	assert_int_equal(fsr_info(r)->events, 5);
	assert_int_equal(fsr_info(r)->unknown_events, 5);
	assert_int_equal(fsr_info(r)->seq_holes, 0); /* skipped is not lost */
	fsr_free(r);
}

static void malformed_records_end_their_chunk(void **state)
{
	static const uint16_t lens[] = {0, 8, 31, 36, 72, 0xfff8, 0xffff};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct fs_ev recs[4] = {
			{.ts = 1, .kind = FS_EV_RUN, .len = 32},
			{.ts = 2, .seq = 1, .kind = FS_EV_RUN, .len = lens[i]},
			{.ts = 3, .seq = 2, .kind = FS_EV_RUN, .len = 32},
		};
		struct fsr_writer *w;
		struct fsr_reader *r;

		assert_int_equal(fsr_create(tmp_path("bad.fsr"), &w), 0);
		assert_int_equal(fsr_write_events(w, 0, recs, 3 * sizeof(recs[0]), 3), 0);
		recs[0].ts = 9;
		recs[0].seq = 3;
		assert_int_equal(fsr_write_events(w, 0, recs, sizeof(recs[0]), 1), 0);
		assert_int_equal(fsr_close(w), 0);
		r = must_open(tmp_path("bad.fsr"), i & 1 ? 0 : FSR_MERGE_BUDGET);
		assert_int_equal(next_ts(r), 1);
		assert_int_equal(next_ts(r), 9); /* the next chunk is sound */
		assert_int_equal(next_ts(r), 0);
		assert_int_equal(fsr_info(r)->bad_events, 2);
		assert_int_equal(fsr_info(r)->seq_holes, 2);
		fsr_free(r);
	}
}

/* --- tables and objects --------------------------------------------------------------------- */

static void finds_stacks_by_id(void **state)
{
	struct fsr_reader *r = must_compile("STACK 7 ffffffff81000001 ffffffff81000002\n"
					    "STACK 2 10\nSTACK 9\nSTACK 2 20 30 40\n");
	const uint64_t *a = NULL;

	(void)state;
	assert_int_equal(fsr_stack(r, 7, &a), 2);
	assert_true(a[0] == 0xffffffff81000001 && a[1] == 0xffffffff81000002);
	assert_int_equal(fsr_stack(r, 2, &a), 3); /* of two with one id the later */
	assert_int_equal(a[2], 0x40);
	assert_int_equal(fsr_stack(r, 9, &a), 0);
	assert_int_equal(fsr_stack(r, 1, &a), 0);
	assert_int_equal(fsr_stack(r, FS_NO_STACK, &a), 0);
	fsr_free(r);
}

static void finds_symbols_by_address(void **state)
{
	struct fsr_reader *r = must_compile("SYM ffffffff81000100 second\n"
					    "SYM ffffffff81000000 first\n"
					    "SYM ffffffffc0000000 third [kvm]\n"
					    "SYM zzz broken\nSYM ffffffff81000200\n");
	uint64_t off = 99;

	(void)state;
	assert_null(fsr_ksym(r, 0xffffffff80ffffff, &off));
	assert_string_equal(fsr_ksym(r, 0xffffffff81000000, &off), "first");
	assert_int_equal(off, 0);
	assert_string_equal(fsr_ksym(r, 0xffffffff810000ff, &off), "first");
	assert_int_equal(off, 0xff);
	assert_string_equal(fsr_ksym(r, 0xffffffff81000100, &off), "second");
	assert_string_equal(fsr_ksym(r, UINT64_MAX, &off), "third");
	fsr_free(r);
	r = must_compile("");
	assert_null(fsr_ksym(r, 1, &off));
	fsr_free(r);
}

static void the_last_object_of_a_type_stands(void **state)
{
	struct fsr_reader *r = must_compile("META {\"a\":1}\nSTATS {\"n\":1}\nts=1 PIO\n"
					    "STATS {\"n\":2}\nEND {\"why\":\"asked\"}\n");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(fsr_info(r)->meta, "a")), 1);
	assert_int_equal(json_integer_value(json_object_get(fsr_info(r)->stats, "n")), 2);
	assert_string_equal(json_string_value(json_object_get(fsr_info(r)->end, "why")), "asked");
	assert_int_equal(fsr_info(r)->chunks, 5);
	fsr_free(r);
}

static void refuses_what_is_no_recording(void **state)
{
	struct fsr_reader *r;
	char err[300];

	(void)state;
	assert_int_equal(fsr_open(tmp_path("absent"), &r, err, sizeof(err)), -ENOENT);
	assert_string_equal(err, "No such file or directory");
	assert_int_equal(fsr_open(tmp_dir, &r, err, sizeof(err)), -EISDIR);
	assert_int_equal(mkfifo(tmp_path("pipe"), 0600), 0);
	assert_int_equal(fsr_open(tmp_path("pipe"), &r, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "not a regular file");
	tmp_write(tmp_path("other"), "\177ELF and so on, for more than forty bytes of it", 46);
	assert_int_equal(fsr_open(tmp_path("other"), &r, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "not a recording: it does not begin with FSRECORD");
	tmp_write(tmp_path("empty"), "", 0);
	assert_int_equal(fsr_open(tmp_path("empty"), &r, err, sizeof(err)), -EINVAL);
	assert_int_equal(fsr_open(tmp_path("empty"), &r, NULL, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_any_number_of_cpus),
		cmocka_unit_test(breaks_ties_by_cpu_then_sequence),
		cmocka_unit_test(what_came_after_its_round_is_late),
		cmocka_unit_test(extreme_times_and_horizons),
		cmocka_unit_test(memory_does_not_grow_with_the_recording),
		cmocka_unit_test(a_file_that_shrinks_while_read_ends_with_an_error),
		cmocka_unit_test(counts_holes_in_the_sequence),
		cmocka_unit_test(longer_records_keep_their_known_part),
		cmocka_unit_test(shorter_records_are_filled_with_zeros),
		cmocka_unit_test(unknown_kinds_are_skipped_and_counted),
		cmocka_unit_test(malformed_records_end_their_chunk),
		cmocka_unit_test(finds_stacks_by_id),
		cmocka_unit_test(finds_symbols_by_address),
		cmocka_unit_test(the_last_object_of_a_type_stands),
		cmocka_unit_test(refuses_what_is_no_recording),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
