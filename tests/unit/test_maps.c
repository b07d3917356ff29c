// SPDX-License-Identifier: BSD-2-Clause
/* The parser of /proc/PID/maps, and which file a mapping is of. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/maps.h"
#include "tmp.h"

static bool parse(const char *text, struct fs_map *m)
{
	static char line[600];

	snprintf(line, sizeof(line), "%s", text);
	return fs_map_parse(line, m);
}

static void test_lines(void **state)
{
	char deep[500];
	struct fs_map m;

	(void)state;
	assert_true(parse("7f00dead0000-7f00dead3000 rw-s 0001f000 fe:05 77   "
			  "/a name with blanks (deleted)\n",
			  &m));
	assert_int_equal(m.start, 0x7f00dead0000);
	assert_int_equal(m.end, 0x7f00dead3000);
	assert_int_equal(m.offset, 0x1f000);
	assert_true(m.readable && m.writable && !m.executable && m.shared);
	assert_int_equal(m.dev, makedev(0xfe, 5));
	assert_int_equal(m.ino, 77);
	assert_string_equal(m.path, "/a name with blanks (deleted)");
	assert_true(parse("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 "
			  "                 [vsyscall]",
			  &m));
	assert_true(!m.readable && m.executable && !m.shared);
	assert_string_equal(m.path, "[vsyscall]");
	assert_true(parse("1000-2000 r--p 00000000 00:00 0\n", &m));
	assert_string_equal(m.path, "");
	assert_true(parse("1000-2000 r--p 00000000 00:2b 18446744073709551615 \n", &m));
	assert_int_equal(m.ino, UINT64_MAX);
	assert_string_equal(m.path, "");
	/* a path as long as any stays whole */
	memset(deep, 'd', sizeof(deep));
	memcpy(deep, "1000-2000 r--p 00000000 fe:05 77 /", 34);
	deep[sizeof(deep) - 1] = 0;
	assert_true(parse(deep, &m));
	assert_int_equal(strlen(m.path), sizeof(deep) - 34);
	assert_false(parse("", &m));
	assert_false(parse("VmFlags: rd ex mr mw me", &m));
	assert_false(parse("2000-1000 r--p 00000000 fe:05 77 /x", &m));
	assert_false(parse("1000-2000 r- 00000000 fe:05 77 /x", &m));
	assert_false(parse("1000-2000 r--p 00000000 fe 77 /x", &m));
}

static int count(const struct fs_map *m, void *arg)
{
	unsigned int *n = arg;

	(void)m;
	return ++*n == 3 ? 42 : 0;
}

static void test_each(void **state)
{
	unsigned int n = 0;

	(void)state;
	assert_int_equal(fs_maps_each("/proc/self/maps", count, &n), 42);
	assert_int_equal(n, 3);
	assert_true(fs_maps_each("/nonexistent", count, &n) < 0);
	assert_true(fs_maps_each(tmp_path("."), count, &n) < 0); /* it opens, and cannot be read */
}

/* --- which file: maps made by hand, and links beside them ------------------------------------ */

#define PID 10

/* What @proc/10/map_files says of the mapping 1000-2000. */
static void link_to(const char *file)
{
	(void)unlink(tmp_path("10/map_files/1000-2000"));
	if (file)
		assert_return_code(symlink(file, tmp_path("10/map_files/1000-2000")), 0);
}

static enum fs_same_file same(dev_t dev, ino_t ino, const struct fs_map_file *f)
{
	const struct fs_map m = {.start = 0x1000, .end = 0x2000, .dev = dev, .ino = ino};

	return fs_map_is(tmp_path("."), PID, &m, f);
}

static void test_same(void **state)
{
	char path[128], other[128];
	struct fs_map_file f;
	struct stat st;
	dev_t shown;
	int fd;

	(void)state;
	mkdir(tmp_path("10"), 0700);
	mkdir(tmp_path("10/map_files"), 0700);
	snprintf(path, sizeof(path), "%s", tmp_path("file"));
	snprintf(other, sizeof(other), "%s", tmp_path("other"));
	fd = open(other, O_RDWR | O_CREAT, 0600);
	close(fd);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_return_code(ftruncate(fd, 8192), 0);
	assert_int_equal(fs_map_file(fd, &f), 0);
	assert_return_code(fstat(fd, &st), 0);
	assert_int_equal(f.dev, st.st_dev);
	assert_int_equal(f.ino, st.st_ino);
	assert_int_equal(f.size, 8192);
	close(fd);

	/* device and inode are enough: no link is needed */
	f.shown = f.dev;
	f.overlay = false;
	link_to(NULL);
	assert_int_equal(same(f.dev, f.ino, &f), FS_FILE_SAME);
	assert_int_equal(same(f.dev, f.ino + 1, &f), FS_FILE_OTHER);
	assert_int_equal(same(f.dev, 0, &f), FS_FILE_OTHER);
	assert_int_equal(same(makedev(0xfe, 99), f.ino, &f), FS_FILE_OTHER); /* a disk's device */

	/* a device that is shown for many: the link says, and without it nothing is known */
	shown = makedev(0, 0xfffff);
	f.shown = shown;
	assert_int_equal(same(shown, f.ino, &f), FS_FILE_UNKNOWN);
	assert_int_equal(same(shown, f.ino + 1, &f), FS_FILE_OTHER);
	link_to(path);
	assert_int_equal(same(shown, f.ino, &f), FS_FILE_SAME);
	link_to(other);
	assert_int_equal(same(shown, f.ino, &f), FS_FILE_OTHER);

	/* a device that is neither: perhaps an overlay's */
	link_to(NULL);
	assert_int_equal(same(makedev(0, 0xffffe), f.ino, &f), FS_FILE_UNKNOWN);
	link_to(path);
	assert_int_equal(same(makedev(0, 0xffffe), f.ino, &f), FS_FILE_SAME);

	/* ours is of an overlay: a mapping of what is below it has a disk's device */
	f.overlay = true;
	f.dev = f.shown = makedev(0, 0xffffd);
	assert_int_equal(same(st.st_dev, f.ino, &f), FS_FILE_LAYER);
	f.size++;
	assert_int_equal(same(st.st_dev, f.ino, &f), FS_FILE_OTHER);
	link_to(NULL);
	assert_int_equal(same(st.st_dev, f.ino, &f), FS_FILE_UNKNOWN);
}

/* On every file system a file that this process maps is found again in its own maps. */
static int find_it(const struct fs_map *m, void *arg)
{
	return fs_map_is("/proc", getpid(), m, arg) == FS_FILE_SAME;
}

static void test_own(void **state)
{
	struct fs_map_file f;
	int fd = open(tmp_path("own"), O_RDWR | O_CREAT, 0600);
	void *p;

	(void)state;
	assert_return_code(ftruncate(fd, 8192), 0);
	assert_int_equal(fs_map_file(fd, &f), 0);
	assert_int_equal(fs_maps_each("/proc/self/maps", find_it, &f), 0); /* it is gone again */
	p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	close(fd);
	assert_int_equal(fs_maps_each("/proc/self/maps", find_it, &f), 1);
	munmap(p, 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests_name("maps", tests, tmp_setup, tmp_teardown);
}
