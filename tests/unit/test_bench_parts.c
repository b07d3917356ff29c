// SPDX-License-Identifier: BSD-2-Clause
/* The parts of the bench that need neither root nor a VMM: acks, addresses, prefetch ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/magic.h>
#include <cmocka.h>
#include "tmp.h"
#include "bench/fork_acks.h"
#include "bench/prefetch.h"
#include "net/acks.h"
#include "net/tap.h"

#define MIB (1ull << 20)

/* --- acks --- */

static void test_good_acks(void **st)
{
	static const char *const good[] = {
		"stage=applied mac=06:00:ac:10:00:22 ip=172.16.0.2\n",
		"stage=applied mac=06:00:ac:10:00:22 ip=172.16.0.2",
		"stage=applied mac=06:00:ac:10:00:22 ip=172.16.0.2 guest_signal_to_x_us=12\n"};
	struct fs_ack a;

	(void)st;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fs_ack_parse(good[i], strlen(good[i]), &a), 0);
		assert_string_equal(a.stage, "applied");
		assert_string_equal(a.mac, "06:00:ac:10:00:22");
		assert_string_equal(a.ip, "172.16.0.2");
	}
}

static void test_error_acks(void **st)
{
	static const char
		netlink[] = "stage=error mac=06:00:ac:10:00:22 ip=172.16.0.2 "
			    "reason=netlink what=route errno=22 undone=yes\n",
		payload[] = "stage=error mac=- ip=- reason=payload what=mac\n",
		odd[] = "stage=error mac=- ip=- reason=\x1b[2J what= errno=-5 undone=yes,no "
			"reason=0123456789012345678901234 what=x what=y errno=999999999\n";
	struct fs_ack a;
	char text[400];

	(void)st;
	assert_int_equal(fs_ack_parse(netlink, strlen(netlink), &a), 0);
	assert_string_equal(fs_ack_error_text(&a, text, sizeof(text)),
			    "the agent reported stage=error: reason=netlink what=route errno=22 "
			    "(Invalid argument) undone=yes");
	assert_int_equal(fs_ack_parse(payload, strlen(payload), &a), 0);
	assert_string_equal(a.mac, "-");
	assert_string_equal(fs_ack_error_text(&a, text, sizeof(text)),
			    "the agent reported stage=error: reason=payload what=mac");
	/* of what is no plain word nothing is kept, and the first of two */
	assert_int_equal(fs_ack_parse(odd, strlen(odd), &a), 0);
	assert_string_equal(
		fs_ack_error_text(&a, text, sizeof(text)),
		"the agent reported stage=error: without a reason what=x errno=999999999");
}

/* A socket of acks on the loopback, and one that sends there. */
static int ack_pair(int *to)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*to, (struct sockaddr *)&at, len), 0);
	return fd;
}

static void say_ack(int to, const char *stage)
{
	char text[100];
	int n = snprintf(text, sizeof(text), "stage=%s mac=06:00:ac:10:00:22 ip=172.16.0.2\n",
			 stage);

	assert_int_equal(send(to, text, (size_t)n, 0), n);
}

/* A guest that floods holds nobody: one call reads so many, and counts what it does not keep. */
static void test_flood_of_acks(void **st)
{
	struct fs_fork_result r = {.number = 1};
	int to, fd = ack_pair(&to);
	struct fs_ack a;

	(void)st;
	for (int i = 0; i < FS_ACKS_AT_ONCE + 20; i++)
		say_ack(to, "noise");
	say_ack(to, "applied");
	assert_int_equal(fs_fork_listen(&r, fd, "applied", NULL), FS_HEARD_NOTHING);
	assert_int_equal(r.nacks + r.acks_not_kept, FS_ACKS_AT_ONCE);
	assert_int_equal(fs_fork_listen(&r, fd, "applied", NULL), FS_HEARD_LAST);
	assert_int_equal(r.nacks + r.acks_not_kept, FS_ACKS_AT_ONCE + 21);
	assert_non_null(fs_fork_find_ack(&r, "applied"));
	say_ack(to, "error");
	say_ack(to, "error");
	assert_int_equal(fs_fork_listen(&r, fd, "applied", NULL), FS_HEARD_ERROR);
	say_ack(to, "mailbox");
	assert_int_equal(fs_fork_listen(&r, fd, "applied", "172.16.0.3"), FS_HEARD_NOTHING);
	assert_int_equal(r.refused_acks, 1);
	assert_int_equal(fs_acks_next(fd, &a), 0);
	close(to);
	close(fd);
}

