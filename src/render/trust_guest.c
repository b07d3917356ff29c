// SPDX-License-Identifier: BSD-2-Clause
/* How far the guest recordings can be trusted. */
#include <stdlib.h>
#include <string.h>
#include "render/format_values.h"
#include "render/trust.h"

#define P95_NEEDS   20
#define MAX_REASONS 8

static int by_number(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

/* Nearest rank, as all quantiles of forks are. */
static uint64_t p95(uint64_t *v, size_t n)
{
	if (n < P95_NEEDS)
		return FSV_NOT_RECORDED;
	qsort(v, n, sizeof(*v), by_number);
	return v[(n * 95 + 99) / 100 - 1];
}

void fsv_trust_guest(const struct fsv_view *v, struct fsv_trust_guest *g)
{
	uint64_t *errors = calloc(v->res->nforks + 1, sizeof(*errors));

	memset(g, 0, sizeof(*g));
	for (size_t i = 0; i < v->res->nforks; i++) {
		const struct fsa_fork *f = &v->res->forks[i];

		if (!fsv_shows(v, f))
			continue;
		g->shown++;
		if (!f->guest.read)
			continue;
		g->read++;
		g->used += f->guest.used;
		g->events += f->guest.events;
		g->lost += f->guest.lost;
		g->partial += f->guest.partial;
		g->outside += f->guest.outside;
		g->tracer_ns += f->bucket_ns[FSA_B_TRACER];
		g->window_ns += f->gap_ns;
		if (f->guest.probe_ns) {
			g->n_cost++;
			g->cost_ns += f->guest.probe_ns;
			g->cost_of_ns += f->gap_ns;
		}
		if (!f->guest.used)
			continue;
		if (errors)
			errors[g->n_error] = f->clock_error_ns;
		g->n_error++;
		g->n_clock += f->guest.clock_used;
		if (f->clock_error_ns > g->error_max)
			g->error_max = f->clock_error_ns;
	}
	g->error_p95 = errors ? p95(errors, g->n_error) : FSV_NOT_RECORDED;
	free(errors);
}

const char *fsv_guest_why(const struct fsa_fork *f)
{
	if (f->guest.used)
		return "";
	if (f->guest.why && *f->guest.why)
		return f->guest.why;
	return f->guest.read
		       ? "its records could not be placed on the host's time line"
		       : "the recording has none, so its time is one sum (forkscope-guest arm)";
}

struct reason {
	const char *why;
	size_t forks;
};

void fsv_guest_missing(const struct fsv_view *v,
		       void (*say)(void *arg, const char *why, size_t forks), void *arg)
{
	struct reason r[MAX_REASONS];
	size_t n = 0;

	for (size_t i = 0; i < v->res->nforks; i++) {
		const struct fsa_fork *f = &v->res->forks[i];
		const char *why = fsv_guest_why(f);
		size_t k;

		if (!*why || !fsv_shows(v, f))
			continue;
		for (k = 0; k < n && strcmp(r[k].why, why);)
			k++;
		if (k == n && n == MAX_REASONS)
			continue;
		if (k == n)
			r[n++] = (struct reason){why, 0};
		r[k].forks++;
		for (; k && r[k - 1].forks < r[k].forks; k--) {
			struct reason swap = r[k];

			r[k] = r[k - 1];
			r[k - 1] = swap;
		}
	}
	for (size_t k = 0; k < n; k++)
		say(arg, r[k].why, r[k].forks);
}
