// SPDX-License-Identifier: BSD-2-Clause
/* Parses a prefetch, works out its ranges, and reads them into memory. */
#include "bench/prefetch.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"

#define PAGE 4096ull
#define STEP FS_PREFETCH_STEP

const char *const fs_mechanism_names[FS_MECHANISM_COUNT] = {
#define X(id, name, doc) name,
	FS_MECHANISMS(X)
#undef X
};

/* --- what ---------------------------------------------------------------------------------- */

static int parse_range(const char *text, struct fs_prefetch_spec *s)
{
	char *end;

	errno = 0;
	s->off = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)*text) || errno || *end != ':')
		return -EINVAL;
	return fs_parse_bytes(end + 1, &s->bytes);
}

int fs_prefetch_parse(const char *text, struct fs_prefetch_spec *s, char *err, size_t len)
{
	int ret = -EINVAL;

	memset(s, 0, sizeof(*s));
	if (strlen(text) < sizeof(s->text)) {
		strcpy(s->text, text);
		ret = 0;
	}
	if (!strcmp(text, "none")) {
		s->kind = FS_PREFETCH_NONE;
	} else if (!strcmp(text, "all")) {
		s->kind = FS_PREFETCH_ALL;
	} else if (!strcmp(text, "workingset")) {
		s->kind = FS_PREFETCH_WORKINGSET;
	} else if (!strncmp(text, "mailbox:", 8)) {
		s->kind = FS_PREFETCH_MAILBOX;
		ret = ret ? ret : fs_parse_bytes(text + 8, &s->bytes);
	} else if (!strncmp(text, "head:", 5)) {
		s->kind = FS_PREFETCH_HEAD;
		ret = ret ? ret : fs_parse_bytes(text + 5, &s->bytes);
	} else if (!strncmp(text, "range:", 6)) {
		s->kind = FS_PREFETCH_RANGE;
		ret = ret ? ret : parse_range(text + 6, s);
	} else {
		ret = -EINVAL;
	}
	if (!ret && (s->kind == FS_PREFETCH_MAILBOX || s->kind == FS_PREFETCH_HEAD ||
		     s->kind == FS_PREFETCH_RANGE))
		ret = s->bytes ? 0 : -EINVAL;
	/* it becomes part of a mark's name */
	for (const char *c = text; !ret && *c; c++)
		ret = isalnum((unsigned char)*c) || strchr("._:-", *c) ? 0 : -EINVAL;
	return ret ? fs_errf(err, len, -EINVAL,
			     "\"%.60s\" is none of none, mailbox:SIZE, head:SIZE, range:OFFSET:SIZE, workingset, all (as in mailbox:64MiB)",
			     text)
		   : 0;
}

/* Adds [@from, @to) in whole pages, cut at the end of the file. */
static int add(struct fs_ranges *out, uint64_t from, uint64_t to, uint64_t size, bool *clamped)
{
	from &= ~(PAGE - 1);
	if (to > size) {
		*clamped = true;
		to = size;
	}
	if (to < size && to % PAGE)
		to += PAGE - to % PAGE;
	if (to > size)
		to = size;
	if (from >= to)
		return 0;
	return fs_vec_push(out, (struct fs_range){from, to - from});
}

static int add_mailbox(const struct fs_prefetch_spec *s, uint64_t size, uint64_t mailbox,
		       struct fs_ranges *out, bool *clamped)
{
	uint64_t half = s->bytes / 2, from = mailbox > half ? mailbox - half : 0;

	if (s->bytes > size) {
		*clamped = true;
		return add(out, 0, size, size, clamped);
	}
	/* At an edge the window moves, so that it stays as large as was asked. */
	if (from + s->bytes > size)
		from = size - s->bytes;
	return add(out, from, from + s->bytes, size, clamped);
}

