// SPDX-License-Identifier: BSD-2-Clause
/* Groups of forks, ceilings, working sets, tests of two variants: on forks made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "experiment/abtest.h"
#include "experiment/contention.h"
#include "experiment/groups.h"
#include "experiment/workset.h"

#define MS   1000000ull
#define MAXF 40

struct world {
	struct fsa_result res;
	struct fsa_fork forks[MAXF];
	struct fsa_fault faults[MAXF][8];
	struct fsa_touch touches[MAXF][8];
	const struct fsa_fork *all[MAXF];
};

static struct world w;

static struct fsa_fork *add(const char *variant, uint64_t gap, uint32_t notes)
{
	size_t i = w.res.nforks++;
	struct fsa_fork *f = &w.forks[i];

	*f = (struct fsa_fork){.id = (unsigned int)i + 1,
			       .complete = true,
			       .notes = notes,
			       .vmm_start_ns = 10 * MS,
			       .start_ns = 20 * MS,
			       .resume_ns = 20 * MS,
			       .end_ns = 20 * MS + gap,
			       .gap_ns = gap,
			       .prefetch_ns = UINT64_MAX,
			       .resident = UINT64_MAX,
			       .path_faults = w.faults[i],
			       .touches = w.touches[i]};
	snprintf(f->variant, sizeof(f->variant), "%s", variant);
	w.all[i] = f;
	w.res.forks = w.forks;
	return f;
}

static void add_fault(struct fsa_fork *f, enum fsa_cause c, uint64_t offset, uint64_t ns)
{
	f->path_faults[f->npath_faults++] =
		(struct fsa_fault){.offset = offset, .ns = ns, .sched_ns = ns / 10, .cause = c};
	f->cells[FSA_S_GUEST][c].ns += ns;
	f->bucket_ns[FSA_B_MEMORY] += ns;
}

static void add_touch(struct fsa_fork *f, uint64_t page, uint64_t at, enum fsa_cause c)
{
	f->touches[f->ntouches++] = (struct fsa_touch){
		.offset = page * FSX_PAGE, .at_ns = f->start_ns + at, .cause = c};
}

static int start(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	return 0;
}

#define FIRST (1u << FSA_N_FIRST)
#define LOST  (1u << FSA_N_MAILBOX_ACK_LOST)
#define CUT   (1u << FSA_N_CUT)

static void groups(void **state)
{
	struct fsx_groups g;

	(void)state;
	add("b", 1, FIRST);
	add("a", 1, FIRST);
	add("a", 1, 0);
	add("b", 1, 0);
	add("a", 1, LOST);
	add("a", 1, LOST | 1u << FSA_N_END_DECODED); /* lost all the same */
	add("b", 1, CUT)->complete = false;
	add("a", 1, 0)->complete = false; /* it had its time: endless, and steady */
	assert_int_equal(fsx_groups_make(&w.res, &g), 0);
	assert_int_equal(g.n, 6);
	assert_string_equal(g.v[0].name, "b, steady");
	assert_string_equal(g.v[1].name, "b, first");
	assert_string_equal(g.v[2].name, "b, cut");
	assert_string_equal(g.v[3].name, "a, steady");
	assert_int_equal(g.v[3].n, 2);
	assert_string_equal(g.v[5].name, "a, mailbox ack lost");
	assert_int_equal(g.v[5].n, 2);
	assert_ptr_equal(fsx_group_find(&g, "a", FSX_FIRST), &g.v[4]);
	assert_null(fsx_group_find(&g, "c", FSX_FIRST));
	fsx_groups_free(&g);
}

/* Each fork from a copy of its own: only the first of the variant is its first. */
static void private_copies(void **state)
{
	struct fsx_groups g;

	(void)state;
	for (int i = 0; i < 4; i++)
		add("", 1, FIRST);
	assert_int_equal(fsx_groups_make(&w.res, &g), 0);
	assert_int_equal(g.n, 2);
	assert_string_equal(g.v[0].name, "steady");
	assert_int_equal(g.v[0].n, 3);
	assert_int_equal(g.v[1].forks[0]->id, 1);
	fsx_groups_free(&g);
	w.res.nforks = 0;
	assert_int_equal(fsx_groups_make(&w.res, &g), 0);
	assert_int_equal(g.n, 0);
	fsx_groups_free(&g);
}

/* --- ceilings --- */

