// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "collect/bpf/host_hooks.h"
#include "guest/recorder/guest_hooks.h"
#include "hooks/plan.h"

enum { EXITS, CLASS, EXTRA };

static const struct fs_want wants[] = {
	{"EXITS", true, "exits", "no ledger"},
	{"CLASS", false, "classes", "guesses"},
	{"EXTRA", false, "extra", "nothing much"},
};

static const struct fs_hook hooks[] = {
	{EXITS, 1, FS_HOOK_TP_BTF, "entry", "kvm_entry", FS_COND_ALWAYS, -1},
	{EXITS, 1, FS_HOOK_TP_BTF, "exit", "kvm_exit", FS_COND_NOT_VMX, -1},
	{EXITS, 1, FS_HOOK_TRACEPOINT, "exit_classic", "kvm/kvm_exit", FS_COND_VMX, 20},
	{CLASS, 1, FS_HOOK_FENTRY, "in", "handle_mm_fault", FS_COND_ALWAYS, 12},
	{CLASS, 1, FS_HOOK_FEXIT, "out", "handle_mm_fault", FS_COND_ALWAYS, 12},
	{CLASS, 2, FS_HOOK_KPROBE, "in_kp", "handle_mm_fault", FS_COND_ALWAYS, 12},
	{EXTRA, 1, FS_HOOK_TP_BTF, "svm_only", "x", FS_COND_SVM, -1},
	{EXTRA, 2, FS_HOOK_TP_BTF, "any", "y", FS_COND_ALWAYS, -1},
	{EXTRA, 2, FS_HOOK_TP_BTF, "other", "z", FS_COND_ALWAYS, -1},
	{EXTRA, 2, FS_HOOK_TP_BTF, "other_again", "z", FS_COND_ALWAYS, -1},
};

static const struct fs_hooks table = {wants, 3, hooks, sizeof(hooks) / sizeof(*hooks)};

static struct fs_plan *plan_of(bool svm, bool vmx)
{
	struct fs_plan *p = fs_plan_new(&table, svm, vmx);

	assert_non_null(p);
	return p;
}

static bool on(const struct fs_plan *p, const char *prog)
{
	return p->progs[fs_plan_find(p, prog)].on;
}

static void best_ranks_when_all_stands(void **state)
{
	struct fs_plan *p = plan_of(true, false);

	(void)state;
	assert_int_equal(fs_plan_choose(p), 0);
	assert_int_equal(p->choices[EXITS].rank, 1);
	assert_string_equal(p->choices[EXITS].got, "tp_btf/kvm_entry + tp_btf/kvm_exit");
	assert_string_equal(p->choices[EXITS].why, "");
	assert_int_equal(p->choices[CLASS].rank, 1);
	assert_int_equal(p->choices[EXTRA].rank, 1);
	assert_true(on(p, "in") && on(p, "out") && on(p, "svm_only"));
	assert_false(on(p, "in_kp") || on(p, "any") || on(p, "exit_classic"));
	fs_plan_free(p);
}

static void conditions_pick_programs_and_skip_ranks(void **state)
{
	struct fs_plan *p = plan_of(false, true);

	(void)state;
	assert_int_equal(fs_plan_choose(p), 0);
	assert_true(on(p, "exit_classic"));
	assert_false(on(p, "exit"));
	/* A rank none of whose conditions holds is skipped without a word. */
	assert_int_equal(p->choices[EXTRA].rank, 1);
	assert_string_equal(p->choices[EXTRA].why, "");
	fs_plan_free(p);
}

static void falls_to_the_next_rank_with_the_reason(void **state)
{
	struct fs_plan *p = plan_of(true, false);

	(void)state;
	assert_true(fs_plan_rule_out(p, (size_t)fs_plan_find(p, "out"), -EPERM, "refused"));
	assert_false(fs_plan_rule_out(p, (size_t)fs_plan_find(p, "out"), -EINVAL, "later"));
	assert_int_equal(fs_plan_choose(p), 0);
	assert_int_equal(p->choices[CLASS].rank, 2);
	assert_string_equal(p->choices[CLASS].got, "kprobe/handle_mm_fault");
	assert_string_equal(p->choices[CLASS].why, "fexit/handle_mm_fault: EPERM (refused)");
	/* Programs of one rank belong together. */
	assert_false(on(p, "in"));
	assert_true(on(p, "in_kp"));
	fs_plan_free(p);
}

