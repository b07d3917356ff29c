// SPDX-License-Identifier: BSD-2-Clause
/* What the recorder itself adds to a recording: JSON chunks, STATS, marks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "collect/bpf/stats_json.h"
#include "collect/session/session_impl.h"

int fs_session_write_json(struct fs_session *s, enum fsr_chunk_type type, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int ret = text ? fsr_write(s->w, type, text, strlen(text)) : -ENOMEM;

	free(text);
	json_decref(o);
	return ret;
}

int fs_session_write_stats(struct fs_session *s, bool final)
{
	struct fs_stats_in in = {
		.prepared = s->prepared,
		.used = final ? s->stopped : fs_cpu_time_now(),
		.bpf = s->bpf,
		.rings = s->rings,
		.misses = s->misses,
		.armed_ns = s->armed_ns,
		.bytes = fsr_written(s->w),
		.own_events = s->own.events,
		.guests = fs_guests_json(s->guests),
		.probe_stats = s->o->load.probe_stats,
		.final = final,
	};

	s->stats_ns = fs_mono_ns();
	return fs_session_write_json(s, FSR_STATS, fs_stats_json(&in));
}

static int write_mark(struct fs_session *s, const struct fs_mark *m)
{
	struct fs_ev_mark ev = {0};

	fs_own_head(&s->own, &ev.h, FS_EV_MARK, sizeof(ev), m->ts);
	ev.h.tgid = m->pid;
	memcpy(ev.name, m->name, sizeof(ev.name));
	s->nmarks++;
	fs_guests_mark(s->guests, &ev);
	if (s->o->proof_mark && !strcmp(m->name, s->o->proof_mark))
		s->mark_seen = true;
	return fsr_write_events(s->w, FS_OWN_CPU, &ev, sizeof(ev), 1);
}

int fs_session_read_marks(struct fs_session *s)
{
	struct fs_mark m;
	char err[512];
	int got, ret = 0;

	while (!ret && s->marks >= 0 && (got = fs_marks_next(s->marks, &m, err, sizeof(err)))) {
		if (got > 0 && m.asks) {
			fs_marks_answer(s->marks, &m, fs_guests_idle(s->guests, m.pid));
		} else if (got > 0) {
			ret = write_mark(s, &m);
		} else {
			s->refused++;
			fs_warn("%s", err);
		}
	}
	return ret;
}