static struct fsx_ceiling ceiling(const struct fsa_fork *f, const char *name, enum fsx_mechanism m)
{
	struct fsx_hypothesis h;
	struct fsx_left left;
	struct fsx_ceiling c;

	assert_int_equal(fsx_hypothesis_parse(name, UINT64_MAX, 0, &h, NULL, 0), 0);
	assert_int_equal(fsx_left_of(&w.res, &left), 0);
	c = fsx_ceiling_of(f, &h, m, &left);
	fsx_hypothesis_free(&h);
	return c;
}

static void ceilings(void **state)
{
	struct fsa_fork *f = add("", 10000, 0);
	struct fsx_ceiling c;

	(void)state;
	add_fault(f, FSA_C_FAULT_MAJOR, 0x1000, 1000); /* and 100 waiting for a CPU */
	add_fault(f, FSA_C_FAULT_CACHED, 0x2000, 100);
	add_fault(f, FSA_C_FAULT_CACHED, 0x3000, 140);
	add_fault(f, FSA_C_FAULT_CACHED, 0x4000, 180);
	add_fault(f, FSA_C_FAULT_MAPPED, 0x5000, 40);
	add_fault(f, FSA_C_FAULT_COW, 0x6000, 300);
	add_fault(f, FSA_C_FAULT_COW, FSA_NOWHERE, 500);
	/* what must be fetched costs the median of the cached ones, 140 */
	c = ceiling(f, "all", FSX_PAGE_CACHE);
	assert_int_equal(c.none, FSX_HAS);
	assert_int_equal(c.gain_ns, 1000 - 140 + 100);
	assert_int_equal(c.helped.count, 1);
	assert_int_equal(c.helped.ns, 1000);
	assert_int_equal(c.unhelped.count, 6);
	assert_int_equal(c.outside.count, 0);
	c = ceiling(f, "major", FSX_PAGE_CACHE);
	assert_int_equal(c.gain_ns, 960);
	assert_int_equal(c.outside.count, 6);
	/* those of the file cost what a mapped one does, 40; copies at most their median, 300 */
	c = ceiling(f, "all", FSX_POPULATE);
	assert_int_equal(c.gain_ns, 960 + 100 + 60 + 100 + 140 + 200);
	assert_int_equal(c.helped.count, 6);
	c = ceiling(f, "range:0x2000:8KiB", FSX_POPULATE);
	assert_int_equal(c.gain_ns, 60 + 100);
	assert_int_equal(c.outside.count, 5);
	c = ceiling(f, "range:0x7000:4KiB", FSX_PRE_FAULT); /* never touched */
	assert_int_equal(c.none, FSX_HAS);
	assert_int_equal(c.gain_ns, 0);
	assert_int_equal(c.outside.count, 7);
	/* nothing is left, not even what they waited for a CPU */
	c = ceiling(f, "perfect", FSX_PAGE_CACHE);
	assert_int_equal(c.gain_ns, 2260 + 226);
	assert_int_equal(c.gain_ns, ceiling(f, "all", FSX_PRE_FAULT).gain_ns);
	assert_true(ceiling(f, "range:0:1MiB", FSX_PRE_FAULT).gain_ns < c.gain_ns);
}

static void no_ceiling(void **state)
{
	struct fsa_fork *f = add("", 10000, 0), *open = add("", 5, 0), *lost = add("", 5, LOST);
	struct fsx_hypothesis h;
	struct fsx_group_ceiling g;
	struct fsx_left left;

	(void)state;
	add_fault(f, FSA_C_FAULT_MAJOR, 0x1000, 1000);
	open->complete = false;
	assert_int_equal(ceiling(f, "all", FSX_PAGE_CACHE).none, FSX_NO_SAMPLE);
	assert_int_equal(ceiling(f, "all", FSX_POPULATE).none, FSX_NO_SAMPLE);
	assert_int_equal(ceiling(f, "all", FSX_PRE_FAULT).none, FSX_HAS);
	/* none of its faults is meant: nothing to gain is known without a sample */
	assert_int_equal(ceiling(f, "range:0x7000:4KiB", FSX_PAGE_CACHE).none, FSX_HAS);
	assert_int_equal(ceiling(open, "all", FSX_PRE_FAULT).none, FSX_NO_END);
	assert_int_equal(ceiling(lost, "all", FSX_PRE_FAULT).none, FSX_TIMEOUT);
	/* 0 would be a wrong number where the faults could not be seen */
	f->bucket_ns[FSA_B_UNKNOWN] = 500;
	assert_int_equal(ceiling(f, "all", FSX_PRE_FAULT).none, FSX_HAS);
	f->bucket_ns[FSA_B_UNKNOWN] = 501;
	assert_int_equal(ceiling(f, "all", FSX_PRE_FAULT).none, FSX_UNKNOWN);
	f->bucket_ns[FSA_B_UNKNOWN] = 0;
	assert_int_equal(fsx_hypothesis_parse("perfect", 0, 0, &h, NULL, 0), 0);
	assert_int_equal(fsx_left_of(&w.res, &left), 0);
	assert_int_equal(fsx_ceiling_group(w.all, 3, &h, FSX_PRE_FAULT, &left, &g), 0);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.none, 2);
	assert_int_equal(g.why, FSX_NO_END);
	assert_int_equal(g.gain_p50, 1100);
	assert_int_equal(g.best_p50, 10000 - 1100);
}

