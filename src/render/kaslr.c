// SPDX-License-Identifier: BSD-2-Clause
#include "render/kaslr.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/vec.h"
#include "render/exits.h"

#define KERNEL_FIRST 0xffffffff80000000ull /* the kernel's image lies in the 1 GiB from here */
#define KERNEL_END   0xffffffffc0000000ull
#define ALIGN        0x200000ull
#define MAX_PROOFS   65536 /* different (address, instruction) pairs that are looked at */

struct proof {
	uint64_t rip;
	enum fsv_insn insn;
};

struct score {
	unsigned int bits, agree, against, mute;
};

/*
 * Parts of the names of functions that an instruction is known to stand in (Linux x86-64, 4.14 to
 * 7.x). A name that is not here says nothing, except for hlt: there are no other places.
 */
static const struct {
	enum fsv_insn insn;
	const char *part;
} homes[] = {
	{FSV_I_HLT, "default_idle"},
	{FSV_I_HLT, "safe_halt"},
	{FSV_I_HLT, "native_halt"},
	{FSV_I_HLT, "acpi_idle"},
	{FSV_I_HLT, "mwait_idle"},
	{FSV_I_HLT, "default_enter_idle"},
	{FSV_I_HLT, "arch_cpu_idle"},
	{FSV_I_HLT, "kvm_wait"},
	{FSV_I_HLT, "play_dead"},
	{FSV_I_HLT, "intel_idle"},
	{FSV_I_HLT, "stop_this_cpu"},
	{FSV_I_HLT, "amd_e400_idle"},
	{FSV_I_IO, "io_serial_"},
	{FSV_I_IO, "ioread"},
	{FSV_I_IO, "iowrite"},
	{FSV_I_IO, "pci_conf1_"},
	{FSV_I_IO, "native_io_delay"},
	{FSV_I_IO, "cmos"},
	{FSV_I_IO, "mc146818"},
	{FSV_I_IO, "acpi_os_read_port"},
	{FSV_I_IO, "acpi_os_write_port"},
	{FSV_I_IO, "acpi_pm_read"},
	{FSV_I_IO, "i8042"},
	{FSV_I_IO, "8259A"},
	{FSV_I_IO, "pit_"},
	{FSV_I_IO, "serial8250"},
	{FSV_I_IO, "i8254"},
	{FSV_I_IO, "ata_"},
	{FSV_I_MSR, "_msr"},
	{FSV_I_MSR, "lapic_next_deadline"},
	{FSV_I_MSR, "x2apic"},
	{FSV_I_MSR, "apic_eoi"},
	{FSV_I_MSR, "apic_write"},
	{FSV_I_MSR, "apic_mem"},
	{FSV_I_CPUID, "cpuid"},
	{FSV_I_CPUID, "sync_core"},
	{FSV_I_MWAIT, "idle"},
	{FSV_I_MWAIT, "mwait"},
	{FSV_I_HYPERCALL, "kvm_"},
	{FSV_I_HYPERCALL, "hypercall"},
};

/* Bits that an agreement is worth: minus log2 of its chance at a random place of the code. */
enum {
	BITS_HLT_NAME = 13,  /* a dozen functions of some 100 bytes in 15 MB */
	BITS_NAME = 6,       /* a few hundred functions */
	BITS_ONE_BYTE = 5,   /* hlt, or one of 8 forms of in/out: at most 8 in 256, or rarer */
	BITS_TWO_BYTES = 12, /* rarer than 1 in 2^12 even where code clusters */
};

static int by_rip(const void *a, const void *b)
{
	const struct proof *x = a, *y = b;

	if (x->rip != y->rip)
		return x->rip < y->rip ? -1 : 1;
	return (int)x->insn - (int)y->insn;
}

typedef FS_VEC(struct proof) proof_vec;

