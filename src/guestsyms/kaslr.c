// SPDX-License-Identifier: BSD-2-Clause
/* Finds the slide of a guest's kernel: tries every one against the addresses of its exits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/vec.h"
#include "guestsyms/exit_names.h"
#include "guestsyms/insn_places.h"
#include "guestsyms/kaslr.h"

#define KERNEL_FIRST 0xffffffff80000000ull /* the kernel's image lies in the 1 GiB from here */
#define KERNEL_END   0xffffffffc0000000ull
#define ALIGN        0x200000ull
#define MANY_FETCHES 100
#define MAX_PROOFS   65536 /* different (address, instruction) pairs that are looked at */

struct proof {
	uint64_t rip;
	enum fsy_insn insn;
	bool fetch; /* it left because this very instruction could not be fetched */
};

/* Parts of the code that are judged one by one: a file of another build fits some of them only. */
#define REGIONS      16
#define REGION_NEEDS 8 /* fetches in a part below which it says nothing */

struct score {
	unsigned int bits, agree, against;
	unsigned int starts, fetches; /* fetches at the very start of a function; all of them */
	unsigned int region[REGIONS], region_starts[REGIONS];
};

#define NINSNS (FSY_I_CR + 1)

struct search {
	const struct fsy_syms *s;
	const struct proof *p;
	size_t n;
	unsigned int name_weight[NINSNS]; /* how much evidence a name is in this file */
	uint64_t first, end;              /* of the code */
};

/* Bits of evidence in equal bytes: minus log2 of their chance at a random place of code. */
enum {
	BITS_ONE_BYTE = 5,   /* hlt, or one of 8 forms of in/out: at most 8 in 256, or rarer */
	BITS_TWO_BYTES = 12, /* rarer than 1 in 2^12 even where code clusters */
	BITS_MOST = 16,
};

static int by_rip(const void *a, const void *b)
{
	const struct proof *x = a, *y = b;

	if (x->rip != y->rip)
		return x->rip < y->rip ? -1 : 1;
	return x->insn != y->insn ? (int)x->insn - (int)y->insn : x->fetch - y->fetch;
}

typedef FS_VEC(struct proof) proof_vec;

/* Which forks are looked at. */
struct whose {
	unsigned int only_fork; /* 0 = all */
	const uint8_t *id;      /* of the guest's arming, 16 bytes; NULL = all */
};

static bool is_meant(const struct whose *w, const struct fsa_fork *f)
{
	if (w->only_fork && f->id != w->only_fork)
		return false;
	return !w->id || (f->guest.read && !memcmp(w->id, f->guest.id, sizeof(f->guest.id)));
}

/* All kernel addresses of the exits, once each; those with a reason that names an instruction in
 * @proofs. */
static int collect(const struct fsa_result *res, const struct whose *w, proof_vec *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < res->nforks; i++) {
		const struct fsa_fork *f = &res->forks[i];

		if (!is_meant(w, f))
			continue;
		for (size_t k = 0; k < f->nplaces; k++) {
			const struct fsa_place *s = &f->places[k];
			struct proof p = {.rip = s->rip,
					  .insn = fsy_exit_insn(s->isa, s->reason),
					  .fetch = s->fetch};

			if (s->rip < KERNEL_FIRST || s->rip >= KERNEL_END)
				continue;
			if (fs_vec_push(out, p))
				return -1;
		}
	}
	if (!out->n)
		return 0;
	qsort(out->v, out->n, sizeof(*out->v), by_rip);
	for (size_t i = 1; i < out->n; i++)
		if (by_rip(&out->v[kept], &out->v[i]))
			out->v[++kept] = out->v[i];
	out->n = kept + 1 < MAX_PROOFS ? kept + 1 : MAX_PROOFS;
	return 0;
}

static bool known_for(const char *name, void *arg)
{
	return fsy_insn_known_function(*(const enum fsy_insn *)arg, name);
}

