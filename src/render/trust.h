/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recording says about how far it can be trusted: losses, the cost of the tracing, hooks.
 * Read from the META and STATS objects of the recording (docs/format.md); a key that is missing is
 * "not recorded", never 0.
 */
#ifndef FORKSCOPE_TRUST_H
#define FORKSCOPE_TRUST_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "experiment/contention.h"
#include "render/view.h"

#define FSV_NOT_RECORDED UINT64_MAX

struct fsv_trust {
	const char *kernel, *machine, *kvm, *vendor; /* "" = not recorded */
	uint64_t cpus;                               /* FSV_NOT_RECORDED */
	const char *tool;                            /* version that recorded */

	const json_t *hooks;    /* array of {"want", "got", "rank", "why", "lost"} or NULL */
	const json_t *lost_vm;  /* array of {"vm", "records", "stacks", "state"} or NULL */
	const json_t *lost_cpu; /* the same with "cpu" */
	uint64_t lost_records, lost_stacks, lost_state; /* sums; FSV_NOT_RECORDED */
	uint64_t lost_slots; /* where memory slots of a VM were left out; FSV_NOT_RECORDED */
	/* of probes, that the kernel skipped: lost; FSV_NOT_RECORDED */
	uint64_t skipped_runs;
	const json_t *skipped_by_cpu;      /* [{"cpu", "runs"}], NULL = not recorded */
	uint64_t probe_runs, probe_run_ns; /* sums; FSV_NOT_RECORDED */
	uint64_t probe_ns_per_event;       /* per recorded event; FSV_NOT_RECORDED */
	/* readings of guests given up, for memory did not answer; FSV_NOT_RECORDED */
	uint64_t guests_stalled;
	uint64_t blobs_failed; /* guests' symbols or META that one fork could not give; likewise */
	uint64_t cpu_ns;       /* CPU time of the tracer's own process; FSV_NOT_RECORDED */
	uint64_t wall_ns;      /* how long it recorded; FSV_NOT_RECORDED */
	bool host_symbols_hidden; /* kptr_restrict kept the host's symbols from the recorder */
	const char *ended;        /* why the recording ended, "" */

	uint64_t seq_holes;
	uint64_t odd_events; /* struct fsa_result */
	uint64_t events;
	bool host_incomplete; /* records were lost or the file is cut: exit status 3 */
};

/* Fills @t from what the recording says of itself and from the forks that are shown. */
void fsv_trust_read(const struct fsv_view *v, struct fsv_trust *t);

/* Whether the forks competed for the host's CPUs, by the number of CPUs recorded. 0 or -ENOMEM. */
int fsv_contention(const struct fsv_view *v, struct fsx_contention *c);

/* What is known of the guest recordings, over the forks shown. */
struct fsv_trust_guest {
	size_t shown, read, used;
	uint64_t events, lost, partial; /* records of the guests' rings */
	uint64_t outside;               /* events outside guest mode after the alignment */
	size_t n_error, n_clock;        /* forks with a clock error; with the VM's own clock data */
	uint64_t error_max, error_p95;  /* ns; p95 needs 20 forks, else FSV_NOT_RECORDED */
	size_t n_cost;                  /* forks whose recorder's cost is known */
	uint64_t cost_ns, cost_of_ns;   /* sums of it, and of those forks' windows */
	/* the cause tracer, and all windows with a guest recording */
	uint64_t tracer_ns, window_ns;
};

void fsv_trust_guest(const struct fsv_view *v, struct fsv_trust_guest *g);

/*
 * Why forks lack the guest recording, each reason once: calls @say with the reason and how many
 * forks have it, the most frequent first (at most 8 different ones).
 */
void fsv_guest_missing(const struct fsv_view *v,
		       void (*say)(void *arg, const char *why, size_t forks), void *arg);

/* Why @f has no guest recording in its ledger, in words; "" when it has. */
const char *fsv_guest_why(const struct fsa_fork *f);

/*
 * What this run's data do not show. Calls @say for each sentence, with @arg; the same sentences in
 * text and JSON.
 */
void fsv_not_proven(const struct fsv_view *v, const struct fsv_trust *t,
		    void (*say)(void *arg, const char *sentence), void *arg);

#endif
