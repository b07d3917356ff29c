// SPDX-License-Identifier: BSD-2-Clause
/*
 * forkscope-guest arm: makes the recorder in this guest's memory, and stays as a process that does
 * nothing but keep it alive.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/units.h"
#include "guest/commands.h"
#include "guest/common/guest_log.h"
#include "guest/recorder/armed.h"
#include "guest/recorder/guest_clocks.h"
#include "guest/recorder/layout.h"
#include "guest/recorder/meta.h"
#include "guest/recorder/recorder.h"
#include "guest/recorder/signal_waiters.h"

#define RING_DEFAULT (1u << 20)
#define RING_LEAST   (64u << 10)
#define SENTENCE     480

struct options {
	uint64_t ring_bytes; /* 0 = by the guest's memory */
	const char *without, *run_dir;
	bool no_symbols, no_bpf, foreground;
};

struct arming {
	const struct options *o;
	unsigned int cpus;     /* with a ring */
	unsigned int cpus_out; /* beyond them: not recorded */
	bool other;            /* another process has armed; nothing here is ours to remove */
	uint64_t ring_bytes;
	struct fsg_recorder rec;
	struct fsg_symbols symbols;
	struct fsg_layout layout;
	char why_no_bpf[SENTENCE], why_no_symbols[SENTENCE];
	char clocksource[32];
};

/* ---- options ---- */

static void print_help(void)
{
	printf("usage: forkscope-guest arm [OPTIONS...]\n\n"
	       "Loads the recorder's programs into the kernel and lays out its memory, so that "
	       "every fork\n"
	       "of a snapshot that is taken from now on records what its guest does. Prints one "
	       "line on\n"
	       "stdout (\"armed ...\") when the snapshot may be taken, and stays in the "
	       "background; SIGTERM\n"
	       "ends it and removes everything.\n\n"
	       "  --ring-size SIZE      records of each CPU, a power of two (1MiB, less in a "
	       "small guest)\n"
	       "  --without HOOKS       leave these out: names of `status`, divided by commas\n"
	       "  --no-symbols          without the symbols of the kernel\n"
	       "  --no-bpf              without programs: the agent's own stages alone\n"
	       "  --foreground          do not go into the background\n"
	       "  --run-dir DIR         where the agent and `status` find it (" FSG_RUN_DIR ")\n"
	       "  --help                print this\n\n"
	       "exit status: 0 armed (with --foreground: ended by SIGTERM or SIGINT); 1 failed, or "
	       "armed\n"
	       "already; 2 wrong usage\n");
}

enum { OPT_RING = 256, OPT_WITHOUT, OPT_NOSYM, OPT_NOBPF, OPT_FRONT, OPT_DIR };

static int take_ring_size(struct options *o, const char *text)
{
	uint64_t n = 0;

	if (fs_parse_bytes(text, &n) || n < FSG_PAGE || (n & (n - 1)) || n > (64u << 20)) {
		fsg_say("--ring-size %s: a power of two from 4KiB to 64MiB is needed, as in 1MiB",
			text);
		return -1;
	}
	o->ring_bytes = n;
	return 0;
}

static int take_option(struct options *o, int c)
{
	switch (c) {
	case OPT_RING:
		return take_ring_size(o, optarg);
	case OPT_WITHOUT:
		o->without = optarg;
		if (fs_plan_known(&fsg_hooks, optarg))
			return 0;
		fsg_say("--without %s: not all are hooks (forkscope-guest status names them)",
			optarg);
		return -1;
	case OPT_NOSYM:
		o->no_symbols = true;
		return 0;
	case OPT_NOBPF:
		o->no_bpf = true;
		return 0;
	case OPT_FRONT:
		o->foreground = true;
		return 0;
	case OPT_DIR:
		o->run_dir = optarg;
		return 0;
	}
	fsg_say("see forkscope-guest arm --help");
	return -1;
}

