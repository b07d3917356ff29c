// SPDX-License-Identifier: BSD-2-Clause
/*
 * One fork: a thread that enters its network, starts the VMM there, loads, resumes, waits for the
 * acks and ends it. The namespace lives as long as the thread and the VMM do, so nothing of it can
 * be left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <arpa/inet.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/tree.h"
#include "base/units.h"
#include "bench/bench.h"
#include "bench/fork_acks.h"
#include "vmm/jail.h"

#define SLICE_NS   (100ull * 1000 * 1000)
#define HANDLER_NS (20ull * 1000 * 1000 * 1000)
#define SETTLE_NS  (30ull * 1000 * 1000 * 1000) /* for the recorder to read a guest's */

/* Where the forks of a wave wait for each other before their VMMs are started. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t open;
	size_t missing;
};

struct fork {
	struct fs_bench *b;
	const struct fs_arm *arm;
	struct fs_template *t;
	struct fs_fork_result *r;
	pthread_t thread;
	bool threaded;
	struct gate *gate;
	char folder[PATH_MAX], id[32], uffd[PATH_MAX + 16], copy[PATH_MAX + 16];
	struct fs_vmm_at at;
	struct fs_vmm vmm;
	struct fs_process handler;
	struct fs_payload payload;
	struct fs_tap_want tap;
	bool has_tap, has_copy;
	uint32_t address; /* taken from the pool; 0 = none */
	int memory;       /* descriptor of the file that is mapped */
	int acks;         /* socket; -1 = none */
	/* prefetching beside the fork */
	pthread_t helper;
	bool helping;
	volatile bool enough;
	struct fs_prefetch_run run;
	char helper_err[400];
};

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;

