// SPDX-License-Identifier: BSD-2-Clause
/* The recorder in guest memory: sound ones, wrapped, torn, overwritten meanwhile, and hostile. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "record/guest/ring_parse.h"
#include "tests/guest/craft_ring.h"

#define FRAMES   256
#define BASE     16
#define PER_PAGE (FSG_PAGE / sizeof(struct fsg_rec))
#define CAP      (4 * PER_PAGE) /* records of a ring */

struct world {
	struct craft_ring c;
	struct fsr_mem m;
	bool absent[FRAMES];
	unsigned int calls;
	/* called before the pages of call number @at are read */
	unsigned int at;
	void (*meanwhile)(struct world *w);
};

static int pages(void *arg, const uint64_t *gfn, size_t n, fsr_page *to, bool *got)
{
	struct world *w = arg;

	if (++w->calls == w->at)
		w->meanwhile(w);
	for (size_t i = 0; i < n; i++) {
		assert_true(gfn[i] < FRAMES); /* never outside */
		got[i] = !w->absent[gfn[i]];
		if (got[i])
			memcpy(to[i], craft_at(&w->c, gfn[i]), FSG_PAGE);
	}
	return 0;
}

static bool inside(void *arg, uint64_t gfn)
{
	(void)arg;
	return gfn < FRAMES;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->c = (struct craft_ring){.mem = calloc(FRAMES, FSG_PAGE),
				   .base = BASE,
				   .rings = 3,
				   .pages = 4,
				   .blob_pages = 2};
	w->m = (struct fsr_mem){pages, inside, w};
	craft_lay(&w->c, 7, "{\"kernel\": \"6.1\"}", "symbols", 7);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	free(w->c.mem);
	free(w);
	return 0;
}

static struct fsr_layout load(struct world *w)
{
	struct fsr_layout l;
	char why[FSR_WHY];

	if (fsr_layout_load(&w->m, craft_dir_gfn(&w->c), &l, why))
		fail_msg("%s", why);
	return l;
}

static void write_some(struct world *w, unsigned int ring, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		craft_write(&w->c, ring,
			    (struct fsg_rec){.ts = 1000 + i,
					     .kind = FSG_K_IRQ,
					     .x = (uint32_t)craft_head(&w->c, ring)->head});
}

/* Reads ring @i from *@pos on; the records' numbers must be [from, from + n) by their x. */
static struct fsr_ring_out expect(struct world *w, unsigned int i, bool last,
				  struct fsr_ring_pos *pos, uint64_t from, size_t n)
{
	struct fsr_layout l = load(w);
	struct fsr_ring_out out;

	assert_int_equal(fsr_ring_read(&w->m, &l, i, last, pos, &out), 0);
	assert_int_equal(out.n, n);
	assert_int_equal(out.part.first, from);
	assert_int_equal(out.part.bytes, n * sizeof(struct fsg_rec));
	for (size_t k = 0; k < n; k++)
		assert_int_equal(out.recs[k].x, from + k);
	free(out.recs);
	fsr_layout_free(&l);
	return out;
}

static void a_sound_one(void **state)
{
	struct world *w = *state;
	struct fsr_layout l = load(w);
	uint64_t frames[FRAMES], raw;
	struct fsr_ring_pos pos = {.next = 5};
	uint8_t *blob;
	size_t n;

	assert_int_equal(l.d.dir.nparts, 5);
	n = fsr_layout_frames(&l, NULL);
	assert_int_equal(n, craft_frames(&w->c) + 1);
	fsr_layout_frames(&l, frames);
	assert_int_equal(frames[0], craft_dir_gfn(&w->c));
	assert_int_equal(fsr_blob_read(&w->m, &l, FSG_PART_META, &blob, &n, &raw), 0);
	assert_int_equal(n, 17);
	assert_memory_equal(blob, "{\"kernel\": \"6.1\"}", n);
	free(blob);
	assert_int_equal(fsr_blob_read(&w->m, &l, FSG_PART_SYMBOLS, &blob, &n, &raw), 0);
	assert_int_equal(n, 7);
	assert_memory_equal(blob, "symbols", n);
	free(blob);
	fsr_layout_free(&l);
	write_some(w, 2, 20);
	assert_int_equal(expect(w, 2, true, &pos, 5, 15).part.kind, FSR_GP_AGENT);
	assert_int_equal(pos.next, 20);
	expect(w, 2, true, &pos, 20, 0); /* nothing new */
	write_some(w, 2, 3);
	expect(w, 2, false, &pos, 20, 3); /* goes on */
	pos = (struct fsr_ring_pos){0};
	expect(w, 0, true, &pos, 0, 0); /* empty */
}

