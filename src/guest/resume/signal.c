// SPDX-License-Identifier: BSD-2-Clause
/* The waiting: hot. Opening is in signal_open.c. */
#include "guest/resume/signal.h"
#include "guest/common/fastpath.h"
#include "guest/resume/vmclock.h"
#include "mailbox/mbox_layout.h"

/* A spin loop looks at the other descriptor after so many rounds (some 10 ms). */
#define SPIN_ROUNDS 300000u
#define TIMED_NS    1000000

static const char fork_text[] = "crng reseeded due to virtual machine fork";

bool guest_is_fork_line(const char *line, size_t len)
{
	const size_t want = sizeof(fork_text) - 1;
	uint32_t priority = 0;
	size_t i = 0;

	while (i < len && line[i] >= '0' && line[i] <= '9' && i < 6)
		priority = priority * 10 + (uint32_t)(line[i++] - '0');
	/* facility 0 is the kernel; /dev/kmsg gives whatever a process writes another one */
	if (i == 0 || i == len || line[i] != ',' || priority >= 8)
		return false;
	while (i < len && line[i] != ';')
		i++;
	for (; i + want <= len; i++) {
		size_t n = 0;

		while (n < want && line[i + n] == fork_text[n])
			n++;
		if (n == want)
			return true;
	}
	return false;
}

/* Whole lines of s->log; true when one of them is the signal. What follows it is kept. */
static bool take_lines(struct guest_signal_source *s)
{
	size_t from = 0, at, kept;
	bool found = false;

	for (at = 0; at < s->log_len && !found; at++) {
		if (s->log[at] != '\n')
			continue;
		found = guest_is_fork_line(s->log + from, at - from);
		from = at + 1;
	}
	for (kept = 0; from + kept < s->log_len; kept++)
		s->log[kept] = s->log[from + kept];
	if (kept == sizeof(s->log))
		kept = 0; /* a line longer than any record: not of the kernel */
	s->log_len = kept;
	return found;
}

static int wait_ready(struct guest_signal_source *s, int other, const struct timespec *timeout,
		      bool watch)
{
	struct pollfd p[2] = {{.fd = watch ? s->fd : -1, .events = POLLIN},
			      {.fd = other, .events = POLLIN}};
	long n;

	n = hot_ppoll(p, 2, timeout);
	if (n == -EINTR) /* perhaps it is to end: the caller knows */
		return GUEST_EVENT_OTHER;
	if (n < 0)
		return (int)n;
	if (p[0].revents)
		return 0;
	return p[1].revents ? GUEST_EVENT_OTHER : 0;
}

static int wait_vmgenid(struct guest_signal_source *s, int other)
{
	long n;
	int ret;

	for (;;) {
		if (take_lines(s))
			return GUEST_EVENT_FORK;
		ret = wait_ready(s, other, NULL, true);
		if (ret)
			return ret;
		n = hot_read(s->fd, s->log + s->log_len, sizeof(s->log) - s->log_len);
		if (n == -EPIPE) /* records were overwritten before we came to read them */
			return GUEST_EVENT_PERHAPS;
		if (n == -EINVAL && s->log_len) { /* the record needs the whole buffer */
			s->log_len = 0;
			continue;
		}
		if (n == 0)
			return -ENODATA; /* a log does not end: all writers of a pipe have gone */
		if (n < 0 && n != -EAGAIN && n != -EINTR)
			return (int)n;
		if (n > 0)
			s->log_len += (size_t)n;
	}
}

static int wait_vmclock(struct guest_signal_source *s, int other)
{
	const struct timespec pause = {.tv_nsec = TIMED_NS};
	uint64_t generation = 0;
	int ret;

	for (;;) {
		ret = wait_ready(s, other, s->timed ? &pause : NULL, !s->timed);
		if (ret)
			return ret;
		/* the read also arms poll again; nothing else does */
		ret = guest_vmclock_read(s->fd, s->clock, &generation);
		if (ret)
			return ret;
		if (generation != s->generation) {
			s->generation = generation;
			return GUEST_EVENT_FORK;
		}
	}
}

static int wait_spin(struct guest_signal_source *s, int other)
{
	uint64_t generation;

	for (uint32_t i = 0; i < SPIN_ROUNDS; i++) {
		if (guest_vmclock_page(s->page, &generation) && generation != s->generation) {
			s->generation = generation;
			return GUEST_EVENT_FORK;
		}
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
	}
	return other < 0 ? -EAGAIN : GUEST_EVENT_OTHER;
}

static int wait_mailbox(const struct guest_signal_source *s, int other)
{
	const struct timespec pause = {.tv_nsec = TIMED_NS};
	struct pollfd p = {.fd = other, .events = POLLIN};
	long n;

	for (;;) {
		n = hot_ppoll(&p, 1, &pause);
		if (n == -EINTR || n > 0)
			return GUEST_EVENT_OTHER;
		if (n < 0)
			return (int)n;
		if (__atomic_load_n(s->sequence, __ATOMIC_ACQUIRE))
			return GUEST_EVENT_FORK;
	}
}

int guest_signal_wait(struct guest_signal_source *s, int other)
{
	int ret;

	switch (s->kind) {
	case GUEST_SIGNAL_VMGENID:
		return wait_vmgenid(s, other);
	case GUEST_SIGNAL_MAILBOX:
		return wait_mailbox(s, other);
	case GUEST_SIGNAL_SPIN:
		do {
			ret = wait_spin(s, other);
		} while (ret == -EAGAIN);
		return ret;
	default:
		return wait_vmclock(s, other);
	}
}
