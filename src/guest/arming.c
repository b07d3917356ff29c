// SPDX-License-Identifier: BSD-2-Clause
/* Makes the recorder in this guest's memory, and takes it away again. */
#include "guest/arming.h"
#include <ctype.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include "base/log.h"
#include "guest/recorder/armed.h"
#include "guest/recorder/guest_clocks.h"
#include "guest/recorder/guest_meta.h"
#include "guest/recorder/signal_waiters.h"

#define RING_DEFAULT (1u << 20)
#define RING_LEAST   (64u << 10)

/* CPUs that may come to run: numbers up to the highest that is online. */
static void count_cpus(struct guest_arming *a)
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
		fs_error(
			"not recorded: what runs on CPUs %u to %u (the recorder has rings for %u CPUs); a fork whose vCPU is one of them has no guest recording for it",
			a->cpus, last, FSG_MAX_CPUS);
}

/* All rings together take a 64th of the memory at most, unless the user says otherwise. */
static uint64_t ring_size(const struct guest_arming *a)
{
	uint64_t n = a->o->ring_bytes ? a->o->ring_bytes : RING_DEFAULT;
	struct sysinfo s;

	if (a->o->ring_bytes || sysinfo(&s))
		return n;
	while (n > RING_LEAST && n * a->cpus > (uint64_t)s.totalram * s.mem_unit / 64)
		n /= 2;
	return n;
}

static void start_recorder(struct guest_arming *a)
{
	struct guest_recorder_opts o = {
		.cpus = a->cpus, .ring_bytes = a->ring_bytes, .without = a->o->without};

	a->rec = (struct guest_recorder){.rings = {.fd = -1}, .dir = {.fd = -1}};
	if (a->o->no_bpf)
		snprintf(a->why_no_bpf, GUEST_ARMING_SENTENCE, "left out by --no-bpf");
	else if (!guest_recorder_start(&a->rec, &o, a->why_no_bpf, GUEST_ARMING_SENTENCE))
		a->why_no_bpf[0] = 0;
	else
		fs_error("no programs: %s; only the agent's own stages are recorded",
			 a->why_no_bpf);
}

static void read_symbols(struct guest_arming *a)
{
	if (a->o->no_symbols)
		snprintf(a->why_no_symbols, GUEST_ARMING_SENTENCE, "left out by --no-symbols");
	else if (guest_symbols_read(&a->symbols, a->why_no_symbols, GUEST_ARMING_SENTENCE))
		fs_error("no symbols: %s", a->why_no_symbols);
}

static uint32_t flags_of(const struct guest_recorder *r)
{
	const struct fs_choice *c;
	uint32_t flags = FSG_D_BPF;

	if (!r->programs || !r->plan)
		return 0;
	c = r->plan->choices;
	flags |= c[GUEST_WANT_SWITCHES].rank ? FSG_D_SPLIT : 0;
	flags |= c[GUEST_WANT_ACPI_WORK].rank ? FSG_D_SIGNAL : 0;
	flags |=
		c[GUEST_WANT_FAULTS].rank == 1 || c[GUEST_WANT_FAULTS].rank == 2 ? FSG_D_FAULTS : 0;
	return flags;
}

/* Clock 0 was read before all else, the last is read at the end: between them lies the rate. */
static void read_clocks(const struct guest_arming *a, struct fsg_dir *d,
			const struct fsg_clock *first)
{
	unsigned int n = 0;

	d->clocks[n++] = *first;
	for (unsigned int cpu = 1; cpu < a->cpus && n < FSG_CLOCKS - 1; cpu++)
		if (!guest_clock_sample(cpu, &d->clocks[n]))
			n++;
	guest_clock_sample(0, &d->clocks[n]);
}

