// SPDX-License-Identifier: BSD-2-Clause
/*
 * Guest CLOCK_MONOTONIC to host CLOCK_MONOTONIC by what the clocks themselves say.
 *
 *	guest TSC = host TSC + offset
 *		(L1 TSC offset of the vCPU; no TSC scaling: its rate is compared)
 *	kvmclock = system_time + ((guest TSC - tsc_timestamp) << shift) * mul >> 32
 *		(struct pvclock_vcpu_time_info: Documentation/virt/kvm/x86/msr.rst,
 *		MSR_KVM_SYSTEM_TIME_NEW; pvclock_scale_delta() of the kernel)
 *	guest MONOTONIC = kvmclock + constant
 *		(clocksource kvm-clock counts nanoseconds, mult / 2^shift = 1 exactly, as long as
 *		nothing in the guest slews its clock. The timekeeper is memory of the guest and the
 *		VMM sets kvmclock to its value at the snapshot, so the constant outlives the fork)
 *	guest MONOTONIC = constant + guest TSC / rate
 *		(clocksource tsc; the VMM restores the TSC's value)
 *	host MONOTONIC = by reads of it and of the host's TSC, interpolated
 *
 * The error is the sum of half the brackets in which clocks were read on both sides, and of the
 * rates' uncertainty over the distance to the nearest read.
 */
#include "align/clock_map.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define MIN_BASE_NS   50e6   /* reads of the host's clocks nearer to each other tell no rate */
#define NEIGHBOURS    8      /* reads about the moment that make the line */
#define RATE_SLACK    100e-9 /* of the host's clock between two reads: it is steered */
#define TSC_SLACK     300e-9 /* guest kHz, and ticks of its timekeeper, are whole numbers */
#define RATE_MISMATCH 1e-3   /* kvmclock and host differ more: the TSC is scaled */
#define MIN_PER_TICK  0.01   /* ns: 100 GHz */
#define MAX_PER_TICK  100    /* ns: 10 MHz */
#define MAX_AWAY      1e15   /* ns: eleven days of the guest's time */
#define MAX_BRACKET   1e6    /* ns: a read of clocks that took longer says nothing */

/* Host time as a line over the host's TSC: ns = ns0 + (tsc - tsc0) * per_tick. */
struct line {
	uint64_t tsc0, ns0;
	double per_tick;
	double error, rate_error; /* ns; ns per ns of distance */
};

/* Guest time over the guest's TSC, likewise. */
struct guest_line {
	uint64_t tsc0, ns0;
	double per_tick;
	double error, rate_error;
	uint32_t vcpu;
};

static double ticks(uint64_t a, uint64_t b)
{
	return (double)(int64_t)(a - b);
}

static uint64_t shifted(uint64_t t, double by)
{
	return t + (uint64_t)llround(by);
}

/* --- host --- */

static size_t nearest(const struct fsl_clock_input *in, uint64_t tsc)
{
	size_t best = 0;

	for (size_t i = 1; i < in->nhost; i++)
		if (fabs(ticks(in->host[i].tsc, tsc)) < fabs(ticks(in->host[best].tsc, tsc)))
			best = i;
	return best;
}

/* The line through the reads about @tsc. Returns what is wrong, or NULL. */
static const char *host_line(const struct fsl_clock_input *in, uint64_t tsc, struct line *l)
{
	size_t at, from, to;
	const struct fsl_host_clock *a, *b, *n;
	double base;

	if (in->nhost < 2)
		return "the host's clocks were not read twice (TSC and CLOCK_MONOTONIC)";
	at = nearest(in, tsc);
	from = at > NEIGHBOURS / 2 ? at - NEIGHBOURS / 2 : 0;
	to = at + NEIGHBOURS / 2 < in->nhost ? at + NEIGHBOURS / 2 : in->nhost - 1;
	while (from && (double)(in->host[to].mono_ns - in->host[from].mono_ns) < MIN_BASE_NS)
		from--;
	while (to + 1 < in->nhost &&
	       (double)(in->host[to].mono_ns - in->host[from].mono_ns) < MIN_BASE_NS)
		to++;
	a = &in->host[from];
	b = &in->host[to];
	n = &in->host[at];
	base = ticks(b->tsc, a->tsc);
	if ((double)(b->mono_ns - a->mono_ns) < MIN_BASE_NS || base <= 0)
		return "the host's clocks were read at one time only";
	*l = (struct line){.tsc0 = n->tsc, .ns0 = n->mono_ns};
	l->per_tick = (double)(b->mono_ns - a->mono_ns) / base;
	l->error = (double)n->tsc_width / 2 * l->per_tick;
	l->rate_error = (double)(a->tsc_width + b->tsc_width) / 2 / base + RATE_SLACK;
	for (size_t i = from; i <= to; i++) { /* a clock that is steered does not go straight */
		const struct fsl_host_clock *h = &in->host[i];
		double off = (double)(int64_t)(h->mono_ns - a->mono_ns) -
			     ticks(h->tsc, a->tsc) * l->per_tick;
		double more = fabs(off) - (double)(h->tsc_width + a->tsc_width) / 2 * l->per_tick;

		if (more > l->error)
			l->error = more;
	}
	return NULL;
}

