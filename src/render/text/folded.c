// SPDX-License-Identifier: BSD-2-Clause
/*
 * report --folded: one line per different stack, "fork 1;bucket;stage;cause;...;frame ns". The
 * weights of a fork's lines sum to its gap exactly. Fork numbers stand first, so that lines of
 * several forks keep apart in the tools that read this form. A fork that never reached its end has
 * no gap: it is left out, as of the flame graphs of several, unless it is the only one shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "render/frame_tree.h"

/* @path holds the names from the root to @n's parent. */
static void lines(const struct fsv_node *n, const char **path, size_t depth, FILE *out)
{
	path[depth] = n->name;
	if (n->self_ns) {
		for (size_t i = 0; i <= depth; i++)
			fprintf(out, "%s%s", i ? ";" : "", path[i]);
		fprintf(out, " %" PRIu64 "\n", n->self_ns);
	}
	for (const struct fsv_node *c = n->child; c; c = c->next)
		lines(c, path, depth + 1, out);
}

static bool only_one(const struct fsv_view *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->res->nforks; i++)
		n += fsv_shows(v, &v->res->forks[i]);
	return n == 1;
}

int fsv_folded(const struct fsv_view *v, FILE *out)
{
	const char *path[FSV_MAX_FRAMES + 1];
	char root[32];
	bool one = only_one(v);

	for (size_t i = 0; i < v->res->nforks; i++) {
		const struct fsa_fork *f = &v->res->forks[i];
		struct fsv_tree *t;
		int ret;

		if (!fsv_shows(v, f) || (!f->complete && !one))
			continue;
		snprintf(root, sizeof(root), "fork %u", f->id);
		t = fsv_tree_new(root);
		if (!t)
			return -ENOMEM;
		ret = fsv_tree_add(t, v, f, 0);
		if (!ret) {
			fsv_tree_sort(t);
			lines(&t->root, path, 0, out);
		}
		fsv_tree_free(t);
		if (ret)
			return ret;
	}
	return 0;
}
