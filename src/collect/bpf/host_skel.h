/* SPDX-License-Identifier: BSD-2-Clause */
/* The generated skeleton, which is not ours to warn about. */
#ifndef FORKSCOPE_HOST_SKEL_H
#define FORKSCOPE_HOST_SKEL_H
#pragma GCC system_header

#include "base/skel_calloc.h"
#include "bpf/knobs.h"
#include "bpf/state.h"
#include "host.skel.h"
#undef calloc

#endif
