// SPDX-License-Identifier: BSD-2-Clause
/*
 * The program that reads how often the kernel skipped others, against skips that are made here: a
 * program on the tracepoint of page faults in the kernel makes such a fault itself, and the kernel
 * skips it there. Root. TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#define RUNS     7
#define NO_WHERE 0x10 /* an address of no mapping */

#define MOV_REG(dst, src)                                   \
	{                                                   \
		BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0 \
	}
#define MOV(dst, imm)                                       \
	{                                                   \
		BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm \
	}
#define CALL(helper)                                \
	{                                           \
		BPF_JMP | BPF_CALL, 0, 0, 0, helper \
	}

/* Reads where nothing is, when it is this process that runs. */
static int faulty_program(void)
{
	struct bpf_insn insns[] = {
		CALL(BPF_FUNC_get_current_pid_tgid),
		{BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32},
		{BPF_JMP | BPF_JNE | BPF_K, 0, 0, 5, getpid()},
		MOV_REG(1, 10),
		{BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -8},
		MOV(2, 8),
		MOV(3, NO_WHERE),
		CALL(BPF_FUNC_probe_read_user),
		MOV(0, 0),
		{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
	};

	return bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "faulty", "GPL", insns,
			     sizeof(insns) / sizeof(*insns), NULL);
}

/* A page fault in the kernel: it writes what is read to a page that is not there yet. */
static bool fault_in_kernel(int zeros)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool good = page != MAP_FAILED && read(zeros, page, 1) == 1;

	munmap(page, 4096);
	return good;
}

static bool run_on(int cpu, int zeros)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return false;
	for (int i = 0; i < RUNS; i++)
		if (!fault_in_kernel(zeros))
			return false;
	return true;
}

static struct bpf_object *open_reader(const char *path, __u32 cpus)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;

	if (!obj)
		return NULL;
	bpf_object__for_each_program (prog, obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), "fs_misses"));
	if (bpf_map__set_max_entries(bpf_object__find_map_by_name(obj, "misses"), cpus) ||
	    bpf_object__load(obj)) {
		bpf_object__close(obj);
		return NULL;
	}
	return obj;
}

/* The counts of @prog on each CPU. */
static bool read_counts(struct bpf_object *obj, int prog, __u64 *counts, __u32 cpus)
{
	__u64 args[2] = {1, cpus};
	LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = args, .ctx_size_in = sizeof(args));
	int map = bpf_object__find_map_fd_by_name(obj, "misses");
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(obj, "prog_fds"), &zero, &prog,
				0) ||
	    bpf_prog_test_run_opts(
		    bpf_program__fd(bpf_object__find_program_by_name(obj, "fs_misses")), &o) ||
	    o.retval != 1)
		return false;
	for (__u32 i = 0; i < cpus; i++)
		if (bpf_map_lookup_elem(map, &i, &counts[i]))
			return false;
	return true;
}

static void ok(unsigned int n, bool good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", n, what);
}

int main(void)
{
	const char *out = getenv("O");
	int n = libbpf_num_possible_cpus(), prog, link, zeros = open("/dev/zero", O_RDONLY);
	__u64 *counts = calloc((size_t)(n > 0 ? n : 1), sizeof(*counts)), sum = 0;
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	struct bpf_object *obj;
	char path[512];
	bool good;

	if (geteuid()) {
		puts("1..0 # SKIP needs root");
		return 0;
	}
	puts("1..3");
	snprintf(path, sizeof(path), "%s/host.bpf.o", out ? out : ".output");
	obj = open_reader(path, (__u32)n);
	prog = faulty_program();
	link = prog < 0 ? -1 : bpf_raw_tracepoint_open("page_fault_kernel", prog);
	good = obj && link >= 0 && zeros >= 0 && run_on(n - 1, zeros);
	ok(1, good, "runs of a program are skipped on the last CPU");
	if (!good || !counts)
		return 1;
	good = read_counts(obj, prog, counts, (__u32)n);
	for (int i = 0; i < n; i++) {
		printf("# CPU %d: %llu\n", i, (unsigned long long)counts[i]);
		sum += counts[i];
	}
	ok(2, good && counts[n - 1] >= RUNS && sum == counts[n - 1], "... and counted there alone");
	good = !bpf_obj_get_info_by_fd(prog, &info, &size) && info.recursion_misses == sum;
	ok(3, good, "the kernel's own sum is the same");
	close(link);
	close(prog);
	bpf_object__close(obj);
	free(counts);
	return 0;
}
