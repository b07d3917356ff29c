// SPDX-License-Identifier: BSD-2-Clause
/* What opts.keep_faults keeps: faults of the path, pages touched; and what experiments tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/attr.h"

#define END PIO_END(2000, 2010, 2030)
#define FILE_AT(addr, size, offset, ino)                                                       \
	"ts=105 MMAP " M "ts_start=101 addr=" addr " size=" size " offset=" offset " ino=" ino \
	" dev=3\n"
/* A fault of the vCPU in [@t0, @t1) on @gpa. */
#define FAULT(t0, t1, gpa, hints)                                              \
	"ts=" #t1 " VMEXIT " V "ts_exit=" #t0 " reason=0x400 isa=SVM gpa=" gpa \
	" hints=PF|HMM|" hints "\n"

static struct fsa_result *run(const char *text)
{
	struct fsa_opts o = attr_opts("resume", "pio:0xf4");

	o.keep_faults = true;
	return attr_run_opts(text, o);
}

static void off_by_default(void **state)
{
	struct fsa_result *res =
		attr_run(STANDARD FAULT(1100, 1200, "0x5000", "FILEMAP") END, "pio:0xf4");

	(void)state;
	assert_int_equal(res->forks[0].npath_faults, 0);
	assert_int_equal(res->forks[0].ntouches, 0);
	assert_null(res->forks[0].path_faults);
	assert_int_equal(res->forks[0].prefetch_ns, UINT64_MAX);
	assert_int_equal(res->forks[0].resident, UINT64_MAX);
	assert_string_equal(res->forks[0].variant, "");
	attr_done(res);
}

static void path_faults(void **state)
{
	const struct fsa_fork *f;
	struct fsa_result *res =
		run(FILE_AT("0x7f0000000000", "0x10000000", "0x1000", "7") STANDARD
		    "ts=1290 BIO " V "ts_start=1120 bytes=4096\n"
		    "ts=1310 OFFCPU " V "ts_out=1130 ts_wake=1300 prev_state=0x2 iowait=1 "
		    "waker_flags=IRQ|BIO prev_comm=\"hog\"\n"
		    "ts=1400 VMEXIT " V "ts_exit=1100 reason=0x400 isa=SVM gpa=0x5678 "
		    "hints=PF|HMM|MAJOR|BIO|OFFCPU n_bio=1\n" FAULT(1500, 1530, "0x9000", "FILEMAP")
			    END);

	(void)state;
	f = &res->forks[0];
	assert_int_equal(f->npath_faults, 2);
	assert_int_equal(f->path_faults[0].gpa, 0x5678);
	assert_int_equal(f->path_faults[0].offset, 0x6000); /* the page, in the file */
	assert_int_equal(f->path_faults[0].at_ns, 100);
	assert_int_equal(f->path_faults[0].ns, 290);
	assert_int_equal(f->path_faults[0].sched_ns, 10); /* runnable after the read */
	assert_int_equal(f->path_faults[0].cause, FSA_C_FAULT_MAJOR);
	assert_int_equal(f->path_faults[1].offset, 0xa000);
	assert_int_equal(f->path_faults[1].sched_ns, 0);
	assert_int_equal(f->memory.ino, 7);
	assert_int_equal(f->memory.dev, 3);
	assert_int_equal(f->memory.size, 0x10000000);
	assert_false(f->memory.assumed);
	attr_done(res);
}

