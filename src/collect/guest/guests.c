// SPDX-License-Identifier: BSD-2-Clause
/* Guests during a recording: has them read when they are due, and writes what comes of it. */
#include "collect/guest/guests.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/packed.h"
#include "collect/guest/guestproc.h"
#include "collect/guest/memfile.h"
#include "collect/host/clock_sample.h"

/* A reading hangs that gets nowhere for READING_NS, or takes MOST_NS; STEP_NS of CPU time: it gets
 * on. */
#define READING_NS (10ull * 1000 * 1000 * 1000)
#define MOST_NS    (6 * READING_NS)
#define STEP_NS    (1000 * 1000)
#define FINISH_NS  (20ull * 1000 * 1000 * 1000)
#define SPARES     7 /* guests that may not answer before all reading ends */

struct fs_guests {
	const struct fs_guest_opts *o;
	struct fs_guestwatch *watch;
	struct fs_guestproc *proc; /* NULL once it and the spares are gone */
	/*
	 * For when a guest's memory does not answer, or ends it: made at the start, like it, for
	 * only then there are rights to give.
	 */
	struct fs_guestproc *spare[SPARES];
	size_t nspare;
	FS_VEC(struct fs_memfile) files;
	int warmed;           /* pages */
	uint64_t asked_ns;    /* a reading was asked for then; 0 = none is on its way */
	uint64_t seen_ns;     /* when it was last seen to get on, ... */
	uint64_t seen_cpu;    /* ... having used so much CPU time */
	char gone[FSR_WHY];   /* why there is no reading process */
	char unread[FSR_WHY]; /* why a guest with a recorder, or with a secret, was not read */
};

/* --- start --- */

static int open_files(struct fs_guests *g, char *err, size_t len)
{
	for (size_t i = 0; i < g->o->memfiles.n; i++) {
		const char *path = g->o->memfiles.v[i];
		struct fs_memfile f;
		int ret = fs_memfile_open(path, &f, err, len);

		if (ret)
			return ret;
		if (fs_vec_push(&g->files, f)) {
			fs_memfile_close(&f);
			return fs_errf(err, len, -ENOMEM, "out of memory");
		}
		if (!f.n && fs_packed_by(f.fd))
			fs_warn("memory file %s is compressed by %s: give the file that the VMM maps",
				path, fs_packed_by(f.fd));
		else if (!f.n)
			fs_warn("memory file %s holds no recorder: was forkscope-guest arm run before the snapshot?",
				path);
	}
	return 0;
}

static void warm(struct fs_guests *g)
{
	for (size_t i = 0; i < g->files.n; i++) {
		char why[FS_SENTENCE];
		int pages = fs_memfile_warm(&g->files.v[i], why, sizeof(why));

		if (pages < 0)
			fs_warn("cannot warm the recorder of %s: %s", g->o->memfiles.v[i], why);
		else
			g->warmed += pages;
	}
}

int fs_guests_start(const struct fs_guest_opts *o, struct fs_guests **out, char *err, size_t len)
{
	struct fs_guests *g;
	char why[FSR_WHY - 25];
	int ret;

	*out = NULL;
	if (o->off)
		return 0;
	g = calloc(1, sizeof(*g));
	if (g)
		g->watch = fs_guestwatch_new(&o->end);
	if (!g || !g->watch) {
		free(g);
		return fs_errf(err, len, -ENOMEM, "out of memory");
	}
	g->o = o;
	ret = open_files(g, err, len);
	if (ret) {
		fs_guests_free(g);
		return ret;
	}
	if (o->warm)
		warm(g);
	/* The host's recording is useful alone. */
	if (fs_guestproc_start(g->files.v, g->files.n, &g->proc, why, sizeof(why))) {
		fs_err_say(g->gone, sizeof(g->gone), "no process to read them: %s", why);
		fs_warn("guests' recorders will not be read: no process could be started to read them: %s",
			why);
	}
	while (g->proc && g->nspare < SPARES &&
	       !fs_guestproc_start(g->files.v, g->files.n, &g->spare[g->nspare], why, sizeof(why)))
		g->nspare++;
	*out = g;
	return 0;
}

void fs_guests_free(struct fs_guests *g)
{
	if (!g)
		return;
	fs_guestproc_stop(g->proc);
	while (g->nspare)
		fs_guestproc_stop(g->spare[--g->nspare]);
	fs_guestwatch_free(g->watch);
	for (size_t i = 0; i < g->files.n; i++)
		fs_memfile_close(&g->files.v[i]);
	fs_vec_free(&g->files);
	free(g);
}

