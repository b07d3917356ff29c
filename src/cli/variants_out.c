// SPDX-License-Identifier: BSD-2-Clause
/* Prints the variants of an experiment on stdout, for report and bench. */
#include "cli/variants_out.h"
#include <stdio.h>
#include "base/log.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "render/variants_view.h"

int variants_to_stdout(const struct fsv_view *v, enum variants_form form, uint64_t seed)
{
	struct fsx_groups g;
	struct fsx_variants b;
	int ret = fsx_groups_make(v->res, &g);

	if (ret || fsx_variants_make(&g, seed, &b)) {
		if (!ret)
			fsx_groups_free(&g);
		fs_error("no memory to compare the variants");
		return FS_EXIT_FAILED;
	}
	if (form == VARIANTS_JSON)
		ret = fsv_variants_json(v, &b, stdout);
	else if (form == VARIANTS_CSV)
		fsv_variants_csv(&b, stdout);
	else
		fsv_variants_text(v, &b, stdout);
	fsx_variants_free(&b);
	fsx_groups_free(&g);
	return fs_out_stdout(ret);
}
