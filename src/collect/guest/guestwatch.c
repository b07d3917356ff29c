// SPDX-License-Identifier: BSD-2-Clause
/* Which guest is to be read, and when, by the records that pass by. */
#include "collect/guest/guestwatch.h"
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/vec.h"

#define SECOND_SPACE 0x10000u /* slots of system management mode: the same memory again */
#define UNREAD       UINT32_MAX

struct slot {
	struct fs_slot s;
	uint32_t number;
	uint64_t ts; /* of the record: those of several CPUs come in any order */
};

struct vm {
	uint32_t vm, tgid;
	FS_VEC(struct slot) slots;
	uint64_t due;   /* 0 = not */
	uint32_t state; /* of its last reading, UNREAD */
	unsigned int readings;
	bool dead, reported;
	bool going;   /* a reading was asked for and is not done */
	bool at_end;  /* the reading that is due, or was made, follows an end */
	bool behind;  /* a reading after its end was made */
	bool last;    /* the one that is due is the last */
	bool entered; /* its first entry was seen */
	bool over;    /* it is not read any more */
};

struct fs_guestwatch {
	struct fs_guest_end end;
	FS_VEC(struct vm) vms;
	struct {
		uint64_t ts;   /* of the last one that is an end, 0 = none came yet */
		uint32_t tgid; /* of whom, 0 = of all */
	} mark;
	struct fs_guest_counts counts;
};

struct fs_guestwatch *fs_guestwatch_new(const struct fs_guest_end *end)
{
	struct fs_guestwatch *w = calloc(1, sizeof(*w));

	if (w)
		w->end = *end;
	return w;
}

void fs_guestwatch_free(struct fs_guestwatch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->vms.n; i++)
		fs_vec_free(&w->vms.v[i].slots);
	fs_vec_free(&w->vms);
	free(w);
}

/* To be read @after from @now on: the end came, or what may be one. */
static void plan(struct vm *v, uint64_t now, uint64_t after, bool at_end)
{
	if (v->dead || v->over || v->readings >= FS_READ_MOST)
		return;
	v->due = now + after;
	v->at_end |= at_end;
}

/* The VM of a record, made when it is the first one of it; NULL = none, or no memory. */
static struct vm *vm_of(struct fs_guestwatch *w, const struct fs_ev *ev, uint64_t now)
{
	struct vm fresh = {.vm = ev->vm, .tgid = ev->tgid, .state = UNREAD};

	if (!ev->vm)
		return NULL;
	for (size_t i = w->vms.n; i--;) /* the latest are the busiest */
		if (w->vms.v[i].vm == ev->vm)
			return &w->vms.v[i];
	/* the records of several CPUs come in any order: a mark may have been for this one too */
	if (w->mark.ts > ev->ts && (!w->mark.tgid || w->mark.tgid == ev->tgid))
		plan(&fresh, now, FS_READ_SOON_NS, true);
	return fs_vec_push(&w->vms, fresh) ? NULL : &w->vms.v[w->vms.n - 1];
}

static void set_slot(struct vm *v, const struct fs_ev_memslot *e)
{
	struct slot fresh = {
		.s = {e->gpa, e->size, e->hva, e->slot_flags, 0}, .number = e->slot, .ts = e->h.ts};

	v->tgid = e->h.tgid;
	if (e->slot >= SECOND_SPACE)
		return;
	for (size_t i = 0; i < v->slots.n; i++) {
		struct slot *s = &v->slots.v[i];

		if (s->number != fresh.number)
			continue;
		if (s->ts <= fresh.ts)
			*s = fresh; /* size 0: it was taken away */
		return;
	}
	if (v->slots.n < FS_MAX_SLOTS && fs_vec_push(&v->slots, fresh))
		fs_warn("out of memory: a part of the memory of VM %u is not known, and its guest may be unread",
			v->vm);
}

