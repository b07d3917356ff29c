/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a place in a guest kernel's code is one where a given instruction stands (kaslr.h). */
#ifndef FORKSCOPE_GUESTSYMS_INSN_PLACES_H
#define FORKSCOPE_GUESTSYMS_INSN_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "guestsyms/exit_names.h"

/* Is @name one of the functions that this instruction is known to stand in? */
bool fsy_insn_known_function(enum fsy_insn insn, const char *name);

/* Do the bytes at @c (@n of them) begin that instruction? */
bool fsy_insn_is(enum fsy_insn insn, const uint8_t *c, size_t n);

#endif