static void group_ceiling(void **state)
{
	struct fsx_hypothesis h;
	struct fsx_group_ceiling g;
	struct fsx_left left;

	(void)state;
	for (uint64_t i = 1; i <= 5; i++)
		add_fault(add("", 10000 * i, 0), FSA_C_FAULT_MAJOR, 0, 1000 * (6 - i));
	assert_int_equal(fsx_hypothesis_parse("perfect", 0, 0, &h, NULL, 0), 0);
	assert_int_equal(fsx_left_of(&w.res, &left), 0);
	assert_int_equal(fsx_ceiling_group(w.all, 5, &h, FSX_PRE_FAULT, &left, &g), 0);
	assert_int_equal(g.gap_p50, 30000);
	assert_int_equal(g.best_p50, 30000 - 3300);
	assert_int_equal(g.gain_min, 1100);
	assert_int_equal(g.gain_p50, 3300);
	assert_int_equal(g.gain_max, 5500);
	assert_true(g.gain_mean == 3300 && g.helped == 1);
}

/* --- working sets --- */

static void working_set(void **state)
{
	struct fsx_workset s;
	struct fs_ranges r = {0};
	uint64_t *at = NULL;

	(void)state;
	for (int i = 0; i < 4; i++)
		add("", 1000, 0);
	add("", 1000, 0)->complete = false; /* not looked at */
	for (uint64_t i = 0; i < 4; i++) {
		add_touch(&w.forks[i], 8, 100 + i, FSA_C_FAULT_CACHED); /* all: 100 to 103 */
		if (i < 3)
			add_touch(&w.forks[i], 3, 50 + 100 * i, FSA_C_FAULT_CACHED);
		if (i < 2)
			add_touch(&w.forks[i], 2, 400, FSA_C_FAULT_COW);
	}
	add_touch(&w.forks[3], 20, 1, FSA_C_FAULT_CACHED);
	add_touch(&w.forks[3], 9, 1000, FSA_C_UNKNOWN); /* after its end */
	add_touch(&w.forks[4], 30, 1, FSA_C_FAULT_CACHED);
	w.forks[0].touches[w.forks[0].ntouches++] =
		(struct fsa_touch){.offset = FSA_NOWHERE, .at_ns = w.forks[0].start_ns};
	assert_int_equal(fsx_workset_make(w.all, 5, &s), 0);
	assert_int_equal(s.forks, 4);
	assert_int_equal(s.n, 4);
	assert_int_equal(s.nowhere, 1);
	assert_int_equal(s.pages[0].offset, 20 * FSX_PAGE);
	assert_int_equal(s.pages[1].offset, 8 * FSX_PAGE);
	assert_int_equal(s.pages[1].at_ns, 101); /* the median of four, by nearest rank */
	assert_int_equal(s.pages[2].at_ns, 150);
	for (size_t i = 1; i <= 4; i++)
		assert_int_equal(s.by_forks[i], 1);
	/* what each of the first i had: 8 3 2, 8 3 2, 8 3, 8 */
	assert_int_equal(s.common[1], 3);
	assert_int_equal(s.common[2], 3);
	assert_int_equal(s.common[3], 2);
	assert_int_equal(s.common[4], 1);
	assert_int_equal(s.any[1], 3);
	assert_int_equal(s.any[4], 4);
	assert_int_equal(fsx_workset_pages(&s, 3), 2);
	assert_int_equal(fsx_workset_by_then(&s, 3, 0.5), 101);
	assert_int_equal(fsx_workset_by_then(&s, 3, 1), 150);
	assert_int_equal(fsx_workset_by_then(&s, 9, 1), 0);
	/* first touch first; 2 and 3 are neighbours, the first of them was touched at 150 */
	assert_int_equal(fsx_workset_ranges(&s, 2, 0, &r, &at), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.v[0].offset, 8 * FSX_PAGE);
	assert_int_equal(r.v[1].offset, 2 * FSX_PAGE);
	assert_int_equal(r.v[1].size, 2 * FSX_PAGE);
	assert_int_equal(at[0], 101);
	assert_int_equal(at[1], 150);
	free(at);
	/* over a gap of four pages they are one range, with what lies between */
	r.n = 0;
	assert_int_equal(fsx_workset_ranges(&s, 2, 4 * FSX_PAGE, &r, NULL), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.v[0].size, 7 * FSX_PAGE);
	r.n = 0;
	assert_int_equal(fsx_workset_ranges(&s, 2, 4 * FSX_PAGE - 1, &r, NULL), 0);
	assert_int_equal(r.n, 2);
	fs_ranges_free(&r);
	fsx_workset_free(&s);
}

