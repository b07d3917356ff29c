// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/resource.h>
#include <zlib.h>
#include "record/crc.h"
#include "record/reader.h"
#include "record/writer.h"
#include "tmp.h"

static void the_checksum_is_that_of_zlib(void **state)
{
	static uint8_t data[70000];
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
	for (size_t n = 0; n < 700; n++)
		for (size_t off = 0; off < 16; off += 5)
			assert_int_equal(fsr_crc32((uint32_t)n * 77, data + off, n),
					 crc32_z(n * 77, data + off, n));
	assert_int_equal(fsr_crc32(0, data, sizeof(data)), crc32_z(0, data, sizeof(data)));
	/* in pieces as in one */
	assert_int_equal(fsr_crc32(fsr_crc32(0, data, 12345), data + 12345, sizeof(data) - 12345),
			 crc32_z(0, data, sizeof(data)));
}

/* Byte by byte what format.h says, read without the reader. */
static void writes_the_bytes_of_the_format(void **state)
{
	const char *path = tmp_path("bytes.fsr");
	struct fsr_file_header fh;
	struct fsr_chunk_header ch;
	struct fsr_writer *w;
	unsigned char *data;
	size_t size;

	(void)state;
	assert_int_equal(fsr_create(path, &w), 0);
	assert_int_equal(fsr_write(w, FSR_META, "{\"a\":1}", 7), 0);
	assert_int_equal(fsr_write_events(w, 3, "ABCDEFGH", 8, 1), 0);
	assert_int_equal(fsr_write_round(w, 0x1122334455667788), 0);
	size = fsr_written(w);
	assert_int_equal(fsr_close(w), 0);
	assert_int_equal(size, 40 + (24 + 8) + (24 + 16) + (24 + 8));
	data = tmp_read(path, &size);
	assert_int_equal(size, 144);
	memcpy(&fh, data, sizeof(fh));
	assert_memory_equal(fh.magic, "FSRECORD", 8);
	assert_int_equal(fh.major, 1);
	assert_int_equal(fh.minor, FSR_MINOR);
	assert_int_equal(fh.header_bytes, 40);
	assert_int_equal(fh.crc, crc32_z(0, data, 32));
	memcpy(&ch, data + 40, sizeof(ch));
	assert_int_equal(ch.magic, 0x4b435346);
	assert_memory_equal(data + 40, "FSCK", 4);
	assert_int_equal(ch.type, 1);
	assert_int_equal(ch.seq, 0);
	assert_int_equal(ch.bytes, 7);
	assert_int_equal(ch.crc, crc32_z(0, data + 64, 7));
	assert_int_equal(ch.hcrc, crc32_z(0, data + 40, 20));
	assert_memory_equal(data + 64, "{\"a\":1}\0", 8);
	memcpy(&ch, data + 72, sizeof(ch));
	assert_int_equal(ch.type, 2);
	assert_int_equal(ch.seq, 1);
	assert_int_equal(ch.bytes, 16);
	assert_memory_equal(data + 96, "\3\0\0\0\1\0\0\0ABCDEFGH", 16);
	assert_int_equal(ch.crc, crc32_z(0, data + 96, 16));
	assert_memory_equal(data + 136, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	free(data);
}

static void replaces_a_file_by_a_new_one(void **state)
{
	const char *path = tmp_path("old.fsr");
	struct stat before, after;
	struct fsr_writer *w;

	(void)state;
	tmp_write(path, "FSRECORD and so on", 18);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(stat(path, &before), 0);
	int held = open(path, O_RDONLY); /* so that its inode number is not used again */
	assert_int_equal(fsr_create(path, &w), 0);
	assert_int_equal(fsr_close(w), 0);
	assert_int_equal(stat(path, &after), 0);
	close(held);
	assert_true(before.st_ino != after.st_ino);
	assert_int_equal(after.st_mode & 07777, 0600);
	assert_int_equal(after.st_size, 40);
}

static void refuses_what_is_no_file(void **state)
{
	struct fsr_writer *w = (void *)1;
	size_t size;
	unsigned char *data;

	(void)state;
	tmp_write(tmp_path("victim"), "precious", 8);
	assert_int_equal(symlink(tmp_path("victim"), tmp_path("link.fsr")), 0);
	assert_int_equal(fsr_create(tmp_path("link.fsr"), &w), -ELOOP);
	data = tmp_read(tmp_path("victim"), &size);
	assert_int_equal(size, 8);
	free(data);
	assert_int_equal(fsr_create(tmp_dir, &w), -EISDIR);
	assert_int_equal(mkfifo(tmp_path("fifo"), 0600), 0);
	assert_int_equal(fsr_create(tmp_path("fifo"), &w), -EEXIST);
	assert_int_equal(fsr_create(tmp_path("no/such/dir.fsr"), &w), -ENOENT);
	assert_ptr_equal(w, (void *)1);
}

/* It may be the memory of a VM, named by mistake. */
static void refuses_what_is_no_recording(void **state)
{
	static const char *const others[] = {"FSRECOR", "FSRECORx", "\0\0\0\0\0\0\0\0",
					     " FSRECORD"};
	struct fsr_writer *w = (void *)1;
	const char *path = tmp_path("mem");
	unsigned char *data;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		tmp_write(path, others[i], 8);
		assert_int_equal(fsr_may_create(path), -EMEDIUMTYPE);
		assert_int_equal(fsr_create(path, &w), -EMEDIUMTYPE);
		data = tmp_read(path, &size);
		assert_int_equal(size, 8);
		assert_memory_equal(data, others[i], 8);
		free(data);
	}
	assert_ptr_equal(w, (void *)1);
	tmp_write(path, "", 0);
	assert_int_equal(fsr_may_create(path), 0);
	assert_int_equal(fsr_create(path, &w), 0);
	assert_int_equal(fsr_close(w), 0);
	assert_int_equal(fsr_may_create(path), 0);
	assert_int_equal(fsr_may_create(tmp_path("none")), 0);
}

