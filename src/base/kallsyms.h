/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of /proc/kallsyms and System.map, their one parser. */
#ifndef FORKSCOPE_KALLSYMS_H
#define FORKSCOPE_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line: "ffffffff81000000 T _text", then perhaps "\t[module]". */
struct fs_kallsym {
	uint64_t addr;    /* 0 where the kernel hides it (kernel.kptr_restrict) */
	char type;        /* as nm(1) names it */
	const char *name; /* in the line, @len bytes; not terminated */
	size_t len;
	bool module; /* a module's, not the kernel's own */
};

/* Parses the line from @line to before @end, without its newline. False: it is not such a line. */
bool fs_kallsym_parse(const char *line, const char *end, struct fs_kallsym *s);

/* Is it code, of the kernel or of a module? */
bool fs_kallsym_is_text(const struct fs_kallsym *s);

#endif
