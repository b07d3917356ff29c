// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which forks are of one snapshot, and which of them is the first: it pays what the later ones find
 * done. Those that share the file of the memory are of one, and those that share the file of the
 * state: a VMM that gives each fork memory of its own (Cloud Hypervisor) is known by the latter.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/records/phase_records.h"
#include "attribute/result/cohorts.h"
#include "attribute/result/ledger_parts.h"

/* A file (or, without an inode, a path) as a number that is not 0. */
static uint64_t key_of(uint64_t what, uint64_t dev, uint64_t ino)
{
	const uint64_t v[] = {what, dev, ino};
	uint64_t h = fs_hash(v, sizeof(v));

	return h ? h : 1;
}

void at_snapshot_keys(struct at *a, const struct at_vm *vm, uint64_t keys[AT_SNAPSHOT_KEYS])
{
	const struct at_phrec *state = at_state_open(a, vm), *memory = NULL;

	for (size_t i = 0; i < vm->proc->phases.n; i++) {
		const struct at_phrec *r = &vm->proc->phases.v[i];

		if (at_is_guest_memory(vm, r) && r->ino && (!memory || r->size > memory->size))
			memory = r;
	}
	keys[0] = memory ? key_of(1, memory->dev, memory->ino) : 0;
	keys[1] = 0;
	if (state && state->ino)
		keys[1] = key_of(1, state->dev, state->ino);
	else if (state && !memory) /* of an older recording: alike names may be other files */
		keys[1] = key_of(2, 0, state->path);
}

/* The fork that stands for the snapshot of fork @i; shortens the chain to it. */
static size_t root(size_t *of, size_t i)
{
	while (of[i] != i) {
		of[i] = of[of[i]];
		i = of[i];
	}
	return i;
}

static void join(size_t *of, size_t a, size_t b)
{
	a = root(of, a);
	b = root(of, b);
	of[a > b ? a : b] = a > b ? b : a;
}

static int join_by_keys(const struct at *a, size_t *of)
{
	struct fs_hashmap seen = {0}; /* key to fork + 1 */
	int ret = 0;

	for (size_t i = 0; i < a->forks.n; i++)
		for (size_t k = 0; k < AT_SNAPSHOT_KEYS && !ret; k++) {
			uint64_t key = a->forks.v[i].keys[k];
			uintptr_t other = key ? (uintptr_t)fs_hashmap_get(&seen, key) : 0;

			if (other)
				join(of, other - 1, i);
			else if (key)
				ret = fs_hashmap_put(&seen, key, (void *)(uintptr_t)(i + 1));
		}
	fs_hashmap_free(&seen);
	return ret;
}

/* Snapshot and variant of a fork in one number. */
static uint64_t population(const struct fsa_fork *f, size_t snapshot)
{
	const uint64_t both[] = {fs_hash(f->variant, strlen(f->variant)), snapshot};

	return fs_hash(both, sizeof(both));
}

/* Of each snapshot and variant, in order of resume. */
static int note_first(struct at *a, size_t *of)
{
	struct fs_hashmap seen = {0};
	int ret = 0;

	for (size_t i = 0; i < a->forks.n && !ret; i++) {
		struct fsa_fork *f = a->forks.v[i].f;
		uint64_t id = population(f, root(of, i) + 1);

		if (fs_hashmap_get(&seen, id))
			continue;
		f->notes |= 1u << FSA_N_FIRST;
		ret = fs_hashmap_put(&seen, id, a);
	}
	fs_hashmap_free(&seen);
	return ret;
}

/* Forks of which no file is known are of one snapshot, too: nothing distinguishes them. */
int at_mark_first(struct at *a)
{
	size_t *of = calloc(a->forks.n + 1, sizeof(*of)), nameless = SIZE_MAX;
	int ret = of ? 0 : -ENOMEM;

	for (size_t i = 0; of && i < a->forks.n; i++)
		of[i] = a->o.one_snapshot ? 0 : i;
	for (size_t i = 0; of && i < a->forks.n; i++) {
		if (a->forks.v[i].keys[0] || a->forks.v[i].keys[1])
			continue;
		if (nameless == SIZE_MAX)
			nameless = i;
		join(of, nameless, i);
	}
	ret = ret ? ret : join_by_keys(a, of);
	ret = ret ? ret : note_first(a, of);
	free(of);
	return ret;
}
