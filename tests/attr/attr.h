/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attribution of recordings written as text (docs/format.md). Include after cmocka.h.
 *
 * The standard VM: process 10 ("vmm"), its vCPU thread 11 on CPU 1, born at 140, asleep from 150,
 * woken by thread 10 at 1000 (the resume), on its CPU at 1010, in KVM_RUN at 1020, in the guest at
 * 1050. So each of its ledgers begins with 10 ns of sched.delay, 10 of exit.vmm, 30 of exit.kernel.
 */
#ifndef FORKSCOPE_TEST_ATTR_H
#define FORKSCOPE_TEST_ATTR_H

#include <errno.h>
#include <inttypes.h>
#include "attribute/attribute.h"
#include "tools/mkrec/compile.h"
#include "../unit/tmp.h"

#define VMM                                                                      \
	"ts=100 PROC_ADD cpu=0 tgid=10 tid=10 start_ns=90 comm=\"vmm\"\n"        \
	"ts=110 VM_CREATE cpu=0 tgid=10 tid=10 vm=1 ts_start=105 fd=5\n"         \
	"ts=120 MEMSLOT cpu=0 tgid=10 tid=10 vm=1 ts_start=118 size=0x10000000 " \
	"hva=0x7f0000000000\n"                                                   \
	"ts=130 VCPU_CREATE cpu=0 tgid=10 tid=10 vm=1 ts_start=125 fd=6\n"       \
	"ts=140 FORK cpu=0 tgid=10 tid=10 vm=1 child_tid=11 child_tgid=10 comm=\"vcpu\"\n"

#define RESUMED                                                                          \
	"ts=1010 OFFCPU cpu=1 tgid=10 tid=11 vm=1 ts_out=150 ts_wake=1000 waker_tid=10 " \
	"waker_tgid=10 prev_state=0x1 waker_comm=\"vmm\" prev_comm=\"other\"\n"

#define REGS "rip=0xffffffff81000000 cr0=0x80050033 cr4=0x3006f0 efer=0xd01 valid=0x1f"

#define ENTERED                                                  \
	"ts=1020 FIRST_RUN cpu=1 tgid=10 tid=11 vm=1 " REGS "\n" \
	"ts=1050 VMEXIT cpu=1 tgid=10 tid=11 vm=1 run_ns=30\n"

#define STANDARD VMM RESUMED ENTERED
#define HEAD     "sched.delay=10 exit.kernel=30 exit.vmm=10" /* see names of cells below */

/* Fields of every record of the vCPU thread and of the main thread. */
#define V        "cpu=1 tgid=10 tid=11 vm=1 "
#define M        "cpu=0 tgid=10 tid=10 vm=1 "

/* The end `pio:0xf4` at @ts, in an exit that began 10 ns before and covers it by 20 more. */
#define PIO_END(exit, ts, entry)                              \
	"ts=" #ts " PIO " V "port=0xf4 size=1 count=1 rw=1\n" \
	"ts=" #entry " VMEXIT " V "ts_exit=" #exit " reason=0x7b isa=SVM rip=0xffffffff81000200\n"

static struct fsr_reader *attr_reader;
static char attr_err[256];

static inline struct fsa_opts attr_opts(const char *start, const char *end)
{
	struct fsa_opts o = {0};

	assert_int_equal(fsa_parse_start(start, &o, attr_err, sizeof(attr_err)), 0);
	assert_int_equal(fsa_parse_end(end, &o, attr_err, sizeof(attr_err)), 0);
	return o;
}