/* How much it says of a candidate that an instruction lies in one of its functions. */
static void weigh(struct search *q)
{
	for (enum fsy_insn i = FSY_I_NONE + 1; i < NINSNS; i++) {
		double share = fsy_syms_share(q->s, known_for, &i);

		for (q->name_weight[i] = 0; share > 0 && share < 0.5; share *= 2)
			if (++q->name_weight[i] == BITS_MOST)
				break;
	}
}

/* @name is the function at @raw, @again that the address before lay in it too. */
static void judge(const struct search *q, const struct proof *p, uint64_t raw, const char *name,
		  bool again, struct score *sc)
{
	bool one_byte = p->insn == FSY_I_HLT || p->insn == FSY_I_IO;
	bool home = name && fsy_insn_known_function(p->insn, name);
	uint8_t code[16];
	size_t n = fsy_syms_code(q->s, raw, code, sizeof(code));

	if ((n && !fsy_insn_is(p->insn, code, n)) || (p->insn == FSY_I_HLT && !home)) {
		sc->against++;
	} else if ((n || home) && !again) {
		sc->agree++;
		if (n)
			sc->bits += one_byte ? BITS_ONE_BYTE : BITS_TWO_BYTES;
		if (home)
			sc->bits += q->name_weight[p->insn];
	}
}

/* False: too many of the addresses lie outside the code for this slide. */
static bool try_slide(const struct search *q, uint64_t slide, struct score *sc)
{
	uint64_t width = (q->end - q->first) / REGIONS + 1;
	const char *before = NULL;
	size_t inside = 0;

	memset(sc, 0, sizeof(*sc));
	for (size_t i = 0; i < q->n; i++)
		inside += q->p[i].rip - slide - q->first < q->end - q->first;
	if (inside * 20 < q->n * 19 || !q->n)
		return false;
	for (size_t i = 0; i < q->n; i++) {
		uint64_t raw = q->p[i].rip - slide, off = 1;
		bool fetch = q->p[i].fetch, start;
		const char *name;

		if (raw - q->first >= q->end - q->first || (!fetch && q->p[i].insn == FSY_I_NONE))
			continue;
		name = fsy_syms_raw(q->s, raw, &off);
		start = fetch && name && !off;
		sc->fetches += fetch;
		sc->starts += start;
		sc->region[(raw - q->first) / width] += fetch;
		sc->region_starts[(raw - q->first) / width] += start;
		if (q->p[i].insn != FSY_I_NONE) {
			judge(q, &q->p[i], raw, name, name && name == before, sc);
			before = name;
		}
	}
	return true;
}

static bool by_insns(const struct score *best, unsigned int next_bits)
{
	return best->bits >= FSY_KASLR_BITS && best->agree >= 2 &&
	       best->against * 3 <= best->agree && next_bits * 2 <= best->bits;
}

static bool by_starts(const struct score *best, unsigned int next_starts)
{
	return best->starts >= FSY_KASLR_STARTS && best->starts * 2 >= best->fetches &&
	       best->starts >= 3 * next_starts;
}

/* Is there a part of the code where most fetches are no starts, as nowhere in the right file? */
static bool part_of_another_build(const struct score *sc)
{
	for (unsigned int r = 0; r < REGIONS; r++)
		if (sc->region[r] >= REGION_NEEDS && sc->region_starts[r] * 5 < sc->region[r] * 2)
			return true;
	return false;
}

struct found {
	struct score best_bits, best_starts; /* the candidates that lead in each */
	uint64_t slide_bits, slide_starts;
	unsigned int next_bits, next_starts; /* of the candidates behind them */
};

static void scan(const struct search *q, bool both_ways, struct found *f)
{
	uint64_t span = KERNEL_END - KERNEL_FIRST;
	struct score sc;

	memset(f, 0, sizeof(*f));
	for (uint64_t i = 0; i < (both_ways ? 2 : 1) * (span / ALIGN); i++) {
		/* an unsigned slide wraps: the second half moves down */
		uint64_t slide = i < span / ALIGN ? i * ALIGN : 0 - (i - span / ALIGN + 1) * ALIGN;

		if (!try_slide(q, slide, &sc))
			continue;
		if (sc.bits > f->best_bits.bits) {
			f->next_bits = f->best_bits.bits;
			f->best_bits = sc;
			f->slide_bits = slide;
		} else if (sc.bits > f->next_bits) {
			f->next_bits = sc.bits;
		}
		if (sc.starts > f->best_starts.starts) {
			f->next_starts = f->best_starts.starts;
			f->best_starts = sc;
			f->slide_starts = slide;
		} else if (sc.starts > f->next_starts) {
			f->next_starts = sc.starts;
		}
	}
}

