/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON of META, the first chunk of a recording. */
#ifndef FORKSCOPE_META_JSON_H
#define FORKSCOPE_META_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "collect/session/session.h"

struct fs_meta_in {
	const struct fs_session_opts *opts;
	const struct fs_bpf *bpf;
	const struct fs_guests *guests; /* NULL = they are not read */
	const char *kept;               /* capabilities, by commas; "" = none */
	uint64_t armed_ns;              /* CLOCK_MONOTONIC: from then on all is recorded */
	bool symbols_hidden;            /* the kernel shows no addresses */
};

/* The META object (docs/format.md); NULL = no memory. */
json_t *fs_meta_json(const struct fs_meta_in *in);

#endif
