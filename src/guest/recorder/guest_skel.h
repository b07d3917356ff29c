/* SPDX-License-Identifier: BSD-2-Clause */
/* The generated skeletons, which are not ours to warn about. */
#ifndef FORKSCOPE_GUEST_SKEL_H
#define FORKSCOPE_GUEST_SKEL_H
#pragma GCC system_header

#include "base/skel_calloc.h"
#include "guest.skel.h"
#undef calloc

#endif
