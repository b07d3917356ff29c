// SPDX-License-Identifier: BSD-2-Clause
#include "collect/session/session.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/fresh.h"
#include "base/json.h"
#include "base/log.h"
#include "base/units.h"
#include "collect/bpf/drain.h"
#include "collect/bpf/misses.h"
#include "collect/bpf/ring.h"
#include "collect/bpf/stats_json.h"
#include "collect/guest/guests.h"
#include "collect/host/host.h"
#include "collect/host/privs.h"
#include "collect/host/ready.h"
#include "collect/mark_socket.h"

#define STATS_NS   (2000ull * 1000 * 1000)
#define MAX_EVENTS 16

/* epoll's data: what a descriptor is; pidfds of targets count from TARGET on. */
enum { SIGNALS, MARKS, GUESTS, TARGET };

struct session {
	struct fs_session_opts *o;
	struct fs_bpf *bpf;
	struct fs_rings *rings;
	struct fs_misses *misses;
	struct fsr_writer *w;
	int epoll, signals, marks, kallsyms;
	uint64_t armed_ns, stats_ns;
	struct fs_cpu_time prepared, stopped; /* own CPU time when armed, when stopped */
	struct fs_own_records own;
	struct fs_guests *guests;
	int guests_fd;                       /* that is watched, -1 = none */
	FS_VEC(struct fs_ev_proc_add) found; /* processes that existed; written once META is */
	unsigned int nmarks, refused;
	bool mark_seen, found_lost; /* no memory for one of found */
	size_t targets_left;
	char kept[64];   /* capabilities */
	const char *why; /* the recording ends because of this; NULL = it goes on */
	bool timed_out;
	char err[FS_SENTENCE];
};

/* --- prepare --- */

__attribute__((warn_unused_result)) static int watch(struct session *s, int fd, uint32_t what)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = what};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* The process that reads guests, which another may have taken the place of. */
static int watch_guests(struct session *s)
{
	int fd = fs_guests_fd(s->guests), was = s->guests_fd;

	s->guests_fd = fd;
	return fd != was && fd >= 0 ? watch(s, fd, GUESTS) : 0;
}

/* Signals come as descriptors from here on; those that would kill us at a write are ignored. */
static int catch_signals(struct session *s)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->signals < 0 || s->epoll < 0)
		return -errno;
	return watch(s, s->signals, SIGNALS);
}

/* Reads the signals that came; returns the name of one that ends the recording, or NULL. */
static const char *read_signals(struct session *s)
{
	struct signalfd_siginfo si;
	const char *end = NULL;

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			fs_targets_reap(&s->o->targets);
		else
			end = si.ssi_signo == SIGINT    ? "signal SIGINT"
			      : si.ssi_signo == SIGTERM ? "signal SIGTERM"
			      : si.ssi_signo == SIGHUP  ? "signal SIGHUP"
							: "signal SIGQUIT";
	}
	return end;
}

/* Asked between the steps of loading. */
static bool told_to_stop(void *arg)
{
	struct session *s = arg;

	if (!s->why)
		s->why = read_signals(s);
	return s->why;
}

static int check_path(struct session *s)
{
	const char *path = s->o->path, *slash = strrchr(path, '/');
	char dir[4096];
	int rc = fsr_may_create(path);

	if (rc)
		return fs_errf(s->err, sizeof(s->err), rc, "cannot record to %s: %s", path,
			       fs_fresh_why(rc));
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (access(dir, W_OK | X_OK))
		return fs_errf(s->err, sizeof(s->err), -errno, "cannot record to %s: %s: %m", path,
			       dir);
	return 0;
}

static int prepare(struct session *s)
{
	struct fs_session_opts *o = s->o;
	int rc = fs_ready_check(s->err, sizeof(s->err));

	if (!rc)
		rc = check_path(s);
	if (!rc)
		rc = fs_targets_check(&o->targets, s->err, sizeof(s->err));
	if (!rc && o->targets.command)
		rc = fs_targets_spawn(&o->targets, s->err, sizeof(s->err));
	if (!rc)
		rc = fs_guests_start(&o->guest, &s->guests, s->err, sizeof(s->err));
	if (rc)
		return rc;
	rc = catch_signals(s);
	if (rc)
		return fs_errf(s->err, sizeof(s->err), rc, "cannot handle signals: %s",
			       strerror(-rc));
	fs_privs_limits();
	o->load.stop = told_to_stop;
	o->load.arg = s;
	return fs_bpf_load(&o->load, &s->bpf, s->err, sizeof(s->err));
}

