// SPDX-License-Identifier: BSD-2-Clause
/* Recordings of other versions, the kept one of this version, and crafted lengths. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "craft.h"
#include "record/inspect.h"
#include "record/kinds.h"
#include "record/reader.h"
#include "record/text/event_text.h"
#include "../unit/tmp.h"

static struct craft c;

static struct fsr_reader *must_open(void)
{
	const char *path = tmp_path("crafted.fsr");
	char err[300] = "";
	struct fsr_reader *r;

	tmp_write(path, c.bytes, c.n);
	if (fsr_open(path, &r, err, sizeof(err)))
		fail_msg("%s", err);
	return r;
}

static void must_refuse(int code, const char *sentence)
{
	const char *path = tmp_path("crafted.fsr");
	char err[300] = "";
	struct fsr_reader *r;

	tmp_write(path, c.bytes, c.n);
	assert_int_equal(fsr_open(path, &r, err, sizeof(err)), code);
	assert_string_equal(err, sentence);
}

/* --- versions ------------------------------------------------------------------------------- */

static void a_newer_minor_is_read(void **state)
{
	struct {
		struct fsr_events head;
		struct fs_ev_run longer;
		uint64_t more[2];
		struct fs_ev unknown;
		struct fs_ev_run run;
	} p = {
		.head = {.count = 3},
		.longer.h = {.ts = 20,
			     .seq = 1,
			     .kind = FS_EV_RUN,
			     .len = sizeof(struct fs_ev_run) + 16,
			     .flags = 0x8000},
		.longer.reason = 2,
		.unknown = {.ts = 25, .seq = 2, .kind = 200, .len = 32},
		.run.h = {.ts = 30, .seq = 3, .kind = FS_EV_RUN, .len = sizeof(struct fs_ev_run)},
	};
	const struct fs_ev *ev;
	struct fsr_reader *r;

	(void)state;
	craft_header(&c, FSR_MAJOR, FSR_MINOR + 7, 64); /* a longer file header */
	craft_chunk(&c, FSR_META, "{\"new\":true}", 12);
	craft_event(&c, 10);
	craft_chunk(&c, 99, "something new", 13);
	craft_chunk(&c, FSR_EVENTS, &p, sizeof(p));
	craft_chunk(&c, 65535, NULL, 0);
	craft_chunk(&c, FSR_END, "{}", 2);
	r = must_open();
	assert_int_equal(fsr_next(r, &ev), 1);
	assert_int_equal(ev->ts, 10);
	assert_int_equal(fsr_next(r, &ev), 1);
	assert_int_equal(ev->ts, 20);
	assert_int_equal(((const struct fs_ev_run *)ev)->reason, 2);
	assert_int_equal(fsr_next(r, &ev), 1);
	assert_int_equal(ev->ts, 30);
	assert_int_equal(fsr_next(r, &ev), 0);
	assert_int_equal(fsr_info(r)->minor, FSR_MINOR + 7);
	assert_int_equal(fsr_info(r)->unknown_chunks, 2);
	assert_int_equal(fsr_info(r)->unknown_events, 1);
	assert_int_equal(fsr_info(r)->bad_events, 0);
	assert_int_equal(fsr_info(r)->seq_holes, 0);
	assert_true(fsr_info(r)->complete);
	assert_false(fsr_info(r)->truncated);
	fsr_free(r);
}

static void another_major_is_refused(void **state)
{
	(void)state;
	craft_header(&c, 2, 3, 40);
	must_refuse(-EPROTONOSUPPORT,
		    "format 2.3 is newer than this program reads (1.x): use a newer forkscope");
	/* its header may be of another make: magic and version decide */
	c.bytes[30] ^= 1;
	must_refuse(-EPROTONOSUPPORT,
		    "format 2.3 is newer than this program reads (1.x): use a newer forkscope");
	craft_header(&c, 0, 9, 40);
	must_refuse(-EPROTONOSUPPORT, "format 0.9 is older than this program reads (1.x): use the "
				      "forkscope that recorded it");
}

