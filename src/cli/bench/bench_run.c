// SPDX-License-Identifier: BSD-2-Clause
/* Makes forks and records them: what bench and prefetch test have in common. */
#include "cli/bench/bench_run.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/tree.h"
#include "bench/recorder.h"
#include "bench/result.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "collect/bpf/load.h"
#include "collect/guest/memfile.h"
#include "collect/mark_socket.h"
#include "mailbox/guard.h"
#include "vmm/http.h"

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
		fs_warn("the recording does not know that process %d is of %s: %s", (int)pid, name,
			sent ? strerror(-sent) : "no recorder runs");
}

/* A memory file of that name would be written over: not under a VM that runs on it. */
static int may_be_replaced(const struct bench_asked *a, const char *memory)
{
	struct fs_guard g;
	char why[FS_SENTENCE];

	if (access(memory, F_OK) && errno == ENOENT)
		return 0;
	if (fs_guard_open(&g, memory, FS_GUARD_WRITE, a->o.unseen_ok, why, sizeof(why))) {
		fs_error("taking a snapshot of the VM at %s would write over %s, and %s", a->take,
			 memory, why);
		return -1;
	}
	fs_guard_close(&g);
	return 0;
}

/*
 * The VMM writes where the path leads it: in its own root, of its own mount namespace. There it may
 * be another folder, with a memory file in it that another VM runs on.
 */
static int sees_folder(const struct bench_asked *a, const struct fs_vmm *v, const char *folder)
{
	struct stat here, there;
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)v->process.pid, folder);
	if (!stat(folder, &here) && !stat(path, &there) && here.st_dev == there.st_dev &&
	    here.st_ino == there.st_ino)
		return 0;
	fs_error(
		"taking a snapshot of the VM at %s: its VMM (process %d) has another file system, in which %s is not this folder: run forkscope bench in there (nsenter -m -r -t %d), or give a folder that both have under one path",
		a->take, (int)v->process.pid, folder, (int)v->process.pid);
	return -1;
}

/* --take-snapshot: of the VM that runs there, once, into the only folder, which is @folder. */
static int take_into(struct bench_asked *a, const char *folder)
{
	bool ch = a->o.plan.ops == &fs_vmm_cloud_hypervisor;
	struct fs_vmm_plan plan = a->o.plan;
	char state[PATH_MAX + 8], memory[PATH_MAX + 16];
	struct fs_vmm_at at = {.folder = folder, .id = "template"};
	struct fs_vmm v;
	int ret;

	plan.socket = a->take;
	plan.jail = NULL;
	plan.vsock = NULL;
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(memory, sizeof(memory), "%s/%s", folder, ch ? "memory-ranges" : "mem");
	at.state = ch ? folder : state;
	at.memory = memory;
	fs_vmm_init(&v, &plan, &at);
	ret = v.ops->start(&v);
	if (ret)
		fs_error("taking a snapshot of the VM at %s: %s", a->take, v.err);
	else
		ret = sees_folder(a, &v, folder) ?: may_be_replaced(a, memory);
	if (!ret && (ret = v.ops->create(&v)) != 0)
		fs_error("taking a snapshot of the VM at %s: %s", a->take, v.err);
	else if (!ret)
		fs_info("the VM at %s is paused, its snapshot is in %s", a->take, folder);
	fs_vmm_end(&v);
	return ret;
}

static int take_snapshot(struct bench_asked *a)
{
	char *folder;
	int ret;

	if (!a->take)
		return 0;
	/* the VMM's working directory is another one */
	folder = realpath(a->folders[0], NULL);
	if (!folder) {
		fs_error("taking a snapshot of the VM at %s: the folder %s: %s", a->take,
			 a->folders[0], strerror(errno));
		return -1;
	}
	ret = take_into(a, folder);
	free(folder);
	return ret;
}

/* What the bench saw, in a file next to the recording. */
static const char *json_path(const struct bench_asked *a)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.json", a->output);
	return path;
}

static int write_json(const struct fs_bench *b, const char *path)
{
	json_t *o = fs_bench_json(b);
	FILE *out = NULL;
	int ret, io;

	if (o)
		out = fs_out_open(path, fs_out_json);
	else
		fs_error("writing %s: out of memory", path);
	ret = out ? json_dumpf(o, out, JSON_INDENT(1)) : -1;
	io = out ? fs_out_close(out) : 0;
	json_decref(o);
	if (out && (ret || io))
		fs_error("writing %s failed: %s", path, strerror(io ? -io : EIO));
	return ret || io ? -1 : 0;
}

/* Does the user give the recorder an option that begins so? */
static bool gives(const struct bench_asked *a, const char *option)
{
	for (size_t i = 0; i < a->nrecord_args; i++)
		if (!strncmp(a->record_args[i], option, strlen(option)))
			return true;
	return false;
}

/* Memory files of the snapshots with a recorder in them. */
static struct fs_memfile armed[BENCH_MAX];
static size_t narmed;

static bool has_recorder(const char *path)
{
	struct fs_memfile *f = &armed[narmed];
	char why[FS_SENTENCE];

	if (narmed == BENCH_MAX || fs_memfile_open(path, f, why, sizeof(why)))
		return false; /* then it is searched for in the forks */
	if (!f->n) {
		fs_memfile_close(f);
		return false;
	}
	narmed++;
	return true;
}

static void forget_recorders(void)
{
	while (narmed)
		fs_memfile_close(&armed[--narmed]);
}

/*
 * The recorder's own pages are read into the page cache again after it was dropped. Else each cold
 * fork waits for them (cause `tracer`), and a prefetch that happens to bring them would be reported
 * to have gained that.
 */
