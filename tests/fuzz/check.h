/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold whatever the input was: else the fuzzer has a find. */
#ifndef FORKSCOPE_FUZZ_CHECK_H
#define FORKSCOPE_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define check(ok)                                                                        \
	do {                                                                             \
		if (!(ok)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #ok); \
			abort();                                                         \
		}                                                                        \
	} while (0)

#endif
