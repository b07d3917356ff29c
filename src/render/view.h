/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every renderer is given, and nothing else: the attribution's result, what the recording says
 * of itself, its stacks and kernel symbols, and the guest's symbols where the user gave them.
 *
 * A renderer writes to a stdio stream and does not look at its errors: whoever opened the stream
 * checks ferror() and the close. Names in a recording come from guests and from other users:
 * each renderer escapes or cleans them in the way of its format.
 */
#ifndef FORKSCOPE_VIEW_H
#define FORKSCOPE_VIEW_H

#include <stdbool.h>
#include <stdio.h>
#include "attribute/model/model.h"

struct fsy_syms; /* guest symbols, symbols.h */
struct fsy_own;  /* those that came with the snapshots, ownsyms.h */

struct fsv_view {
	const struct fsa_result *res;
	const struct fsr_info *info;     /* NULL in tests only */
	const struct fsr_reader *reader; /* NULL: no stacks, no kernel symbols */
	const struct fsy_syms *guest;    /* of a file that the user named; NULL = none */
	const struct fsy_own *own;       /* used where there is no such file; NULL = none */
	const char *path;                /* of the recording, for titles */
	unsigned int only_fork;          /* number of the one fork to show, 0 = all */
	const char *cohort;              /* name of the one cohort to show, NULL = all */
	bool brief;                      /* text: no part about each fork */
	bool colour;
	unsigned int columns; /* of the terminal, 0 = not known: text is made for 100 */
};

/* Whether the user's choice of fork and cohort includes @f. */
bool fsv_shows(const struct fsv_view *v, const struct fsa_fork *f);

/* The symbols to name addresses of @f by: the user's file, else its own; NULL = none. */
const struct fsy_syms *fsv_guest_syms(const struct fsv_view *v, const struct fsa_fork *f);

/*
 * The renderers. text writes every fork that is shown; folded those of them that reached their end,
 * or the only one. Return 0 or -ENOMEM; json also -EIO when the stream failed.
 */
int fsv_text(const struct fsv_view *v, FILE *out);
int fsv_json(const struct fsv_view *v, FILE *out);
int fsv_folded(const struct fsv_view *v, FILE *out);

/* One flame graph: of the fork @f, or (with @f NULL) the mean of the complete forks of @c. */
int fsv_svg(const struct fsv_view *v, const struct fsa_fork *f, const struct fsa_cohort *c,
	    FILE *out);

#endif