static void warm_recorder(int memory)
{
	struct stat a, b;
	char why[FS_SENTENCE];

	for (size_t i = 0; i < narmed; i++)
		if (!fstat(memory, &a) && !fstat(armed[i].fd, &b) && a.st_ino == b.st_ino &&
		    a.st_dev == b.st_dev && fs_memfile_warm(&armed[i], why, sizeof(why)) < 0)
			fs_warn("cannot warm the recorder's own pages: %s", why);
}

/* Forks ask from threads that are in network namespaces of their own: the socket is of this one. */
static int query_socket = -1;
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

static bool was_read(pid_t pid)
{
	int yes;

	pthread_mutex_lock(&asking);
	yes = fs_marks_ask(query_socket, (uint32_t)pid);
	pthread_mutex_unlock(&asking);
	return yes != 0;
}

static void start_asking(struct fs_bench *b)
{
	query_socket = fs_marks_query_socket();
	if (query_socket >= 0)
		b->o.guest_was_read = was_read;
	else
		fs_warn("forks will not wait until their guests were read: no socket to ask by: %s",
			strerror(-query_socket));
}

static void stop_asking(struct fs_bench *b)
{
	b->o.guest_was_read = NULL;
	if (query_socket >= 0)
		close(query_socket);
	query_socket = -1;
}

/*
 * Where a guest was armed before its snapshot, the recorder is given its memory file, so that
 * nothing has to be searched for while forks end. Returns whether any was: its forks live until
 * they have been read.
 */
static bool look_for_recorders(struct fs_bench *b, struct bench_asked *a)
{
	bool found = gives(a, "--memfile"), look = !a->no_record && !found && !gives(a, "--guest");

	for (size_t i = 0; look && i < b->o.nsignals; i++) {
		char *memory = b->templates[i].memory;
		bool again = !*memory;

		for (size_t k = 0; k < i && !again; k++)
			again = !strcmp(b->templates[k].memory, memory);
		if (again || !has_recorder(memory))
			continue;
		a->record_args[a->nrecord_args++] = (char *)"--memfile";
		a->record_args[a->nrecord_args++] = memory;
		found = true;
	}
	return found;
}

/* Nobody got a network, and nobody was asked to give one. */
static void hint_at_token(const struct fs_bench *b)
{
	if (!b->o.token && b->o.wait_for_network && !fs_bench_count(b, SIZE_MAX, FS_FORK_DONE) &&
	    fs_bench_count(b, SIZE_MAX, FS_FORK_FELL_BACK))
		fs_warn("no fork had its network, and no --token was given: without it nobody fills the mailbox in the memory file for the forks' agents (--token TOKEN does; --wait-for-network false does without a network)");
}

static int record_and_run(struct fs_bench *b, struct bench_asked *a, bench_then then, void *arg)
{
	struct bench_done d = {.b = b, .a = a};
	struct fs_recorder rec = {.status = 0};
	char err[FS_SENTENCE];
	bool found = look_for_recorders(b, a);
	int ran, ret, failed = 0;

	if (!a->no_record) {
		a->record_args[a->nrecord_args] = (char *)"--end";
		a->record_args[a->nrecord_args + 1] = (char *)a->end;
		if (fs_recorder_start(&rec, a->output, a->record_args, err, sizeof(err))) {
			fs_error("%s", err);
			return FS_EXIT_FAILED;
		}
	}
	fs_info("%zu variant%s, %u fork%s each, %u at once; seed %" PRIu64, b->nvariants,
		b->nvariants == 1 ? "" : "s", b->o.iters, b->o.iters == 1 ? "" : "s",
		b->o.concurrency, b->o.seed);
	/* an attached command's VMM may be another process */
	if (found && b->o.plan.ops != &fs_vmm_attach)
		start_asking(b);
	b->o.dropped = warm_recorder;
	ran = fs_bench_run(b);
	stop_asking(b);
	if (ran)
		fs_error("%s", b->err);
	else
		hint_at_token(b);
	if (!a->no_record && fs_recorder_stop(&rec, err, sizeof(err))) {
		fs_error("%s", err);
		failed = 1;
	}
	if (a->output)
		failed |= write_json(b, json_path(a));
	d.stopped = stopping;
	d.incomplete = rec.status == FS_EXIT_INCOMPLETE;
	ret = then(&d, arg);
	return ran || failed ? FS_EXIT_FAILED : ret;
}

int bench_run(struct bench_asked *a, bench_then then, void *arg)
{
	const char *tmp = getenv("TMPDIR") ?: "/tmp";
	char work[PATH_MAX], why[FS_SENTENCE];
	struct fs_bench b;
	int ret = FS_EXIT_FAILED;

	if (!a->no_record && fs_bpf_check(why, sizeof(why))) {
		fs_error("%s", why);
		return FS_EXIT_FAILED;
	}
	/* it is written last, when it would be too late */
	if (a->output && fs_out_check(json_path(a), fs_out_json))
		return FS_EXIT_FAILED;
	fs_http_setup();
	snprintf(work, sizeof(work), "%s/forkscope-bench-XXXXXX", tmp);
	if (catch_signals() || !mkdtemp(work)) {
		fs_error("making a folder in %s: %s", tmp, strerror(errno));
		return FS_EXIT_FAILED;
	}
	a->o.work = work;
	a->o.stop = &stopping;
	a->o.stop_fd = stop_fd;
	a->o.mark = a->no_record ? NULL : send_mark;
	memset(&b, 0, sizeof(b));
	if (!take_snapshot(a)) {
		if (fs_bench_open(&b, &a->o))
			fs_error("%s", b.err);
		else
			ret = record_and_run(&b, a, then, arg);
	}
	forget_recorders();
	fs_bench_close(&b);
	fs_remove_tree(work);
	return ret;
}
