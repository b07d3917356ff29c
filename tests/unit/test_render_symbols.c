// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <unistd.h>
#include "attribute/result/digest.h"
#include "guestsyms/exit_names.h"
#include "guestsyms/kaslr.h"
#include "guestsyms/symload.h"
#include "tests/unit/render_fixture.h"

#define BASE 0xffffffff81000000ull

static const char map[] = "0000000000000000 A fixed_percpu_data\n"
			  "ffffffff81000000 T _text\n"
			  "ffffffff81000000 T _stext\n"
			  "ffffffff81000100 t early_thing\n"
			  "ffffffff81400000 T do_page_fault\n"
			  "ffffffff81400400 t native_write_msr\n"
			  "ffffffff81400480 T pv_native_safe_halt\n"
			  "ffffffff814004a0 T default_idle\n"
			  "ffffffff814004c0 T schedule\n"
			  "ffffffff81900000 T last_function\n"
			  "ffffffff81e00000 T _etext\n"
			  "ffffffff82000000 D some_data\n";

static struct fsy_syms *parse(const char *text)
{
	struct fsy_syms *s = NULL;
	char err[256] = "";

	if (fsy_syms_parse(text, strlen(text), "test", &s, err, sizeof(err)))
		fail_msg("%s", err);
	return s;
}

static void refused(const void *data, size_t len, const char *why)
{
	struct fsy_syms *s = NULL;
	char err[256] = "";

	assert_int_not_equal(fsy_syms_parse(data, len, "test", &s, err, sizeof(err)), 0);
	assert_null(s);
	if (!strstr(err, why))
		fail_msg("\"%s\" does not say \"%s\"", err, why);
}

static void finds_functions(void **state)
{
	struct fsy_syms *s = parse(map);
	uint64_t off;

	(void)state;
	assert_int_equal(fsy_syms_kind(s), FSY_SYMS_MAP);
	assert_false(fsy_syms_running(s));
	assert_string_equal(fsy_syms_raw(s, BASE + 0x400488, &off), "pv_native_safe_halt");
	assert_int_equal(off, 8);
	assert_string_equal(fsy_syms_raw(s, BASE + 0x4004bf, &off), "default_idle");
	assert_null(fsy_syms_raw(s, BASE - 1, &off));
	assert_null(fsy_syms_raw(s, 0xffffffffffffffffull, &off));
	/* nothing is named before the slide is known */
	assert_null(fsy_syms_find(s, BASE + 0x400488, &off));
	fsy_syms_set_slide(s, 0x10000000, "test");
	assert_string_equal(fsy_syms_find(s, BASE + 0x10400488, &off), "pv_native_safe_halt");
	assert_null(fsy_syms_find(s, BASE + 0x400488, &off));
	fsy_syms_free(s);
}

static void refuses_what_is_no_symbol_file(void **state)
{
	static char big[4096];
	char bz[0x300] = {0};

	(void)state;
	refused("", 0, "not a symbol file");
	refused("hello\nworld\n", 12, "not a symbol file");
	refused("\x1f\x8b"
		"abcdef",
		8, "compressed");
	memcpy(bz + 0x202, "HdrS", 4);
	refused(bz, sizeof(bz), "give the vmlinux ELF");
	refused("0000000000000000 T a\n0000000000000000 T b\n", 42, "kptr_restrict");
	memset(big, 'f', sizeof(big));
	refused(big, sizeof(big), "not a symbol file");
	refused("\x7f"
		"ELF garbage",
		12, "ELF");
	refused("ffffffff82000000 D only_data\n", 29, "not a symbol file");
}

static void bounds_names_and_lines(void **state)
{
	size_t len = 3 << 20;
	char *text = malloc(len), err[256];
	struct fsy_syms *s = NULL;
	const char *name;
	uint64_t off;

	(void)state;
	memset(text, 'x', len);
	memcpy(text, "ffffffff81000000 T ", 19);
	text[len - 1] = '\n';
	assert_int_equal(fsy_syms_parse(text, len, "test", &s, err, sizeof(err)), 0);
	name = fsy_syms_raw(s, BASE, &off);
	assert_non_null(name);
	assert_true(strlen(name) < 1024);
	fsy_syms_free(s);
	free(text);
}

