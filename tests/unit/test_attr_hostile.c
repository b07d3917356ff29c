// SPDX-License-Identifier: BSD-2-Clause
/* A record that cannot be costs itself and is counted; memory that ends is an error, never a hole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "../attr/attr.h"

#define END   PIO_END(2000, 2010, 2030)
#define COVER "ts=3050 VMEXIT " V "ts_exit=3000 reason=0x60 isa=SVM\n"

/* Each has an id of 0 that it must have, or one that another process has. */
static const char *const odd[] = {
	"ts=1060 PROC_ADD cpu=0 tgid=0 tid=0 start_ns=90 comm=\"nobody\"\n",
	"ts=1060 FORK cpu=0 tgid=10 tid=10 vm=1 child_tid=0 child_tgid=10 comm=\"x\"\n",
	"ts=1060 FORK cpu=0 tgid=10 tid=10 vm=1 child_tid=12 child_tgid=0 comm=\"x\"\n",
	"ts=1060 EXEC cpu=0 tgid=0 tid=0 comm=\"x\" file=\"/x\"\n",
	"ts=1060 VM_CREATE cpu=0 tgid=0 tid=0 vm=9 ts_start=1055 fd=5\n",
	"ts=1060 VM_CREATE cpu=0 tgid=10 tid=10 vm=0 ts_start=1055 fd=5\n",
	"ts=1060 VCPU_CREATE cpu=0 tgid=0 tid=0 vm=9 ts_start=1055 fd=5\n",
	"ts=1060 MEMSLOT cpu=0 tgid=0 tid=0 vm=9 ts_start=1055 size=4096 hva=0x7f0000000000\n",
	"ts=1060 FIRST_RUN cpu=0 tgid=0 tid=0 vm=9 " REGS "\n",
	"ts=1060 FIRST_RUN cpu=0 tgid=20 tid=21 vm=1 " REGS "\n",
	"ts=1060 RUN cpu=0 tgid=0 tid=31 vm=1 ts_start=1055\n",
	"ts=1060 VMEXIT cpu=0 tgid=10 tid=0 vm=1 ts_exit=1055\n",
	"ts=1060 VMEXIT cpu=0 tgid=20 tid=21 vm=1 ts_exit=1055\n",
	"ts=1060 OFFCPU cpu=0 tgid=0 tid=31 vm=1 ts_out=1055\n",
	"ts=1060 OFFCPU cpu=0 tgid=10 tid=0 vm=1 ts_out=1055\n",
	"ts=1060 MMFAULT cpu=0 tgid=0 tid=0 addr=0x7f0000001000\n",
	"ts=1060 WAKE " M "target_tid=0 target_tgid=10\n",
	"ts=1060 SIGNAL " M "target_tid=0 target_tgid=10 sig=9\n",
	"ts=1060 TSC_OFFSET cpu=0 tgid=0 tid=0 vm=9 next=5\n",
	"ts=1060 PVCLOCK cpu=0 tgid=0 tid=0 vm=9 tsc_timestamp=5\n",
};

static void costs_itself_and_is_counted(void **state)
{
	char text[4096], cells[1024];
	struct fsa_result *res = attr_run(STANDARD END COVER, "pio:0xf4");

	(void)state;
	assert_int_equal(res->nforks, 1);
	assert_int_equal(res->odd_events, 0);
	snprintf(cells, sizeof(cells), "%s", attr_cells(&res->forks[0]));
	attr_done(res);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		snprintf(text, sizeof(text), "%s%s%s", STANDARD, odd[i], END COVER);
		res = attr_run(text, "pio:0xf4");
		if (res->nforks != 1 || res->odd_events != 1 ||
		    strcmp(attr_cells(&res->forks[0]), cells))
			fail_msg("%zu forks, %" PRIu64 " records left out, of: %s", res->nforks,
				 res->odd_events, odd[i]);
		attr_done(res);
	}
}

/* The recorder did not know the VM: nothing is wrong with the record. */
static void an_unknown_vm_is_not_odd(void **state)
{
	struct fsa_result *res = attr_run(
		STANDARD "ts=1060 TSC_OFFSET cpu=0 tgid=10 tid=10 vm=0 next=5\n"
			 "ts=1061 NET_TX cpu=0 tgid=0 tid=0 vm=0 what=FIRST\n"
			 "ts=1062 WAKE cpu=0 tgid=0 tid=0 target_tid=11 target_tgid=10\n" END COVER,
		"pio:0xf4");

	(void)state;
	assert_int_equal(res->odd_events, 0);
	attr_done(res);
}