/* tests/format/v1.0.fsr is never made again: it is what a recording of format 1.0 was. */
static void the_kept_recording_reads_as_ever(void **state)
{
	FILE *want = fopen("tests/format/v1.0.txt", "r");
	bool seen[FSR_KIND_MAX + 1] = {0};
	char line[FSR_MAX_LINE], text[FSR_MAX_LINE], err[300] = "";
	struct fsr_reader *r;
	const struct fs_ev *ev;
	unsigned int events = 0;
	uint64_t off;

	(void)state;
	assert_non_null(want);
	if (fsr_open("tests/format/v1.0.fsr", &r, err, sizeof(err)))
		fail_msg("%s", err);
	while (fgets(line, sizeof(line), want)) {
		if (strncmp(line, "ts=", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		assert_int_equal(fsr_next(r, &ev), 1);
		fsr_text_print(ev, text);
		assert_string_equal(text, line);
		seen[ev->kind] = true;
		events++;
	}
	fclose(want);
	assert_int_equal(fsr_next(r, &ev), 0);
	assert_int_equal(events, 32);
	for (uint16_t kind = 1; kind <= 32; kind++) /* those of format 1.0 */
		assert_true(seen[kind]);
	assert_true(fsr_info(r)->complete);
	assert_false(fsr_info(r)->truncated);
	assert_int_equal(fsr_info(r)->seq_holes + fsr_info(r)->bad_events, 0);
	assert_string_equal(fsr_ksym(r, 0xffffffffc0000100, &off), "kvm_mmu_page_fault");
	assert_string_equal(json_string_value(json_object_get(fsr_info(r)->end, "why")), "asked");
	fsr_free(r);
}

/* --- crafted lengths ------------------------------------------------------------------------ */

static void bad_file_headers(void **state)
{
	static const uint32_t bytes[] = {0, 32, 39, 41, 4104, 0x80000000, 0xfffffff8};
	char want[100];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		craft_header(&c, 1, 0, bytes[i]);
		craft_chunk(&c, FSR_END, "{}", 2);
		snprintf(want, sizeof(want), "its file header claims %u bytes", bytes[i]);
		must_refuse(-EINVAL, want);
	}
	craft_header(&c, 1, 0, 1024); /* it reaches beyond the file */
	c.n = 100;
	fsr_free(must_open());
}

static void check_bad_chunk(const char *why)
{
	struct fsr_reader *r = must_open();
	const struct fs_ev *ev;

	assert_int_equal(fsr_next(r, &ev), 1);
	assert_int_equal(ev->ts, 10);
	assert_int_equal(fsr_next(r, &ev), 0);
	assert_true(fsr_info(r)->truncated);
	if (!strstr(fsr_info(r)->why, why))
		fail_msg("\"%s\" does not say: %s", fsr_info(r)->why, why);
	fsr_free(r);
}

static void bad_chunk_headers(void **state)
{
	static const struct {
		uint32_t claim, seq;
		const char *why;
	} bad[] = {
		{0xffffffff, 1, "claims 4294967295 bytes, more than a chunk may have"},
		{FSR_MAX_CHUNK + 1, 1, "more than a chunk may have"},
		{FSR_MAX_CHUNK, 1, "cut short"},
		{4096, 1, "cut short"},
		{9, 1, "cut short"},
		{8, 0, "is numbered 0: chunks are missing"},
		{8, 7, "is numbered 7: chunks are missing"},
		{4, 1, "ROUND does not hold what its type says"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		craft_header(&c, 1, 0, 40);
		craft_event(&c, 10);
		craft_chunk_as(&c, FSR_ROUND, "12345678", 8, bad[i].claim, bad[i].seq);
		check_bad_chunk(bad[i].why);
	}
}

static void bad_payloads(void **state)
{
	static const uint32_t deep_stack[] = {1, 0xffffffff, 5, 5};
	static const uint32_t cut_stack[] = {1, 0, 2};
	static const struct {
		uint16_t type;
		const void *data;
		size_t bytes;
		const char *why;
	} bad[] = {
		{FSR_EVENTS, "1234", 4, "EVENTS does not hold what its type says"},
		{FSR_EVENTS, NULL, 0, "EVENTS does not hold"},
		{FSR_ROUND, "1234", 4, "ROUND does not hold"},
		{FSR_META, "[1]", 3, "META does not hold"},
		{FSR_META, "{\"a\":", 5, "META does not hold"},
		{FSR_META, NULL, 0, "META does not hold"},
		{FSR_STATS, "{\"a\":1} x", 9, "STATS does not hold"},
		{FSR_END, "\0{}", 3, "END does not hold"},
		{FSR_STACKS, deep_stack, sizeof(deep_stack), "STACKS does not hold"},
		{FSR_STACKS, cut_stack, sizeof(cut_stack), "STACKS does not hold"},
		{FSR_SYMBOLS, "not deflated", 12, "SYMBOLS does not hold"},
		{FSR_SYMBOLS, NULL, 0, "SYMBOLS does not hold"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		craft_header(&c, 1, 0, 40);
		craft_event(&c, 10);
		craft_chunk(&c, bad[i].type, bad[i].data, bad[i].bytes);
		craft_event(&c, 20);
		check_bad_chunk(bad[i].why);
	}
}

static void deeply_nested_json_is_refused(void **state)
{
	static char deep[30000];

	(void)state;
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	craft_header(&c, 1, 0, 40);
	craft_event(&c, 10);
	craft_chunk(&c, FSR_META, deep, sizeof(deep));
	check_bad_chunk("META does not hold");
}

/* 300 MiB of zeros deflate to 300 KB: the table ends at its limit. */
static void a_deflate_bomb_is_stopped(void **state)
{
	static uint8_t zeros[1 << 16];
	static struct {
		uint8_t bytes[1 << 19];
	} out;
	struct fsr_chunk_header h = {.magic = FSR_CHUNK_MAGIC, .type = FSR_SYMBOLS};
	z_stream z = {.next_out = out.bytes, .avail_out = sizeof(out.bytes)};
	char err[300];
	struct fsr_reader *r;
	FILE *f;

	(void)state;
	assert_int_equal(deflateInit(&z, 9), Z_OK);
	for (int i = 0; i < 300 * 16; i++) {
		z.next_in = zeros;
		z.avail_in = sizeof(zeros);
		assert_int_equal(deflate(&z, i + 1 == 300 * 16 ? Z_FINISH : Z_NO_FLUSH) < 0, 0);
	}
	h.bytes = (uint32_t)z.total_out;
	deflateEnd(&z);
	assert_true(h.bytes > 0 && h.bytes < sizeof(out.bytes));
	h.crc = (uint32_t)crc32_z(0, out.bytes, h.bytes);
	h.hcrc = (uint32_t)crc32_z(0, (const void *)&h, offsetof(struct fsr_chunk_header, hcrc));
	craft_header(&c, 1, 0, 40);
	f = fopen(tmp_path("bomb.fsr"), "w");
	assert_non_null(f);
	fwrite(c.bytes, 1, c.n, f);
	fwrite(&h, 1, sizeof(h), f);
	fwrite(out.bytes, 1, (h.bytes + 7) & ~7u, f);
	fclose(f);
	assert_int_equal(fsr_open(tmp_path("bomb.fsr"), &r, err, sizeof(err)), 0);
	assert_true(fsr_info(r)->truncated);
	assert_non_null(strstr(fsr_info(r)->why, "larger than this program takes"));
	fsr_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_minor_is_read),
		cmocka_unit_test(another_major_is_refused),
		cmocka_unit_test(the_kept_recording_reads_as_ever),
		cmocka_unit_test(bad_file_headers),
		cmocka_unit_test(bad_chunk_headers),
		cmocka_unit_test(bad_payloads),
		cmocka_unit_test(deeply_nested_json_is_refused),
		cmocka_unit_test(a_deflate_bomb_is_stopped),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
