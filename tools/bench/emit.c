// SPDX-License-Identifier: BSD-2-Clause
/*
 * Attaches the bench's program for one process, drains its rings into a recording as `forkscope
 * record` does, and prints what was recorded when its standard input ends.
 *
 * emit PID OUT.fsr
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "bpf/knobs.h"
#include "bpf/state.h"
#include "collect/bpf/ring.h"
#include "bench.skel.h"

#define RING_BYTES (16u << 20)

static void die(const char *what, int err)
{
	fprintf(stderr, "bench emit: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void make_rings(struct bench_bpf *skel, struct fs_rings *rings)
{
	int outer = bpf_map__fd(skel->maps.rings), cpus = libbpf_num_possible_cpus();

	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "fs_ring", 0, 0, RING_BYTES, NULL);
		int ret;

		if (fd < 0)
			die("making a ring", -errno);
		if (bpf_map_update_elem(outer, &cpu, &fd, BPF_ANY))
			die("placing a ring", -errno);
		ret = fs_rings_add(rings, (unsigned int)cpu, fd);
		if (ret)
			die("mapping a ring", ret);
	}
}

static struct bench_bpf *load(void)
{
	struct bench_bpf *skel = bench_bpf__open();
	int inner, cpus = libbpf_num_possible_cpus();

	if (!skel)
		die("opening the object", -errno);
	inner = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "fs_ring", 0, 0, RING_BYTES, NULL);
	if (inner < 0 || bpf_map__set_inner_map_fd(skel->maps.rings, inner) ||
	    bpf_map__set_max_entries(skel->maps.rings, (__u32)cpus))
		die("preparing the rings", -errno);
	if (bench_bpf__load(skel))
		die("loading the object", -errno);
	close(inner);
	return skel;
}

static uint64_t lost(struct bench_bpf *skel)
{
	int cpus = libbpf_num_possible_cpus();
	struct fs_lost *l = calloc((size_t)cpus, sizeof(*l));
	uint64_t total = 0;
	__u32 zero = 0;

	if (!l || bpf_map_lookup_elem(bpf_map__fd(skel->maps.lost_cpu), &zero, l))
		die("reading the losses", -errno);
	for (int i = 0; i < cpus; i++)
		total += l[i].records;
	free(l);
	return total;
}

int main(int argc, char **argv)
{
	struct fs_rings *rings = fs_rings_new(RING_BYTES);
	struct pollfd in = {.fd = 0, .events = POLLIN};
	struct fs_proc proc = {.why = FS_WHY_PID};
	struct fsr_writer *w;
	struct bench_bpf *skel;
	__u32 pid = argc == 3 ? (__u32)atoi(argv[1]) : 0;
	int ret = 0;

	if (!pid || !rings) {
		fprintf(stderr, "usage: emit PID OUT.fsr\n");
		return 2;
	}
	ret = fsr_create(argv[2], &w);
	if (ret)
		die(argv[2], ret);
	skel = load();
	make_rings(skel, rings);
	if (bpf_map_update_elem(bpf_map__fd(skel->maps.procs), &pid, &proc, BPF_ANY))
		die("naming the process", -errno);
	if (bench_bpf__attach(skel))
		die("attaching", -errno);
	printf("attached\n");
	fflush(stdout);
	while (!ret && poll(&in, 1, fs_rings_wait_ms(rings)) == 0)
		ret = fs_rings_drain(rings, w, false);
	bench_bpf__detach(skel);
	if (!ret)
		ret = fs_rings_drain(rings, w, true);
	if (!ret)
		ret = fsr_close(w);
	if (ret)
		die("writing", ret);
	printf("events %llu lost %llu\n", (unsigned long long)fs_rings_counts(rings)->events,
	       (unsigned long long)lost(skel));
	return 0;
}
