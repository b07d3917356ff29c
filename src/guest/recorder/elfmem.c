// SPDX-License-Identifier: BSD-2-Clause
/*
 * What libbpf asks of libelf, for one kind of file alone: an object that lies in memory, of 64 bits
 * and this machine's byte order, as the skeletons carry theirs. So the guest's binary needs no
 * libelf: that of Debian 13 cannot be linked statically (it calls functions that no package has).
 *
 * Nothing here writes, and no file is read: libbpf would do that for probes in user space and for a
 * vmlinux in /boot, which the recorder does not use. These get a refusal.
 * A section that reaches past the object's end has no data.
 */
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct Elf_Scn {
	size_t index;
	Elf64_Shdr *head;
	Elf_Data data;
};

struct Elf {
	Elf64_Ehdr *head;
	struct Elf_Scn scn[]; /* head->e_shnum of them */
};

unsigned int elf_version(unsigned int version)
{
	return version <= EV_CURRENT ? EV_CURRENT : EV_NONE;
}

const char *elf_errmsg(int error)
{
	return error ? "not an object that this program carries" : NULL;
}

static bool is_ours(const char *image, size_t size)
{
	const Elf64_Ehdr *h = (const void *)image;

	return size >= sizeof(*h) && !memcmp(h->e_ident, ELFMAG, SELFMAG) &&
	       h->e_ident[EI_CLASS] == ELFCLASS64 && h->e_ident[EI_DATA] == ELFDATA2LSB &&
	       h->e_shentsize == sizeof(Elf64_Shdr) && h->e_shoff % _Alignof(Elf64_Shdr) == 0 &&
	       h->e_shoff <= size && h->e_shnum <= (size - h->e_shoff) / sizeof(Elf64_Shdr);
}

static void open_section(struct Elf_Scn *scn, char *image, size_t size)
{
	const Elf64_Shdr *s = scn->head;
	bool inside = s->sh_offset <= size && s->sh_size <= size - s->sh_offset;

	scn->data.d_version = EV_CURRENT;
	scn->data.d_align = s->sh_addralign;
	if (s->sh_type == SHT_NOBITS || inside)
		scn->data.d_size = s->sh_size;
	if (s->sh_type != SHT_NOBITS && inside)
		scn->data.d_buf = image + s->sh_offset;
}

Elf *elf_memory(char *image, size_t size)
{
	Elf64_Ehdr *head = (void *)image;
	Elf *elf;

	if (!is_ours(image, size))
		return NULL;
	elf = calloc(1, sizeof(*elf) + head->e_shnum * sizeof(elf->scn[0]));
	if (!elf)
		return NULL;
	elf->head = head;
	for (size_t i = 0; i < head->e_shnum; i++) {
		elf->scn[i].index = i;
		elf->scn[i].head = (Elf64_Shdr *)(void *)(image + head->e_shoff) + i;
		open_section(&elf->scn[i], image, size);
	}
	return elf;
}

int elf_end(Elf *elf)
{
	free(elf);
	return 0;
}

Elf_Kind elf_kind(Elf *elf)
{
	return elf ? ELF_K_ELF : ELF_K_NONE;
}

int gelf_getclass(Elf *elf)
{
	return elf ? ELFCLASS64 : ELFCLASSNONE;
}

Elf64_Ehdr *elf64_getehdr(Elf *elf)
{
	return elf ? elf->head : NULL;
}

int elf_getshdrstrndx(Elf *elf, size_t *index)
{
	*index = elf->head->e_shstrndx;
	return 0;
}

int elf_getshdrnum(Elf *elf, size_t *n)
{
	*n = elf->head->e_shnum;
	return 0;
}

Elf_Scn *elf_getscn(Elf *elf, size_t index)
{
	return elf && index < elf->head->e_shnum ? &elf->scn[index] : NULL;
}

/* Section 0 is none and passed over, as libelf does. */
Elf_Scn *elf_nextscn(Elf *elf, Elf_Scn *scn)
{
	return elf_getscn(elf, scn ? scn->index + 1 : 1);
}

size_t elf_ndxscn(Elf_Scn *scn)
{
	return scn ? scn->index : SHN_UNDEF;
}

Elf64_Shdr *elf64_getshdr(Elf_Scn *scn)
{
	return scn ? scn->head : NULL;
}

/* A section is one piece: behind it (libelf is asked so for the next piece) there is none. */
Elf_Data *elf_getdata(Elf_Scn *scn, Elf_Data *after)
{
	if (!scn || after || (!scn->data.d_buf && scn->head->sh_type != SHT_NOBITS))
		return NULL;
	return &scn->data;
}

Elf_Data *elf_rawdata(Elf_Scn *scn, Elf_Data *after)
{
	return elf_getdata(scn, after);
}

char *elf_strptr(Elf *elf, size_t section, size_t offset)
{
	Elf_Data *d = elf_getdata(elf_getscn(elf, section), NULL);
	char *text = d ? d->d_buf : NULL;

	if (!text || elf->scn[section].head->sh_type != SHT_STRTAB || offset >= d->d_size ||
	    !memchr(text + offset, 0, d->d_size - offset))
		return NULL;
	return text + offset;
}

/* ---- what reads files, and programs of user space: refused ---- */

Elf *elf_begin(int fd, Elf_Cmd cmd, Elf *ref)
{
	(void)fd, (void)cmd, (void)ref;
	return NULL;
}

GElf_Ehdr *gelf_getehdr(Elf *elf, GElf_Ehdr *to)
{
	(void)elf, (void)to;
	return NULL;
}

GElf_Shdr *gelf_getshdr(Elf_Scn *scn, GElf_Shdr *to)
{
	(void)scn, (void)to;
	return NULL;
}

GElf_Sym *gelf_getsym(Elf_Data *data, int index, GElf_Sym *to)
{
	(void)data, (void)index, (void)to;
	return NULL;
}

int elf_getphdrnum(Elf *elf, size_t *n)
{
	(void)elf, (void)n;
	return -1;
}

GElf_Phdr *gelf_getphdr(Elf *elf, int index, GElf_Phdr *to)
{
	(void)elf, (void)index, (void)to;
	return NULL;
}

size_t gelf_getnote(Elf_Data *data, size_t at, GElf_Nhdr *to, size_t *name, size_t *desc)
{
	(void)data, (void)at, (void)to, (void)name, (void)desc;
	return 0;
}

GElf_Versym *gelf_getversym(Elf_Data *data, int index, GElf_Versym *to)
{
	(void)data, (void)index, (void)to;
	return NULL;
}

GElf_Verdef *gelf_getverdef(Elf_Data *data, int at, GElf_Verdef *to)
{
	(void)data, (void)at, (void)to;
	return NULL;
}

GElf_Verdaux *gelf_getverdaux(Elf_Data *data, int at, GElf_Verdaux *to)
{
	(void)data, (void)at, (void)to;
	return NULL;
}
