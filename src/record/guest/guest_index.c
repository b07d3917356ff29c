// SPDX-License-Identifier: BSD-2-Clause
/* Notes where guest recordings stand, and loads their symbols and META on demand. */
#include "record/guest/guest_index.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "record/guest/guest_data.h"
#include "record/inspect.h"
#include "record/reader_impl.h"
#include "record/tables.h"

static int note_blob(struct fsr_guests *g, const struct fsr_chunk *c, const void *payload)
{
	struct fsr_guest_blob_ref ref = {.chunk = *c};
	struct fsr_guest_blob head;

	if (c->bytes < sizeof(head))
		return -EBADMSG;
	memcpy(&head, payload, sizeof(head));
	if (head.bytes > c->bytes - sizeof(head))
		return -EBADMSG;
	for (size_t i = 0; i < g->blobs.n; i++)
		if (g->blobs.v[i].head.kind == head.kind &&
		    !memcmp(g->blobs.v[i].head.id, head.id, sizeof(head.id)))
			return 0;
	ref.head = head;
	return fs_vec_push(&g->blobs, ref);
}

int fsr_guests_note(struct fsr_guests *g, const struct fsr_chunk *c, const void *payload)
{
	struct fsr_guest_ref ref = {.chunk = *c};
	struct fsr_guest head;

	if (c->type == FSR_GUEST_BLOB)
		return note_blob(g, c, payload);
	if (c->bytes < sizeof(head))
		return -EBADMSG;
	memcpy(&head, payload, sizeof(head));
	ref.vm = head.vm;
	return fs_vec_push(&g->readings, ref);
}

void fsr_guests_free(struct fsr_guests *g)
{
	for (size_t i = 0; i < g->blobs.n; i++) {
		fs_vec_free(&g->blobs.v[i].text);
		json_decref(g->blobs.v[i].json);
	}
	fs_vec_free(&g->blobs);
	fs_vec_free(&g->readings);
}

/* The payload of @c in memory of its own, or NULL with errno: damaged since noted, or ENOMEM. */
static void *load(const struct fsr_reader *r, const struct fsr_chunk *c)
{
	char why[512];
	void *payload = malloc(((size_t)c->bytes + 7) & ~(size_t)7);

	int ret = payload ? fsr_walk_payload(&r->walk, c, payload, why, sizeof(why)) : -ENOMEM;

	if (ret) {
		free(payload);
		payload = NULL;
		errno = -ret;
	}
	return payload;
}

void *fsr_guest_payload(const struct fsr_reader *r, size_t i, size_t *bytes)
{
	if (i >= r->guests.readings.n)
		return NULL;
	*bytes = r->guests.readings.v[i].chunk.bytes;
	return load(r, &r->guests.readings.v[i].chunk);
}

size_t fsr_guest_readings(const struct fsr_reader *r)
{
	return r->guests.readings.n;
}

uint32_t fsr_guest_reading_vm(const struct fsr_reader *r, size_t i)
{
	return r->guests.readings.v[i].vm;
}

const struct fsr_guest_blob *fsr_guest_blob_at(const struct fsr_reader *r, size_t i)
{
	return i < r->guests.blobs.n ? &r->guests.blobs.v[i].head : NULL;
}

/* Of text that a guest made, nothing but lines of printable ASCII is left. */
static void tame(struct fsr_text *t)
{
	for (size_t i = 0; i < t->n; i++) {
		unsigned char c = (unsigned char)t->v[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c >= 0x7f)
			t->v[i] = '?';
	}
	t->v[t->n] = '\0'; /* fsr_inflate left room */
}

static void load_symbols(struct fsr_guests *g, struct fsr_guest_blob_ref *ref, const void *data)
{
	uint64_t left = FSR_MAX_TABLE - g->inflated;
	size_t most = left < FSR_MAX_GUEST_SYMBOLS ? (size_t)left : FSR_MAX_GUEST_SYMBOLS;

	if (fsr_inflate(&ref->text, data, ref->head.bytes, most)) {
		fs_vec_free(&ref->text);
		return;
	}
	tame(&ref->text);
	g->inflated += ref->text.n;
}

static void load_meta(struct fsr_guest_blob_ref *ref, const void *data)
{
	json_t *json;

	if (ref->head.bytes > FSR_MAX_GUEST_META)
		return;
	json = json_loadb(data, ref->head.bytes, 0, NULL);
	if (json_is_object(json))
		ref->json = json;
	else
		json_decref(json);
}

static const struct fsr_guest_blob_ref *find_blob(struct fsr_reader *r, const uint8_t id[16],
						  uint32_t kind)
{
	for (size_t i = 0; i < r->guests.blobs.n; i++) {
		struct fsr_guest_blob_ref *ref = &r->guests.blobs.v[i];
		uint8_t *payload;

		if (ref->head.kind != kind || memcmp(ref->head.id, id, sizeof(ref->head.id)))
			continue;
		payload = ref->tried ? NULL : load(r, &ref->chunk);
		ref->tried = true;
		if (payload && kind == FSG_PART_SYMBOLS)
			load_symbols(&r->guests, ref, payload + sizeof(ref->head));
		else if (payload)
			load_meta(ref, payload + sizeof(ref->head));
		free(payload);
		return ref;
	}
	return NULL;
}

const char *fsr_guest_symbols(struct fsr_reader *r, const uint8_t id[16], size_t *len)
{
	const struct fsr_guest_blob_ref *ref = find_blob(r, id, FSG_PART_SYMBOLS);

	if (!ref || !ref->text.v)
		return NULL;
	*len = ref->text.n;
	return ref->text.v;
}

const json_t *fsr_guest_meta(struct fsr_reader *r, const uint8_t id[16])
{
	const struct fsr_guest_blob_ref *ref = find_blob(r, id, FSG_PART_META);

	return ref ? ref->json : NULL;
}
