// SPDX-License-Identifier: BSD-2-Clause
/* Remembered offsets, who maps a file, filling and copying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "mailbox/guard.h"
#include "mailbox/offsets.h"
#include "mailbox/patch.h"
#include "mailbox/users.h"

static const struct fs_mbox_query query = {.kinds = FS_MBOX_ALL, .token = "tok"};
static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	/* in a container /tmp may be of an overlay, which the guard does not trust */
	snprintf(folder, sizeof(folder), "%s/fs-mailbox-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static const char *in_folder(const char *name)
{
	static char path[2][128];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static int make_memory(const char *path, uint64_t at, struct stat *st)
{
	uint8_t page[FS_MBOX_SIZE] = {0};
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8 << 20), 0);
	assert_int_equal(fs_mbox_init(page, FS_MBOX_RESUME_NETWORK, NULL, "tok"), 0);
	assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)at), sizeof(page));
	assert_int_equal(fstat(fd, st), 0);
	return fd;
}

/* --- remembering ---------------------------------------------------------------------------- */

static void test_remembers(void **state)
{
	const char *path = in_folder("memory");
	struct fs_mbox_query other = query;
	struct fs_offset_memory m;
	struct stat st, changed;
	uint64_t offset = 0;
	int fd = make_memory(path, 0x3000, &st);

	(void)state;
	close(fd);
	assert_int_equal(setenv("XDG_CACHE_HOME", in_folder("cache"), 1), 0);
	fs_offsets_open(&m, path, &query, NULL);
	assert_non_null(strstr(m.path, "/cache/forkscope/mailbox-"));
	assert_null(strstr(m.path, "tok"));
	assert_int_equal(fs_offsets_get(&m, &st, &offset), -ENOENT);
	assert_int_equal(fs_offsets_put(&m, &st, 0x3000), 0);
	assert_int_equal(fs_offsets_get(&m, &st, &offset), 0);
	assert_int_equal(offset, 0x3000);

	/* whatever says that it is another file, or another time, makes it forget */
#define CHANGED(field, value)    \
	changed = st;            \
	changed.field = (value); \
	assert_int_equal(fs_offsets_get(&m, &changed, &offset), -ENOENT)
	CHANGED(st_dev, st.st_dev + 1);
	CHANGED(st_ino, st.st_ino + 1);
	CHANGED(st_size, st.st_size + 1);
	CHANGED(st_mtim.tv_sec, st.st_mtim.tv_sec + 1);
	CHANGED(st_mtim.tv_nsec, st.st_mtim.tv_nsec ^ 1);
#undef CHANGED
	other.token = "tok2";
	fs_offsets_open(&m, path, &other, NULL);
	assert_int_equal(fs_offsets_get(&m, &st, &offset), -ENOENT);
}

static void test_damaged_memory(void **state)
{
	static const char *const bad[] = {"", "x",
					  "forkscope-mailbox-offset 1 key 0 offset 12288\n",
					  " offset ", " offset 99999999999999999999999999\n"};
	const char *path = in_folder("memory2"), *chosen = in_folder("chosen");
	struct fs_offset_memory m;
	struct stat st;
	uint64_t offset;
	char line[512];
	FILE *f;
	size_t n;

	(void)state;
	close(make_memory(path, 0, &st));
	fs_offsets_open(&m, path, &query, chosen);
	assert_string_equal(m.path, chosen);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f = fopen(chosen, "w");
		assert_non_null(f);
		fputs(bad[i], f);
		fclose(f);
		assert_int_equal(fs_offsets_get(&m, &st, &offset), -ENOENT);
	}
	assert_int_equal(fs_offsets_put(&m, &st, 4096), -EEXIST); /* it is none of ours */
	assert_int_equal(unlink(chosen), 0);
	assert_int_equal(fs_offsets_put(&m, &st, 4096), 0);
	f = fopen(chosen, "r");
	assert_non_null(f);
	n = fread(line, 1, sizeof(line), f);
	fclose(f);
	for (size_t i = 0; i < n; i++) { /* any byte changed: nothing, or another offset to prove */
		line[i] ^= 1;
		f = fopen(chosen, "w");
		fwrite(line, 1, n, f);
		fclose(f);
		line[i] ^= 1;
		if (!fs_offsets_get(&m, &st, &offset))
			assert_int_not_equal(offset, 4096);
	}
	assert_int_equal(symlink("/etc/passwd", in_folder("link")), 0);
	fs_offsets_open(&m, path, &query, in_folder("link"));
	assert_int_equal(fs_offsets_get(&m, &st, &offset), -ENOENT);
}

