/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a recording from text, for tests: one line per record, in the language of
 * record/text/event_text.h, and
 *
 *	# a comment
 *	META {"tool": "test"}           a JSON object (STATS and END likewise), written at once
 *	STACK 5 ffffffff81000010 ...    id and addresses (hexadecimal), innermost first
 *	SYM ffffffff81000000 name [kvm] a kernel symbol
 *	ROUND 5000                      writes the records so far, then a ROUND with this horizon
 *	CHUNK                           writes the records so far
 *	RAW                             from here on records stay in the order of their lines
 *	NOEND                           no END chunk: as of a recording that was broken off
 *
 * and those of a guest's recorder (GUEST, GREC, ...: guest.h).
 *
 * Records are sorted by time within their CPU before they are written, and numbered (seq=) where
 * the text does not. An END chunk is written at the end if the text has none.
 */
#ifndef FORKSCOPE_COMPILE_H
#define FORKSCOPE_COMPILE_H

#include <stddef.h>

/*
 * Compiles @text into the recording @path. Returns 0 or a negative errno with a sentence in @err
 * that names the line.
 */
int fsr_compile(const char *text, const char *path, char *err, size_t err_len);

#endif
