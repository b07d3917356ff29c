// SPDX-License-Identifier: BSD-2-Clause
/* Which guest is read when: stages, ends, VMMs that end, slots that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "collect/guest/guestwatch.h"
#include "record/format.h"

#define MS 1000000ull

static struct fs_slot slots[FS_MAX_SLOTS];

static struct fs_guestwatch *make(enum fs_guest_end_kind kind, uint64_t number, const char *text)
{
	struct fs_guest_end end = {kind, number, text};
	struct fs_guestwatch *w = fs_guestwatch_new(&end);

	assert_non_null(w);
	return w;
}

static struct fs_ev head(uint16_t kind, uint32_t vm, uint64_t ts)
{
	return (struct fs_ev){.kind = kind, .vm = vm, .tgid = vm * 100, .ts = ts};
}

static void add_slot(struct fs_guestwatch *w, uint32_t vm, uint32_t slot, uint64_t size,
		     uint64_t ts)
{
	struct fs_ev_memslot e = {.h = head(FS_EV_MEMSLOT, vm, ts),
				  .gpa = slot * 0x10000ull,
				  .size = size,
				  .hva = 0x7f0000000000ull,
				  .slot = slot};

	fs_guestwatch_see(w, &e.h, ts);
}

static void say_stage(struct fs_guestwatch *w, uint32_t vm, const char *payload, uint64_t now)
{
	struct fs_ev_net_tx e = {.h = head(FS_EV_NET_TX, vm, now), .what = FS_NET_STAGE};

	e.payload_len = (uint16_t)strlen(payload);
	memcpy(e.payload, payload, e.payload_len);
	fs_guestwatch_see(w, &e.h, now);
}

/* The VM that is due at @at, and not 1 ns before. */
static struct fs_guest_req due_at(struct fs_guestwatch *w, uint64_t at, uint32_t vm)
{
	struct fs_guest_req req;

	assert_int_equal(fs_guestwatch_due(w), at);
	assert_false(fs_guestwatch_next(w, at - 1, &req, slots));
	assert_true(fs_guestwatch_next(w, at, &req, slots));
	assert_int_equal(req.vm, vm);
	assert_int_equal(req.tgid, vm * 100);
	return req;
}

static void done(struct fs_guestwatch *w, uint32_t vm, uint32_t state)
{
	struct fs_guest_result res = {.vm = vm, .state = state, .records = 5, .lost = 1};

	fs_guestwatch_done(w, &res);
}

static void stages(void **state)
{
	struct fs_guestwatch *w = make(FS_GUEST_END_ACK, 0, "mailbox");
	struct fs_guest_req req;

	(void)state;
	add_slot(w, 1, 0, 0x1000, 1);
	add_slot(w, 2, 0, 0x1000, 1);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	say_stage(w, 1, "stage=signal_seen us=3", 1000 * MS);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	/* a lone mailbox is waited upon; `applied` brings the reading forward */
	say_stage(w, 1, "stage=mailbox mac=1", 1001 * MS);
	assert_int_equal(fs_guestwatch_due(w), 2001 * MS);
	say_stage(w, 1, "stage=applied mac=1\n", 1010 * MS);
	req = due_at(w, 1040 * MS, 1);
	assert_int_equal(req.nslots, 1);
	assert_false(req.last || req.behind);
	/* what comes later is behind the end */
	say_stage(w, 1, "stage=mailbox", 1050 * MS);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	say_stage(w, 1, "stage=error", 1060 * MS);
	req = due_at(w, 1090 * MS, 1);
	assert_true(req.behind);
	/* the other one, by its mailbox alone; words that only begin so are others */
	say_stage(w, 2, "stage=mailboxes", 1100 * MS);
	say_stage(w, 2, "stag", 1100 * MS);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	say_stage(w, 2, "stage=mailbox", 1100 * MS);
	req = due_at(w, 2100 * MS, 2);
	assert_false(req.behind);
	say_stage(w, 2, "stage=applied", 3000 * MS);
	assert_false(due_at(w, 3030 * MS, 2).behind); /* the first reading was not behind the end */
	fs_guestwatch_free(w);
}

