// SPDX-License-Identifier: BSD-2-Clause
/* Serves one fork, from the resume signal to the last ack. Hot. */
#include "guest/resume/serve.h"
#include "guest/common/fastpath.h"
#include "mailbox/mbox_layout.h"

#define SLEEP_NS                                   100000

/* The layout of the agent's kind of mailbox; constants, not a table, so that no page is read. */
#define X(id, name, magic, named, token_max, head) enum { id##_HEAD = (head) };
FS_MBOX_KIND_TABLE(X)
#undef X

#define SEQ_AT     RESUME_NETWORK_HEAD
#define LEN_AT     (SEQ_AT + 4)
#define PAYLOAD_AT (SEQ_AT + 8)

const uint32_t *guest_serve_sequence(const struct guest_server *s)
{
	return (const uint32_t *)(const void *)(s->mailbox + SEQ_AT);
}

static uint32_t load_sequence(const struct guest_server *s)
{
	return __atomic_load_n(guest_serve_sequence(s), __ATOMIC_ACQUIRE);
}

static bool await_payload(const struct guest_server *s, uint64_t signal_ns, bool only_look)
{
	while (!load_sequence(s)) {
		if (only_look || hot_now_ns() - signal_ns > s->timeout_ns)
			return false;
		hot_sleep(SLEEP_NS);
	}
	return true;
}

/* As the host will see it in the packet: the stage's name. */
static uint64_t first8(const char *name)
{
	uint64_t a = 0;

	for (int i = 0; i < 8 && name[i]; i++)
		a |= (uint64_t)(unsigned char)name[i] << 8 * i;
	return a;
}

static void send_ack(struct guest_server *s, const char *stage)
{
	if (s->ack.to.sin_port)
		guest_stage(&s->ring, FSG_STAGE_ACK, first8(stage));
	guest_ack_send(&s->ack, stage);
}

static void send_plain(struct guest_server *s, const char *stage)
{
	guest_ack_begin(&s->ack, stage, &s->payload);
	send_ack(s, stage);
}

static void send_timed(struct guest_server *s, const char *stage, const char *key, uint64_t ns)
{
	if (!s->debug_stages)
		return;
	guest_ack_begin(&s->ack, stage, &s->payload);
	guest_ack_number(&s->ack, key, ns / 1000);
	send_ack(s, stage);
}

/* What the host would not expect after a change: something went with it, or stayed. */
static void add_lost(struct guest_server *s)
{
	const struct guest_outcome *o = &s->outcome;

	if (o->lost) {
		guest_ack_number(&s->ack, "lost", o->lost);
		guest_ack_word(&s->ack, "lost_what", o->lost_what);
		guest_ack_number(&s->ack, "lost_errno", (uint64_t)-o->lost_error);
	}
	if (o->flush_error)
		guest_ack_number(&s->ack, "flush_errno", (uint64_t)-o->flush_error);
}

/* The network is as it was; the host gets the reason, if it is known where it listens. */
static void send_refusal(struct guest_server *s, const struct guest_served *o)
{
	guest_ack_begin(&s->ack, "error", &s->payload);
	if (o->result == GUEST_BAD_PAYLOAD) {
		guest_ack_word(&s->ack, "reason", "payload");
		guest_ack_word(&s->ack, "what", fs_payload_error_word(o->payload_error));
	} else {
		guest_ack_word(&s->ack, "reason", "netlink");
		guest_ack_word(&s->ack, "what", s->outcome.step);
		guest_ack_number(&s->ack, "errno", (uint64_t)-s->outcome.error);
		guest_ack_word(&s->ack, "undone", s->outcome.undone ? "yes" : "no");
		add_lost(s);
	}
	send_ack(s, "error");
}