int fs_prefetch_ranges(const struct fs_prefetch_spec *s, uint64_t size, uint64_t mailbox,
		       const struct fs_ranges *workingset, struct fs_ranges *out, bool *clamped,
		       char *err, size_t len)
{
	uint64_t end;
	int ret = 0;

	*clamped = false;
	switch (s->kind) {
	case FS_PREFETCH_NONE:
		break;
	case FS_PREFETCH_MAILBOX:
		if (mailbox == UINT64_MAX)
			return fs_errf(
				err, len, -ENOENT,
				"--prefetch %s: it is not known where the mailbox is: give --token",
				s->text);
		ret = add_mailbox(s, size, mailbox, out, clamped);
		break;
	case FS_PREFETCH_HEAD:
		ret = add(out, 0, s->bytes, size, clamped);
		break;
	case FS_PREFETCH_RANGE:
		end = s->off > UINT64_MAX - s->bytes ? UINT64_MAX : s->off + s->bytes;
		ret = add(out, s->off, end, size, clamped);
		break;
	case FS_PREFETCH_ALL:
		ret = add(out, 0, size, size, clamped);
		break;
	case FS_PREFETCH_WORKINGSET:
		for (size_t i = 0; i < workingset->n && !ret; i++)
			ret = add(out, workingset->v[i].offset,
				  workingset->v[i].offset + workingset->v[i].size, size, clamped);
		break;
	}
	if (!ret && s->kind != FS_PREFETCH_NONE && !out->n)
		return fs_errf(err, len, -ERANGE,
			       "--prefetch %s: no byte of it is in the memory file (%" PRIu64
			       " bytes)",
			       s->text, size);
	return ret ? fs_errf(err, len, ret, "out of memory") : 0;
}

int fs_ranges_resident(int fd, const struct fs_ranges *r, uint64_t *bytes)
{
	uint64_t one;
	int ret = 0;

	*bytes = 0;
	for (size_t i = 0; i < r->n && !ret; i++) {
		ret = fs_cache_resident(fd, &r->v[i], &one);
		*bytes += ret ? 0 : one;
	}
	return ret;
}

/* --- how ----------------------------------------------------------------------------------- */

static int read_step(int fd, uint64_t off, uint64_t len)
{
	static __thread char buf[STEP];

	while (len) {
		ssize_t n = pread(fd, buf, len < sizeof(buf) ? len : sizeof(buf), (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ESTALE; /* cut short meanwhile */
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static int do_step(struct fs_prefetch_run *p, const struct fs_range *r, char *err, size_t len)
{
	int ret = 0;

	switch (p->how) {
	case FS_MECH_WILLNEED:
		ret = -posix_fadvise(p->fd, (off_t)r->offset, (off_t)r->size, POSIX_FADV_WILLNEED);
		break;
	case FS_MECH_READAHEAD:
		ret = readahead(p->fd, (off64_t)r->offset, r->size) ? -errno : 0;
		break;
	case FS_MECH_READ:
		ret = read_step(p->fd, r->offset, r->size);
		break;
	case FS_MECH_POPULATE:
		return fs_populate(p, r, err, len);
	case FS_MECHANISM_COUNT:
		return fs_errf(err, len, -EINVAL, "there is no such mechanism");
	}
	return ret ? fs_errf(err, len, ret, "prefetching by %s: %s", fs_mechanism_names[p->how],
			     strerror(-ret))
		   : 0;
}

/* Sleeps until @done bytes are no more than the rate allows since @begun. */
static void keep_rate(const struct fs_prefetch_run *p, uint64_t begun)
{
	uint64_t due, now = fs_mono_ns();
	struct timespec t;
	double takes;

	if (!p->rate)
		return;
	takes = (double)p->done * 1e9 / (double)p->rate;
	due = begun + (takes < (double)FS_DURATION_MAX ? (uint64_t)takes : FS_DURATION_MAX);
	if (due <= now)
		return;
	t.tv_sec = (time_t)((due - now) / 1000000000);
	t.tv_nsec = (long)((due - now) % 1000000000);
	nanosleep(&t, NULL);
}

int fs_prefetch_do(struct fs_prefetch_run *p, const struct fs_ranges *ranges, char *err, size_t len)
{
	uint64_t begun = fs_mono_ns();

	p->done = p->missed = 0;
	/* Exactly these bytes: no readahead beyond the end of a range. */
	posix_fadvise(p->fd, 0, 0, POSIX_FADV_RANDOM);
	for (size_t i = 0; i < ranges->n; i++) {
		struct fs_range r = ranges->v[i];

		while (r.size && !(p->stop && *p->stop)) {
			struct fs_range step = {r.offset, r.size < STEP ? r.size : STEP};
			int ret = do_step(p, &step, err, len);

			if (ret)
				return ret;
			p->done += step.size;
			r.offset += step.size;
			r.size -= step.size;
			keep_rate(p, begun);
		}
	}
	if (p->how == FS_MECH_POPULATE && p->done && p->missed == p->done)
		return fs_errf(
			err, len, -ENOENT,
			"populating: no page of these ranges of the memory file could be read through VMM %d (with userfaultfd its memory is another)",
			(int)p->vmm);
	return 0;
}
