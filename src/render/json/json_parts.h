/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of JSON reports that are written in files of their own. Each is NULL without memory. */
#ifndef FORKSCOPE_RENDER_JSON_PARTS_H
#define FORKSCOPE_RENDER_JSON_PARTS_H

#include "render/json/json_values.h"
#include "render/view.h"

/* A fork; its resume signal; its guest recording. */
json_t *fsj_fork(const struct fsv_view *v, const struct fsa_fork *f);
json_t *fsj_signal(const struct fsa_fork *f);
json_t *fsj_guest(const struct fsv_view *v, const struct fsa_fork *f);
/* The keys of the guest recordings into the object trust. */
void fsj_trust_guest(const struct fsv_view *v, json_t *trust);
/* One table of symbols: kind, count, slide, why. */
json_t *fsj_symbols(const struct fsy_syms *s);
/* Of each arming: id, forks, kernel, hooks, symbols. */
json_t *fsj_own(const struct fsv_view *v);
json_t *fsj_memory(const struct fsa_memory *m);
/* The VMs of the recording, as docs/json.md describes `vms`. */
json_t *fsj_vms(const struct fsv_view *v);
/* Whether the forks competed for the host's CPUs: always an object. */
json_t *fsj_contention(const struct fsv_view *v);

#endif
