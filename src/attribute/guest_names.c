// SPDX-License-Identifier: BSD-2-Clause
/* What the guest ran, in words. */
#include <stdio.h>
#include "attribute/guest.h"

/* x86's system vectors: arch/x86/include/asm/irq_vectors.h. */
static const char *vector_name(uint32_t x)
{
	switch (x) {
	case 0xec:
		return "local timer";
	case 0xf3:
		return "hypervisor callback";
	case 0xf6:
		return "irq work";
	case 0xf7:
		return "x86 platform";
	case 0xf8:
		return "reboot";
	case 0xfa:
		return "thermal";
	case 0xfb:
		return "call function single";
	case 0xfc:
		return "call function";
	case 0xfd:
		return "reschedule";
	case 0xfe:
		return "error";
	case 0xff:
		return "spurious";
	default:
		return NULL;
	}
}

/* include/linux/interrupt.h */
static const char *const softirqs[] = {"hi",       "timer",   "net_tx", "net_rx",  "block",
				       "irq_poll", "tasklet", "sched",  "hrtimer", "rcu"};

const char *at_guest_frame_name(const struct at *a, const struct at_gframe *f, char *buf,
				size_t len)
{
	const char *name = at_str_get(a, f->name);

	switch ((enum at_gframe_kind)f->kind) {
	case AT_GF_IRQ:
		snprintf(buf, len, "irq %u%s%s", f->x, *name ? " " : "", name);
		break;
	case AT_GF_VECTOR:
		name = vector_name(f->x);
		snprintf(buf, len, "vector 0x%02x%s%s", f->x, name ? " " : "", name ? name : "");
		break;
	case AT_GF_SOFTIRQ:
		name = f->x < sizeof(softirqs) / sizeof(*softirqs) ? softirqs[f->x] : "";
		snprintf(buf, len, "softirq %u%s%s", f->x, *name ? " " : "", name);
		break;
	}
	return buf;
}

uint32_t at_guest_label(struct at *a, const struct at_guest *g, const struct at_gseg *s)
{
	const struct at_gtask *t = &g->tasks.v[s->task];
	char buf[40];

	if (s->lost)
		return 0;
	if (s->frame)
		return at_str(a,
			      at_guest_frame_name(a, &g->frames.v[s->frame - 1], buf, sizeof(buf)),
			      sizeof(buf));
	if (t->name)
		return t->name;
	snprintf(buf, sizeof(buf), "tid %u", t->tid);
	return at_str(a, buf, sizeof(buf));
}
