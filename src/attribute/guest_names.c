// SPDX-License-Identifier: BSD-2-Clause
/* What the guest ran, in words. */
#include <stdio.h>
#include <string.h>
#include "attribute/guest.h"

#define NAME_LEN 40
#define KWORKER  "kworker/"

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

/*
 * A record holds the first 8 bytes of a name; one that begins so is that of the same tid. What
 * follows the number of a kernel worker is the work queue that it served when that was read.
 */
static uint32_t whole_name(struct at *a, const char *have, const char *whole)
{
	char buf[NAME_LEN];

	if (!whole || !*whole || strncmp(have, whole, strlen(have)))
		return 0;
	snprintf(buf, sizeof(buf), "%.*s", NAME_LEN - 1, whole);
	if (!strncmp(buf, KWORKER, sizeof(KWORKER) - 1))
		buf[strcspn(buf, "-")] = '\0';
	for (char *p = buf; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return at_str(a, buf, sizeof(buf));
}

void at_guest_rename(struct at *a, struct at_guest *g)
{
	const json_t *meta = fsr_guest_meta(a->r, g->data->dir.id);
	const json_t *names = meta ? json_object_get(meta, "tasks") : NULL;

	for (size_t i = 0; i < g->tasks.n; i++) {
		struct at_gtask *t = &g->tasks.v[i];
		const char *whole = g->agent;
		char tid[16];
		uint32_t name;

		if (!t->tid)
			continue;
		snprintf(tid, sizeof(tid), "%u", t->tid);
		if (t->tid != g->agent_tid)
			whole = json_string_value(json_object_get(names, tid));
		name = whole_name(a, at_str_get(a, t->name), whole);
		t->name = name ? name : t->name;
	}
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
