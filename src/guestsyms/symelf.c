// SPDX-License-Identifier: BSD-2-Clause
/* Guest symbols out of a vmlinux ELF. */
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "guestsyms/symtable_impl.h"

static void note_bound(struct fsy_syms *s, const char *name, uint64_t addr)
{
	if (!strcmp(name, "_stext") || (!strcmp(name, "_text") && !s->text_first))
		s->text_first = addr;
	else if (!strcmp(name, "_etext"))
		s->text_end = addr;
}

static bool is_code(Elf *elf, size_t section)
{
	Elf_Scn *scn = section < SHN_LORESERVE ? elf_getscn(elf, section) : NULL;
	GElf_Shdr sh;

	return scn && gelf_getshdr(scn, &sh) && (sh.sh_flags & SHF_EXECINSTR);
}

static int read_symtab(struct fsy_syms *s, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = sh->sh_entsize ? sh->sh_size / sh->sh_entsize : 0;

	for (size_t i = 0; data && i < n; i++) {
		const char *name;
		GElf_Sym sym;
		int type, ret;

		if (!gelf_getsym(data, (int)i, &sym))
			break;
		if (sym.st_shndx == SHN_UNDEF || !sym.st_value)
			continue;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		if (!name || !*name)
			continue;
		note_bound(s, name, sym.st_value);
		type = GELF_ST_TYPE(sym.st_info);
		/* entry code in assembly has no type */
		if (type != STT_FUNC && !(type == STT_NOTYPE && is_code(elf, sym.st_shndx)))
			continue;
		ret = fsy_syms_add(s, sym.st_value, sym.st_size, name, strnlen(name, FSY_MAX_NAME));
		if (ret)
			return ret;
	}
	return 0;
}

/* Keeps the bytes of the largest executable section. */
static int read_code(struct fsy_syms *s, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data;
	uint8_t *copy;

	if (!(sh->sh_flags & SHF_EXECINSTR) || sh->sh_type != SHT_PROGBITS ||
	    sh->sh_size <= s->code_len || sh->sh_size > FSY_MAX_CODE)
		return 0;
	data = elf_getdata(scn, NULL);
	if (!data || !data->d_buf || !data->d_size || data->d_size > sh->sh_size)
		return 0;
	copy = malloc(data->d_size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data->d_buf, data->d_size);
	free(s->code);
	s->code = copy;
	s->code_len = data->d_size;
	s->code_addr = sh->sh_addr;
	return 0;
}

static int read_sections(struct fsy_syms *s, Elf *elf, const char *name, char *err, size_t err_len)
{
	Elf_Scn *scn = NULL;
	bool symtab = false;
	int ret = 0;

	while (!ret && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;

		if (!gelf_getshdr(scn, &sh))
			continue;
		if (sh.sh_type == SHT_SYMTAB) {
			symtab = true;
			ret = read_symtab(s, elf, scn, &sh);
		} else {
			ret = read_code(s, scn, &sh);
		}
	}
	if (ret)
		return fs_errf(err, err_len, ret, "cannot keep the symbols of %s: %s", name,
			       strerror(-ret));
	if (!symtab)
		return fs_errf(
			err, err_len, -ENOENT,
			"%s has no symbol table (it is stripped, as the kernel inside a vmlinuz is): give the vmlinux of the build, its System.map, or /proc/kallsyms of the guest",
			name);
	return 0;
}

int fsy_syms_elf(struct fsy_syms *s, int fd, const void *data, size_t bytes, const char *name,
		 char *err, size_t err_len)
{
	char *copy = NULL;
	GElf_Ehdr eh;
	Elf *elf;
	int ret;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return fs_errf(err, err_len, -ENOSYS, "libelf is too old");
	if (fd >= 0) {
		elf = elf_begin(fd, ELF_C_READ, NULL);
	} else {
		copy = malloc(bytes);
		if (!copy)
			return fs_errf(err, err_len, -ENOMEM, "no memory");
		memcpy(copy, data, bytes);
		elf = elf_memory(copy, bytes);
	}
	s->kind = FSY_SYMS_ELF;
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		ret = fs_errf(err, err_len, -EINVAL, "%s is a damaged ELF file: %s", name,
			      elf_errmsg(-1));
	else if (gelf_getclass(elf) != ELFCLASS64 || eh.e_machine != EM_X86_64)
		ret = fs_errf(err, err_len, -EINVAL, "%s is not an x86-64 kernel", name);
	else
		ret = read_sections(s, elf, name, err, err_len);
	elf_end(elf);
	free(copy);
	return ret;
}
