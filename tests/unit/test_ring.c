// SPDX-License-Identifier: BSD-2-Clause
/* The consumer, on a ring made by hand in memory: the layout is the kernel's (BPF ring buffer). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/clock.h"
#include "bpf/event.h"
#include "collect/bpf/ring.h"
#include "record/reader.h"

#define BYTES 65536u

struct fake {
	int fd;
	uint8_t *mem;
	unsigned long *consumer, *producer;
	uint8_t *data;
};

static void fake_open(struct fake *f)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), all = 2 * page + 2 * BYTES;

	f->fd = memfd_create("ring", 0);
	assert_true(f->fd >= 0);
	assert_int_equal(ftruncate(f->fd, (off_t)all), 0);
	f->mem = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	assert_ptr_not_equal(f->mem, MAP_FAILED);
	f->consumer = (unsigned long *)f->mem;
	f->producer = (unsigned long *)(f->mem + page);
	f->data = f->mem + 2 * page;
}

static void fake_close(struct fake *f)
{
	munmap(f->mem, 2 * (size_t)sysconf(_SC_PAGESIZE) + 2 * BYTES);
	close(f->fd);
}

/* Reserves and, with the flags 0, submits a mark record. Returns where its header is. */
static uint32_t *put(struct fake *f, uint64_t ts, uint32_t seq, uint32_t flags)
{
	struct fs_ev_mark ev = {.h = {.ts = ts, .seq = seq, .kind = FS_EV_MARK}};
	unsigned long pos = *f->producer & (BYTES - 1);
	uint32_t *hdr = (uint32_t *)(f->data + pos);
	uint8_t *body = f->data + pos + BPF_RINGBUF_HDR_SZ;

	ev.h.len = sizeof(ev);
	hdr[0] = (uint32_t)sizeof(ev) | flags;
	hdr[1] = 0;
	memcpy(body, &ev, sizeof(ev));
	/* The kernel maps the data twice in a row; here the part beyond the end is copied by hand.
	 */
	if (pos + BPF_RINGBUF_HDR_SZ + sizeof(ev) > BYTES)
		memcpy(f->data, f->data + BYTES, pos + BPF_RINGBUF_HDR_SZ + sizeof(ev) - BYTES);
	*f->producer += BPF_RINGBUF_HDR_SZ + sizeof(ev);
	return hdr;
}

static const char path[] = "/tmp/forkscope-test-ring.fsr";

static uint64_t read_back(uint64_t *marks)
{
	const struct fs_ev *ev;
	struct fsr_reader *r;
	char err[256];
	uint64_t n = 0;

	assert_int_equal(fsr_open(path, &r, err, sizeof(err)), 0);
	while (fsr_next(r, &ev) == 1)
		marks[n++] = ev->ts;
	fsr_free(r);
	unlink(path);
	return n;
}

static void moves_what_was_submitted_and_no_more(void **state)
{
	struct fs_rings *r = fs_rings_new(BYTES);
	struct fsr_writer *w;
	struct fake f;
	uint64_t now = fs_mono_ns(), marks[8];
	uint32_t *busy;

	(void)state;
	fake_open(&f);
	assert_int_equal(fsr_create(path, &w), 0);
	assert_int_equal(fs_rings_add(r, 0, f.fd), 0);
	put(&f, now + 1, 1, 0);
	put(&f, now + 2, 2, BPF_RINGBUF_DISCARD_BIT);
	busy = put(&f, now + 3, 3, BPF_RINGBUF_BUSY_BIT);
	put(&f, now + 4, 4, 0);
	assert_int_equal(fs_rings_drain(r, w, false), 0);
	assert_int_equal(fs_rings_counts(r)->events, 1);
	busy[0] &= ~BPF_RINGBUF_BUSY_BIT;
	assert_int_equal(fs_rings_drain(r, w, true), 0);
	assert_int_equal(fs_rings_counts(r)->events, 3);
	assert_int_equal(fs_rings_counts(r)->kinds[FS_EV_MARK], 3);
	assert_int_equal(*f.consumer, *f.producer);
	assert_int_equal(fsr_close(w), 0);
	assert_int_equal(read_back(marks), 3);
	assert_int_equal(marks[0], now + 1);
	assert_int_equal(marks[2], now + 4);
	fs_rings_free(r);
	fake_close(&f);
}

/* A record that is still being written holds the promise back; a late one is counted. */
static void promises_only_what_it_can_keep(void **state)
{
	struct fs_rings *r = fs_rings_new(BYTES);
	uint64_t old = fs_mono_ns();
	struct fake f;
	uint32_t *busy;

	(void)state;
	fake_open(&f);
	assert_int_equal(fs_rings_add(r, 0, f.fd), 0);
	usleep(300000); /* beyond the time after which it writes, and the slack */
	busy = put(&f, old, 1, BPF_RINGBUF_BUSY_BIT);
	assert_int_equal(fs_rings_drain(r, NULL, false), 0);
	busy[0] &= ~BPF_RINGBUF_BUSY_BIT;
	usleep(300000);
	assert_int_equal(fs_rings_drain(r, NULL, false), 0);
	/* The first round made no promise beyond `old`, so it was not late. */
	assert_int_equal(fs_rings_counts(r)->late, 0);
	put(&f, old, 2, 0);
	assert_int_equal(fs_rings_drain(r, NULL, false), 0);
	assert_int_equal(fs_rings_counts(r)->late, 1);
	fs_rings_free(r);
	fake_close(&f);
}

static void goes_round_and_counts_the_fill(void **state)
{
	struct fs_rings *r = fs_rings_new(BYTES);
	struct fake f;
	uint64_t n = 0;

	(void)state;
	fake_open(&f);
	assert_int_equal(fs_rings_add(r, 0, f.fd), 0);
	for (int turn = 0; turn < 10; turn++) {
		for (int i = 0; i < 400; i++)
			put(&f, fs_mono_ns(), (uint32_t)++n, 0);
		assert_int_equal(fs_rings_drain(r, NULL, false), 0);
		assert_int_equal(fs_rings_counts(r)->events, n);
	}
	assert_int_equal(fs_rings_counts(r)->malformed, 0);
	assert_true(fs_rings_counts(r)->max_fill > 0.5 && fs_rings_counts(r)->max_fill < 1);
	assert_int_equal(fs_rings_wait_ms(r), 0);
	fs_rings_free(r);
	fake_close(&f);
}

static void a_record_that_is_none_is_counted_and_left_out(void **state)
{
	struct fs_rings *r = fs_rings_new(BYTES);
	struct fake f;
	uint32_t *hdr;

	(void)state;
	fake_open(&f);
	assert_int_equal(fs_rings_add(r, 0, f.fd), 0);
	hdr = put(&f, 1, 1, 0);
	((struct fs_ev *)(hdr + 2))->len = 8;
	put(&f, 2, 2, 0);
	assert_int_equal(fs_rings_drain(r, NULL, true), 0);
	assert_int_equal(fs_rings_counts(r)->malformed, 1);
	assert_int_equal(fs_rings_counts(r)->events, 1);
	fs_rings_free(r);
	fake_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_what_was_submitted_and_no_more),
		cmocka_unit_test(promises_only_what_it_can_keep),
		cmocka_unit_test(goes_round_and_counts_the_fill),
		cmocka_unit_test(a_record_that_is_none_is_counted_and_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
