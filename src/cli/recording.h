/* SPDX-License-Identifier: BSD-2-Clause */
/* A recording, read and attributed, with what names its addresses: what a report is made from. */
#ifndef FORKSCOPE_CLI_RECORDING_H
#define FORKSCOPE_CLI_RECORDING_H

#include <stdbool.h>
#include <stdint.h>
#include "base/opts.h"
#include "guestsyms/ownsyms.h"
#include "guestsyms/symtable.h"
#include "render/view.h"

/* What the user asked for; zeroes and NULL are the defaults. */
struct fs_rec_opts {
	const char *start, *end; /* NULL: resume, and the end that record was asked for */
	enum fsa_vm_kind kind;
	uint64_t timeout_ns;
	const char *symbols; /* file of guest symbols */
	/* what makes forks those of one snapshot: NULL = "files", or "variant" */
	const char *population;
	unsigned int fork; /* symbols are looked for in this fork only, 0 = all */
	bool no_guest, drop_segs, keep_faults;
};

#define FS_REC_POPULATION(where)                                   \
	FS_OPT("--population", NULL, "WHAT", fs_opt_string, where, \
	       "forks of one snapshot: files (default: of one memory or state file) or variant (all)")

struct fs_rec {
	struct fsr_reader *reader;
	struct fsa_result *res;
	struct fsy_syms *syms; /* of the file */
	struct fsy_own *own;   /* that came with the snapshots */
	struct fsv_view view;
};

/*
 * Reads @path. Returns FS_EXIT_OK and *rec (end with fs_rec_close()), or another enum fs_exit
 * after saying what is wrong: then nothing is left to be closed.
 */
int fs_rec_open(const char *path, const struct fs_rec_opts *o, struct fs_rec *rec);
void fs_rec_close(struct fs_rec *rec);

/* Parser of --kind (opts.h): *dst (enum fsa_vm_kind). */
int fs_rec_opt_kind(const char *text, void *dst, char *why, size_t len);
#define FS_REC_KIND_HELP \
	"what VMs are: restore, or boot (then boots have windows); the default is as their first entry looks"

/* Warns of what the view lacks. Returns FS_EXIT_OK or FS_EXIT_INCOMPLETE. */
int fs_rec_complete(const struct fsv_view *v);

#endif
