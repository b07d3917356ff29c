// SPDX-License-Identifier: BSD-2-Clause
/* The windows of forks: when they begin, when they have ended, when they can be evaluated. */
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/guest.h"
#include "base/clock.h"

#define MS            1000000ull
#define TRY_FIRST     (5 * MS)     /* after the end: spans that cover it are still to come */
#define TRY_UNCOVERED (1000 * MS)  /* from here on evaluate, unless more would explain it */
#define TRY_LAST      (30000 * MS) /* then it is evaluated as it is */
#define MAX_ACKS      256

static void due_at(struct at *a, uint64_t ts)
{
	if (ts < a->next_due)
		a->next_due = ts;
}

static void set_end(struct at *a, struct at_vm *vm, uint64_t ts, uint32_t tid, bool reached)
{
	vm->end = ts;
	vm->end_tid = tid;
	vm->end_reached = reached;
	vm->state = AT_VM_ENDED;
	vm->try_gap = TRY_FIRST;
	vm->next_try = fs_ns_plus(ts, vm->try_gap);
	due_at(a, vm->next_try);
	at_proc_keep(vm->proc);
}

static void set_window(struct at *a, struct at_vm *vm)
{
	uint64_t from = 0;

	at_find_resume(a, vm);
	vm->start = vm->resume;
	if (a->o.start == FSA_START_SPAWN)
		from = vm->proc->start_ns;
	else if (a->o.start == FSA_START_LOAD)
		from = at_load_start(a, vm);
	if (from && from < vm->resume)
		vm->start = from;
	vm->deadline = a->o.end == FSA_END_AFTER ? fs_ns_plus(vm->start, a->o.end_after_ns)
						 : fs_ns_plus(vm->resume, a->timeout);
	if (vm->state == AT_VM_OPEN)
		due_at(a, vm->deadline);
}

/* Restored VMs have a window; those that boot where that is asked for. */
static void set_kind(const struct at *a, struct at_vm *vm, enum fsa_vm_kind kind)
{
	vm->restore = kind == FSA_K_RESTORE;
	if (vm->restore || (kind == FSA_K_BOOT && a->o.kind == FSA_K_BOOT))
		vm->state = AT_VM_OPEN;
	else if (kind == FSA_K_BOOT)
		vm->state = AT_VM_OTHER;
}

int at_on_first_run(struct at *a, const struct fs_ev_first_run *e)
{
	struct at_thr *t = at_vcpu_thread(a, &e->h, e->vcpu_id);
	struct at_vm *vm;

	if (!t)
		return 0;
	vm = t->vm;
	if (!t->first_run) {
		t->first_run = e->h.ts;
		t->run_unseen = e->h.flags & FS_F_LATE;
	}
	if (!vm->first_run)
		vm->first_run = e->h.ts;
	if (vm->state == AT_VM_NEW) {
		/*
		 * Told late: of a VM that was seen being made, or a vCPU of it, only the first
		 * KVM_RUN was missed. Any other may have run before.
		 */
		if (e->h.flags & FS_F_LATE && (vm->late || !vm->created) && !vm->vcpu_made) {
			vm->late = true;
			vm->state = AT_VM_OTHER;
			at_vm_is_late(a, vm);
		} else {
			set_kind(a, vm, at_vm_kind(a, vm, e));
		}
		vm->huge |= at_has_huge_memory(vm);
		at_proc_keep(vm->proc);
	}
	if (vm->state == AT_VM_OPEN)
		set_window(a, vm);
	return 0;
}

/* --- ends --- */

/* The VM of a record that names it, or the one of its process. */
static struct at_vm *vm_of(struct at *a, const struct fs_ev *h)
{
	struct at_vm *vm = at_vm_get(a, h->vm, h->tgid, false);
	struct at_proc *p = vm ? NULL : at_proc_get(a, h->tgid, false);

	for (size_t i = 0; p && i < p->vms.n; i++)
		if (!vm || p->vms.v[i]->state == AT_VM_OPEN)
			vm = p->vms.v[i];
	return vm;
}

/* "stage=<name>" at the beginning of a hostile datagram. Returns whether @stage was filled. */
static bool parse_stage(const struct fs_ev_net_tx *e, char *stage, size_t len)
{
	size_t n = e->payload_len < sizeof(e->payload) ? e->payload_len : sizeof(e->payload);
	size_t i;

	if (n < 6 || memcmp(e->payload, "stage=", 6))
		return false;
	for (i = 0; 6 + i < n; i++) {
		char c = e->payload[6 + i];

		if (c == ' ' || c == '\n' || c == '\0')
			break;
		if (i + 1 >= len || c <= ' ' || c > '~')
			return false;
		stage[i] = c;
	}
	stage[i] = '\0';
	/* a name that the packet's end cuts is no exact match for anything */
	return i && (6 + i < n || n < sizeof(e->payload));
}