/* --- armed --- */

static int map_rings(struct session *s)
{
	const unsigned int *cpus;
	const int *fds;
	size_t n = fs_bpf_rings(s->bpf, &cpus, &fds);
	int rc = 0;

	s->rings = fs_rings_new(fs_bpf_ring_bytes(s->bpf));
	if (!s->rings)
		rc = -ENOMEM;
	for (size_t i = 0; i < n && !rc; i++)
		rc = fs_rings_add(s->rings, cpus[i], fds[i]);
	if (!rc)
		fs_guests_watch(s->guests, s->rings);
	return rc ? fs_errf(s->err, sizeof(s->err), rc, "cannot map the rings: %s", strerror(-rc))
		  : 0;
}

/* What wakes the recorder. Marks may be missing; without the others it would wait in vain. */
static int watch_all(struct session *s)
{
	int rc;

	s->marks = fs_marks_listen();
	rc = s->marks < 0 ? s->marks : watch(s, s->marks, MARKS);
	if (rc) {
		fs_warn("forkscope mark will not reach this recording: " FS_MARK_DIR ": %s",
			strerror(-rc));
		fs_marks_close(s->marks);
		s->marks = -1;
	}
	rc = watch_guests(s);
	for (size_t i = 0; i < s->o->targets.pidfds.n && !rc; i++, s->targets_left++)
		rc = watch(s, s->o->targets.pidfds.v[i], TARGET + (uint32_t)i);
	return rc ? fs_errf(s->err, sizeof(s->err), rc,
			    "cannot wait for what is traced (epoll_ctl): %s", strerror(-rc))
		  : 0;
}

/* A process that is there already: traced, and said to be so, from now on. */
static void trace_one(pid_t tgid, enum fs_why why, void *arg)
{
	struct session *s = arg;
	struct fs_ev_proc_add ev = {.why = (uint32_t)why};
	int rc = fs_bpf_trace(s->bpf, (uint32_t)tgid, why);

	if (rc == -EEXIST)
		return; /* the programs found it themselves, and told */
	if (rc) {
		fs_warn("cannot trace process %d: %s", (int)tgid, strerror(-rc));
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
	struct session *s = arg;

	return fs_bpf_works(s->bpf) && fs_misses_works(s->misses);
}

static json_t *filters(const struct fs_targets *t)
{
	json_t *pids = json_array(), *command = t->command ? json_array() : json_null();

	for (size_t i = 0; i < t->pids.n; i++)
		json_array_append_new(pids, json_integer(t->pids.v[i]));
	for (char **arg = t->command; arg && *arg; arg++)
		json_array_append_new(command, fs_json_text(*arg));
	return json_pack("{s:b, s:o, s:o, s:o}", "all", t->all, "comm", fs_json_text(t->comm),
			 "pids", pids, "command", command);
}

static int write_json(struct session *s, enum fsr_chunk_type type, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int rc = text ? fsr_write(s->w, type, text, strlen(text)) : -ENOMEM;

	free(text);
	json_decref(o);
	return rc;
}

static json_t *stack_names(uint32_t sel)
{
	json_t *a = json_array();

	if (sel & FS_STACK_FAULT)
		json_array_append_new(a, json_string("fault"));
	if (sel & FS_STACK_OFFCPU)
		json_array_append_new(a, json_string("offcpu"));
	if (sel & FS_STACK_BIO)
		json_array_append_new(a, json_string("bio"));
	return a;
}

static int write_meta(struct session *s)
{
	const struct fs_session_opts *o = s->o;
	const unsigned int *cpus;
	const int *fds;
	struct fs_clocks clocks;
	struct fs_host host;
	json_t *kept = json_array();

	fs_host_read(&host);
	fs_clocks_read(&clocks);
	if (*s->kept)
		json_array_append_new(kept, json_string(s->kept));
	return write_json(
		s, FSR_META,
		json_pack("{s:i, s:s, s:s, s:O, s:O, s:o, s:o, s:o, s:s, s:I, s:o, s:o, s:I, s:I, "
			  "s:I, s:o, s:s, s:o}",
			  "format", 1, "tool", "forkscope", "version", FORKSCOPE_VERSION, "command",
			  o->command_line, "options", o->asked, "host", fs_host_json(&host),
			  "hooks", fs_hooks_json(fs_bpf_plan(s->bpf)), "filters",
			  filters(&o->targets), "end", o->end, "timeout_ns",
			  (json_int_t)o->timeout_ns, "stacks", stack_names(o->load.knobs.stacks),
			  "clock", fs_clocks_json(&clocks), "armed_ns", (json_int_t)s->armed_ns,
			  "ring_bytes", (json_int_t)fs_bpf_ring_bytes(s->bpf), "rings",
			  (json_int_t)fs_bpf_rings(s->bpf, &cpus, &fds), "kept_capabilities", kept,
			  "kptr", s->kallsyms < 0 ? "restricted" : "ok", "guest",
			  fs_guests_meta(s->guests)));
}

/* Tells what this kernel cannot show, shortly: doctor has the details. */
static void tell_hooks(const struct fs_plan *p)
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
		fs_info("of %zu hooks %u are served by a lesser rank and %u not at all (forkscope "
			"doctor tells why)",
			p->table->nwants, lesser, none);
}