static bool is_stage(const struct fs_ev_net_tx *e, const char *name)
{
	size_t n = strlen(name), have = e->payload_len;

	if (have > sizeof(e->payload))
		have = sizeof(e->payload);
	return have >= 6 + n && !memcmp(e->payload, "stage=", 6) &&
	       !memcmp(e->payload + 6, name, n) &&
	       (have == 6 + n || e->payload[6 + n] == ' ' || e->payload[6 + n] == '\n');
}

static void see_packet(struct fs_guestwatch *w, struct vm *v, const struct fs_ev_net_tx *e,
		       uint64_t now)
{
	const struct fs_guest_end *end = &w->end;

	if (e->what & FS_NET_STAGE) {
		if (is_stage(e, "applied") || is_stage(e, "error") ||
		    (end->kind == FS_GUEST_END_ACK && strcmp(end->text, "mailbox") &&
		     is_stage(e, end->text)))
			plan(v, now, FS_READ_SOON_NS, true);
		else if (is_stage(e, "mailbox") && !v->behind)
			plan(v, now, FS_READ_LATE_NS, false);
		return;
	}
	if (v->behind || v->at_end)
		return;
	if ((end->kind == FS_GUEST_END_FIRST_TX && (e->what & FS_NET_FIRST)) ||
	    (end->kind == FS_GUEST_END_TCP && (e->what & FS_NET_SYNACK) && e->sport == end->number))
		plan(v, now, FS_READ_SOON_NS, true);
}

/* A mark is for one VMM, or for all of them. */
static void see_mark(struct fs_guestwatch *w, const struct fs_ev_mark *m, uint64_t now)
{
	if (w->end.kind != FS_GUEST_END_MARK || strncmp(m->name, w->end.text, sizeof(m->name)) != 0)
		return;
	w->mark.ts = m->h.ts;
	w->mark.tgid = m->h.tgid;
	for (size_t i = 0; i < w->vms.n; i++)
		if (!m->h.tgid || m->h.tgid == w->vms.v[i].tgid)
			plan(&w->vms.v[i], now, FS_READ_SOON_NS, true);
}

static void see_exit(struct fs_guestwatch *w, const struct fs_ev_exit_task *e)
{
	for (size_t i = 0; e->group_dead && i < w->vms.n; i++) {
		if (w->vms.v[i].tgid != e->h.tgid)
			continue;
		w->vms.v[i].dead = true;
		w->vms.v[i].due = 0;
	}
}

void fs_guestwatch_see(struct fs_guestwatch *w, const struct fs_ev *ev, uint64_t now)
{
	struct vm *v;

	if (ev->kind == FS_EV_EXIT_TASK) {
		see_exit(w, (const void *)ev);
		return;
	}
	if (ev->kind == FS_EV_MARK) {
		see_mark(w, (const void *)ev, now);
		return;
	}
	v = vm_of(w, ev, now);
	if (!v)
		return;
	switch (ev->kind) {
	case FS_EV_MEMSLOT:
		set_slot(v, (const void *)ev);
		break;
	case FS_EV_FIRST_RUN:
		if (!v->entered && w->end.kind == FS_GUEST_END_AFTER)
			plan(v, now, w->end.number + FS_READ_SOON_NS, true);
		v->entered = true;
		break;
	case FS_EV_NET_TX:
		see_packet(w, v, (const void *)ev, now);
		break;
	case FS_EV_PIO:
		if (w->end.kind == FS_GUEST_END_PIO && !v->at_end && !v->behind &&
		    ((const struct fs_ev_pio *)(const void *)ev)->port == w->end.number)
			plan(v, now, FS_READ_SOON_NS, true);
		break;
	}
}

void fs_guestwatch_stop(struct fs_guestwatch *w)
{
	for (size_t i = 0; i < w->vms.n; i++) {
		struct vm *v = &w->vms.v[i];

		v->last = true;
		v->due = v->dead || v->over ? 0 : 1;
	}
}

