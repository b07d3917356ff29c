// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in a guest beside the agent (tools/lab forks --beside) and delays a fork by something known.
 * Armed before the snapshot; when the VM goes on as a fork it does what fs_inject says, for a time
 * that the host writes into the control page of the memory file just before the resume. It leaves a
 * mark when the delay begins and when it is over (mark.h): the host kernel's own trace of these is
 * the truth, in the host's time, that forkscope is held against.
 *
 *   fs_inject=tasks  two SCHED_FIFO tasks. One was running when the snapshot was taken; hold: it
 *                    holds the CPU on. The other waits for the same signal as the agent, and so
 *                    runs first; burn: it holds the CPU; rtnl: it takes the rtnl lock, and holds it
 *                    on, once the agent wants it, until the CPU has been idle for some time
 *   fs_inject=gpe    the GPE of the notification was masked before the snapshot; wait: it is
 *                    unmasked once the guest's CPU has had nothing to do for some time
 *
 * What happens when depends on what the guest does, never on how fast it does it. Control page: the
 * magic, NUL-padded to 32 bytes, then two u32: what (enum what), and how many milliseconds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "mark.h"
#include "rtnl_hold.h"

enum { PAGE = 4096, GENERATION_OFF = 104, CLOCK_BYTES = 112, TIMEOUT_MS = 60000 };
#define GPE "/sys/firmware/acpi/interrupts/gpe05" /* both devices' notification: vmclock.asl */

struct control {
	char magic[32];
	volatile uint32_t what, amount;
};

enum what { NOTHING, HOLD, BURN, RTNL, WAIT }; /* tests/lab/amount */

static union {
	struct control control;
	uint8_t page[PAGE];
} shared __attribute__((aligned(PAGE))) = {.page = {1}}; /* in .data: a page of its own */

