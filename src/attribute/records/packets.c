// SPDX-License-Identifier: BSD-2-Clause
/* Packets that a VM sent: its first one, the acks of its agent, and the ends that they are. */
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>
#include "attribute/records/records.h"
#include "attribute/records/vm_clocks.h"
#include "attribute/records/windows.h"
#include "attribute/state/at.h"

#define MAX_ACKS 256

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
		at_window_end(a, vm, e->h.ts, e->h.flags & FS_F_IRQCTX ? 0 : e->h.tid, true);
	} else if (!strcmp(a->o.end_name, "mailbox") && !strcmp(ack.stage, "applied")) {
		vm->mailbox_lost = true;
		at_window_end(a, vm, e->h.ts, e->h.flags & FS_F_IRQCTX ? 0 : e->h.tid, true);
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
		at_window_end(a, vm, e->h.ts, tid, true);
	return e->what & FS_NET_STAGE ? on_ack(a, vm, e) : 0;
}