/* One has come (or never will); @wait for the others. */
static void arrive(struct gate *g, bool wait)
{
	pthread_mutex_lock(&g->lock);
	if (!--g->missing)
		pthread_cond_broadcast(&g->open);
	while (wait && g->missing)
		pthread_cond_wait(&g->open, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

/* --- its network ---------------------------------------------------------------------------- */

static int take_address(struct fork *f)
{
	struct in_addr in;
	int rc;

	pthread_mutex_lock(&pool_lock);
	rc = fs_pool_take(&f->b->pool, &f->address, f->r->why, sizeof(f->r->why));
	pthread_mutex_unlock(&pool_lock);
	if (rc)
		return rc;
	in.s_addr = htonl(f->address);
	inet_ntop(AF_INET, &in, f->payload.ip_text, sizeof(f->payload.ip_text));
	f->payload.ip = f->address;
	/* a MAC of its own, made of the address */
	snprintf(f->payload.mac_text, sizeof(f->payload.mac_text), "06:00:%02x:%02x:%02x:%02x",
		 f->address >> 24, f->address >> 16 & 0xff, f->address >> 8 & 0xff,
		 f->address & 0xff);
	snprintf(f->tap.name, sizeof(f->tap.name), "fsb%u", f->address & 0xffffffu);
	f->tap.guest = f->address;
	f->tap.prefix = 32;
	return 0;
}

static int make_network(struct fork *f)
{
	const struct fs_bench_opts *o = &f->b->o;
	struct fs_fork_result *r = f->r;
	int rc;

	if (o->network == FS_NETWORK_NONE)
		return 0;
	memcpy(f->tap.name, o->tap, sizeof(f->tap.name));
	memcpy(f->tap.mac, o->tap_mac, sizeof(f->tap.mac));
	f->tap.gateway = f->payload.gateway;
	f->tap.prefix = f->payload.prefix;
	f->tap.owner = o->plan.jail ? o->plan.jail->uid : (uid_t)-1;
	f->tap.group = o->plan.jail ? o->plan.jail->gid : (gid_t)-1;
	rc = o->network == FS_NETWORK_OWN ? fs_net_enter_new(r->why, sizeof(r->why))
					  : take_address(f);
	if (!rc)
		rc = fs_tap_make(&f->tap, r->why, sizeof(r->why));
	if (rc)
		return rc;
	f->has_tap = true;
	f->at.tap = f->tap.name;
	f->acks = fs_acks_open(f->payload.gateway, f->payload.ack_port,
			       o->network == FS_NETWORK_HOST ? f->tap.name : NULL, r->why,
			       sizeof(r->why));
	return f->acks < 0 ? f->acks : 0;
}

/* --- its memory file ------------------------------------------------------------------------ */

/* A fork that shares a network namespace has an address of its own, and so a mailbox. */
static int make_memory(struct fork *f)
{
	struct fs_fork_result *r = f->r;
	int rc;

	f->at.memory = f->t->fd < 0 ? NULL : f->t->memory;
	f->memory = f->t->fd;
	if (f->b->o.network != FS_NETWORK_HOST)
		return 0;
	snprintf(f->copy, sizeof(f->copy), "%s.fork-%zu", f->t->memory, r->number);
	rc = fs_template_copy(f->t, f->b->o.token, f->copy, &f->payload, r->why, sizeof(r->why));
	if (rc)
		return rc;
	f->has_copy = true;
	f->at.memory = f->copy;
	f->memory = open(f->copy, O_RDONLY | O_CLOEXEC);
	if (f->memory < 0)
		return fs_errf(r->why, sizeof(r->why), -errno, "opening %s: %m", f->copy);
	return fs_bench_condition(f->b, f->memory, f->t->state, r->why, sizeof(r->why));
}

static int start_handler(struct fork *f)
{
	char *argv[] = {(char *)f->b->o.uffd, f->uffd, (char *)f->at.memory, NULL};
	uint64_t until = fs_mono_ns() + HANDLER_NS;
	struct fs_fork_result *r = f->r;
	char log[PATH_MAX + 16], said[300], how[64];
	int rc;

	if (!f->b->o.uffd)
		return 0;
	snprintf(f->uffd, sizeof(f->uffd), "%s/uffd.sock", f->folder);
	snprintf(log, sizeof(log), "%s/uffd.log", f->folder);
	f->at.uffd = f->uffd;
	rc = fs_process_start(&f->handler, argv, log, r->why, sizeof(r->why));
	while (!rc && access(f->uffd, F_OK)) {
		if (!fs_process_wait(&f->handler, SLICE_NS / 50))
			rc = fs_errf(r->why, sizeof(r->why), -ECHILD,
				     "the userfaultfd handler %s %s. It said: %s", f->b->o.uffd,
				     fs_process_how(&f->handler, how, sizeof(how)),
				     fs_log_tail(log, said, sizeof(said)));
		else if (fs_mono_ns() > until)
			rc = fs_errf(r->why, sizeof(r->why), -ETIMEDOUT,
				     "the userfaultfd handler %s does not listen on %s",
				     f->b->o.uffd, f->uffd);
	}
	return rc;
}

/* --- prefetching ---------------------------------------------------------------------------- */

static void set_run(struct fork *f)
{
	f->run = (struct fs_prefetch_run){.how = f->b->o.how,
					  .rate = f->b->o.rate,
					  .fd = f->memory,
					  .vmm = f->r->pid,
					  .stop = &f->enough};
}

static void *help(void *arg)
{
	struct fork *f = arg;

	f->r->prefetch_ns = fs_mono_ns();
	fs_prefetch_do(&f->run, &f->arm->ranges, f->helper_err, sizeof(f->helper_err));
	f->r->prefetched_ns = fs_mono_ns();
	return NULL;
}

static void prefetch_beside(struct fork *f)
{
	if (!f->b->o.beside || !f->arm->ranges.n)
		return;
	set_run(f);
	f->helping = !pthread_create(&f->helper, NULL, help, f);
}

static int prefetch_before(struct fork *f)
{
	struct fs_fork_result *r = f->r;
	int rc;

	set_run(f);
	r->prefetch_ns = fs_mono_ns();
	rc = fs_prefetch_do(&f->run, &f->arm->ranges, r->why, sizeof(r->why));
	r->prefetched_ns = fs_mono_ns();
	r->prefetched = f->run.done;
	r->missed = f->run.missed;
	return rc;
}

static void end_helper(struct fork *f)
{
	if (!f->helping)
		return;
	f->enough = true;
	pthread_join(f->helper, NULL);
	f->helping = false;
	f->r->prefetched = f->run.done;
	f->r->missed = f->run.missed;
	if (*f->helper_err && f->r->end == FS_FORK_DONE) {
		f->r->end = FS_FORK_FAILED;
		snprintf(f->r->why, sizeof(f->r->why), "%s", f->helper_err);
	}
}

/* --- the VM --------------------------------------------------------------------------------- */

/* Just before the resume: the proof that arms differ, and what a populated VMM still lacks. */
static int look_and_populate(struct fork *f)
{
	const struct fs_range all = {0, f->t->size};
	struct fs_fork_result *r = f->r;
	uint64_t began = fs_mono_ns();
	int rc = 0;

	if (f->b->o.how == FS_MECH_POPULATE && !f->b->o.beside && !f->b->o.load.resume &&
	    f->arm->ranges.n)
		rc = prefetch_before(f);
	if (!rc && f->memory >= 0) {
		rc = fs_cache_resident(f->memory, &all, &r->resident);
		if (!rc)
			rc = fs_ranges_resident(f->memory, &f->arm->ranges, &r->resident_ranges);
		if (rc)
			fs_errf(r->why, sizeof(r->why), rc,
				"asking what of %s is in the page cache: %s", f->at.memory,
				strerror(-rc));
	}
	r->between_ns += fs_mono_ns() - began;
	return rc;
}

static int vmm_failed(struct fork *f, int rc)
{
	if (rc)
		snprintf(f->r->why, sizeof(f->r->why), "%s", f->vmm.err);
	return rc;
}

/* Tells the recorder, and keeps the time that it took out of the fork's. */
static void mark(struct fork *f, pid_t pid, const char *what, const char *value)
{
	uint64_t began = fs_mono_ns();
	char name[80];

	if (!f->b->o.mark)
		return;
	snprintf(name, sizeof(name), "%s:%s", what, value);
	f->b->o.mark(name, pid);
	f->r->between_ns += fs_mono_ns() - began;
}

/* What the fork of @pid was given (attribute/told.c reads it). */
static void mark_what_was_given(struct fork *f, pid_t pid)
{
	const struct fs_fork_result *r = f->r;
	char text[FS_UNITS_LEN];

	if (f->memory < 0)
		return;
	/* Beside an attached fork it is still to come. */
	if (r->prefetched_ns || !f->b->o.beside)
		mark(f, pid, "prefetch",
		     fs_fmt_ns_exact(r->prefetched_ns - r->prefetch_ns, text, sizeof(text)));
	snprintf(text, sizeof(text), "%" PRIu64, r->resident / 4096);
	mark(f, pid, "resident", text);
}

/*
 * An attached command's VMM may be another process than the command, and resumes when it likes: so
 * all is told and looked at before, of every VM that is made from now on.
 */
static int mark_attached(struct fork *f)
{
	int rc = look_and_populate(f);

	if (rc)
		return rc;
	mark(f, 0, "arm", f->arm->name);
	mark_what_was_given(f, 0);
	f->r->between_ns = 0;
	return 0;
}

static int load_and_resume(struct fork *f)
{
	struct fs_fork_result *r = f->r;
	struct fs_vmm *v = &f->vmm;
	bool at_once = f->b->o.load.resume;
	int rc = at_once ? look_and_populate(f) : 0;

	if (rc)
		return rc;
	r->load_ns = fs_mono_ns();
	if (at_once) {
		r->resume_ns = r->load_ns;
		if (f->b->o.how != FS_MECH_POPULATE)
			prefetch_beside(f);
	}
	rc = vmm_failed(f, v->ops->load(v, &f->b->o.load));
	r->loaded_ns = fs_mono_ns();
	if (rc)
		return rc;
	if (at_once) {
		r->resumed_ns = r->loaded_ns;
		if (f->b->o.how == FS_MECH_POPULATE)
			prefetch_beside(f);
		return 0;
	}
	rc = v->ops == &fs_vmm_attach ? 0 : look_and_populate(f);
	if (rc)
		return rc;
	prefetch_beside(f);
	r->resume_ns = fs_mono_ns();
	rc = vmm_failed(f, v->ops->resume(v));
	r->resumed_ns = fs_mono_ns();
	return rc;
}

static int run_vmm(struct fork *f)
{
	struct fs_fork_result *r = f->r;
	int rc;

	fs_vmm_init(&f->vmm, &f->b->o.plan, &f->at);
	rc = f->vmm.ops == &fs_vmm_attach ? mark_attached(f) : 0;
	if (rc)
		return rc;
	r->spawn_ns = fs_mono_ns();
	rc = vmm_failed(f, f->vmm.ops->start(&f->vmm));
	r->spawned_ns = fs_mono_ns();
	r->pid = f->vmm.process.pid;
	if (rc)
		return rc;
	if (f->vmm.ops != &fs_vmm_attach)
		mark(f, r->pid, "arm", f->arm->name);
	return load_and_resume(f);
}

/* --- its end -------------------------------------------------------------------------------- */

/* Returns whether nothing more is to be waited for. */
static bool listen_for_acks(struct fork *f, enum fs_fork_end *end)
{
	struct fs_fork_result *r = f->r;
	enum fs_heard heard = fs_fork_listen(r, f->acks, f->b->o.last_ack,
					     f->address ? f->payload.ip_text : NULL);

	*end = FS_FORK_DONE;
	if (heard != FS_HEARD_ERROR)
		return heard == FS_HEARD_LAST;
	/* The agent waits for another payload then, and none will come. */
	if (f->b->o.wait_for_network) {
		*end = FS_FORK_FAILED;
		fs_ack_error_text(fs_fork_find_ack(r, "error"), r->why, sizeof(r->why));
	}
	return true;
}

/* What the attached command's end means: it has done its work, or it has failed. */
static enum fs_fork_end after_death(struct fork *f)
{
	struct fs_vmm *v = &f->vmm;

	fs_vmm_died(v); /* sets the sentence */
	if (v->ops == &fs_vmm_attach && v->process.status == 0)
		return FS_FORK_DONE;
	vmm_failed(f, -ECHILD);
	return FS_FORK_FAILED;
}

/* The time is over. */
static enum fs_fork_end after_patience(struct fork *f)
{
	if (f->acks >= 0)
		return f->b->o.wait_for_network ? FS_FORK_FELL_BACK : FS_FORK_DONE;
	if (f->vmm.ops != &fs_vmm_attach)
		return FS_FORK_DONE;
	snprintf(f->r->why, sizeof(f->r->why), "the command did not end in time");
	return FS_FORK_FAILED;
}

static enum fs_fork_end await(struct fork *f)
{
	uint64_t until = f->r->resume_ns + f->b->o.timeout_ns;
	struct pollfd p[] = {{.fd = f->acks, .events = POLLIN},
			     {.fd = f->vmm.process.pidfd, .events = POLLIN},
			     {.fd = f->b->o.stop_fd, .events = POLLIN}};

	/* With nothing to wait for, the VM is left alone for a while. */
	if (f->acks < 0 && f->vmm.ops != &fs_vmm_attach)
		until = f->r->resume_ns;
	for (;;) {
		uint64_t now = fs_mono_ns();
		enum fs_fork_end end;

		if (listen_for_acks(f, &end))
			return end;
		if (fs_process_ended(&f->vmm.process))
			return after_death(f);
		if (*f->b->o.stop)
			return FS_FORK_STOPPED;
		if (now >= until)
			return after_patience(f);
		poll(p, 3, fs_poll_ms(until - now));
	}
}

/* What a recorder in the guest wrote goes with the VM: not before it was read. */
static void wait_until_read(struct fork *f, struct pollfd *vmm)
{
	uint64_t until = fs_mono_ns() + SETTLE_NS;

	while (f->b->o.settled && f->r->end == FS_FORK_DONE && !*f->b->o.stop &&
	       fs_mono_ns() < until && !f->b->o.settled(f->r->pid))
		if (poll(vmm, 1, SLICE_NS / 1000000 / 2) > 0)
			return;
}

/* The recorder needs the VM alive for a moment, and so does a guest whose last ack was lost. */
static void linger(struct fork *f)
{
	struct pollfd p = {.fd = f->vmm.process.pidfd, .events = POLLIN};
	struct fs_vmm *v = &f->vmm;

	if (v->process.ended)
		return;
	poll(&p, 1, fs_poll_ms(f->b->o.linger_ns));
	wait_until_read(f, &p);
	fs_fork_listen(f->r, f->acks, f->b->o.last_ack, f->address ? f->payload.ip_text : NULL);
	if (f->r->end == FS_FORK_DONE && fs_vmm_died(v) && v->ops != &fs_vmm_attach)
		f->r->end = after_death(f);
	else if (!v->process.ended && v->ops->metrics)
		v->ops->metrics(v, &f->r->metrics);
}

static void clean_up(struct fork *f)
{
	end_helper(f);
	fs_vmm_end(&f->vmm);
	fs_process_end(&f->handler);
	if (f->acks >= 0)
		close(f->acks);
	if (f->has_tap && f->b->o.network == FS_NETWORK_HOST)
		fs_tap_remove(f->tap.name);
	if (f->address) {
		pthread_mutex_lock(&pool_lock);
		fs_pool_give(&f->b->pool, f->address);
		pthread_mutex_unlock(&pool_lock);
	}
	if (f->has_copy) {
		if (f->memory >= 0)
			close(f->memory);
		unlink(f->copy);
	}
	fs_remove_tree(f->folder);
	f->r->end_ns = fs_mono_ns();
}

static void *live(void *arg)
{
	struct fork *f = arg;
	struct fs_fork_result *r = f->r;
	int rc = make_network(f);

	if (!rc)
		rc = make_memory(f);
	if (!rc && f->has_copy && f->arm->ranges.n && !f->b->o.beside &&
	    f->b->o.how != FS_MECH_POPULATE)
		rc = prefetch_before(f);
	if (!rc)
		rc = start_handler(f);
	arrive(f->gate, true);
	if (!rc)
		rc = run_vmm(f);
	r->end = rc ? FS_FORK_FAILED : await(f);
	if (!rc) {
		linger(f);
		end_helper(f);
		if (f->vmm.ops != &fs_vmm_attach)
			mark_what_was_given(f, r->pid); /* nothing is timed any more */
	}
	clean_up(f);
	return NULL;
}

static int prepare(struct fork *f, struct fs_bench *b, const struct fs_arm *arm,
		   struct fs_fork_result *r)
{
	memset(f, 0, sizeof(*f));
	f->b = b;
	f->arm = arm;
	f->t = &b->templates[arm->template];
	f->r = r;
	f->acks = f->memory = -1;
	f->payload = f->t->payload;
	fs_process_init(&f->handler);
	fs_vmm_init(&f->vmm, &b->o.plan, &f->at);
	snprintf(f->id, sizeof(f->id), "fork-%zu", r->number);
	snprintf(f->folder, sizeof(f->folder), "%s/%zu", b->o.work, r->number);
	f->at = (struct fs_vmm_at){.folder = f->folder,
				   .id = f->id,
				   .state = *f->t->state ? f->t->state : NULL,
				   .original = f->t->fd < 0 ? NULL : f->t->memory,
				   .snapshot = f->t->folder,
				   .signal = f->t->signal,
				   .override = b->o.override};
	return mkdir(f->folder, 0755) ? -errno : 0;
}

int fs_wave_run(struct fs_bench *b, const struct fs_arm *arm, struct fs_fork_result *r, size_t n)
{
	struct fork *f = calloc(n, sizeof(*f));
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, n};
	size_t made = 0;
	int rc = f ? 0 : -ENOMEM;

	for (; !rc && made < n; made++)
		rc = prepare(&f[made], b, arm, &r[made]);
	if (rc) {
		free(f);
		return fs_errf(b->err, sizeof(b->err), rc, "making the forks' folders in %s: %s",
			       b->o.work, strerror(-rc));
	}
	for (size_t i = 0; i < n; i++) {
		f[i].gate = &gate;
		f[i].threaded = !pthread_create(&f[i].thread, NULL, live, &f[i]);
		if (f[i].threaded)
			continue;
		snprintf(r[i].why, sizeof(r[i].why), "no thread could be made for it");
		r[i].end = FS_FORK_FAILED;
		arrive(&gate, false);
	}
	for (size_t i = 0; i < n; i++)
		if (f[i].threaded)
			pthread_join(f[i].thread, NULL);
	free(f);
	return 0;
}
