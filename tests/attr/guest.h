/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recordings with a guest recording. Its clock is the host's here, with an error that the test
 * sets: what follows from a mapping is tested, not the mapping (tests/unit/test_align*.c).
 *
 * The standard way of a signal: line 9 was raised at 900, before the resume; vector 0x30 was
 * injected at 1040 for the entry at 1050, where its handler begins.
 */
#ifndef FORKSCOPE_TEST_ATTR_GUEST_H
#define FORKSCOPE_TEST_ATTR_GUEST_H

#include "attr.h"
#include "attribute/state/at.h"
#include "attribute/guest/guest_align.h"

#define RAISED                                                     \
	"ts=900 IRQ_SET cpu=0 tgid=10 tid=10 vm=1 gsi=9 level=1\n" \
	"ts=902 IRQ_ACCEPT cpu=0 tgid=10 tid=10 vm=1 vector=0x30\n"

#define INJECTED(ts) "ts=" #ts " IRQ_INJECT " V "vector=0x30\n"
#define ENTERED_IRQ                                         \
	"ts=1020 FIRST_RUN cpu=1 tgid=10 tid=11 vm=1 " REGS \
	"\n" INJECTED(1040) "ts=1050 VMEXIT cpu=1 tgid=10 tid=11 vm=1 run_ns=30\n"

/* The ack leaves at @ts, in an exit to the VMM from @exit to @entry. */
#define ACKED(stage, exit, ts, entry)                                                              \
	"ts=" #ts " NET_TX " V "what=STAGE payload_len=20 payload=\"stage=" stage " mac=xx\\n\"\n" \
	"ts=" #entry " VMEXIT " V "ts_exit=" #exit " reason=0x400 isa=SVM hints=MMIO\n"

#define GUEST_ALL "flags=BPF|SPLIT|SIGNAL|FAULTS"
#define GUEST(flags)                                                             \
	"GUEST vm=1 tgid=10 at_ns=1000000 id=00112233445566778899aabbccddeeff\n" \
	"GDIR " flags " ncpus=1 probe_ns_x16=1600\n"
#define OWN_WATCHER(how) "GWATCHER 0 tid=71 tgid=71 how=" how " own=1 comm=\"forkscope-guest\"\n"

/* In the place of the program's own: @guest_clock_error, or @guest_clock_refused. */
static uint64_t guest_clock_error;
static const char *guest_clock_refused;

int at_guest_align(struct at *a, struct at_vm *vm, const struct fsr_guest_data *g,
		   struct fsl_map *map, char *why, size_t len)
{
	(void)a;
	(void)vm;
	(void)g;
	*map = (struct fsl_map){.error_ns = guest_clock_error};
	if (guest_clock_refused)
		snprintf(why, len, "%s", guest_clock_refused);
	return guest_clock_refused ? -ERANGE : 0;
}

const char *at_guest_limits(const struct fsl_map *map, char *buf, size_t len)
{
	(void)map;
	snprintf(buf, len, "the test");
	return buf;
}

/* "notify/guest.signal=120 ...": all cells that are not 0, in the order of stages, causes. */
static inline const char *guest_cells(const struct fsa_fork *f)
{
	static char buf[2048];
	size_t n = 0;

	buf[0] = '\0';
	for (int s = 0; s < FSA_NSTAGES; s++)
		for (int c = 0; c < FSA_NCAUSES && n < sizeof(buf) - 64; c++)
			if (f->cells[s][c].ns)
				n += (size_t)snprintf(
					buf + n, sizeof(buf) - n, "%s%s/%s=%" PRIu64, n ? " " : "",
					fsa_stage_name((enum fsa_stage)s),
					fsa_cause_name((enum fsa_cause)c), f->cells[s][c].ns);
	return buf;
}

/* "notify until 4500 (kworker/0:1)" of every stage, "-" for one that was not seen. */
static inline const char *guest_stages(const struct fsa_fork *f)
{
	static char buf[2048];
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < f->nstages && n < sizeof(buf) - 128; i++) {
		const struct fsa_path_stage *l = &f->stages[i];

		n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s%s=%s%" PRIu64, n ? " " : "",
				      fsa_stage_name(l->stage), l->seen ? "" : "-", l->at_ns);
	}
	return buf;
}

/* What the guest ran at @t, "" if that is not known. */
static inline const char *guest_ran(const struct fsa_fork *f, uint64_t t)
{
	for (size_t i = 0; i < f->nsegs; i++)
		if (t >= f->segs[i].t0 && t < f->segs[i].t1)
			return f->labels[f->segs[i].guest];
	return "outside the window";
}

/* What must hold of any fork whose guest recording was used. */
static inline void guest_check(const struct fsa_fork *f)
{
	uint64_t at = f->start_ns;

	if (!f->guest.used)
		return;
	for (size_t i = 0; i < f->nstages; i++) {
		assert_true(f->stages[i].at_ns >= at && f->stages[i].at_ns <= f->end_ns);
		at = f->stages[i].at_ns;
	}
}

/* One fork, whose guest's half is used and well formed. */
static inline struct fsa_result *guest_run(const char *text, const char *end)
{
	struct fsa_result *res = attr_run(text, end);
	const struct fsa_fork *f = &res->forks[0];

	assert_int_equal(res->nforks, 1);
	if (!f->guest.used)
		fail_msg("the guest's half was not used: %s", f->guest.why);
	guest_check(f);
	return res;
}

static inline void guest_expect(const char *text, const char *end, const char *links,
				const char *cells)
{
	struct fsa_result *res = guest_run(text, end);
	const struct fsa_fork *f = &res->forks[0];

	assert_int_equal(f->guest.outside, 0);
	assert_string_equal(guest_stages(f), links);
	assert_string_equal(guest_cells(f), cells);
	attr_done(res);
}

#endif
