// SPDX-License-Identifier: BSD-2-Clause
/* Writes what the lines of a guest's recorder gave as GUEST and GUEST_BLOB chunks. */
#include "tools/mkrec/guest_impl.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/err.h"

struct fsr_guest_text *fsr_guest_text_new(void)
{
	return calloc(1, sizeof(struct fsr_guest_text));
}

int fsr_guest_text_no_memory(struct fsr_guest_text *t)
{
	return fs_errf(t->err, t->err_len, -ENOMEM, "out of memory");
}

int fsr_guest_text_append(struct fsr_guest_text *t, struct fsr_bytes *b, const void *data, size_t n)
{
	if (fs_vec_reserve(b, n))
		return fsr_guest_text_no_memory(t);
	memcpy(b->v + b->n, data, n);
	b->n += n;
	return 0;
}

static int add_parts(struct fsr_guest_text *t, struct fsr_bytes *b)
{
	struct fsr_guest_part dir = {.kind = FSR_GP_DIR, .bytes = FSG_PAGE};
	struct fsr_guest_part frames = {.kind = FSR_GP_FRAMES, .bytes = (uint32_t)t->frames.n};
	int ret = fsr_guest_begin(b, &t->head);

	if (!ret && t->has_dir)
		ret = fsr_guest_add(b, &dir, t->dir.page);
	for (size_t i = 0; i < t->rings.n && !ret; i++) {
		struct ring *r = &t->rings.v[i];

		r->part.bytes = (uint32_t)r->recs.n;
		ret = fsr_guest_add(b, &r->part, r->recs.v);
	}
	if (!ret && t->frames.n)
		ret = fsr_guest_add(b, &frames, t->frames.v);
	return ret;
}

static void close_reading(struct fsr_guest_text *t)
{
	for (size_t i = 0; i < t->rings.n; i++)
		fs_vec_free(&t->rings.v[i].recs);
	fs_vec_free(&t->rings);
	fs_vec_free(&t->frames);
	t->open = t->has_dir = false;
}

int fsr_guest_text_reading(struct fsr_guest_text *t, struct fsr_writer *w)
{
	struct fsr_bytes b = {0};
	int ret = 0;

	if (t->open) {
		ret = add_parts(t, &b);
		if (!ret)
			ret = fsr_write(w, FSR_GUEST, b.v, b.n);
		fs_vec_free(&b);
	}
	close_reading(t);
	return ret;
}

int fsr_guest_text_blob(struct fsr_guest_text *t, struct fsr_writer *w, uint32_t kind,
			const struct fsr_bytes *data, uint64_t raw_bytes)
{
	struct fsr_guest_blob head = {
		.kind = kind, .bytes = (uint32_t)data->n, .raw_bytes = raw_bytes};
	struct fsr_bytes b = {0};
	int ret;

	memcpy(head.id, t->id, sizeof(head.id));
	ret = fsr_guest_text_append(t, &b, &head, sizeof(head));
	if (!ret)
		ret = fsr_guest_text_append(t, &b, data->v, data->n);
	if (!ret)
		ret = fsr_write(w, FSR_GUEST_BLOB, b.v, b.n);
	fs_vec_free(&b);
	return ret;
}

int fsr_guest_text_symbols(struct fsr_guest_text *t, struct fsr_writer *w)
{
	uLongf room = compressBound(t->syms.n);
	struct fsr_bytes packed = {.v = malloc(room)};
	int ret = -ENOMEM;

	if (!t->syms.n) {
		ret = 0;
	} else if (packed.v && compress(packed.v, &room, t->syms.v, t->syms.n) == Z_OK) {
		packed.n = room;
		ret = fsr_guest_text_blob(t, w, FSG_PART_SYMBOLS, &packed, t->syms.n);
	}
	fs_vec_free(&packed);
	fs_vec_free(&t->syms);
	return ret;
}

int fsr_guest_text_flush(struct fsr_guest_text *t, struct fsr_writer *w)
{
	int ret = fsr_guest_text_reading(t, w);

	return ret ? ret : fsr_guest_text_symbols(t, w);
}

void fsr_guest_text_free(struct fsr_guest_text *t)
{
	if (!t)
		return;
	close_reading(t);
	fs_vec_free(&t->syms);
	free(t);
}
