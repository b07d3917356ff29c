// SPDX-License-Identifier: BSD-2-Clause
/* What forkscope doctor finds out: loads and attaches everything, and runs a tiny VM under it. */
#include "collect/checkup.h"
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bpf/event.h"
#include "collect/bpf/ring.h"
#include "collect/host/privs.h"

#define LOOPS 100000 /* 50 us by hardware, a third of a second when each one is emulated */

static void trace_child(int pid, void *arg)
{
	fs_bpf_trace(arg, (uint32_t)pid, FS_WHY_COMMAND);
}

/* Runs the tiny VM under the programs and counts what they record of it. */
static void watch_kvm(struct fs_checkup *c)
{
	const unsigned int *cpus;
	const int *fds;
	size_t n = fs_bpf_rings(c->bpf, &cpus, &fds);
	struct fs_rings *r = fs_rings_new(fs_bpf_ring_bytes(c->bpf));
	const struct fs_ring_counts *counts;

	for (size_t i = 0; r && i < n; i++)
		fs_rings_add(r, cpus[i], fds[i]);
	fs_kvmtest(LOOPS, trace_child, c->bpf, &c->kvm);
	fs_bpf_stop(c->bpf);
	fs_bpf_detach(c->bpf);
	if (!r)
		return;
	fs_rings_drain(r, NULL, true);
	counts = fs_rings_counts(r);
	c->events = counts->events;
	c->runs = counts->kinds[FS_EV_RUN] + counts->kinds[FS_EV_FIRST_RUN];
	/* The only segment of a guest that halts at once is open when it ends. */
	c->exits = counts->kinds[FS_EV_VMEXIT] + counts->kinds[FS_EV_FLUSH];
	fs_rings_free(r);
}

static enum fs_kvm_verdict judge(const struct fs_checkup *c)
{
	if (c->kvm.err == -EACCES || c->kvm.err == -EPERM)
		return FS_KVM_IS_UNTRIED;
	if (!c->kvm.halted)
		return FS_KVM_IS_BROKEN;
	/* that it entered no guest by hardware follows only if it would have been seen */
	if (!c->bpf || !c->runs)
		return FS_KVM_IS_UNTRACED;
	return c->exits ? FS_KVM_IS_HARDWARE : FS_KVM_IS_SOFTWARE;
}

static bool works(void *arg)
{
	return fs_bpf_works(arg);
}

/* Tries in a child, which alone loses its rights, what a recorder without any can still do. */
static bool try_unprivileged(struct fs_bpf *b)
{
	int status = -1;
	char kept[64];
	pid_t pid = fork();

	if (!pid)
		_exit(fs_privs_drop(works, b, kept, sizeof(kept)) || *kept);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

void fs_checkup(struct fs_checkup *c)
{
	struct fs_load_opts o = {.ring_bytes = 1u << 20, .knobs.match = FS_MATCH_COMMAND};
	struct rlimit lim;

	memset(c, 0, sizeof(*c));
	o.knobs.self_tgid = (uint32_t)getpid();
	fs_host_read(&c->host);
	if (!getrlimit(RLIMIT_MEMLOCK, &lim))
		c->memlock = lim.rlim_cur == RLIM_INFINITY ? UINT64_MAX : lim.rlim_cur;
	c->may_load = !fs_privs_check(c->bpf_why, sizeof(c->bpf_why));
	c->all_rights = c->may_load && fs_privs_modules();
	c->bpf_err = fs_bpf_load(&o, &c->bpf, c->bpf_why, sizeof(c->bpf_why));
	if (c->bpf_err) {
		c->bpf = NULL;
		fs_kvmtest(LOOPS, NULL, NULL, &c->kvm);
	} else {
		const struct fs_plan *p = fs_bpf_plan(c->bpf);

		for (size_t w = 0; w < p->table->nwants; w++)
			c->needed_missing += p->table->wants[w].needed && !p->choices[w].rank;
		c->kept_works = try_unprivileged(c->bpf);
		watch_kvm(c);
	}
	c->verdict = judge(c);
	c->fit = c->bpf;
}

void fs_checkup_free(struct fs_checkup *c)
{
	fs_bpf_free(c->bpf);
	c->bpf = NULL;
}
