// SPDX-License-Identifier: BSD-2-Clause
/* Names in the guest: of its tasks, its interrupts, and what it ran. */
#include "attribute/guest/guest_names.h"
#include <stdio.h>
#include <string.h>
#include "attribute/state/at.h"

uint32_t at_guest_name(struct at *a, uint64_t bytes)
{
	char s[9] = "";

	memcpy(s, &bytes, 8);
	for (char *p = s; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return at_str(a, s, 8);
}

/*
 * Who waits for the signal has its whole name in the directory, and the arming wrote down those of
 * all tasks; a tid may be another task's by now, so the 8 bytes decide. A kernel worker's name as
 * it was then ends with what it worked on then.
 */
void at_guest_name_task(struct at *a, const struct at_guest *g, const json_t *armed,
			struct at_gtask *t, uint64_t bytes)
{
	const char *known, *whole;
	char key[16];

	t->name = at_guest_name(a, bytes);
	known = at_str_get(a, t->name);
	t->cut = false;
	if (strlen(known) < AT_G_NAME)
		return;
	for (size_t i = 0; i < FSG_WATCHERS; i++)
		if (g->data->dir.watchers[i].tid == t->tid &&
		    !strncmp(g->data->dir.watchers[i].comm, known, AT_G_NAME)) {
			t->name = at_str(a, g->data->dir.watchers[i].comm, 15);
			return;
		}
	snprintf(key, sizeof(key), "%u", t->tid);
	whole = json_string_value(json_object_get(armed, key));
	t->cut = !whole || strncmp(whole, known, AT_G_NAME) != 0;
	if (!t->cut)
		t->name =
			at_str(a, whole, strncmp(whole, "kworker/", 8) ? 15 : strcspn(whole, "+-"));
}

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

/* What is cut may have been as long as what is kept. */
static const char *mark(bool cut)
{
	return cut ? "..." : "";
}

const char *at_guest_task_name(const struct at *a, const struct at_gtask *t, char *buf, size_t len)
{
	snprintf(buf, len, "%s%s", at_str_get(a, t->name), mark(t->cut));
	return buf;
}

const char *at_guest_frame_name(const struct at *a, const struct at_gframe *f, char *buf,
				size_t len)
{
	const char *name = at_str_get(a, f->name);

	switch ((enum at_gframe_kind)f->kind) {
	case AT_GF_IRQ:
		snprintf(buf, len, "irq %u%s%s%s", f->x, *name ? " " : "", name,
			 mark(strlen(name) == AT_G_NAME));
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

uint32_t at_guest_task_label(struct at *a, const struct at_gtask *t)
{
	char buf[24];

	if (t->name && !t->cut)
		return t->name;
	if (t->name)
		at_guest_task_name(a, t, buf, sizeof(buf));
	else
		snprintf(buf, sizeof(buf), "tid %u", t->tid);
	return at_str(a, buf, sizeof(buf));
}

uint32_t at_guest_label(struct at *a, const struct at_guest *g, const struct at_gseg *s)
{
	char buf[40];

	if (s->lost)
		return 0;
	if (s->frame)
		return at_str(a,
			      at_guest_frame_name(a, &g->frames.v[s->frame - 1], buf, sizeof(buf)),
			      sizeof(buf));
	return at_guest_task_label(a, &g->tasks.v[s->task]);
}
