// SPDX-License-Identifier: BSD-2-Clause
/*
 * Prints the rings of what is armed in this guest, from inside it: for tests.
 *
 * ringdump [RUN_DIR]: a line for each ring, "ring cpu N head H records R lost L" (or "ring agent"),
 * then one for each record that stands whole in it, oldest first:
 * "N TS KIND FLAGS TID X A" (numbers in decimal, flags and a in hexadecimal), and "hole N" for a
 * place whose record is missing.
 */
#include <stdio.h>
#include <string.h>
#include "guest/recorder/armed.h"
#include "bpf/guest_ring.h"

static const char *kind_name(unsigned int kind)
{
	switch (kind) {
#define X(num, name, doc) \
	case num:         \
		return #name;
		FSG_KINDS(X)
#undef X
	}
	return "?";
}

static void dump(const char *of, const void *at, uint64_t pages)
{
	const struct fsg_ring_head *h = at;
	const struct fsg_rec *rec = (const void *)((const char *)at + FSG_PAGE);
	uint64_t records = (pages - 1) * (FSG_PAGE / sizeof(*rec)), head = h->head;

	printf("ring %s %u head %llu records %llu lost %llu mark %d dir %llx\n", of, h->index,
	       (unsigned long long)head, (unsigned long long)records, (unsigned long long)h->lost,
	       h->mark == FSG_RING_MARK, (unsigned long long)h->dir_gfn);
	for (uint64_t n = head > records ? head - records : 0; n < head; n++) {
		struct fsg_rec r = *(const volatile struct fsg_rec *)&rec[n % records];

		if (r.seq != (uint32_t)n + 1)
			printf("hole %llu\n", (unsigned long long)n);
		else
			printf("%llu %llu %s %x %u %u %llx\n", (unsigned long long)n,
			       (unsigned long long)r.ts, kind_name(r.kind), r.flags, r.tid, r.x,
			       (unsigned long long)r.a);
	}
}

int main(int argc, char **argv)
{
	struct guest_armed a;
	char err[480];
	void *m;

	if (guest_armed_read(argc > 1 ? argv[1] : GUEST_RUN_DIR, &a, err, sizeof(err)))
		goto bad;
	for (uint64_t i = 0; a.ring_pages && i < a.cpus; i++) {
		if (guest_armed_map(&a, a.rings_fd, i * a.ring_pages, a.ring_pages, &m, err,
				    sizeof(err)))
			goto bad;
		dump("cpu", m, a.ring_pages);
	}
	if (guest_armed_map(&a, a.store_fd, a.agent_page, a.agent_pages, &m, err, sizeof(err)))
		goto bad;
	dump("agent", m, a.agent_pages);
	return 0;
bad:
	fprintf(stderr, "ringdump: %s\n", err);
	return 1;
}
