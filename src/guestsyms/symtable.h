/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbols of the guest's kernel, from a file that the user names: the vmlinux ELF, a System.map, or
 * the text of the guest's /proc/kallsyms. Such a file may come out of a guest: it is treated as
 * hostile, every length is bounded.
 *
 * A guest kernel may have moved itself at boot (KASLR). The distance, called the slide, is looked
 * for in the recording, and is never claimed unless the recording proves it: see kaslr.h.
 */
#ifndef FORKSCOPE_GUESTSYMS_SYMTABLE_H
#define FORKSCOPE_GUESTSYMS_SYMTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fsy_syms;

enum fsy_syms_kind { FSY_SYMS_ELF, FSY_SYMS_MAP, FSY_SYMS_KALLSYMS };

void fsy_syms_free(struct fsy_syms *s);

enum fsy_syms_kind fsy_syms_kind(const struct fsy_syms *s);
const char *fsy_syms_kind_text(const struct fsy_syms *s); /* "vmlinux", "System.map", "kallsyms" */
size_t fsy_syms_count(const struct fsy_syms *s);

/* First and last-plus-one address of the kernel's code as the file has it. */
void fsy_syms_text(const struct fsy_syms *s, uint64_t *first, uint64_t *end);

/*
 * Whether the file carries the addresses of a running kernel: a kallsyms that names modules, or
 * whose kernel does not stand where kernels are linked to. Its slide can only be 0.
 */
bool fsy_syms_running(const struct fsy_syms *s);

/* Code bytes at @addr (as the file has it): up to @n of them; 0 where the file holds none. */
size_t fsy_syms_code(const struct fsy_syms *s, uint64_t addr, uint8_t *buf, size_t n);

/* The function that holds @addr (as the file has it), or NULL; *off gets the distance into it. */
const char *fsy_syms_raw(const struct fsy_syms *s, uint64_t addr, uint64_t *off);

/* Share (0 to 1) of the kernel's code that lies in functions whose name @match accepts. */
double fsy_syms_share(const struct fsy_syms *s, bool (*match)(const char *name, void *arg),
		      void *arg);

/* The slide in use: what is subtracted from a guest address before it is looked up. */
void fsy_syms_set_slide(struct fsy_syms *s, uint64_t slide, const char *why);
void fsy_syms_no_slide(struct fsy_syms *s, const char *why);
bool fsy_syms_slide(const struct fsy_syms *s, uint64_t *slide); /* false: unknown */
const char *fsy_syms_why(const struct fsy_syms *s); /* how it was found, or why it was not */

/* The function at the guest address @rip, or NULL (always, while the slide is unknown). */
const char *fsy_syms_find(const struct fsy_syms *s, uint64_t rip, uint64_t *off);

#endif