/* Returns -1 to go on, or the exit code to end with. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{"ring-size", required_argument, NULL, OPT_RING},
		{"without", required_argument, NULL, OPT_WITHOUT},
		{"no-symbols", no_argument, NULL, OPT_NOSYM},
		{"no-bpf", no_argument, NULL, OPT_NOBPF},
		{"foreground", no_argument, NULL, OPT_FRONT},
		{"run-dir", required_argument, NULL, OPT_DIR},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){.run_dir = FSG_RUN_DIR};
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			return FSG_EXIT_OK;
		}
		if (take_option(o, c))
			return FSG_EXIT_USAGE;
	}
	if (optind == argc)
		return -1;
	fsg_say("\"%s\" is not expected here (see forkscope-guest arm --help)", argv[optind]);
	return FSG_EXIT_USAGE;
}

/* ---- arming ---- */

/* CPUs that may come to run: numbers up to the highest that is online. */
static void count_cpus(struct arming *a)
{
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");
	unsigned int last = 0;
	char text[256] = "";

	if (f && fgets(text, sizeof(text), f))
		for (char *at = text; isdigit((unsigned char)*at); at += strspn(at, ",-"))
			last = (unsigned int)strtoul(at, &at, 10); /* "0-3,8" */
	if (f)
		fclose(f);
	a->cpus = last + 1 > FSG_MAX_CPUS ? FSG_MAX_CPUS : last + 1;
	a->cpus_out = last + 1 - a->cpus;
	if (a->cpus_out)
		fsg_say("not recorded: what runs on CPUs %u to %u (the recorder has rings for %u "
			"CPUs); a fork whose vCPU is one of them has no guest part for it",
			a->cpus, last, FSG_MAX_CPUS);
}

/* All rings together take a 64th of the memory at most, unless the user says otherwise. */
static uint64_t ring_size(const struct arming *a)
{
	uint64_t n = a->o->ring_bytes ? a->o->ring_bytes : RING_DEFAULT;
	struct sysinfo s;

	if (a->o->ring_bytes || sysinfo(&s))
		return n;
	while (n > RING_LEAST && n * a->cpus > (uint64_t)s.totalram * s.mem_unit / 64)
		n /= 2;
	return n;
}

static void start_recorder(struct arming *a)
{
	struct fsg_recorder_opts o = {
		.cpus = a->cpus, .ring_bytes = a->ring_bytes, .without = a->o->without};

	a->rec = (struct fsg_recorder){.rings = {.fd = -1}, .dir = {.fd = -1}};
	if (a->o->no_bpf)
		snprintf(a->why_no_bpf, SENTENCE, "left out by --no-bpf");
	else if (!fsg_recorder_start(&a->rec, &o, a->why_no_bpf, SENTENCE))
		a->why_no_bpf[0] = 0;
	else
		fsg_say("no programs: %s; only the agent's own stages are recorded", a->why_no_bpf);
}

static void read_symbols(struct arming *a)
{
	if (a->o->no_symbols)
		snprintf(a->why_no_symbols, SENTENCE, "left out by --no-symbols");
	else if (fsg_symbols_read(&a->symbols, a->why_no_symbols, SENTENCE))
		fsg_say("no symbols: %s", a->why_no_symbols);
}

static uint32_t flags_of(const struct fsg_recorder *r)
{
	const struct fs_choice *c;
	uint32_t flags = FSG_D_BPF;

	if (!r->programs || !r->plan)
		return 0;
	c = r->plan->choices;
	flags |= c[FSG_WANT_SWITCHES].rank ? FSG_D_SPLIT : 0;
	flags |= c[FSG_WANT_ACPI_WORK].rank ? FSG_D_SIGNAL : 0;
	flags |= c[FSG_WANT_FAULTS].rank == 1 || c[FSG_WANT_FAULTS].rank == 2 ? FSG_D_FAULTS : 0;
	return flags;
}