static void no_working_set(void **state)
{
	struct fsx_workset s;
	struct fs_ranges r = {0};

	(void)state;
	add("", 1000, 0)->complete = false;
	assert_int_equal(fsx_workset_make(w.all, 1, &s), 0);
	assert_int_equal(s.forks, 0);
	assert_int_equal(fsx_workset_ranges(&s, 1, 0, &r, NULL), 0);
	assert_int_equal(r.n, 0);
	fsx_workset_free(&s);
}

/* --- two variants --- */

/* @n forks of each variant: without, a fault of 40 ms in 100 ms and noise; with, what is said. */
static struct fsx_abtest test_of(size_t n, uint64_t gain, uint64_t noise, bool with_set)
{
	struct fsx_test_variant a = {.n = n, .forks = w.all}, b = {.n = n, .forks = w.all + n};
	struct fs_ranges set = {0};
	struct fsx_hypothesis h = {.which = FSX_RANGES};
	struct fsx_abtest t;
	struct fsx_left left;

	memset(&w, 0, sizeof(w));
	for (size_t i = 0; i < 2 * n; i++) {
		bool with = i >= n;
		uint64_t gap = 100 * MS + (i * 7919 % 13) * noise - (with ? gain : 0);
		struct fsa_fork *f = add(with ? "with" : "without", gap, 0);

		f->bucket_ns[FSA_B_GUEST] = gap - (with ? 0 : 40 * MS);
		if (!with)
			add_fault(f, FSA_C_FAULT_MAJOR, 0x1000, 40 * MS);
		else
			f->prefetch_ns = 30 * MS;
		add_fault(f, FSA_C_FAULT_CACHED, 0x2000, 100);
		add_touch(f, 1, 10, with ? FSA_C_FAULT_CACHED : FSA_C_FAULT_MAJOR);
		add_touch(f, 2, 20, i % 2 ? FSA_C_FAULT_MAJOR : FSA_C_FAULT_CACHED);
		add_touch(f, 3, 900 * MS, FSA_C_UNKNOWN);
		add_touch(f, 9, 30, FSA_C_FAULT_CACHED); /* not in the ranges */
	}
	assert_int_equal(fsx_ranges_text("0x1000+0x5000", 13, &set, NULL, 0), 0);
	fsx_ranges_tidy(&set);
	h.set = set;
	assert_int_equal(fsx_left_of(&w.res, &left), 0);
	assert_int_equal(
		fsx_abtest_make(&a, &b, with_set ? &h : NULL, FSX_PAGE_CACHE, &left, -1, 1, &t), 0);
	fs_ranges_free(&set);
	return t;
}