/* Every property that any fork must have. */
static inline void attr_check(const struct fsa_fork *f)
{
	uint64_t sum = 0, bucket = 0, at = f->start_ns;
	uint64_t count[FSA_NCAUSES] = {0}, some[FSA_NCAUSES] = {0};

	assert_int_equal(f->gap_ns, f->end_ns - f->start_ns);
	for (int s = 0; s < FSA_NSTAGES; s++)
		for (int c = 0; c < FSA_NCAUSES; c++) {
			sum += f->cells[s][c].ns;
			count[c] += f->cells[s][c].count;
			some[c] += f->cells[s][c].ns;
		}
	/* a fault counts in the stage in which it began, and may last into the next one */
	for (int c = 0; c < FSA_NCAUSES; c++)
		assert_true(!some[c] == !count[c]);
	assert_int_equal(sum, f->gap_ns);
	for (int b = 0; b < FSA_NBUCKETS; b++)
		bucket += f->bucket_ns[b];
	assert_int_equal(bucket, f->gap_ns);
	for (size_t i = 0; i < f->nsegs; i++) {
		assert_int_equal(f->segs[i].t0, at);
		assert_true(f->segs[i].t1 > f->segs[i].t0);
		assert_true(f->segs[i].label < f->nlabels);
		at = f->segs[i].t1;
	}
	assert_int_equal(at, f->end_ns);
	for (size_t i = 1; i < f->nphases; i++)
		assert_true(f->phases[i].start_ns >=
			    f->phases[i - 1].start_ns + f->phases[i - 1].ns);
}

static inline struct fsa_result *attr_run_opts(const char *text, struct fsa_opts o)
{
	const char *path = tmp_path("attr.fsr");
	struct fsa_result *res = NULL;
	int ret;

	ret = fsr_compile(text, path, attr_err, sizeof(attr_err));
	if (ret)
		fail_msg("the test's text: %s", attr_err);
	ret = fsr_open(path, &attr_reader, attr_err, sizeof(attr_err));
	if (ret)
		fail_msg("open: %s", attr_err);
	ret = fsa_attribute(attr_reader, &o, &res, attr_err, sizeof(attr_err));
	if (ret)
		fail_msg("attribute: %s", attr_err);
	for (size_t i = 0; i < res->nforks; i++)
		attr_check(&res->forks[i]);
	return res;
}

static inline struct fsa_result *attr_run(const char *text, const char *end)
{
	return attr_run_opts(text, attr_opts("resume", end));
}

static inline void attr_done(struct fsa_result *res)
{
	fsa_free(res);
	fsr_free(attr_reader);
	attr_reader = NULL;
}

/* "sched.delay=10 exit.kernel=30 ...": all cells that are not 0, in the order of causes. */
static inline const char *attr_cells(const struct fsa_fork *f)
{
	static char buf[1024];
	size_t n = 0;

	buf[0] = '\0';
	for (int c = 0; c < FSA_NCAUSES; c++)
		if (f->cells[FSA_S_GUEST][c].ns)
			n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s%s=%" PRIu64,
					      n ? " " : "", fsa_cause_name((enum fsa_cause)c),
					      f->cells[FSA_S_GUEST][c].ns);
	return buf;
}

/* "vmm.io[10,20)" of every piece of the path, for the tests that care where. */
static inline const char *attr_path(const struct fsa_fork *f)
{
	static char buf[4096];
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < f->nsegs && n < sizeof(buf) - 128; i++)
		n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s%s[%" PRIu64 ",%" PRIu64 ")",
				      n ? " " : "",
				      fsa_cause_name((enum fsa_cause)f->segs[i].cause),
				      f->segs[i].t0, f->segs[i].t1);
	return buf;
}

/* Runs @text with one fork and compares its cells. */
static inline void attr_expect(const char *text, const char *end, const char *cells)
{
	struct fsa_result *res = attr_run(text, end);

	assert_int_equal(res->nforks, 1);
	if (strcmp(attr_cells(&res->forks[0]), cells))
		print_message("path: %s\n", attr_path(&res->forks[0]));
	assert_string_equal(attr_cells(&res->forks[0]), cells);
	attr_done(res);
}

static inline bool attr_noted(const struct fsa_fork *f, enum fsa_note n)
{
	return f->notes & 1u << n;
}

#endif