static void test_foreign_cache(void **state)
{
	struct fs_offset_memory m;
	struct stat st;

	(void)state;
	close(make_memory(in_folder("memory3"), 0, &st));
	assert_int_equal(mkdir(in_folder("shared"), 0700), 0);
	assert_int_equal(mkdir(in_folder("shared/forkscope"), 0700), 0);
	assert_int_equal(chmod(in_folder("shared/forkscope"), 0777), 0);
	setenv("XDG_CACHE_HOME", in_folder("shared"), 1);
	fs_offsets_open(&m, in_folder("memory3"), &query, NULL);
	assert_string_equal(m.path, "");
	assert_int_equal(fs_offsets_put(&m, &st, 0), -ENOENT);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	fs_offsets_open(&m, in_folder("memory3"), &query, NULL);
	assert_string_equal(m.path, "");
}

/* --- who maps it ---------------------------------------------------------------------------- */

/* A process that maps one page of the file in the given way and then sleeps. */
static pid_t start_mapper(const char *path, int protection, int flags)
{
	int ready[2], fd;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		fd = open(path, O_RDWR);
		if (fd < 0 || mmap(NULL, 4096, protection, flags, fd, 4096) == MAP_FAILED)
			_exit(1);
		close(fd);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody */
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static const struct fs_user *find_pid(const struct fs_users *u, pid_t pid)
{
	for (size_t i = 0; i < u->list.n; i++)
		if (u->list.v[i].pid == pid)
			return &u->list.v[i];
	return NULL;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_users(void **state)
{
	const char *path = in_folder("mapped");
	const struct fs_user *by;
	struct fs_map_file f;
	struct fs_users u;
	struct stat st;
	char err[256];
	pid_t private_one, shared_one;
	int fd = make_memory(path, 0, &st);

	(void)state;
	assert_int_equal(fs_map_file(fd, &f), 0);
	assert_int_equal(fs_users_find("/proc", &f, &u, err, sizeof(err)), 0);
	assert_int_equal(u.list.n, 0); /* we have it open ourselves */
	fs_users_free(&u);
	private_one = start_mapper(path, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	shared_one = start_mapper(path, PROT_READ | PROT_WRITE, MAP_SHARED);
	assert_int_equal(unlink(path), 0); /* the name does not matter */
	assert_int_equal(fs_users_find("/proc", &f, &u, err, sizeof(err)), 0);
	assert_int_equal(u.list.n, 2);
	by = find_pid(&u, private_one);
	assert_non_null(by);
	assert_true(by->maps && by->how == FS_FILE_SAME);
	by = find_pid(&u, shared_one);
	assert_non_null(by);
	assert_true(by->maps && by->writes);
	fs_users_free(&u);
	end(private_one);
	end(shared_one);
	close(fd);
	assert_true(fs_users_find("/nonexistent", &f, &u, err, sizeof(err)) < 0);
}

/* The lease is the proof, and it is looked at again: whoever opens the file meanwhile ends it. */
static void test_guard(void **state)
{
	char path[128], err[1024];
	struct fs_guard g, other;
	struct stat st;
	pid_t mapper;
	int holder, opened;

	(void)state;
	snprintf(path, sizeof(path), "%s", in_folder("guarded"));
	close(make_memory(path, 0, &st));
	assert_int_equal(fs_guard_open(&g, path, FS_GUARD_WRITE, false, err, sizeof(err)), 0);
	assert_int_equal(g.st.st_ino, st.st_ino);
	if (!g.leased) {
		fs_guard_close(&g);
		skip(); /* this file system has no leases */
	}
	assert_int_equal(fs_guard_again(&g, err, sizeof(err)), 0);
	assert_int_equal(open(path, O_RDONLY | O_NONBLOCK), -1); /* it would have to wait */
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(fs_guard_again(&g, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "opened it meanwhile"));
	fs_guard_close(&g);

	/* whoever holds the open file a little longer does not hold the lease */
	assert_int_equal(fs_guard_open(&g, path, FS_GUARD_WRITE, false, err, sizeof(err)), 0);
	holder = dup(g.fd);
	fs_guard_close(&g);
	opened = open(path, O_RDONLY | O_NONBLOCK);
	assert_return_code(opened, errno);
	close(opened);
	close(holder);

	/* to copy: readers are in nobody's way, writers are; to write everybody is */
	mapper = start_mapper(path, PROT_READ, MAP_PRIVATE);
	assert_int_equal(fs_guard_open(&g, path, FS_GUARD_WRITE, true, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "is mapped by process"));
	end(mapper);
	assert_int_equal(fs_guard_open(&g, path, FS_GUARD_COPY, false, err, sizeof(err)), 0);
	assert_int_equal(fs_guard_open(&other, path, FS_GUARD_COPY, false, err, sizeof(err)), 0);
	fs_guard_close(&other);
	fs_guard_close(&g);
	mapper = start_mapper(path, PROT_READ | PROT_WRITE, MAP_SHARED);
	assert_int_equal(fs_guard_open(&g, path, FS_GUARD_COPY, false, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "which writes into it"));
	end(mapper);
	assert_int_equal(fs_guard_open(&g, path, FS_GUARD_WRITE, false, err, sizeof(err)), 0);
	fs_guard_close(&g);
	assert_int_equal(
		fs_guard_open(&g, in_folder("none"), FS_GUARD_WRITE, false, err, sizeof(err)),
		-ENOENT);
	assert_int_equal(g.fd, -1);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* A /proc made by hand: another device, a name with brackets, what cannot be read. */
static void test_strange_proc(void **state)
{
	const struct fs_map_file f = {.dev = 0xfe05, .shown = 0xfe05, .ino = 77};
	struct fs_users u;
	char err[256], proc[64];

	(void)state;
	snprintf(proc, sizeof(proc), "%s", in_folder("proc"));
	mkdir(proc, 0700);
	mkdir(in_folder("proc/10"), 0700);
	write_text(in_folder("proc/10/comm"), "a) (\033b\n");
	write_text(in_folder("proc/10/maps"),
		   "1000-2000 r--p 00000000 fe:05 770 /x\n"
		   "2000-3000 rw-p 00000000 fe:06 77 /x\n"
		   "3000-4000 rw-s 00000000 fe:05 77 /a name with blanks (deleted)\n");
	mkdir(in_folder("proc/11"), 0700); /* no maps: has ended */
	mkdir(in_folder("proc/12"), 0700); /* a kernel thread: its maps are a folder here */
	mkdir(in_folder("proc/12/maps"), 0700);
	write_text(in_folder("proc/12/stat"), "12 (a) b (c) S 2 0 0 0 -1 2129984 0\n");
	mkdir(in_folder("proc/13"), 0700);
	mkdir(in_folder("proc/13/maps"), 0700);
	write_text(in_folder("proc/13/stat"), "13 (x) S 1 0 0 0 -1 4194304 0\n");
	assert_int_equal(fs_users_find(proc, &f, &u, err, sizeof(err)), 0);
	assert_int_equal(u.list.n, 1);
	assert_int_equal(u.list.v[0].pid, 10);
	assert_true(u.list.v[0].maps && u.list.v[0].writes);
	assert_string_equal(u.list.v[0].comm, "a) (?b");
	assert_int_equal(u.unseen, 1);
	assert_int_equal(u.unseen_pid, 13);
	assert_true(u.hidden); /* it does not say that it is of the first PID namespace */
	fs_users_free(&u);
}

/* Descriptors, of a /proc made by hand: a pager has the file open, and maps nothing. */
static void test_descriptors(void **state)
{
	char path[128], proc[64], err[256];
	struct fs_map_file f;
	struct fs_users u;
	struct stat st;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s", in_folder("served"));
	snprintf(proc, sizeof(proc), "%s", in_folder("proc2"));
	fd = make_memory(path, 0, &st);
	assert_int_equal(fs_map_file(fd, &f), 0);
	mkdir(proc, 0700);
	mkdir(in_folder("proc2/20"), 0700);
	mkdir(in_folder("proc2/20/fd"), 0700);
	mkdir(in_folder("proc2/20/fdinfo"), 0700);
	write_text(in_folder("proc2/20/maps"), "");
	write_text(in_folder("proc2/20/comm"), "pager\n");
	assert_return_code(symlink("/dev/null", in_folder("proc2/20/fd/0")), 0);
	assert_return_code(symlink("/nonexistent", in_folder("proc2/20/fd/1")), 0);
	assert_return_code(symlink(path, in_folder("proc2/20/fd/7")), 0);
	write_text(in_folder("proc2/20/fdinfo/7"), "pos:\t0\nflags:\t0100000\nmnt_id:\t1\n");
	assert_int_equal(fs_users_find(proc, &f, &u, err, sizeof(err)), 0);
	assert_int_equal(u.list.n, 1);
	assert_true(!u.list.v[0].maps && !u.list.v[0].writes);
	assert_string_equal(u.list.v[0].comm, "pager");
	fs_users_free(&u);
	write_text(in_folder("proc2/20/fdinfo/7"), "pos:\t0\nflags:\t0100002\nmnt_id:\t1\n");
	assert_int_equal(fs_users_find(proc, &f, &u, err, sizeof(err)), 0);
	assert_true(u.list.n == 1 && u.list.v[0].writes);
	fs_users_free(&u);
	close(fd);
}

/* --- filling and copying -------------------------------------------------------------------- */

static void prove(int fd, uint64_t at, struct fs_mbox_verified *p)
{
	char err[256];

	assert_int_equal(fs_mbox_verify(fd, 8 << 20, &query, at, p, err, sizeof(err)), 0);
}

static void test_fill(void **state)
{
	static uint8_t before[8 << 20], after[8 << 20];
	struct fs_mbox_verified p;
	struct stat st;
	char big[FS_MBOX_SIZE], err[256];
	const uint64_t at = 0x5e00;
	int fd = make_memory(in_folder("filled"), at, &st);

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(pread(fd, before, sizeof(before), 0), sizeof(before));
	prove(fd, at, &p);
	assert_int_equal(p.room, 0x200 - 72);
	assert_int_equal(fs_mbox_fill(fd, &p, big, 0, err, sizeof(err)), -EMSGSIZE);
	assert_int_equal(fs_mbox_fill(fd, &p, big, 4025, err, sizeof(err)), -EMSGSIZE);
	assert_int_equal(fs_mbox_fill(fd, &p, big, p.room + 1, err, sizeof(err)), -EMSGSIZE);
	assert_int_equal(pread(fd, after, sizeof(after), 0), sizeof(after));
	assert_memory_equal(before, after, sizeof(before)); /* a refusal writes nothing */
	assert_int_equal(fs_mbox_fill(fd, &p, big, p.room, err, sizeof(err)), 0);
	assert_int_equal(pread(fd, after, sizeof(after), 0), sizeof(after));
	memcpy(before + at + 64, "\1\0\0\0\xb8\1\0\0", 8); /* 440 bytes */
	memset(before + at + 72, 'x', 440);
	assert_memory_equal(before, after, sizeof(before)); /* these bytes and no other */
	prove(fd, at, &p);
	assert_int_equal(fs_mbox_fill(fd, &p, big, 1, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "full"));
	close(fd);
}

static void test_targets(void **state)
{
	struct stat st = {.st_mode = S_IFREG | 0644, .st_uid = geteuid()};
	char err[256];

	(void)state;
	assert_int_equal(fs_mbox_check_target(&st, err, sizeof(err)), 0);
	st.st_mode = S_IFREG | 0666;
	assert_int_equal(fs_mbox_check_target(&st, err, sizeof(err)), -EPERM);
	st.st_mode = S_IFREG | 04755;
	assert_int_equal(fs_mbox_check_target(&st, err, sizeof(err)), -EPERM);
	st.st_mode = S_IFBLK | 0600;
	assert_int_equal(fs_mbox_check_target(&st, err, sizeof(err)), -EPERM);
	st.st_mode = S_IFREG | 0644;
	st.st_uid = geteuid() + 1;
	assert_int_equal(fs_mbox_check_target(&st, err, sizeof(err)), geteuid() ? -EPERM : 0);
}

static void test_copy(void **state)
{
	struct fs_mbox_copy c;
	struct fs_mbox_verified p;
	struct stat st, copied;
	char err[256], out[128];
	int fd = make_memory(in_folder("original"), 0x7000, &st);

	(void)state;
	snprintf(out, sizeof(out), "%s", in_folder("copied"));
	assert_int_equal(fs_mbox_copy_make(&c, fd, &st, out, err, sizeof(err)), 0);
	assert_int_equal(access(out, F_OK), -1); /* no name before it is complete */
	prove(c.fd, 0x7000, &p);
	assert_int_equal(fs_mbox_fill(c.fd, &p, "{}", 2, err, sizeof(err)), 0);
	assert_int_equal(fs_mbox_copy_commit(&c, err, sizeof(err)), 0);
	assert_int_equal(stat(out, &copied), 0);
	assert_int_equal(copied.st_size, st.st_size);
	assert_int_equal(copied.st_mode, st.st_mode);
	assert_true(copied.st_blocks <= st.st_blocks + 64); /* its holes are holes */
	prove(fd, 0x7000, &p);
	assert_int_equal(p.seq, 0); /* the original is as it was */
	assert_int_equal(fs_mbox_copy_make(&c, fd, &st, out, err, sizeof(err)), -EEXIST);

	/* the name is taken meanwhile: it stays what it is, and nothing is left behind */
	snprintf(out, sizeof(out), "%s", in_folder("taken"));
	assert_int_equal(fs_mbox_copy_make(&c, fd, &st, out, err, sizeof(err)), 0);
	write_text(out, "mine");
	assert_true(fs_mbox_copy_commit(&c, err, sizeof(err)) < 0);
	assert_int_equal(access(c.partial, F_OK), -1);
	assert_int_equal(stat(out, &copied), 0);
	assert_int_equal(copied.st_size, 4);
	assert_true(fs_mbox_copy_make(&c, fd, &st, "/nonexistent/x", err, sizeof(err)) < 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remembers),     cmocka_unit_test(test_damaged_memory),
		cmocka_unit_test(test_foreign_cache), cmocka_unit_test(test_users),
		cmocka_unit_test(test_guard),         cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_strange_proc),  cmocka_unit_test(test_fill),
		cmocka_unit_test(test_targets),       cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests_name("mailbox_files", tests, make_folder, drop_folder);
}
