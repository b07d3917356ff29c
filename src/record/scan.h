/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of a run of raw records as they stand in an EVENTS chunk, and their order. */
#ifndef FORKSCOPE_SCAN_H
#define FORKSCOPE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/event.h"

/* What one CPU's sequence numbers have said so far. */
struct fsr_seq {
	uint32_t next;
	bool seen;
	uint64_t holes; /* numbers that have not been seen */
};

/* The same for every possible CPU; a page of 256 is there once one of its CPUs was seen. */
struct fsr_seqs {
	struct fsr_seq *page[256];
};

void fsr_seqs_clear(struct fsr_seqs *s);
void fsr_seqs_free(struct fsr_seqs *s);

/* Made by user space: belongs to no CPU and carries no sequence. */
#define FSR_NO_CPU 0xffffu

struct fsr_run {
	size_t bytes;             /* of whole, well-formed records from the beginning */
	uint32_t count;           /* of them */
	struct fs_ev first, last; /* headers of the first and the last in order, if count > 0 */
	bool sorted;
};

/*
 * Walks the records at @recs (8-aligned, @bytes long) up to the first that is malformed: shorter
 * than its header, not a multiple of 8, or longer than what is left. @seqs (or
 * NULL) is brought up to date; the change of the number of holes is returned.
 */
int64_t fsr_scan(const void *recs, size_t bytes, struct fsr_seqs *seqs, struct fsr_run *run);

/* Writes the @count records at @from, @bytes long in all, to @to in the order of (ts, cpu, seq). */
int fsr_sort(const void *from, size_t bytes, uint32_t count, void *to);

/* The order of two records: (ts, cpu, seq). */
static inline bool fsr_before(const struct fs_ev *a, const struct fs_ev *b)
{
	if (a->ts != b->ts)
		return a->ts < b->ts;
	if (a->cpu != b->cpu)
		return a->cpu < b->cpu;
	return (int32_t)(a->seq - b->seq) < 0; /* the number may wrap */
}

#endif
