// SPDX-License-Identifier: BSD-2-Clause
#include "render/workset.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/err.h"
#include "base/units.h"
#include "render/ceiling.h"
#include "render/json/json_parts.h"
#include "render/format.h"

/* Of the forks that the set is of: the first that has one. */
static const struct fsa_memory *memory_of(const struct fsv_workset *w)
{
	for (size_t i = 0; i < w->group->n; i++)
		if (w->group->forks[i]->complete && w->group->forks[i]->memory.size)
			return &w->group->forks[i]->memory;
	return fsv_memory(w->view->res);
}

const char *fsv_workset_left_out(const struct fsv_workset *w, char *buf, size_t len)
{
	const struct fsa_memory *m = memory_of(w);
	char size[FS_UNITS_LEN];

	if (!m->other_files)
		return NULL;
	snprintf(buf, len,
		 "left out: %" PRIu64
		 " other memory file%s of the guest with %s of its memory, and "
		 "%" PRIu64 " touches of their pages",
		 m->other_files, m->other_files == 1 ? "" : "s",
		 fs_fmt_bytes(m->other_bytes, size, sizeof(size)), w->set.other);
	return buf;
}

/* After how many forks the decay is told in text: doubling. */
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

	fprintf(out, "# forkscope working set: %s, forks \"%s\", %s to %s\n",
		fsv_clean(w->view->path, path, sizeof(path)),
		fsv_clean(w->group->name, name, sizeof(name)),
		fsv_start_name(w->view->res->opts.start),
		fsa_end_text(&w->view->res->opts, end, sizeof(end)));
	fprintf(out,
		"# offset and length in the memory file, bytes, in the order of first touch\n");
	if (fsv_workset_left_out(w, left, sizeof(left)))
		fprintf(out, "# %s\n", left);
	if (memory_of(w)->assumed)
		fprintf(out,
			"# the memory file's mapping was not seen: offsets are guest memory in "
			"the order of its addresses\n");
	fprintf(out,
		"# %zu pages that at least %zu of %zu forks touched, merged over gaps of %s: "
		"%zu ranges\n",
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
	const struct fsa_memory *m = memory_of(w);
	struct fsx_range regions[FSA_MAX_REGIONS];
	uint64_t bad;

	if (m->other_files)
		return fs_errf(why, len, -ENOTSUP,
			       "a hot-page list is of one memory file, and this guest has %" PRIu64
			       ": use the format ranges or json, for the largest of them",
			       m->other_files + 1);
	if (!m->nregions)
		return fs_errf(why, len, -ENOTSUP,
			       "the guest's memory regions in the memory file are not known, or "
			       "more than %d: use the format ranges",
			       FSA_MAX_REGIONS);
	for (size_t i = 0; i < w->group->n; i++)
		if (w->group->forks[i]->complete && !same_regions(&w->group->forks[i]->memory, m))
			return fs_errf(why, len, -ENOTSUP,
				       "the forks' memory regions differ: choose some of them "
				       "(--cohort), or use the format ranges");
	for (size_t i = 0; i < m->nregions; i++)
		regions[i] = (struct fsx_range){m->regions[i].offset, m->regions[i].size};
	if (fsx_ranges_write_hpl(&w->ranges, regions, m->nregions, out, &bad))
		return fs_errf(why, len, -ENOTSUP,
			       "the page at 0x%" PRIx64
			       " of the memory file is in no memory region "
			       "of the guest (of a gap that --merge-gap closed?)",
			       bad);
	return 0;
}

static json_t *counts(const uint64_t *v, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 1; i <= n; i++)
		json_array_append_new(a, fsj_u64(v[i]));
	return a;
}

static json_t *ranges(const struct fsv_workset *w)
{
	json_t *a = json_array();

	for (size_t i = 0; i < w->ranges.n; i++)
		json_array_append_new(a, json_pack("{s:o, s:o, s:o}", "offset",
						   fsj_u64(w->ranges.v[i].offset), "size",
						   fsj_u64(w->ranges.v[i].size), "first_touch_ns",
						   fsj_u64(w->at[i])));
	return a;
}

static json_t *regions(const struct fsa_memory *m)
{
	json_t *a = json_array();

	for (size_t i = 0; i < m->nregions; i++)
		json_array_append_new(a, json_pack("{s:o, s:o, s:o}", "gpa",
						   fsj_u64(m->regions[i].gpa), "offset",
						   fsj_u64(m->regions[i].offset), "size",
						   fsj_u64(m->regions[i].size)));
	return a;
}

int fsv_workset_json(const struct fsv_workset *w, FILE *out)
{
	const struct fsx_workset *s = &w->set;
	char end[96];
	json_t *o;
	int err;

	o = json_pack("{s:i, s:o, s:o, s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:o}", "format", 1,
		      "recording", fsj_path(w->view->path), "group", fsj_text(w->group->name),
		      "start", fsv_start_name(w->view->res->opts.start), "end",
		      fsa_end_text(&w->view->res->opts, end, sizeof(end)), "memory",
		      fsj_memory(memory_of(w)), "page_size", (int)FSX_PAGE, "forks",
		      fsj_u64(s->forks), "min_forks", fsj_u64(w->min_forks), "merge_gap",
		      fsj_u64(w->gap), "pages", fsj_u64(fsx_workset_pages(s, w->min_forks)));
	if (!o)
		return -ENOMEM;
	json_object_set_new(o, "pages_by_forks", counts(s->by_forks, s->forks));
	json_object_set_new(o, "common_to_first", counts(s->common, s->forks));
	json_object_set_new(o, "any_of_first", counts(s->any, s->forks));
	json_object_set_new(o, "nowhere", fsj_u64(s->nowhere));
	json_object_set_new(
		o, "left_out",
		json_pack("{s:o, s:o, s:o}", "files", fsj_u64(memory_of(w)->other_files), "bytes",
			  fsj_u64(memory_of(w)->other_bytes), "touches", fsj_u64(s->other)));
	json_object_set_new(o, "regions", regions(memory_of(w)));
	json_object_set_new(o, "half_touched_ns",
			    fsj_u64(fsx_workset_by_then(s, w->min_forks, 0.5)));
	json_object_set_new(o, "ranges", ranges(w));
	err = json_dumpf(o, out, JSON_INDENT(1) | JSON_PRESERVE_ORDER) ? -EIO : 0;
	json_decref(o);
	fputc('\n', out);
	return err;
}