/* A mark comes at once, the records of a VM that it was for out of the rings a little later. */
static void mark_before_its_vm(void **state)
{
	struct fs_ev_mark mark = {.h = {.kind = FS_EV_MARK, .ts = 50 * MS}, .name = "ready"};
	struct fs_guestwatch *w = make(FS_GUEST_END_MARK, 0, "ready");

	(void)state;
	fs_guestwatch_see(w, &mark.h, 50 * MS);
	add_slot(w, 1, 0, 0x1000, 60 * MS); /* younger than the mark */
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	add_slot(w, 2, 0, 0x1000, 40 * MS);
	due_at(w, 40 * MS + FS_READ_SOON_NS, 2);
	mark.h.tgid = 400; /* for one alone */
	fs_guestwatch_see(w, &mark.h, 55 * MS);
	add_slot(w, 3, 0, 0x1000, 41 * MS);
	add_slot(w, 4, 0, 0x1000, 42 * MS);
	due_at(w, 42 * MS + FS_READ_SOON_NS, 4);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	fs_guestwatch_free(w);
}

static void other_ends(void **state)
{
	struct fs_ev_net_tx tx = {.h = head(FS_EV_NET_TX, 1, 0), .what = FS_NET_FIRST};
	struct fs_ev_pio pio = {.h = head(FS_EV_PIO, 1, 0), .port = 0xf4};
	struct fs_ev_mark mark = {.h = {.kind = FS_EV_MARK}, .name = "ready"};
	struct fs_ev_first_run run = {.h = head(FS_EV_FIRST_RUN, 1, 0)};
	struct fs_guestwatch *w = make(FS_GUEST_END_FIRST_TX, 0, "");

	(void)state;
	fs_guestwatch_see(w, &tx.h, 10 * MS);
	fs_guestwatch_see(w, &tx.h, 20 * MS); /* the first one counts */
	due_at(w, 40 * MS, 1);
	fs_guestwatch_see(w, &tx.h, 50 * MS);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	fs_guestwatch_free(w);

	w = make(FS_GUEST_END_TCP, 80, "80");
	fs_guestwatch_see(w, &tx.h, 10 * MS);
	tx.what = FS_NET_SYNACK;
	tx.sport = 81;
	fs_guestwatch_see(w, &tx.h, 11 * MS);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	tx.sport = 80;
	fs_guestwatch_see(w, &tx.h, 12 * MS);
	due_at(w, 42 * MS, 1);
	fs_guestwatch_free(w);

	w = make(FS_GUEST_END_PIO, 0xf4, "0xf4");
	for (uint64_t i = 0; i < 1000; i++) /* many of them do not put it off */
		fs_guestwatch_see(w, &pio.h, (10 + i) * MS);
	due_at(w, 40 * MS, 1);
	fs_guestwatch_free(w);

	w = make(FS_GUEST_END_MARK, 0, "ready");
	add_slot(w, 1, 0, 0x1000, 1);
	add_slot(w, 2, 0, 0x1000, 1);
	mark.h.tgid = 200;
	fs_guestwatch_see(w, &mark.h, 5 * MS);
	due_at(w, 35 * MS, 2);
	mark.h.tgid = 0; /* for all */
	fs_guestwatch_see(w, &mark.h, 50 * MS);
	due_at(w, 80 * MS, 1);
	due_at(w, 80 * MS, 2);
	strcpy(mark.name, "readier");
	fs_guestwatch_see(w, &mark.h, 100 * MS);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	fs_guestwatch_free(w);

	w = make(FS_GUEST_END_AFTER, 200 * MS, "200ms");
	fs_guestwatch_see(w, &run.h, 1000 * MS);
	fs_guestwatch_see(w, &run.h, 1100 * MS); /* the second vCPU */
	due_at(w, 1230 * MS, 1);
	fs_guestwatch_free(w);
}

