// SPDX-License-Identifier: BSD-2-Clause
/* The text report's part about one fork. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "guestsyms/exit_names.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"
#include "render/text/text_table.h"

#define TOP_FAULTS 8
#define TOP_EXITS  8
#define BAR_WIDTH  40
#define BUCKET_ROW 82  /* columns with such a bar */
#define P99_NEEDS  100 /* samples below which a 99th percentile is only the maximum */

static void header(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	char comm[FS_COMM_LEN * 2], by[FS_COMM_LEN * 2], title[160], end[96], t[FS_UNITS_LEN];
	char start[64], until[96];

	fsv_clean(f->comm, comm, sizeof(comm));
	fsv_clean(f->resume_by_comm, by, sizeof(by));
	fsv_end_text(v, f, end, sizeof(end));
	snprintf(title, sizeof(title), "fork %u: %s, pid %u", f->id, comm, f->vmm_pid);
	fputc('\n', out);
	fsv_rule(v, out, title);
	fprintf(out, "%s, VM %u of the recording, %u vCPU%s\n",
		f->restore ? "restore of a snapshot" : "boot", f->vm, f->vcpus,
		f->vcpus == 1 ? "" : "s");
	if (f->resume_by_tid)
		fsv_para(out, 0, 2, "resume: %s by %s (tid %u)", fsv_resume_text(f->resume_kind),
			 *by ? by : "a thread without a name", f->resume_by_tid);
	else
		fsv_para(out, 0, 2, "resume: %s", fsv_resume_text(f->resume_kind));
	snprintf(start, sizeof(start), "%s%s", fsv_start_name(f->start_kind),
		 f->start_kind == FSA_START_RESUME ? "" : " (not the resume)");
	if (f->complete)
		fsv_para(out, 0, 2, "window: from %s to %s", start, end);
	else
		fsv_para(out, 0, 2,
			 "window: from %s; %s was NOT reached, watched for %s (until: %s)", start,
			 end, fs_fmt_ns(f->gap_ns, t, sizeof(t)),
			 fsv_clean(f->end, until, sizeof(until)));
}

static void notes(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	const char *text;

	for (unsigned int i = 0; (text = fsv_note(f, &i));) {
		/* the lines about the guest recording say why, and how many */
		if (text == fsa_note_text(FSA_N_NO_GUEST) ||
		    text == fsa_note_text(FSA_N_GUEST_LOST))
			continue;
		fsv_tone(v, out, FSV_T_BAD);
		fprintf(out, "note: ");
		fsv_tone(v, out, FSV_T_PLAIN);
		fsv_para_on(out, 6, 6, "%s", text);
	}
	if (f->lost)
		fsv_para(out, 0, 6, "note: %" PRIu64 " records of this VM were lost", f->lost);
}

static void ledger(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	char t[FS_UNITS_LEN], pct[16], why[512], head[64];
	int narrow = (int)fsv_columns(v) - BUCKET_ROW;
	int bar = narrow < 0 ? BAR_WIDTH + narrow : BAR_WIDTH;

	snprintf(head, sizeof(head), "%s %s", fsv_window_word(f),
		 fs_fmt_ns(f->gap_ns, t, sizeof(t)));
	fsv_heading(v, out, head);
	for (unsigned int b = 0; b < FSA_NBUCKETS; b++) {
		fprintf(out, "  %-19s ", fsa_bucket_title((enum fsa_bucket)b));
		if (b == FSA_B_SIGNAL && fsv_not_separable((double)f->bucket_ns[FSA_B_SIGNAL],
							   (double)f->bucket_ns[FSA_B_GUEST])) {
			fprintf(out, "%-*s %10s %8s\n", bar, FSV_NOT_SEPARABLE, "-", "-");
			continue;
		}
		fsv_bar(v, out, (enum fsa_bucket)b, fsv_share(f->bucket_ns[b], f->gap_ns), bar);
		fprintf(out, " %10s %8s\n", fs_fmt_ns(f->bucket_ns[b], t, sizeof(t)),
			fsv_pct(f->bucket_ns[b], f->gap_ns, pct, sizeof(pct)));
	}
	fsv_tone(v, out, FSV_T_BOLD);
	fsv_para(out, 0, 2, "verdict: %s.", fsv_verdict_text(f, why, sizeof(why)));
	fsv_tone(v, out, FSV_T_PLAIN);
}

