/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel symbols: the few that the stacks of a recording need, out of /proc/kallsyms. */
#ifndef FORKSCOPE_KSYMS_H
#define FORKSCOPE_KSYMS_H

#include <stddef.h>
#include <stdint.h>

struct fs_ksyms;

/*
 * Reads symbols from the descriptor of a kallsyms (opened while addresses were still shown), from
 * its beginning. Returns 0, -EACCES when every address is hidden, or another negative errno.
 */
int fs_ksyms_read(int fd, struct fs_ksyms **out);

/*
 * The symbols that hold @addrs (in any order, repeated ones too), as lines "addr name" or
 * "addr name [module]" with ascending addresses. Returns their text, which the caller frees, with
 * its length in *@len, or NULL when there is no memory.
 */
char *fs_ksyms_pick(struct fs_ksyms *k, const uint64_t *addrs, size_t n, size_t *len);

void fs_ksyms_free(struct fs_ksyms *k);

#endif