static void those_that_end(void **state)
{
	struct fs_ev_exit_task e = {.h = head(FS_EV_EXIT_TASK, 0, 0)};
	struct fs_guestwatch *w = make(FS_GUEST_END_ACK, 0, "mailbox");
	struct fs_guest_counts c;
	struct fs_guest_req req;
	uint32_t vm, tgid;
	bool lives;

	(void)state;
	for (uint32_t i = 1; i <= 4; i++)
		add_slot(w, i, 0, 0x1000, i);
	for (uint32_t i = 1; i <= 2; i++) /* 1 is read before its end, 2 is not */
		say_stage(w, i, "stage=applied", 100 * MS);
	due_at(w, 130 * MS, 1);
	done(w, 1, FSR_GS_READ);
	e.h.tgid = 100;
	e.group_dead = 1;
	fs_guestwatch_see(w, &e.h, 0);
	e.h.tgid = 200;
	e.group_dead = 0; /* one of its threads */
	fs_guestwatch_see(w, &e.h, 0);
	assert_int_equal(fs_guestwatch_due(w), 130 * MS);
	e.group_dead = 1;
	fs_guestwatch_see(w, &e.h, 0);
	assert_true(fs_guestwatch_due(w) == UINT64_MAX);
	assert_true(fs_guestwatch_unread(w, false, &vm, &tgid, &lives));
	assert_int_equal(vm, 2);
	assert_int_equal(tgid, 200);
	assert_false(lives);
	assert_false(fs_guestwatch_unread(w, false, &vm, &tgid, &lives)); /* reported once */
	/* the others live: they are read at the stop, and one is not in time */
	fs_guestwatch_stop(w);
	assert_true(fs_guestwatch_next(w, 1, &req, slots));
	assert_int_equal(req.vm, 3);
	assert_true(req.last);
	done(w, 3, FSR_GS_BAD);
	assert_true(fs_guestwatch_unread(w, true, &vm, &tgid, &lives));
	assert_int_equal(vm, 4);
	assert_true(lives);
	assert_false(fs_guestwatch_unread(w, true, &vm, &tgid, &lives));
	fs_guestwatch_counts(w, &c);
	assert_int_equal(c.vms, 4);
	assert_int_equal(c.read, 1);
	assert_int_equal(c.gone, 1);
	assert_int_equal(c.bad, 1);
	assert_int_equal(c.denied, 1);
	assert_int_equal(c.records, 10);
	assert_int_equal(c.lost, 2);
	fs_guestwatch_free(w);
}

static void slots_come_and_go(void **state)
{
	struct fs_guestwatch *w = make(FS_GUEST_END_ACK, 0, "mailbox");
	struct fs_guest_req req;

	(void)state;
	add_slot(w, 1, 0, 0x1000, 10);
	add_slot(w, 1, 1, 0x2000, 11);
	add_slot(w, 1, 2, 0x3000, 12);
	add_slot(w, 1, 2, 0, 13);            /* taken away */
	add_slot(w, 1, 1, 0x5000, 20);       /* larger */
	add_slot(w, 1, 1, 0x9000, 19);       /* an older record, drained later */
	add_slot(w, 1, 0x10000, 0x1000, 30); /* the other address space */
	fs_guestwatch_stop(w);
	assert_true(fs_guestwatch_next(w, 1, &req, slots));
	assert_int_equal(req.nslots, 2);
	assert_int_equal(slots[0].size, 0x1000);
	assert_int_equal(slots[1].size, 0x5000);
	fs_guestwatch_free(w);
}

/* A guest that floods the host with acks is read so many times, and no more. */
static void many_stages(void **state)
{
	struct fs_guestwatch *w = make(FS_GUEST_END_ACK, 0, "applied");
	struct fs_guest_req req;
	unsigned int readings = 0;

	(void)state;
	for (uint64_t i = 1; i < 100; i++) {
		say_stage(w, 1, "stage=applied", i * 1000 * MS);
		readings += fs_guestwatch_next(w, i * 1000 * MS + FS_READ_SOON_NS, &req, slots);
	}
	assert_int_equal(readings, FS_READ_MOST);
	fs_guestwatch_stop(w);
	assert_true(fs_guestwatch_next(w, 1, &req, slots));
	fs_guestwatch_free(w);
}

