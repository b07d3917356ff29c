// SPDX-License-Identifier: BSD-2-Clause
/* Opens a recording, checks its chunks and delivers its records in order. */
#include "record/reader.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "record/reader_impl.h"
#include "record/scan.h"

/* Bytes of a JSON chunk; parsed it takes some twenty times as much memory. */
#define MAX_JSON (8u << 20)

/* What is used of the file ends at @end, because of what stands in info.why. */
static void cut(struct fsr_reader *r, uint64_t end)
{
	r->info.truncated = true;
	r->end = r->walk.end = end;
}

static int load_json(json_t **slot, const void *data, size_t bytes)
{
	json_t *json;

	if (bytes > MAX_JSON)
		return -E2BIG;
	json = json_loadb(data, bytes, 0, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return -EBADMSG;
	}
	json_decref(*slot);
	*slot = json; /* a later one of its type stands for all */
	return 0;
}

/* Loads the payload of a chunk that is not of the event stream. */
static int load_payload(struct fsr_reader *r, const struct fsr_chunk *c, const void *data)
{
	switch (c->type) {
	case FSR_META:
		return load_json(&r->info.meta, data, c->bytes);
	case FSR_STATS:
		return load_json(&r->info.stats, data, c->bytes);
	case FSR_END:
		return load_json(&r->info.end, data, c->bytes);
	case FSR_STACKS:
		return fsr_stacks_add(&r->stacks, data, c->bytes);
	case FSR_SYMBOLS:
		return fsr_symbols_add(&r->symbols, data, c->bytes);
	case FSR_GUEST:
	case FSR_GUEST_BLOB:
		return fsr_guests_note(&r->guests, c, data);
	}
	return 0;
}

static const char *payload_error(int err)
{
	switch (err) {
	case -E2BIG:
		return "is larger than this program takes";
	case -ENOMEM:
		return "does not fit in memory";
	default:
		return "does not hold what its type says";
	}
}

/*
 * Events are read later, in their order; but what the recorder itself says of missing ones must be
 * known before. A chunk that is damaged ends the reading of events, then.
 */
static int load_missed(struct fsr_reader *r, const struct fsr_chunk *c)
{
	struct fsr_events head;
	struct fsr_buf *b;
	char why[512];
	int ret;

	if (c->bytes < sizeof(head) ||
	    pread(r->walk.fd, &head, sizeof(head), (off_t)c->data) != sizeof(head) ||
	    head.cpu != FSR_NO_CPU)
		return 0;
	b = fsr_merge_buf(r->merge, (size_t)c->bytes + 8);
	ret = b ? fsr_walk_payload(&r->walk, c, b->bytes, why, sizeof(why)) : -ENOMEM;
	if (!ret)
		ret = fsr_missed_add(&r->missed, b->bytes + sizeof(head), c->bytes - sizeof(head));
	else if (b)
		ret = 0;
	fsr_merge_drop(r->merge, b);
	return ret ? fs_errf(r->info.why, sizeof(r->info.why), ret, "chunk %u at byte %llu: %s %s",
			     c->seq, (unsigned long long)c->offset, fsr_chunk_name(c->type),
			     payload_error(ret))
		   : 0;
}

/* Reads, checks and loads one chunk as the headers are passed. */
static int load_chunk(struct fsr_reader *r, const struct fsr_chunk *c)
{
	struct fsr_buf *b;
	int ret;

	if (c->type == FSR_EVENTS)
		return load_missed(r, c);
	if (c->type == FSR_ROUND)
		return 0;
	if (!fsr_chunk_name(c->type)) {
		r->info.unknown_chunks++;
		return 0;
	}
	b = fsr_merge_buf(r->merge, (size_t)c->bytes + 8);
	if (!b)
		return fs_errf(r->info.why, sizeof(r->info.why), -ENOMEM,
			       "chunk %u at byte %llu: %s", c->seq, (unsigned long long)c->offset,
			       payload_error(-ENOMEM));
	ret = fsr_walk_payload(&r->walk, c, b->bytes, r->info.why, sizeof(r->info.why));
	if (!ret) {
		ret = load_payload(r, c, b->bytes);
		if (ret)
			fs_errf(r->info.why, sizeof(r->info.why), ret,
				"chunk %u at byte %llu: %s %s", c->seq,
				(unsigned long long)c->offset, fsr_chunk_name(c->type),
				payload_error(ret));
	}
	fsr_merge_drop(r->merge, b);
	return ret;
}

/* The first pass: all chunk headers, and the payload of everything but events. */
static void scan_chunks(struct fsr_reader *r)
{
	struct fsr_info *info = &r->info;
	struct fsr_chunk c;
	int got;

	for (;;) {
		uint64_t at = r->walk.next;

		got = fsr_walk_next(&r->walk, &c, info->why, sizeof(info->why));
		if (got > 0 && load_chunk(r, &c))
			got = -1;
		if (got <= 0) {
			if (got < 0)
				cut(r, at);
			break;
		}
		info->chunks++;
	}
	info->complete = info->end != NULL;
	if (!info->complete && !info->truncated) {
		snprintf(info->why, sizeof(info->why),
			 "ends at byte %llu without an END chunk: the recording was broken off",
			 (unsigned long long)r->walk.end);
		cut(r, r->walk.end);
	}
	r->end = r->walk.end;
	fsr_stacks_sort(&r->stacks);
	fsr_symbols_sort(&r->symbols);
}

