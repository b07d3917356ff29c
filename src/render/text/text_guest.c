// SPDX-License-Identifier: BSD-2-Clause
/* The text report's part about the guest recording of one fork. */
#include <inttypes.h>
#include <string.h>
#include "base/units.h"
#include "bpf/guest_ring.h"
#include "experiment/cells.h"
#include "guestsyms/ownsyms.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"
#include "render/text/text_table.h"
#include "render/trust.h"

#define TOP_TASKS 10
#define BAR       16

static void agent_line(const struct fsa_fork *f, FILE *out)
{
	const struct fsa_guest *g = &f->guest;
	char kind[32], agent[32];

	if (!*f->signal_kind && !*g->agent)
		return;
	fsv_clean(*f->signal_kind ? f->signal_kind : "not known", kind, sizeof(kind));
	if (!*g->agent)
		fsv_para(out, 0, 2, "resume signal: %s", kind);
	else
		fsv_para(out, 0, 2, "resume signal: %s, awaited by %s (tid %u)%s", kind,
			 fsv_clean(g->agent, agent, sizeof(agent)), g->agent_tid,
			 g->agent_forkscope ? ", which reports its own steps"
					    : ", whose first ack stands for its decoding");
}

/* What the recorder in the guest could not see, and so what the split lacks. */
static void lacks(const struct fsa_guest *g, FILE *out)
{
	static const struct {
		uint32_t flag;
		const char *without;
	} parts[] = {
		{FSG_D_SPLIT, "its tasks are not separable (no switches were recorded)"},
		{FSG_D_SIGNAL, "the signal's handlers were not seen (no function probes)"},
		{FSG_D_FAULTS,
		 "the length of its own page faults is not known, so guest.fault is in guest.signal and guest.other"},
	};

	if (!(g->flags & FSG_D_BPF)) {
		fsv_para(
			out, 2, 4,
			"lacking: only the agent's own stamps were recorded (no BPF in this guest)");
		return;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!(g->flags & parts[i].flag))
			fsv_para(out, 2, 4, "lacking: %s", parts[i].without);
}

/* What ran on CPUs that have no ring is in no record. */
static void unrecorded_cpus(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	uint64_t cpus, without;

	if (fsy_own_cpus(fsy_own_of(v->own, f), &cpus, &without) && without)
		fsv_para(out, 2, 4,
			 "lacking: what ran on %" PRIu64 " of the guest's %" PRIu64
			 " CPUs: they have no ring",
			 without, cpus);
}

static void clock_line(const struct fsa_fork *f, FILE *out)
{
	const struct fsa_guest *g = &f->guest;
	char e[2][FS_UNITS_LEN], more[120] = "";

	fs_fmt_ns(f->clock_error_ns, e[0], sizeof(e[0]));
	if (g->clock_used && g->containment_error_ns == UINT64_MAX)
		snprintf(more, sizeof(more), "; by the VM's own clock data alone");
	else if (g->clock_used)
		snprintf(more, sizeof(more),
			 "; the VM's own clock data took part (without it: +-%s)",
			 fs_fmt_ns(g->containment_error_ns, e[1], sizeof(e[1])));
	fsv_para(out, 0, 2, "guest clock: +-%s%s%s%s", e[0], more,
		 *g->limited_by ? "; limited by " : "", g->limited_by);
}

void fsv_text_guest(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	const struct fsa_guest *g = &f->guest;
	char cost[FS_UNITS_LEN], pct[16];

	agent_line(f, out);
	if (!g->used) {
		fsv_para(out, 0, 2, "guest recording: %s: %s",
			 g->read ? "read, but NOT USED" : "none", fsv_guest_why(f));
		unrecorded_cpus(v, f, out);
		return;
	}
	if (g->lost || g->partial)
		fsv_para(out, 0, 2,
			 "guest recording: read, %" PRIu64 " records; %" PRIu64
			 " were LOST, %" PRIu64
			 " partial (half written when they were read): there tasks may be wrong",
			 g->events, g->lost, g->partial);
	else
		fsv_para(out, 0, 2, "guest recording: read, %" PRIu64 " records, none lost",
			 g->events);
	lacks(g, out);
	unrecorded_cpus(v, f, out);
	if (g->probe_ns)
		fsv_para(out, 2, 4, "its recorder took about %s of the %s (%s)",
			 fs_fmt_ns(g->probe_ns, cost, sizeof(cost)), fsv_window_word(f),
			 fsv_pct(g->probe_ns, f->gap_ns, pct, sizeof(pct)));
	clock_line(f, out);
}

/* Where in the window the stage lay: its length up to @until. */
static void waterfall(const struct fsv_view *v, const struct fsa_fork *f, uint64_t until,
		      uint64_t ns, FILE *out)
{
	uint64_t end = until < f->start_ns ? 0 : until - f->start_ns, first;
	int a, b;

	if (end > f->gap_ns)
		end = f->gap_ns;
	first = end > ns ? end - ns : 0;
	a = (int)(fsv_share(first, f->gap_ns) * BAR);
	b = (int)(fsv_share(end, f->gap_ns) * BAR + 0.999);
	if (a >= BAR)
		a = BAR - 1;
	if (b <= a)
		b = a + 1;
	for (int i = 0; i < a; i++)
		fputc('.', out);
	fsv_bucket_tone(v, out, FSA_B_SIGNAL);
	for (int i = a; i < b; i++)
		fputc(ns ? '#' : '|', out);
	fsv_tone(v, out, FSV_T_PLAIN);
	for (int i = b; i < BAR; i++)
		fputc('.', out);
}