/* Clock 0 was read before all else, the last is read at the end: between them lies the rate. */
static void read_clocks(const struct arming *a, struct fsg_dir *d, const struct fsg_clock *first)
{
	unsigned int n = 0;

	d->clocks[n++] = *first;
	for (unsigned int cpu = 1; cpu < a->cpus && n < FSG_CLOCKS - 1; cpu++)
		if (!fsg_clock_sample(cpu, &d->clocks[n]))
			n++;
	fsg_clock_sample(0, &d->clocks[n]);
}

static int make_layout(struct arming *a, char *err)
{
	struct fsg_layout *l = &a->layout;
	struct fsg_meta m = {.plan = a->rec.plan,
			     .clocksource = a->clocksource,
			     .without = a->o->without,
			     .symbols = a->why_no_symbols,
			     .bpf = a->why_no_bpf,
			     .ring_bytes = a->ring_bytes,
			     .cpus = a->cpus,
			     .cpus_out = a->cpus_out,
			     .probe_ns_x16 = a->rec.probe_ns_x16};
	char *text = fsg_meta_text(&m);
	bool bpf = !a->why_no_bpf[0];
	int rc = text ? 0 : -ENOMEM;

	if (!rc && bpf) {
		l->dir = a->rec.dir;
		l->rings = &a->rec.rings;
		l->ring_pages = a->rec.rings.pages / a->cpus;
	} else if (!rc) {
		rc = fsg_block_new(&l->dir, "fsg_dirs", 1, false);
		if (rc)
			snprintf(err, SENTENCE, "cannot make a page of memory: %s", strerror(-rc));
	}
	l->cpus = a->cpus;
	l->meta = text;
	l->meta_bytes = text ? strlen(text) : 0;
	l->symbols = &a->symbols;
	if (!rc)
		rc = fsg_layout_make(l, bpf, err, SENTENCE);
	free(text);
	return rc;
}

static void fill_directory(struct arming *a, const struct fsg_clock *first)
{
	struct fsg_dir *d = (struct fsg_dir *)(void *)a->layout.dir.at;

	d->flags = flags_of(&a->rec);
	d->arm_pid = (uint32_t)getpid();
	d->probe_ns_x16 = a->rec.probe_ns_x16;
	d->clocksource = fsg_clocksource(a->clocksource, sizeof(a->clocksource));
	d->tsc_khz = fsg_tsc_khz(first);
	read_clocks(a, d, first);
	fsg_watchers_find(d);
}

static void say_missing(const struct fs_plan *p)
{
	for (size_t w = 0; p && w < p->table->nwants; w++) {
		const struct fs_choice *c = &p->choices[w];

		if (!c->rank)
			fsg_say("not recorded: %s (%s): %s", p->table->wants[w].name, c->why,
				p->table->wants[w].lost);
	}
}

static int arm(struct arming *a, char *err)
{
	struct fsg_armed file;
	struct fsg_clock first;
	int rc;

	a->other = !fsg_armed_read(a->o->run_dir, &file, NULL, 0);
	if (a->other) {
		snprintf(err, SENTENCE,
			 "armed already, by process %llu (directory=0x%llx); end it "
			 "to arm anew: kill %llu",
			 (unsigned long long)file.pid, (unsigned long long)file.directory,
			 (unsigned long long)file.pid);
		return -EEXIST;
	}
	count_cpus(a);
	a->ring_bytes = ring_size(a);
	fsg_clocksource(a->clocksource, sizeof(a->clocksource));
	fsg_clock_sample(0, &first);
	start_recorder(a);
	read_symbols(a);
	rc = make_layout(a, err);
	if (rc)
		return rc;
	fill_directory(a, &first);
	file = (struct fsg_armed){.pid = (uint64_t)getpid(),
				  .start_ticks = fsg_start_ticks((uint64_t)getpid()),
				  .directory = a->layout.dir_gfn * FSG_PAGE,
				  .dir_fd = (uint64_t)a->layout.dir.fd,
				  .rings_fd = (uint64_t)a->rec.rings.fd,
				  .store_fd = (uint64_t)a->layout.store.fd,
				  .cpus = a->cpus,
				  .ring_pages = a->layout.ring_pages,
				  .store_pages = a->layout.store.pages,
				  .agent_page = a->layout.agent_page,
				  .agent_pages = FSG_AGENT_PAGES,
				  .meta_page = a->layout.meta_page,
				  .meta_bytes = a->layout.meta_bytes};
	rc = fsg_armed_write(a->o->run_dir, &file, err, SENTENCE);
	if (rc)
		return rc;
	if (!a->why_no_bpf[0])
		say_missing(a->rec.plan);
	fsg_layout_publish(&a->layout);
	return 0;
}

