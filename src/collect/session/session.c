// SPDX-License-Identifier: BSD-2-Clause
/* One recording: prepares it, arms it, and runs the steps to its end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fresh.h"
#include "base/log.h"
#include "collect/host/host.h"
#include "collect/host/privs.h"
#include "collect/host/ready.h"
#include "collect/session/meta_json.h"
#include "collect/session/session_impl.h"

/* Asked between the steps of loading. */
static bool stop_asked(void *arg)
{
	struct fs_session *s = arg;

	if (!s->why)
		s->why = fs_session_signals(s);
	return s->why;
}

static int check_path(struct fs_session *s)
{
	const char *path = s->o->path, *slash = strrchr(path, '/');
	char dir[4096];
	int ret = fsr_may_create(path);

	if (ret)
		return fs_errf(s->err, sizeof(s->err), ret, "cannot record to %s: %s", path,
			       fs_fresh_why(ret));
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (access(dir, W_OK | X_OK))
		return fs_errf(s->err, sizeof(s->err), -errno, "cannot record to %s: %s: %m", path,
			       dir);
	return 0;
}

static int prepare(struct fs_session *s)
{
	struct fs_session_opts *o = s->o;
	int ret = fs_ready_check(s->err, sizeof(s->err));

	if (!ret)
		ret = check_path(s);
	if (!ret)
		ret = fs_targets_check(&o->targets, s->err, sizeof(s->err));
	if (!ret && o->targets.command)
		ret = fs_targets_spawn(&o->targets, s->err, sizeof(s->err));
	if (!ret)
		ret = fs_guests_start(&o->guest, &s->guests, s->err, sizeof(s->err));
	if (ret)
		return ret;
	ret = fs_session_catch_signals(s);
	if (ret)
		return fs_errf(s->err, sizeof(s->err), ret, "cannot handle signals: %s",
			       strerror(-ret));
	fs_privs_limits();
	o->load.stop = stop_asked;
	o->load.arg = s;
	return fs_bpf_load(&o->load, &s->bpf, s->err, sizeof(s->err));
}

static int map_rings(struct fs_session *s)
{
	const unsigned int *cpus;
	const int *fds;
	size_t n = fs_bpf_rings(s->bpf, &cpus, &fds);
	int ret = 0;

	s->rings = fs_rings_new(fs_bpf_ring_bytes(s->bpf));
	if (!s->rings)
		ret = -ENOMEM;
	for (size_t i = 0; i < n && !ret; i++)
		ret = fs_rings_add(s->rings, cpus[i], fds[i]);
	if (!ret)
		fs_guests_watch(s->guests, s->rings);
	return ret ? fs_errf(s->err, sizeof(s->err), ret, "cannot map the rings: %s",
			     strerror(-ret))
		   : 0;
}

/* A process that is there already: traced from now on, with a record of that. */
static void trace_one(pid_t tgid, enum fs_why why, void *arg)
{
	struct fs_session *s = arg;
	struct fs_ev_proc_add ev = {.why = (uint32_t)why};
	int ret = fs_bpf_trace(s->bpf, (uint32_t)tgid, why);

	if (ret == -EEXIST)
		return; /* the programs found it themselves, and recorded that */
	if (ret) {
		fs_warn("cannot trace process %d: %s", (int)tgid, strerror(-ret));
		return;
	}
	fs_own_head(&s->own, &ev.h, FS_EV_PROC_ADD, sizeof(ev), fs_mono_ns());
	ev.h.tgid = ev.h.tid = (uint32_t)tgid;
	if (tgid != s->o->targets.child)
		ev.h.flags = FS_F_LATE;
	if (!fs_targets_describe(&s->o->targets, tgid, &ev.start_ns, &ev.ppid, ev.comm) &&
	    fs_vec_push(&s->found, ev))
		s->found_lost = true;
}

static bool still_works(void *arg)
{
	struct fs_session *s = arg;

	return fs_bpf_works(s->bpf) && fs_misses_works(s->misses);
}

/* Tells what this kernel cannot show, shortly: doctor has the details. */
static void report_hooks(const struct fs_plan *p)
{
	unsigned int none = 0, lesser = 0;

	for (size_t i = 0; i < p->table->nwants; i++) {
		const struct fs_choice *c = &p->choices[i];

		if (!c->rank && p->table->wants[i].needed)
			fs_warn("cannot attach %s: %s (%s)", p->table->wants[i].name, c->why,
				p->table->wants[i].lost);
		none += !c->rank;
		lesser += c->rank && *c->why;
	}
	if (none || lesser)
		fs_info("of %zu hooks %u are served by a lesser rank and %u not at all (forkscope doctor shows why)",
			p->table->nwants, lesser, none);
}

