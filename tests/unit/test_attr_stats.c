// SPDX-License-Identifier: BSD-2-Clause
/* Buckets, verdicts, distributions, cohorts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/result/cohorts.h"
#include "attribute/result/ledger.h"
#include "../attr/attr.h"

static void buckets(void **state)
{
	(void)state;
	/* attribution.md: memory = fault.* and guest.fault, and so on for every cause */
	for (int s = 0; s < FSA_NSTAGES; s++)
		for (int c = 0; c < FSA_NCAUSES; c++) {
			const char *n = fsa_cause_name((enum fsa_cause)c);
			enum fsa_bucket want;

			if (!strncmp(n, "fault.", 6) || !strcmp(n, "guest.fault"))
				want = FSA_B_MEMORY;
			else if (!strncmp(n, "sched.", 6) || !strncmp(n, "exit.", 5) ||
				 !strcmp(n, "vmm.io") || !strcmp(n, "guest.other"))
				want = FSA_B_VCPU;
			else if (!strcmp(n, "guest.signal"))
				want = FSA_B_SIGNAL;
			else if (!strcmp(n, "guest.idle"))
				want = s <= FSA_S_WAKEUP  ? FSA_B_SIGNAL
				       : s == FSA_S_GUEST ? FSA_B_GUEST
							  : FSA_B_VCPU;
			else if (!strcmp(n, "guest.run"))
				want = FSA_B_GUEST;
			else
				want = !strcmp(n, "tracer") ? FSA_B_TRACER : FSA_B_UNKNOWN;
			assert_int_equal(fsa_bucket_of((enum fsa_stage)s, (enum fsa_cause)c), want);
		}
	assert_string_equal(fsa_cause_name(FSA_NCAUSES), "?");
	assert_string_equal(fsa_bucket_key(FSA_B_GUEST), "guest_unsplit_ns");
	assert_string_equal(fsa_note_text(FSA_NNOTES), "?");
}

static void verdict_of(uint64_t mem, uint64_t vcpu, uint64_t sig, uint64_t guest, uint64_t unknown,
		       enum fsa_verdict want, enum fsa_bucket first, enum fsa_bucket second)
{
	struct fsa_fork f = {.bucket_ns = {mem, vcpu, sig, guest, 0, unknown},
			     .gap_ns = mem + vcpu + sig + guest + unknown};

	at_verdict(&f);
	assert_int_equal(f.verdict, want);
	assert_int_equal(f.verdict_top[0], first);
	assert_int_equal(f.verdict_top[1], second);
}

static void verdicts(void **state)
{
	(void)state;
	verdict_of(60, 30, 0, 10, 0, FSA_V_MEMORY, FSA_B_MEMORY, FSA_B_VCPU);
	verdict_of(10, 30, 0, 60, 0, FSA_V_GUEST, FSA_B_GUEST, FSA_B_VCPU);
	/* exactly half is not more than half */
	verdict_of(50, 30, 0, 20, 0, FSA_V_MIXED, FSA_B_MEMORY, FSA_B_VCPU);
	verdict_of(45, 40, 15, 0, 0, FSA_V_MIXED, FSA_B_MEMORY, FSA_B_VCPU);
	verdict_of(0, 51, 49, 0, 0, FSA_V_VCPU, FSA_B_VCPU, FSA_B_SIGNAL);
	/* what is not known could turn it round */
	verdict_of(0, 51, 45, 0, 7, FSA_V_UNKNOWN, FSA_B_VCPU, FSA_B_SIGNAL);
	verdict_of(60, 10, 0, 10, 20, FSA_V_MEMORY, FSA_B_MEMORY, FSA_B_VCPU);
	verdict_of(60, 10, 0, 0, 50, FSA_V_MIXED, FSA_B_MEMORY, FSA_B_VCPU);
	verdict_of(0, 0, 0, 0, 100, FSA_V_UNKNOWN, FSA_B_MEMORY, FSA_B_VCPU);
	verdict_of(0, 0, 0, 0, 0, FSA_V_UNKNOWN, FSA_B_MEMORY, FSA_B_VCPU);
}

