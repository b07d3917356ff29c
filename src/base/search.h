/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Binary search in anything that has an order.
 *
 *	size_t after = fs_first_where(n, i, v[i].t0 > t);
 *	if (after)
 *		use(&v[after - 1]);		(the last one that began at t or before)
 */
#ifndef FORKSCOPE_SEARCH_H
#define FORKSCOPE_SEARCH_H

#include <stddef.h>

/*
 * The first index @i in [0, @n) for which the expression @condition is true, or @n. It must be
 * false up to some index and true from there on; it is evaluated about log2(n) times.
 */
#define fs_first_where(n, i, condition)                                               \
	({                                                                            \
		size_t first_low_ = 0, first_high_ = (n);                             \
                                                                                      \
		while (first_low_ < first_high_) {                                    \
			const size_t i = first_low_ + (first_high_ - first_low_) / 2; \
                                                                                      \
			if (condition)                                                \
				first_high_ = i;                                      \
			else                                                          \
				first_low_ = i + 1;                                   \
		}                                                                     \
		first_low_;                                                           \
	})

#endif
