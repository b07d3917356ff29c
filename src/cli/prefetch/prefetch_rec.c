// SPDX-License-Identifier: BSD-2-Clause
/* Opens the recording of a verb of forkscope prefetch, and finds the forks that are meant. */
#include "cli/prefetch/prefetch_rec.h"
#include <string.h>
#include "base/log.h"
#include "cli/cmds.h"

int prefetch_open(const char *path, const struct prefetch_window *w, struct prefetch_rec *r)
{
	struct fs_rec_opts o = {.start = w->start,
				.end = w->end,
				.kind = w->kind,
				.timeout_ns = w->timeout_ns,
				.population = w->population,
				.drop_segs = true,
				.keep_faults = true};
	int ret;

	memset(r, 0, sizeof(*r));
	ret = fs_rec_open(path, &o, &r->rec);
	if (ret)
		return ret;
	if (fsx_groups_make(r->rec.res, &r->groups)) {
		fs_error("%s: no memory", path);
		fs_rec_close(&r->rec);
		return FS_EXIT_FAILED;
	}
	if (!r->groups.n) {
		fs_error("no restored VM was found in %s", path);
		prefetch_close(r);
		return FS_EXIT_FAILED;
	}
	return FS_EXIT_OK;
}

void prefetch_close(struct prefetch_rec *r)
{
	fsx_groups_free(&r->groups);
	fs_rec_close(&r->rec);
}

const struct fsx_group *prefetch_group(const struct prefetch_rec *r, const char *name)
{
	const struct fsx_group *best = NULL;

	for (size_t i = 0; i < r->groups.n; i++) {
		const struct fsx_group *g = &r->groups.v[i];

		if (name && !strcmp(g->name, name))
			return g;
		if (!best || g->n > best->n)
			best = g;
	}
	if (!name)
		return best;
	fs_error("no forks called \"%s\" in %s, but these:", name, r->rec.view.path);
	for (size_t i = 0; i < r->groups.n; i++)
		fs_info("  \"%s\" (%zu fork%s)", r->groups.v[i].name, r->groups.v[i].n,
			r->groups.v[i].n == 1 ? "" : "s");
	return NULL;
}