static int make_layout(struct guest_arming *a, char *err)
{
	struct guest_layout *l = &a->layout;
	struct guest_meta m = {.plan = a->rec.plan,
			       .clocksource = a->clocksource,
			       .without = a->o->without,
			       .symbols = a->why_no_symbols,
			       .bpf = a->why_no_bpf,
			       .ring_bytes = a->ring_bytes,
			       .cpus = a->cpus,
			       .cpus_out = a->cpus_out,
			       .probe_ns_x16 = a->rec.probe_ns_x16};
	char *text = guest_meta_text(&m);
	bool bpf = !a->why_no_bpf[0];
	int ret = text ? 0 : -ENOMEM;

	if (!ret && bpf) {
		l->dir = a->rec.dir;
		l->rings = &a->rec.rings;
		l->ring_pages = a->rec.rings.pages / a->cpus;
	} else if (!ret) {
		ret = guest_block_new(&l->dir, "fsg_dirs", 1, false);
		if (ret)
			snprintf(err, GUEST_ARMING_SENTENCE, "cannot make a page of memory: %s",
				 strerror(-ret));
	}
	l->cpus = a->cpus;
	l->meta = text;
	l->meta_bytes = text ? strlen(text) : 0;
	l->symbols = &a->symbols;
	if (!ret)
		ret = guest_layout_make(l, bpf, err, GUEST_ARMING_SENTENCE);
	free(text);
	return ret;
}

static void fill_directory(struct guest_arming *a, const struct fsg_clock *first)
{
	struct fsg_dir *d = (struct fsg_dir *)(void *)a->layout.dir.at;

	d->flags = flags_of(&a->rec);
	d->arm_pid = (uint32_t)getpid();
	d->probe_ns_x16 = a->rec.probe_ns_x16;
	d->clocksource = guest_clocksource(a->clocksource, sizeof(a->clocksource));
	d->tsc_khz = guest_tsc_khz(first);
	read_clocks(a, d, first);
	guest_waiters_find(d);
}

static void report_missing(const struct fs_plan *p)
{
	for (size_t w = 0; p && w < p->table->nwants; w++) {
		const struct fs_choice *c = &p->choices[w];

		if (!c->rank)
			fs_error("not recorded: %s (%s): %s", p->table->wants[w].name, c->why,
				 p->table->wants[w].lost);
	}
}

int guest_arming_start(struct guest_arming *a, char *err)
{
	struct guest_armed file;
	struct fsg_clock first;
	int ret;

	a->other = !guest_armed_read(a->o->run_dir, &file, NULL, 0);
	if (a->other) {
		snprintf(
			err, GUEST_ARMING_SENTENCE,
			"armed already, by process %llu (directory=0x%llx); end it to arm anew: kill %llu",
			(unsigned long long)file.pid, (unsigned long long)file.directory,
			(unsigned long long)file.pid);
		return -EEXIST;
	}
	count_cpus(a);
	a->ring_bytes = ring_size(a);
	guest_clocksource(a->clocksource, sizeof(a->clocksource));
	guest_clock_sample(0, &first);
	start_recorder(a);
	read_symbols(a);
	ret = make_layout(a, err);
	if (ret)
		return ret;
	fill_directory(a, &first);
	file = (struct guest_armed){.pid = (uint64_t)getpid(),
				    .start_ticks = guest_start_ticks((uint64_t)getpid()),
				    .directory = a->layout.dir_gfn * FSG_PAGE,
				    .dir_fd = (uint64_t)a->layout.dir.fd,
				    .rings_fd = (uint64_t)a->rec.rings.fd,
				    .store_fd = (uint64_t)a->layout.store.fd,
				    .cpus = a->cpus,
				    .ring_pages = a->layout.ring_pages,
				    .store_pages = a->layout.store.pages,
				    .agent_page = a->layout.agent_page,
				    .agent_pages = GUEST_AGENT_PAGES,
				    .meta_page = a->layout.meta_page,
				    .meta_bytes = a->layout.meta_bytes};
	ret = guest_armed_write(a->o->run_dir, &file, err, GUEST_ARMING_SENTENCE);
	if (ret)
		return ret;
	if (!a->why_no_bpf[0])
		report_missing(a->rec.plan);
	guest_layout_publish(&a->layout);
	return 0;
}

/* What was needed for arming only is given back before all that is left is locked. */
void guest_arming_finalize(struct guest_arming *a)
{
	guest_symbols_free(&a->symbols);
	malloc_trim(0);
	if (mlockall(MCL_CURRENT))
		fs_error("locking all memory: %m");
}

void guest_arming_stop(struct guest_arming *a)
{
	struct fsg_dir *d = (struct fsg_dir *)(void *)a->layout.dir.at;

	if (d)
		memset(d->magic, 0, sizeof(d->magic));
	guest_armed_remove(a->o->run_dir);
	guest_block_free(&a->layout.store);
	if (a->why_no_bpf[0])
		guest_block_free(&a->layout.dir);
	guest_recorder_stop(&a->rec);
}