static void two_variants(void **state)
{
	struct fsx_abtest t = test_of(12, 40 * MS, MS, true);
	char why[300];

	(void)state;
	assert_int_equal(t.test.verdict, FSS_SUPPORTED);
	assert_true(fabs(t.test.gain - 40e6) < 3e6);
	assert_non_null(strstr(fsx_abtest_reason(&t, why, sizeof(why)), "shorter"));
	/* the ledgers: 40 ms of memory faults went */
	assert_true(fabs(t.bucket[FSA_B_MEMORY].a - t.bucket[FSA_B_MEMORY].b - 40e6) < 1000);
	assert_true(t.cause[FSA_C_FAULT_MAJOR].b == 0);
	/* proofs */
	assert_int_equal(t.resident.na, 0);
	assert_true(t.fetched.median_a == 1 && t.fetched.median_b == 0);
	assert_true(fsx_abtest_differ(&t));
	/* moved work: reported, the rest is alike */
	assert_true(t.before.more == 0 && t.prefetch.median_b == 30e6);
	assert_true(fsx_abtest_moved(&t));
	/* pages 1 to 5: 1 used, 2 by half of the forks in time, 3 later, 4 and 5 never */
	assert_int_equal(t.pages.forks, 12);
	assert_int_equal(t.pages.pages, 5);
	assert_true(t.pages.used == 1.5 && t.pages.too_late == 0.5);
	assert_true(t.pages.later == 1 && t.pages.never == 2);
	/* 40 ms and a tenth of it waiting, less what a cached one costs */
	assert_int_equal(t.ceiling.gain_p50, 44 * MS - 100);
	assert_false(fsx_abtest_above_ceiling(&t));
}

static void above_the_ceiling(void **state)
{
	struct fsx_abtest t = test_of(12, 60 * MS, MS / 10, true);

	(void)state;
	assert_true(fsx_abtest_above_ceiling(&t));
	t = test_of(12, 60 * MS, MS / 10, false);
	assert_false(t.has_set);
	assert_false(fsx_abtest_above_ceiling(&t));
}

static void other_verdicts(void **state)
{
	struct fsx_abtest t = test_of(12, 0, MS / 10, true);
	char why[300];

	(void)state;
	assert_int_equal(t.test.verdict, FSS_REFUTED);
	assert_non_null(strstr(fsx_abtest_reason(&t, why, sizeof(why)), "excluded"));
	t = test_of(8, 2 * MS, 5 * MS, true);
	assert_int_equal(t.test.verdict, FSS_INCONCLUSIVE);
	assert_true(t.test.need > 8);
	assert_non_null(strstr(fsx_abtest_reason(&t, why, sizeof(why)), "between"));
	t = test_of(3, 40 * MS, MS, true);
	assert_int_equal(t.test.verdict, FSS_INCONCLUSIVE);
	assert_non_null(strstr(fsx_abtest_reason(&t, why, sizeof(why)), "too few"));
}

static void told_residency(void **state)
{
	struct fsx_test_variant a = {.n = 6, .forks = w.all}, b = {.n = 6, .forks = w.all + 6};
	struct fsx_left left;
	struct fsx_abtest t;

	(void)state;
	for (uint64_t i = 0; i < 12; i++)
		add("", 100 * MS + i, 0)->resident = i < 6 ? i : 1000 + i;
	assert_int_equal(fsx_left_of(&w.res, &left), 0);
	assert_int_equal(fsx_abtest_make(&a, &b, NULL, FSX_PAGE_CACHE, &left, -1, 1, &t), 0);
	assert_true(t.resident.p < 0.05 && t.resident.median_b == 1008.5);
	assert_true(fsx_abtest_differ(&t)); /* though no fault shows it */
	assert_true(t.fetched.p == 1);
	for (uint64_t i = 0; i < 12; i++)
		w.forks[i].resident = 1000;
	assert_int_equal(fsx_abtest_make(&a, &b, NULL, FSX_PAGE_CACHE, &left, -1, 1, &t), 0);
	assert_false(fsx_abtest_differ(&t));
	b.n = 0;
	assert_int_equal(fsx_abtest_make(&a, &b, NULL, FSX_PAGE_CACHE, &left, -1, 1, &t), -EINVAL);
}

/* Six forks of each variant, as much resident in both; those of the first have a fault of @c. */
static struct fsx_abtest like(enum fsa_cause c, enum fsx_mechanism m, uint64_t gain)
{
	struct fsx_test_variant a = {.n = 6, .forks = w.all}, b = {.n = 6, .forks = w.all + 6};
	struct fsx_hypothesis h = {.which = FSX_RANGES};
	struct fsx_left left;
	struct fsx_abtest t;

	memset(&w, 0, sizeof(w));
	for (uint64_t i = 0; i < 12; i++) {
		struct fsa_fork *f = add("", 100 * MS + i % 6 - (i < 6 ? 0 : gain), 0);

		f->resident = 1000;
		if (i < 6)
			add_fault(f, c, 0x1000, 1000);
	}
	assert_int_equal(fsx_left_of(&w.res, &left), 0);
	assert_int_equal(fsx_abtest_make(&a, &b, &h, m, &left, -1, 1, &t), 0);
	return t;
}

