// SPDX-License-Identifier: BSD-2-Clause
/* forkscope bench: the experiment, on the user's own VMM and snapshots. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "bench/result.h"
#include "cli/bench/bench_opt_parsers.h"
#include "cli/bench/bench_run.h"
#include "cli/cmds.h"
#include "cli/recording.h"
#include "cli/variants_out.h"
#include "render/variants_view.h"

#define RESAMPLING_SEED 1 /* as report's: the same recording, the same words */
#define OWN_ROWS        16

/* What bench alone is asked. */
struct asked {
	struct bench_asked a;
	bool json, csv;
};

static const struct fs_usage usage = {
	.command = "bench",
	.synopsis = "--vmm VMM --snapshot DIR -o FILE [OPTIONS...] [-- COMMAND...]",
	.what = "Makes forks of snapshots, traced, in variants: each resume signal with each prefetch, interleaved in random order. Every fork gets a network of its own, its acks are waited for as a platform does, and what became of it is counted. Prints the table of the experiment. Root is needed.",
	.notes =
		"A snapshot is a folder with the state in one of " FS_TEMPLATE_STATES
		" (Cloud Hypervisor: state.json and config.json) and the memory in one of " FS_TEMPLATE_MEMORIES
		" (or, there, in the file of a shared zone).\nCOMMAND: with --vmm qemu the whole command of a fork (a monitor and -incoming defer -S are added), with attach whatever makes a fork, else further arguments of the VMM. In it {memory}, {state}, {snapshot} (the folder given), {signal}, {tap}, {folder} (the fork's own), {fork}, {socket} and {uffd} are replaced.\nExit status: 0 done; 1 failed, or no fork was done; 2 wrong usage; 3 when forks fell back or failed, or the recording is incomplete.",
	.max_pos = 0,
	.takes_command = true,
};

/* What the recording says of the variants, as JSON; NULL when it says nothing. */
static json_t *ledgers_json(const struct fsv_view *v)
{
	struct fsx_groups g;
	struct fsx_variants variants;
	char *text = NULL;
	size_t size = 0;
	json_t *o = NULL;
	FILE *f;

	if (fsx_groups_make(v->res, &g))
		return NULL;
	f = open_memstream(&text, &size);
	if (f && !fsx_variants_make(&g, RESAMPLING_SEED, &variants)) {
		if (!fsv_variants_json(v, &variants, f) && !fflush(f))
			o = json_loadb(text, size, 0, NULL);
		fsx_variants_free(&variants);
	}
	if (f)
		fclose(f);
	free(text);
	fsx_groups_free(&g);
	return o;
}

