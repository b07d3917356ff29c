// SPDX-License-Identifier: BSD-2-Clause
/*
 * Requests go to the kernel in one message, their acks come back in few calls. The kernel goes on
 * behind a request that failed, so what a failed change did must be undone. Hot.
 */
#include "guest/common/fastpath.h"
#include "guest/net/net_change.h"

/* A request without the message that was dumped is never longer. */
#define SHORT_REQUEST 256u

struct guest_work guest_work __attribute__((aligned(4096)));

static struct guest_step *step_at(uint32_t i)
{
	return i < GUEST_FEW_STEPS ? &guest_work.few_steps[i]
				   : &guest_work.more_steps[i - GUEST_FEW_STEPS];
}

struct guest_step *guest_last_step(void)
{
	return step_at(guest_work.n_steps - 1);
}

static void empty(void)
{
	guest_work.batch =
		(struct guest_batch){.buf = guest_work.bytes, .room = sizeof(guest_work.bytes)};
	guest_work.n_steps = 0;
}

void guest_batch_begin(void)
{
	empty();
	guest_work.error = 0;
}

static void note_error(int error, const char *step)
{
	if (guest_work.error)
		return;
	guest_work.error = error;
	guest_work.step = step;
}

static void note_answer(const struct guest_step *s, int error)
{
	bool gone =
		error == -ESRCH || error == -EADDRNOTAVAIL || error == -ENOENT || error == -ENODEV;

	if (!error) {
		if (s->done)
			*s->done = true;
		return;
	}
	if ((s->tolerance == GUEST_IF_THERE && gone) ||
	    (s->tolerance >= GUEST_IF_NOT && error == -EEXIST))
		return;
	if (s->tolerance != GUEST_PUT_BACK) {
		note_error(error, s->name);
		return;
	}
	if (!guest_work.lost++) {
		guest_work.lost_error = error;
		guest_work.lost_what = s->name;
	}
}

/* Looks at one ack; returns 1 if it was one of this batch. */
static int take_ack(uint8_t *bytes, uint32_t len)
{
	struct nlmsghdr *h = guest_message(bytes, len, 0);
	uint32_t i;

	if (!h || h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
		return 0;
	i = h->nlmsg_seq - guest_work.first_seq;
	if (i >= guest_work.n_steps)
		return 0;
	note_answer(step_at(i), ((struct nlmsgerr *)NLMSG_DATA(h))->error);
	return 1;
}

static void prepare_acks(void)
{
	for (int i = 0; i < GUEST_ACKS; i++) {
		guest_work.iov[i] = (struct iovec){guest_work.acks[i], GUEST_ACK_BYTES};
		guest_work.msgs[i] = (struct mmsghdr){
			.msg_hdr = {.msg_iov = &guest_work.iov[i], .msg_iovlen = 1}};
	}
}

/* The kernel has answered when the send returns. */
static void send_steps(struct guest_net *n)
{
	uint32_t answered = 0;
	long ret;

	if (!guest_work.n_steps)
		return;
	ret = hot_sendto(n->fd, guest_work.bytes, guest_work.batch.len, 0, NULL, 0);
	if (ret != (long)guest_work.batch.len) {
		note_error(ret < 0 ? (int)ret : -EIO, guest_last_step()->name);
		return;
	}
	while (answered < guest_work.n_steps) {
		uint32_t want = guest_work.n_steps - answered;

		prepare_acks();
		ret = hot_call(SYS_recvmmsg, n->fd, (long)guest_work.msgs,
			       want < GUEST_ACKS ? want : GUEST_ACKS, MSG_WAITFORONE, 0, 0);
		if (ret == -EINTR)
			continue;
		if (ret < 0) {
			note_error((int)ret, guest_last_step()->name);
			return;
		}
		for (long i = 0; i < ret; i++)
			answered +=
				(uint32_t)take_ack(guest_work.acks[i], guest_work.msgs[i].msg_len);
	}
}

static bool make_room(struct guest_net *n, const char *name, enum guest_tolerance tolerance,
		      uint32_t bytes)
{
	if (guest_work.n_steps == GUEST_MAX_STEPS ||
	    guest_work.batch.room - guest_work.batch.len < bytes) {
		send_steps(n);
		empty();
	}
	if (bytes > guest_work.batch.room) {
		note_error(-EMSGSIZE, name);
		return false;
	}
	*step_at(guest_work.n_steps++) = (struct guest_step){name, tolerance, NULL};
	n->seq++;
	if (guest_work.n_steps == 1)
		guest_work.first_seq = n->seq;
	return true;
}

void guest_step(struct guest_net *n, const char *name, enum guest_tolerance tolerance,
		uint16_t type, uint16_t flags, const void *body, uint32_t size)
{
	(void)make_room(n, name, tolerance, SHORT_REQUEST);
	guest_begin(&guest_work.batch, type, (uint16_t)(flags | NLM_F_ACK), n->seq, body, size);
}

struct nlmsghdr *guest_step_message(struct guest_net *n, const struct nlmsghdr *h, const char *name,
				    enum guest_tolerance tolerance, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *m;

	if (!make_room(n, name, tolerance, NLMSG_ALIGN(h->nlmsg_len)))
		return NULL;
	guest_work.batch.at = guest_work.batch.len;
	m = guest_take(&guest_work.batch, h->nlmsg_len);
	memcpy(m, h, h->nlmsg_len);
	m->nlmsg_type = type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	m->nlmsg_seq = n->seq;
	m->nlmsg_pid = 0;
	return m;
}

int guest_batch_send(struct guest_net *n, const char **step)
{
	send_steps(n);
	empty();
	if (guest_work.error)
		*step = guest_work.step;
	return guest_work.error;
}
