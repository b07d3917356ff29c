/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON of what the system gives us: paths and names are bytes, not always UTF-8. */
#ifndef FORKSCOPE_JSON_H
#define FORKSCOPE_JSON_H

#include <jansson.h>

/*
 * A string of any bytes. One that is UTF-8 stays as it is; in another each byte that is part of no
 * UTF-8 character becomes \xNN, and each backslash \\ (so that the bytes can be found again). NULL
 * is null. Returns NULL without memory.
 */
json_t *fs_json_text(const char *bytes);

#endif
