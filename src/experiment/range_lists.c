// SPDX-License-Identifier: BSD-2-Clause
/* Ranges of bytes of a memory file: parsing, merging, and the formats of prefetchers. */
#include "experiment/range_lists.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/err.h"
#include "base/search.h"
#include "base/units.h"
#include "base/vec.h"

#define MAX_ITEM 96 /* characters of one range */

static int push(struct fs_ranges *r, uint64_t offset, uint64_t size, char *err, size_t len)
{
	if (!size)
		return fs_errf(err, len, -EINVAL, "an empty range at %" PRIu64, offset);
	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return fs_errf(err, len, -EINVAL,
			       "a range beyond the end of any file: %" PRIu64 " bytes at %" PRIu64,
			       size, offset);
	if (r->n >= FSX_MAX_RANGES)
		return fs_errf(err, len, -E2BIG, "more than %u ranges", FSX_MAX_RANGES);
	if (fs_vec_push(r, (struct fs_range){offset, size}))
		return fs_errf(err, len, -ENOMEM, "no memory for the ranges");
	return 0;
}

/* --- text --- */

/* "4096", "0x1000", "4KiB". */
static int parse_number(const char *s, uint64_t *n)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	*n = strtoull(s, &end, s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10);
	if (errno)
		return -EINVAL;
	return *end ? fs_parse_bytes(s, n) : 0;
}

/* One range in @item, which is changed. */
static int parse_item(char *item, struct fs_ranges *r, char *err, size_t len)
{
	char *second = strpbrk(item, "+ \t");
	uint64_t offset, size;

	if (second) {
		*second++ = '\0';
		second += strspn(second, "+ \t");
	}
	if (!second || parse_number(item, &offset) || parse_number(second, &size))
		return fs_errf(err, len, -EINVAL,
			       "\"%s%s%s\" is not a range: write OFFSET+LENGTH, as in 0x1000+64KiB",
			       item, second ? "+" : "", second ? second : "");
	return push(r, offset, size, err, len);
}

/* Cuts blanks and comment off the @n characters at @s and copies the rest. Its length. */
static size_t copy_item(const char *s, size_t n, char *item)
{
	while (n && isspace((unsigned char)*s)) {
		s++;
		n--;
	}
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	if (n < MAX_ITEM) {
		memcpy(item, s, n);
		item[n] = '\0';
	}
	return n;
}

int fsx_ranges_text(const char *text, size_t len, struct fs_ranges *r, char *err, size_t err_len)
{
	char item[MAX_ITEM];
	bool comment = false;

	if (memchr(text, '\0', len))
		return fs_errf(err, err_len, -EINVAL, "not a list of ranges: it has zero bytes");
	for (size_t at = 0; at < len;) {
		size_t n = 0, got;
		int ret;

		while (at + n < len && text[at + n] != '\n' &&
		       (comment || (text[at + n] != ',' && text[at + n] != '#')))
			n++;
		got = comment ? 0 : copy_item(text + at, n, item);
		if (got >= MAX_ITEM)
			return fs_errf(err, err_len, -EINVAL, "not a range: \"%.*s...\"", 40,
				       text + at);
		ret = got ? parse_item(item, r, err, err_len) : 0;
		if (ret)
			return ret;
		comment = at + n < len && text[at + n] == '#';
		at += n + 1;
	}
	return 0;
}

/* --- hot-page lists --- */

struct bytes {
	const uint8_t *p, *end;
};

/* At most ten bytes, of the last one bit: what does not fit 64 bits is refused. */
static int uvarint(struct bytes *b, uint64_t *n)
{
	*n = 0;
	for (unsigned int shift = 0; shift < 70; shift += 7) {
		uint8_t c;

		if (b->p == b->end)
			return -EINVAL;
		c = *b->p++;
		if (shift == 63 && c > 1)
			return -EINVAL;
		*n |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return 0;
	}
	return -EINVAL;
}

int fsx_ranges_hpl(const void *data, size_t len, struct fs_ranges *r, char *err, size_t err_len)
{
	struct bytes b = {.p = data, .end = (const uint8_t *)data + len};
	const size_t magic = strlen(FSX_HPL_MAGIC);
	uint64_t count, region, offset;

	if (len < magic || memcmp(data, FSX_HPL_MAGIC, magic))
		return fs_errf(err, err_len, -EINVAL,
			       "no hot-page list: it does not begin with " FSX_HPL_MAGIC);
	b.p += magic;
	if (uvarint(&b, &count))
		return fs_errf(err, err_len, -EINVAL, "hot-page list: no number of pages");
	for (uint64_t i = 0; i < count; i++) {
		int ret;

		if (uvarint(&b, &region) || uvarint(&b, &offset))
			return fs_errf(err, err_len, -EINVAL,
				       "hot-page list: cut short at page %" PRIu64 " of %" PRIu64,
				       i, count);
		if (region)
			return fs_errf(err, err_len, -ENOTSUP,
				       "hot-page list: page %" PRIu64
				       " is in memory region %" PRIu64
				       "; only region 0 can be placed in the memory file",
				       i, region);
		if (offset % FSX_PAGE)
			return fs_errf(err, err_len, -EINVAL,
				       "hot-page list: page %" PRIu64 " is at no page's beginning",
				       i);
		ret = push(r, offset, FSX_PAGE, err, err_len);
		if (ret)
			return ret;
	}
	if (b.p != b.end)
		return fs_errf(err, err_len, -EINVAL, "hot-page list: %zu bytes too many",
			       (size_t)(b.end - b.p));
	return 0;
}

/* --- files --- */