/* A ring that went round: what was overwritten is lost, and said to be. */
static void wrapped(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {.next = 100};
	struct fsr_ring_out out;

	write_some(w, 1, CAP + 300);
	out = expect(w, 1, true, &pos, 300, CAP);
	assert_int_equal(out.part.lost, 200);
	assert_int_equal(out.part.torn, 0);
	assert_int_equal(out.part.index, 1);
	write_some(w, 1, 7 * CAP + 3);
	craft_head(&w->c, 1)->lost = 11; /* the guest could not write these */
	out = expect(w, 1, true, &pos, 300 + 7 * CAP + 3, CAP);
	assert_int_equal(out.part.lost, 6 * CAP + 3 + 11);
	write_some(w, 1, 1);
	out = expect(w, 1, true, &pos, 300 + 8 * CAP + 3, 1);
	assert_int_equal(out.part.lost, 0);
}

/* Numbers beyond 32 bits: the sequence is their low half. */
static void numbers_beyond_32_bits(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {.next = 0xfffffffeull};
	struct fsr_layout l = load(w);
	struct fsr_ring_out out;

	craft_head(&w->c, 0)->head = 0xfffffffeull;
	write_some(w, 0, 5);
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, true, &pos, &out), 0);
	assert_int_equal(out.n, 5);
	assert_int_equal(out.part.first, 0xfffffffeull);
	assert_int_equal(out.recs[1].seq, 0);
	assert_true(pos.next == 0x100000003ull);
	free(out.recs);
	fsr_layout_free(&l);
}

/* A record in the middle that is none is left out; one at the end may still be written. */
static void torn(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {0}, at_stop;
	struct fsr_layout l = load(w);
	struct fsr_ring_out out;

	write_some(w, 0, 50);
	craft_slot(&w->c, 0, 10)->seq = 0;
	craft_slot(&w->c, 0, 11)->seq = 11; /* its number, not number + 1 */
	craft_slot(&w->c, 0, 12)->kind = FSG_K_NONE;
	craft_slot(&w->c, 0, 49)->seq = 0;
	at_stop = pos;
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, false, &pos, &out), 0);
	assert_int_equal(out.n, 46);
	assert_int_equal(out.part.torn, 3);
	assert_int_equal(out.unfinished, 1); /* the others are of no program that was begun */
	assert_int_equal(out.recs[10].seq, 14);
	assert_int_equal(pos.next, 49);
	free(out.recs);
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, true, &at_stop, &out), 0);
	assert_int_equal(out.n, 46);
	assert_int_equal(out.part.torn, 3); /* it was not written yet */
	assert_int_equal(at_stop.next, 50);
	free(out.recs);
	craft_slot(&w->c, 0, 49)->seq = 50; /* now it is written */
	expect(w, 0, false, &pos, 49, 1);
	fsr_layout_free(&l);
}

/* A program that was interrupted by another's record is not done yet: both wait for the next
 * reading. */
static void nested(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {0}, at_stop = {0};
	struct fsr_layout l = load(w);
	struct fsr_ring_out out;

	write_some(w, 0, 50);
	craft_slot(&w->c, 0, 47)->seq = 0;
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, true, &at_stop, &out), 0);
	assert_int_equal(out.n, 49); /* the last reading takes what there is */
	assert_int_equal(out.part.torn, 0);
	free(out.recs);
	assert_int_equal(expect(w, 0, false, &pos, 0, 47).part.torn, 0);
	craft_slot(&w->c, 0, 47)->seq = 48;
	expect(w, 0, false, &pos, 47, 3);
	fsr_layout_free(&l);
}

/* One that was interrupted by many: torn as it is, whole when it is read again. */
static void interrupted(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {.next = CAP}, again = pos;
	struct fsr_layout l = load(w);
	struct fsr_ring_out out;

	write_some(w, 0, CAP + 50);
	craft_slot(&w->c, 0, CAP + 20)->seq = 21; /* of the round before: it is not even void */
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, false, &pos, &out), 0);
	assert_int_equal(out.n, 49);
	assert_int_equal(out.part.torn, 1);
	assert_int_equal(out.unfinished, 1);
	assert_int_equal(pos.next, CAP + 50);
	free(out.recs);
	craft_slot(&w->c, 0, CAP + 20)->seq = CAP + 21;
	out = expect(w, 0, false, &again, CAP, 50);
	assert_int_equal(out.part.torn + out.unfinished, 0);
	fsr_layout_free(&l);
}

static void end_the_last(struct world *w)
{
	craft_slot(&w->c, 0, 48)->ts = 4848;
	craft_slot(&w->c, 0, 49)->seq = 50;
}