static void modules_need_true_addresses(void **state)
{
	struct fsy_syms *s = parse("ffffffff9a000000 T _text\nffffffff9a000000 T _stext\n"
				   "ffffffff9a100000 T something\nffffffff9a800000 T _etext\n"
				   "ffffffffc0400000 t virtnet_poll\t[virtio_net]\n");
	uint64_t off;

	(void)state;
	assert_int_equal(fsy_syms_kind(s), FSY_SYMS_KALLSYMS);
	assert_true(fsy_syms_running(s));
	fsy_syms_set_slide(s, 0, "test");
	assert_string_equal(fsy_syms_find(s, 0xffffffffc0400010ull, &off), "virtnet_poll");
	fsy_syms_free(s);
}

/* A vmlinux in small: .text of @code at @addr with two functions, .symtab, .strtab. */
static size_t make_elf(uint8_t *out, uint64_t addr, const uint8_t *code, size_t code_len)
{
	static const char strtab[] = "\0default_idle\0native_write_msr\0_stext\0_etext";
	static const char shstr[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
	Elf64_Sym syms[5] = {{0}};
	Elf64_Shdr sh[5] = {{0}};
	Elf64_Ehdr eh = {0};
	size_t at = sizeof(eh);

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	eh.e_type = ET_EXEC;
	eh.e_machine = EM_X86_64;
	eh.e_version = EV_CURRENT;
	eh.e_ehsize = sizeof(eh);
	eh.e_shentsize = sizeof(sh[0]);
	eh.e_shnum = 5;
	eh.e_shstrndx = 4;
	syms[1] = (Elf64_Sym){.st_name = 1,
			      .st_info = STT_FUNC,
			      .st_shndx = 1,
			      .st_value = addr,
			      .st_size = 0x40};
	syms[2] = (Elf64_Sym){.st_name = 14,
			      .st_info = STT_FUNC,
			      .st_shndx = 1,
			      .st_value = addr + 0x40,
			      .st_size = 0x40};
	syms[3] = (Elf64_Sym){.st_name = 31, .st_shndx = 1, .st_value = addr};
	syms[4] = (Elf64_Sym){.st_name = 38, .st_shndx = 1, .st_value = addr + code_len};
#define PUT(i, type, flags, data, len, ...)               \
	do {                                              \
		sh[i] = (Elf64_Shdr){.sh_type = (type),   \
				     .sh_flags = (flags), \
				     .sh_offset = at,     \
				     .sh_size = (len),    \
				     .sh_addralign = 1,   \
				     __VA_ARGS__};        \
		memcpy(out + at, data, len);              \
		at += (len);                              \
	} while (0)
	PUT(1, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, code, code_len, .sh_addr = addr,
	    .sh_name = 1);
	at = (at + 7) & ~(size_t)7;
	PUT(2, SHT_SYMTAB, 0, syms, sizeof(syms), .sh_link = 3, .sh_entsize = sizeof(syms[0]),
	    .sh_name = 7);
	PUT(3, SHT_STRTAB, 0, strtab, sizeof(strtab), .sh_name = 15);
	PUT(4, SHT_STRTAB, 0, shstr, sizeof(shstr), .sh_name = 23);
#undef PUT
	at = (at + 7) & ~(size_t)7;
	eh.e_shoff = at;
	memcpy(out, &eh, sizeof(eh));
	memcpy(out + at, sh, sizeof(sh));
	return at + sizeof(sh);
}

static void reads_an_elf(void **state)
{
	static uint8_t code[0x200], elf[4096];
	char err[256], path[] = "/tmp/forkscope-elf-XXXXXX";
	struct fsy_syms *s = NULL;
	uint8_t bytes[2];
	uint64_t off;
	size_t len;
	int fd;

	(void)state;
	code[0x10] = 0xf4;
	len = make_elf(elf, BASE, code, sizeof(code));
	assert_int_equal(fsy_syms_parse(elf, len, "test", &s, err, sizeof(err)), 0);
	assert_string_equal(fsy_syms_raw(s, BASE + 0x41, &off), "native_write_msr");
	assert_int_equal(fsy_syms_code(s, BASE + 0x10, bytes, 2), 2);
	assert_int_equal(bytes[0], 0xf4);
	assert_int_equal(fsy_syms_code(s, BASE + sizeof(code), bytes, 2), 0);
	/* a size is a size: between functions there is nothing */
	assert_null(fsy_syms_raw(s, BASE + 0x180, &off));
	fsy_syms_free(s);
	/* and the same from a file */
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_true(write(fd, elf, len) == (ssize_t)len);
	close(fd);
	assert_int_equal(fsy_syms_load(path, &s, err, sizeof(err)), 0);
	assert_int_equal(fsy_syms_kind(s), FSY_SYMS_ELF);
	assert_string_equal(fsy_syms_raw(s, BASE + 1, &off), "default_idle");
	fsy_syms_free(s);
	unlink(path);
}

static void survives_cut_and_flipped_elfs(void **state)
{
	static uint8_t code[0x200], elf[4096], bad[4096];
	struct fsy_syms *s;
	char err[256];
	size_t len = make_elf(elf, BASE, code, sizeof(code));

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		s = NULL;
		if (!fsy_syms_parse(elf, cut, "test", &s, err, sizeof(err)))
			fsy_syms_free(s);
	}
	for (size_t bit = 0; bit < len * 8; bit++) {
		memcpy(bad, elf, len);
		bad[bit / 8] ^= (uint8_t)(1 << (bit & 7));
		s = NULL;
		if (!fsy_syms_parse(bad, len, "test", &s, err, sizeof(err)))
			fsy_syms_free(s);
	}
}

