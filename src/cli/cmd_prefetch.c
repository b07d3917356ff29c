// SPDX-License-Identifier: BSD-2-Clause
/* forkscope prefetch: what a prefetch could gain, what it would have to bring, whether it did. */
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include "base/log.h"
#include "cli/cmds.h"
#include "cli/prefetch/prefetch_verbs.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"ceiling", prefetch_ceiling},
	{"export", prefetch_export},
	{"test", prefetch_test},
};

static void print_help(FILE *to)
{
	fprintf(to,
		"usage: forkscope prefetch ceiling | export | test [OPTIONS...]\n\n"
		"Settles questions about prefetching the memory of forks.\n\n"
		"  ceiling  the most that a prefetch could gain, before anyone builds it\n"
		"  export   the pages that forks touch, in the order in which they do\n"
		"  test     forks with a prefetch against forks without: supported or refuted\n\n"
		"forkscope prefetch ceiling --help, and so on, tells about each.\n");
}

int cmd_prefetch(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
		print_help(stdout);
		return FS_EXIT_OK;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(what, verbs[i].name)) {
			/* a reader that leaves is an error of write(), not the end of this process
			 */
			signal(SIGPIPE, SIG_IGN);
			return verbs[i].run(argc - 1, argv + 1);
		}
	if (*what)
		fs_error("prefetch: \"%s\" is none of ceiling, export, test", what);
	print_help(stderr);
	return FS_EXIT_USAGE;
}

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
