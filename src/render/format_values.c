// SPDX-License-Identifier: BSD-2-Clause
/* Texts, numbers and addresses as all renderers print them. */
#include "render/format_values.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/units.h"
#include "guestsyms/ownsyms.h"

/* Below this the x86-64 address space is the user's half. */
#define KERNEL_HALF 0x8000000000000000ull

char *fsv_clean(const char *s, char *buf, size_t len)
{
	size_t i = 0;

	for (; s && *s && i + 1 < len; s++)
		buf[i++] = *s >= ' ' && *s <= '~' ? *s : '?';
	if (len)
		buf[i] = '\0';
	return buf;
}

double fsv_share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

char *fsv_pct(uint64_t part, uint64_t whole, char *buf, size_t len)
{
	double pct = 100 * fsv_share(part, whole);

	if (!whole)
		snprintf(buf, len, "-");
	else if (!part)
		snprintf(buf, len, "0 %%");
	else if (pct < 0.05)
		snprintf(buf, len, "<0.1 %%");
	else if (part < whole && pct > 99.95)
		snprintf(buf, len, ">99.9 %%");
	else
		snprintf(buf, len, "%.1f %%", pct);
	return buf;
}

char *fsv_guest_addr(const struct fsv_view *v, const struct fsa_fork *f, uint64_t rip, bool offset,
		     char *buf, size_t len)
{
	const struct fsy_syms *syms = fsv_guest_syms(v, f);
	const char *name = NULL;
	uint64_t off = 0;
	char clean[128];

	if (!rip) {
		snprintf(buf, len, "(not read)");
		return buf;
	}
	if (rip < KERNEL_HALF) {
		/* which program it is is not known on the host */
		snprintf(buf, len, offset ? "user 0x%" PRIx64 : "user code", rip);
		return buf;
	}
	if (syms)
		name = fsy_syms_find(syms, rip, &off);
	if (!name)
		snprintf(buf, len, "0x%" PRIx64, rip);
	else if (offset)
		snprintf(buf, len, "%s+0x%" PRIx64, fsv_clean(name, clean, sizeof(clean)), off);
	else
		snprintf(buf, len, "%s", fsv_clean(name, clean, sizeof(clean)));
	return buf;
}

char *fsv_host_addr(const struct fsv_view *v, uint64_t addr, char *buf, size_t len)
{
	const char *name = NULL;
	uint64_t off;

	if (v->reader)
		name = fsr_ksym(v->reader, addr, &off);
	if (name)
		return fsv_clean(name, buf, len);
	snprintf(buf, len, "[kernel] 0x%" PRIx64, addr);
	return buf;
}

char *fsv_rel(const struct fsa_fork *f, uint64_t at, char *buf, size_t len)
{
	char t[FS_UNITS_LEN];

	if (at >= f->start_ns)
		snprintf(buf, len, "+%s", fs_fmt_ns(at - f->start_ns, t, sizeof(t)));
	else
		snprintf(buf, len, "-%s", fs_fmt_ns(f->start_ns - at, t, sizeof(t)));
	return buf;
}

const char *fsv_resume_text(enum fsa_resume_kind k)
{
	switch (k) {
	case FSA_R_WAKE:
		return "woken";
	case FSA_R_SIGNAL:
		return "signalled";
	case FSA_R_CREATION:
		return "its vCPU thread was born running, created";
	case FSA_R_FIRST_RUN:
		return "not seen, taken as its first KVM_RUN";
	case FSA_R_NONE:
		break;
	}
	return "not seen";
}

const char *fsv_resume_name(enum fsa_resume_kind k)
{
	static const char *const names[] = {
		[FSA_R_NONE] = "none",           [FSA_R_WAKE] = "wake",
		[FSA_R_SIGNAL] = "signal",       [FSA_R_CREATION] = "creation",
		[FSA_R_FIRST_RUN] = "first-run",
	};

	return (size_t)k < sizeof(names) / sizeof(names[0]) ? names[k] : "none";
}

const char *fsv_start_name(enum fsa_start_kind k)
{
	return k == FSA_START_SPAWN ? "spawn" : k == FSA_START_LOAD ? "load" : "resume";
}

const char *fsv_verdict_name(enum fsa_verdict v)
{
	switch (v) {
	case FSA_V_MEMORY:
		return fsa_bucket_name(FSA_B_MEMORY);
	case FSA_V_VCPU:
		return fsa_bucket_name(FSA_B_VCPU);
	case FSA_V_SIGNAL:
		return fsa_bucket_name(FSA_B_SIGNAL);
	case FSA_V_GUEST:
		return fsa_bucket_name(FSA_B_GUEST);
	case FSA_V_MIXED:
		return "mixed";
	case FSA_V_UNKNOWN:
		break;
	}
	return "unknown";
}

const char *fsv_window_word(const struct fsa_fork *f)
{
	return f->complete ? "gap" : "window";
}

char *fsv_end_text(const struct fsv_view *v, const struct fsa_fork *f, char *buf, size_t len)
{
	char asked[96];

	if (f->complete)
		return fsv_clean(f->end, buf, len);
	return fsv_clean(fsa_end_text(&v->res->opts, asked, sizeof(asked)), buf, len);
}

char *fsv_verdict_text(const struct fsa_fork *f, char *buf, size_t len)
{
	enum fsa_bucket a = f->verdict_top[0], b = f->verdict_top[1];
	uint64_t top = f->bucket_ns[a], next = f->bucket_ns[b];
	uint64_t doubt =
		f->bucket_ns[FSA_B_UNKNOWN] + f->bucket_ns[FSA_B_TRACER] + f->guest.doubt_ns;
	const char *whose = f->guest.doubt_ns ? "unknown + tracer + what the clock error can move"
					      : "unknown + tracer";
	const char *win = fsv_window_word(f);
	double lead = 100 * fsv_share(top > next ? top - next : 0, f->gap_ns);
	char pa[16], pb[16], pd[16];

	fsv_pct(top, f->gap_ns, pa, sizeof(pa));
	fsv_pct(next, f->gap_ns, pb, sizeof(pb));
	fsv_pct(doubt, f->gap_ns, pd, sizeof(pd));
	if (!f->gap_ns)
		snprintf(buf, len, "none: the %s is empty", win);
	else if (f->verdict == FSA_V_UNKNOWN)
		snprintf(
			buf, len,
			"unknown: %s are %s of the %s, more than the lead of %s over %s (%.1f points)",
			whose, pd, win, fsa_bucket_title(a), fsa_bucket_title(b), lead);
	else if (f->verdict == FSA_V_MIXED)
		snprintf(
			buf, len,
			"mixed: %s %s and %s %s of the %s; neither has more than half and a clear lead",
			fsa_bucket_title(a), pa, fsa_bucket_title(b), pb, win);
	else
		snprintf(buf, len,
			 "%s: %s of the %s, %.1f points ahead of %s; %s (%s) cannot change that",
			 fsa_bucket_title(a), pa, win, lead, fsa_bucket_title(b), whose, pd);
	return buf;
}

const char *fsv_note(const struct fsa_fork *f, unsigned int *i)
{
	while (*i < FSA_NNOTES) {
		unsigned int n = (*i)++;

		if (f->notes & (1u << n))
			return fsa_note_text((enum fsa_note)n);
	}
	return NULL;
}

bool fsv_on_signal_path(const struct fsa_fork *f, const char *milestone)
{
	for (size_t i = 0; i < f->nstages; i++)
		if (!strcmp(milestone, fsa_stage_name(f->stages[i].stage)))
			return f->stages[i].seen;
	return false;
}
