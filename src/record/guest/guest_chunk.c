// SPDX-License-Identifier: BSD-2-Clause
/* Puts together the payload of a GUEST chunk, and takes it apart. */
#include "record/guest/guest_chunk.h"
#include <errno.h>
#include <string.h>
#include "base/vec.h"

static int append(struct fsr_bytes *b, const void *data, size_t n)
{
	size_t padded = (n + 7) & ~(size_t)7;

	if (padded > FSR_MAX_CHUNK - b->n)
		return -EMSGSIZE;
	if (fs_vec_reserve(b, padded))
		return -ENOMEM;
	if (n)
		memcpy(b->v + b->n, data, n);
	memset(b->v + b->n + n, 0, padded - n);
	b->n += padded;
	return 0;
}

int fsr_guest_begin(struct fsr_bytes *b, const struct fsr_guest *head)
{
	int ret = append(b, head, sizeof(*head));

	if (!ret)
		((struct fsr_guest *)(void *)b->v)->nparts = 0;
	return ret;
}

int fsr_guest_add(struct fsr_bytes *b, const struct fsr_guest_part *part, const void *data)
{
	size_t was = b->n;
	int ret = append(b, part, sizeof(*part));

	if (!ret)
		ret = append(b, data, part->bytes);
	if (ret)
		b->n = was;
	else
		((struct fsr_guest *)(void *)b->v)->nparts++;
	return ret;
}

int fsr_guest_next(const void *payload, size_t bytes, size_t *at, struct fsr_guest_part *part,
		   const void **data)
{
	const uint8_t *p = payload;
	size_t from = *at ? *at : sizeof(struct fsr_guest), padded;

	if (bytes < sizeof(struct fsr_guest))
		return -EBADMSG;
	if (from >= bytes)
		return from == bytes ? 0 : -EBADMSG;
	if (bytes - from < sizeof(*part))
		return -EBADMSG;
	memcpy(part, p + from, sizeof(*part));
	from += sizeof(*part);
	padded = ((size_t)part->bytes + 7) & ~(size_t)7;
	if (padded > bytes - from)
		return -EBADMSG;
	*data = p + from;
	*at = from + padded;
	return 1;
}
