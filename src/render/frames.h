/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frames of one segment of the critical path, outermost first:
 *	bucket; stage; cause; exit reason; who; guest task; guest frame; host frames...
 * The one source of the folded stacks and of the flame graphs.
 */
#ifndef FORKSCOPE_FRAMES_H
#define FORKSCOPE_FRAMES_H

#include "render/format_values.h"
#include "render/view.h"

#define FSV_MAX_FRAMES 80 /* a deeper host stack loses its outermost frames */

enum fsv_frame_kind {
	FSV_F_BUCKET,
	FSV_F_STAGE,
	FSV_F_CAUSE,
	FSV_F_EXIT,  /* exit reason */
	FSV_F_WHO,   /* the segment's label */
	FSV_F_TASK,  /* what the guest ran: a task or an interrupt */
	FSV_F_GUEST, /* guest function at the RIP of the exit that closed the segment */
	FSV_F_HOST,  /* host kernel function */
};

struct fsv_frame {
	enum fsv_frame_kind kind;
	int rank;                /* fixed order among siblings, -1 = by time */
	char name[FSV_WORD_LEN]; /* printable ASCII, without ';' */
};

/*
 * Fills @frames (FSV_MAX_FRAMES) and returns how many there are. With @merge, for pictures: guest
 * kernel addresses without a symbol all get one name instead of their number; the frames by which
 * every system call and every exit begins are left out, and so is the exit that closed a segment of
 * the guest's own code. The frames of the tracer's own probes are always left out: their time is
 * not theirs (a stack says where the probe was met).
 */
size_t fsv_frames(const struct fsv_view *v, const struct fsa_fork *f, const struct fsa_seg *s,
		  bool merge, struct fsv_frame *frames);

#endif