static void print_json(const struct fs_bench *b, const struct fs_rec *rec)
{
	json_t *o = fs_bench_json(b), *ledgers = rec ? ledgers_json(&rec->view) : NULL;

	json_object_set_new(o, "recorded", ledgers ? ledgers : json_null());
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

/* The recording's tables, and what it lacks, from the bench's own clock. */
static int print_recorded(const struct fs_bench *b, const struct fs_rec *rec)
{
	int ret;

	if (!rec->res->nforks) {
		fs_warn("no fork is in the recording (what it did trace: forkscope report %s): the table is by the bench's own clock, and there is no ledger",
			rec->view.path);
		fs_bench_table(b, stdout);
		return FS_EXIT_OK;
	}
	ret = variants_to_stdout(&rec->view, VARIANTS_TEXT, RESAMPLING_SEED);
	if (b->o.wait_for_network) {
		fs_bench_others(b, stdout);
	} else {
		printf("\nThe same by the bench's own clock, where a fork is there when it is resumed (--wait-for-network false)\n");
		fs_bench_table(b, stdout);
	}
	return ret;
}

/* The table: of the recording, with its ledgers, where there is one; else of our own clock. */
static int print(const struct fs_bench *b, const struct asked *x)
{
	struct fs_rec_opts ro = {.drop_segs = true};
	struct fs_rec rec;
	const struct bench_asked *a = &x->a;
	bool recorded = !a->no_record && !x->csv && fs_rec_open(a->output, &ro, &rec) == FS_EXIT_OK;
	int ret = 0;

	if (x->json) {
		print_json(b, recorded ? &rec : NULL);
	} else if (x->csv) {
		fs_bench_csv(b, stdout);
	} else if (recorded) {
		ret = print_recorded(b, &rec) == FS_EXIT_FAILED;
	} else {
		fs_bench_table(b, stdout);
	}
	if (recorded)
		fs_rec_close(&rec);
	if (fflush(stdout) || ferror(stdout)) {
		fs_error("writing to stdout: %s", strerror(errno));
		return -1;
	}
	return ret;
}

/* What of the run is to be said by the exit status. */
static int judge(const struct bench_done *d)
{
	const struct fs_bench *b = d->b;
	size_t done = fs_bench_count(b, SIZE_MAX, FS_FORK_DONE);

	if (!done && !d->stopped)
		return FS_EXIT_FAILED;
	return done < b->forks.n || d->stopped || d->incomplete ? FS_EXIT_INCOMPLETE : FS_EXIT_OK;
}

static int tell(const struct bench_done *d, void *arg)
{
	return print(d->b, arg) ? FS_EXIT_FAILED : judge(d);
}

static int parse(struct asked *x, int argc, char **argv)
{
	struct bench_asked *a = &x->a;
	struct fs_bench_opts *o = &a->o;
	struct fs_opt opts[OWN_ROWS + BENCH_ROWS] = {
		FS_OPT("--signal", NULL, "LIST", bench_opt_signals, a,
		       "the variants' resume signals: auto, vmclock, vmgenid, vmclock-spin, none (default auto): what the snapshots' agents wait for"),
		FS_OPT("--prefetch", NULL, "LIST", bench_opt_prefetch, a,
		       "the variants' prefetches: none, mailbox:SIZE (around the mailbox), head:SIZE, range:OFFSET:SIZE, workingset, all (default none)"),
		FS_OPT("--workingset", NULL, "FILE", bench_opt_workingset, &o->workingset,
		       "the ranges of --prefetch workingset, as forkscope prefetch export writes them"),
		FS_OPT("--mechanism", NULL, "HOW", bench_opt_mechanism, &o->how,
		       "of the prefetches: willneed, readahead, read (the default), or populate: through the VMM's own mapping"),
		FS_OPT("--seed", NULL, "S", bench_opt_seed, &o->seed,
		       "of the order of the variants; it is printed (default: a random one)"),
		FS_OPT("--end", "-e", "END", fs_opt_string, &a->end,
		       "where reports of the recording end their window (default ack:mailbox)"),
		FS_OPT("--timeout", NULL, "TIME", fs_opt_ns, &o->timeout_ns, BENCH_TIMEOUT_HELP),
		FS_OPT("--no-record", NULL, NULL, fs_opt_flag, &a->no_record,
		       "no recording: only the bench's own times"),
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &x->json, "print one JSON object"),
		FS_OPT("--csv", NULL, NULL, fs_opt_flag, &x->csv, "print a line for each fork"),
	};
	size_t own = 0;
	struct fs_args args;
	int ret;

	bench_opts_defaults(a);
	while (opts[own].name)
		own++;
	bench_opts_rows(a, opts + own);
	ret = fs_opts_parse(&usage, opts, argc, argv, &args);
	if (ret < 0)
		ret = bench_opts_finalize(a, &usage, &args);
	if (ret >= 0)
		return ret;
	if (!a->output && !a->no_record)
		return fs_opts_bad(&usage, "no recording is named: -o FILE (or --no-record)");
	if (x->json && x->csv)
		return fs_opts_bad(&usage, "--json or --csv, not both");
	for (size_t i = 0; i < a->nprefetch; i++)
		if (a->prefetch[i].kind == FS_PREFETCH_WORKINGSET && !o->workingset.n)
			return fs_opts_bad(&usage, "--prefetch workingset needs --workingset FILE");
	return -1;
}

int cmd_bench(int argc, char **argv)
{
	struct asked x = {.json = false};
	int ret = parse(&x, argc, argv);

	if (ret < 0)
		ret = bench_run(&x.a, tell, &x);
	bench_opts_free(&x.a);
	return ret;
}
