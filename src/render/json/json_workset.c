// SPDX-License-Identifier: BSD-2-Clause
/* prefetch export --format json: the pages that forks touched, as ranges (docs/prefetch.md). */
#include <errno.h>
#include "render/format_values.h"
#include "render/json/json_parts.h"
#include "render/workset_view.h"

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
	const struct fsa_memory *m = fsx_group_memory(w->group, w->view->res);
	char end[96];
	json_t *o;
	int ret;

	o = json_pack("{s:i, s:o, s:o, s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:o}", "format", 1,
		      "recording", fsj_path(w->view->path), "group", fsj_text(w->group->name),
		      "start", fsv_start_name(w->view->res->opts.start), "end",
		      fsa_end_text(&w->view->res->opts, end, sizeof(end)), "memory", fsj_memory(m),
		      "page_size", (int)FSX_PAGE, "forks", fsj_u64(s->forks), "min_forks",
		      fsj_u64(w->min_forks), "merge_gap", fsj_u64(w->gap), "pages",
		      fsj_u64(fsx_workset_pages(s, w->min_forks)));
	if (!o)
		return -ENOMEM;
	json_object_set_new(o, "pages_by_forks", counts(s->by_forks, s->forks));
	json_object_set_new(o, "common_to_first", counts(s->common, s->forks));
	json_object_set_new(o, "any_of_first", counts(s->any, s->forks));
	json_object_set_new(o, "nowhere", fsj_u64(s->nowhere));
	json_object_set_new(o, "left_out",
			    json_pack("{s:o, s:o, s:o}", "files", fsj_u64(m->other_files), "bytes",
				      fsj_u64(m->other_bytes), "touches", fsj_u64(s->other)));
	json_object_set_new(o, "regions", regions(m));
	json_object_set_new(o, "half_touched_ns",
			    fsj_u64(fsx_workset_by_then(s, w->min_forks, 0.5)));
	json_object_set_new(o, "ranges", ranges(w));
	ret = json_dumpf(o, out, JSON_INDENT(1) | JSON_PRESERVE_ORDER) ? -EIO : 0;
	json_decref(o);
	fputc('\n', out);
	return ret;
}
