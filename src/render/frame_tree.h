/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks merged into a tree of frames with their nanoseconds. */
#ifndef FORKSCOPE_FRAME_TREE_H
#define FORKSCOPE_FRAME_TREE_H

#include "base/hashmap.h"
#include "render/frames.h"

struct fsv_node {
	enum fsv_frame_kind kind;
	int rank;                 /* fixed order among siblings, -1 = by time */
	uint8_t bucket, cause;    /* of the branch; the cause holds from FSV_F_CAUSE inwards */
	uint64_t ns;              /* with everything below it */
	uint64_t self_ns;         /* its own: stacks that end here */
	uint64_t b_ns, b_self_ns; /* the same of the second side of a difference */
	uint64_t count;           /* segments of the path */
	unsigned int depth;       /* root 0 */
	char *name;
	struct fsv_node *parent, *next, *child;
	struct fsv_node *same_hash; /* the next one that parent and name have this hash of */
	struct fsv_node *made_before;
};

struct fsv_tree {
	struct fsv_node root;
	struct fs_hashmap nodes;    /* hash of parent and name to the first of its chain */
	struct fsv_node *made_last; /* all nodes but the root, also those no more in the tree */
};

enum {
	FSV_TREE_NO_STAGE = 1 << 0, /* leave out the stage (host-only there is only one) */
	FSV_TREE_B = 1 << 2,        /* adds to the second side */
	FSV_TREE_MERGE = 1 << 1,    /* guest addresses without a symbol become one frame */
};

/* A tree with a root named @name. NULL = no memory. */
struct fsv_tree *fsv_tree_new(const char *name);
void fsv_tree_free(struct fsv_tree *t);

/* Adds all segments of @f. Returns 0 or -ENOMEM. */
int fsv_tree_add(struct fsv_tree *t, const struct fsv_view *v, const struct fsa_fork *f,
		 unsigned int flags);

/*
 * Makes one frame of all sibling guest frames that have less than @permille of the root each, on
 * both sides (where there are several), so that what lies under them is seen as one. Returns 0 or
 * -ENOMEM.
 */
int fsv_tree_gather_guest(struct fsv_tree *t, unsigned int permille);

/* Orders siblings: buckets, stages and causes in their fixed order, all others most time first. */
void fsv_tree_sort(struct fsv_tree *t);

#endif
