// SPDX-License-Identifier: BSD-2-Clause
/* The comparisons of the variants' gaps: does the signal matter, does the prefetch help? */
#include <inttypes.h>
#include <math.h>
#include "base/units.h"
#include "render/text/term.h"
#include "render/text/text_variants_parts.h"

#define W (FS_UNITS_LEN + 8)

static char *ns(double x, char *buf)
{
	char t[FS_UNITS_LEN];

	if (isinf(x) || isnan(x))
		snprintf(buf, W, "%s", isnan(x) ? "-" : x < 0 ? "-no end" : "no end");
	else
		snprintf(buf, W, "%s%s", x <= -0.5 ? "-" : "",
			 fs_fmt_ns((uint64_t)(fabs(x) + 0.5), t, sizeof(t)));
	return buf;
}

static void pair(const struct fsx_pair *p, FILE *out)
{
	char d[W], lo[W], hi[W], delta[W], seen[W], na[80], nb[80], more[80] = "";
	const struct fss_test *t = &p->test;

	/* a gain is a - b; reported here is b - a: how much longer the second is */
	ns(-t->gain, d);
	ns(-t->hi, lo);
	ns(-t->lo, hi);
	ns(t->delta, delta);
	if (p->finding == FSX_F_UNDECIDED && t->need)
		snprintf(more, sizeof(more), "; %zu forks in each variant would decide more",
			 t->need);
	fsv_para(
		out, 2, 4,
		"%s against %s: %s; difference %s (95 %% interval %s to %s), p = %.2g, n %zu and %zu; %s%s%s",
		fsv_variant_name(p->b, nb, sizeof(nb)), fsv_variant_name(p->a, na, sizeof(na)),
		p->finding == FSX_F_ALIKE       ? "alike (a difference beyond delta is excluded)"
		: p->finding == FSX_F_UNDECIDED ? "not decided"
						: fsx_finding_name(p->finding),
		d, lo, hi, p->p, t->na, t->nb,
		p->finding == FSX_F_ALIKE ? "delta " : "could have been seen: ",
		p->finding == FSX_F_ALIKE ? delta
		: isinf(t->smallest)      ? "no difference"
					  : ns(t->smallest, seen),
		more);
}

static size_t pairs(const struct fsv_view *v, const struct fsx_variants *b, enum fsx_pair_kind kind,
		    const char *title, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < b->npairs; i++) {
		if (b->pairs[i].kind != kind)
			continue;
		if (!n++)
			fsv_heading(v, out, title);
		pair(&b->pairs[i], out);
	}
	return n;
}

struct shares { /* of the mean gaps of several variants */
	double least, most;
	size_t n;
};

static void add_share(struct shares *s, double share)
{
	s->least = s->n && s->least < share ? s->least : share;
	s->most = s->n && s->most > share ? s->most : share;
	s->n++;
}

/*
 * What the ledger says of it, whatever the comparisons found. The bucket is not all that a signal
 * costs: its path is full of faults and of others' work, some of which another signal would meet
 * as well. All of the path is the bound.
 */
static void signal_share(const struct fsx_variants *b, FILE *out)
{
	struct shares bucket = {0}, path = {0};

	for (size_t i = 0; i < b->nvariants; i++) {
		const struct fsx_variant *a = &b->variants[i];
		double all = fsx_mean_gap(a);

		if (!a->complete || a->split < a->complete || !(all > 0))
			continue;
		add_share(&bucket, 100 * a->bucket[FSA_B_SIGNAL] / all);
		if (a->signal_path > 0)
			add_share(&path, 100 * a->signal_path / all);
	}
	if (!bucket.n) {
		fsv_para(
			out, 2, 2,
			"What signal delivery takes is not known: the guest recordings are missing, so that guest time is not split.");
		return;
	}
	fsv_para(
		out, 2, 2,
		"By the ledger signal delivery, guest code of the signal path and waiting for it, takes %.1f to %.1f %% of the mean gap (%zu of %zu variants, whose guest time is split).",
		bucket.least, bucket.most, bucket.n, b->nvariants);
	if (path.n)
		fsv_para(
			out, 2, 2,
			"Faults, exits and others' work on that path are in the other buckets: all of it, from raise to wakeup, takes %.1f to %.1f %% (%zu variants, whose signal is raised). Another signal can save no more than that, and less where the same pages would be touched all the same.",
			path.least, path.most, path.n);
}

static const char two_snapshots[] =
	"A guest waits for one signal, so variants of two signals are forks of two snapshots. Whatever else these differ by is in the difference, and its interval does not cover it: snapshots taken anew would show it.";

void fsv_variants_comparisons(const struct fsv_view *v, const struct fsx_variants *b, FILE *out)
{
	if (pairs(v, b, FSX_SIGNALS, "Does the signal matter? Gaps, each signal against another",
		  out)) {
		fsv_para(out, 2, 2, "%s", two_snapshots);
		signal_share(b, out);
	}
	pairs(v, b, FSX_PREFETCHES, "Does the prefetch help? Gaps, each prefetch against none",
	      out);
	if (b->npairs)
		fsv_para(
			out, 2, 2,
			"Differences are Hodges-Lehmann shifts with bootstrap intervals (%u resamples, seed %" PRIu64
			"); p is of the rank test, for all comparisons of its kind (Holm).",
			b->pairs[0].test.resamples, b->pairs[0].test.seed);
}
