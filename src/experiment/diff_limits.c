// SPDX-License-Identifier: BSD-2-Clause
/* diff --fail-on: limits that a difference must keep. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/units.h"
#include "experiment/diff.h"

static bool find(struct fsx_limit *l)
{
	static const struct {
		enum fsx_diff_kind kind;
		int n;
	} kinds[] = {{FSX_D_GAP, 1},
		     {FSX_D_BUCKET, FSA_NBUCKETS},
		     {FSX_D_CAUSE, FSA_NCAUSES},
		     {FSX_D_STAGE, FSA_NSTAGES}};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (int i = 0; i < kinds[k].n; i++)
			if (!strcmp(l->what, fsx_diff_name(kinds[k].kind, i))) {
				l->kind = kinds[k].kind;
				l->which = i;
				return true;
			}
	return false;
}

/* "5%", "2.5 %", "2ms", "0%" */
static int amount(const char *text, struct fsx_limit *l)
{
	uint64_t ns;
	char *rest;

	l->percent = NAN;
	if (!fs_parse_duration(text, &ns)) {
		l->ns = (double)ns;
		return 0;
	}
	errno = 0;
	l->percent = strtod(text, &rest);
	rest += strspn(rest, " ");
	if (rest == text || strcmp(rest, "%") != 0 || errno || !isfinite(l->percent) ||
	    l->percent < 0)
		return -EINVAL;
	return 0;
}

static int parse_one(const char *p, size_t len, struct fsx_limit *l, char *err, size_t err_len)
{
	char *over;

	if (!len || len >= sizeof(l->text))
		return fs_errf(err, err_len, -EINVAL, "\"%.*s\" is not a limit: give WHAT>AMOUNT",
			       (int)(len < 80 ? len : 80), p);
	memcpy(l->text, p, len);
	l->text[len] = '\0';
	over = strchr(l->text, '>');
	if (!over || over - l->text >= (ptrdiff_t)sizeof(l->what))
		return fs_errf(
			err, err_len, -EINVAL,
			"\"%s\" is not a limit: give WHAT>AMOUNT, as in gap>5%% or notify>2ms",
			l->text);
	memcpy(l->what, l->text, (size_t)(over - l->text));
	if (!find(l))
		return fs_errf(
			err, err_len, -EINVAL,
			"\"%s\" is nothing that a report measures: give gap, a bucket (memory_faults), a cause (fault.major) or a stage (notify)",
			l->what);
	if (amount(over + 1, l))
		return fs_errf(
			err, err_len, -EINVAL,
			"\"%s\" is not an amount: give a share of A's median (5%%) or a time (2ms)",
			over + 1);
	return 0;
}

int fsx_diff_limits(struct fsx_diff *d, const char *text, char *err, size_t err_len)
{
	for (d->nlimits = 0;; text++) {
		size_t len = strcspn(text, ",");
		int ret;

		if (d->nlimits == FSX_MAX_LIMITS)
			return fs_errf(err, err_len, -EINVAL, "more than %d limits",
				       FSX_MAX_LIMITS);
		memset(&d->limits[d->nlimits], 0, sizeof(d->limits[0]));
		ret = parse_one(text, len, &d->limits[d->nlimits++], err, err_len);
		if (ret)
			return ret;
		text += len;
		if (!*text)
			return 0;
	}
}

static enum fss_verdict judge(struct fsx_limit *l, const struct fsx_diff_cohort *c)
{
	for (size_t i = 0; i < FSX_D_ROWS; i++)
		if (c->rows[i].kind == l->kind && c->rows[i].which == l->which)
			l->row = &c->rows[i];
	if (!isnan(l->percent))
		l->ns = l->percent / 100 * l->row->med_a;
	if (l->row->finding == FSX_D_FEW || isnan(l->ns) || !isfinite(l->ns))
		return FSS_INCONCLUSIVE;
	if (l->row->lo > l->ns)
		return FSS_SUPPORTED;
	return l->row->hi <= l->ns ? FSS_REFUTED : FSS_INCONCLUSIVE;
}

enum fss_verdict fsx_diff_judge(struct fsx_diff *d)
{
	enum fss_verdict worst = FSS_REFUTED;

	d->limits_of = d->v[0].a->name;
	for (size_t i = 0; i < d->nlimits; i++) {
		struct fsx_limit *l = &d->limits[i];

		l->verdict = judge(l, &d->v[0]);
		if (l->verdict == FSS_SUPPORTED ||
		    (l->verdict == FSS_INCONCLUSIVE && worst == FSS_REFUTED))
			worst = l->verdict;
	}
	return worst;
}