static int arm(struct session *s)
{
	struct fs_host host;
	int rc = map_rings(s);

	if (rc)
		return rc;
	tell_hooks(fs_bpf_plan(s->bpf));
	fs_host_read(&host);
	s->kallsyms = host.kptr_restricted ? -1 : open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	if (s->kallsyms < 0)
		fs_warn("/proc/kallsyms hides its addresses (kernel.kptr_restrict): stacks will "
			"have no names");
	s->misses = fs_misses_new(s->bpf);
	if (!s->misses)
		return fs_errf(s->err, sizeof(s->err), -ENOMEM, "out of memory");
	rc = watch_all(s);
	if (rc)
		return rc;
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
	rc = fsr_create(s->o->path, &s->w);
	if (rc)
		return fs_errf(s->err, sizeof(s->err), rc, "cannot record to %s: %s", s->o->path,
			       fs_fresh_why(rc));
	rc = fs_privs_drop(still_works, s, s->kept, sizeof(s->kept));
	if (rc)
		return fs_errf(s->err, sizeof(s->err), rc, "cannot drop privileges: %s",
			       strerror(-rc));
	rc = write_meta(s);
	if (!rc && s->found.n)
		rc = fsr_write_events(s->w, FS_OWN_CPU, s->found.v,
				      s->found.n * sizeof(*s->found.v), (uint32_t)s->found.n);
	fs_vec_free(&s->found);
	if (!rc)
		rc = fs_guests_clock(s->w, &s->own);
	if (rc)
		return fs_errf(s->err, sizeof(s->err), rc, "cannot write %s: %s", s->o->path,
			       strerror(-rc));
	return 0;
}

/* --- recording --- */

static int write_mark(struct session *s, const struct fs_mark *m)
{
	struct fs_ev_mark ev = {0};

	fs_own_head(&s->own, &ev.h, FS_EV_MARK, sizeof(ev), m->ts);
	ev.h.tgid = m->pid;
	memcpy(ev.name, m->name, sizeof(ev.name));
	s->nmarks++;
	fs_guests_mark(s->guests, &ev);
	if (s->o->proof_mark && !strcmp(m->name, s->o->proof_mark))
		s->mark_seen = true;
	return fsr_write_events(s->w, FS_OWN_CPU, &ev, sizeof(ev), 1);
}

static int read_marks(struct session *s)
{
	struct fs_mark m;
	char err[512];
	int got, rc = 0;

	while (!rc && s->marks >= 0 && (got = fs_marks_next(s->marks, &m, err, sizeof(err)))) {
		if (got > 0 && m.asks) {
			fs_marks_answer(s->marks, &m, fs_guests_settled(s->guests, m.pid));
		} else if (got > 0) {
			rc = write_mark(s, &m);
		} else {
			s->refused++;
			fs_warn("%s", err);
		}
	}
	return rc;
}

static void target_ended(struct session *s, size_t i)
{
	int *fd = &s->o->targets.pidfds.v[i];

	fs_info("VMM %d has ended", (int)s->o->targets.pids.v[i]);
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
	if (!--s->targets_left && !s->o->targets.command)
		s->why = "targets ended";
}

static int handle(struct session *s, const struct epoll_event *e, int n)
{
	int rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		switch (e[i].data.u32) {
		case SIGNALS:
			s->why = read_signals(s) ?: s->why;
			break;
		case MARKS:
			rc = read_marks(s);
			break;
		case GUESTS: /* record() does what there is to do, in every round */
			break;
		default:
			target_ended(s, e[i].data.u32 - TARGET);
		}
	}
	if (!s->why && s->o->targets.all_ended)
		s->why = "command ended";
	return rc;
}

