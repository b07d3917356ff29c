// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whatever is cut off or flipped: the reader delivers exactly the records of the chunks before the
 * damage, unchanged and in order, and says that something is wrong and where.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tools/mkrec/compile.h"
#include "record/inspect.h"
#include "record/reader.h"
#include "../unit/tmp.h"

#define MAX_CHUNKS 64

static struct {
	unsigned char *data;
	size_t size;
	size_t begin[MAX_CHUNKS]; /* offset of each chunk; past the last: the size */
	uint16_t type[MAX_CHUNKS];
	uint32_t events[MAX_CHUNKS + 1]; /* records before each chunk */
	size_t nchunks;
} sample;

static int note_chunk(const struct fsr_chunk_info *info, void *arg)
{
	size_t i = sample.nchunks++;

	(void)arg;
	assert_true(i + 1 < MAX_CHUNKS);
	sample.begin[i] = info->chunk.offset;
	sample.type[i] = info->chunk.type;
	sample.events[i + 1] = sample.events[i] + info->events.count;
	return 0;
}

/* Three CPUs, four rounds, tables and objects; small, so that every bit can be tried. */
static int make_sample(void **state)
{
	char text[8192] = "META {\"tool\":\"test\"}\nSTACK 1 ffffffff81000000\n"
			  "SYM ffffffff81000000 f [kvm]\n";
	char err[300];
	struct fsr_reader *r;
	size_t n = strlen(text);
	const char *path;

	if (tmp_setup(state))
		return -1;
	path = tmp_path("sample.fsr");
	for (int i = 0; i < 24; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "ts=%d %s cpu=%d tid=%d\n%s",
				      100 + 10 * i, i % 3 ? "RUN" : "HALT", i % 3, i,
				      i % 6 == 5 ? "ROUND 9\n" : "");
	snprintf(text + n, sizeof(text) - n, "STATS {\"lost\":0}\nEND {\"why\":\"asked\"}\n");
	if (fsr_compile(text, path, err, sizeof(err)) || fsr_open(path, &r, err, sizeof(err)))
		return -1;
	fsr_each_chunk(r, note_chunk, NULL);
	fsr_free(r);
	sample.data = tmp_read(path, &sample.size);
	sample.begin[sample.nchunks] = sample.size;
	return sample.nchunks > 15 && sample.events[sample.nchunks] == 24 ? 0 : -1;
}

static int free_sample(void **state)
{
	free(sample.data);
	return tmp_teardown(state);
}

static size_t chunk_at(size_t byte)
{
	size_t i = 0;

	while (i < sample.nchunks && sample.begin[i + 1] <= byte)
		i++;
	return i;
}

/* Reads all there is twice and returns how many records; each must be one of the sample's. */
static uint64_t read_all(struct fsr_reader *r)
{
	const struct fs_ev *ev;
	uint64_t n[2] = {0}, last;

	for (int pass = 0; pass < 2; pass++) {
		for (last = 0; fsr_next(r, &ev) == 1; n[pass]++) {
			assert_true(ev->ts > last && ev->ts == 100 + 10 * (uint64_t)ev->tid);
			assert_int_equal(ev->cpu, ev->tid % 3);
			assert_int_equal(ev->kind, ev->tid % 3 ? FS_EV_RUN : FS_EV_HALT);
			last = ev->ts;
		}
		assert_int_equal(fsr_rewind(r), 0);
	}
	assert_int_equal(n[0], n[1]);
	return n[0];
}

/* The file @data must read as the sample up to chunk @bad, where something is wrong. */
static void check_cut(const void *data, size_t size, size_t bad)
{
	const char *path = tmp_path("cut.fsr");
	char err[300] = "";
	const struct fsr_info *info;
	struct fsr_reader *r;

	tmp_write(path, data, size);
	if (fsr_open(path, &r, err, sizeof(err)))
		fail_msg("chunk %zu, %zu bytes: %s", bad, size, err);
	info = fsr_info(r);
	if (read_all(r) != sample.events[bad])
		fail_msg("chunk %zu, %zu bytes: not the records before it: %s", bad, size,
			 info->why);
	assert_true(info->truncated);
	if (!strstr(info->why, "byte "))
		fail_msg("no byte is named: %s", info->why);
	fsr_free(r);
}

static void the_whole_sample_is_sound(void **state)
{
	char err[300];
	struct fsr_reader *r;

	(void)state;
	tmp_write(tmp_path("cut.fsr"), sample.data, sample.size);
	assert_int_equal(fsr_open(tmp_path("cut.fsr"), &r, err, sizeof(err)), 0);
	assert_int_equal(read_all(r), 24);
	assert_true(fsr_info(r)->complete);
	assert_false(fsr_info(r)->truncated);
	assert_string_equal(fsr_info(r)->why, "");
	fsr_free(r);
}