int fsr_open_budget(const char *path, size_t budget, struct fsr_reader **out, char *err,
		    size_t err_len)
{
	struct fsr_reader *r = calloc(1, sizeof(*r));
	int fd;

	if (!r)
		return fs_errf(err, err_len, -ENOMEM, "out of memory");
	fd = fsr_walk_open(path, &r->header, &r->walk, err, err_len);
	if (fd < 0) {
		free(r);
		return fd;
	}
	r->merge = fsr_merge_new(fd, &r->info, budget);
	if (!r->merge) {
		fsr_free(r);
		return fs_errf(err, err_len, -ENOMEM, "out of memory");
	}
	r->info.major = r->header.major;
	r->info.minor = r->header.minor;
	r->info.created_ns = r->header.created_ns;
	scan_chunks(r);
	fsr_rewind(r);
	*out = r;
	return 0;
}

int fsr_open(const char *path, struct fsr_reader **out, char *err, size_t err_len)
{
	return fsr_open_budget(path, FSR_MERGE_BUDGET, out, err, err_len);
}

static int take_events(struct fsr_reader *r, const struct fsr_chunk *c, struct fsr_buf *b)
{
	struct fsr_events head;

	memcpy(&head, b->bytes, sizeof(head));
	return fsr_merge_add(r->merge, head.cpu, b, b->bytes + sizeof(head),
			     c->bytes - sizeof(head), c->data + sizeof(head), head.count);
}

/*
 * A ROUND promises that every record before its horizon has been written. What may be delivered
 * lags one round behind: a record's time is taken a moment before the record is in its buffer, and
 * an interrupt or a stolen CPU can make that moment long.
 */
static void take_round(struct fsr_reader *r, const void *data)
{
	struct fsr_round round;

	memcpy(&round, data, sizeof(round));
	fsr_merge_horizon(r->merge, r->horizon);
	if (round.horizon_ns > r->horizon && round.horizon_ns != UINT64_MAX)
		r->horizon = round.horizon_ns;
}

/* One EVENTS or ROUND chunk. Returns 0, or -errno with the reason in info.why. */
static int take_chunk(struct fsr_reader *r, const struct fsr_chunk *c)
{
	char *why = r->info.why;
	size_t len = sizeof(r->info.why);
	struct fsr_buf *b;
	int ret;

	if (c->bytes < sizeof(struct fsr_round))
		return fs_errf(why, len, -EBADMSG, "chunk %u at byte %llu: %s %s", c->seq,
			       (unsigned long long)c->offset, fsr_chunk_name(c->type),
			       payload_error(-EBADMSG));
	b = fsr_merge_buf(r->merge, (size_t)c->bytes + 8);
	if (!b)
		return -ENOMEM;
	ret = fsr_walk_payload(&r->walk, c, b->bytes, why, len);
	if (!ret && c->type == FSR_EVENTS)
		return take_events(r, c, b);
	if (!ret)
		take_round(r, b->bytes);
	fsr_merge_drop(r->merge, b);
	return ret;
}

/* Feeds the merge with the chunks up to the next ROUND. Returns 0 or a negative errno. */
static int feed(struct fsr_reader *r)
{
	struct fsr_chunk c;

	for (;;) {
		char why[sizeof(r->info.why)];
		int got = fsr_walk_next(&r->walk, &c, why, sizeof(why));

		if (got <= 0) {
			if (got < 0 && !r->info.truncated)
				memcpy(r->info.why, why, sizeof(why));
			if (got < 0)
				cut(r, r->walk.next);
			break;
		}
		if (c.type != FSR_EVENTS && c.type != FSR_ROUND)
			continue;
		got = take_chunk(r, &c);
		if (got == -ENOMEM)
			return got;
		if (got) {
			cut(r, c.offset);
			break;
		}
		if (c.type == FSR_ROUND)
			return 0;
	}
	r->drained = true;
	fsr_merge_horizon(r->merge, UINT64_MAX);
	return 0;
}

int fsr_next(struct fsr_reader *r, const struct fs_ev **ev)
{
	for (;;) {
		int got = fsr_merge_next(r->merge, ev);

		if (got)
			return got;
		if (r->drained)
			return 0;
		got = feed(r);
		if (got)
			return got;
	}
}

int fsr_rewind(struct fsr_reader *r)
{
	struct fsr_info *i = &r->info;

	fsr_merge_reset(r->merge);
	r->walk.next = r->header.header_bytes;
	r->walk.end = r->end;
	r->walk.seq = 0;
	r->horizon = 0;
	r->drained = false;
	i->events = i->unknown_events = i->bad_events = i->late_events = i->seq_holes = 0;
	return 0;
}

const struct fsr_info *fsr_info(const struct fsr_reader *r)
{
	return &r->info;
}

unsigned int fsr_stack(const struct fsr_reader *r, uint32_t id, const uint64_t **addrs)
{
	const struct fsr_stack_ref *ref = fsr_stacks_find(&r->stacks, id);

	if (!ref)
		return 0;
	*addrs = r->stacks.addrs.v + ref->at;
	return ref->depth;
}

const char *fsr_ksym(const struct fsr_reader *r, uint64_t addr, uint64_t *off)
{
	const struct fsr_sym *sym = fsr_symbols_find(&r->symbols, addr);

	if (!sym)
		return NULL;
	*off = addr - sym->addr;
	return r->symbols.text.v + sym->name;
}

const struct fs_ev_missed *fsr_missed(const struct fsr_reader *r, size_t *n, uint64_t *left_out)
{
	*n = r->missed.v.n;
	*left_out = r->missed.left_out;
	return r->missed.v.v;
}

void fsr_free(struct fsr_reader *r)
{
	if (!r)
		return;
	fsr_merge_free(r->merge);
	fsr_stacks_free(&r->stacks);
	fsr_symbols_free(&r->symbols);
	fsr_guests_free(&r->guests);
	fsr_missed_free(&r->missed);
	json_decref(r->info.meta);
	json_decref(r->info.stats);
	json_decref(r->info.end);
	close(r->walk.fd);
	free(r);
}
