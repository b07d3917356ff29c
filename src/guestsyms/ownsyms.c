// SPDX-License-Identifier: BSD-2-Clause
/* The symbols that came with the snapshots: one table for each arming of the recording. */
#include "guestsyms/ownsyms.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bpf/guest_ring.h"
#include "guestsyms/kaslr.h"
#include "guestsyms/symload.h"

#define MAX_CPUS 65536 /* more than any machine has: what a guest says is not taken on trust */

static struct fsy_own_table *table_of(struct fsy_own *own, const uint8_t id[16])
{
	for (size_t i = 0; i < own->n; i++)
		if (!memcmp(own->v[i].id, id, sizeof(own->v[i].id)))
			return &own->v[i];
	return NULL;
}

static void load(struct fsy_own_table *t, const struct fsa_result *res, const char *text,
		 size_t len, size_t *bytes)
{
	if (!text || !len) {
		snprintf(t->why, sizeof(t->why), "the snapshot brought none, or damaged ones");
		return;
	}
	if (len > FSY_MAX_OWN_BYTES - *bytes) {
		snprintf(t->why, sizeof(t->why),
			 "not loaded: the snapshots' symbols are more than %u MiB together",
			 FSY_MAX_OWN_BYTES >> 20);
		return;
	}
	*bytes += len;
	if (fsy_syms_parse(text, len, "the snapshot's own symbols", &t->syms, t->why,
			   sizeof(t->why)))
		t->syms = NULL;
	else
		fsy_kaslr_check_own(t->syms, res, t->id);
}

int fsy_own_load(const struct fsa_result *res, unsigned int only_fork,
		 const char *(*text)(void *arg, const uint8_t id[16], size_t *len), void *arg,
		 struct fsy_own **out)
{
	struct fsy_own *own = calloc(1, sizeof(*own));
	size_t bytes = 0;

	if (!own)
		return -ENOMEM;
	for (size_t i = 0; i < res->nforks; i++) {
		const struct fsa_fork *f = &res->forks[i];
		struct fsy_own_table *t;
		size_t len = 0;
		const char *p;

		if (!f->guest.read || (only_fork && f->id != only_fork))
			continue;
		t = table_of(own, f->guest.id);
		if (!t && own->n == FSY_MAX_OWN)
			continue;
		if (!t) {
			t = &own->v[own->n++];
			memcpy(t->id, f->guest.id, sizeof(t->id));
			p = text(arg, t->id, &len);
			load(t, res, p, len, &bytes);
		}
		t->forks++;
	}
	*out = own;
	return 0;
}

void fsy_own_free(struct fsy_own *own)
{
	if (!own)
		return;
	for (size_t i = 0; i < own->n; i++)
		fsy_syms_free(own->v[i].syms);
	free(own);
}

const json_t *fsy_own_hooks(const struct fsy_own_table *t)
{
	const json_t *a = json_object_get(t->meta, "hooks");

	return json_is_array(a) ? a : NULL;
}

bool fsy_own_cpus(const struct fsy_own_table *t, uint64_t *cpus, uint64_t *without_ring)
{
	const json_t *with = t ? json_object_get(t->meta, "cpus") : NULL;
	const json_t *without = t ? json_object_get(t->meta, "cpus_without_ring") : NULL;
	json_int_t n = json_integer_value(with), m = json_integer_value(without);

	if (!json_is_integer(with) || !json_is_integer(without) || n < 1 || n > FSG_MAX_CPUS ||
	    m < 0 || m > MAX_CPUS)
		return false;
	*cpus = (uint64_t)(n + m);
	*without_ring = (uint64_t)m;
	return true;
}

const struct fsy_own_table *fsy_own_of(const struct fsy_own *own, const struct fsa_fork *f)
{
	for (size_t i = 0; own && f->guest.read && i < own->n; i++)
		if (!memcmp(own->v[i].id, f->guest.id, sizeof(own->v[i].id)))
			return &own->v[i];
	return NULL;
}
