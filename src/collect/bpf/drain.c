// SPDX-License-Identifier: BSD-2-Clause
/* What is left in the maps of the programs when a recording ends: open segments, stacks. */
#include "collect/bpf/drain.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/vec.h"
#include "bpf/state.h"
#include "collect/host/ksyms.h"

#define STACK_DEPTH 127 /* of the map `stacks` */

static bool busy(const struct fs_thr *t)
{
	return !(t->flags & FS_T_WORKER) && (t->x_ts || t->o_ts || t->run_ts || t->user_ts);
}

static void fill(struct fs_ev_flush *f, const struct fs_thr *t, uint32_t tid)
{
	f->h.flags = FS_F_CLIPPED;
	f->h.tgid = t->tgid;
	f->h.tid = tid;
	f->h.vm = t->vm;
	f->ts_exit = t->x_ts;
	f->ts_out = t->o_ts;
	f->ts_wake = t->o_ts && t->w_ts >= t->o_ts ? t->w_ts : 0;
	f->ts_run = t->run_ts;
	f->ts_user = t->user_ts;
	f->vcpu_id = t->vcpu_id;
	f->prev_state = t->o_state;
	f->reason = t->x_reason;
	f->hints = t->x.hints;
}

int fs_drain_flush(const struct fs_bpf *b, struct fsr_writer *w, struct fs_own_records *o,
		   uint64_t now)
{
	FS_VEC(struct fs_ev_flush) out = {0};
	int map = fs_bpf_map(b, "threads"), ret = 0;
	uint32_t tid, prev = 0;
	bool first = true;

	while (!ret && !bpf_map_get_next_key(map, first ? NULL : &prev, &tid)) {
		struct fs_ev_flush f = {0};
		struct fs_thr t;

		first = false;
		prev = tid;
		if (bpf_map_lookup_elem(map, &tid, &t) || !busy(&t))
			continue;
		fs_own_head(o, &f.h, FS_EV_FLUSH, sizeof(f), now);
		fill(&f, &t, tid);
		ret = fs_vec_push(&out, f);
	}
	if (!ret && out.n)
		ret = fsr_write_events(w, FS_OWN_CPU, out.v, out.n * sizeof(*out.v),
				       (uint32_t)out.n);
	fs_vec_free(&out);
	return ret;
}

struct stacks {
	FS_VEC(uint8_t) bytes;  /* as the chunk wants them */
	FS_VEC(uint64_t) addrs; /* of all of them */
};

static int add_stack(struct stacks *s, uint32_t id, const uint64_t *ip)
{
	struct fsr_stack head = {.id = id};

	while (head.depth < STACK_DEPTH && ip[head.depth])
		head.depth++;
	if (fs_vec_reserve(&s->bytes, sizeof(head) + head.depth * sizeof(*ip)) ||
	    fs_vec_reserve(&s->addrs, head.depth))
		return -ENOMEM;
	memcpy(s->bytes.v + s->bytes.n, &head, sizeof(head));
	s->bytes.n += sizeof(head);
	memcpy(s->bytes.v + s->bytes.n, ip, head.depth * sizeof(*ip));
	s->bytes.n += head.depth * sizeof(*ip);
	for (uint32_t i = 0; i < head.depth; i++)
		s->addrs.v[s->addrs.n++] = ip[i];
	return 0;
}

static int read_stacks(const struct fs_bpf *b, struct stacks *s)
{
	int map = fs_bpf_map(b, "stacks"), ret = 0;
	uint32_t id, prev = 0;
	bool first = true;

	while (!ret && !bpf_map_get_next_key(map, first ? NULL : &prev, &id)) {
		uint64_t ip[STACK_DEPTH] = {0};

		first = false;
		prev = id;
		if (!bpf_map_lookup_elem(map, &id, ip))
			ret = add_stack(s, id, ip);
	}
	return ret;
}

static int write_symbols(struct fsr_writer *w, const struct stacks *s, int kallsyms)
{
	struct fs_ksyms *k;
	size_t len = 0;
	char *text = NULL;
	Bytef *packed;
	uLongf room;
	int ret = fs_ksyms_read(kallsyms, &k);

	if (ret)
		return ret;
	text = fs_ksyms_pick(k, s->addrs.v, s->addrs.n, &len);
	fs_ksyms_free(k);
	room = compressBound(len);
	packed = malloc(room);
	if (!text || !packed || compress2(packed, &room, (const Bytef *)text, len, 6) != Z_OK)
		ret = -ENOMEM;
	else
		ret = fsr_write(w, FSR_SYMBOLS, packed, room);
	free(packed);
	free(text);
	return ret;
}

int fs_drain_stacks(const struct fs_bpf *b, struct fsr_writer *w, int kallsyms)
{
	struct stacks s = {0};
	int ret = read_stacks(b, &s);

	if (!ret && s.bytes.n)
		ret = fsr_write(w, FSR_STACKS, s.bytes.v, s.bytes.n);
	if (!ret && s.bytes.n)
		ret = kallsyms < 0 ? -EACCES : write_symbols(w, &s, kallsyms);
	fs_vec_free(&s.bytes);
	fs_vec_free(&s.addrs);
	return ret;
}