static int write_stats(struct session *s, bool final)
{
	struct fs_stats_in in = {
		.prepared = s->prepared,
		.used = final ? s->stopped : fs_cpu_time_now(),
		.bpf = s->bpf,
		.rings = s->rings,
		.misses = s->misses,
		.armed_ns = s->armed_ns,
		.bytes = fsr_written(s->w),
		.own_events = s->own.events,
		.guests = fs_guests_json(s->guests),
		.probe_stats = s->o->load.probe_stats,
		.final = final,
	};

	s->stats_ns = fs_mono_ns();
	return write_json(s, FSR_STATS, fs_stats_json(&in));
}

/* How long to sleep: until the next round, or the time-out if that is earlier. */
static int patience_ms(const struct session *s, uint64_t now)
{
	int ms = fs_guests_wait_ms(s->guests, now, fs_rings_wait_ms(s->rings));
	uint64_t until = s->armed_ns + s->o->timeout_ns;

	if (s->o->timeout_ns && until > now && fs_poll_ms(until - now) < ms)
		ms = fs_poll_ms(until - now);
	return ms;
}

static int record(struct session *s)
{
	int rc = 0;

	while (!rc && !s->why) {
		struct epoll_event e[MAX_EVENTS];
		uint64_t now = fs_mono_ns();
		int n;

		if (s->o->timeout_ns && now >= s->armed_ns + s->o->timeout_ns) {
			s->why = "timeout";
			s->timed_out = true;
			break;
		}
		if (watch_guests(s))
			return -errno;
		n = epoll_wait(s->epoll, e, MAX_EVENTS, patience_ms(s, now));
		if (n < 0 && errno != EINTR)
			return -errno;
		rc = handle(s, e, n);
		if (!rc)
			rc = fs_rings_drain(s->rings, s->w, false);
		if (!rc)
			rc = fs_guests_work(s->guests, s->w, &s->own);
		if (!rc && now >= fs_misses_next(s->misses))
			rc = fs_misses_read(s->misses, s->w, &s->own, fs_mono_ns());
		if (!rc && fs_mono_ns() - s->stats_ns >= STATS_NS)
			rc = write_stats(s, false);
	}
	return rc;
}

/* --- done --- */

static json_t *command_json(const struct fs_targets *t)
{
	int st = t->child_status;

	if (!t->child)
		return json_null();
	return json_pack(
		"{s:i, s:b, s:o, s:o}", "pid", (int)t->child, "ended", t->child_ended, "exit",
		t->child_ended && WIFEXITED(st) ? json_integer(WEXITSTATUS(st)) : json_null(),
		"signal",
		t->child_ended && WIFSIGNALED(st) ? json_integer(WTERMSIG(st)) : json_null());
}

static int finish(struct session *s, uint64_t *lost)
{
	struct fs_losses l;
	uint64_t end_ns;
	int rc;

	fs_bpf_stop(s->bpf);
	end_ns = fs_mono_ns();
	s->stopped = fs_cpu_time_now();
	/* From here on nothing waits for us, and symbols need more than a small limit lets us lock.
	 */
	munlockall();
	rc = read_marks(s); /* those sent while we were told to stop */
	if (!rc)
		rc = fs_misses_read(s->misses, s->w, &s->own, end_ns);
	if (!rc)
		rc = fs_rings_drain(s->rings, s->w, false);
	if (!rc)
		rc = fs_guests_clock(s->w, &s->own);
	if (!rc)
		rc = fs_guests_finish(s->guests, s->w, &s->own);
	if (!rc)
		rc = fs_remains_flush(s->bpf, s->w, &s->own, end_ns);
	fs_bpf_detach(s->bpf);
	if (!rc)
		rc = fs_rings_drain(s->rings, s->w, true);
	if (!rc)
		rc = fs_remains_stacks(s->bpf, s->w, s->kallsyms);
	if (rc == -EACCES)
		rc = 0; /* was said at the start */
	if (!rc)
		rc = write_stats(s, true);
	l = fs_stats_losses(s->bpf);
	/* a stack that was not taken is no event */
	*lost = l.records + l.state + l.slots + fs_misses_runs(s->misses);
	if (!rc)
		rc = write_json(s, FSR_END,
				json_pack("{s:s, s:I, s:I, s:o, s:i, s:i, s:b}", "why", s->why,
					  "at_ns", (json_int_t)end_ns, "lost", (json_int_t)*lost,
					  "command", command_json(&s->o->targets), "marks",
					  (int)s->nmarks, "marks_refused", (int)s->refused,
					  "complete", !*lost));
	return rc;
}