static bool decode(struct guest_server *s, struct guest_served *o)
{
	o->payload_len = fs_le32(s->mailbox + LEN_AT);
	if (o->payload_len < 1 || o->payload_len > FS_MBOX_SIZE - PAYLOAD_AT) {
		memset(&s->payload, 0, sizeof(s->payload));
		o->payload_error = FS_PAYLOAD_ERR_SYNTAX;
	} else {
		o->payload_error = fs_payload_decode((const char *)s->mailbox + PAYLOAD_AT,
						     o->payload_len, &s->payload);
	}
	guest_ack_set_peer(&s->ack, &s->payload);
	o->mailbox_ns = hot_now_ns();
	guest_stage_at(&s->ring, o->mailbox_ns, FSG_STAGE_MAILBOX_SEEN, o->payload_error);
	if (o->payload_error == FS_PAYLOAD_ERR_OK)
		return true;
	o->result = GUEST_BAD_PAYLOAD;
	send_refusal(s, o);
	return false;
}

static void apply(struct guest_server *s, struct guest_served *o)
{
	guest_stage(&s->ring, FSG_STAGE_NETLINK_START, 0);
	guest_net_apply(&s->net, &s->payload, &s->outcome);
	o->apply_ns = hot_now_ns();
	guest_stage_at(&s->ring, o->apply_ns, FSG_STAGE_NETLINK_DONE, (uint64_t)-s->outcome.error);
	if (!s->outcome.error) {
		send_timed(s, "netlink_done", "guest_signal_to_netlink_done_us",
			   o->apply_ns - o->signal_ns);
		return;
	}
	o->result = GUEST_NOT_APPLIED;
	send_timed(s, "netlink_error", "guest_signal_to_netlink_error_us",
		   o->apply_ns - o->signal_ns);
	send_refusal(s, o);
}

static void send_applied(struct guest_server *s, struct guest_served *o,
			 const struct rusage *before)
{
	guest_ack_begin(&s->ack, "applied", &s->payload);
	add_lost(s);
	if (s->debug_stages) {
		struct rusage now = {0};

		hot_usage(&now);
		o->minor_faults = now.ru_minflt - before->ru_minflt;
		o->major_faults = now.ru_majflt - before->ru_majflt;
		guest_ack_number(&s->ack, "guest_signal_to_applied_us",
				 (hot_now_ns() - o->signal_ns) / 1000);
		guest_ack_number(&s->ack, "minor_faults", (uint64_t)o->minor_faults);
		guest_ack_number(&s->ack, "major_faults", (uint64_t)o->major_faults);
	}
	send_ack(s, "applied");
}

/* Empty again: sequence first, so that nobody sees an old payload as a new one. */
static void empty_mailbox(struct guest_server *s)
{
	__atomic_store_n((uint32_t *)(void *)(s->mailbox + SEQ_AT), 0, __ATOMIC_RELEASE);
	memset(s->mailbox + LEN_AT, 0, FS_MBOX_SIZE - LEN_AT);
}

void guest_serve(struct guest_server *s, bool only_look, struct guest_served *o)
{
	struct rusage before = {0};

	*o = (struct guest_served){.result = GUEST_APPLIED, .signal_ns = hot_now_ns()};
	guest_stage_at(&s->ring, o->signal_ns, FSG_STAGE_SIGNAL_SEEN, s->signal);
	if (s->debug_stages)
		hot_usage(&before);
	if (!await_payload(s, o->signal_ns, only_look)) {
		o->result = GUEST_NO_PAYLOAD;
		return;
	}
	if (decode(s, o)) {
		/* the first two cannot be sent earlier: where to is in the payload */
		send_timed(s, "signal_seen", "guest_signal_to_mailbox_us",
			   o->mailbox_ns - o->signal_ns);
		send_timed(s, "mailbox_seen", "guest_signal_to_mailbox_us",
			   o->mailbox_ns - o->signal_ns);
		if (s->ack_stages)
			send_plain(s, "mailbox");
		send_timed(s, "netlink_start", "guest_signal_to_netlink_start_us",
			   hot_now_ns() - o->signal_ns);
		apply(s, o);
		if (o->result == GUEST_APPLIED)
			send_applied(s, o, &before);
	}
	o->done_ns = hot_now_ns();
	empty_mailbox(s);
	guest_stage(&s->ring, FSG_STAGE_DONE, 0);
}
