/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbols that came with the snapshots: the guest's recorder keeps those of its kernel in guest
 * memory, at the addresses at which that kernel runs, so no file is asked for. One table for each
 * arming (struct fsa_guest.id): forks of several templates may be in one recording.
 *
 * A guest wrote them: they are parsed as any symbol file, and checked against where the guests of
 * that arming were seen to leave (fsy_kaslr_check_own()). What contradicts is not used.
 */
#ifndef FORKSCOPE_GUESTSYMS_OWNSYMS_H
#define FORKSCOPE_GUESTSYMS_OWNSYMS_H

#include <jansson.h>
#include "attribute/model/model.h"
#include "guestsyms/symtable.h"

#define FSY_MAX_OWN       32           /* tables */
#define FSY_MAX_OWN_BYTES (256u << 20) /* of their texts together */

struct fsy_own_table {
	uint8_t id[16];
	size_t forks;          /* of the recording that have this id */
	struct fsy_syms *syms; /* NULL: none, why says it */
	char why[1024];
	const json_t *meta; /* what was armed, borrowed from the reader; NULL = not known */
};

struct fsy_own {
	struct fsy_own_table v[FSY_MAX_OWN];
	size_t n;
};

/*
 * Loads the tables of the forks (@only_fork: of that one, 0 = all). @text gives the text of an
 * arming's symbols, NUL-terminated, or NULL where there is none; it is called once for each.
 * Returns 0 or -ENOMEM; what cannot be used is noted in its table.
 */
int fsy_own_load(const struct fsa_result *res, unsigned int only_fork,
		 const char *(*text)(void *arg, const uint8_t id[16], size_t *len), void *arg,
		 struct fsy_own **out);
void fsy_own_free(struct fsy_own *own);

/* The hooks of an arming, as those of a recording: array of {"want", "got", "rank", "why", "lost"}.
 */
const json_t *fsy_own_hooks(const struct fsy_own_table *t);

/*
 * How many CPUs the guest had, and on how many of them nothing was recorded, as they had no ring.
 * False: not known. The guest says so itself.
 */
bool fsy_own_cpus(const struct fsy_own_table *t, uint64_t *cpus, uint64_t *without_ring);

/* The table of @f, or NULL (of a fork whose guest recording was not read, for instance). */
const struct fsy_own_table *fsy_own_of(const struct fsy_own *own, const struct fsa_fork *f);

#endif