/* What the datagram says behind stage, mac and ip: an error's reason, step and errno. */
static void keep_words(const struct fs_ev_net_tx *e, char *words, size_t len)
{
	size_t n = e->payload_len < sizeof(e->payload) ? e->payload_len : sizeof(e->payload);
	const char *end = memchr(e->payload, '\n', n), *at = e->payload;
	bool cut = !end && n == sizeof(e->payload);

	for (end = end ? end : e->payload + n; cut && end > at && end[-1] != ' ';)
		end--;
	for (int skip = 0; skip < 3 && at; skip++) {
		at = memchr(at, ' ', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (at && at < end)
		snprintf(words, len, "%.*s%s", (int)strnlen(at, (size_t)(end - at)), at,
			 cut ? "..." : "");
}

static int on_ack(struct at *a, struct at_vm *vm, const struct fs_ev_net_tx *e)
{
	struct fsa_ack ack = {.at_ns = e->h.ts};

	if (!parse_stage(e, ack.stage, sizeof(ack.stage)) || vm->acks.n >= MAX_ACKS)
		return 0;
	keep_words(e, ack.words, sizeof(ack.words));
	if (fs_vec_push(&vm->acks, ack))
		return -ENOMEM;
	if (vm->state != AT_VM_OPEN || a->o.end != FSA_END_ACK)
		return 0;
	if (!strcmp(ack.stage, a->o.end_name)) {
		set_end(a, vm, e->h.ts, e->h.flags & FS_F_IRQCTX ? 0 : e->h.tid, true);
	} else if (!strcmp(a->o.end_name, "mailbox") && !strcmp(ack.stage, "applied")) {
		vm->mailbox_lost = true;
		set_end(a, vm, e->h.ts, e->h.flags & FS_F_IRQCTX ? 0 : e->h.tid, true);
	}
	return 0;
}

int at_on_net_tx(struct at *a, const struct fs_ev_net_tx *e)
{
	struct at_vm *vm = vm_of(a, &e->h);
	uint32_t tid = e->h.flags & FS_F_IRQCTX ? 0 : e->h.tid;

	/* a VMM announces its guest to the network after a restore: that is no packet of the guest
	 */
	if (!vm || !at_is_fork(vm) || e->h.ts < vm->resume || e->eth_proto == ETH_P_RARP)
		return 0;
	if (e->what & FS_NET_FIRST && !vm->first_tx)
		vm->first_tx = e->h.ts;
	if (at_on_datagram(a, vm, e))
		return -ENOMEM;
	/* the first packet may be an ack */
	if (vm->state == AT_VM_OPEN &&
	    ((a->o.end == FSA_END_FIRST_TX && e->what & FS_NET_FIRST) ||
	     (a->o.end == FSA_END_TCP && e->what & FS_NET_SYNACK && e->sport == a->o.end_port)))
		set_end(a, vm, e->h.ts, tid, true);
	return e->what & FS_NET_STAGE ? on_ack(a, vm, e) : 0;
}

int at_on_port(struct at *a, struct at_vm *vm, uint32_t port, uint64_t ts, uint32_t tid)
{
	if (vm && vm->state == AT_VM_OPEN && a->o.end == FSA_END_PIO && port == a->o.end_port &&
	    ts >= vm->start)
		set_end(a, vm, ts, tid, true);
	return 0;
}

int at_on_mark(struct at *a, const struct fs_ev_mark *e)
{
	int ret = at_on_told(a, e);

	if (ret)
		return ret;
	if (a->o.end != FSA_END_MARK || strnlen(e->name, sizeof(e->name)) == sizeof(e->name) ||
	    strcmp(e->name, a->o.end_name))
		return 0;
	for (size_t i = 0; i < a->all_vms.n; i++) {
		struct at_vm *vm = a->all_vms.v[i];

		if (vm->state == AT_VM_OPEN && e->h.ts >= vm->start &&
		    (!e->h.tgid || e->h.tgid == vm->proc->tgid))
			set_end(a, vm, e->h.ts, 0, true);
	}
	return 0;
}

/* --- evaluation --- */

/* Whether what the vCPUs did until the end of the window is known. */
static bool covered(const struct at_vm *vm)
{
	for (size_t i = 0; i < vm->vcpus.n; i++) {
		const struct at_thr *t = vm->vcpus.v[i];

		if (t->first_run && t->first_run < vm->end && !t->died && t->cover < vm->end)
			return false;
		for (size_t k = t->apfs.n; k-- > 0 && t->apfs.v[k].t0 < vm->end;)
			if (!t->apfs.v[k].t1 && t->apfs.v[k].cause == AT_NO_FAULT)
				return false;
	}
	return true;
}

static int make_ledger(struct at *a, struct at_vm *vm, bool last)
{
	int ret;

	set_window(a, vm);
	if (vm->end < vm->start)
		vm->end = vm->start;
	ret = at_guest_prepare(a, vm);
	ret = ret ? ret : at_walk(a, vm, &a->path);
	if (!ret && a->path.uncovered && !last)
		return 0;
	ret = ret ? ret : at_guest_split(a, vm, &a->path);
	ret = ret ? ret : at_missed_widen(a, vm, &a->path);
	ret = ret ? ret : at_ledger(a, vm, &a->path);
	if (!ret) {
		vm->state = AT_VM_DONE;
		vm->next_try = UINT64_MAX;
		at_proc_keep(vm->proc);
	}
	return ret;
}

/* Makes the ledger, unless @last is false and later records would explain more. */
static int evaluate(struct at *a, struct at_vm *vm, bool last)
{
	int ret = make_ledger(a, vm, last);

	at_guest_free(vm);
	return ret;
}

static int try_evaluate(struct at *a, struct at_vm *vm)
{
	uint64_t past = a->now > vm->end ? a->now - vm->end : 0, read;
	int ret = at_guest_read(a, vm, &read);

	if (!ret && (covered(vm) || past >= TRY_UNCOVERED) && (read < a->now || past >= TRY_LAST))
		ret = evaluate(a, vm, past >= TRY_LAST || covered(vm));
	if (vm->state == AT_VM_ENDED) {
		vm->try_gap *= 2;
		vm->next_try = fs_ns_plus(a->now, vm->try_gap);
	}
	return ret;
}

/* Nothing more can come of a process that has ended and has no window left. */
static void rest(struct at *a, struct at_proc *p)
{
	if (!p->died)
		return;
	for (size_t i = 0; i < p->vms.n; i++)
		if (p->vms.v[i]->state == AT_VM_OPEN || p->vms.v[i]->state == AT_VM_ENDED)
			return;
	at_proc_retire(a, p);
}

int at_vms_due(struct at *a)
{
	size_t i = 0;

	a->next_due = UINT64_MAX;
	while (i < a->all_vms.n) {
		struct at_vm *vm = a->all_vms.v[i];
		struct at_proc *p = vm->proc;
		size_t before = a->all_vms.n;
		int ret = 0;

		if (vm->state == AT_VM_OPEN && a->now >= vm->deadline) {
			if (a->o.end != FSA_END_AFTER)
				vm->notes |= 1u << FSA_N_TIMED_OUT;
			set_end(a, vm, vm->deadline, 0, a->o.end == FSA_END_AFTER);
		}
		if (vm->state == AT_VM_ENDED && a->now >= vm->next_try)
			ret = try_evaluate(a, vm);
		if (ret)
			return ret;
		if (vm->state == AT_VM_OPEN)
			due_at(a, vm->deadline);
		else if (vm->state == AT_VM_ENDED)
			due_at(a, vm->next_try);
		rest(a, p);
		i = before == a->all_vms.n ? i + 1 : 0;
	}
	return 0;
}

static int finish_vm(struct at *a, struct at_vm *vm, uint64_t end, enum fsa_note why)
{
	if (vm->state == AT_VM_OPEN) {
		vm->notes |= 1u << why;
		set_end(a, vm, end, 0, false);
	}
	return vm->state == AT_VM_ENDED ? evaluate(a, vm, true) : 0;
}

int at_on_death(struct at *a, struct at_proc *p, uint64_t ts)
{
	p->died = ts;
	for (size_t i = 0; i < p->vms.n; i++) {
		struct at_vm *vm = p->vms.v[i];
		uint64_t end = 0;
		int ret;

		/* nothing of the VM can happen once its last vCPU thread is gone */
		for (size_t k = 0; k < vm->vcpus.n; k++) {
			uint64_t d = vm->vcpus.v[k]->died ? vm->vcpus.v[k]->died : ts;

			end = d > end ? d : end;
		}
		ret = finish_vm(a, vm, end && end < ts ? end : ts, FSA_N_VMM_DIED);
		if (ret)
			return ret;
	}
	rest(a, p);
	return 0;
}

int at_finish(struct at *a)
{
	for (size_t i = 0; i < a->all_vms.n; i++) {
		int ret = finish_vm(a, a->all_vms.v[i], a->now, FSA_N_CUT);

		if (ret)
			return ret;
	}
	return 0;
}