/* --- guest --- */

/* pvclock_scale_delta(): ticks to ns, exactly as the guest computes it. */
static uint64_t scale(uint64_t delta, uint32_t mul, int32_t shift)
{
	if (shift < -63 || shift > 63)
		return 0;
	delta = shift < 0 ? delta >> -shift : delta << shift;
	return (uint64_t)((unsigned __int128)delta * mul >> 32);
}

static bool usable(const struct fsg_clock *c, double per_tick)
{
	return c->tsc && (double)c->tsc_width * per_tick < MAX_BRACKET;
}

static double pv_per_tick(uint32_t mul, int32_t shift)
{
	return ldexp(mul, (shift < -63 || shift > 63 ? 0 : shift) - 32);
}

/* MONOTONIC - kvmclock, by all reads of both: the middle of what they agree on. */
static const char *pv_constant(const struct fsl_clock_input *in, int64_t *c, double *error)
{
	double lo = -INFINITY, hi = INFINITY;
	int64_t base = 0;
	bool any = false;

	for (size_t i = 0; i < in->nguest; i++) {
		const struct fsg_clock *g = &in->guest[i];
		double per_tick = pv_per_tick(g->pv_mul, g->pv_shift), half, d;
		uint64_t kvm;

		if (!g->pv_version || !g->pv_mul || !usable(g, per_tick))
			continue;
		kvm = g->pv_system_time +
		      scale(g->tsc - g->pv_tsc_timestamp, g->pv_mul, g->pv_shift);
		if (!any)
			base = (int64_t)(g->mono_ns - kvm);
		d = (double)(int64_t)(g->mono_ns - kvm - (uint64_t)base);
		half = (double)g->tsc_width / 2 * per_tick + 2; /* both are whole ns */
		lo = fmax(lo, d - half);
		hi = fmin(hi, d + half);
		any = true;
	}
	if (!any)
		return "the guest could not read its kvmclock page before the snapshot";
	if (lo > hi)
		return "the guest's CLOCK_MONOTONIC does not follow its kvmclock: it is slewed";
	*c = base + llround((lo + hi) / 2);
	*error = (hi - lo) / 2;
	return NULL;
}

static const char *guest_by_pvclock(const struct fsl_clock_input *in, size_t k,
				    struct guest_line *g)
{
	const struct fsl_pvclock *pv = &in->pv[k];
	const char *why;
	int64_t c = 0;

	*g = (struct guest_line){.tsc0 = pv->tsc_timestamp, .vcpu = pv->vcpu};
	g->per_tick = pv_per_tick(pv->mul, pv->shift);
	why = pv_constant(in, &c, &g->error);
	g->ns0 = pv->system_time + (uint64_t)c;
	return why ? why : g->per_tick > 0 ? NULL : "KVM wrote a kvmclock page without a rate";
}

static const char *guest_by_tsc(const struct fsl_clock_input *in, size_t k, struct guest_line *g)
{
	double per_tick = in->guest_khz ? 1e6 / (double)in->guest_khz : 0;
	const struct fsg_clock *best = NULL;

	if (!in->guest_khz)
		return "the guest's TSC rate is not known";
	for (size_t i = 0; i < in->nguest; i++)
		if (usable(&in->guest[i], per_tick) &&
		    (!best || in->guest[i].mono_ns > best->mono_ns))
			best = &in->guest[i];
	if (!best)
		return "the guest did not read its clocks before the snapshot";
	*g = (struct guest_line){
		.tsc0 = best->tsc,
		.ns0 = best->mono_ns,
		.per_tick = per_tick,
		.error = (double)best->tsc_width / 2 * per_tick,
		.rate_error = TSC_SLACK,
		.vcpu = in->offset[k].vcpu,
	};
	return NULL;
}

