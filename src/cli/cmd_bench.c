// SPDX-License-Identifier: BSD-2-Clause
/* forkscope bench: the experiment, on the user's own VMM and snapshots. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/tree.h"
#include "bench/recorder.h"
#include "bench/result.h"
#include "cli/arms.h"
#include "cli/bench_opts.h"
#include "cli/cmds.h"
#include "cli/recording.h"
#include "collect/marks.h"
#include "render/arms.h"
#include "vmm/http.h"

#define RESAMPLING_SEED 1 /* as report's: the same recording, the same words */

static volatile bool stopping;
static int stop_fd = -1;

/* The first signal ends the run in order; the next one ends it at once. */
static void on_signal(int sig)
{
	uint64_t one = 1;
	int e = errno;

	stopping = true;
	if (write(stop_fd, &one, sizeof(one)) < 0)
		stop_fd = -1;
	signal(sig, SIG_DFL);
	errno = e;
}

static int catch_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};

	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	return stop_fd < 0 ? -errno : 0;
}

static void send_mark(const char *name, pid_t pid)
{
	struct fs_mark m = {.ts = fs_mono_ns(), .pid = (uint32_t)pid};
	int sent;

	snprintf(m.name, sizeof(m.name), "%s", name);
	sent = fs_marks_send(&m);
	if (sent <= 0)
		fs_warn("the recording was not told that process %d is of %s: %s", (int)pid, name,
			sent ? strerror(-sent) : "no recorder runs");
}

/* --take-snapshot: of the VM that runs there, once, into the only folder. */
static int take_snapshot(struct bench_asked *a)
{
	struct fs_vmm_plan plan = a->o.plan;
	char state[PATH_MAX], memory[PATH_MAX];
	const char *folder = a->folders[0];
	struct fs_vmm_at at = {.folder = folder, .id = "template"};
	struct fs_vmm v;
	int rc;

	if (!a->take)
		return 0;
	plan.socket = a->take;
	plan.jail = NULL;
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(memory, sizeof(memory), "%s/mem", folder);
	at.state = plan.ops == &fs_vmm_cloud_hypervisor ? folder : state;
	at.memory = memory;
	fs_vmm_init(&v, &plan, &at);
	rc = v.ops->start(&v);
	if (!rc)
		rc = v.ops->create(&v);
	if (rc)
		fs_error("taking a snapshot of the VM at %s: %s", a->take, v.err);
	else
		fs_info("the VM at %s is paused, its snapshot is in %s", a->take, folder);
	fs_vmm_end(&v);
	return rc;
}

static int write_json(const struct fs_bench *b, const char *recording)
{
	json_t *o = fs_bench_json(b);
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s.json", recording);
	rc = o ? json_dump_file(o, path, JSON_INDENT(1)) : -1;
	json_decref(o);
	if (rc)
		fs_error("writing %s failed: %s", path, strerror(errno));
	return rc;
}

/* What the recording says of the arms, as JSON; NULL when it says nothing. */
static json_t *ledgers_json(const struct fsv_view *v)
{
	struct fsx_groups g;
	struct fsx_bench arms;
	char *text = NULL;
	size_t size = 0;
	json_t *o = NULL;
	FILE *f;

	if (fsx_groups_make(v->res, &g))
		return NULL;
	f = open_memstream(&text, &size);
	if (f && !fsx_bench_make(&g, RESAMPLING_SEED, &arms)) {
		if (!fsv_arms_json(v, &arms, f) && !fflush(f))
			o = json_loadb(text, size, 0, NULL);
		fsx_bench_free(&arms);
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

/* The table: of the recording, with its ledgers, where there is one; else of our own clock. */
static int print(const struct fs_bench *b, const struct bench_asked *a)
{
	struct fs_rec_opts ro = {.drop_segs = true};
	struct fs_rec rec;
	bool recorded = !a->no_record && !a->csv && fs_rec_open(a->output, &ro, &rec) == FS_EXIT_OK;
	int rc = 0;

	if (a->json) {
		print_json(b, recorded ? &rec : NULL);
	} else if (a->csv) {
		fs_bench_csv(b, stdout);
	} else if (recorded) {
		rc = arms_to_stdout(&rec.view, ARMS_TEXT, RESAMPLING_SEED) == FS_EXIT_FAILED;
		fs_bench_others(b, stdout);
	} else {
		fs_bench_table(b, stdout);
	}
	if (recorded)
		fs_rec_close(&rec);
	if (fflush(stdout) || ferror(stdout)) {
		fs_error("writing to stdout: %s", strerror(errno));
		return -1;
	}
	return rc;
}

/* What of the run is to be said by the exit status. */
static int judge(const struct fs_bench *b)
{
	size_t bad = b->forks.n - fs_bench_count(b, SIZE_MAX, FS_FORK_DONE);

	if (!fs_bench_count(b, SIZE_MAX, FS_FORK_DONE) && !stopping)
		return FS_EXIT_FAILED;
	return bad || stopping ? FS_EXIT_INCOMPLETE : FS_EXIT_OK;
}

static int record_and_run(struct fs_bench *b, struct bench_asked *a)
{
	struct fs_recorder rec = {.status = 0};
	char err[1024];
	int rc, failed = 0;

	if (!a->no_record) {
		a->record_args[a->nrecord_args] = (char *)"--end";
		a->record_args[a->nrecord_args + 1] = (char *)a->end;
		if (fs_recorder_start(&rec, a->output, a->record_args, err, sizeof(err))) {
			fs_error("%s", err);
			return FS_EXIT_FAILED;
		}
	}
	fs_info("%zu arms, %u forks each, %u at once; seed %" PRIu64, b->narms, b->o.iters,
		b->o.concurrency, b->o.seed);
	rc = fs_bench_run(b);
	if (rc)
		fs_error("%s", b->err);
	if (!a->no_record && fs_recorder_stop(&rec, err, sizeof(err))) {
		fs_error("%s", err);
		failed = 1;
	}
	if (a->output)
		failed |= write_json(b, a->output);
	failed |= print(b, a);
	if (rc || failed)
		return FS_EXIT_FAILED;
	rc = judge(b);
	return rc == FS_EXIT_OK && rec.status == FS_EXIT_INCOMPLETE ? FS_EXIT_INCOMPLETE : rc;
}

int cmd_bench(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR") ?: "/tmp";
	char work[PATH_MAX];
	struct bench_asked a;
	struct fs_bench b;
	int rc = bench_opts_parse(&a, argc, argv);

	if (rc >= 0) {
		bench_opts_free(&a);
		return rc;
	}
	fs_http_setup();
	snprintf(work, sizeof(work), "%s/forkscope-bench-XXXXXX", tmp);
	if (catch_signals() || !mkdtemp(work)) {
		fs_error("making a folder in %s: %s", tmp, strerror(errno));
		bench_opts_free(&a);
		return FS_EXIT_FAILED;
	}
	a.o.work = work;
	a.o.stop = &stopping;
	a.o.stop_fd = stop_fd;
	a.o.mark = a.no_record ? NULL : send_mark;
	rc = FS_EXIT_FAILED;
	memset(&b, 0, sizeof(b));
	if (!take_snapshot(&a)) {
		if (fs_bench_open(&b, &a.o))
			fs_error("%s", b.err);
		else
			rc = record_and_run(&b, &a);
	}
	fs_bench_close(&b);
	fs_remove_tree(work);
	bench_opts_free(&a);
	return rc;
}
