// SPDX-License-Identifier: BSD-2-Clause
/* Prints the variants of an experiment on stdout, for report and bench. */
#include "cli/variants.h"
#include <stdio.h>
#include "base/log.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "render/variants.h"

int arms_to_stdout(const struct fsv_view *v, enum arms_form form, uint64_t seed)
{
	struct fsx_groups g;
	struct fsx_bench b;
	int err = fsx_groups_make(v->res, &g);

	if (err || fsx_bench_make(&g, seed, &b)) {
		if (!err)
			fsx_groups_free(&g);
		fs_error("no memory to compare the arms");
		return FS_EXIT_FAILED;
	}
	if (form == ARMS_JSON)
		err = fsv_arms_json(v, &b, stdout);
	else if (form == ARMS_CSV)
		fsv_arms_csv(&b, stdout);
	else
		fsv_arms_text(v, &b, stdout);
	fsx_bench_free(&b);
	fsx_groups_free(&g);
	return fs_out_stdout(err);
}