/* A fork that left its guest by hlt at @hlt and by wrmsr at @msr, both moved by @slide. */
static struct fx *exits(uint64_t hlt, uint64_t msr, uint64_t slide)
{
	struct fx *x = fx_new();
	struct fsa_fork *f = fx_fork(x, "vmm");

	for (int i = 0; i < 4; i++) {
		fx_exit(fx_seg(f, 100, FSA_S_GUEST, FSA_C_GUEST_RUN), 0x78, hlt + slide);
		if (msr)
			fx_exit(fx_seg(f, 100, FSA_S_GUEST, FSA_C_EXIT_KERNEL), 0x7c, msr + slide);
		fx_exit(fx_seg(f, 100, FSA_S_GUEST, FSA_C_FAULT_MAJOR), 0x400,
			BASE + 0x200000 + slide + (uint64_t)i * 0x1000);
	}
	return x;
}

/* What attribution makes of the segments, then the search. */
static void digest(struct fx *x)
{
	for (size_t i = 0; i < x->res.nforks; i++)
		assert_int_equal(fsa_digest(&x->forks[i]), 0);
}

static void undigest(struct fx *x)
{
	for (size_t i = 0; i < x->res.nforks; i++) {
		free(x->forks[i].places);
		free(x->forks[i].top_tasks);
		x->forks[i].places = NULL;
		x->forks[i].top_tasks = NULL;
	}
}

static bool look(struct fsy_syms *s, struct fx *x)
{
	bool found;

	digest(x);
	found = fsy_kaslr_find(s, &x->res, 0);
	undigest(x);
	return found;
}

static bool check_own(struct fsy_syms *s, struct fx *x, const uint8_t id[16])
{
	bool found;

	digest(x);
	found = fsy_kaslr_check_own(s, &x->res, id);
	undigest(x);
	return found;
}

static void a_proven_slide_is_found(void **state)
{
	static const uint64_t slides[] = {0, 0x200000, 0x1a400000, 0x3e000000};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fsy_syms *s = parse(map);
		struct fx *x = exits(BASE + 0x400482, BASE + 0x400405, slides[i]);
		struct fsa_fork *f = &x->forks[0];
		uint64_t slide = 1;

		/* a second idle function: 2 names of hlt and one of wrmsr */
		fx_exit(fx_seg(f, 1, FSA_S_GUEST, FSA_C_GUEST_RUN), 0x78,
			BASE + 0x4004a4 + slides[i]);
		if (!look(s, x))
			fail_msg("slide %#llx: %s", (unsigned long long)slides[i], fsy_syms_why(s));
		assert_true(fsy_syms_slide(s, &slide));
		assert_true(slide == slides[i]);
		fsy_syms_free(s);
		free(x);
	}
}

static void too_little_evidence_proves_nothing(void **state)
{
	struct fsy_syms *s = parse(map);
	struct fx *x = exits(BASE + 0x400482, 0, 0x1a400000);
	uint64_t slide;

	(void)state;
	assert_false(look(s, x));
	assert_false(fsy_syms_slide(s, &slide));
	assert_non_null(strstr(fsy_syms_why(s), "none is proven"));
	fsy_syms_free(s);
	free(x);
}