/* What was needed for arming only is given back before all that is left is locked. */
static void settle(struct arming *a)
{
	fsg_symbols_free(&a->symbols);
	malloc_trim(0);
	if (mlockall(MCL_CURRENT))
		fsg_say_errno("locking all memory");
}

static void disarm(struct arming *a)
{
	struct fsg_dir *d = (struct fsg_dir *)(void *)a->layout.dir.at;

	if (d)
		memset(d->magic, 0, sizeof(d->magic));
	fsg_armed_remove(a->o->run_dir);
	fsg_block_free(&a->layout.store);
	if (a->why_no_bpf[0])
		fsg_block_free(&a->layout.dir);
	fsg_recorder_stop(&a->rec);
}

/* ---- the process that stays ---- */

static void wait_for_end(void)
{
	sigset_t end;
	int sig;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigwait(&end, &sig);
}

static void block_end(void)
{
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
}

static void let_go_of_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/"))
		return;
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

static void tell(const struct arming *a, size_t symbols)
{
	char size[FS_UNITS_LEN];

	fs_fmt_bytes_exact(a->ring_bytes, size, sizeof(size));
	if (a->rec.programs)
		fsg_tell("armed directory=0x%llx pid=%d programs=%u rings=%ux%s symbols=%zu",
			 (unsigned long long)a->layout.dir_gfn * FSG_PAGE, (int)getpid(),
			 a->rec.programs, a->cpus, size, symbols);
	else
		fsg_tell("armed directory=0x%llx pid=%d programs=0 rings=0 symbols=%zu",
			 (unsigned long long)a->layout.dir_gfn * FSG_PAGE, (int)getpid(), symbols);
}

/* Arms, tells @done (a pipe, or -1) that it did, and stays until it is told to end. */
static int stay(const struct options *o, int done)
{
	static struct arming a;
	char err[SENTENCE] = "out of memory";
	size_t symbols;

	a.o = o;
	a.layout.dir.fd = a.layout.store.fd = -1;
	block_end();
	if (arm(&a, err)) {
		fsg_say("%s", err);
		if (!a.other)
			disarm(&a);
		return FSG_EXIT_FAILED;
	}
	symbols = a.symbols.count;
	settle(&a);
	tell(&a, symbols);
	if (done >= 0)
		let_go_of_terminal();
	if (done >= 0 && write(done, "", 1) == 1)
		close(done);
	wait_for_end();
	disarm(&a);
	return FSG_EXIT_OK;
}

int fsg_cmd_arm(int argc, char **argv)
{
	static struct options o; /* what is armed refers to it */
	int rc = parse(&o, argc, argv), done[2], status;
	pid_t pid;
	char byte;

	if (rc >= 0)
		return rc;
	if (o.foreground)
		return stay(&o, -1);
	pid = pipe2(done, O_CLOEXEC) ? -1 : fork();
	if (pid < 0) {
		fsg_say_errno("going into the background");
		return FSG_EXIT_FAILED;
	}
	if (!pid) {
		close(done[0]);
		return stay(&o, done[1]);
	}
	close(done[1]);
	if (read(done[0], &byte, 1) == 1)
		return FSG_EXIT_OK;
	waitpid(pid, &status, 0);
	return FSG_EXIT_FAILED;
}