/* One for each page, the first time, also after the end; what the VMM did before is none. */
static void touches(void **state)
{
	const struct fsa_fork *f;
	struct fsa_result *res = run(
		FILE_AT("0x7f0000000000", "0x10000000", "0x0", "7") VMM
		"ts=145 MMFAULT " M
		"ts_start=143 addr=0x7f0000003000 has_end=1 hints=HMM\n" RESUMED ENTERED FAULT(
			1100, 1200, "0x5000",
			"FILEMAP") "ts=1250 MMFAULT " M
				   "ts_start=1210 addr=0x7f0000008123 has_end=1 "
				   "hints=HMM|COW\n" FAULT(1300, 1310, "0x5800", "SPURIOUS") FAULT(
					   1400, 1410, "0x3000",
					   "FILEMAP") END FAULT(2100, 2200, "0xa000", "FILEMAP")
					   FAULT(2300, 2400, "0x5000",
						 "FILEMAP") "ts=2600 VMEXIT " V
							    "ts_exit=2500 reason=0x400 isa=SVM "
							    "gpa=0xc000 hints=PF|MMIO\n");

	(void)state;
	f = &res->forks[0];
	assert_int_equal(f->ntouches, 4);
	assert_int_equal(f->touches[0].offset, 0x5000);
	assert_int_equal(f->touches[0].at_ns, 1100);
	assert_int_equal(f->touches[0].cause, FSA_C_FAULT_CACHED);
	assert_int_equal(f->touches[1].offset, 0x8000); /* the VMM, for the guest */
	assert_int_equal(f->touches[1].cause, FSA_C_FAULT_COW);
	assert_int_equal(f->touches[2].offset, 0x3000);
	assert_int_equal(f->touches[3].offset, 0xa000);
	assert_int_equal(f->touches[3].at_ns, 2100);
	assert_int_equal(f->touches[3].cause, FSA_C_UNKNOWN);
	assert_true(f->touches[3].at_ns > f->end_ns);
	attr_done(res);
}

/* Mappings over mappings, as QEMU makes them; memory that is of no file; the file of most of it. */
static void offsets(void **state)
{
	const struct fsa_fork *f;
	struct fsa_result *res = run(
		FILE_AT("0x7f0000000000", "0x10000000", "0x0", "0") /* anonymous, reserved */
		FILE_AT("0x7f0000000000", "0x0fff0000", "0x100000", "7")
			FILE_AT("0x7f000fff0000", "0x8000", "0x0", "9") /* a small file behind it */
		FILE_AT("0x7f0000002000", "0x1000", "0x0", "0") /* a page of no file inside */
		STANDARD FAULT(1100, 1110, "0x1000", "FILEMAP") FAULT(1200, 1210, "0x2000", "ZERO")
			FAULT(1300, 1310, "0x3000", "FILEMAP")
				FAULT(1400, 1410, "0xfff1000", "FILEMAP")
					FAULT(1500, 1510, "0x20000000", "FILEMAP") END);

	(void)state;
	f = &res->forks[0];
	assert_int_equal(f->memory.ino, 7);
	assert_int_equal(f->npath_faults, 5);
	assert_int_equal(f->path_faults[0].offset, 0x101000);
	assert_true(f->path_faults[1].offset == FSA_NOWHERE);
	assert_int_equal(f->path_faults[2].offset, 0x103000);
	assert_true(f->path_faults[3].offset == FSA_NOWHERE); /* another file */
	assert_true(f->path_faults[4].offset == FSA_NOWHERE); /* no memory slot */
	attr_done(res);
}

/* No mapping was seen: the slots one behind the other, small holes kept, the large one not. */
static void assumed(void **state)
{
	const struct fsa_fork *f;
	struct fsa_result *res = run(
		VMM
		"ts=131 MEMSLOT " M "size=0xa0000 hva=0x7f0000000000\n"
		"ts=132 MEMSLOT " M "gpa=0x100000 size=0xbff00000 hva=0x7f0000100000 slot=0x2\n"
		"ts=133 MEMSLOT " M "gpa=0xfffc0000 size=0x40000 hva=0x7e0000000000 slot=0x3\n"
		"ts=134 MEMSLOT " M "gpa=0x100000000 size=0x40000000 hva=0x7f00c0000000 slot=0x4\n"
		"ts=135 MEMSLOT " M
		"gpa=0x100000 size=0xbff00000 hva=0x7f0000100000 slot=0x10002\n" RESUMED ENTERED
			FAULT(1100, 1110, "0x2000", "FILEMAP")
				FAULT(1200, 1210, "0x200000", "FILEMAP")
					FAULT(1300, 1310, "0xfffc1000", "FILEMAP")
						FAULT(1400, 1410, "0x100003000", "FILEMAP") END);

	(void)state;
	f = &res->forks[0];
	assert_true(f->memory.assumed);
	assert_int_equal(f->memory.size, 4ull << 30);
	assert_int_equal(f->npath_faults, 4);
	assert_int_equal(f->path_faults[0].offset, 0x2000);
	assert_int_equal(f->path_faults[1].offset, 0x200000);
	assert_true(f->path_faults[2].offset == FSA_NOWHERE);
	assert_int_equal(f->path_faults[3].offset, 0xc0003000);
	attr_done(res);
}