static void fail(const char *what)
{
	printf("L2FAILED: inject: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	for (;;)
		sleep(1000);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void nap_ms(uint32_t ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Returns 0 or -1, errno set. */
static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static void burn(void)
{
	uint64_t until = now_ns() + (uint64_t)shared.control.amount * 1000000;

	mark(MARK_BEGIN);
	while (now_ns() < until)
		;
	mark(MARK_OVER);
}

/* Before all ordinary tasks, for as long as it likes. */
static void become_real_time(void)
{
	struct sched_param param = {.sched_priority = 50};
	char path[64];

	/* The scheduler's two ways of letting ordinary tasks run all the same. */
	if (write_text("/proc/sys/kernel/sched_rt_runtime_us", "-1"))
		fail("sched_rt_runtime_us");
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	for (int cpu = 0; cpu < 64; cpu++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/sched/fair_server/cpu%d/runtime",
			 cpu);
		if (access(path, W_OK))
			break;
		if (write_text(path, "0"))
			fail(path);
	}
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		fail("becoming a real-time task");
}

static volatile uint64_t *map_generation(void)
{
	int fd = open("/dev/vmclock0", O_RDONLY | O_CLOEXEC);
	uint8_t *page = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		fail("/dev/vmclock0");
	return (volatile uint64_t *)(void *)(page + GENERATION_OFF);
}

static void ready(void)
{
	printf("L2BESIDE inject\n");
	fflush(stdout);
	tcdrain(1);
}

/* The beginning of a file of /proc, as text; "" if it cannot be read. */
static void read_text(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
}

/* Is this process the agent, waiting with all its memory locked? */
static int is_armed_agent(int pid)
{
	char path[64], text[2048];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	read_text(path, text, sizeof(text));
	if (!strstr(text, "forkscope-guest") || strcmp(text + strlen(text) + 1, "agent"))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	read_text(path, text, sizeof(text));
	return strstr(text, "State:\tS") && !strstr(text, "VmLck:\t       0 kB");
}

/* The pid of the agent, if it waits; 0. */
static int find_agent(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *each;
	int agent = 0;

	if (!proc)
		fail("/proc");
	while (!agent && (each = readdir(proc))) {
		int pid = atoi(each->d_name);

		if (pid > 0 && is_armed_agent(pid))
			agent = pid;
	}
	closedir(proc);
	return agent;
}

/* The CPU may only be taken once the agent waits. Returns its pid. */
static int wait_for_agent(void)
{
	int agent = 0;

	for (int seen = 0; seen < 10; nap_ms(30)) {
		agent = find_agent();
		seen = agent ? seen + 1 : 0;
	}
	return agent;
}

static uint64_t read_generation(int fd)
{
	uint8_t clock[CLOCK_BYTES];
	uint64_t value;

	if (pread(fd, clock, sizeof(clock), 0) != CLOCK_BYTES)
		fail("reading /dev/vmclock0");
	memcpy(&value, clock + GENERATION_OFF, sizeof(value));
	return value;
}

static volatile int asleep; /* the task that waits for the signal does so, or will at once */

/* Sleeps in poll(), as the agent does. */
static void await_signal(void)
{
	int fd = open("/dev/vmclock0", O_RDONLY | O_CLOEXEC);
	uint64_t before;

	if (fd < 0)
		fail("/dev/vmclock0");
	before = read_generation(fd);
	asleep = 1;
	do {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		poll(&p, 1, -1);
	} while (read_generation(fd) == before);
}

/* For how long the CPU has been idle since the guest started: the kernel tells hundredths. */
static uint64_t idle_ms(void)
{
	unsigned long long s, hundredths;
	char text[128];

	read_text("/proc/uptime", text, sizeof(text));
	if (sscanf(text, "%*s %llu.%llu", &s, &hundredths) != 2)
		fail("/proc/uptime");
	return s * 1000 + hundredths * 10;
}

/* A clock alone would not do: for how long a fork is busy after its resume is not known. */
static void wait_idle(void)
{
	uint64_t until = idle_ms() + shared.control.amount;

	mark(MARK_BEGIN);
	for (int sleeps = 0; idle_ms() < until && sleeps < TIMEOUT_MS / 10; sleeps++)
		nap_ms(10);
	mark(MARK_OVER);
}

static char agent_status[64]; /* of /proc */

/* Called with the lock held: the agent will ask for it, and sleep where no signal ends it. */
static void hold_once_wanted(void)
{
	char text[2048];

	for (int seen = 0, sleeps = 0; seen < 3; nap_ms(1)) {
		read_text(agent_status, text, sizeof(text));
		seen = strstr(text, "State:\tD") ? seen + 1 : 0;
		if (++sleeps > TIMEOUT_MS)
			return; /* no mark: the test will say that it tested nothing */
	}
	wait_idle();
}

/* Of the same priority as the one that holds the CPU. */
static void *wake(void *unused)
{
	await_signal();
	if (shared.control.what == BURN)
		burn();
	else if (shared.control.what == RTNL && rtnl_hold())
		fail("holding the rtnl lock");
	return unused;
}

static void tasks(void)
{
	volatile uint64_t *generation = map_generation();
	uint64_t before = *generation;
	pthread_t thread;

	snprintf(agent_status, sizeof(agent_status), "/proc/%d/status", wait_for_agent());
	become_real_time();
	if (rtnl_hold_prepare(hold_once_wanted))
		fail("preparing to hold the rtnl lock");
	if (pthread_create(&thread, NULL, wake, NULL))
		fail("a second task");
	while (!asleep)
		nap_ms(10);
	nap_ms(100);
	ready();
	while (*generation == before)
		__builtin_ia32_pause();
	if (shared.control.what == HOLD)
		burn();
}

static void gpe(void)
{
	volatile uint64_t *generation = map_generation();
	uint64_t before = *generation;

	if (write_text(GPE, "mask\n"))
		fail(GPE);
	ready();
	while (*generation == before)
		nap_ms(2);
	if (shared.control.what == WAIT)
		wait_idle();
	if (write_text(GPE, "unmask\n"))
		fail(GPE);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} kinds[] = {{"tasks", tasks}, {"gpe", gpe}};
	const char *kind = getenv("fs_inject");

	/* Put together here, so that only this page has it, not the program's image as well. */
	strcpy(shared.control.magic, "FORKSCOPE_");
	strcat(shared.control.magic, "INJECT_V1");
	shared.control.what = NOTHING;
	if (mlockall(MCL_CURRENT))
		fail("mlockall");
	for (size_t i = 0; kind && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kind, kinds[i].name))
			kinds[i].run();
	for (;;)
		sleep(1000);
}
