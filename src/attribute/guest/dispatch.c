// SPDX-License-Identifier: BSD-2-Clause
/* One record of the guest: whose it is, and which of the timelines it goes to. */
#include "attribute/guest/guest_build.h"

static int dispatch(struct at_gb *b)
{
	switch (b->rec->kind) {
	case FSG_K_SWITCH:
		return at_gb_on_switch(b);
	case FSG_K_WAKING:
		return at_gb_on_waking(b, b->rec->a);
	case FSG_K_WAKEUP: /* of a new task there is no WAKING */
		return b->rec->a >> 32 == 1 ? at_gb_on_waking(b, 0) : 0;
	case FSG_K_IRQ:
	case FSG_K_VECTOR:
	case FSG_K_SOFTIRQ:
		return at_gb_on_frame(b);
	case FSG_K_IRQ_END:
	case FSG_K_VECTOR_END:
	case FSG_K_SOFTIRQ_END:
		return at_gb_on_frame_end(b);
	case FSG_K_WORK_QUEUE:
		return at_gb_on_work_queue(b);
	case FSG_K_WORK:
		return at_gb_on_work(b);
	case FSG_K_WORK_END:
		return at_gb_on_work_end(b);
	case FSG_K_FAULT:
		return at_gb_on_fault(b);
	case FSG_K_FAULT_END:
		return at_gb_on_fault_end(b);
	case FSG_K_STEP:
		return at_gb_on_step(b);
	case FSG_K_STEP_END:
		return at_gb_on_step_end(b);
	case FSG_K_RTNL:
		return at_gb_on_rtnl(b);
	case FSG_K_RTNL_END:
		return at_gb_on_rtnl_end(b);
	case FSG_K_UDP_SEND:
		return at_gb_on_send(b);
	case FSG_K_LOCK:
		return at_gb_on_lock(b);
	case FSG_K_LOCK_END:
		return at_gb_on_lock_end(b);
	case FSG_K_STAGE:
		return at_gb_on_stage(b);
	default:
		return 0;
	}
}

int at_gb_cpu_record(struct at_gb *b, bool behind_gap, bool lost_before)
{
	bool empty = b->rec->kind == FSG_K_NONE || b->rec->kind == FSG_K_WRAP;
	int ret;

	b->c = &b->cpus[b->cpu];
	ret = at_gb_begin_record(b, empty, behind_gap, lost_before);
	if (!ret && !empty) {
		ret = dispatch(b);
		ret = ret ? ret : at_gb_end_record(b);
	}
	b->c->last = b->t;
	return ret;
}

int at_gb_agent_record(struct at_gb *b)
{
	return b->rec->kind == FSG_K_STAGE && b->rec->tid ? at_gb_agent_stage(b) : 0;
}