static void test_bad_acks(void **st)
{
	static const char *const bad[] = {
		"",
		"stage=",
		"stage= mac=06:00:ac:10:00:22 ip=172.16.0.2\n",
		"stage=a\x1b[2J mac=06:00:ac:10:00:22 ip=172.16.0.2\n",
		"stage=a mac=06:00:ac:10:00 ip=172.16.0.2\n",
		"stage=a mac=06:00:ac:10:00:22 ip=172.16.0.256\n",
		"stage=a mac=06:00:ac:10:00:22 ip=172.16.0.2x\n",
		"stage=a mac=06-00-ac-10-00-22 ip=172.16.0.2\n",
		"stage=a mac=-- ip=172.16.0.2\n",
		"stage=a ip=172.16.0.2 mac=06:00:ac:10:00:22\n",
		"stage=01234567890123456789012345678901 mac=06:00:ac:10:00:22 ip=1.2.3.4\n"};
	char big[FS_ACK_BYTES + 2];
	struct fs_ack a;

	(void)st;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!fs_ack_parse(bad[i], strlen(bad[i]), &a))
			fail_msg("taken: %s", bad[i]);
	memset(big, ' ', sizeof(big));
	memcpy(big, "stage=a mac=06:00:ac:10:00:22 ip=1.2.3.4 ", 41);
	assert_int_equal(fs_ack_parse(big, FS_ACK_BYTES, &a), 0);
	assert_int_equal(fs_ack_parse(big, FS_ACK_BYTES + 1, &a), -EINVAL);
	big[60] = '\0'; /* a NUL in the middle */
	assert_int_equal(fs_ack_parse(big, FS_ACK_BYTES, &a), -EINVAL);
}

/* --- addresses --- */

static void test_pool(void **st)
{
	struct fs_pool p;
	char err[200];
	uint32_t a, b, c;

	(void)st;
	/* 203.0.113.0/24 is for documentation: no host has it */
	assert_int_equal(fs_pool_open(&p, "203.0.113.8/29", 0xcb007109, err, sizeof(err)), 0);
	assert_int_equal(fs_pool_take(&p, &a, err, sizeof(err)), 0);
	assert_int_equal(a, 0xcb00710a); /* .8 is the network, .9 the gateway */
	assert_int_equal(fs_pool_take(&p, &b, err, sizeof(err)), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fs_pool_take(&p, &c, err, sizeof(err)), 0);
	assert_int_equal(c, 0xcb00710e);
	assert_int_equal(fs_pool_take(&p, &c, err, sizeof(err)), -EADDRNOTAVAIL);
	assert_non_null(strstr(err, "no free address"));
	fs_pool_give(&p, b);
	fs_pool_give(&p, 1); /* not of this pool */
	assert_int_equal(fs_pool_take(&p, &c, err, sizeof(err)), 0);
	assert_int_equal(c, b);
	fs_pool_close(&p);
}

static void test_no_pools(void **st)
{
	static const char *const bad[] = {"",         "1.2.3.4",     "1.2.3.4/31",   "1.2.3.4/8",
					  "1.2.3/24", "1.2.3.4/24x", "1.2.3.400/24", "::1/64"};
	struct fs_pool p;
	char err[200];

	(void)st;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fs_pool_open(&p, bad[i], 0, err, sizeof(err)), -EINVAL);
}

/* --- prefetch --- */

struct expected {
	const char *text;
	uint64_t mailbox, off, len;
	bool clamped;
};

/* In a file of 64 MiB. */
static const struct expected ranges[] = {
	{"head:1MiB", 0, 0, MIB, false},
	{"head:64MiB", 0, 0, 64 * MIB, false},
	{"head:1GiB", 0, 0, 64 * MIB, true},
	{"all", 0, 0, 64 * MIB, false},
	{"mailbox:4MiB", 32 * MIB, 30 * MIB, 4 * MIB, false},
	{"mailbox:4MiB", MIB, 0, 4 * MIB, false}, /* the window moves at an edge */
	{"mailbox:4MiB", 64 * MIB - 4096, 60 * MIB, 4 * MIB, false},
	{"mailbox:65MiB", 32 * MIB, 0, 64 * MIB, true},
	{"range:0x1001:4KiB", 0, 0x1000, 0x2000, false}, /* whole pages */
	{"range:67104768:1MiB", 0, 64 * MIB - 4096, 4096, true},
};

static void test_ranges(void **st)
{
	struct fs_ranges none = {0};
	char err[200];

	(void)st;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const struct expected *e = &ranges[i];
		struct fs_prefetch_spec s;
		struct fs_ranges out = {0};
		bool clamped;

		assert_int_equal(fs_prefetch_parse(e->text, &s, err, sizeof(err)), 0);
		assert_int_equal(fs_prefetch_ranges(&s, 64 * MIB, e->mailbox, &none, &out, &clamped,
						    err, sizeof(err)),
				 0);
		assert_int_equal(out.n, 1);
		if (out.v[0].offset != e->off || out.v[0].size != e->len || clamped != e->clamped)
			fail_msg("%s: %lx+%lx", e->text, out.v[0].offset, out.v[0].size);
		fs_vec_free(&out);
	}
}

