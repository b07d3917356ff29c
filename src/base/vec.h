/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growing arrays.
 *
 *	FS_VEC(struct item) items = {0};
 *	if (fs_vec_push(&items, it))
 *		return -ENOMEM;
 *	for (size_t i = 0; i < items.n; i++)
 *		use(&items.v[i]);
 *	fs_vec_free(&items);
 *
 * A push may move the items: keep indices, not pointers. After a failure the array is as before.
 */
#ifndef FORKSCOPE_VEC_H
#define FORKSCOPE_VEC_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define FS_VEC(type)           \
	struct {               \
		type *v;       \
		size_t n, cap; \
	}

/*
 * Room for @n + @extra items of @size bytes in the allocation @v of *@cap items. Returns the
 * (perhaps moved) allocation and updates *@cap, or NULL with everything as it was. For the macros.
 */
void *fs_vec_room(void *v, size_t n, size_t *cap, size_t extra, size_t size);

/* The compiler refuses a result that nobody looks at: what was not kept must not go unnoticed. */
__attribute__((warn_unused_result)) static inline int fs_vec_look(int result)
{
	return result;
}

/* Room for @extra more items: 0 or -ENOMEM. */
#define fs_vec_reserve(vec, extra)                                                                \
	fs_vec_look(({                                                                            \
		void *room_ =                                                                     \
			fs_vec_room((vec)->v, (vec)->n, &(vec)->cap, (extra), sizeof(*(vec)->v)); \
		if (room_)                                                                        \
			(vec)->v = room_;                                                         \
		room_ ? 0 : -ENOMEM;                                                              \
	}))

/* Appends one item: 0 or -ENOMEM. */
#define fs_vec_push(vec, ...)                                                                 \
	fs_vec_look(({                                                                        \
		int push_ = (vec)->v && (vec)->n < (vec)->cap ? 0 : fs_vec_reserve((vec), 1); \
		if (!push_)                                                                   \
			(vec)->v[(vec)->n++] = (__VA_ARGS__);                                 \
		push_;                                                                        \
	}))

#define fs_vec_free(vec)                   \
	do {                               \
		free((vec)->v);            \
		(vec)->v = NULL;           \
		(vec)->n = (vec)->cap = 0; \
	} while (0)

#endif