/* A VM that was not read: why. Returns 0 or the writer's error. */
static int write_state(struct fsr_writer *w, uint32_t vm, uint32_t tgid, enum fsr_guest_state state,
		       const char *why)
{
	struct fsr_guest head = {.vm = vm, .tgid = tgid, .state = state};

	head.at_ns = head.done_ns = fs_mono_ns();
	fs_err_say(head.why, sizeof(head.why), "%s", why);
	return fsr_write(w, FSR_GUEST, &head, sizeof(head));
}

/* --- recording --- */

static void see(const struct fs_ev *ev, void *arg)
{
	struct fs_guests *g = arg;

	fs_guestwatch_see(g->watch, ev, fs_mono_ns());
}

void fs_guests_watch(struct fs_guests *g, struct fs_rings *r)
{
	if (g)
		fs_rings_watch(r, FS_GUESTWATCH_KINDS, see, g);
}

void fs_guests_mark(struct fs_guests *g, const struct fs_ev_mark *m)
{
	if (g)
		fs_guestwatch_see(g->watch, &m->h, fs_mono_ns());
}

int fs_guests_fd(const struct fs_guests *g)
{
	return g && g->proc ? fs_guestproc_fd(g->proc) : -1;
}

int fs_guests_wait_ms(const struct fs_guests *g, uint64_t now, int ms)
{
	uint64_t due = g && g->proc && !g->asked_ns ? fs_guestwatch_due(g->watch) : UINT64_MAX;

	if (due <= now)
		return 0;
	return fs_poll_ms(due - now) < ms ? fs_poll_ms(due - now) : ms;
}

int fs_guests_clock(struct fsr_writer *w, struct fs_own_records *own)
{
	struct fs_ev_clock ev = {0};

	if (!fs_clock_sample(&ev))
		return 0;
	fs_own_head(own, &ev.h, FS_EV_CLOCK, sizeof(ev), ev.mono_ns);
	return fsr_write_events(w, FS_OWN_CPU, &ev, sizeof(ev), 1);
}

/*
 * The reading process is of no use any more: the VM that it was reading is given up, a spare goes
 * on with those that come. Returns 0 or the writer's error.
 */
static int lose_process(struct fs_guests *g, struct fsr_writer *w, const char *why)
{
	uint32_t vm, tgid;
	int ret = 0;

	fs_guestproc_stop(g->proc);
	g->proc = g->nspare ? g->spare[--g->nspare] : NULL;
	g->asked_ns = 0;
	fs_err_say(g->unread, sizeof(g->unread), "%s", why);
	if (!g->proc) {
		fs_err_say(g->gone, sizeof(g->gone), "%s", why);
		fs_warn("guests' recorders are not read any more: %s", why);
	}
	if (fs_guestwatch_lost(g->watch, &vm, &tgid)) {
		fs_warn("the recorder of VM %u (process %u) is not read: %s", vm, tgid, why);
		ret = write_state(w, vm, tgid, FSR_GS_DENIED, why);
	}
	return ret;
}

static void note(struct fs_guests *g, const struct fs_guest_result *res)
{
	fs_guestwatch_done(g->watch, res);
	g->asked_ns = 0;
	if (res->state != FSR_GS_READ && res->state != FSR_GS_ABSENT && res->state != FSR_GS_GONE)
		snprintf(g->unread, sizeof(g->unread), "%.*s", (int)sizeof(res->why) - 1, res->why);
	fs_debug("guest of VM %u: state %u, %llu records in %llu us%s%s", res->vm, res->state,
		 (unsigned long long)res->records, (unsigned long long)res->ns / 1000,
		 *res->why ? ": " : "", res->why);
}

/* Asks for what is due. Returns 0 or the writer's error. */
static int ask(struct fs_guests *g, struct fsr_writer *w, struct fs_own_records *own, uint64_t now)
{
	struct fs_slot slots[FS_MAX_SLOTS];
	struct fs_guest_req req;
	int ret;

	if (g->asked_ns || !fs_guestwatch_next(g->watch, now, &req, slots))
		return 0;
	ret = fs_guests_clock(w, own);
	if (ret)
		return ret;
	g->asked_ns = g->seen_ns = now;
	g->seen_cpu = fs_guestproc_cpu_ns(g->proc);
	if (fs_guestproc_ask(g->proc, &req, slots))
		return lose_process(g, w, "the process that read it has ended");
	return 0;
}

/* On a host without a CPU to spare a reading takes long; one whose guest does not answer stands
 * still. */
static bool hangs(struct fs_guests *g, uint64_t now)
{
	uint64_t cpu;

	if (now - g->seen_ns <= READING_NS)
		return false;
	cpu = fs_guestproc_cpu_ns(g->proc);
	if (cpu < g->seen_cpu + STEP_NS || now - g->asked_ns > MOST_NS)
		return true;
	g->seen_ns = now;
	g->seen_cpu = cpu;
	return false;
}