static void test_no_ranges(void **st)
{
	static const char *const bad[] = {"",
					  "mailbox",
					  "mailbox:",
					  "mailbox:64",
					  "mailbox:0B",
					  "head:-1MiB",
					  "range:1MiB:1MiB",
					  "range:5",
					  "everything",
					  "none ",
					  "head:99999999999999999999GiB"};
	struct fs_ranges none = {0}, out = {0};
	struct fs_prefetch_spec s;
	char err[200];
	bool clamped;

	(void)st;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!fs_prefetch_parse(bad[i], &s, err, sizeof(err)))
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(fs_prefetch_parse("mailbox:1MiB", &s, err, sizeof(err)), 0);
	assert_int_equal(
		fs_prefetch_ranges(&s, MIB, UINT64_MAX, &none, &out, &clamped, err, sizeof(err)),
		-ENOENT);
	assert_int_equal(fs_prefetch_parse("range:0xfffffffffffff000:1MiB", &s, err, sizeof(err)),
			 0);
	assert_int_equal(fs_prefetch_ranges(&s, MIB, 0, &none, &out, &clamped, err, sizeof(err)),
			 -ERANGE);
	fs_vec_free(&out);
}

static void test_reads_exactly(void **st)
{
	struct fs_range one = {MIB, 2 * MIB}, all = {0, 8 * MIB};
	struct fs_ranges r = {&one, 1, 1};
	struct fs_prefetch_run run = {.how = FS_MECH_READ};
	static unsigned char body[8 * MIB];
	uint64_t bytes;
	char path[64] = "/var/tmp/forkscope-test-XXXXXX",
	     err[200]; /* no tmpfs: a page cache to drop */
	int ret;

	(void)st;
	run.fd = mkstemp(path);
	assert_true(run.fd >= 0);
	unlink(path);
	memset(body, 1, sizeof(body));
	assert_int_equal(write(run.fd, body, sizeof(body)), sizeof(body));
	ret = fs_cache_drop(run.fd);
	assert_int_equal(fs_cache_resident(run.fd, &all, &bytes), 0);
	if (ret || bytes > MIB) {
		close(run.fd);
		skip(); /* this file system keeps its pages */
	}
	assert_int_equal(fs_prefetch_do(&run, &r, err, sizeof(err)), 0);
	assert_int_equal(run.done, 2 * MIB);
	assert_int_equal(fs_ranges_resident(run.fd, &r, &bytes), 0);
	assert_int_equal(bytes, 2 * MIB);
	assert_int_equal(fs_cache_resident(run.fd, &all, &bytes), 0);
	assert_true(bytes < 3 * MIB);
	/* what lies behind the end of the file is not there */
	one.offset = 7 * MIB;
	assert_int_equal(fs_prefetch_do(&run, &r, err, sizeof(err)), -ESTALE);
	close(run.fd);
}

/* --- populating --- */

/*
 * A process that maps some of a file of 8 pages: pages 0 and 1 twice, page 3 so that nobody may
 * read it, pages 4 to 6 of which the last lies behind the end of what is left of the file.
 */
