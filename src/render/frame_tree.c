// SPDX-License-Identifier: BSD-2-Clause
/* Merges the stacks of forks into a tree of frames. */
#include "render/frame_tree.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fsv_tree *fsv_tree_new(const char *name)
{
	struct fsv_tree *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->root.name = strdup(name);
	t->root.rank = -1;
	if (!t->root.name) {
		free(t);
		return NULL;
	}
	return t;
}

void fsv_tree_free(struct fsv_tree *t)
{
	if (!t)
		return;
	for (struct fsv_node *n = t->made_last, *before; n; n = before) {
		before = n->made_before;
		free(n->name);
		free(n);
	}
	fs_hashmap_free(&t->nodes);
	free(t->root.name);
	free(t);
}

static struct fsv_node *new_child(struct fsv_tree *t, struct fsv_node *parent,
				  const struct fsv_frame *f, uint64_t hash)
{
	struct fsv_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->name = strdup(f->name);
	n->same_hash = fs_hashmap_get(&t->nodes, hash);
	if (!n->name || fs_hashmap_put(&t->nodes, hash, n)) {
		free(n->name);
		free(n);
		return NULL;
	}
	n->made_before = t->made_last;
	t->made_last = n;
	n->kind = f->kind;
	n->rank = f->rank;
	n->depth = parent->depth + 1;
	n->parent = parent;
	n->next = parent->child;
	parent->child = n;
	return n;
}

static struct fsv_node *child(struct fsv_tree *t, struct fsv_node *parent,
			      const struct fsv_frame *f)
{
	uint64_t hash = fs_hash(f->name, strlen(f->name)) ^ (uintptr_t)parent;

	for (struct fsv_node *n = fs_hashmap_get(&t->nodes, hash); n; n = n->same_hash)
		if (n->parent == parent && !strcmp(n->name, f->name))
			return n;
	return new_child(t, parent, f, hash);
}

static void weigh(struct fsv_node *n, uint64_t ns, bool second)
{
	if (second)
		n->b_ns += ns;
	else
		n->ns += ns;
	n->count++;
}

static int add_seg(struct fsv_tree *t, const struct fsa_seg *s, const struct fsv_frame *frames,
		   size_t n, unsigned int flags)
{
	uint64_t ns = s->t1 - s->t0;
	bool second = flags & FSV_TREE_B;
	struct fsv_node *at = &t->root;

	weigh(at, ns, second);
	for (size_t i = 0; i < n; i++) {
		if (frames[i].kind == FSV_F_STAGE && (flags & FSV_TREE_NO_STAGE))
			continue;
		at = child(t, at, &frames[i]);
		if (!at)
			return -ENOMEM;
		at->bucket =
			(uint8_t)fsa_bucket_of((enum fsa_stage)s->stage, (enum fsa_cause)s->cause);
		at->cause = s->cause;
		weigh(at, ns, second);
	}
	if (second)
		at->b_self_ns += ns;
	else
		at->self_ns += ns;
	return 0;
}

int fsv_tree_add(struct fsv_tree *t, const struct fsv_view *v, const struct fsa_fork *f,
		 unsigned int flags)
{
	struct fsv_frame *frames = malloc(FSV_MAX_FRAMES * sizeof(*frames));
	int ret = 0;

	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < f->nsegs && !ret; i++) {
		size_t n;

		if (f->segs[i].t1 <= f->segs[i].t0)
			continue; /* an instant has no width */
		n = fsv_frames(v, f, &f->segs[i], flags & FSV_TREE_MERGE, frames);
		ret = add_seg(t, &f->segs[i], frames, n, flags);
	}
	free(frames);
	return ret;
}

static void copy_head(struct fsv_frame *f, const struct fsv_node *n)
{
	f->kind = n->kind;
	f->rank = n->rank;
	snprintf(f->name, sizeof(f->name), "%s", n->name);
}

/* Adds what @from holds, and all below it, to @to. */
static int merge_into(struct fsv_tree *t, struct fsv_node *to, const struct fsv_node *from)
{
	struct fsv_frame f;

	to->ns += from->ns;
	to->self_ns += from->self_ns;
	to->b_ns += from->b_ns;
	to->b_self_ns += from->b_self_ns;
	to->count += from->count;
	to->bucket = from->bucket;
	to->cause = from->cause;
	for (const struct fsv_node *c = from->child; c; c = c->next) {
		struct fsv_node *same;

		copy_head(&f, c);
		same = child(t, to, &f);
		if (!same || merge_into(t, same, c))
			return -ENOMEM;
	}
	return 0;
}

struct small {
	uint64_t ns, b_ns; /* below both: a small one */
	unsigned int permille;
};

static bool is_small(const struct fsv_node *n, const struct small *s)
{
	return n->kind == FSV_F_GUEST && n->ns <= s->ns && n->b_ns <= s->b_ns;
}

static int gather(struct fsv_tree *t, struct fsv_node *n, const struct small *s)
{
	struct fsv_node **at, *one;
	struct fsv_frame f = {.kind = FSV_F_GUEST, .rank = -1};
	size_t small = 0;

	for (struct fsv_node *c = n->child; c; c = c->next) {
		small += is_small(c, s);
		if (c->kind < FSV_F_GUEST && gather(t, c, s))
			return -ENOMEM;
	}
	if (small < 2)
		return 0;
	snprintf(f.name, sizeof(f.name), "guest:%zu functions, each below %u %% [exit rip]", small,
		 s->permille / 10);
	one = child(t, n, &f);
	if (!one)
		return -ENOMEM;
	for (at = &n->child; *at;) {
		struct fsv_node *c = *at;

		if (c == one || !is_small(c, s)) {
			at = &c->next;
			continue;
		}
		if (merge_into(t, one, c))
			return -ENOMEM;
		*at = c->next; /* fsv_tree_free() still knows it */
	}
	return 0;
}

int fsv_tree_gather_guest(struct fsv_tree *t, unsigned int permille)
{
	struct small s = {.ns = t->root.ns / 1000 * permille,
			  .b_ns = t->root.b_ns / 1000 * permille,
			  .permille = permille};

	return gather(t, &t->root, &s);
}

static bool before(const struct fsv_node *a, const struct fsv_node *b)
{
	if (a->rank != b->rank) /* siblings of a fixed order; -1 is never mixed with it */
		return a->rank < b->rank;
	if (a->ns != b->ns)
		return a->ns > b->ns;
	return strcmp(a->name, b->name) < 0;
}

static struct fsv_node *merge(struct fsv_node *a, struct fsv_node *b)
{
	struct fsv_node head = {0}, *last = &head;

	while (a && b) {
		struct fsv_node **take = before(b, a) ? &b : &a;

		last->next = *take;
		last = *take;
		*take = (*take)->next;
	}
	last->next = a ? a : b;
	return head.next;
}

static struct fsv_node *sort(struct fsv_node *list)
{
	struct fsv_node *half = list, *end;

	if (!list || !list->next)
		return list;
	for (end = list->next; end && end->next; end = end->next->next)
		half = half->next;
	end = half->next;
	half->next = NULL;
	return merge(sort(list), sort(end));
}

/* Depth is bounded by FSV_MAX_FRAMES. */
static void sort_below(struct fsv_node *n)
{
	n->child = sort(n->child);
	for (struct fsv_node *c = n->child; c; c = c->next)
		sort_below(c);
}

void fsv_tree_sort(struct fsv_tree *t)
{
	sort_below(&t->root);
}
