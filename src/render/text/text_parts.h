/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the text report, each written in a file of its own (text_*.c). */
#ifndef FORKSCOPE_RENDER_TEXT_PARTS_H
#define FORKSCOPE_RENDER_TEXT_PARTS_H

#include <jansson.h>
#include "render/view.h"

/* A fork's page. */
void fsv_text_fork(const struct fsv_view *v, const struct fsa_fork *f, FILE *out);
/* Its ledger: causes in rows, stages in columns. */
void fsv_text_matrix(const struct fsv_view *v, const struct fsa_fork *f, FILE *out);
/* What became of its guest recording, and its clock error. */
void fsv_text_guest(const struct fsv_view *v, const struct fsa_fork *f, FILE *out);
/* The stages of the signal path, a row each; what the guest ran on the path. */
void fsv_text_signal_path(const struct fsv_view *v, const struct fsa_fork *f, FILE *out);
void fsv_text_tasks(const struct fsv_view *v, const struct fsa_fork *f, FILE *out);
/* Every cohort that is shown, and the first one against the others. */
void fsv_text_cohorts(const struct fsv_view *v, FILE *out);
/* The trust block's lines about guest recordings. */
void fsv_text_trust_guest(const struct fsv_view *v, FILE *out);
/* "hooks: 28 of 28 by their best way", then the others; NULL = not recorded. */
void fsv_text_hooks(const char *whose, const json_t *all, FILE *out);
void fsv_text_guest_hooks(const struct fsv_view *v, FILE *out);
void fsv_text_symbols(const struct fsv_view *v, FILE *out);
void fsv_text_trust(const struct fsv_view *v, FILE *out);
/* The VMs that were not restored, with the registers that decided; nothing when there are none. */
void fsv_text_vms(const struct fsv_view *v, FILE *out);
/* A paragraph, when the forks competed for the host's CPUs; else nothing. */
void fsv_text_contention(const struct fsv_view *v, FILE *out);

#endif
