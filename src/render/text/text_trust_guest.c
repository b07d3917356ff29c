// SPDX-License-Identifier: BSD-2-Clause
/* The trust block's lines about the guest recordings and the guests' symbols. */
#include <inttypes.h>
#include "base/units.h"
#include "guestsyms/ownsyms.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"
#include "render/trust.h"

static void say_missing(void *arg, const char *why, size_t forks)
{
	fsv_para(arg, 4, 6, "%zu fork%s: %s", forks, forks == 1 ? "" : "s", why);
}

static void clock_error(const struct fsv_trust_guest *g, FILE *out)
{
	char t[2][FS_UNITS_LEN], p95[64];

	fs_fmt_ns(g->error_max, t[0], sizeof(t[0]));
	if (g->error_p95 == FSV_NOT_RECORDED)
		snprintf(p95, sizeof(p95), "p95 needs 20 forks");
	else
		snprintf(p95, sizeof(p95), "p95 %s", fs_fmt_ns(g->error_p95, t[1], sizeof(t[1])));
	fsv_para(
		out, 2, 4,
		"clock error: at most +-%s, %s (n = %zu forks, in %zu the VM's own clock data took part); events closer than that are not ordered",
		t[0], p95, g->n_error, g->n_clock);
	if (g->outside)
		fsv_para(out, 4, 6,
			 "WRONG: %" PRIu64
			 " guest events lie outside guest mode: do not use the stages",
			 g->outside);
}

static void cost(const struct fsv_trust_guest *g, FILE *out)
{
	char t[FS_UNITS_LEN], pct[16], tracer[96];

	snprintf(tracer, sizeof(tracer), "faults at its own pages took %s (%s; cause tracer)",
		 fs_fmt_ns(g->tracer_ns, t, sizeof(t)),
		 fsv_pct(g->tracer_ns, g->window_ns, pct, sizeof(pct)));
	if (!g->n_cost)
		fsv_para(out, 2, 4, "cost of the guest's recorder: not calibrated; %s", tracer);
	else
		fsv_para(
			out, 2, 4,
			"cost of the guest's recorder: %s of the windows (n = %zu forks: records x what one took when it was armed); %s",
			fsv_pct(g->cost_ns, g->cost_of_ns, pct, sizeof(pct)), g->n_cost, tracer);
}

void fsv_text_trust_guest(const struct fsv_view *v, FILE *out)
{
	struct fsv_trust_guest g;

	fsv_trust_guest(v, &g);
	if (!g.read)
		fprintf(out, "  guest recording: of none of the %zu forks\n", g.shown);
	else if (!g.lost && !g.partial)
		fsv_para(out, 2, 4,
			 "guest recording: read of %zu of %zu forks, used of %zu; %" PRIu64
			 " records, none lost",
			 g.read, g.shown, g.used, g.events);
	else
		fsv_para(out, 2, 4,
			 "guest recording: read of %zu of %zu forks, used of %zu; %" PRIu64
			 " records, LOST: %" PRIu64 ", partial: %" PRIu64,
			 g.read, g.shown, g.used, g.events, g.lost, g.partial);
	fsv_guest_missing(v, say_missing, out);
	if (g.n_error)
		clock_error(&g, out);
	else
		fsv_para(out, 2, 4, "clock error: none (host only: all times are of one clock)");
	if (g.read)
		cost(&g, out);
}

/* Those that came with the snapshots: they are at the addresses at which the kernel ran. */
static void own_symbols(const struct fsv_view *v, FILE *out)
{
	for (size_t i = 0; i < v->own->n; i++) {
		const struct fsy_own_table *t = &v->own->v[i];
		char whose[80];
		uint64_t slide;

		snprintf(whose, sizeof(whose), "the snapshot itself (%zu fork%s)", t->forks,
			 t->forks == 1 ? "" : "s");
		if (!t->syms)
			fsv_para(out, 2, 4, "guest symbols: none from %s: %s", whose, t->why);
		else
			fsv_para(out, 2, 4, "guest symbols: %zu from %s%s: %s",
				 fsy_syms_count(t->syms), whose,
				 fsy_syms_slide(t->syms, &slide)
					 ? ""
					 : ", NOT USED, so no guest address is named",
				 fsy_syms_why(t->syms));
	}
}

static void file_symbols(const struct fsy_syms *s, FILE *out)
{
	uint64_t slide;

	if (fsy_syms_slide(s, &slide))
		fsv_para(out, 2, 4, "guest symbols: %zu from a %s, KASLR slide 0x%" PRIx64 ": %s",
			 fsy_syms_count(s), fsy_syms_kind_text(s), slide, fsy_syms_why(s));
	else
		fsv_para(
			out, 2, 4,
			"guest symbols: %zu from a %s, KASLR slide UNKNOWN, so no guest address is named: %s",
			fsy_syms_count(s), fsy_syms_kind_text(s), fsy_syms_why(s));
}

void fsv_text_symbols(const struct fsv_view *v, FILE *out)
{
	if (v->guest)
		file_symbols(v->guest, out);
	else if (v->own && v->own->n)
		own_symbols(v, out);
	else
		fprintf(out, "  guest symbols: none given (--guest-symbols FILE)\n");
}
