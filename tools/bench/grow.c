// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes a recording of as many records as asked for, to measure the speed of reports with: forks
 * one after the other, each with the mix of records that a real one has (about 10,000, mostly
 * exits, half of them memory faults), over two CPUs, in the rounds that a real recording has.
 *
 * grow OUT.fsr RECORDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bpf/event.h"
#include "record/writer.h"

#define CPUS        2
#define STAGE       (128u << 10)
#define PER_FORK    10000u
#define TS_STEP     9000u /* ns between two exits */
#define SVM_EXIT_IO 0x7b
#define SVM_NPF     0x400
#define SVM_INTR    0x60

struct grow {
	struct fsr_writer *w;
	uint8_t stage[CPUS][STAGE];
	size_t used[CPUS];
	uint32_t count[CPUS], seq[CPUS];
	uint64_t ts, records;
	uint32_t fork; /* from 1 */
	uint32_t rng;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "grow: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void flush(struct grow *g)
{
	int ret = 0;

	for (uint32_t c = 0; c < CPUS && !ret; c++) {
		if (g->used[c])
			ret = fsr_write_events(g->w, c, g->stage[c], g->used[c], g->count[c]);
		g->used[c] = 0;
		g->count[c] = 0;
	}
	if (!ret)
		ret = fsr_write_round(g->w, g->ts);
	if (ret)
		die("writing", ret);
}

static uint32_t pid_of(const struct grow *g)
{
	return 1000 + g->fork * 4;
}

static uint32_t next(struct grow *g)
{
	g->rng = g->rng * 1664525u + 1013904223u;
	return g->rng >> 8;
}

/* Fills in the header and appends: @tid counts from the VMM's pid. */
static void put(struct grow *g, void *rec, size_t len, uint16_t kind, uint32_t tid, uint16_t cpu)
{
	struct fs_ev *h = rec;

	h->ts = g->ts;
	h->seq = g->seq[cpu]++;
	h->kind = kind;
	h->len = (uint16_t)len;
	h->tgid = pid_of(g);
	h->tid = pid_of(g) + tid;
	h->vm = g->fork;
	h->cpu = cpu;
	if (g->used[cpu] + len > STAGE)
		flush(g);
	memcpy(g->stage[cpu] + g->used[cpu], rec, len);
	g->used[cpu] += len;
	g->count[cpu]++;
	g->records++;
	g->ts += 100;
}

#define PUT(g, ev, KIND, tid, cpu) put(g, &(ev), sizeof(ev), FS_EV_##KIND, tid, cpu)

/* Everything before the first entry. The vCPU's thread is pid + 2, on CPU 1. */
static void begin_fork(struct grow *g)
{
	struct fs_ev_proc_add add = {.start_ns = g->ts, .ppid = 1, .why = FS_WHY_KVM};
	struct fs_ev_vm_create vm = {.ts_start = g->ts,
				     .kvm = 0xffff888000000000u + g->fork * 65536};
	struct fs_ev_vcpu_create vcpu = {.ts_start = g->ts, .vcpu = vm.kvm + 4096, .fd = 12};
	struct fs_ev_memslot slot = {.ts_start = g->ts, .size = 256u << 20, .hva = 0x7f0000000000};
	struct fs_ev_fork thread = {
		.start_ns = g->ts, .child_tid = pid_of(g) + 2, .child_tgid = pid_of(g)};
	struct fs_ev_wake wake = {.target_tid = pid_of(g) + 2, .target_tgid = pid_of(g)};
	struct fs_ev_first_run first = {.rip = 0xffffffff81000000u,
					.cr0 = 0x80050033,
					.cr4 = 0x20,
					.efer = 0xd01,
					.valid = 15};

	memcpy(add.comm, "firecracker", 12);
	memcpy(thread.comm, "fc_vcpu 0", 10);
	PUT(g, add, PROC_ADD, 0, 0);
	PUT(g, vm, VM_CREATE, 0, 0);
	PUT(g, vcpu, VCPU_CREATE, 0, 0);
	PUT(g, slot, MEMSLOT, 0, 0);
	PUT(g, thread, FORK, 0, 0);
	g->ts += 1000000;
	PUT(g, wake, WAKE, 0, 0);
	PUT(g, first, FIRST_RUN, 2, 1);
}

static void one_exit(struct grow *g, uint32_t i)
{
	struct fs_ev_vmexit x = {.isa = FS_ISA_SVM, .stack = FS_NO_STACK};
	uint32_t r = next(g);

	g->ts += TS_STEP / 2;
	x.ts_exit = g->ts;
	x.rip = 0xffffffff81000000u + (r & 0xfffff);
	x.reason = SVM_INTR;
	if (i % 2) {
		x.reason = SVM_NPF;
		x.gpa = (uint64_t)(r & 0xffff) << 12;
		x.info2 = x.gpa;
		x.error_code = 0x100000014u;
		x.hva = 0x7f0000000000u + x.gpa;
		x.n_pf = x.n_hmm = 1;
		x.hints =
			FS_H_PF | FS_H_HMM | FS_H_FILEMAP | FS_H_MEMSLOT | ((r & 7) ? 0 : FS_H_COW);
		x.mm_ns = TS_STEP / 4;
	}
	g->ts += TS_STEP / 2 + (r & 0xfff);
	PUT(g, x, VMEXIT, 2, 1);
}

static void one_sleep(struct grow *g)
{
	struct fs_ev_offcpu o = {.ts_out = g->ts,
				 .ts_wake = g->ts + 40000,
				 .waker_flags = FS_W_IRQ | FS_W_BIO,
				 .prev_state = 2,
				 .next_tid = 0,
				 .cpu_out = 1,
				 .iowait = 1,
				 .stack = FS_NO_STACK};
	struct fs_ev_bio b = {.ts_start = g->ts, .bio = 1, .bytes = 131072};

	g->ts += 50000;
	PUT(g, b, BIO, 2, 0);
	PUT(g, o, OFFCPU, 2, 1);
}

static void one_run(struct grow *g, uint64_t since)
{
	struct fs_ev_run run = {.ts_start = since, .reason = 2};

	PUT(g, run, RUN, 2, 1);
}

static void end_fork(struct grow *g)
{
	struct fs_ev_net_tx tx = {
		.what = FS_NET_STAGE | FS_NET_FIRST, .eth_proto = 0x800, .dport = 9000, .len = 120};
	struct fs_ev_exit_task gone = {.group_dead = 1};
	static const char *const stage[] = {"stage=mailbox mac=06:00:ac:10:00:02 ip=172.16.0.2\n",
					    "stage=applied mac=06:00:ac:10:00:02 ip=172.16.0.2\n"};

	for (int i = 0; i < 2; i++) {
		tx.payload_len = (uint16_t)strlen(stage[i]);
		memcpy(tx.payload, stage[i], tx.payload_len);
		PUT(g, tx, NET_TX, 2,
		    1); /* the packet leaves on the vCPU thread, as with vhost off */
		tx.what = FS_NET_STAGE;
		g->ts += 1000000;
	}
	PUT(g, gone, EXIT_TASK, 0, 0);
}

static void one_fork(struct grow *g, uint32_t exits)
{
	uint64_t since;

	g->fork++;
	begin_fork(g);
	since = g->ts;
	for (uint32_t i = 0; i < exits; i++) {
		one_exit(g, i);
		if (i % 300 == 299)
			one_sleep(g);
		if (i % 100 == 99) {
			one_run(g, since);
			since = g->ts;
		}
	}
	end_fork(g);
	g->ts += 1000000;
}

int main(int argc, char **argv)
{
	static struct grow g = {.ts = 1000000000, .rng = 1};
	uint64_t want = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	static const char meta[] =
		"{\"tool\": \"forkscope bench\", \"asked\": {\"end\": \"ack:mailbox\"}}";
	static const char end[] = "{\"why\": \"done\"}";
	int ret;

	if (!want) {
		fprintf(stderr, "usage: grow OUT.fsr RECORDS\n");
		return 2;
	}
	ret = fsr_create(argv[1], &g.w);
	if (ret)
		die(argv[1], ret);
	ret = fsr_write(g.w, FSR_META, meta, sizeof(meta) - 1);
	while (!ret && g.records < want)
		one_fork(&g, want - g.records < PER_FORK ? (uint32_t)(want - g.records) : PER_FORK);
	flush(&g);
	if (!ret)
		ret = fsr_write(g.w, FSR_END, end, sizeof(end) - 1);
	if (!ret)
		ret = fsr_close(g.w);
	if (ret)
		die("writing", ret);
	printf("%llu\n", (unsigned long long)g.records);
	return 0;
}