static void tell_command(const struct session *s)
{
	const struct fs_targets *t = &s->o->targets;

	if (!t->child)
		return;
	if (!t->child_ended)
		fs_warn("%s (process %d) still runs", t->command[0], (int)t->child);
	else if (WIFSIGNALED(t->child_status))
		fs_warn("%s was ended by signal %d (%s)", t->command[0], WTERMSIG(t->child_status),
			strsignal(WTERMSIG(t->child_status)));
	else if (WEXITSTATUS(t->child_status))
		fs_warn("%s ended with status %d", t->command[0], WEXITSTATUS(t->child_status));
}

/* Says what was lost, and what helps where something does. */
static void tell_losses(const struct session *s)
{
	struct fs_losses l = fs_stats_losses(s->bpf);
	uint64_t full = l.records - l.no_ring, missed = fs_misses_runs(s->misses);

	if (full)
		fs_warn("%" PRIu64 " events were lost, their ring was full: the report says of "
			"which forks (a larger --ring-size helps)",
			full);
	if (l.no_ring)
		fs_warn("%" PRIu64 " events were lost on CPUs that have no ring", l.no_ring);
	if (l.state)
		fs_warn("%" PRIu64 " events were lost, a table of the programs was full: the "
			"report says of which forks (fewer VMs at a time help)",
			l.state);
	if (l.slots)
		fs_warn("not all memory slots of a VM were looked at: it has too many (%" PRIu64
			" lists were cut)",
			l.slots);
	if (missed)
		fs_warn("the kernel skipped %" PRIu64 " runs of probes (the same probe was under "
			"way on that CPU): what forks did there meanwhile is unknown in the report",
			missed);
}

/* Is anything missing that was asked for? Says so. */
static bool incomplete(const struct session *s, uint64_t lost)
{
	const struct fs_session_opts *o = s->o;
	const struct fs_ring_counts *c = fs_rings_counts(s->rings);
	bool no_end = (o->proof == FS_PROOF_KIND && !c->kinds[o->proof_kind]) ||
		      (o->proof == FS_PROOF_MARK && !s->mark_seen);

	if (lost)
		tell_losses(s);
	if (no_end)
		fs_warn("the end asked for (%s) was never seen", o->end);
	if (c->late || c->malformed)
		fs_warn("%llu events came late, %llu were malformed", (unsigned long long)c->late,
			(unsigned long long)c->malformed);
	return lost || no_end || c->late || c->malformed;
}

static enum fs_session_result tell_result(struct session *s, int rc, uint64_t lost)
{
	const struct fs_ring_counts *c = fs_rings_counts(s->rings);
	char size[FS_UNITS_LEN];
	bool part;

	if (rc) {
		fs_error("cannot write %s: %s; it holds what was written up to then", s->o->path,
			 strerror(-rc));
		return FS_SESSION_FAILED;
	}
	tell_command(s);
	fs_guests_tell(s->guests);
	part = incomplete(s, lost);
	fs_info("%s: %" PRIu64 " events, %s written to %s", s->why, c->events + s->own.events,
		fs_fmt_bytes(fsr_written(s->w), size, sizeof(size)), s->o->path);
	return part ? FS_SESSION_INCOMPLETE : FS_SESSION_DONE;
}

static enum fs_session_result run(struct session *s)
{
	struct fs_targets *t = &s->o->targets;
	uint64_t lost = 0;
	int rc = prepare(s), end;

	if (!rc && told_to_stop(s))
		rc = -EINTR;
	if (!rc)
		rc = arm(s);
	if (rc == -EINTR)
		fs_error("%s before the recording began: nothing was recorded", s->why);
	else if (rc)
		fs_error("%s", s->err);
	if (rc)
		return FS_SESSION_FAILED;
	fs_info("recording to %s", s->o->path);
	if (t->command) {
		rc = fs_targets_release(t);
		if (rc) {
			fs_error("cannot run %s: %s", t->command[0], strerror(-rc));
			s->why = "the command could not be run";
		}
	}
	end = record(s);
	end = end ?: finish(s, &lost);
	if (rc)
		return FS_SESSION_FAILED;
	return tell_result(s, end, lost);
}

enum fs_session_result fs_session_run(struct fs_session_opts *o)
{
	struct session s = {
		.o = o, .epoll = -1, .signals = -1, .marks = -1, .kallsyms = -1, .guests_fd = -1};
	enum fs_session_result res = run(&s);
	int rc = s.w ? fsr_close(s.w) : 0;

	if (rc && res != FS_SESSION_FAILED) {
		fs_error("cannot write %s: %s; it holds what was written up to then", o->path,
			 strerror(-rc));
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