static pid_t start_mapper(const char *path)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_return_code(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		int fd = open(path, O_RDWR);

		for (int i = 0; i < 2; i++)
			if (mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
				_exit(1);
		if (mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE, fd, 3 * 4096) == MAP_FAILED ||
		    mmap(NULL, 3 * 4096, PROT_READ, MAP_SHARED, fd, 4 * 4096) == MAP_FAILED ||
		    ftruncate(fd, 6 * 4096) || write(ready[1], "", 1) != 1)
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody */
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_populates(void **st)
{
	const char *path = tmp_path("populated");
	struct fs_prefetch_run run = {.how = FS_MECH_POPULATE};
	struct fs_range all = {0, 8 * 4096}, some = {100, 2 * 4096}, none = {7 * 4096, 4096};
	struct fs_ranges asked = {&all, 1, 1};
	char err[200];

	(void)st;
	run.fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_return_code(ftruncate(run.fd, 8 * 4096), 0);
	run.vmm = start_mapper(path);
	assert_int_equal(fs_prefetch_do(&run, &asked, err, sizeof(err)), 0);
	assert_int_equal(run.done, 8 * 4096);
	assert_int_equal(run.missed, 4 * 4096); /* read were 0, 1, 4 and 5: each once */
	asked.v = &some;
	assert_int_equal(fs_prefetch_do(&run, &asked, err, sizeof(err)), 0);
	assert_int_equal(run.missed, 100); /* of page 2 */
	asked.v = &none;
	assert_int_equal(fs_prefetch_do(&run, &asked, err, sizeof(err)), -ENOENT);
	kill(run.vmm, SIGKILL);
	waitpid(run.vmm, NULL, 0);
	close(run.fd);
}

/* Runs in a mount namespace of its own; 77: not allowed here. 0: counted rightly. */
static int count_on_an_overlay(const char *dir)
{
	struct fs_range all = {0, 8 * MIB}, some = {2 * MIB, MIB};
	static unsigned char body[8 * MIB];
	char path[160], opts[480];
	uint64_t bytes = 0, one = 0;
	struct statfs fs;
	int fd;

	if (statfs(dir, &fs) || fs.f_type == TMPFS_MAGIC) /* no page cache to drop */
		return 77;
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 77;
	for (const char *const *d = (const char *const[]){"lo", "up", "wk", "ov", NULL}; *d; d++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *d);
		if (mkdir(path, 0700))
			return 1;
	}
	snprintf(path, sizeof(path), "%s/lo/mem", dir);
	memset(body, 1, sizeof(body));
	tmp_write(path, body, sizeof(body));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd)) /* pages that are not written back cannot be dropped */
		return 1;
	close(fd);
	snprintf(opts, sizeof(opts), "lowerdir=%s/lo,upperdir=%s/up,workdir=%s/wk", dir, dir, dir);
	snprintf(path, sizeof(path), "%s/ov", dir);
	if (mount("overlay", path, "overlay", 0, opts))
		return 77;
	strcat(path, "/mem");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fs_cache_drop(fd) || fs_cache_resident(fd, &all, &bytes) || bytes > MIB)
		return 2;
	if (!strstr(fs_cache_why_kept(fd), "run sync first"))
		return 6;
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	if (pread(fd, body, some.size, (off_t)some.offset) != (ssize_t)some.size)
		return 3;
	if (fs_cache_resident(fd, &all, &bytes) || fs_cache_resident(fd, &some, &one))
		return 4;
	return one == some.size && bytes >= some.size && bytes < 2 * MIB ? 0 : 5;
}

/* A host without a free huge page: none is reserved for a file of holes that is only looked at. */
static void test_counts_without_huge_pages(void **st)
{
	const struct fs_range all = {0, 64 * MIB};
	int fd = memfd_create("forkscope-test", MFD_CLOEXEC | MFD_HUGETLB);
	uint64_t bytes = 1;

	(void)st;
	if (fd < 0 || ftruncate(fd, (off_t)all.size))
		skip(); /* a kernel without such pages */
	assert_int_equal(fs_cache_resident(fd, &all, &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_non_null(strstr(fs_cache_why_kept(fd), "hugetlbfs"));
	close(fd);
}

/* What is allocated on hugetlbfs is resident; of which part of the file that is, stat(2) does not
 * say. */
static void test_counts_huge_pages(void **st)
{
	const struct {
		uint64_t size, allocated, from, n, resident;
		int ret;
	} t[] = {
		{64 * MIB, 64 * MIB, 0, 64 * MIB, 64 * MIB, 0},
		{64 * MIB, 64 * MIB, 2 * MIB, MIB, MIB, 0},
		{64 * MIB, 0, 2 * MIB, MIB, 0, 0},
		{64 * MIB, 22 * MIB, 0, 64 * MIB, 22 * MIB, 0},
		{64 * MIB, 22 * MIB, 2 * MIB, MIB, 0, -EOPNOTSUPP},
		{63 * MIB, 64 * MIB, 0, 63 * MIB, 63 * MIB, 0}, /* its last page is not full */
	};

	(void)st;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const struct stat file = {.st_size = (off_t)t[i].size,
					  .st_blocks = (blkcnt_t)(t[i].allocated / 512)};
		const struct fs_range r = {t[i].from, t[i].n};
		uint64_t bytes = 0;

		assert_int_equal(fs_cache_of_hugetlb(&file, &r, &bytes), t[i].ret);
		assert_int_equal(bytes, t[i].resident);
	}
}

static void test_counts_on_an_overlay(void **st)
{
	char dir[64] = "/var/tmp/forkscope-test-XXXXXX", cmd[100];
	int status = -1;
	pid_t child;

	(void)st;
	assert_non_null(mkdtemp(dir));
	child = fork();
	if (!child)
		_exit(count_on_an_overlay(dir));
	assert_int_equal(waitpid(child, &status, 0), child);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* not root, no overlayfs, or nothing but tmpfs */
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_acks),
		cmocka_unit_test(test_bad_acks),
		cmocka_unit_test(test_error_acks),
		cmocka_unit_test(test_flood_of_acks),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_no_pools),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_no_ranges),
		cmocka_unit_test(test_reads_exactly),
		cmocka_unit_test(test_populates),
		cmocka_unit_test(test_counts_without_huge_pages),
		cmocka_unit_test(test_counts_huge_pages),
		cmocka_unit_test(test_counts_on_an_overlay),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
