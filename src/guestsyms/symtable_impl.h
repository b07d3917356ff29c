/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside sym*.c only: the table, and what fills it. */
#ifndef FORKSCOPE_GUESTSYMS_SYMTABLE_IMPL_H
#define FORKSCOPE_GUESTSYMS_SYMTABLE_IMPL_H

#include "base/vec.h"
#include "guestsyms/symtable.h"

#define FSY_MAX_SYMS  (4u << 20)
#define FSY_MAX_NAME  512u         /* bytes; a longer name is cut */
#define FSY_MAX_NAMES (512u << 20) /* bytes of all names */
#define FSY_MAX_CODE  (256u << 20)

struct fsy_sym {
	uint64_t addr;
	uint64_t size; /* 0 = not given */
	uint32_t name; /* offset into names */
	uint32_t pad;
};

struct fsy_syms {
	enum fsy_syms_kind kind;
	FS_VEC(struct fsy_sym) syms;
	FS_VEC(char) names;
	uint64_t text_first, text_end; /* of the kernel proper, modules left out */
	bool moved, modules;
	uint8_t *code; /* of the section that holds most of the code */
	uint64_t code_addr;
	size_t code_len;
	bool slide_known;
	uint64_t slide;
	char why[1280];
};

/* Adds a function; cuts the name. 0, -ENOMEM or -E2BIG. */
int fsy_syms_add(struct fsy_syms *s, uint64_t addr, uint64_t size, const char *name, size_t len);

/* Sorts what was added and fills in what the file left out. 0, or -ENOENT with the reason. */
int fsy_syms_finish(struct fsy_syms *s, const char *name, char *err, size_t err_len);

/* Reads the text of a System.map or of a kallsyms. 0, or a negative errno with the reason. */
int fsy_syms_text_file(struct fsy_syms *s, const char *data, size_t bytes, const char *name,
		       char *err, size_t err_len);

/* Reads an ELF: @fd, or (fd < 0) the @bytes at @data. */
int fsy_syms_elf(struct fsy_syms *s, int fd, const void *data, size_t bytes, const char *name,
		 char *err, size_t err_len);

#endif
