// SPDX-License-Identifier: BSD-2-Clause
/* The end of a recording: what is left is written, and what it came to is reported. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "collect/bpf/drain.h"
#include "collect/session/session_impl.h"

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

int fs_session_finish(struct fs_session *s, uint64_t *lost)
{
	struct fs_losses l;
	uint64_t end_ns;
	int ret;

	fs_bpf_stop(s->bpf);
	end_ns = fs_mono_ns();
	s->stopped = fs_cpu_time_now();
	/* From here on nothing waits for us, and symbols need more than a small limit lets us lock.
	 */
	munlockall();
	ret = fs_session_read_marks(s); /* those sent while the stop was asked for */
	if (!ret)
		ret = fs_misses_read(s->misses, s->w, &s->own, end_ns);
	if (!ret)
		ret = fs_rings_drain(s->rings, s->w, false);
	if (!ret)
		ret = fs_guests_clock(s->w, &s->own);
	if (!ret)
		ret = fs_guests_finish(s->guests, s->w, &s->own);
	if (!ret)
		ret = fs_drain_flush(s->bpf, s->w, &s->own, end_ns);
	fs_bpf_detach(s->bpf);
	if (!ret)
		ret = fs_rings_drain(s->rings, s->w, true);
	if (!ret)
		ret = fs_drain_stacks(s->bpf, s->w, s->kallsyms);
	if (ret == -EACCES)
		ret = 0; /* was reported at the start */
	if (!ret)
		ret = fs_session_write_stats(s, true);
	l = fs_stats_losses(s->bpf);
	/* a stack that was not taken is not an event */
	*lost = l.records + l.state + l.slots + fs_misses_runs(s->misses);
	if (!ret)
		ret = fs_session_write_json(
			s, FSR_END,
			json_pack("{s:s, s:I, s:I, s:o, s:i, s:i, s:b}", "why", s->why, "at_ns",
				  (json_int_t)end_ns, "lost", (json_int_t)*lost, "command",
				  command_json(&s->o->targets), "marks", (int)s->nmarks,
				  "marks_refused", (int)s->refused, "complete", !*lost));
	return ret;
}

static void report_command(const struct fs_session *s)
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
static void report_losses(const struct fs_session *s)
{
	struct fs_losses l = fs_stats_losses(s->bpf);
	uint64_t full = l.records - l.no_ring, missed = fs_misses_runs(s->misses);

	if (full)
		fs_warn("%" PRIu64
			" events were lost, their ring was full: the report names the forks (a larger --ring-size helps)",
			full);
	if (l.no_ring)
		fs_warn("%" PRIu64 " events were lost on CPUs that have no ring", l.no_ring);
	if (l.state)
		fs_warn("%" PRIu64
			" events were lost, a table of the programs was full: the report names the forks (fewer VMs at a time help)",
			l.state);
	if (l.slots)
		fs_warn("not all memory slots of a VM were looked at: it has too many (%" PRIu64
			" lists were cut)",
			l.slots);
	if (missed)
		fs_warn("the kernel skipped %" PRIu64
			" runs of probes (the same probe was under way on that CPU): what forks did there meanwhile is unknown in the report",
			missed);
}

/* Is anything missing that was asked for? Says so. */
static bool incomplete(const struct fs_session *s, uint64_t lost)
{
	const struct fs_session_opts *o = s->o;
	const struct fs_ring_counts *c = fs_rings_counts(s->rings);
	bool no_end = (o->proof == FS_PROOF_KIND && !c->kinds[o->proof_kind]) ||
		      (o->proof == FS_PROOF_MARK && !s->mark_seen);

	if (lost)
		report_losses(s);
	if (no_end)
		fs_warn("the end asked for (%s) was never seen", o->end);
	if (c->late || c->malformed)
		fs_warn("%llu events came late, %llu were malformed", (unsigned long long)c->late,
			(unsigned long long)c->malformed);
	return lost || no_end || c->late || c->malformed;
}

enum fs_session_result fs_session_report(struct fs_session *s, int ret, uint64_t lost)
{
	const struct fs_ring_counts *c = fs_rings_counts(s->rings);
	char size[FS_UNITS_LEN];
	bool part;

	if (ret) {
		fs_error("cannot write %s: %s; it holds what was written up to then", s->o->path,
			 strerror(-ret));
		return FS_SESSION_FAILED;
	}
	report_command(s);
	fs_guests_report(s->guests);
	part = incomplete(s, lost);
	fs_info("%s: %" PRIu64 " events, %s written to %s", s->why, c->events + s->own.events,
		fs_fmt_bytes(fsr_written(s->w), size, sizeof(size)), s->o->path);
	return part ? FS_SESSION_INCOMPLETE : FS_SESSION_DONE;
}
