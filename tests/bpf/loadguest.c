// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads every program of the guest's recorder by itself, and attaches none: a program that the
 * verifier refuses is a fault of the program, one whose hook this kernel does not have is not.
 * Then the program that measures what a record costs is run, and what it wrote is looked at. Root.
 *
 * loadguest [DIR]: TAP on stdout; DIR holds typed.linked.o and plain.linked.o.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "bpf/guest/guest_state.h"

#define ROUNDS 5
#define PAGES  3 /* head and two of records: they go around more than twice */

static char said[1 << 20]; /* by libbpf of the newest program */
static size_t said_len;
static unsigned int tests, failed;

static int keep(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	int n;

	if (level == LIBBPF_DEBUG || said_len > sizeof(said) - 2)
		return 0;
	n = vsnprintf(said + said_len, sizeof(said) - said_len, fmt, ap);
	if (n > 0)
		said_len += (size_t)n;
	if (said_len >= sizeof(said))
		said_len = sizeof(said) - 1;
	return 0;
}

static void verdict(bool good, const char *what, const char *more)
{
	failed += !good;
	printf("%sok %u - %s%s\n", good ? "" : "not ", ++tests, what, more);
}

static bool refused(int e)
{
	return e == -EACCES ||
	       ((e == -EINVAL || e == -E2BIG || e == -ENOSPC) && strstr(said, "processed "));
}

/* With rings as they are made for real: what the verifier sees depends on their constants. */
static int give_rings(struct bpf_object *o)
{
	struct fsg_knobs knobs = {.cpus = (__u32)libbpf_num_possible_cpus(),
				  .pages = PAGES,
				  .mask = (PAGES - 1) * FSG_PAGE_RECS - 1};
	struct bpf_map *m;

	bpf_object__for_each_map (m, o) {
		if (strstr(bpf_map__name(m), ".rodata") &&
		    bpf_map__set_initial_value(m, &knobs, sizeof(knobs)))
			return -EINVAL;
		if (!strcmp(bpf_map__name(m), "fsg_rings") &&
		    bpf_map__set_max_entries(m, knobs.cpus * PAGES))
			return -EINVAL;
	}
	return 0;
}

/* From memory, as the recorder does: this program is linked with the recorder's own reader of ELF.
 */
static struct bpf_object *open_object(const char *path)
{
	static char image[1 << 20];
	FILE *f = fopen(path, "re");
	size_t size = f ? fread(image, 1, sizeof(image), f) : 0;

	if (!f || fclose(f) || size == sizeof(image))
		return NULL;
	return bpf_object__open_mem(image, size, NULL);
}

static struct bpf_object *open_with(const char *path, const char *prog)
{
	struct bpf_object *o = open_object(path);
	struct bpf_program *p;

	said_len = 0;
	said[0] = 0;
	if (!o || give_rings(o)) {
		bpf_object__close(o);
		return NULL;
	}
	bpf_object__for_each_program (p, o)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), prog));
	return o;
}

static void print_said(void)
{
	char *save;

	for (char *l = strtok_r(said, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		printf("# %s\n", l);
}

static void load_one(const char *path, const char *prog)
{
	struct bpf_object *o = open_with(path, prog);
	int e = o ? bpf_object__load(o) : -errno;
	char more[128] = "";

	if (e && !refused(e))
		snprintf(more, sizeof(more), " (no such hook here: %s)", strerror(-e));
	else if (e)
		print_said();
	verdict(!e || *more, prog, *more ? more : " passes the verifier");
	bpf_object__close(o);
}

static void load_all(const char *path)
{
	struct bpf_object *o = open_object(path);
	struct bpf_program *p;

	if (!o) {
		verdict(false, path, " cannot be opened");
		return;
	}
	bpf_object__for_each_program (p, o)
		load_one(path, bpf_program__name(p));
	bpf_object__close(o);
}

/* Do the rings hold @n records in all, each whole and in its place? */
static bool rings_hold(const struct fsg_page *at, unsigned int cpus, unsigned int n)
{
	const unsigned int records = (PAGES - 1) * FSG_PAGE_RECS;
	__u64 sum = 0, whole = 0, here = 0;

	for (unsigned int c = 0; c < cpus; c++, at += PAGES) {
		__u64 head = at->head.head;

		sum += head;
		here += head < records ? head : records;
		for (__u64 i = head > records ? head - records : 0; i < head; i++) {
			const struct fsg_rec *r =
				&at[1 + i % records / FSG_PAGE_RECS].rec[i % FSG_PAGE_RECS];

			whole += r->seq == (__u32)i + 1 && r->kind == FSG_K_WRAP && r->ts;
		}
	}
	printf("# %llu records written, %llu whole of %llu\n", (unsigned long long)sum,
	       (unsigned long long)whole, (unsigned long long)here);
	return sum == n && whole == here && here >= records;
}

static bool writes_whole_records(const char *path)
{
	struct bpf_object *o = open_with(path, "fsg_calibrate");
	struct bpf_map *rings = o ? bpf_object__find_map_by_name(o, "fsg_rings") : NULL;
	unsigned int cpus = (unsigned int)libbpf_num_possible_cpus();
	LIBBPF_OPTS(bpf_test_run_opts, run);
	bool good;
	void *at;
	int prog;

	if (!rings || bpf_object__load(o)) {
		print_said();
		return false;
	}
	prog = bpf_program__fd(bpf_object__find_program_by_name(o, "fsg_calibrate"));
	at = mmap(NULL, cpus * PAGES * FSG_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		  bpf_map__fd(rings), 0);
	good = at != MAP_FAILED;
	for (int i = 0; i < ROUNDS; i++)
		good = good && !bpf_prog_test_run_opts(prog, &run);
	good = good && rings_hold(at, cpus, ROUNDS * FSG_TRIALS);
	printf("# %.1f ns for a record\n", (double)run.retval / FSG_TRIALS);
	bpf_object__close(o);
	return good;
}

int main(int argc, char **argv)
{
	const char *out = getenv("O");
	char path[2][512], dir[480];

	snprintf(dir, sizeof(dir), "%s/bpf/guest", out ? out : ".output");
	for (int i = 0; i < 2; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s.linked.o", argc > 1 ? argv[1] : dir,
			 i ? "plain" : "typed");
	libbpf_set_print(keep);
	load_all(path[0]);
	load_all(path[1]);
	verdict(writes_whole_records(path[1]), "records are written whole, around the ring", "");
	printf("1..%u\n", tests);
	return failed ? 1 : 0;
}
