// SPDX-License-Identifier: BSD-2-Clause
#include "render/frames.h"
#include <stdio.h>
#include <string.h>
#include "render/exits.h"

static void add(struct fsv_frame *frames, size_t *n, enum fsv_frame_kind kind, int rank,
		const char *name)
{
	struct fsv_frame *f = &frames[(*n)++];

	f->kind = kind;
	f->rank = rank;
	fsv_clean(name, f->name, sizeof(f->name));
	/* the folded form's separator */
	for (char *c = f->name; *c; c++)
		if (*c == ';')
			*c = ':';
}

static void add_host(const struct fsv_view *v, uint32_t stack, struct fsv_frame *frames, size_t *n)
{
	char name[FSV_WORD_LEN - 4], marked[FSV_WORD_LEN];
	const uint64_t *addrs;
	size_t depth, room = FSV_MAX_FRAMES - *n;

	if (!v->reader || stack == FS_NO_STACK)
		return;
	depth = fsr_stack(v->reader, stack, &addrs);
	if (depth > room)
		depth = room; /* the innermost frames are the telling ones */
	while (depth--) {
		/* _[k] is what folded stacks use to say "kernel" */
		snprintf(marked, sizeof(marked), "%s_[k]",
			 fsv_host_addr(v, addrs[depth], name, sizeof(name)));
		add(frames, n, FSV_F_HOST, -1, marked);
	}
}

size_t fsv_frames(const struct fsv_view *v, const struct fsa_fork *f, const struct fsa_seg *s,
		  bool merge, struct fsv_frame *frames)
{
	enum fsa_stage stage = (enum fsa_stage)s->stage;
	enum fsa_cause cause = (enum fsa_cause)s->cause;
	enum fsa_bucket bucket = fsa_bucket_of(stage, cause);
	char name[FSV_WORD_LEN], addr[FSV_WORD_LEN - 32];
	size_t n = 0;

	add(frames, &n, FSV_F_BUCKET, (int)bucket, fsa_bucket_name(bucket));
	add(frames, &n, FSV_F_STAGE, s->stage, fsa_stage_name(stage));
	add(frames, &n, FSV_F_CAUSE, s->cause, fsa_cause_name(cause));
	if (s->reason != FSV_NO_EXIT)
		add(frames, &n, FSV_F_EXIT, -1,
		    fsv_exit_name(s->isa, s->reason, name, sizeof(name)));
	if (s->label && s->label < f->nlabels)
		add(frames, &n, FSV_F_WHO, -1, f->labels[s->label]);
	if (s->rip) {
		fsv_guest_addr(v, s->rip, false, addr, sizeof(addr));
		if (merge && addr[0] == '0')
			snprintf(addr, sizeof(addr), "kernel, no symbol");
		snprintf(name, sizeof(name), "guest:%s [exit rip]", addr);
		add(frames, &n, FSV_F_GUEST, -1, name);
	}
	add_host(v, s->stack, frames, &n);
	return n;
}
