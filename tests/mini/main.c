// SPDX-License-Identifier: BSD-2-Clause
/* mini: makes a number of VMs, each in a process of its own, and resumes them. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/futex.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "mini.h"

static const char usage[] =
	"usage: mini [--vms N] [--vcpus N] [--pages N] [--write] [--spin "
	"TURNS] [--ports N] [--halts N]\n"
	"            [--file PATH [--cold] | --uffd DELAY_US] [--one-by-one] "
	"[--hold MS] [--die] [--log FILE]\n"
	"            [--recorder N [--recorders M] [--again FILE] [--late MS]] "
	"[--copy]\n"
	"            [--vary] [--pre-fault] [--huge] "
	"[--unseen vm,slot,vcpu,run] [--lock MS]\n"
	"Each VM is a process with paused vCPU threads, resumed by its main "
	"thread. Each vCPU touches its\n"
	"pages, writes to port 0x80, halts until interrupted, and ends with a "
	"write to port 0xf4.\n"
	"With --pre-fault the memory is in the VM's page tables before it is "
	"resumed; exit status 77 where\nKVM cannot do that.\n"
	"With --recorder the memory file holds one (or M), which gets N records "
	"once the VM was resumed,\nand once more whenever FILE is there, which "
	"is then removed. With --copy the memory file is read in,\nnot "
	"mapped.\n"
	"With --late the first of the N is written so long after the VM's end, as a program "
	"of the\nguest does that was interrupted.\n"
	"With --unseen calls that make these, or the first KVM_RUN, go unseen by a tracer.\n"
	"With --lock the main thread resumes them with a lock held, which they want before they "
	"run.\n"
	"With --huge the anonymous memory is of huge pages from the host's pool (hugetlb).\n"
	"With --vary the n-th VM (from 0) has n more pages and n more port "
	"writes, so that none is like another.\n";

static void say(const struct mini_vm *vm)
{
	int fd = vm->o->log ? open(vm->o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : 1;

	if (fd < 0)
		mini_die(vm->o->log);
	flock(fd, LOCK_EX);
	dprintf(fd,
		"{\"pid\": %d, \"pages\": %u, \"bytes\": %zu, \"hva\": %" PRIu64
		", \"create_ns\": %" PRIu64 ", \"created_ns\": %" PRIu64 ", \"resume_ns\": %" PRIu64
		", \"resumed_ns\": %" PRIu64 ", \"uffd_served\": %" PRIu64 ", \"vcpus\": [",
		getpid(), vm->o->pages, vm->bytes, (uint64_t)(uintptr_t)vm->mem, vm->t_create,
		vm->t_created, vm->t_resume, vm->t_resumed, vm->uffd_served);
	for (unsigned int i = 0; i < vm->o->vcpus; i++) {
		const struct mini_vcpu *c = &vm->vcpu[i];

		dprintf(fd,
			"%s{\"tid\": %d, \"run_ns\": %" PRIu64 ", \"end_ns\": %" PRIu64
			", \"ports\": %" PRIu64 ", \"exits\": %" PRIu64 "}",
			i ? ", " : "", c->tid, c->t_run, c->t_end, c->ports, c->exits);
	}
	dprintf(fd, "]}\n");
	flock(fd, LOCK_UN);
}

static int run_one(const struct mini_opts *all, unsigned int number, int *ready, int *go)
{
	static struct mini_vm vm;
	struct mini_opts own = *all, *o = &own;
	int failed = 0;

	if (o->vary) {
		o->pages += number;
		o->ports += number;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mini_vm_make(&vm, o);
	if (o->pre_fault)
		mini_pre_fault(&vm);
	__atomic_add_fetch(ready, 1, __ATOMIC_ACQ_REL);
	while (!__atomic_load_n(go, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, go, FUTEX_WAIT, 0, NULL, NULL, 0);
	mini_vm_resume(&vm);
	if (o->recorder)
		mini_recorder_write(&vm);
	if (o->die) {
		usleep(20000);
		kill(getpid(), SIGKILL);
	}
	mini_vm_wait(&vm);
	for (unsigned int i = 0; i < o->vcpus; i++)
		failed |= vm.vcpu[i].failed;
	say(&vm);
	if (o->again || o->late_ms)
		mini_recorder_hold(&vm);
	else
		usleep(o->hold_ms * 1000u);
	return failed;
}

/* 0, or what the worst of them ended with: MINI_NO_PRE_FAULT has a status of its own. */
static int reap(unsigned int count, int die)
{
	int status, failed = 0;

	while (count--) {
		if (wait(&status) < 0)
			mini_die("wait");
		if (die ? !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) : status != 0)
			failed = WIFEXITED(status) && WEXITSTATUS(status) == MINI_NO_PRE_FAULT
					 ? MINI_NO_PRE_FAULT
					 : 1;
	}
	return failed;
}

