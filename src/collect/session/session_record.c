// SPDX-License-Identifier: BSD-2-Clause
/* The loop of a recording: sleeps, drains the rings, has guests read, until something ends it. */
#include <errno.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "collect/session/session_impl.h"

#define STATS_NS   (2000ull * 1000 * 1000)
#define MAX_EVENTS 16

static int handle(struct fs_session *s, const struct epoll_event *e, int n)
{
	int ret = 0;

	for (int i = 0; i < n && !ret; i++) {
		switch (e[i].data.u32) {
		case FS_WAKE_SIGNALS:
			s->why = fs_session_signals(s) ?: s->why;
			break;
		case FS_WAKE_MARKS:
			ret = fs_session_read_marks(s);
			break;
		case FS_WAKE_GUESTS: /* fs_session_record() does what there is to do, in every round
				      */
			break;
		default:
			fs_session_target_ended(s, e[i].data.u32 - FS_WAKE_TARGET);
		}
	}
	if (!s->why && s->o->targets.all_ended)
		s->why = "command ended";
	return ret;
}

/* How long to sleep: until the next round, or the time-out if that is earlier. */
static int sleep_ms(const struct fs_session *s, uint64_t now)
{
	int ms = fs_guests_wait_ms(s->guests, now, fs_rings_wait_ms(s->rings));
	uint64_t until = s->armed_ns + s->o->timeout_ns;

	if (s->o->timeout_ns && until > now && fs_poll_ms(until - now) < ms)
		ms = fs_poll_ms(until - now);
	return ms;
}

int fs_session_record(struct fs_session *s)
{
	int ret = 0;

	while (!ret && !s->why) {
		struct epoll_event e[MAX_EVENTS];
		uint64_t now = fs_mono_ns();
		int n;

		if (s->o->timeout_ns && now >= s->armed_ns + s->o->timeout_ns) {
			s->why = "timeout";
			s->timed_out = true;
			break;
		}
		if (fs_session_watch_guests(s))
			return -errno;
		n = epoll_wait(s->epoll, e, MAX_EVENTS, sleep_ms(s, now));
		if (n < 0 && errno != EINTR)
			return -errno;
		ret = handle(s, e, n);
		if (!ret)
			ret = fs_rings_drain(s->rings, s->w, false);
		if (!ret)
			ret = fs_guests_work(s->guests, s->w, &s->own);
		if (!ret && now >= fs_misses_next(s->misses))
			ret = fs_misses_read(s->misses, s->w, &s->own, fs_mono_ns());
		if (!ret && fs_mono_ns() - s->stats_ns >= STATS_NS)
			ret = fs_session_write_stats(s, false);
	}
	return ret;
}
