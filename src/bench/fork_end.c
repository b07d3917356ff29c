// SPDX-License-Identifier: BSD-2-Clause
/* How a fork ends: acks, death, the time limit, and what is waited for after it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include "base/clock.h"
#include "bench/fork_acks.h"
#include "bench/fork_impl.h"

#define GUEST_READ_NS (30ull * 1000 * 1000 * 1000) /* for the recorder to read a guest's */

int fs_fork_vmm_failed(struct fs_fork *f, int ret)
{
	if (ret)
		snprintf(f->r->why, sizeof(f->r->why), "%s", f->vmm.err);
	return ret;
}

/* Returns whether nothing more is to be waited for. */
static bool listen_for_acks(struct fs_fork *f, enum fs_fork_end *end)
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
static enum fs_fork_end after_death(struct fs_fork *f)
{
	struct fs_vmm *v = &f->vmm;

	fs_vmm_died(v); /* sets the sentence */
	if (v->ops == &fs_vmm_attach && v->process.status == 0)
		return FS_FORK_DONE;
	fs_fork_vmm_failed(f, -ECHILD);
	return FS_FORK_FAILED;
}

/* The time is over. */
static enum fs_fork_end after_timeout(struct fs_fork *f)
{
	if (f->acks >= 0)
		return f->b->o.wait_for_network ? FS_FORK_FELL_BACK : FS_FORK_DONE;
	if (f->vmm.ops != &fs_vmm_attach)
		return FS_FORK_DONE;
	snprintf(f->r->why, sizeof(f->r->why), "the command did not end in time");
	return FS_FORK_FAILED;
}

enum fs_fork_end fs_fork_await(struct fs_fork *f)
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
			return after_timeout(f);
		poll(p, 3, fs_poll_ms(until - now));
	}
}

/* What a recorder in the guest wrote goes with the VM: not before it was read. */
static void wait_until_guest_was_read(struct fs_fork *f, struct pollfd *vmm)
{
	uint64_t until = fs_mono_ns() + GUEST_READ_NS;

	while (f->b->o.guest_was_read && f->r->end == FS_FORK_DONE && !*f->b->o.stop &&
	       fs_mono_ns() < until && !f->b->o.guest_was_read(f->r->pid))
		if (poll(vmm, 1, FS_FORK_SLICE_NS / 1000000 / 2) > 0)
			return;
}

/* The recorder needs the VM alive for a moment, and so does a guest whose last ack was lost. */
void fs_fork_linger(struct fs_fork *f)
{
	struct pollfd p = {.fd = f->vmm.process.pidfd, .events = POLLIN};
	struct fs_vmm *v = &f->vmm;

	if (v->process.ended)
		return;
	poll(&p, 1, fs_poll_ms(f->b->o.linger_ns));
	wait_until_guest_was_read(f, &p);
	fs_fork_listen(f->r, f->acks, f->b->o.last_ack, f->address ? f->payload.ip_text : NULL);
	if (f->r->end == FS_FORK_DONE && fs_vmm_died(v) && v->ops != &fs_vmm_attach)
		f->r->end = after_death(f);
	else if (!v->process.ended && v->ops->metrics)
		v->ops->metrics(v, &f->r->metrics);
}