/* --- memory that ends (the linker sends these calls here) --- */

static long left = -1; /* allocations until the one that fails, alone; -1 = none does */
static bool failed;

static bool none_left(void)
{
	if (left < 0 || left--)
		return false;
	return failed = true;
}

void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strndup(const char *s, size_t n);
char *__real_strdup(const char *s);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strndup(const char *s, size_t n);
char *__wrap_strdup(const char *s);

void *__wrap_calloc(size_t n, size_t size)
{
	return none_left() ? NULL : __real_calloc(n, size);
}

void *__wrap_malloc(size_t size)
{
	return none_left() ? NULL : __real_malloc(size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return none_left() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return none_left() ? NULL : __real_strndup(s, n);
}

char *__wrap_strdup(const char *s)
{
	return none_left() ? NULL : __real_strdup(s);
}

static struct fsr_reader *open_text(const char *path)
{
	struct fsr_reader *r = NULL;
	size_t size;
	char *text = (char *)tmp_read(path, &size);

	text[size] = '\0';
	if (fsr_compile(text, tmp_path("oom.fsr"), attr_err, sizeof(attr_err)) ||
	    fsr_open(tmp_path("oom.fsr"), &r, attr_err, sizeof(attr_err)))
		fail_msg("%s: %s", path, attr_err);
	free(text);
	return r;
}

static const char *words(const char *s)
{
	return s ? s : "";
}

static void assert_same(const struct fsa_result *a, const struct fsa_result *b, long n)
{
	assert_int_equal(a->nforks, b->nforks);
	assert_int_equal(a->ncohorts, b->ncohorts);
	assert_int_equal(a->vms_seen, b->vms_seen);
	for (size_t i = 0; i < a->nforks; i++) {
		const struct fsa_fork *x = &a->forks[i], *y = &b->forks[i];

		if (memcmp(x->cells, y->cells, sizeof(x->cells)) || x->notes != y->notes ||
		    x->nsegs != y->nsegs || x->nacks != y->nacks || x->nphases != y->nphases ||
		    x->nmilestones != y->nmilestones || x->ntouches != y->ntouches ||
		    x->nstages != y->nstages || x->ntop_tasks != y->ntop_tasks ||
		    x->nplaces != y->nplaces || strcmp(x->comm, y->comm) ||
		    strcmp(words(x->guest.why), words(y->guest.why)))
			fail_msg("fork %zu differs without memory for allocation %ld", i, n);
	}
}

/* Each allocation fails in a run of its own: that ends it with -ENOMEM, or makes no difference. */
static void each_allocation_fails(const char *path)
{
	struct fsa_opts o = attr_opts("resume", "ack:mailbox");
	struct fsa_result *whole, *res;
	long n = 0, stopped = 0;

	o.keep_faults = true;
	attr_reader = open_text(path);
	assert_int_equal(fsa_attribute(attr_reader, &o, &whole, attr_err, sizeof(attr_err)), 0);
	do {
		struct fsr_reader *r = open_text(path);
		int ret;

		failed = false;
		left = n;
		ret = fsa_attribute(r, &o, &res, attr_err, sizeof(attr_err));
		left = -1;
		if (ret) {
			assert_true(failed);
			assert_int_equal(ret, -ENOMEM);
			stopped++;
		} else {
			assert_same(whole, res, n);
			fsa_free(res);
		}
		fsr_free(r);
		n += 1 + n / 64;
	} while (failed);
	assert_true(stopped > 20);
	attr_done(whole);
}

static void no_memory_on_the_host(void **state)
{
	(void)state;
	each_allocation_fails("tests/golden/three-forks.txt");
}

static void no_memory_for_the_guest(void **state)
{
	(void)state;
	each_allocation_fails("tests/golden/guest-chain.txt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_itself_and_is_counted),
		cmocka_unit_test(an_unknown_vm_is_not_odd),
		cmocka_unit_test(no_memory_on_the_host),
		cmocka_unit_test(no_memory_for_the_guest),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
