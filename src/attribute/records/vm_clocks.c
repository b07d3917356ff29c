// SPDX-License-Identifier: BSD-2-Clause
/* What is kept of the clocks: of the host, and of each VM's vCPUs. */
#include "attribute/records/vm_clocks.h"
#include <linux/if_ether.h>
#include <string.h>
#include "attribute/records/records.h"
#include "attribute/state/at.h"

#define MAX_CLOCKS 8192 /* reads of the host's clocks: only those about a fork matter */
#define MAX_VCPUS  4096
#define MAX_TXS    256
#define UDP_HEAD   (ETH_HLEN + 20 + 8)

int at_on_clock(struct at *a, const struct fs_ev_clock *e)
{
	struct fsl_host_clock c = {.tsc = e->tsc, .tsc_width = e->tsc_width, .mono_ns = e->mono_ns};

	if (a->clocks.n && e->mono_ns < a->clocks.v[a->clocks.n - 1].mono_ns)
		return 0;
	if (a->clocks.n >= MAX_CLOCKS) {
		memmove(a->clocks.v, a->clocks.v + MAX_CLOCKS / 2,
			MAX_CLOCKS / 2 * sizeof(*a->clocks.v));
		a->clocks.n = MAX_CLOCKS / 2;
	}
	return fs_vec_push(&a->clocks, c);
}

/* Sets the item of @item's vCPU. */
#define SET_LAST(vec, item)                                               \
	({                                                                \
		size_t i_ = 0;                                            \
		int ret_ = 0;                                             \
		while (i_ < (vec)->n && (vec)->v[i_].vcpu != (item).vcpu) \
			i_++;                                             \
		if (i_ < (vec)->n)                                        \
			(vec)->v[i_] = (item);                            \
		else if (i_ < MAX_VCPUS)                                  \
			ret_ = fs_vec_push((vec), (item));                \
		ret_;                                                     \
	})

int at_on_tsc_offset(struct at *a, const struct fs_ev_tsc_offset *e)
{
	struct at_vm *vm = at_vm_get(a, e->h.vm, e->h.tgid, true);
	struct fsl_tsc_offset o = {.ts = e->h.ts, .offset = e->next, .vcpu = e->vcpu_id};

	if (!vm)
		return at_no_vm(a, &e->h);
	return vm->state != AT_VM_DONE ? SET_LAST(&vm->tsc_offsets, o) : 0;
}

int at_on_pvclock(struct at *a, const struct fs_ev_pvclock *e)
{
	struct at_vm *vm = at_vm_get(a, e->h.vm, e->h.tgid, true);
	struct fsl_pvclock p = {
		.ts = e->h.ts,
		.tsc_timestamp = e->tsc_timestamp,
		.system_time = e->system_time,
		.mul = e->tsc_to_system_mul,
		.shift = e->tsc_shift,
		.vcpu = e->vcpu_id,
	};

	if (!vm)
		return at_no_vm(a, &e->h);
	return vm->state != AT_VM_DONE ? SET_LAST(&vm->pvclocks, p) : 0;
}

int at_on_datagram(struct at *a, struct at_vm *vm, const struct fs_ev_net_tx *e)
{
	struct at_tx tx = {.ts = e->h.ts, .port = e->dport};

	(void)a;
	if (!(e->what & FS_NET_STAGE) || e->len < UDP_HEAD || vm->txs.n >= MAX_TXS ||
	    vm->state == AT_VM_DONE)
		return 0;
	tx.bytes = (uint16_t)(e->len - UDP_HEAD);
	return fs_vec_push(&vm->txs, tx);
}