static void distributions(void **state)
{
	uint64_t few[] = {30, 10, 20}, two[] = {10, 20}, lost[] = {10, UINT64_MAX, 30};
	uint64_t many[20], most[] = {UINT64_MAX, 10, UINT64_MAX};
	struct fsa_dist d;

	(void)state;
	d = at_dist(few, 3);
	assert_int_equal(d.n, 3);
	assert_true(d.avg == 20);
	assert_int_equal(d.p50, 20);
	assert_int_equal(d.max, 30);
	assert_int_equal(d.p95, 0); /* too few for it */
	assert_int_equal(at_dist(two, 2).p50, 10);
	/* a fork without an end ranks above all others and is in no average */
	d = at_dist(lost, 3);
	assert_true(d.avg == 20);
	assert_int_equal(d.p50, 30);
	assert_true(d.max == UINT64_MAX);
	assert_true(at_dist(most, 3).p50 == UINT64_MAX);
	for (uint64_t i = 0; i < 20; i++)
		many[i] = 20 - i;
	d = at_dist(many, 20);
	assert_int_equal(d.p50, 10);
	assert_int_equal(d.p95, 19);
	d = at_dist(many, 0);
	assert_int_equal(d.n, 0);
	assert_true(isnan(d.avg));
}

struct files { /* what a fork was restored from; inode 0 = not known, memory 0 = anonymous */
	int memory, state;
	const char *path; /* of the state */
};

/* The text of forks @of[0] to [@k - 1], one after the other, of @text's room. */
static void write_forks(char *text, size_t room, const struct files *of, int k)
{
	size_t n = 0;

	for (int i = 0; i < k; i++) {
		int t = 1000 * i, who = 10 + i;

		n += (size_t)snprintf(
			text + n, room - n,
			"ts=%d PROC_ADD cpu=0 tgid=%d tid=%d start_ns=%d comm=\"vmm\"\n"
			"ts=%d MMAP cpu=0 tgid=%d tid=%d ts_start=%d addr=0x7f0000000000 "
			"size=0x10000000 ino=%d dev=1 fd=3\n"
			"ts=%d VM_CREATE cpu=0 tgid=%d tid=%d vm=%d ts_start=%d fd=5\n"
			"ts=%d MEMSLOT cpu=0 tgid=%d tid=%d vm=%d ts_start=%d size=0x10000000 "
			"hva=0x7f0000000000\n"
			"ts=%d FIRST_RUN cpu=0 tgid=%d tid=%d vm=%d " REGS "\n"
			"ts=%d VMEXIT cpu=0 tgid=%d tid=%d vm=%d run_ns=10\n"
			"ts=%d PIO cpu=0 tgid=%d tid=%d vm=%d port=0xf4 rw=1\n"
			"ts=%d VMEXIT cpu=0 tgid=%d tid=%d vm=%d ts_exit=%d reason=0x7b isa=SVM\n",
			t + 100, who, who, t + 90, t + 110, who, who, t + 105, of[i].memory,
			t + 120, who, who, i + 1, t + 115, t + 130, who, who, i + 1, t + 125,
			t + 200, who, who, i + 1, t + 210, who, who, i + 1, t + 300 + 10 * i, who,
			who, i + 1, t + 800, who, who, i + 1, t + 290);
		if (of[i].path)
			n += (size_t)snprintf(text + n, room - n,
					      "ts=%d OPEN cpu=0 tgid=%d tid=%d ts_start=%d fd=4 "
					      "path=\"%s\" dev=%d ino=%d\n",
					      t + 118, who, who, t + 117, of[i].path,
					      of[i].state ? 9 : 0, of[i].state);
	}
}

/* "1..": which of the forks are the first of their snapshot. */
static void expect_firsts(const struct files *of, int k, bool one_snapshot, const char *firsts)
{
	struct fsa_opts o = attr_opts("resume", "pio:0xf4");
	struct fsa_result *res;
	char text[16384], got[32] = "";

	write_forks(text, sizeof(text), of, k);
	o.one_snapshot = one_snapshot;
	res = attr_run_opts(text, o);
	assert_int_equal(res->nforks, k);
	for (size_t i = 0; i < res->nforks; i++)
		got[i] = attr_noted(&res->forks[i], FSA_N_FIRST) ? '1' : '.';
	assert_string_equal(got, firsts);
	attr_done(res);
}