/* Lets all VMs go on. */
static void release(int *shared)
{
	__atomic_store_n(&shared[1], 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &shared[1], FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int run_all(const struct mini_opts *o)
{
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int failed = 0;

	if (shared == MAP_FAILED)
		mini_die("shared memory");
	if (o->one_by_one)
		shared[1] = 1;
	for (unsigned int i = 0; i < o->vms; i++) {
		pid_t pid = fork();

		if (pid < 0)
			mini_die("fork");
		if (!pid)
			_exit(run_one(o, i, &shared[0], &shared[1]));
		if (o->one_by_one)
			failed |= reap(1, o->die);
	}
	if (o->one_by_one)
		return failed;
	while (__atomic_load_n(&shared[0], __ATOMIC_ACQUIRE) < (int)o->vms) {
		siginfo_t gone = {0};

		/* A child that ends before all are ready has failed and said why. */
		if (!waitid(P_ALL, 0, &gone, WEXITED | WNOHANG | WNOWAIT) && gone.si_pid) {
			release(shared);
			return reap(o->vms, 0);
		}
		usleep(5000);
	}
	release(shared);
	return reap(o->vms, o->die);
}

static unsigned int number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 0);

	if (*end || end == text || v > 100000000ul) {
		fprintf(stderr, "mini: '%s' is not a number that fits\n%s", text, usage);
		exit(2);
	}
	return (unsigned int)v;
}

static const struct option longs[] = {
	{"vms", 1, 0, 'n'},   {"vcpus", 1, 0, 'v'},      {"pages", 1, 0, 'p'},
	{"write", 0, 0, 'w'}, {"spin", 1, 0, 's'},       {"ports", 1, 0, 'o'},
	{"halts", 1, 0, 'h'}, {"file", 1, 0, 'f'},       {"cold", 0, 0, 'c'},
	{"uffd", 1, 0, 'u'},  {"one-by-one", 0, 0, '1'}, {"hold", 1, 0, 'H'},
	{"die", 0, 0, 'd'},   {"log", 1, 0, 'l'},        {"recorder", 1, 0, 'r'},
	{"vary", 0, 0, 'y'},  {"pre-fault", 0, 0, 'P'},  {"recorders", 1, 0, 'R'},
	{"again", 1, 0, 'a'}, {"copy", 0, 0, 'C'},       {"unseen", 1, 0, 'U'},
	{"lock", 1, 0, 'L'},  {"late", 1, 0, 'e'},       {"huge", 0, 0, 'g'},
	{0, 0, 0, 0},
};

/* Returns -1 for what is no option. */
static int take(struct mini_opts *o, int c)
{
	switch (c) {
	case 'n':
		o->vms = number(optarg);
		break;
	case 'v':
		o->vcpus = number(optarg);
		break;
	case 'p':
		o->pages = number(optarg);
		break;
	case 'w':
		o->writes = 1;
		break;
	case 's':
		o->spin = number(optarg);
		break;
	case 'o':
		o->ports = number(optarg);
		break;
	case 'h':
		o->halts = number(optarg);
		break;
	case 'f':
		o->backing = MINI_FILE;
		o->file = optarg;
		break;
	case 'c':
		o->cold = 1;
		break;
	case 'u':
		o->backing = MINI_UFFD;
		o->uffd_delay_ns = number(optarg) * 1000ull;
		break;
	case '1':
		o->one_by_one = 1;
		break;
	case 'H':
		o->hold_ms = number(optarg);
		break;
	case 'e':
		o->late_ms = number(optarg);
		break;
	case 'd':
		o->die = 1;
		break;
	case 'l':
		o->log = optarg;
		break;
	case 'P':
		o->pre_fault = 1;
		break;
	case 'r':
		o->recorder = number(optarg);
		break;
	case 'g':
		o->huge = 1;
		break;
	case 'y':
		o->vary = 1;
		break;
	case 'R':
		o->recorders = number(optarg);
		break;
	case 'a':
		o->again = optarg;
		break;
	case 'C':
		o->copy = 1;
		break;
	case 'L':
		o->lock_ms = number(optarg);
		break;
	case 'U':
		o->unseen = mini_unseen(optarg);
		return o->unseen ? 0 : -1;
	default:
		return -1;
	}
	return 0;
}

static bool fit(const struct mini_opts *o)
{
	if (!o->vms || !o->vcpus || o->vcpus > MINI_MAX_VCPUS ||
	    ((uint64_t)o->pages + o->vms) * o->vcpus > 200000)
		return false;
	if (o->backing == MINI_FILE ? o->vary : o->recorder || o->copy)
		return false;
	if (o->huge && o->backing != MINI_ANON)
		return false;
	return o->recorders && o->recorders <= MINI_MOST_RECORDERS && (o->recorder || !o->again);
}

static void parse(int argc, char **argv, struct mini_opts *o)
{
	int c, bad = 0;

	while (!bad && (c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		bad = take(o, c);
	if (bad || optind != argc || !fit(o)) {
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct mini_opts o = {.vms = 1, .vcpus = 1, .pages = 64, .ports = 8, .recorders = 1};

	parse(argc, argv, &o);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing is left behind when a test is stopped */
	if (o.backing == MINI_FILE)
		mini_memory_file(&o);
	return run_all(&o);
}
