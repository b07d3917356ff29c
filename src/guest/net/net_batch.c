// SPDX-License-Identifier: BSD-2-Clause
/*
 * Requests go to the kernel in one message, their acks come back in few calls. The kernel goes on
 * behind a request that failed, so what a failed change did must be undone. Hot.
 */
#include "guest/common/fastpath.h"
#include "guest/net/net_change.h"

/* A request without the message that was dumped is never longer. */
#define SHORT_REQUEST 256u

struct fsg_work fsg_work __attribute__((aligned(4096)));

static struct fsg_step *step_at(uint32_t i)
{
	return i < FSG_FEW_STEPS ? &fsg_work.few_steps[i] : &fsg_work.more_steps[i - FSG_FEW_STEPS];
}

struct fsg_step *fsg_last_step(void)
{
	return step_at(fsg_work.n_steps - 1);
}

static void empty(void)
{
	fsg_work.batch = (struct fsg_batch){.buf = fsg_work.bytes, .room = sizeof(fsg_work.bytes)};
	fsg_work.n_steps = 0;
}

void fsg_batch_begin(void)
{
	empty();
	fsg_work.error = 0;
}

static void note_error(int error, const char *step)
{
	if (fsg_work.error)
		return;
	fsg_work.error = error;
	fsg_work.step = step;
}

static void note_answer(const struct fsg_step *s, int error)
{
	bool gone =
		error == -ESRCH || error == -EADDRNOTAVAIL || error == -ENOENT || error == -ENODEV;

	if (!error) {
		if (s->done)
			*s->done = true;
		return;
	}
	if ((s->tolerance == FSG_IF_THERE && gone) ||
	    (s->tolerance >= FSG_IF_NOT && error == -EEXIST))
		return;
	if (s->tolerance != FSG_PUT_BACK) {
		note_error(error, s->name);
		return;
	}
	if (!fsg_work.lost++) {
		fsg_work.lost_error = error;
		fsg_work.lost_what = s->name;
	}
}

/* Looks at one ack; returns 1 if it was one of this batch. */
static int take_ack(uint8_t *bytes, uint32_t len)
{
	struct nlmsghdr *h = fsg_message(bytes, len, 0);
	uint32_t i;

	if (!h || h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
		return 0;
	i = h->nlmsg_seq - fsg_work.first_seq;
	if (i >= fsg_work.n_steps)
		return 0;
	note_answer(step_at(i), ((struct nlmsgerr *)NLMSG_DATA(h))->error);
	return 1;
}

static void prepare_acks(void)
{
	for (int i = 0; i < FSG_ACKS; i++) {
		fsg_work.iov[i] = (struct iovec){fsg_work.acks[i], FSG_ACK_BYTES};
		fsg_work.msgs[i] =
			(struct mmsghdr){.msg_hdr = {.msg_iov = &fsg_work.iov[i], .msg_iovlen = 1}};
	}
}

/* The kernel has answered when the send returns. */
static void send_steps(struct fsg_net *n)
{
	uint32_t answered = 0;
	long rc;

	if (!fsg_work.n_steps)
		return;
	rc = hot_sendto(n->fd, fsg_work.bytes, fsg_work.batch.len, 0, NULL, 0);
	if (rc != (long)fsg_work.batch.len) {
		note_error(rc < 0 ? (int)rc : -EIO, fsg_last_step()->name);
		return;
	}
	while (answered < fsg_work.n_steps) {
		uint32_t want = fsg_work.n_steps - answered;

		prepare_acks();
		rc = hot_call(SYS_recvmmsg, n->fd, (long)fsg_work.msgs,
			      want < FSG_ACKS ? want : FSG_ACKS, MSG_WAITFORONE, 0, 0);
		if (rc == -EINTR)
			continue;
		if (rc < 0) {
			note_error((int)rc, fsg_last_step()->name);
			return;
		}
		for (long i = 0; i < rc; i++)
			answered += (uint32_t)take_ack(fsg_work.acks[i], fsg_work.msgs[i].msg_len);
	}
}

static bool make_room(struct fsg_net *n, const char *name, enum fsg_tolerance tolerance,
		      uint32_t bytes)
{
	if (fsg_work.n_steps == FSG_MAX_STEPS || fsg_work.batch.room - fsg_work.batch.len < bytes) {
		send_steps(n);
		empty();
	}
	if (bytes > fsg_work.batch.room) {
		note_error(-EMSGSIZE, name);
		return false;
	}
	*step_at(fsg_work.n_steps++) = (struct fsg_step){name, tolerance, NULL};
	n->seq++;
	if (fsg_work.n_steps == 1)
		fsg_work.first_seq = n->seq;
	return true;
}

void fsg_step(struct fsg_net *n, const char *name, enum fsg_tolerance tolerance, uint16_t type,
	      uint16_t flags, const void *body, uint32_t size)
{
	(void)make_room(n, name, tolerance, SHORT_REQUEST);
	fsg_begin(&fsg_work.batch, type, (uint16_t)(flags | NLM_F_ACK), n->seq, body, size);
}

struct nlmsghdr *fsg_step_message(struct fsg_net *n, const struct nlmsghdr *h, const char *name,
				  enum fsg_tolerance tolerance, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *m;

	if (!make_room(n, name, tolerance, NLMSG_ALIGN(h->nlmsg_len)))
		return NULL;
	fsg_work.batch.at = fsg_work.batch.len;
	m = fsg_take(&fsg_work.batch, h->nlmsg_len);
	memcpy(m, h, h->nlmsg_len);
	m->nlmsg_type = type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	m->nlmsg_seq = n->seq;
	m->nlmsg_pid = 0;
	return m;
}

int fsg_batch_send(struct fsg_net *n, const char **step)
{
	send_steps(n);
	empty();
	if (fsg_work.error)
		*step = fsg_work.step;
	return fsg_work.error;
}
