// SPDX-License-Identifier: BSD-2-Clause
/* How agent and status find what is armed, and the table of who waits for the signal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest/recorder/armed.h"
#include "guest/recorder/signal_waiters.h"

static char top[64], run[96];

static int make_folder(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/test-armed-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(run, sizeof(run), "%s/deeper/run", top);
	return 0;
}

static int remove_folder(void **state)
{
	char deeper[96];

	(void)state;
	snprintf(deeper, sizeof(deeper), "%s/deeper", top);
	guest_armed_remove(run);
	rmdir(deeper);
	return rmdir(top);
}

static struct guest_armed of(pid_t pid)
{
	return (struct guest_armed){.pid = (uint64_t)pid,
				    .start_ticks = guest_start_ticks((uint64_t)pid),
				    .directory = 0xfffffffff000,
				    .cpus = 64,
				    .meta_bytes = UINT64_MAX};
}

static void the_file_comes_back_as_it_was(void **state)
{
	struct guest_armed a = of(getpid()), b;
	char err[256] = "";

	(void)state;
	assert_true(a.start_ticks > 0);
	assert_int_equal(guest_armed_read(run, &b, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "no recorder is armed"));
	assert_int_equal(guest_armed_write(run, &a, err, sizeof(err)), 0);
	assert_int_equal(guest_armed_read(run, &b, err, sizeof(err)), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	guest_armed_remove(run);
	assert_int_equal(access(run, F_OK), -1);
}

static void a_process_that_is_gone_has_armed_nothing(void **state)
{
	struct guest_armed a = of(getpid()), b;
	pid_t child = fork();
	char err[256] = "";

	(void)state;
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	a.pid = (uint64_t)child;
	assert_int_equal(guest_armed_write(run, &a, err, sizeof(err)), 0);
	assert_int_equal(guest_armed_read(run, &b, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "is gone"));
	/* nor one that has its number by now */
	a = of(getpid());
	a.start_ticks++;
	assert_int_equal(guest_armed_write(run, &a, err, sizeof(err)), 0);
	assert_int_equal(guest_armed_read(run, &b, err, sizeof(err)), -ENOENT);
	guest_armed_remove(run);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
	struct guest_armed a = of(getpid());
	char err[256] = "";

	(void)state;
	assert_int_equal(guest_armed_write("/proc/nowhere/run", &a, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/proc/nowhere/run"));
	assert_non_null(strstr(err, "--run-dir"));
}

/* In a child, whose memory the parent maps by its descriptor. */
static void memory_is_shared_by_the_descriptor(void **state)
{
	int fd = memfd_create("shared", MFD_CLOEXEC), end[2];
	char err[256] = "", byte;
	uint8_t *mine, *theirs;
	struct guest_armed a;
	pid_t child;

	(void)state;
	assert_true(fd >= 0 && !pipe(end) && !ftruncate(fd, 3 * FSG_PAGE));
	child = fork();
	if (!child) {
		close(end[1]);
		_exit(read(end[0], &byte, 1) > 0);
	}
	a = of(child);
	mine = mmap(NULL, 3 * FSG_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(mine != MAP_FAILED);
	mine[2 * FSG_PAGE] = 7;
	if (!guest_armed_map(&a, (uint64_t)fd, 2, 1, (void **)&theirs, err, sizeof(err))) {
		assert_int_equal(theirs[0], 7);
		theirs[1] = 9;
		assert_int_equal(mine[2 * FSG_PAGE + 1], 9);
	} else {
		assert_non_null(strstr(err, "cannot share the memory")); /* not allowed here */
	}
	close(end[1]);
	waitpid(child, NULL, 0);
	assert_int_not_equal(
		guest_armed_map(&a, (uint64_t)fd, 2, 1, (void **)&theirs, err, sizeof(err)), 0);
}

static void watchers_have_one_place_each(void **state)
{
	struct fsg_dir d = {0};

	(void)state;
	for (uint32_t i = 1; i <= FSG_WATCHERS; i++)
		guest_waiter_enter(&d, i, i, FSG_STEP_KMSG_READ, false);
	for (uint32_t i = 0; i < FSG_WATCHERS; i++)
		assert_int_equal(d.watchers[i].tgid, i + 1);
	/* our own agent, which a program had seen; then one for whom there is no place */
	assert_ptr_equal(guest_waiter_enter(&d, 3, 33, FSG_STEP_VMCLOCK_POLL, true),
			 &d.watchers[2]);
	assert_int_equal(d.watchers[2].own, 1);
	assert_int_equal(d.watchers[2].tid, 33);
	assert_ptr_equal(guest_waiter_enter(&d, 99, 99, FSG_STEP_KMSG_READ, true),
			 &d.watchers[FSG_WATCHERS - 1]);
	d.watchers[4].how = 0;
	assert_ptr_equal(guest_waiter_enter(&d, (uint32_t)getpid(), 1, FSG_STEP_KMSG_READ, true),
			 &d.watchers[4]);
	assert_true(d.watchers[4].ts > 0 && d.watchers[4].comm[0] && !d.watchers[4].comm[15]);
}

static bool watches(const struct fsg_dir *d)
{
	for (int i = 0; i < FSG_WATCHERS; i++)
		if (d->watchers[i].how == FSG_STEP_KMSG_READ &&
		    d->watchers[i].tgid == (uint32_t)getpid() && !d->watchers[i].own)
			return true;
	return false;
}

static void readers_of_the_log_are_found(void **state)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
	struct fsg_dir d = {0};

	(void)state;
	guest_waiters_find(&d);
	assert_int_equal(watches(&d), fd >= 0); /* not everybody may open it */
	close(fd);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	memset(&d, 0, sizeof(d));
	guest_waiters_find(&d);
	assert_false(watches(&d)); /* who writes only does not wait */
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_comes_back_as_it_was),
		cmocka_unit_test(a_process_that_is_gone_has_armed_nothing),
		cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
		cmocka_unit_test(memory_is_shared_by_the_descriptor),
		cmocka_unit_test(watchers_have_one_place_each),
		cmocka_unit_test(readers_of_the_log_are_found),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