enum { L_STAGE, L_LENGTH, L_SHARE, L_PICTURE, L_ENDED, L_ERROR, L_BY };

static void stage_row(const struct fsv_view *v, const struct fsa_fork *f,
		      const struct fsa_path_stage *l, const struct fsv_table *table, FILE *out)
{
	char t[FS_UNITS_LEN], at[FS_UNITS_LEN + 2], e[FS_UNITS_LEN], pct[16], who[64];
	uint64_t ns = fsx_stage_ns(f, l->stage);
	bool length = l->seen || ns;
	int column = table->shown & 1u << L_SHARE ? 32 : 23;

	fsv_table_cell(table, out, L_STAGE, fsa_stage_name(l->stage));
	fsv_table_cell(table, out, L_LENGTH, length ? fs_fmt_ns(ns, t, sizeof(t)) : "-");
	fsv_table_cell(table, out, L_SHARE,
		       length ? fsv_pct(ns, f->gap_ns, pct, sizeof(pct)) : "-");
	fputs("  ", out);
	if (!l->seen) {
		fsv_para_on(out, column, column + 2, "not seen: %s", l->why ? l->why : "");
		return;
	}
	if (table->shown & 1u << L_PICTURE)
		waterfall(v, f, l->at_ns, ns, out);
	fsv_table_cell(table, out, L_ENDED, fsv_rel(f, l->at_ns, at, sizeof(at)));
	fsv_table_cell(table, out, L_ERROR,
		       l->error_ns ? fs_fmt_ns(l->error_ns, e, sizeof(e)) : "host");
	if (*l->who)
		fsv_table_cell(table, out, L_BY, fsv_clean(l->who, who, sizeof(who)));
	fputc('\n', out);
	if (l->why && *l->why)
		fsv_para_on(out, fprintf(out, "    "), 4, "%s", l->why);
}

void fsv_text_signal_path(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	const struct fsv_column columns[] = {
		[L_STAGE] = {"stage", 2, -8, 0},
		[L_LENGTH] = {"length", 1, 10, 0},
		[L_SHARE] = {"share", 1, 8, 2},
		/* its blanks are printed, so that the picture may leave and they not */
		[L_PICTURE] = {fsv_window_word(f), 0, -BAR, 1},
		[L_ENDED] = {"ended", 1, 12, 0},
		[L_ERROR] = {"+-", 1, 8, 0},
		[L_BY] = {"by", 2, 0, 0},
	};
	struct fsv_table table;

	if (!f->nstages)
		return;
	fsv_heading(v, out,
		    "the signal path: how long each stage took, when it ended, and what ended it");
	fsv_table_fit(&table, v, columns, sizeof(columns) / sizeof(columns[0]), 30);
	table.room -= 2;
	for (int i = 0; i <= L_BY; i++) {
		fsv_table_cell(&table, out, (size_t)i, columns[i].head);
		fputs(i == L_SHARE ? "  " : "", out);
	}
	fputc('\n', out);
	for (size_t i = 0; i < f->nstages; i++)
		stage_row(v, f, &f->stages[i], &table, out);
}

void fsv_text_tasks(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	static const struct fsv_column columns[] = {
		{"stage", 2, -8, 0}, {"cause", 1, -13, 0},  {"time", 1, 10, 0},
		{"share", 1, 8, 0},  {"segments", 2, 8, 0}, {"task or interrupt", 2, 0, 0},
	};
	char t[FS_UNITS_LEN], pct[16], name[64], n[24];
	struct fsv_table table;

	if (!f->ntop_tasks)
		return;
	fsv_heading(v, out, "what the guest ran on the path, most time first");
	fsv_table_fit(&table, v, columns, sizeof(columns) / sizeof(columns[0]), 24);
	fsv_table_head(&table, out);
	for (size_t i = 0; i < f->ntop_tasks && i < TOP_TASKS; i++) {
		const struct fsa_top_task *x = &f->top_tasks[i];
		enum fsa_bucket b = fsa_bucket_of(x->stage, x->cause);

		snprintf(n, sizeof(n), "%" PRIu64, x->count);
		fsv_table_cell(&table, out, 0, fsa_stage_name(x->stage));
		fsv_bucket_tone(v, out, b);
		fsv_table_cell(&table, out, 1, fsa_cause_name(x->cause));
		fsv_tone(v, out, FSV_T_PLAIN);
		fsv_table_cell(&table, out, 2, fs_fmt_ns(x->ns, t, sizeof(t)));
		fsv_table_cell(&table, out, 3, fsv_pct(x->ns, f->gap_ns, pct, sizeof(pct)));
		fsv_table_cell(&table, out, 4, n);
		fsv_table_cell(&table, out, 5,
			       x->guest < f->nlabels
				       ? fsv_clean(f->labels[x->guest], name, sizeof(name))
				       : "?");
		fputc('\n', out);
	}
}