/* VMMs do the same thing many times over: each name once, with its sum, in order of its first. */
static void phases(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	char at[FS_UNITS_LEN + 2], end[FS_UNITS_LEN + 2], t[FS_UNITS_LEN], name[64];

	if (!f->nphases)
		return;
	fsv_heading(v, out, "phases before the resume (not in the gap; they may overlap)");
	fprintf(out, "  %-24s %7s %10s %14s %14s\n", "", "times", "in all", "first begun",
		"last ended");
	for (size_t i = 0; i < f->nphases; i++) {
		const struct fsa_phase *p = &f->phases[i];
		uint64_t ns = 0, first = p->start_ns, last = 0;
		size_t n = 0;

		for (size_t k = 0; k < f->nphases; k++) {
			const struct fsa_phase *q = &f->phases[k];

			if (strcmp(p->name, q->name))
				continue;
			if (k < i)
				goto seen;
			n++;
			ns += q->ns;
			first = q->start_ns < first ? q->start_ns : first;
			last = q->start_ns + q->ns > last ? q->start_ns + q->ns : last;
		}
		fprintf(out, "  %-24s %7zu %10s %14s %14s\n",
			fsv_clean(p->name, name, sizeof(name)), n, fs_fmt_ns(ns, t, sizeof(t)),
			fsv_rel(f, first, at, sizeof(at)), fsv_rel(f, last, end, sizeof(end)));
	seen:;
	}
}

static void milestones(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	char at[FS_UNITS_LEN + 2], name[64], note[128];

	if (!f->nmilestones && !f->nacks)
		return;
	fsv_heading(v, out, "milestones (from the start of the window)");
	for (size_t i = 0; i < f->nmilestones; i++) {
		const struct fsa_milestone *m = &f->milestones[i];

		if (fsv_on_signal_path(f, m->name))
			continue;
		fprintf(out, "  %12s  %-*s%s%s\n", fsv_rel(f, m->at_ns, at, sizeof(at)),
			*m->note ? 16 : 0, fsv_clean(m->name, name, sizeof(name)),
			*m->note ? " " : "", fsv_clean(m->note, note, sizeof(note)));
	}
	for (size_t i = 0; i < f->nacks; i++)
		fprintf(out, "  %12s  ack:%s%s%s\n", fsv_rel(f, f->acks[i].at_ns, at, sizeof(at)),
			fsv_clean(f->acks[i].stage, name, sizeof(name)),
			*f->acks[i].words ? "  " : "",
			fsv_clean(f->acks[i].words, note, sizeof(note)));
}

/* Which of the faults were of huge pages: they cost more, and bring more. */
static void huge_pages(const struct fsa_fork *f, FILE *out)
{
	char t[FS_UNITS_LEN];

	for (unsigned int c = 0; c < FSA_NCAUSES; c++)
		for (unsigned int h = 0; h < FSA_NHUGE; h++) {
			const struct fsa_fault_class *k = &f->fault_class[c];
			uint64_t bytes = fsa_huge_bytes((enum fsa_huge)h);

			if (k->huge[h])
				fprintf(out,
					"  %s: %" PRIu64 " of %" PRIu64 " at huge pages of %s\n",
					fsa_cause_name((enum fsa_cause)c), k->huge[h], k->count,
					bytes ? fs_fmt_bytes(bytes, t, sizeof(t)) : "unknown size");
		}
}

static void fault_classes(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	char t[4][FS_UNITS_LEN];
	bool any = false;

	for (unsigned int c = 0; c < FSA_NCAUSES; c++) {
		const struct fsa_fault_class *k = &f->fault_class[c];

		if (!k->count)
			continue;
		if (!any) {
			fsv_heading(v, out, "memory faults on the path (n = count)");
			fprintf(out, "  %-14s %8s %10s %10s %10s %10s\n", "class", "count", "time",
				"mean", "p50", "p99");
		}
		any = true;
		fprintf(out, "  %-14s %8" PRIu64 " %10s %10s %10s %10s\n",
			fsa_cause_name((enum fsa_cause)c), k->count,
			fs_fmt_ns(k->ns, t[0], sizeof(t[0])),
			fs_fmt_ns(k->ns / k->count, t[1], sizeof(t[1])),
			fs_fmt_ns(k->p50_ns, t[2], sizeof(t[2])),
			k->count >= P99_NEEDS ? fs_fmt_ns(k->p99_ns, t[3], sizeof(t[3])) : "n<100");
	}
	huge_pages(f, out);
}

