/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the static analyser, before a generated skeleton: what that allocates is freed in libbpf,
 * where the analyser does not see it. By an allocator that it does not know nothing seems to leak.
 * Behind the skeleton #undef calloc.
 */
#include <stdlib.h>

#ifdef __clang_analyzer__
void *fs_skel_calloc(size_t n, size_t size);
#define calloc fs_skel_calloc
#endif
