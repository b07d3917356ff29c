// SPDX-License-Identifier: BSD-2-Clause
/* Names, sizes and descriptions of the kinds of records. */
#include "record/kinds.h"
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name, *doc;
	uint16_t bytes;
} kinds[FSR_KIND_MAX + 1] = {
#define X(num, name, type, doc) [num] = {#name, doc, sizeof(struct type)},
	FS_EVENT_KINDS(X)
#undef X
};

const char *fsr_kind_name(uint16_t kind)
{
	return kind <= FSR_KIND_MAX ? kinds[kind].name : NULL;
}

const char *fsr_kind_doc(uint16_t kind)
{
	return kind <= FSR_KIND_MAX ? kinds[kind].doc : NULL;
}

uint16_t fsr_kind_bytes(uint16_t kind)
{
	return kind <= FSR_KIND_MAX ? kinds[kind].bytes : 0;
}

uint16_t fsr_kind_by_name(const char *name)
{
	for (uint16_t kind = 0; kind <= FSR_KIND_MAX; kind++)
		if (kinds[kind].name && !strcmp(kinds[kind].name, name))
			return kind;
	return FS_EV_NONE;
}