/* A copy can have a record's last word with older ones: what is taken is copied once more. */
static void half_copied(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {0};
	struct fsr_layout l = load(w);
	struct fsr_ring_out out;

	write_some(w, 0, 50);
	craft_slot(&w->c, 0, 48)->ts = 1; /* as the first copy has it */
	craft_slot(&w->c, 0, 49)->seq = 0;
	w->meanwhile = end_the_last;
	w->at = w->calls + 3; /* head, pages, then the pages again */
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, false, &pos, &out), 0);
	assert_int_equal(out.n, 49);
	assert_int_equal(out.recs[48].ts, 4848);
	assert_int_equal(pos.next, 49); /* the other waits: only the second copy has its sequence */
	free(out.recs);
	fsr_layout_free(&l);
	expect(w, 0, false, &pos, 49, 1);
}

static void sixty_more(struct world *w)
{
	write_some(w, 0, 60);
}

/* The guest writes on while it is read: what that may have overwritten is not taken. */
static void overwritten_meanwhile(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {.next = 30};
	struct fsr_layout l;
	struct fsr_ring_out out;

	write_some(w, 0, CAP);
	l = load(w);
	w->meanwhile = sixty_more;
	w->at = w->calls + 4; /* head, pages twice, then the head again */
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, false, &pos, &out), 0);
	assert_int_equal(out.part.first, 60);
	assert_int_equal(out.n, CAP - 60);
	assert_int_equal(out.part.lost, 30);
	assert_int_equal(pos.next, CAP);
	free(out.recs);
	fsr_layout_free(&l);
	expect(w, 0, false, &pos, CAP, 60);
}

/* Pages that cannot be read: what stood in them is lost, the rest is there. */
static void absent_pages(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {0}, again = {0};
	struct fsr_layout l = load(w);
	struct fsr_ring_out out;
	uint8_t *blob;
	uint64_t raw;
	size_t n;

	write_some(w, 0, 3 * PER_PAGE);
	w->absent[craft_gfn(&w->c, l.d.dir.parts[0].first + 2)] = true;
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, false, &pos, &out), 0);
	assert_int_equal(out.n, 2 * PER_PAGE);
	assert_int_equal(out.part.lost, PER_PAGE);
	assert_int_equal(out.part.torn, 0);
	free(out.recs);
	w->absent[craft_gfn(&w->c, l.d.dir.parts[0].first)] = true;
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, false, &again, &out), -EAGAIN);
	w->absent[craft_gfn(&w->c, l.d.dir.parts[3].first)] = true;
	assert_int_equal(fsr_blob_read(&w->m, &l, FSG_PART_SYMBOLS, &blob, &n, &raw), -EAGAIN);
	fsr_layout_free(&l);
}

static void heads_that_lie(void **state)
{
	struct world *w = *state;
	struct fsr_ring_pos pos = {.next = 40}, start = {0};
	struct fsr_layout l = load(w);
	struct fsr_ring_out out;

	write_some(w, 0, 39);
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, false, &pos, &out), -EBADMSG); /* backwards */
	craft_head(&w->c, 0)->head = UINT64_MAX;
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, false, &start, &out), -EBADMSG);
	craft_head(&w->c, 0)->head = (1ull << 62) - 1; /* as many as it says are gone */
	assert_int_equal(fsr_ring_read(&w->m, &l, 0, true, &start, &out), 0);
	assert_int_equal(out.n, 0);
	assert_int_equal(out.part.torn, CAP - 8); /* the rest may be being written */
	assert_true(out.part.lost == (1ull << 62) - 1 - CAP);
	free(out.recs);
	craft_head(&w->c, 1)->mark = 0;
	assert_int_equal(fsr_ring_read(&w->m, &l, 1, false, &start, &out), -EBADMSG);
	assert_int_equal(fsr_ring_read(&w->m, &l, 3, false, &start, &out), -EBADMSG); /* symbols */
	assert_int_equal(fsr_ring_read(&w->m, &l, 71, false, &start, &out), -EBADMSG);
	fsr_layout_free(&l);
}

/* Each lie in the directory, and what is said of it. */
static void no_magic(struct fsg_dir *d)
{
	d->magic[31] = 1;
}
static void newer_major(struct fsg_dir *d)
{
	d->major = 2;
}
static void short_dir(struct fsg_dir *d)
{
	d->dir_bytes = 100;
}
static void other_records(struct fsg_dir *d)
{
	d->rec_bytes = 64;
}
static void many_parts(struct fsg_dir *d)
{
	d->nparts = FSG_MAX_PARTS + 1;
}
static void many_lists(struct fsg_dir *d)
{
	d->nlists = 0xffffffff;
}
static void list_outside(struct fsg_dir *d)
{
	d->list_gfn[0] = FRAMES;
}
static void no_power_of_two(struct fsg_dir *d)
{
	d->parts[0].pages = 4;
	d->parts[0].bytes = 3 * FSG_PAGE;
}
static void no_room(struct fsg_dir *d)
{
	d->parts[1].bytes = 8 * FSG_PAGE;
}
static void no_bytes(struct fsg_dir *d)
{
	d->parts[1].bytes = 0;
}
static void behind_the_lists(struct fsg_dir *d)
{
	d->parts[2].first = 0xfffffffe;
}
static void cpu_twice(struct fsg_dir *d)
{
	d->parts[1].index = 0;
}
static void cpu_too_high(struct fsg_dir *d)
{
	d->parts[1].index = FSG_MAX_CPUS;
}
static void long_symbols(struct fsg_dir *d)
{
	d->parts[3].bytes = UINT64_MAX;
}
static void long_meta(struct fsg_dir *d)
{
	d->parts[4].bytes = FSG_PAGE + 1;
}