/* Whoever ends a VMM asks first: not before, during or until the next reading. */
static void settled(void **state)
{
	struct fs_guestwatch *w = make(FS_GUEST_END_ACK, 0, "mailbox");
	struct fs_ev_exit_task gone = {.h = {.kind = FS_EV_EXIT_TASK, .tgid = 200},
				       .group_dead = 1};

	(void)state;
	assert_false(fs_guestwatch_idle(w, 100)); /* nothing was seen of it yet */
	add_slot(w, 1, 0, 0x1000, 1);
	add_slot(w, 2, 0, 0x1000, 1);
	assert_false(fs_guestwatch_idle(w, 100));
	say_stage(w, 1, "stage=applied", 10 * MS);
	assert_false(fs_guestwatch_idle(w, 100));
	due_at(w, 40 * MS, 1);
	assert_false(fs_guestwatch_idle(w, 100));
	done(w, 1, FSR_GS_READ);
	assert_true(fs_guestwatch_idle(w, 100));
	say_stage(w, 1, "stage=error", 50 * MS);
	assert_false(fs_guestwatch_idle(w, 100));
	due_at(w, 80 * MS, 1);
	assert_false(fs_guestwatch_idle(w, 100));
	done(w, 1, FSR_GS_GONE);
	assert_true(fs_guestwatch_idle(w, 100));
	assert_false(fs_guestwatch_idle(w, 200));
	fs_guestwatch_see(w, &gone.h, 90 * MS);
	assert_true(fs_guestwatch_idle(w, 200));
	fs_guestwatch_free(w);
}

/* A guest whose memory does not answer ends neither the readings of others nor those to come. */
static void one_that_hangs(void **state)
{
	struct fs_guestwatch *w = make(FS_GUEST_END_ACK, 0, "applied");
	struct fs_guest_counts c;
	uint32_t vm = 0, tgid = 0;

	(void)state;
	say_stage(w, 1, "stage=applied", 10 * MS);
	due_at(w, 40 * MS, 1);
	done(w, 1, FSR_GS_READ);
	say_stage(w, 1, "stage=error", 50 * MS); /* to be read again, from where it was read to */
	say_stage(w, 2, "stage=applied", 49 * MS);
	due_at(w, 79 * MS, 2);
	assert_true(fs_guestwatch_lost(w, &vm, &tgid));
	assert_int_equal(vm, 2);
	assert_int_equal(tgid, 200);
	assert_true(fs_guestwatch_idle(w, 100));
	assert_true(fs_guestwatch_idle(w, 200));
	say_stage(w, 2, "stage=error", 90 * MS);
	assert_int_equal(fs_guestwatch_due(w), UINT64_MAX);
	say_stage(w, 3, "stage=applied", 100 * MS);
	due_at(w, 130 * MS, 3);
	done(w, 3, FSR_GS_READ);
	assert_false(fs_guestwatch_lost(w, &vm, &tgid)); /* none was on its way */
	fs_guestwatch_stop(w);
	assert_int_equal(fs_guestwatch_due(w), UINT64_MAX);
	fs_guestwatch_counts(w, &c);
	assert_int_equal(c.stalled, 2);
	assert_int_equal(c.read, 2);
	assert_int_equal(c.denied, 1);
	fs_guestwatch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages),
		cmocka_unit_test(mark_before_its_vm),
		cmocka_unit_test(other_ends),
		cmocka_unit_test(those_that_end),
		cmocka_unit_test(slots_come_and_go),
		cmocka_unit_test(many_stages),
		cmocka_unit_test(settled),
		cmocka_unit_test(one_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