static void one_snapshot_by_its_files(void **state)
{
	/* memory of each fork's own, the same state (a link to it in a folder of each) */
	const struct files own[] = {{101, 50, "/f/1/memory-ranges"},
				    {102, 50, "/f/2/memory-ranges"},
				    {0, 50, "/f/3/memory-ranges"},
				    {104, 51, "/f/4/memory-ranges"},
				    {105, 51, "/f/5/memory-ranges"}};
	/* the memory joins what the state does not, and the other way round */
	const struct files chain[] = {
		{7, 50, "/a"}, {8, 51, "/a"}, {8, 50, "/a"}, {7, 52, "/a"}, {9, 53, "/a"}};
	/* an older recording has no inodes of files that were opened: one name may be two files */
	const struct files old[] = {
		{101, 0, "/s/state"}, {102, 0, "/s/state"}, {103, 0, "/s/state"}};
	const struct files no_memory[] = {{0, 0, "/s/a"}, {0, 0, "/s/a"}, {0, 0, "/s/b"}};

	(void)state;
	expect_firsts(own, 5, false, "1..1.");
	expect_firsts(chain, 5, false, "1...1");
	expect_firsts(old, 3, false, "111");
	expect_firsts(old, 3, true, "1..");
	expect_firsts(no_memory, 3, false, "1.1");
}

/* Three forks of one memory file, two of another: the first of each stands apart. */
static void cohorts(void **state)
{
	static const struct files of[] = {
		{7, 0, NULL}, {7, 0, NULL}, {7, 0, NULL}, {8, 0, NULL}, {8, 0, NULL}};
	struct fsa_result *res;
	char text[16384];

	(void)state;
	write_forks(text, sizeof(text), of, 5);
	res = attr_run(text, "pio:0xf4");
	assert_int_equal(res->nforks, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(attr_noted(&res->forks[i], FSA_N_FIRST), i == 0 || i == 3);
	assert_int_equal(res->ncohorts, 2);
	assert_string_equal(res->cohorts[0].name, "steady");
	assert_int_equal(res->cohorts[0].n, 3);
	assert_int_equal(res->cohorts[0].gap.p50, 120);
	assert_int_equal(res->cohorts[0].gap.max, 140);
	assert_true(fabs(res->cohorts[0].gap.avg - 370.0 / 3) < 1e-9);
	assert_int_equal(res->cohorts[0].forks[1]->id, 3);
	assert_int_equal(res->cohorts[0].verdicts[FSA_V_GUEST], 3);
	assert_string_equal(res->cohorts[1].name, "first");
	assert_int_equal(res->cohorts[1].n, 2);
	attr_done(res);
	/* one of them alone keeps its number */
	{
		struct fsa_opts o = attr_opts("resume", "pio:0xf4");

		o.only_fork = 4;
		res = attr_run_opts(text, o);
		assert_int_equal(res->nforks, 1);
		assert_int_equal(res->forks[0].id, 4);
		assert_int_equal(res->forks[0].vm, 4);
		attr_done(res);
	}
}

/* Two arms are two populations, whatever else they have in common. */
static void cohorts_of_arms(void **state)
{
	static const char *const names[] = {"a:none, steady", "a:all, steady", "steady"};
	static const size_t sizes[] = {2, 1, 3};
	struct fsa_fork forks[6] = {0};
	struct fsa_result res = {.forks = forks, .nforks = 6};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		forks[i] = (struct fsa_fork){.gap_ns = 10 * (i + 1), .complete = true};
	strcpy(forks[0].variant, "a:none");
	strcpy(forks[1].variant, "a:all");
	strcpy(forks[3].variant, "a:none");
	assert_int_equal(at_cohorts(&res), 0);
	assert_int_equal(res.ncohorts, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(res.cohorts[i].name, names[i]);
		assert_int_equal(res.cohorts[i].n, sizes[i]);
	}
	assert_int_equal(res.cohorts[0].gap.max, 40);
	assert_int_equal(res.cohorts[1].gap.max, 20);
	assert_int_equal(res.cohorts[2].gap.max, 60);
	for (size_t i = 0; i < res.ncohorts; i++)
		free(res.cohorts[i].forks);
	free(res.cohorts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets),         cmocka_unit_test(verdicts),
		cmocka_unit_test(distributions),   cmocka_unit_test(cohorts),
		cmocka_unit_test(cohorts_of_arms), cmocka_unit_test(one_snapshot_by_its_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