static int load_file(FILE *f, const char *path, struct fs_ranges *r, char *err, size_t err_len)
{
	char *data = malloc(FSX_MAX_FILE + 1u), why[FS_SENTENCE] = "";
	size_t n;
	int ret;

	if (!data)
		return fs_errf(err, err_len, -ENOMEM, "no memory to read %s", path);
	n = fread(data, 1, FSX_MAX_FILE + 1u, f);
	if (ferror(f))
		ret = fs_errf(err, err_len, -EIO, "reading %s: %s", path, strerror(errno));
	else if (n > FSX_MAX_FILE)
		ret = fs_errf(err, err_len, -E2BIG,
			      "%s is longer than %u bytes: not a list of ranges", path,
			      FSX_MAX_FILE);
	else if (n >= 4 && !memcmp(data, FSX_HPL_MAGIC, 4))
		ret = fsx_ranges_hpl(data, n, r, why, sizeof(why));
	else
		ret = fsx_ranges_text(data, n, r, why, sizeof(why));
	if (*why)
		fs_errf(err, err_len, ret, "%s: %s", path, why);
	free(data);
	return ret;
}

int fsx_ranges_load(const char *arg, struct fs_ranges *r, char *err, size_t err_len)
{
	struct stat st;
	FILE *f;
	int ret;

	if (stat(arg, &st)) {
		/* no such file: it is the list itself, if it can be one */
		if (*arg && isdigit((unsigned char)*arg) && strchr(arg, '+'))
			return fsx_ranges_text(arg, strlen(arg), r, err, err_len);
		return fs_errf(err, err_len, -errno, "reading the ranges in %s: %s", arg,
			       strerror(errno));
	}
	if (!S_ISREG(st.st_mode))
		return fs_errf(err, err_len, -EINVAL, "%s is not a regular file", arg);
	f = fopen(arg, "re");
	if (!f)
		return fs_errf(err, err_len, -errno, "reading the ranges in %s: %s", arg,
			       strerror(errno));
	ret = load_file(f, arg, r, err, err_len);
	fclose(f);
	if (!ret && !r->n)
		ret = fs_errf(err, err_len, -EINVAL, "%s holds no range", arg);
	return ret;
}

/* --- sets --- */

static int by_offset(const void *x, const void *y)
{
	const struct fs_range *a = x, *b = y;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

void fsx_ranges_tidy(struct fs_ranges *r)
{
	const uint64_t mask = FSX_PAGE - 1;
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t end = (r->v[i].offset + r->v[i].size + mask) & ~mask;

		r->v[i].offset &= ~mask;
		r->v[i].size = end - r->v[i].offset;
	}
	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), by_offset);
	for (size_t i = 0; i < r->n; i++) {
		struct fs_range *last = n ? &r->v[n - 1] : NULL;

		if (last && r->v[i].offset <= last->offset + last->size) {
			uint64_t end = r->v[i].offset + r->v[i].size;

			if (end > last->offset + last->size)
				last->size = end - last->offset;
		} else {
			r->v[n++] = r->v[i];
		}
	}
	r->n = n;
}

bool fsx_ranges_have(const struct fs_ranges *tidy, uint64_t offset)
{
	size_t after = fs_first_where(tidy->n, i, tidy->v[i].offset > offset);

	return after && offset - tidy->v[after - 1].offset < tidy->v[after - 1].size;
}

void fsx_ranges_cut(struct fs_ranges *r, uint64_t size)
{
	size_t n = 0;

	if (!size)
		return;
	for (size_t i = 0; i < r->n; i++) {
		struct fs_range x = r->v[i];

		if (x.offset >= size)
			continue;
		x.size = x.size < size - x.offset ? x.size : size - x.offset;
		r->v[n++] = x;
	}
	r->n = n;
}

/* --- writers --- */

void fsx_ranges_write(const struct fs_ranges *r, FILE *out)
{
	for (size_t i = 0; i < r->n; i++)
		fprintf(out, "0x%" PRIx64 " 0x%" PRIx64 "\n", r->v[i].offset, r->v[i].size);
}

static void put_uvarint(uint64_t n, FILE *out)
{
	for (; n >= 0x80; n >>= 7)
		putc((int)(n & 0x7f) | 0x80, out);
	putc((int)n, out);
}

/* The region of the page at @offset, @n = none. */
static size_t region_at(const struct fs_range *regions, size_t n, uint64_t offset)
{
	size_t i = 0;

	while (i < n &&
	       (offset < regions[i].offset || offset - regions[i].offset >= regions[i].size))
		i++;
	return i;
}

int fsx_ranges_write_hpl(const struct fs_ranges *r, const struct fs_range *regions, size_t n,
			 FILE *out, uint64_t *bad)
{
	static const struct fs_range whole = {0, UINT64_MAX};
	uint64_t pages = 0;

	if (!n) {
		regions = &whole;
		n = 1;
	}
	for (size_t i = 0; i < r->n; i++)
		for (uint64_t at = 0; at < r->v[i].size; at += FSX_PAGE, pages++) {
			*bad = r->v[i].offset + at;
			if (region_at(regions, n, *bad) == n)
				return -ERANGE;
		}
	if (!out)
		return 0;
	fputs(FSX_HPL_MAGIC, out);
	put_uvarint(pages, out);
	for (size_t i = 0; i < r->n; i++)
		for (uint64_t at = 0; at < r->v[i].size; at += FSX_PAGE) {
			size_t k = region_at(regions, n, r->v[i].offset + at);

			put_uvarint(k, out);
			put_uvarint(r->v[i].offset + at - regions[k].offset, out);
		}
	return 0;
}
