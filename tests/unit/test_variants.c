// SPDX-License-Identifier: BSD-2-Clause
/* The variants of an experiment: columns, distributions, ledgers, comparisons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "experiment/variants.h"

#define MS   1000000ull
#define MAXF 80

static struct fsa_result res;
static struct fsa_fork forks[MAXF];
static struct fsa_ack acks[MAXF][2];

static int start(void **state)
{
	(void)state;
	memset(&res, 0, sizeof(res));
	memset(forks, 0, sizeof(forks));
	res.forks = forks;
	return 0;
}

/* Resumed 10 ms after its VMM began; @mailbox and @applied after the resume, 0 = never. */
static struct fsa_fork *add(const char *variant, uint64_t mailbox, uint64_t applied, uint32_t notes)
{
	size_t i = res.nforks++;
	struct fsa_fork *f = &forks[i];

	f->id = (unsigned int)i + 1;
	f->vmm_start_ns = 100 * MS;
	f->start_ns = f->resume_ns = 110 * MS;
	f->gap_ns = mailbox ? mailbox : applied;
	f->end_ns = f->start_ns + f->gap_ns;
	f->complete = f->gap_ns;
	f->notes = notes | (mailbox || !applied ? 0 : 1u << FSA_N_MAILBOX_ACK_LOST);
	f->acks = acks[i];
	if (mailbox)
		f->acks[f->nacks++] =
			(struct fsa_ack){.stage = "mailbox", .at_ns = f->resume_ns + mailbox};
	if (applied)
		f->acks[f->nacks++] =
			(struct fsa_ack){.stage = "applied", .at_ns = f->resume_ns + applied};
	f->bucket_ns[FSA_B_GUEST] = f->gap_ns;
	f->cells[FSA_S_GUEST][FSA_C_GUEST_RUN].ns = f->gap_ns;
	snprintf(f->variant, sizeof(f->variant), "%s", variant);
	return f;
}

static void columns(void **state)
{
	struct fsa_fork *f = add("", 50, 80, 0), *lost = add("", 0, 90, 0),
			*none = add("", 0, 0, 0);
	struct fsa_fork *half = add("", 40, 0, 0);

	(void)state;
	assert_int_equal(fsx_column_of(f, FSX_COL_TOTAL), 10 * MS + 80);
	assert_int_equal(fsx_column_of(f, FSX_COL_RECONFIGURE), 80);
	assert_int_equal(fsx_column_of(f, FSX_COL_MAILBOX), 50);
	assert_int_equal(fsx_column_of(f, FSX_COL_APPLY), 30);
	f->vmm_start_ns = 0; /* not seen */
	assert_int_equal(fsx_column_of(f, FSX_COL_TOTAL), UINT64_MAX);
	/* lost on its way: not known, and not endless */
	assert_int_equal(fsx_column_of(lost, FSX_COL_MAILBOX), UINT64_MAX);
	assert_int_equal(fsx_column_of(lost, FSX_COL_APPLY), UINT64_MAX);
	assert_int_equal(fsx_column_of(lost, FSX_COL_RECONFIGURE), 90);
	assert_int_equal(fsx_column_of(none, FSX_COL_MAILBOX), FSX_ENDLESS);
	assert_int_equal(fsx_column_of(none, FSX_COL_TOTAL), FSX_ENDLESS);
	assert_int_equal(fsx_column_of(half, FSX_COL_MAILBOX), 40);
	assert_int_equal(fsx_column_of(half, FSX_COL_APPLY), FSX_ENDLESS);
}

/* The way of the signal is all that lies from raise to wakeup, whatever it is. */
static void way_of_the_signal(void **state)
{
	struct fsx_groups g;
	struct fsx_variants b;

	(void)state;
	add("", 100, 110, 1u << FSA_N_FIRST);
	for (int i = 0; i < 2; i++) {
		struct fsa_fork *f = add("", 100, 110, 0);

		memset(f->cells, 0, sizeof(f->cells));
		f->guest.used = true;
		f->cells[FSA_S_INJECT][FSA_C_FAULT_MAJOR].ns = 20;
		f->cells[FSA_S_WAKEUP][FSA_C_GUEST_OTHER].ns = 10 + 4 * (unsigned int)i;
		f->cells[FSA_S_MAILBOX][FSA_C_GUEST_SIGNAL].ns = 70 - 4 * (unsigned int)i;
	}
	assert_int_equal(fsx_groups_make(&res, &g), 0);
	assert_int_equal(fsx_variants_make(&g, 1, &b), 0);
	assert_int_equal(b.variants[0].split, 2);
	assert_true(b.variants[0].signal_path == 32);
	fsx_variants_free(&b);
	fsx_groups_free(&g);
}