static void exits_of_another_kernel_prove_nothing(void **state)
{
	struct fsy_syms *s = parse(map);
	/* hlt where the map has no idle function for any slide */
	struct fx *x = exits(BASE + 0x123456, BASE + 0x33333, 0x1a400000);

	(void)state;
	assert_false(look(s, x));
	fsy_syms_free(s);
	free(x);
}

static void no_exits_prove_nothing(void **state)
{
	struct fsy_syms *s = parse(map);
	struct fx *x = fx_new();

	(void)state;
	assert_false(look(s, x));
	fsy_syms_free(s);
	free(x);
}

static void bytes_of_a_vmlinux_are_evidence(void **state)
{
	static uint8_t code[0x600000], elf[0x610000];
	struct fsy_syms *s = NULL;
	struct fx *x;
	char err[256];
	uint64_t slide;
	size_t len;

	(void)state;
	memset(code, 0x90, sizeof(code));
	code[0x20] = 0xf4;
	memcpy(code + 0x44, "\x0f\x30", 2);
	len = make_elf(elf, BASE, code, sizeof(code));
	assert_int_equal(fsy_syms_parse(elf, len, "test", &s, err, sizeof(err)), 0);
	x = exits(BASE + 0x20, BASE + 0x44, 0x7600000);
	assert_true(look(s, x));
	assert_true(fsy_syms_slide(s, &slide) && slide == 0x7600000);
	/* the same addresses, but the bytes there are others */
	code[0x20] = 0x90;
	memcpy(code + 0x44, "\x90\x90", 2);
	fsy_syms_free(s);
	len = make_elf(elf, BASE, code, sizeof(code));
	assert_int_equal(fsy_syms_parse(elf, len, "test", &s, err, sizeof(err)), 0);
	assert_false(look(s, x));
	fsy_syms_free(s);
	free(x);
}

static void moved_kallsyms_are_taken_or_given_up(void **state)
{
	static const char ks[] = "ffffffff9a000000 T _text\nffffffff9a000000 T _stext\n"
				 "ffffffff9a400400 t native_write_msr\n"
				 "ffffffff9a400480 T pv_native_safe_halt\n"
				 "ffffffff9a4004a0 T schedule\nffffffff9a800000 T _etext\n";
	struct fsy_syms *s = parse(ks);
	struct fx *x = exits(0xffffffff9a400482, 0xffffffff9a400405, 0);
	uint64_t slide = 1;

	(void)state;
	/* faults of the fixture lie at BASE: outside, so leave only the telling exits */
	for (size_t i = 0; i < x->forks[0].nsegs; i++)
		if (x->forks[0].segs[i].reason == 0x400)
			x->forks[0].segs[i].rip = 0;
	assert_true(look(s, x));
	assert_true(fsy_syms_slide(s, &slide) && slide == 0);
	free(x);
	x = exits(0xffffffff9b400482, 0xffffffff9b400405, 0);
	assert_false(look(s, x));
	assert_non_null(strstr(fsy_syms_why(s), "none is proven"));
	fsy_syms_free(s);
	free(x);
}

/* Symbols out of the guest: 0 is taken, proven or not, but never against the evidence. */
static void a_guests_own_symbols_are_checked(void **state)
{
	static const uint8_t id[16] = "one arming", other[16] = "another arming";
	struct fsy_syms *s = parse(map);
	struct fx *x = exits(BASE + 0x400482, BASE + 0x400405, 0);
	uint64_t slide = 1;

	(void)state;
	x->forks[0].guest.read = true;
	memcpy(x->forks[0].guest.id, id, sizeof(id));
	assert_true(check_own(s, x, id));
	assert_true(fsy_syms_slide(s, &slide) && !slide);
	assert_non_null(strstr(fsy_syms_why(s), "2 functions hold the instruction that left"));
	/* the forks of another arming say nothing of this one */
	assert_true(check_own(s, x, other));
	assert_non_null(strstr(fsy_syms_why(s), "taken, not proven"));
	free(x);
	/* a kernel that ran elsewhere */
	x = exits(BASE + 0x400482, BASE + 0x400405, 0x1a400000);
	x->forks[0].guest.read = true;
	memcpy(x->forks[0].guest.id, id, sizeof(id));
	assert_false(check_own(s, x, id));
	assert_false(fsy_syms_slide(s, &slide));
	assert_non_null(strstr(fsy_syms_why(s), "CONTRADICTED, the kernel runs 0x1a400000 away"));
	free(x);
	fsy_syms_free(s);
}