/* Chunk boundaries with the bytes around them are among these. */
static void cut_short_at_every_byte(void **state)
{
	struct fsr_reader *r;
	char err[300];

	(void)state;
	for (size_t size = 0; size < sample.size; size++) {
		if (size < sample.begin[0]) {
			tmp_write(tmp_path("cut.fsr"), sample.data, size);
			assert_int_equal(fsr_open(tmp_path("cut.fsr"), &r, err, sizeof(err)),
					 -EINVAL);
			continue;
		}
		check_cut(sample.data, size, chunk_at(size));
	}
}

static void the_cut_is_named(void **state)
{
	struct fsr_reader *r;
	char err[300], want[100];

	(void)state;
	tmp_write(tmp_path("cut.fsr"), sample.data, sample.begin[4] + 30);
	assert_int_equal(fsr_open(tmp_path("cut.fsr"), &r, err, sizeof(err)), 0);
	snprintf(want, sizeof(want),
		 "cut short at byte %zu, inside chunk 4, which begins at byte %zu",
		 sample.begin[4] + 30, sample.begin[4]);
	assert_string_equal(fsr_info(r)->why, want);
	assert_int_equal(fsr_info(r)->chunks, 4);
	fsr_free(r);
	tmp_write(tmp_path("cut.fsr"), sample.data, sample.begin[4]);
	assert_int_equal(fsr_open(tmp_path("cut.fsr"), &r, err, sizeof(err)), 0);
	snprintf(want, sizeof(want),
		 "ends at byte %zu without an END chunk: the recording was broken off",
		 sample.begin[4]);
	assert_string_equal(fsr_info(r)->why, want);
	fsr_free(r);
}

static void garbage_after_the_end_is_named(void **state)
{
	unsigned char *data = calloc(1, sample.size + 100);
	struct fsr_reader *r;
	char err[300];

	(void)state;
	assert_non_null(data);
	memcpy(data, sample.data, sample.size);
	tmp_write(tmp_path("cut.fsr"), data, sample.size + 100);
	assert_int_equal(fsr_open(tmp_path("cut.fsr"), &r, err, sizeof(err)), 0);
	assert_int_equal(read_all(r), 24);
	assert_true(fsr_info(r)->complete);
	assert_true(fsr_info(r)->truncated);
	fsr_free(r);
	free(data);
}

static void every_bit_of_the_file_header_matters(void **state)
{
	struct fsr_reader *r;
	char err[300];

	(void)state;
	for (size_t bit = 0; bit < 36 * 8; bit++) { /* the padding after the checksum is free */
		sample.data[bit / 8] ^= 1 << bit % 8;
		tmp_write(tmp_path("cut.fsr"), sample.data, sample.size);
		sample.data[bit / 8] ^= 1 << bit % 8;
		assert_true(fsr_open(tmp_path("cut.fsr"), &r, err, sizeof(err)) < 0);
		assert_true(*err);
	}
}

/* Every bit of the headers, and one in each byte of the payloads and their padding. */
static void no_bit_of_a_chunk_changes_unseen(void **state)
{
	(void)state;
	for (size_t byte = sample.begin[0]; byte < sample.size; byte++) {
		bool header = byte - sample.begin[chunk_at(byte)] < sizeof(struct fsr_chunk_header);

		for (size_t bit = header ? 0 : byte % 8; bit < 8; bit += header ? 1 : 8) {
			sample.data[byte] ^= 1 << bit;
			check_cut(sample.data, sample.size, chunk_at(byte));
			sample.data[byte] ^= 1 << bit;
		}
	}
}

static void runs_of_zeros_and_lost_chunks_are_found(void **state)
{
	unsigned char *data = malloc(sample.size);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i + 1 < sample.nchunks; i++) {
		size_t len = sample.begin[i + 1] - sample.begin[i];

		/* a block of the disk that was never written */
		memcpy(data, sample.data, sample.size);
		memset(data + sample.begin[i], 0, len);
		check_cut(data, sample.size, i);
		/* a chunk that is missing altogether */
		memcpy(data, sample.data, sample.begin[i]);
		memcpy(data + sample.begin[i], sample.data + sample.begin[i + 1],
		       sample.size - sample.begin[i + 1]);
		check_cut(data, sample.size - len, i);
		/* and one that stands twice */
		if (sample.begin[i + 1] + len <= sample.size) {
			memcpy(data, sample.data, sample.size);
			memcpy(data + sample.begin[i + 1], sample.data + sample.begin[i], len);
			check_cut(data, sample.begin[i + 1] + len, i + 1);
		}
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_sample_is_sound),
		cmocka_unit_test(cut_short_at_every_byte),
		cmocka_unit_test(the_cut_is_named),
		cmocka_unit_test(garbage_after_the_end_is_named),
		cmocka_unit_test(every_bit_of_the_file_header_matters),
		cmocka_unit_test(no_bit_of_a_chunk_changes_unseen),
		cmocka_unit_test(runs_of_zeros_and_lost_chunks_are_found),
	};

	return cmocka_run_group_tests(tests, make_sample, free_sample);
}
