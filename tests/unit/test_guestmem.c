// SPDX-License-Identifier: BSD-2-Clause
/* The memory of another process: what is present, and how one that has gone differs from an empty
 * one. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/clock.h"
#include "collect/guest/guestmem.h"

#define PAGES   64
#define TOUCHED 40
#define SECOND  1000000000ull

/* A process that has written TOUCHED pages of PAGES, and waits for a byte before it does @then. */
struct child {
	pid_t pid;
	int go, gone; /* write to go on; end of file once its memory is another */
	uint8_t *mem;
};

static struct child start(void (*then)(void))
{
	int go[2], gone[2], ready[2];
	struct child c;
	char byte;

	assert_return_code(pipe(go), 0);
	assert_return_code(pipe2(gone, O_CLOEXEC), 0);
	assert_return_code(pipe(ready), 0);
	c.mem = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	assert_ptr_not_equal(c.mem, MAP_FAILED);
	c.pid = fork();
	if (!c.pid) {
		for (size_t i = 0; i < TOUCHED; i++)
			c.mem[i * 4096] = (uint8_t)(i + 1);
		if (write(ready[1], "", 1) == 1 && read(go[0], &byte, 1) == 1)
			then();
		_exit(1);
	}
	assert_true(c.pid > 0);
	close(gone[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	c.go = go[1];
	c.gone = gone[0];
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
	return c;
}

static struct fs_guestmem *look(const struct child *c)
{
	const struct fs_slot slot = {.gpa = 0, .size = PAGES * 4096, .hva = (uintptr_t)c->mem};
	struct fs_guestmem *g = NULL;
	char why[FSR_WHY];

	assert_int_equal(fs_guestmem_open(c->pid, &slot, 1, &g, why), 0);
	return g;
}

static void finish(struct child *c, struct fs_guestmem *g)
{
	fs_guestmem_close(g);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close(c->go);
	close(c->gone);
	munmap(c->mem, PAGES * 4096);
}

static void go_on(const struct child *c)
{
	char byte;

	assert_int_equal(write(c->go, "", 1), 1);
	assert_int_equal(read(c->gone, &byte, 1), 0);
}

static bool sum(uint64_t gfn, const void *data, void *arg)
{
	assert_int_equal(*(const uint8_t *)data, gfn + 1);
	*(unsigned int *)arg += 1;
	return true;
}

static int64_t scan(struct fs_guestmem *g, unsigned int *pages)
{
	*pages = 0;
	return fs_guestmem_scan(g, true, 64, fs_mono_ns() + 60 * SECOND, sum, pages);
}

static void die(void)
{
	_exit(0);
}

/* What a process has of its memory goes before the process: another program is the same to us. */
static void become_another(void)
{
	execlp("sleep", "sleep", "1000", (char *)NULL);
}

static void present_pages(void **state)
{
	struct child c = start(die);
	struct fs_guestmem *g = look(&c);
	unsigned int pages;

	(void)state;
	assert_int_equal(scan(g, &pages), TOUCHED);
	assert_int_equal(pages, TOUCHED);
	assert_false(fs_guestmem_ended(g));
	finish(&c, g);
}

static void gone_with(void (*then)(void))
{
	struct child c = start(then);
	struct fs_guestmem *g = look(&c);
	unsigned int pages;

	assert_false(fs_guestmem_ended(g));
	go_on(&c);
	assert_true(scan(g, &pages) <= 0);
	assert_int_equal(pages, 0);
	assert_true(fs_guestmem_ended(g));
	finish(&c, g);
}

static void ended(void **state)
{
	(void)state;
	gone_with(die);
}

static void memory_goes_first(void **state)
{
	(void)state;
	gone_with(become_another);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(present_pages),
		cmocka_unit_test(ended),
		cmocka_unit_test(memory_goes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