/* A map of 600 functions in 8 MiB, all from @from on moved by @shift. */
static char *big_map(unsigned int from, uint64_t shift)
{
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "ffffffff81000000 T _text\nffffffff81000000 T _stext\n");
	for (unsigned int i = 0; i < 600; i++)
		fprintf(f, "%llx t __pfx_function_%u\n%llx t function_%u\n",
			(unsigned long long)(BASE + i * 0x3570ull + (i >= from ? shift : 0)), i,
			(unsigned long long)(BASE + i * 0x3570ull + 16 + (i >= from ? shift : 0)),
			i);
	fprintf(f, "ffffffff81800000 T _etext\n");
	fclose(f);
	return text;
}

/* A fault for the instruction at @rip itself. */
static void fetch(struct fsa_fork *f, uint64_t rip)
{
	struct fsa_seg *s = fx_seg(f, 9, FSA_S_GUEST, FSA_C_FAULT_MAPPED);

	fx_exit(s, 0x400, rip);
	s->gpa = 0x5000000 + (rip & 0xffffff);
}

/* Calls of every second function for the first time, and other faults within functions. */
static struct fx *calls(uint64_t slide)
{
	struct fx *x = fx_new();

	for (unsigned int k = 0; k < FX_MAX_FORKS; k++) {
		struct fsa_fork *f = fx_fork(x, "vmm");

		for (unsigned int i = 0; i < 24; i++) {
			unsigned int n = (k * 24 + i) * 3;

			fetch(f, BASE + slide + n * 0x3570ull + 16);
			if (i & 1) /* a page that is walked into in the middle */
				fetch(f, BASE + slide + n * 0x3570ull + 0x700 + n);
			/* and a fault for data */
			fx_exit(fx_seg(f, 9, FSA_S_GUEST, FSA_C_FAULT_MAPPED), 0x400,
				BASE + slide + n * 0x3570ull + 0x300 + n);
		}
	}
	return x;
}

static void function_starts_prove_a_slide(void **state)
{
	struct fx *x = calls(0x1fa00000);
	char *text = big_map(600, 0);
	struct fsy_syms *s = parse(text);
	uint64_t slide, off;

	(void)state;
	/* _text, _stext, _etext and the functions, but not what stands before them */
	assert_int_equal(fsy_syms_count(s), 603);
	if (!look(s, x))
		fail_msg("%s", fsy_syms_why(s));
	assert_true(fsy_syms_slide(s, &slide) && slide == 0x1fa00000);
	assert_string_equal(fsy_syms_find(s, BASE + slide + 2 * 0x3570 + 20, &off), "function_2");
	fsy_syms_free(s);
	free(text);
	free(x);
}

static void the_file_of_another_build_is_refused(void **state)
{
	static const unsigned int from[] = {100, 300, 450, 0};
	struct fx *x = calls(0x1fa00000);

	(void)state;
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		char *text = big_map(from[i], 0x230);
		struct fsy_syms *s = parse(text);

		if (look(s, x))
			fail_msg("moved from function %u on: %s", from[i], fsy_syms_why(s));
		fsy_syms_free(s);
		free(text);
	}
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_functions),
		cmocka_unit_test(refuses_what_is_no_symbol_file),
		cmocka_unit_test(bounds_names_and_lines),
		cmocka_unit_test(modules_need_true_addresses),
		cmocka_unit_test(reads_an_elf),
		cmocka_unit_test(survives_cut_and_flipped_elfs),
		cmocka_unit_test(a_proven_slide_is_found),
		cmocka_unit_test(too_little_evidence_proves_nothing),
		cmocka_unit_test(exits_of_another_kernel_prove_nothing),
		cmocka_unit_test(no_exits_prove_nothing),
		cmocka_unit_test(bytes_of_a_vmlinux_are_evidence),
		cmocka_unit_test(function_starts_prove_a_slide),
		cmocka_unit_test(the_file_of_another_build_is_refused),
		cmocka_unit_test(moved_kallsyms_are_taken_or_given_up),
		cmocka_unit_test(a_guests_own_symbols_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
