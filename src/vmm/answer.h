/* SPDX-License-Identifier: BSD-2-Clause */
/* What a VMM answers, as JSON: hostile input, bounded before a parser sees it. */
#ifndef FORKSCOPE_VMM_ANSWER_H
#define FORKSCOPE_VMM_ANSWER_H

#include <stddef.h>
#include <jansson.h>

#define FS_ANSWER_MAX   (256u * 1024) /* bytes of one answer */
#define FS_ANSWER_DEPTH 32u

/*
 * Parses @len bytes as one JSON object. Returns it (to decref), or NULL with the reason in @err:
 * longer or deeper than allowed, no JSON, no object.
 */
json_t *fs_answer_parse(const char *text, size_t len, char *err, size_t err_len);

/* The string at @key of @o, or NULL when it is not there or is no string. Borrowed. */
const char *fs_answer_string(const json_t *o, const char *key);

/* @len bytes for people: on one line, control characters replaced, at most @size - 1. Returns @buf.
 */
const char *fs_answer_show(const char *text, size_t len, char *buf, size_t size);

#endif