/* The kernel's symbols and its counts of skipped runs, while there are rights to open them. */
static int open_kernel_data(struct fs_session *s)
{
	struct fs_host host;

	fs_host_read(&host);
	s->kallsyms = host.kptr_restricted ? -1 : open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	if (s->kallsyms < 0)
		fs_warn("/proc/kallsyms hides its addresses (kernel.kptr_restrict): stacks will have no names");
	s->misses = fs_misses_new(s->bpf);
	return s->misses ? 0 : fs_errf(s->err, sizeof(s->err), -ENOMEM, "out of memory");
}

/* META, then the processes that are there already and the first pair of clocks. */
static int write_start(struct fs_session *s)
{
	struct fs_meta_in meta = {
		.opts = s->o,
		.bpf = s->bpf,
		.guests = s->guests,
		.kept = s->kept,
		.armed_ns = s->armed_ns,
		.symbols_hidden = s->kallsyms < 0,
	};
	int ret = fs_session_write_json(s, FSR_META, fs_meta_json(&meta));

	if (!ret && s->found.n)
		ret = fsr_write_events(s->w, FS_OWN_CPU, s->found.v,
				       s->found.n * sizeof(*s->found.v), (uint32_t)s->found.n);
	fs_vec_free(&s->found);
	if (!ret)
		ret = fs_guests_clock(s->w, &s->own);
	if (ret)
		return fs_errf(s->err, sizeof(s->err), ret, "cannot write %s: %s", s->o->path,
			       strerror(-ret));
	return 0;
}

static int arm(struct fs_session *s)
{
	int ret = map_rings(s);

	if (ret)
		return ret;
	report_hooks(fs_bpf_plan(s->bpf));
	ret = open_kernel_data(s);
	if (!ret)
		ret = fs_session_watch_all(s);
	if (ret)
		return ret;
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fs_debug("cannot lock memory: %m");
	s->armed_ns = s->stats_ns = fs_mono_ns();
	s->prepared = fs_cpu_time_now();
	/* New processes are seen as they come; those that exist are looked up now. */
	fs_targets_scan(&s->o->targets, trace_one, s);
	if (s->found_lost)
		return fs_errf(s->err, sizeof(s->err), -ENOMEM,
			       "out of memory for the processes that are there already");
	/* as late as there are rights: what fails before leaves an old recording as it is */
	ret = fsr_create(s->o->path, &s->w);
	if (ret)
		return fs_errf(s->err, sizeof(s->err), ret, "cannot record to %s: %s", s->o->path,
			       fs_fresh_why(ret));
	ret = fs_privs_drop(still_works, s, s->kept, sizeof(s->kept));
	if (ret)
		return fs_errf(s->err, sizeof(s->err), ret, "cannot drop privileges: %s",
			       strerror(-ret));
	return write_start(s);
}

static enum fs_session_result run(struct fs_session *s)
{
	struct fs_targets *t = &s->o->targets;
	uint64_t lost = 0;
	int ret = prepare(s), end;

	if (!ret && stop_asked(s))
		ret = -EINTR;
	if (!ret)
		ret = arm(s);
	if (ret == -EINTR)
		fs_error("%s before the recording began: nothing was recorded", s->why);
	else if (ret)
		fs_error("%s", s->err);
	if (ret)
		return FS_SESSION_FAILED;
	fs_info("recording to %s", s->o->path);
	if (t->command) {
		ret = fs_targets_release(t);
		if (ret) {
			fs_error("cannot run %s: %s", t->command[0], strerror(-ret));
			s->why = "the command could not be run";
		}
	}
	end = fs_session_record(s);
	end = end ?: fs_session_finish(s, &lost);
	if (ret)
		return FS_SESSION_FAILED;
	return fs_session_report(s, end, lost);
}

enum fs_session_result fs_session_run(struct fs_session_opts *o)
{
	struct fs_session s = {
		.o = o, .epoll = -1, .signals = -1, .marks = -1, .kallsyms = -1, .guests_fd = -1};
	enum fs_session_result res = run(&s);
	int ret = s.w ? fsr_close(s.w) : 0;

	if (ret && res != FS_SESSION_FAILED) {
		fs_error("cannot write %s: %s; it holds what was written up to then", o->path,
			 strerror(-ret));
		res = FS_SESSION_FAILED;
	}
	fs_misses_free(s.misses);
	fs_rings_free(s.rings);
	fs_bpf_free(s.bpf);
	fs_guests_free(s.guests);
	fs_marks_close(s.marks);
	fs_targets_close(&o->targets);
	for (size_t i = 0; i < 3; i++) {
		int fd = i == 0 ? s.epoll : i == 1 ? s.signals : s.kallsyms;

		if (fd >= 0)
			close(fd);
	}
	return res;
}