static void one_reason_is_told_once(void **state)
{
	struct fs_plan *p = plan_of(true, false);

	(void)state;
	fs_plan_rule_out(p, (size_t)fs_plan_find(p, "in"), -EPERM, "refused");
	fs_plan_rule_out(p, (size_t)fs_plan_find(p, "out"), -EPERM, "refused");
	fs_plan_rule_out(p, (size_t)fs_plan_find(p, "in_kp"), -ENOENT, NULL);
	assert_int_equal(fs_plan_choose(p), 0);
	assert_int_equal(p->choices[CLASS].rank, 0);
	assert_string_equal(p->choices[CLASS].got, "");
	assert_string_equal(p->choices[CLASS].why, "fentry/handle_mm_fault: EPERM (refused); "
						   "kprobe/handle_mm_fault: ENOENT");
	fs_plan_free(p);
}

static void a_needed_want_without_a_way_is_counted(void **state)
{
	struct fs_plan *p = plan_of(true, false);

	(void)state;
	fs_plan_rule_out(p, (size_t)fs_plan_find(p, "entry"), -ENOENT, "no such tracepoint");
	assert_int_equal(fs_plan_choose(p), 1);
	assert_int_equal(p->choices[EXITS].rank, 0);
	assert_false(on(p, "exit"));
	fs_plan_free(p);
}

static void choosing_again_forgets_the_old_choice(void **state)
{
	struct fs_plan *p = plan_of(true, false);

	(void)state;
	fs_plan_choose(p);
	fs_plan_rule_out(p, (size_t)fs_plan_find(p, "svm_only"), -EINVAL, NULL);
	fs_plan_choose(p);
	assert_false(on(p, "svm_only"));
	assert_true(on(p, "any"));
	assert_string_equal(p->choices[EXTRA].why, "tp_btf/x: EINVAL");
	/* a program and its stand-in are one way */
	assert_true(on(p, "other") && on(p, "other_again"));
	assert_string_equal(p->choices[EXTRA].got, "tp_btf/y + tp_btf/z (twice)");
	fs_plan_free(p);
}

/* What the loaders take for granted of the real tables. */
static void well_formed(const struct fs_hooks *t)
{
	for (size_t i = 0; i < t->nhooks; i++) {
		for (size_t k = 0; k < i; k++)
			if (!strcmp(t->hooks[i].prog, t->hooks[k].prog))
				fail_msg("%s stands twice", t->hooks[i].prog);
		assert_true(t->hooks[i].want < t->nwants);
		assert_true(t->hooks[i].rank >= 1);
	}
	for (size_t w = 0; w < t->nwants; w++) {
		unsigned int seen = 0, top = 0;

		assert_true(*t->wants[w].lost && *t->wants[w].gives);
		for (size_t i = 0; i < t->nhooks; i++) {
			if (t->hooks[i].want != w)
				continue;
			seen |= 1u << t->hooks[i].rank;
			if (t->hooks[i].rank > top)
				top = t->hooks[i].rank;
		}
		if (!top || seen != (2u << top) - 2)
			fail_msg("the ranks of %s have holes", t->wants[w].name);
	}
}

static void the_real_tables_are_well_formed(void **state)
{
	(void)state;
	well_formed(&fs_hooks_host);
	well_formed(&guest_hooks);
}

static void names_of_wants_and_programs_leave_out(void **state)
{
	struct fs_plan *p = plan_of(true, false);

	(void)state;
	assert_true(fs_plan_known(&table, "CLASS,entry"));
	assert_false(fs_plan_known(&table, "CLASS,entr"));
	assert_false(fs_plan_known(&table, "CLASS,entryx"));
	fs_plan_leave_out(p, NULL);
	fs_plan_leave_out(p, "in,EXTRA");
	fs_plan_choose(p);
	assert_int_equal(p->choices[CLASS].rank, 2);
	assert_int_equal(p->choices[EXTRA].rank, 0);
	assert_int_equal(p->choices[EXITS].rank, 1);
	assert_non_null(strstr(p->choices[EXTRA].why, "left out by --without"));
	fs_plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(best_ranks_when_all_stands),
		cmocka_unit_test(conditions_pick_programs_and_skip_ranks),
		cmocka_unit_test(falls_to_the_next_rank_with_the_reason),
		cmocka_unit_test(one_reason_is_told_once),
		cmocka_unit_test(a_needed_want_without_a_way_is_counted),
		cmocka_unit_test(choosing_again_forgets_the_old_choice),
		cmocka_unit_test(names_of_wants_and_programs_leave_out),
		cmocka_unit_test(the_real_tables_are_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