/* What a guest address may be cut to: less says nothing. */
#define ADDRESS 24

static void top_faults(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	static const struct fsv_column columns[] = {
		{"length", 2, 10, 0},     {"class", 2, -13, 0},   {"at", 1, 11, 2},
		{"guest page", 1, 12, 0}, {"disk I/O", 1, 12, 1}, {"guest RIP", 2, 0, 0},
	};
	char t[FS_UNITS_LEN], at[FS_UNITS_LEN + 12], ago[FS_UNITS_LEN], io[FS_UNITS_LEN],
		rip[FSV_WORD_LEN];
	struct fsv_table table;

	if (!f->ntop_faults)
		return;
	fsv_heading(v, out, "longest faults");
	fsv_table_fit(&table, v, columns, sizeof(columns) / sizeof(columns[0]), ADDRESS);
	fsv_table_head(&table, out);
	for (size_t i = 0; i < f->ntop_faults && i < TOP_FAULTS; i++) {
		const struct fsa_top_fault *x = &f->top_faults[i];
		char reads[FS_UNITS_LEN + 16] = "-", page[24] = "-";

		if (x->io_count)
			snprintf(reads, sizeof(reads), "%u: %s", x->io_count,
				 fs_fmt_bytes(x->io_bytes, io, sizeof(io)));
		if (x->gpa || x->rip)
			snprintf(page, sizeof(page), "%#" PRIx64, x->gpa);
		snprintf(at, sizeof(at), "+%10s", fs_fmt_ns(x->at_ns, ago, sizeof(ago)));
		fsv_table_row(&table, out,
			      (const char *[]){
				      fs_fmt_ns(x->ns, t, sizeof(t)), fsa_cause_name(x->cause), at,
				      page, reads,
				      /* the VMM may touch guest memory too */
				      x->rip ? fsv_guest_addr(v, f, x->rip, true, rip, sizeof(rip))
				      : table.room < 31 ? "none"
							: "none (VMM's touch, or not read)"});
	}
}

static void top_exits(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	static const struct fsv_column columns[] = {
		{"reason", 2, -22, 0},
		{"count", 1, 8, 0},
		{"time", 1, 10, 0},
		{"mean", 1, 10, 1},
		{"most frequent guest RIP", 2, 0, 0},
	};
	char t[FS_UNITS_LEN], avg[FS_UNITS_LEN], name[FSY_EXIT_LEN], rip[FSV_WORD_LEN], n[24];
	struct fsv_table table;

	if (!f->ntop_exits)
		return;
	fsv_heading(v, out, "exits, most time first (time = until the next entry)");
	fsv_table_fit(&table, v, columns, sizeof(columns) / sizeof(columns[0]), ADDRESS);
	fsv_table_head(&table, out);
	for (size_t i = 0; i < f->ntop_exits && i < TOP_EXITS; i++) {
		const struct fsa_top_exit *x = &f->top_exits[i];

		snprintf(n, sizeof(n), "%" PRIu64, x->count);
		fsy_exit_name(x->isa, x->reason, name, sizeof(name));
		if (strlen(name) > 22)
			name[22] = '\0';
		fsv_table_row(&table, out,
			      (const char *[]){
				      name, n, fs_fmt_ns(x->ns, t, sizeof(t)),
				      fs_fmt_ns(x->count ? x->ns / x->count : 0, avg, sizeof(avg)),
				      fsv_guest_addr(v, f, x->rip, true, rip, sizeof(rip))});
	}
}

void fsv_text_fork(const struct fsv_view *v, const struct fsa_fork *f, FILE *out)
{
	header(v, f, out);
	fsv_text_guest(v, f, out);
	notes(v, f, out);
	ledger(v, f, out);
	fsv_text_signal_path(v, f, out);
	fsv_text_matrix(v, f, out);
	fsv_text_tasks(v, f, out);
	milestones(v, f, out);
	fault_classes(v, f, out);
	top_faults(v, f, out);
	top_exits(v, f, out);
	phases(v, f, out);
}
