// SPDX-License-Identifier: BSD-2-Clause
/*
 * What an experiment reports of its forks, by marks for their VMM (forkscope mark NAME --pid VMM):
 *
 *	arm:NAME           the variant that they belong to
 *	prefetch:DURATION  how long prefetching for them took, whenever that was
 *	resident:PAGES     pages of the memory file that were in the page cache when it resumed
 *
 * Without --pid they are of every VM that is made from then on, where none is for it alone; a
 * variant begins anew: what was reported of the one before is no longer valid.
 */
#include "attribute/records/fork_marks.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/state/at.h"
#include "base/units.h"

#define MAX_PAGES    (UINT64_MAX >> 12)
#define MAX_VARIANTS 1024 /* of a hostile recording: each is compared with all forks */

/* What follows @key in @name, or NULL. */
static const char *after(const char *name, const char *key)
{
	size_t n = strlen(key);

	return strncmp(name, key, n) ? NULL : name + n;
}

static bool parse_pages(const char *text, uint64_t *pages)
{
	char *end;
	unsigned long long n;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || n >= MAX_PAGES)
		return false;
	*pages = n;
	return true;
}

/* The variant of that name as a string; 0, and counted, when there are too many already. */
static uint32_t variant_of(struct at *a, const char *name, size_t max)
{
	uint32_t s = at_str(a, name, max);

	for (size_t i = 0; i < a->variants.n; i++)
		if (a->variants.v[i] == s)
			return s;
	if (!s)
		return 0;
	if (a->variants.n < MAX_VARIANTS && !fs_vec_push(&a->variants, s))
		return s;
	(void)at_odd(a);
	return 0;
}

int at_on_fork_mark(struct at *a, const struct fs_ev_mark *e)
{
	const char *variant = after(e->name, "arm:"), *took = after(e->name, "prefetch:");
	const char *resident = after(e->name, "resident:");
	struct at_marks *t = &a->marks;
	struct at_proc *p;
	uint64_t n;

	if (memchr(e->name, '\0', sizeof(e->name)) == NULL || (!variant && !took && !resident))
		return 0;
	if (e->h.tgid) {
		/* the mark may come before the VMM made its VM */
		p = at_proc_get(a, e->h.tgid, true);
		if (!p)
			return at_odd(a);
		t = &p->marks;
	} else if (variant) {
		*t = (struct at_marks){0};
	}
	if (variant)
		t->variant = variant_of(a, variant, sizeof(e->name));
	if (took && !fs_parse_duration(took, &n))
		t->prefetch_ns = n + 1;
	if (resident && parse_pages(resident, &n))
		t->resident = n + 1;
	return 0;
}