static void one_arm(void **state)
{
	const struct fsx_variant *a;
	struct fsx_groups g;
	struct fsx_variants b;

	(void)state;
	add("", 500, 900, 1u << FSA_N_FIRST);
	add("", 30, 34, 0);
	add("", 10, 14, 0);
	add("", 20, 24, 0);
	add("", 0, 70, 0); /* its mailbox ack was lost */
	add("", 0, 0, 0);  /* never */
	assert_int_equal(fsx_groups_make(&res, &g), 0);
	assert_int_equal(fsx_variants_make(&g, 1, &b), 0);
	assert_int_equal(b.nvariants, 1);
	assert_int_equal(b.npairs, 0);
	a = &b.variants[0];
	assert_int_equal(a->steady->n, 4);
	assert_int_equal(a->first->n, 1);
	assert_int_equal(a->ack_lost, 1);
	assert_int_equal(a->fell_back, 1);
	assert_int_equal(a->column[FSX_COL_MAILBOX].n, 4);
	assert_int_equal(a->column[FSX_COL_MAILBOX].endless, 1);
	assert_true(a->column[FSX_COL_MAILBOX].avg == 20);
	assert_true(a->column[FSX_COL_MAILBOX].p50 == 20);
	assert_true(isinf(a->column[FSX_COL_MAILBOX].max));
	assert_int_equal(a->column[FSX_COL_APPLY].n, 3);
	assert_true(a->column[FSX_COL_APPLY].max == 4);
	assert_int_equal(a->complete, 3);
	assert_true(a->bucket[FSA_B_GUEST] == 20 && a->cause[FSA_C_GUEST_RUN] == 20);
	assert_int_equal(a->split, 0);
	assert_true(a->signal_path == 0); /* in the stage guest it is not known */
	fsx_variants_free(&b);
	fsx_groups_free(&g);
}

static const struct fsx_pair *find(const struct fsx_variants *b, const char *x, const char *y)
{
	for (size_t i = 0; i < b->npairs; i++)
		if (!strcmp(b->pairs[i].a->name, x) && !strcmp(b->pairs[i].b->name, y))
			return &b->pairs[i];
	return NULL;
}

/* Two signals that are alike and one that is slow, each without and with a prefetch that helps. */
static void comparisons(void **state)
{
	static const struct {
		const char *variant;
		uint64_t gap;
	} variants[] = {{"b:none", 100}, {"a:all", 60}, {"a:none", 100},
			{"c:none", 130}, {"b:all", 60}, {"c:all", 90}};
	const struct fsx_pair *p;
	struct fsx_groups g;
	struct fsx_variants b;

	(void)state;
	for (uint64_t i = 0; i < 12; i++)
		for (size_t k = 0; k < 6; k++)
			add(variants[k].variant,
			    variants[k].gap * MS + (i * 5 + k * 7) % 12 * MS / 10, 200 * MS, 0);
	assert_int_equal(fsx_groups_make(&res, &g), 0);
	assert_int_equal(fsx_variants_make(&g, 1, &b), 0);
	assert_int_equal(b.nvariants, 6);
	assert_string_equal(b.variants[0].name, "a:none");
	assert_string_equal(b.variants[2].name, "c:none");
	assert_string_equal(b.variants[3].name, "a:all");
	assert_string_equal(b.variants[3].prefetch, "all");
	/* three pairs of signals for each prefetch, and a prefetch for each signal */
	assert_int_equal(b.npairs, 9);
	p = find(&b, "a:none", "b:none");
	assert_int_equal(p->kind, FSX_SIGNALS);
	assert_int_equal(p->finding, FSX_F_ALIKE);
	assert_int_equal(find(&b, "a:none", "c:none")->finding, FSX_F_LONGER);
	p = find(&b, "b:none", "b:all");
	assert_int_equal(p->kind, FSX_PREFETCHES);
	assert_int_equal(p->finding, FSX_F_SHORTER);
	assert_true(fabs(p->test.gain - 40e6) < 1e6);
	assert_null(find(&b, "a:none", "b:all")); /* differ in two things */
	/* Holm: the smallest of six p counts six times, and none is made smaller */
	p = find(&b, "a:none", "c:none");
	assert_true(p->p >= p->test.rank.p && p->p <= 6 * p->test.rank.p * 1.0001);
	for (size_t i = 0; i < b.npairs; i++)
		for (size_t k = 0; k < b.npairs; k++)
			if (b.pairs[i].kind == b.pairs[k].kind &&
			    b.pairs[i].test.rank.p <= b.pairs[k].test.rank.p)
				assert_true(b.pairs[i].p <= b.pairs[k].p);
	fsx_variants_free(&b);
	fsx_groups_free(&g);
}

static void few(void **state)
{
	struct fsx_groups g;
	struct fsx_variants b;

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		add("a", 100 * MS + i, 200 * MS, 0);
		add("b", 10 * MS + i, 200 * MS, 0);
	}
	add("c", 0, 200 * MS, 0); /* no steady fork at all */
	assert_int_equal(fsx_groups_make(&res, &g), 0);
	assert_int_equal(fsx_variants_make(&g, 1, &b), 0);
	assert_int_equal(b.nvariants, 3);
	assert_int_equal(b.npairs, 1);
	assert_int_equal(b.pairs[0].finding, FSX_F_UNDECIDED); /* however clear it looks */
	assert_true(isnan(b.variants[2].gap.p50));
	fsx_variants_free(&b);
	fsx_groups_free(&g);
	res.nforks = 0;
	assert_int_equal(fsx_groups_make(&res, &g), 0);
	assert_int_equal(fsx_variants_make(&g, 1, &b), 0);
	assert_int_equal(b.nvariants, 0);
	fsx_variants_free(&b);
	fsx_groups_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(columns, start),
		cmocka_unit_test_setup(one_arm, start),
		cmocka_unit_test_setup(way_of_the_signal, start),
		cmocka_unit_test_setup(comparisons, start),
		cmocka_unit_test_setup(few, start),
	};

	return cmocka_run_group_tests_name("arms", tests, NULL, NULL);
}