uint64_t fs_guestwatch_due(const struct fs_guestwatch *w)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < w->vms.n; i++)
		if (w->vms.v[i].due && w->vms.v[i].due < due)
			due = w->vms.v[i].due;
	return due;
}

bool fs_guestwatch_next(struct fs_guestwatch *w, uint64_t now, struct fs_guest_req *req,
			struct fs_slot *slots)
{
	struct vm *v = NULL;

	for (size_t i = 0; i < w->vms.n; i++)
		if (w->vms.v[i].due && (!v || w->vms.v[i].due < v->due))
			v = &w->vms.v[i];
	if (!v || v->due > now)
		return false;
	v->due = 0;
	v->readings++;
	v->going = true;
	*req = (struct fs_guest_req){
		.vm = v->vm, .tgid = v->tgid, .last = v->last, .behind = v->behind};
	v->behind |= v->at_end;
	v->at_end = false;
	for (size_t i = 0; i < v->slots.n; i++)
		if (v->slots.v[i].s.size)
			slots[req->nslots++] = v->slots.v[i].s;
	return true;
}

void fs_guestwatch_done(struct fs_guestwatch *w, const struct fs_guest_result *res)
{
	for (size_t i = 0; i < w->vms.n; i++) {
		struct vm *v = &w->vms.v[i];

		if (v->vm == res->vm)
			v->going = false;
		/* what was read once remains so */
		if (v->vm == res->vm && v->state != FSR_GS_READ) {
			v->state = res->state;
			v->reported = true;
		}
	}
	w->counts.records += res->records;
	w->counts.lost += res->lost;
	w->counts.partial += res->partial;
	w->counts.readings++;
	w->counts.blobs_failed += res->blobs_failed;
	w->counts.read_ns += res->ns;
}

bool fs_guestwatch_lost(struct fs_guestwatch *w, uint32_t *vm, uint32_t *tgid)
{
	bool first = false;

	w->counts.stalled++;
	for (size_t i = 0; i < w->vms.n; i++) {
		struct vm *v = &w->vms.v[i];

		if (!v->going && v->state != FSR_GS_READ)
			continue;
		if (v->going && !v->reported) {
			first = v->reported = true;
			v->state = FSR_GS_DENIED;
			*vm = v->vm;
			*tgid = v->tgid;
		}
		v->going = false;
		v->over = true;
		v->due = 0;
	}
	return first;
}

bool fs_guestwatch_unread(struct fs_guestwatch *w, bool all, uint32_t *vm, uint32_t *tgid,
			  bool *lives)
{
	for (size_t i = 0; i < w->vms.n; i++) {
		struct vm *v = &w->vms.v[i];

		if (v->reported || (!v->dead && !all))
			continue;
		v->reported = true;
		v->state = v->dead ? FSR_GS_GONE : FSR_GS_DENIED;
		*vm = v->vm;
		*tgid = v->tgid;
		*lives = !v->dead;
		return true;
	}
	return false;
}

bool fs_guestwatch_idle(const struct fs_guestwatch *w, uint32_t tgid)
{
	bool known = false;

	for (size_t i = 0; i < w->vms.n; i++) {
		const struct vm *v = &w->vms.v[i];

		if (v->tgid != tgid)
			continue;
		known = true;
		if (!v->dead && (v->due || v->going || v->state == UNREAD))
			return false;
	}
	return known;
}

void fs_guestwatch_counts(const struct fs_guestwatch *w, struct fs_guest_counts *c)
{
	*c = w->counts;
	c->vms = (unsigned int)w->vms.n;
	for (size_t i = 0; i < w->vms.n; i++) {
		uint32_t state = w->vms.v[i].state;

		c->read += state == FSR_GS_READ;
		c->absent += state == FSR_GS_ABSENT;
		c->gone += state == FSR_GS_GONE;
		c->denied += state == FSR_GS_DENIED;
		c->bad += state == FSR_GS_BAD;
		c->no_snapshot += state == FSR_GS_NO_SNAPSHOT;
	}
}
