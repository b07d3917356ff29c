/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest symbols out of a file or of memory: vmlinux ELF, System.map, or kallsyms. */
#ifndef FORKSCOPE_GUESTSYMS_SYMLOAD_H
#define FORKSCOPE_GUESTSYMS_SYMLOAD_H

#include "guestsyms/symtable.h"

/*
 * Loads @path. Returns 0, or a negative errno with a sentence in @err that says what to give
 * instead ("... is a compressed kernel: give the vmlinux ELF it was made from").
 */
int fsy_syms_load(const char *path, struct fsy_syms **out, char *err, size_t err_len);

/* The same from memory; @name is for messages. The bytes are not kept. */
int fsy_syms_parse(const void *data, size_t bytes, const char *name, struct fsy_syms **out,
		   char *err, size_t err_len);

#endif