/* Is there one answer? @why gets the evidence, for or against. */
static bool decide(const struct search *q, const struct found *f, uint64_t *slide, char *why,
		   size_t len)
{
	bool insns = by_insns(&f->best_bits, f->next_bits);
	bool starts = by_starts(&f->best_starts, f->next_starts);
	const struct score *b = insns ? &f->best_bits : &f->best_starts;

	if (insns && starts && f->slide_bits != f->slide_starts) {
		snprintf(why, len, "instructions and function starts speak for two slides");
		return false;
	}
	if ((insns || starts) && part_of_another_build(b)) {
		snprintf(why, len, "the file fits only a part of the addresses: another build");
		return false;
	}
	if (!insns && !starts) {
		snprintf(
			why, len,
			"none is proven by the %zu kernel addresses seen (best of the candidates: %u of %u instruction fetches are function starts, against %u; %u bits from instructions, against %u): another kernel's file, or too few exits",
			q->n, f->best_starts.starts, f->best_starts.fetches, f->next_starts,
			f->best_bits.bits, f->next_bits);
		return false;
	}
	*slide = insns ? f->slide_bits : f->slide_starts;
	snprintf(
		why, len,
		"%u of %u faults of instruction fetches are function starts (%u at the next best), %u functions hold the instruction that left (%u addresses do not)",
		b->starts, b->fetches, f->next_starts, b->agree, b->against);
	return true;
}

/* A running kernel's own addresses are taken unless what was seen speaks against them. */
static bool take(const struct search *q, const struct found *f, char *why, size_t len)
{
	struct score zero;

	/* had there been many, the right file would have been proven */
	if (f->best_starts.fetches >= MANY_FETCHES)
		return false;
	if (q->n && (!try_slide(q, 0, &zero) || zero.against > zero.agree))
		return false;
	snprintf(
		why, len,
		"taken, not proven: they are a running kernel's own addresses, and the %zu seen here do not speak against them",
		q->n);
	return true;
}

static bool find(struct fsy_syms *s, const struct fsa_result *res, const struct whose *w, bool own)
{
	struct search q = {.s = s};
	bool found, running = own || fsy_syms_running(s);
	struct found f;
	uint64_t slide = 0;
	proof_vec p = {0};
	char why[1024], text[1280];

	if (collect(res, w, &p)) {
		fs_vec_free(&p);
		fsy_syms_no_slide(s, "no memory to look for it");
		return false;
	}
	q.p = p.v;
	q.n = p.n;
	fsy_syms_text(s, &q.first, &q.end);
	weigh(&q);
	scan(&q, running, &f);
	found = decide(&q, &f, &slide, why, sizeof(why));
	if (found && own && slide) {
		snprintf(text, sizeof(text),
			 "CONTRADICTED, the kernel runs 0x%" PRIx64 " away from them: %s", slide,
			 why);
		fsy_syms_no_slide(s, text);
		fs_vec_free(&p);
		return false;
	}
	if (!found && running)
		found = take(&q, &f, why, sizeof(why));
	if (found)
		fsy_syms_set_slide(s, slide, why);
	else
		fsy_syms_no_slide(s, why);
	fs_vec_free(&p);
	return found;
}

bool fsy_kaslr_find(struct fsy_syms *s, const struct fsa_result *res, unsigned int only_fork)
{
	return find(s, res, &(struct whose){.only_fork = only_fork}, false);
}

bool fsy_kaslr_check_own(struct fsy_syms *s, const struct fsa_result *res, const uint8_t id[16])
{
	return find(s, res, &(struct whose){.id = id}, true);
}
