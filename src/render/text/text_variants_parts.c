// SPDX-License-Identifier: BSD-2-Clause
/* What the tables about variants have in common: names, milliseconds, parts of a wide table. */
#include "render/text/text_variants_parts.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "render/format_values.h"
#include "render/text/term.h"

int fsv_variant_width(const struct fsx_variants *b)
{
	size_t w = strlen("all forks");

	for (size_t i = 0; i < b->nvariants; i++)
		if (strlen(b->variants[i].name) > w)
			w = strlen(b->variants[i].name);
	return (int)w;
}

const char *fsv_variant_name(const struct fsx_variant *a, char *buf, size_t len)
{
	return *a->name ? fsv_clean(a->name, buf, len) : "all forks";
}

char *fsv_variant_ms(double ns, int digits, char *buf, size_t len)
{
	if (isnan(ns))
		snprintf(buf, len, "-");
	else if (isinf(ns))
		snprintf(buf, len, "no end");
	else
		snprintf(buf, len, "%.*f", digits, ns / 1e6);
	return buf;
}

bool fsv_variant_next_part(const struct fsv_view *v, struct fsv_variant_part *p, size_t n, int name,
			   int wide)
{
	int room = v->columns ? (int)fsv_columns(v) - name : INT_MAX;
	size_t fit = room / wide < 1 ? 1 : (size_t)(room / wide);

	p->from = p->end;
	p->end = p->from + fit < n ? p->from + fit : n;
	return p->from < n;
}