int fs_guests_work(struct fs_guests *g, struct fsr_writer *w, struct fs_own_records *own)
{
	struct fs_guest_result res;
	uint64_t now;
	int ret;

	if (!g || !g->proc)
		return 0;
	if (g->asked_ns) {
		ret = fs_guestproc_take(g->proc, w, &res);
		if (ret == 1)
			note(g, &res);
		else if (ret == -EPIPE)
			ret = lose_process(g, w, "the process that read it has ended");
		if (ret < 0)
			return ret;
	}
	now = fs_mono_ns();
	if (g->proc && g->asked_ns && hangs(g, now)) {
		ret = lose_process(g, w, "the guest's memory did not answer");
		if (ret)
			return ret;
	}
	return g->proc ? ask(g, w, own, now) : 0;
}

bool fs_guests_idle(const struct fs_guests *g, uint32_t tgid)
{
	return !g || !g->proc || fs_guestwatch_idle(g->watch, tgid);
}

/* --- the end --- */

int fs_guests_finish(struct fs_guests *g, struct fsr_writer *w, struct fs_own_records *own)
{
	uint64_t until = fs_mono_ns() + FINISH_NS;
	size_t spares = g ? g->nspare : 0;
	uint32_t vm, tgid;
	bool lives;
	int ret = 0;

	if (!g)
		return 0;
	fs_guestwatch_stop(g->watch);
	do {
		struct pollfd p = {.fd = fs_guests_fd(g), .events = POLLIN};

		ret = fs_guests_work(g, w, own);
		if (g->nspare < spares) { /* one did not answer: the others get their time */
			spares = g->nspare;
			until = fs_mono_ns() + FINISH_NS;
		}
		if (!ret && g->proc && g->asked_ns)
			poll(&p, 1, 100);
	} while (!ret && g->proc && fs_mono_ns() < until &&
		 (g->asked_ns || fs_guestwatch_due(g->watch) != UINT64_MAX));
	while (!ret && fs_guestwatch_unread(g->watch, true, &vm, &tgid, &lives))
		ret = !lives ? write_state(w, vm, tgid, FSR_GS_GONE,
					   "the VMM ended before it was read")
			     : write_state(w, vm, tgid, FSR_GS_DENIED,
					   *g->gone ? g->gone : "there was no time to read it");
	return ret;
}

json_t *fs_guests_meta(const struct fs_guests *g)
{
	json_t *files = json_array();

	if (!g)
		return json_pack("{s:s, s:o}", "mode", "off", "memory_files", files);
	for (size_t i = 0; i < g->files.n; i++)
		json_array_append_new(files, json_pack("{s:o, s:i}", "path",
						       fs_json_text(g->o->memfiles.v[i]),
						       "recorders", (int)g->files.v[i].n));
	return json_pack("{s:s, s:o, s:i, s:s?}", "mode", "auto", "memory_files", files,
			 "warmed_pages", g->warmed, "reader_capabilities",
			 g->proc ? fs_guestproc_rights(g->proc) : NULL);
}

json_t *fs_guests_json(const struct fs_guests *g)
{
	struct fs_guest_counts c;

	if (!g)
		return json_null();
	fs_guestwatch_counts(g->watch, &c);
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "vms", (int)c.vms, "read", (int)c.read, "absent", (int)c.absent, "gone",
			 (int)c.gone, "denied", (int)c.denied, "bad", (int)c.bad, "no_snapshot",
			 (int)c.no_snapshot, "records", (json_int_t)c.records, "lost",
			 (json_int_t)c.lost, "torn", (json_int_t)c.partial, "readings",
			 (json_int_t)c.readings, "read_ns", (json_int_t)c.read_ns, "stalled",
			 (json_int_t)c.stalled, "blobs_failed", (json_int_t)c.blobs_failed);
}

void fs_guests_report(const struct fs_guests *g)
{
	struct fs_guest_counts c;

	if (!g)
		return;
	fs_guestwatch_counts(g->watch, &c);
	if (c.read)
		fs_info("recorders of %u of %u guests read: %llu records, %llu lost%s", c.read,
			c.vms, (unsigned long long)c.records,
			(unsigned long long)c.lost + c.partial,
			c.gone ? " (others had ended)" : "");
	if (c.denied + c.bad + c.no_snapshot)
		fs_warn("%u guests were not read: %s", c.denied + c.bad + c.no_snapshot,
			*g->unread ? g->unread : g->gone);
}