static void a_chunk_that_is_too_long_is_refused_and_spoils_nothing(void **state)
{
	struct fsr_writer *w;
	char *big = calloc(1, FSR_MAX_CHUNK);

	(void)state;
	assert_non_null(big);
	assert_int_equal(fsr_create(tmp_path("long.fsr"), &w), 0);
	assert_int_equal(fsr_write(w, FSR_META, big, (size_t)FSR_MAX_CHUNK + 1), -EMSGSIZE);
	assert_int_equal(fsr_write_events(w, 0, big, FSR_MAX_CHUNK, 1), -EMSGSIZE);
	assert_int_equal(fsr_written(w), 40);
	assert_int_equal(fsr_write(w, FSR_META, "{}", 2), 0);
	assert_int_equal(fsr_close(w), 0);
	free(big);
}

/* RLIMIT_FSIZE stands for the full disk: pwritev comes back short, then fails. */
static void a_full_disk_leaves_whole_chunks(void **state)
{
	const char *path = tmp_path("full.fsr");
	struct rlimit was, limit;
	struct fsr_writer *w;
	struct fsr_reader *r;
	char err[200], payload[1000];
	uint64_t whole;
	struct stat st;

	(void)state;
	memset(payload, ' ', sizeof(payload));
	memcpy(payload, "{}", 2);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	limit = was;
	limit.rlim_cur = 40 + 3 * 1024 + 500;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(fsr_create(path, &w), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fsr_write(w, FSR_META, payload, sizeof(payload)), 0);
	whole = fsr_written(w);
	assert_int_equal(fsr_write(w, FSR_META, payload, sizeof(payload)), -EFBIG);
	assert_int_equal(fsr_written(w), whole);
	assert_int_equal(fsr_write(w, FSR_END, "{}", 2), -EFBIG); /* it would fit, but sticks */
	assert_int_equal(fsr_write_round(w, 1), -EFBIG);
	assert_int_equal(fsr_close(w), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, whole);
	assert_int_equal(fsr_open(path, &r, err, sizeof(err)), 0);
	assert_int_equal(fsr_info(r)->chunks, 3);
	assert_false(fsr_info(r)->complete);
	fsr_free(r);
}

static void no_room_for_the_header_leaves_no_file(void **state)
{
	const char *path = tmp_path("none.fsr");
	struct rlimit was, limit;
	struct fsr_writer *w;
	int ret;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	limit = was;
	limit.rlim_cur = 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ret = fsr_create(path, &w);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(ret, -EFBIG);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checksum_is_that_of_zlib),
		cmocka_unit_test(writes_the_bytes_of_the_format),
		cmocka_unit_test(replaces_a_file_by_a_new_one),
		cmocka_unit_test(refuses_what_is_no_file),
		cmocka_unit_test(refuses_what_is_no_recording),
		cmocka_unit_test(a_chunk_that_is_too_long_is_refused_and_spoils_nothing),
		cmocka_unit_test(a_full_disk_leaves_whole_chunks),
		cmocka_unit_test(no_room_for_the_header_leaves_no_file),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
