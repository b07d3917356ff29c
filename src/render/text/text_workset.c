// SPDX-License-Identifier: BSD-2-Clause
/* A working set as ranges and as a hot-page list. */
#include "render/workset_view.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/err.h"
#include "base/units.h"
#include "render/ceiling_view.h"
#include "render/format_values.h"

const char *fsv_workset_left_out(const struct fsv_workset *w, char *buf, size_t len)
{
	const struct fsa_memory *m = fsx_group_memory(w->group, w->view->res);
	char size[FS_UNITS_LEN];

	if (!m->other_files)
		return NULL;
	snprintf(buf, len,
		 "left out: %" PRIu64
		 " other memory file%s of the guest with %s of its memory, and %" PRIu64
		 " touches of their pages",
		 m->other_files, m->other_files == 1 ? "" : "s",
		 fs_fmt_bytes(m->other_bytes, size, sizeof(size)), w->set.other);
	return buf;
}

/* After how many forks the decay is reported in text: doubling. */
static void decay(const struct fsx_workset *w, FILE *out)
{
	fprintf(out, "# pages that each of the first so many forks touched (any of them):");
	for (size_t i = 1; i <= w->forks; i = i < w->forks && i * 2 > w->forks ? w->forks : i * 2)
		fprintf(out, " %zu: %" PRIu64 " (%" PRIu64 ")", i, w->common[i], w->any[i]);
	fputc('\n', out);
}

static void by_forks(const struct fsx_workset *w, FILE *out)
{
	fprintf(out, "# pages by the number of forks that touched them:");
	for (size_t i = w->forks; i > 0; i--)
		if (w->by_forks[i])
			fprintf(out, " %zu: %" PRIu64, i, w->by_forks[i]);
	fputc('\n', out);
}

void fsv_workset_ranges(const struct fsv_workset *w, FILE *out)
{
	char path[512], name[100], end[96], t[3][FS_UNITS_LEN], gap[FS_UNITS_LEN], left[256];
	const struct fsx_workset *s = &w->set;

	fprintf(out, FSV_WORKSET_BEGINS "%s, forks \"%s\", %s to %s\n",
		fsv_clean(w->view->path, path, sizeof(path)),
		fsv_clean(w->group->name, name, sizeof(name)),
		fsv_start_name(w->view->res->opts.start),
		fsa_end_text(&w->view->res->opts, end, sizeof(end)));
	fprintf(out,
		"# offset and length in the memory file, bytes, in the order of first touch\n");
	if (fsv_workset_left_out(w, left, sizeof(left)))
		fprintf(out, "# %s\n", left);
	if (fsx_group_memory(w->group, w->view->res)->assumed)
		fprintf(out,
			"# the memory file's mapping was not seen: offsets are guest memory in the order of its addresses\n");
	fprintf(out,
		"# %zu pages that at least %zu of %zu forks touched, merged over gaps of %s: %zu ranges\n",
		fsx_workset_pages(s, w->min_forks), w->min_forks, s->forks,
		fs_fmt_bytes_exact(w->gap, gap, sizeof(gap)), w->ranges.n);
	fprintf(out, "# touched: half by %s, 90 %% by %s, all by %s (median over the forks)\n",
		fs_fmt_ns(fsx_workset_by_then(s, w->min_forks, 0.5), t[0], FS_UNITS_LEN),
		fs_fmt_ns(fsx_workset_by_then(s, w->min_forks, 0.9), t[1], FS_UNITS_LEN),
		fs_fmt_ns(fsx_workset_by_then(s, w->min_forks, 1), t[2], FS_UNITS_LEN));
	by_forks(s, out);
	decay(s, out);
	fsx_ranges_write(&w->ranges, out);
}

static bool same_regions(const struct fsa_memory *a, const struct fsa_memory *b)
{
	return a->nregions == b->nregions &&
	       !memcmp(a->regions, b->regions, a->nregions * sizeof(*a->regions));
}

int fsv_workset_hpl(const struct fsv_workset *w, FILE *out, char *why, size_t len)
{
	const struct fsa_memory *m = fsx_group_memory(w->group, w->view->res);
	struct fs_range regions[FSA_MAX_REGIONS];
	uint64_t bad;

	if (m->other_files)
		return fs_errf(why, len, -ENOTSUP,
			       "a hot-page list is of one memory file, and this guest has %" PRIu64
			       ": use the format ranges or json, for the largest of them",
			       m->other_files + 1);
	if (!m->nregions)
		return fs_errf(
			why, len, -ENOTSUP,
			"the guest's memory regions in the memory file are not known, or more than %d: use the format ranges",
			FSA_MAX_REGIONS);
	for (size_t i = 0; i < w->group->n; i++)
		if (w->group->forks[i]->complete && !same_regions(&w->group->forks[i]->memory, m))
			return fs_errf(
				why, len, -ENOTSUP,
				"the forks' memory regions differ: choose some of them (--cohort), or use the format ranges");
	for (size_t i = 0; i < m->nregions; i++)
		regions[i] = (struct fs_range){m->regions[i].offset, m->regions[i].size};
	if (fsx_ranges_write_hpl(&w->ranges, regions, m->nregions, out, &bad))
		return fs_errf(
			why, len, -ENOTSUP,
			"the page at 0x%" PRIx64
			" of the memory file is in no memory region of the guest (of a gap that --merge-gap closed?)",
			bad);
	return 0;
}