/* All kernel addresses of the exits, once each; those with a telling reason in @proofs. */
static int collect(const struct fsa_result *res, unsigned int only_fork, proof_vec *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < res->nforks; i++) {
		const struct fsa_fork *f = &res->forks[i];

		for (size_t k = 0; k < f->nsegs; k++) {
			const struct fsa_seg *s = &f->segs[k];
			struct proof p = {s->rip, fsv_exit_insn(s->isa, s->reason)};

			if (only_fork && f->id != only_fork)
				break;
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

static bool at_home(enum fsv_insn insn, const char *name)
{
	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++)
		if (homes[i].insn == insn && strstr(name, homes[i].part))
			return true;
	return false;
}

/* Do the bytes at @c (@n of them) begin that instruction? Intel SDM, volume 2. */
static bool is_insn(enum fsv_insn insn, const uint8_t *c, size_t n)
{
	while (insn == FSV_I_IO && n > 1 && (*c == 0x66 || *c == 0xf2 || *c == 0xf3)) {
		c++;
		n--;
	}
	if (insn == FSV_I_CR && n > 1 && (*c & 0xf0) == 0x40) {
		c++;
		n--;
	}
	if (n < 3)
		return false;
	switch (insn) {
	case FSV_I_HLT:
		return c[0] == 0xf4;
	case FSV_I_IO:
		return (c[0] & 0xf4) == 0xe4 || (c[0] & 0xfc) == 0x6c;
	case FSV_I_MSR:
		return c[0] == 0x0f && (c[1] == 0x30 || c[1] == 0x32);
	case FSV_I_CPUID:
		return c[0] == 0x0f && c[1] == 0xa2;
	case FSV_I_PAUSE:
		return c[0] == 0xf3 && c[1] == 0x90;
	case FSV_I_MWAIT:
		return c[0] == 0x0f && c[1] == 0x01 && c[2] == 0xc9;
	case FSV_I_HYPERCALL:
		return c[0] == 0x0f && c[1] == 0x01 && (c[2] == 0xc1 || c[2] == 0xd9);
	case FSV_I_CR:
		return c[0] == 0x0f && (c[1] == 0x20 || c[1] == 0x22 || c[1] == 0x06);
	case FSV_I_NONE:
		break;
	}
	return false;
}

static void judge(const struct fsv_syms *s, const struct proof *p, uint64_t raw, struct score *sc)
{
	bool one_byte = p->insn == FSV_I_HLT || p->insn == FSV_I_IO, home;
	const char *name;
	uint8_t code[16];
	uint64_t off;
	size_t n;

	if (p->insn == FSV_I_NONE)
		return;
	name = fsv_syms_raw(s, raw, &off);
	home = name && at_home(p->insn, name);
	n = fsv_syms_code(s, raw, code, sizeof(code));
	if (n && !is_insn(p->insn, code, n)) {
		sc->against++;
	} else if (p->insn == FSV_I_HLT && !home) {
		sc->against++;
	} else if (n || home) {
		sc->agree++;
		if (n)
			sc->bits += one_byte ? BITS_ONE_BYTE : BITS_TWO_BYTES;
		if (home)
			sc->bits += p->insn == FSV_I_HLT ? BITS_HLT_NAME : BITS_NAME;
	} else {
		sc->mute++;
	}
}

/* False: too many of the addresses lie outside the code for this slide. */
static bool try_slide(const struct fsv_syms *s, const struct proof *p, size_t n, uint64_t slide,
		      struct score *sc)
{
	uint64_t first, end;
	size_t outside = 0;

	memset(sc, 0, sizeof(*sc));
	fsv_syms_text(s, &first, &end);
	for (size_t i = 0; i < n; i++) {
		uint64_t raw = p[i].rip - slide;

		if (raw < first || raw >= end)
			outside++;
		else
			judge(s, &p[i], raw, sc);
	}
	return outside * 20 <= n;
}

static bool enough(const struct score *sc)
{
	return sc->bits >= FSV_KASLR_BITS && sc->agree >= 2 && sc->against * 3 <= sc->agree;
}

/* The file carries the addresses of a kernel that ran: they are true, or of another boot. */
static bool check_running(struct fsv_syms *s, const struct proof *p, size_t n)
{
	struct score sc;
	char why[200];
	bool fits = try_slide(s, p, n, 0, &sc);

	if (n && (!fits || sc.against * 3 > sc.agree)) {
		snprintf(why, sizeof(why),
			 "the exits of this recording do not fit the addresses of the file (%u "
			 "agree, %u do not): it is of another boot or another kernel",
			 sc.agree, sc.against);
		fsv_syms_no_slide(s, why);
		return false;
	}
	snprintf(why, sizeof(why),
		 "the file has a running kernel's own addresses; %u exit addresses "
		 "agree%s",
		 sc.agree, enough(&sc) ? "" : ", too few to prove it");
	fsv_syms_set_slide(s, 0, why);
	return true;
}

bool fsv_kaslr_find(struct fsv_syms *s, const struct fsa_result *res, unsigned int only_fork)
{
	struct score best = {0}, next = {0}, sc;
	uint64_t slide = 0;
	proof_vec p = {0};
	char why[256];
	bool found = false;

	if (collect(res, only_fork, &p)) {
		fsv_syms_no_slide(s, "no memory to look for it");
	} else if (fsv_syms_running(s)) {
		found = check_running(s, p.v, p.n);
	} else {
		for (uint64_t c = 0; c < KERNEL_END - KERNEL_FIRST; c += ALIGN) {
			if (!try_slide(s, p.v, p.n, c, &sc))
				continue;
			if (sc.bits > best.bits) {
				next = best;
				best = sc;
				slide = c;
			} else if (sc.bits > next.bits) {
				next = sc;
			}
		}
		found = enough(&best) && next.bits * 2 <= best.bits;
		if (found)
			snprintf(why, sizeof(why),
				 "%u exit addresses agree, %u do not (%u bits of evidence; the "
				 "next best slide has %u)",
				 best.agree, best.against, best.bits, next.bits);
		else
			snprintf(why, sizeof(why),
				 "no slide is proven (%zu kernel addresses seen; the best of 512 "
				 "has %u bits of evidence, %u addresses agree and %u do not; the "
				 "next "
				 "has %u bits): another kernel's file, or too few exits",
				 p.n, best.bits, best.agree, best.against, next.bits);
		if (found)
			fsv_syms_set_slide(s, slide, why);
		else
			fsv_syms_no_slide(s, why);
	}
	fs_vec_free(&p);
	return found;
}
