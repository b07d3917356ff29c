/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside json*.c only. */
#ifndef FORKSCOPE_JSON_PARTS_H
#define FORKSCOPE_JSON_PARTS_H

#include "render/trust.h"

/* Writes a whole report and gives @o back. 0, -ENOMEM (@o is NULL) or -EIO. */
int fsj_write(json_t *o, FILE *out);

/* A count or a time; what lies beyond a signed 64-bit integer, and "not recorded", is null. */
json_t *fsj_u64(uint64_t x);
/* Any bytes as valid JSON text: what is not printable ASCII is replaced. */
json_t *fsj_text(const char *s);
json_t *fsj_path(const char *s); /* null where there is none; not UTF-8: base/json.h */
json_t *fsj_text_or_null(const char *s);

json_t *fsj_signal(const struct fsa_fork *f);
json_t *fsj_guest(const struct fsv_view *v, const struct fsa_fork *f);
/* The keys of the guests' halves into the object trust. */
void fsj_trust_guest(const struct fsv_view *v, json_t *trust);
/* One table of symbols: kind, count, slide, why. */
json_t *fsj_symbols(const struct fsy_syms *s);
/* Of each arming: id, forks, kernel, hooks, symbols. */
json_t *fsj_own(const struct fsv_view *v);
json_t *fsj_memory(const struct fsa_memory *m);

#endif
