// SPDX-License-Identifier: BSD-2-Clause
/* The fixed colours of causes, buckets and stages. */
#include "render/palette.h"

/* A bucket is a hue; its causes are shades of it, the costlier the stronger. */
static const char *const buckets[FSA_NBUCKETS] = {
	[FSA_B_MEMORY] = "#f08a6c", [FSA_B_VCPU] = "#7fb2e5",   [FSA_B_SIGNAL] = "#86c97f",
	[FSA_B_GUEST] = "#e8cf6a",  [FSA_B_TRACER] = "#c79be0", [FSA_B_UNKNOWN] = "#b9b9b9",
};

/* cause, its colour, the colour of its details */
static const char *const causes[FSA_NCAUSES][2] = {
	[FSA_C_SCHED_DELAY] = {"#6f9fe0", "#cfdff6"},
	[FSA_C_SCHED_THROTTLE] = {"#8493ea", "#d5daf8"},
	[FSA_C_SCHED_BLOCKED] = {"#79b7dc", "#d3e7f4"},
	[FSA_C_EXIT_KERNEL] = {"#8fc9ea", "#d9edf8"},
	[FSA_C_EXIT_VMM] = {"#9fd3dd", "#ddf0f3"},
	[FSA_C_VMM_IO] = {"#b3c7e8", "#e3ebf7"},
	[FSA_C_FAULT_UFFD] = {"#ef7f9f", "#fad5de"},
	[FSA_C_FAULT_MAJOR] = {"#ee7d6b", "#fad4ce"},
	[FSA_C_FAULT_COW] = {"#f39a5d", "#fbdcc6"},
	[FSA_C_FAULT_ZERO] = {"#f5b07a", "#fce3cf"},
	[FSA_C_FAULT_CACHED] = {"#f6a58e", "#fce0d8"},
	[FSA_C_FAULT_MAPPED] = {"#f7bfa6", "#fde8df"},
	[FSA_C_FAULT_WP] = {"#e8a0a0", "#f7dede"},
	[FSA_C_FAULT_RETRY] = {"#dda58c", "#f4e0d8"},
	[FSA_C_GUEST_FAULT] = {"#f0b3c0", "#fae3e8"},
	[FSA_C_GUEST_SIGNAL] = {"#86c97f", "#d8eed5"},
	[FSA_C_GUEST_OTHER] = {"#86b8c9", "#d5e7ee"},
	[FSA_C_GUEST_IDLE] = {"#b5d99c", "#e4f1da"},
	[FSA_C_GUEST_RUN] = {"#e8cf6a", "#f7efcb"},
	[FSA_C_TRACER] = {"#c79be0", "#ecdff5"},
	[FSA_C_UNKNOWN] = {"#b9b9b9", "#e6e6e6"},
};

/* Stages are no causes: greys with a tint, in the order of the signal path, dark and light. */
static const char *const stages[FSA_NSTAGES] = {
	[FSA_S_RAISE] = "#d9d2c5",  [FSA_S_INJECT] = "#ece6da",  [FSA_S_NOTIFY] = "#d3d8c6",
	[FSA_S_WAKEUP] = "#e7ebdc", [FSA_S_MAILBOX] = "#c9d6d6", [FSA_S_APPLY] = "#e0e9e9",
	[FSA_S_ACK] = "#d2d0dd",    [FSA_S_GUEST] = "#ececec",
};

const char *fsv_stage_colour(enum fsa_stage s)
{
	return (unsigned int)s < FSA_NSTAGES ? stages[s] : "#ececec";
}

const char *fsv_bucket_colour(enum fsa_bucket b)
{
	return (unsigned int)b < FSA_NBUCKETS ? buckets[b] : "#dddddd";
}

const char *fsv_cause_colour(enum fsa_cause c)
{
	return (unsigned int)c < FSA_NCAUSES ? causes[c][0] : "#dddddd";
}

const char *fsv_detail_colour(enum fsa_cause c)
{
	return (unsigned int)c < FSA_NCAUSES ? causes[c][1] : "#eeeeee";
}