static void directories_that_lie(void **state)
{
	static const struct {
		void (*lie)(struct fsg_dir *d);
		int ret;
		const char *why;
	} lies[] = {
		{no_magic, -ENOENT, ""},
		{newer_major, -EBADMSG, "a recorder of version 2.0: this program reads 1.x"},
		{short_dir, -EBADMSG, "a directory of 100 bytes, records of 32"},
		{other_records, -EBADMSG, "a directory of 3520 bytes, records of 64"},
		{many_parts, -EBADMSG, "73 parts, 1 lists"},
		{many_lists, -EBADMSG, "5 parts, 4294967295 lists"},
		{list_outside, -EBADMSG, "list 0: frame 0x100 is not memory of the VM"},
		{no_power_of_two, -EBADMSG, "part 0: a ring of 12288 bytes in 4 pages, CPU 0"},
		{no_room, -EBADMSG, "part 1: a ring of 32768 bytes in 5 pages, CPU 1"},
		{no_bytes, -EBADMSG, "part 1: a ring of 0 bytes in 5 pages, CPU 1"},
		{behind_the_lists, -EBADMSG, "part 2 lies behind the end of the lists of frames"},
		{cpu_twice, -EBADMSG, "parts 0 and 1 are rings of one CPU"},
		{cpu_too_high, -EBADMSG, "part 1: a ring of 16384 bytes in 5 pages, CPU 64"},
		{long_symbols, -EBADMSG, "part 3: 18446744073709551615 bytes in 2 pages"},
		{long_meta, -EBADMSG, "part 4: 4097 bytes in 1 pages"},
	};
	struct world *w = *state;
	fsr_page good;

	memcpy(good, craft_dir(&w->c), sizeof(good));
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		char why[FSR_WHY] = "";
		struct fsr_layout l;

		memcpy(craft_dir(&w->c), good, sizeof(good));
		lies[i].lie(craft_dir(&w->c));
		assert_int_equal(fsr_layout_load(&w->m, craft_dir_gfn(&w->c), &l, why),
				 lies[i].ret);
		assert_string_equal(why, lies[i].why);
		assert_null(l.frames);
	}
}

static void frames_outside(void **state)
{
	struct world *w = *state;
	uint64_t *list = craft_at(&w->c, craft_gfn(&w->c, 0));
	struct fsr_layout l;
	char why[FSR_WHY];

	list[7] = UINT64_MAX; /* of the second ring */
	assert_int_equal(fsr_layout_load(&w->m, craft_dir_gfn(&w->c), &l, why), -EBADMSG);
	assert_string_equal(why, "part 1: frame 0xffffffffffffffff is not memory of the VM");
	w->absent[craft_gfn(&w->c, 0)] = true;
	assert_int_equal(fsr_layout_load(&w->m, craft_dir_gfn(&w->c), &l, why), -EAGAIN);
	assert_string_equal(why, "list 0 cannot be read");
	w->absent[craft_dir_gfn(&w->c)] = true;
	assert_int_equal(fsr_layout_load(&w->m, craft_dir_gfn(&w->c), &l, why), -ENOENT);
	assert_int_equal(fsr_layout_load(&w->m, UINT64_MAX, &l, why), -ENOENT);
}

/* A part of a kind that a newer minor brings is left alone. */
static void kinds_to_come(void **state)
{
	struct world *w = *state;
	struct fsr_layout l;

	craft_dir(&w->c)->parts[4].kind = 99;
	craft_dir(&w->c)->parts[4].bytes = UINT64_MAX;
	craft_dir(&w->c)->minor = 7;
	craft_dir(&w->c)->dir_bytes = FSG_PAGE;
	l = load(w);
	assert_false(fsr_is_ring(&l, 4));
	fsr_layout_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_sound_one, setup, teardown),
		cmocka_unit_test_setup_teardown(wrapped, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_beyond_32_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(torn, setup, teardown),
		cmocka_unit_test_setup_teardown(nested, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(half_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(overwritten_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(absent_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(heads_that_lie, setup, teardown),
		cmocka_unit_test_setup_teardown(directories_that_lie, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_outside, setup, teardown),
		cmocka_unit_test_setup_teardown(kinds_to_come, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
