// SPDX-License-Identifier: BSD-2-Clause
/* Lists of ranges and hot-page lists, and hypotheses by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "experiment/ceiling.h"
#include "tmp.h"

static char err[256];

static int text(const char *s, struct fs_ranges *r)
{
	return fsx_ranges_text(s, strlen(s), r, err, sizeof(err));
}

static void lists(void **state)
{
	struct fs_ranges r = {0};

	(void)state;
	assert_int_equal(
		text("# one, two\n0x1000 0x2000\n\n 64KiB+1MiB,0+4096 # 7+7\n8192\t10\r\n", &r), 0);
	assert_int_equal(r.n, 4);
	assert_int_equal(r.v[0].offset, 0x1000);
	assert_int_equal(r.v[0].size, 0x2000);
	assert_int_equal(r.v[1].offset, 65536);
	assert_int_equal(r.v[1].size, 1 << 20);
	assert_int_equal(r.v[2].offset, 0);
	assert_int_equal(r.v[3].size, 10);
	fs_ranges_free(&r);
	assert_int_equal(text("", &r), 0);
	assert_int_equal(r.n, 0);
}

static void bad_lists(void **state)
{
	static const struct {
		const char *text, *why;
	} t[] = {
		{"12", "not a range"},
		{"0x+5", "not a range"},
		{"1+", "not a range"},
		{"-1+5", "not a range"},
		{"1+-5", "not a range"},
		{"1+5MB", "not a range"},
		{"1+2+3", "not a range"},
		{"5+0", "empty range"},
		{"0x7fffffffffffffff+1", "beyond the end"},
		{"99999999999999999999+1", "not a range"},
		{"0x1111111111111111111111111111111111111111111111111111111111111111111111111111111"
		 "111"
		 "111111111111111111+1",
		 "not a range"},
	};
	struct fs_ranges r = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(text(t[i].text, &r), -EINVAL);
		if (!strstr(err, t[i].why))
			fail_msg("\"%s\": %s", t[i].text, err);
	}
	assert_int_equal(fsx_ranges_text("1+2\0", 4, &r, err, sizeof(err)), -EINVAL);
	fs_ranges_free(&r);
}

#define HPL(s) fsx_ranges_hpl(s, sizeof(s) - 1, &r, err, sizeof(err))

static void hot_pages(void **state)
{
	struct fs_ranges r = {0};

	(void)state;
	/* 3 pages of region 0: 0, 0x1000, 0x10000 (uvarints: low seven bits first) */
	assert_int_equal(HPL("HPL1\x03\x00\x00\x00\x80\x20\x00\x80\x80\x04"), 0);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.v[1].offset, 0x1000);
	assert_int_equal(r.v[2].offset, 0x10000);
	assert_int_equal(r.v[2].size, 4096);
	r.n = 0;
	assert_int_equal(HPL("HPL1\x00"), 0);
	assert_int_equal(r.n, 0);
	assert_int_equal(HPL("HPL2\x00"), -EINVAL);
	assert_int_equal(HPL("HPL"), -EINVAL);
	assert_int_equal(HPL("HPL1"), -EINVAL);
	assert_int_equal(HPL("HPL1\x02\x00\x00"), -EINVAL); /* the second page is missing */
	assert_non_null(strstr(err, "page 1 of 2"));
	assert_int_equal(HPL("HPL1\x01\x00\x01"), -EINVAL); /* no page's beginning */
	assert_int_equal(HPL("HPL1\x01\x01\x00"), -ENOTSUP);
	assert_int_equal(HPL("HPL1\x01\x00\x00\x00"), -EINVAL); /* a byte too many */
	/* 2^64 pages, in eleven bytes and in ten */
	assert_int_equal(HPL("HPL1\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), -EINVAL);
	assert_int_equal(HPL("HPL1\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"), -EINVAL);
	fs_ranges_free(&r);
}

static void sets(void **state)
{
	struct fs_ranges r = {0};

	(void)state;
	assert_int_equal(text("0x5001+0x10,0x1000+0x1000,0x2000+1,0x1000+0x100,0x9000+0x1000", &r),
			 0);
	fsx_ranges_tidy(&r);
	assert_int_equal(r.n, 3); /* 1000 to 3000, 5000, 9000 */
	assert_int_equal(r.v[0].size, 0x2000);
	assert_int_equal(fs_ranges_bytes(&r), 0x4000);
	assert_false(fsx_ranges_have(&r, 0xfff));
	assert_true(fsx_ranges_have(&r, 0x1000));
	assert_true(fsx_ranges_have(&r, 0x2fff));
	assert_false(fsx_ranges_have(&r, 0x3000));
	assert_true(fsx_ranges_have(&r, 0x5000));
	assert_false(fsx_ranges_have(&r, 0xa000));
	fsx_ranges_cut(&r, 0); /* a size that is not known cuts nothing */
	assert_int_equal(fs_ranges_bytes(&r), 0x4000);
	fsx_ranges_cut(&r, 0x2000);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.v[0].offset, 0x1000);
	assert_int_equal(r.v[0].size, 0x1000);
	fsx_ranges_cut(&r, 0x1000);
	assert_int_equal(r.n, 0);
	fs_ranges_free(&r);
	fsx_ranges_tidy(&r);
	assert_false(fsx_ranges_have(&r, 0));
}

/* A guest above 3 GiB has two regions: each page by the index of its own, and from its beginning.
 */