static void other_proofs(void **state)
{
	struct fsx_abtest t = like(FSA_C_FAULT_MAJOR, FSX_PAGE_CACHE, 0);
	char why[400];

	(void)state;
	/* beside the fork: nothing is resident at the resume, yet less was fetched */
	assert_true(t.resident.p == 1 && t.fetched.p < 0.05);
	assert_true(fsx_abtest_differ(&t));
	assert_null(strstr(fsx_abtest_reason(&t, why, sizeof(why)), "did not differ"));
	/* page tables were filled: that the page cache served less shows it, of populating alone */
	t = like(FSA_C_FAULT_CACHED, FSX_POPULATE, 0);
	assert_true(fsx_abtest_differ(&t));
	t = like(FSA_C_FAULT_CACHED, FSX_PAGE_CACHE, 0);
	assert_false(fsx_abtest_differ(&t));
	assert_int_equal(t.test.verdict, FSS_REFUTED);
	assert_non_null(
		strstr(fsx_abtest_reason(&t, why, sizeof(why)), "the variants did not differ"));
	/* a gain that nothing explains is said to be one */
	t = like(FSA_C_FAULT_MAPPED, FSX_PAGE_CACHE, 50 * MS);
	assert_int_equal(t.test.verdict, FSS_SUPPORTED);
	assert_non_null(strstr(fsx_abtest_reason(&t, why, sizeof(why)), "nothing shows"));
}

/* --- competing for CPUs --- */

static void delayed(struct fsa_fork *f, uint64_t at, uint64_t delay)
{
	f->start_ns = at;
	f->vcpus = 2;
	f->cells[FSA_S_NOTIFY][FSA_C_SCHED_DELAY].ns = delay / 2;
	f->cells[FSA_S_GUEST][FSA_C_SCHED_DELAY].ns = delay - delay / 2;
	f->cells[FSA_S_GUEST][FSA_C_SCHED_BLOCKED].ns = f->gap_ns - delay;
}

static void contention(void **state)
{
	struct fsx_contention c;

	(void)state;
	assert_int_equal(fsx_contention_make(&w.res, UINT64_MAX, &c), 0);
	assert_true(!c.n && !c.contended && isnan(c.p50) && isnan(c.p95));
	/* [0, 100), [50, 150), [100, 200): two at once, for one is gone when the third begins */
	for (unsigned int i = 0; i < 3; i++)
		delayed(add("a", 100 * MS, 0), i * 50 * MS, i * 7 * MS);
	add("a", 1000 * MS, 0)->complete = false; /* from 20 ms on: at once, and no share */
	assert_int_equal(fsx_contention_make(&w.res, 2, &c), 0);
	assert_int_equal(c.forks_at_once, 3);
	assert_int_equal(c.vcpus_at_once, 4);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.delay_ns, 21 * MS);
	assert_int_equal(c.window_ns, 300 * MS);
	assert_true(fabs(c.share - 0.07) < 1e-9 && fabs(c.p50 - 0.07) < 1e-9 && isnan(c.p95));
	assert_true(c.contended);
	w.forks[2].cells[FSA_S_GUEST][FSA_C_SCHED_DELAY].ns = 0;
	assert_int_equal(fsx_contention_make(&w.res, 2, &c), 0);
	assert_false(c.contended); /* 14 of 300 ms */
}

static void contention_of_many(void **state)
{
	struct fsx_contention c;

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		delayed(add("a", 100 * MS, 0), i * 100 * MS, i * MS);
	assert_int_equal(fsx_contention_make(&w.res, 2, &c), 0);
	assert_int_equal(c.forks_at_once, 1);
	assert_true(fabs(c.p50 - 0.09) < 1e-9 && fabs(c.p95 - 0.18) < 1e-9);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start)
	const struct CMUnitTest tests[] = {
		TEST(groups),
		TEST(private_copies),
		TEST(ceilings),
		TEST(no_ceiling),
		TEST(group_ceiling),
		TEST(working_set),
		TEST(no_working_set),
		TEST(two_variants),
		TEST(above_the_ceiling),
		TEST(other_verdicts),
		TEST(told_residency),
		TEST(other_proofs),
		cmocka_unit_test_setup(contention, start),
		cmocka_unit_test_setup(contention_of_many, start),
	};

	return cmocka_run_group_tests_name("experiment", tests, NULL, NULL);
}
