/* SPDX-License-Identifier: BSD-2-Clause */
/* The generated skeleton, which is not ours to warn about. */
#ifndef FORKSCOPE_SKEL_H
#define FORKSCOPE_SKEL_H
#pragma GCC system_header

#include <stdlib.h>

#ifdef __clang_analyzer__
/* Its own clean-up is hidden in libbpf: without a known allocator nothing seems to leak. */
void *fs_skel_calloc(size_t n, size_t size);
#define calloc fs_skel_calloc
#include "host.skel.h"
#undef calloc
#else
#include "host.skel.h"
#endif

#endif
