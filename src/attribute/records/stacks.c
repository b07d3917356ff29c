// SPDX-License-Identifier: BSD-2-Clause
/* What a host kernel stack, taken when a thread left its CPU, says about why it did. */
#include <string.h>
#include "attribute/records/classify.h"
#include "attribute/state/at.h"

/* Symbols that begin so. Compiler suffixes (.isra.0, .constprop.0) are covered by that. */
static const struct {
	const char *prefix;
	uint8_t kinds;
} table[] = {
	{"handle_userfault", AT_ST_UFFD},      {"folio_wait_bit", AT_ST_READ},
	{"folio_wait_locked", AT_ST_READ},     {"__folio_lock", AT_ST_READ},
	{"folio_put_wait_locked", AT_ST_READ}, {"migration_entry_wait", AT_ST_READ},
	{"do_swap_page", AT_ST_SWAP},          {"handle_mm_fault", AT_ST_FAULT},
	{"__handle_mm_fault", AT_ST_FAULT},
};

uint8_t at_stack_kinds(struct at *a, uint32_t stack)
{
	const uint64_t *addrs;
	uintptr_t known;
	unsigned int n;
	uint8_t kinds = 0;

	if (stack == FS_NO_STACK)
		return 0;
	known = (uintptr_t)fs_hashmap_get(&a->stacks, stack);
	if (known)
		return (uint8_t)(known & 0xff);
	n = fsr_stack(a->r, stack, &addrs);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t off;
		const char *name = fsr_ksym(a->r, addrs[i], &off);

		for (size_t k = 0; name && k < sizeof(table) / sizeof(*table); k++)
			if (!strncmp(name, table[k].prefix, strlen(table[k].prefix)))
				kinds |= table[k].kinds;
	}
	/* bit 8: an answer is known, be it none. Without memory it is worked out again. */
	(void)fs_hashmap_put(&a->stacks, stack, (void *)(uintptr_t)(kinds | 0x100));
	return kinds;
}