/* --- both --- */

static const struct fsl_tsc_offset *offset_of(const struct fsl_clock_input *in, uint32_t vcpu)
{
	for (size_t i = 0; i < in->noffset; i++)
		if (in->offset[i].vcpu == vcpu)
			return &in->offset[i];
	return NULL;
}

/* Host time of guest time @ns by the clock of one vCPU; relative to host read ns0 of the line. */
static const char *host_at(const struct fsl_clock_input *in, const struct guest_line *g,
			   uint64_t ns, uint64_t *host, double *error)
{
	const struct fsl_tsc_offset *o = offset_of(in, g->vcpu);
	double away = (double)(int64_t)(ns - g->ns0), from_read;
	const char *why;
	struct line l;
	uint64_t tsc;

	if (!o)
		return "no TSC offset was seen of a vCPU";
	if (fabs(away) > MAX_AWAY || g->per_tick < MIN_PER_TICK || g->per_tick > MAX_PER_TICK)
		return "what the guest says of its clocks is nonsense";
	tsc = shifted(g->tsc0, away / g->per_tick) - o->offset;
	why = host_line(in, tsc, &l);
	if (why)
		return why;
	if (fabs(l.per_tick / g->per_tick - 1) > RATE_MISMATCH)
		return "guest TSC and host TSC differ in rate (TSC scaling)";
	from_read = ticks(tsc, l.tsc0) * l.per_tick;
	*host = shifted(l.ns0, from_read);
	*error = g->error + fabs(away) * g->rate_error + l.error + fabs(from_read) * l.rate_error +
		 2;
	return NULL;
}

/* Each vCPU's clock has its word; they must agree but for their errors. */
static const char *combine(const struct fsl_clock_input *in, uint64_t host[2], double *error)
{
	const uint64_t at[2] = {in->first, in->last};
	bool tsc = in->clocksource == 2;
	size_t n = tsc ? in->noffset : in->npv;
	double lo[2] = {0}, hi[2] = {0};
	uint64_t base[2] = {0};

	if (!n)
		return tsc ? "no TSC offset was seen of this VM"
			   : "no kvmclock page was seen to be written for this VM";
	for (size_t i = 0; i < n; i++) {
		struct guest_line g;
		const char *why = tsc ? guest_by_tsc(in, i, &g) : guest_by_pvclock(in, i, &g);

		for (int k = 0; k < 2 && !why; k++) {
			uint64_t h = 0;
			double e = 0, d;

			why = host_at(in, &g, at[k], &h, &e);
			base[k] = i ? base[k] : h;
			d = (double)(int64_t)(h - base[k]);
			lo[k] = i ? fmin(lo[k], d - e) : d - e;
			hi[k] = i ? fmax(hi[k], d + e) : d + e;
		}
		if (why)
			return why;
	}
	for (int k = 0; k < 2; k++) {
		host[k] = shifted(base[k], (lo[k] + hi[k]) / 2);
		*error = fmax(*error, (hi[k] - lo[k]) / 2);
	}
	return *error < MAX_BRACKET ? NULL : "the clocks of the VM's vCPUs differ";
}

void fsl_vm_clock(const struct fsl_clock_input *in, struct fsl_clock *out)
{
	uint64_t host[2] = {0}, span = in->last - in->first;
	const char *why = NULL;
	double error = 0;

	*out = (struct fsl_clock){0};
	if (in->clocksource != 1 && in->clocksource != 2)
		why = "the guest's clocksource is neither kvm-clock nor tsc";
	if (!why)
		why = combine(in, host, &error);
	if (why) {
		snprintf(out->why, sizeof(out->why), "%s", why);
		return;
	}
	out->valid = true;
	out->ref = in->first;
	out->offset_ns = (int64_t)(host[0] - in->first);
	if (span)
		out->rate_ppb =
			llround(((double)(int64_t)(host[1] - host[0]) / (double)span - 1) * 1e9);
	/* the rate is in whole ppb */
	out->error_ns = (uint64_t)ceil(error + (double)span * 0.5e-9) + 1;
}