/* Marked before the VMM has a VM, and after its fork's end. */
static void marked(void **state)
{
	struct fsa_result *res = run("ts=50 MARK tgid=10 name=\"arm:vmgenid:none\"\n" STANDARD END
				     "ts=2100 MARK tgid=10 name=\"prefetch:12.5ms\"\n"
				     "ts=2101 MARK tgid=10 name=\"resident:321\"\n"
				     "ts=2102 MARK tgid=11 name=\"arm:other\"\n"
				     "ts=2103 MARK name=\"resident:5\"\n");

	(void)state;
	assert_string_equal(res->forks[0].variant, "vmgenid:none");
	assert_int_equal(res->forks[0].prefetch_ns, 12500000);
	assert_int_equal(res->forks[0].resident, 321);
	attr_done(res);
	/* for every VM: those made from then on; a VMM's own goes before it; nonsense is none */
	res = run("ts=50 MARK name=\"arm:all\"\n" STANDARD END
		  "ts=2100 MARK name=\"arm:later\"\nts=2101 MARK tgid=10 name=\"resident:x\"\n"
		  "ts=2102 MARK tgid=10 name=\"resident:99999999999999999999\"\n"
		  "ts=2103 MARK tgid=10 name=\"prefetch:fast\"\n");
	assert_string_equal(res->forks[0].variant, "all");
	assert_int_equal(res->forks[0].resident, UINT64_MAX);
	assert_int_equal(res->forks[0].prefetch_ns, UINT64_MAX);
	attr_done(res);
	res = run(
		"ts=50 MARK name=\"arm:all\"\nts=60 MARK tgid=10 name=\"arm:own\"\n" STANDARD END);
	assert_string_equal(res->forks[0].variant, "own");
	attr_done(res);
	/* the rest, too; but of the arm before nothing is left */
	res = run("ts=50 MARK name=\"arm:all\"\nts=51 MARK name=\"prefetch:3ms\"\n"
		  "ts=52 MARK name=\"resident:7\"\n" STANDARD END
		  "ts=2100 MARK tgid=10 name=\"resident:8\"\nts=2101 MARK name=\"resident:9\"\n");
	assert_int_equal(res->forks[0].prefetch_ns, 3000000);
	assert_int_equal(res->forks[0].resident, 8);
	attr_done(res);
	res = run("ts=50 MARK name=\"resident:7\"\nts=51 MARK name=\"arm:next\"\n" STANDARD END);
	assert_string_equal(res->forks[0].variant, "next");
	assert_int_equal(res->forks[0].resident, UINT64_MAX);
	attr_done(res);
}

/* A hostile recording names as many variants as it likes: more than can be compared are left out.
 */
static void too_many_variants(void **state)
{
	enum { MANY = 1024 + 7 };
	const size_t room = 64 * MANY + 4096;
	char *text = malloc(room);
	struct fsa_result *res;
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	for (unsigned int i = 0; i < MANY; i++)
		n += (size_t)snprintf(text + n, room - n, "ts=%u MARK name=\"arm:%u\"\n", i + 1,
				      i ? i : MANY);
	/* one that was there before is no new one */
	snprintf(text + n, room - n, "ts=2000 MARK tgid=10 name=\"arm:%u\"\n%s", MANY,
		 "ts=2001 MARK tgid=12 name=\"arm:new\"\n");
	res = run(text);
	assert_int_equal(res->odd_events, 8);
	attr_done(res);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_by_default),    cmocka_unit_test(path_faults),
		cmocka_unit_test(touches),           cmocka_unit_test(offsets),
		cmocka_unit_test(assumed),           cmocka_unit_test(marked),
		cmocka_unit_test(too_many_variants),
	};

	return cmocka_run_group_tests_name("attr_touch", tests, tmp_setup, tmp_teardown);
}