static void regions(void **state)
{
	static const struct fs_range two[] = {{0, 0xc0000000}, {0xc0000000, 0x40000000}};
	static const uint8_t want[] = {'H', 'P',  'L',  '1',  3,    1,    0x80, 0x20,
				       0,   0x80, 0xe0, 0xff, 0xff, 0x0b, 1,    0};
	struct fs_range v[] = {{0xc0001000, 4096}, {0xbffff000, 8192}},
			beyond = {0x100000000, 4096};
	struct fs_ranges r = {v, 2, 2}, none = {&beyond, 1, 1};
	char *text = NULL;
	size_t len = 0;
	uint64_t bad;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(fsx_ranges_write_hpl(&r, two, 2, f, &bad), 0);
	fclose(f);
	assert_int_equal(len, sizeof(want));
	assert_memory_equal(text, want, sizeof(want));
	free(text);
	f = open_memstream(&text, &len);
	assert_int_equal(fsx_ranges_write_hpl(&none, two, 2, f, &bad), -ERANGE);
	fclose(f);
	assert_int_equal(len, 0);
	assert_true(bad == 0x100000000);
	free(text);
}

static void files(void **state)
{
	const char *path = tmp_path("ranges");
	struct fs_ranges r = {0}, back = {0};
	uint64_t bad;
	FILE *f;

	(void)state;
	assert_int_equal(fsx_ranges_load("0x1000+4096,0x3000+4096", &r, err, sizeof(err)), 0);
	assert_int_equal(r.n, 2);
	for (int hpl = 0; hpl < 2; hpl++) {
		f = fopen(path, "w");
		if (hpl)
			fsx_ranges_write_hpl(&r, NULL, 0, f, &bad);
		else
			fsx_ranges_write(&r, f);
		fclose(f);
		back.n = 0;
		assert_int_equal(fsx_ranges_load(path, &back, err, sizeof(err)), 0);
		assert_int_equal(back.n, 2);
		assert_memory_equal(back.v, r.v, 2 * sizeof(*r.v));
	}
	f = fopen(path, "w");
	fputs("nonsense\n", f);
	fclose(f);
	assert_int_equal(fsx_ranges_load(path, &back, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, path)); /* which file */
	f = fopen(path, "w");
	fputs("# empty\n", f);
	fclose(f);
	back.n = 0;
	assert_int_equal(fsx_ranges_load(path, &back, err, sizeof(err)), -EINVAL);
	assert_int_equal(fsx_ranges_load("/nonexistent/x", &back, err, sizeof(err)), -ENOENT);
	assert_int_equal(fsx_ranges_load("/dev", &back, err, sizeof(err)), -EINVAL);
	fs_ranges_free(&r);
	fs_ranges_free(&back);
}

static void hypothesis(const char *name, uint64_t mailbox, uint64_t from, uint64_t size)
{
	struct fsx_hypothesis h;

	assert_int_equal(fsx_hypothesis_parse(name, mailbox, 256 << 20, &h, err, sizeof(err)), 0);
	assert_int_equal(h.which, FSX_RANGES);
	assert_string_equal(h.why, "");
	assert_int_equal(h.set.n, size ? 1 : 0);
	if (size) {
		assert_int_equal(h.set.v[0].offset, from);
		assert_int_equal(h.set.v[0].size, size);
	}
	fsx_hypothesis_free(&h);
}

static void hypotheses(void **state)
{
	static const char *const bad[] = {
		"",           "everything", "head:",         "head:0B",
		"mailbox:64", "range:1",    "range:-1:4KiB", "range:1:0B"};
	struct fsx_hypothesis h;

	(void)state;
	hypothesis("head:64MiB", UINT64_MAX, 0, 64 << 20);
	hypothesis("head:1GiB", UINT64_MAX, 0, 256 << 20); /* cut */
	hypothesis("range:0x100000:8KiB", UINT64_MAX, 0x100000, 8192);
	hypothesis("range:0x20000000:8KiB", UINT64_MAX, 0, 0); /* beyond the guest */
	hypothesis("mailbox:2MiB", 16 << 20, 15 << 20, 2 << 20);
	hypothesis("mailbox:2MiB", 4096, 0, 2 << 20);
	hypothesis("mailbox:2MiB", (256 << 20) - 4096, 254 << 20, 2 << 20);
	hypothesis("mailbox:1GiB", 16 << 20, 0, 256 << 20);
	assert_int_equal(fsx_hypothesis_parse("mailbox:2MiB", UINT64_MAX, 0, &h, err, sizeof(err)),
			 0);
	assert_non_null(strstr(h.why, "--mailbox"));
	fsx_hypothesis_free(&h);
	assert_int_equal(fsx_hypothesis_parse("perfect", 0, 0, &h, err, sizeof(err)), 0);
	assert_int_equal(h.which, FSX_PERFECT);
	assert_int_equal(fsx_hypothesis_parse("major", 0, 0, &h, err, sizeof(err)), 0);
	assert_int_equal(h.which, FSX_MAJOR);
	assert_string_equal(h.name, "major only");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(fsx_hypothesis_parse(bad[i], 0, 0, &h, err, sizeof(err)), -EINVAL);
		fsx_hypothesis_free(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),      cmocka_unit_test(bad_lists),
		cmocka_unit_test(hot_pages),  cmocka_unit_test(sets),
		cmocka_unit_test(files),      cmocka_unit_test(regions),
		cmocka_unit_test(hypotheses),
	};

	return cmocka_run_group_tests_name("ranges", tests, tmp_setup, tmp_teardown);
}
