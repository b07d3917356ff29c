// SPDX-License-Identifier: BSD-2-Clause
/* The guest parts of a recording: readings joined, hostile ones, symbols; text there and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zlib.h>
#include "tools/mkrec/compile.h"
#include "record/guest/guest_data.h"
#include "record/guest/guest_chunk.h"
#include "record/guest/guest_index.h"
#include "record/text/guest_text.h"
#include "record/inspect.h"
#include "record/writer.h"
#include "tmp.h"

#define ID "00112233445566778899aabbccddeeff"

static const uint8_t id[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
			       0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static struct fsr_reader *open_at(const char *path)
{
	struct fsr_reader *r;
	char err[300];

	if (fsr_open(path, &r, err, sizeof(err)))
		fail_msg("%s", err);
	return r;
}

/* A recording of @text, opened. */
static struct fsr_reader *make(const char *text)
{
	const char *path = tmp_path("g.fsr");
	char err[300];

	if (fsr_compile(text, path, err, sizeof(err)))
		fail_msg("%s", err);
	return open_at(path);
}

static struct fsr_guest_data *load(struct fsr_reader *r, uint32_t vm)
{
	struct fsr_guest_data *g;

	assert_int_equal(fsr_guest_load(r, vm, &g), 1);
	return g;
}

static void a_reading_is_loaded(void **state)
{
	struct fsr_reader *r = make("GUEST vm=3 tgid=10 at_ns=5000 dir_gpa=0x100000 id=" ID "\n"
				    "GDIR flags=BPF|SPLIT ncpus=1 tsc_khz=2000000\n"
				    "GWATCHER 1 tid=71 how=VMCLOCK_POLL own=1 comm=\"agent\"\n"
				    "GRING index=2 first=100 lost=3 torn=1\n"
				    "GREC ts=1000 SWITCH tid=1 x=71 a=\"a \\\"b\" flags=0x2\n"
				    "GREC ts=1100 WRAP\n"
				    "GREC n=120 ts=1200 STEP x=VMCLOCK_NOTIFY a=7 flags=HARDIRQ\n"
				    "GAGENT first=5\n"
				    "GREC ts=1300 STAGE tid=71 x=ACK a=\"mailbox\"\n"
				    "GFRAMES 0x102 0x100 0x101 0x100\n");
	struct fsr_guest_data *g = load(r, 3), *none;

	(void)state;
	assert_int_equal(g->state, FSR_GS_READ);
	assert_int_equal(g->vm, 3);
	assert_int_equal(g->tgid, 10);
	assert_int_equal(g->read_ns, 5000);
	assert_int_equal(g->dir_gpa, 0x100000);
	assert_memory_equal(g->dir.id, id, 16);
	assert_int_equal(g->dir.flags, FSG_D_BPF | FSG_D_SPLIT);
	assert_int_equal(g->dir.watchers[1].how, FSG_STEP_VMCLOCK_POLL);
	assert_int_equal(g->nframes, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(g->frames[i], 0x100 + i);
	assert_int_equal(g->nrings, 2);
	assert_int_equal(g->rings[0].kind, FSR_GP_RING);
	assert_int_equal(g->rings[0].index, 2);
	assert_int_equal(g->rings[0].first, 100);
	assert_int_equal(g->rings[0].n, 2);
	assert_int_equal(g->rings[0].recs[0].kind, FSG_K_SWITCH);
	assert_memory_equal(&g->rings[0].recs[0].a, "a \"b\0\0\0", 8);
	assert_int_equal(g->rings[0].recs[1].seq, 121);
	assert_int_equal(g->rings[0].recs[1].x, FSG_STEP_VMCLOCK_NOTIFY);
	assert_int_equal(g->rings[0].recs[1].flags, FSG_F_HARDIRQ);
	assert_int_equal(g->rings[1].kind, FSR_GP_AGENT);
	assert_int_equal(g->rings[1].recs[0].seq, 6);
	assert_int_equal(g->lost, 3);
	assert_int_equal(g->partial, 1);
	fsr_guest_free(g);
	assert_int_equal(fsr_guest_load(r, 1, &none), 0);
	assert_null(none);
	fsr_free(r);
}

/* Readings go on where the last one ended; what comes again is taken once; other VMs are others. */
static void readings_add_up(void **state)
{
	struct fsr_reader *r = make("GUEST vm=1 at_ns=10 id=" ID "\nGDIR ncpus=1\n"
				    "GRING first=0xfffffffe lost=1\n"
				    "GREC ts=1 IRQ x=1\nGREC ts=2 IRQ x=2\nGREC ts=3 IRQ x=3\n"
				    "GUEST vm=2 at_ns=11 id=" ID "\nGRING\nGREC ts=9 IRQ x=9\n"
				    "GUEST vm=1 at_ns=20 id=" ID "\n"
				    "GRING first=0x100000000 lost=2 torn=5\n"
				    "GREC ts=3 IRQ x=3\nGREC ts=4 IRQ x=4\n"
				    "GUEST vm=1 at_ns=30 id=" ID " state=GONE why=\"it ended\"\n");
	struct fsr_guest_data *g = load(r, 1);

	(void)state;
	assert_int_equal(g->state, FSR_GS_READ);
	assert_int_equal(g->read_ns, 20);
	assert_string_equal(g->why, "it ended");
	assert_int_equal(g->nrings, 1);
	assert_int_equal(g->rings[0].first, 0xfffffffe);
	assert_int_equal(g->rings[0].n, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(g->rings[0].recs[i].x, i + 1);
		assert_int_equal(g->rings[0].recs[i].seq, (uint32_t)(0xffffffffu + i));
	}
	assert_int_equal(g->rings[0].lost, 3);
	assert_int_equal(g->rings[0].partial, 6); /* the one that came again */
	fsr_guest_free(g);
	g = load(r, 2);
	assert_int_equal(g->rings[0].n, 1);
	assert_int_equal(g->rings[0].recs[0].x, 9);
	fsr_guest_free(g);
	fsr_free(r);
}

static void states_are_told(void **state)
{
	struct fsr_reader *r = make("GUEST vm=1 at_ns=10 state=DENIED why=\"no \\x07right\"\n"
				    "GDIR ncpus=7\nGRING\nGREC ts=1 IRQ\n");
	struct fsr_guest_data *g = load(r, 1);

	(void)state;
	assert_int_equal(g->state, FSR_GS_DENIED);
	assert_string_equal(g->why, "no \x07right");
	assert_int_equal(g->dir.ncpus, 0);
	assert_int_equal(g->nrings, 0);
	fsr_guest_free(g);
	fsr_free(r);
}

/* An arming with another name is another recorder: what was read first stands. */
static void an_id_that_changes(void **state)
{
	struct fsr_reader *r = make("GUEST vm=1 at_ns=10 id=" ID "\nGDIR ncpus=1\nGRING\n"
				    "GREC ts=1 IRQ x=1\n"
				    "GUEST vm=1 at_ns=20 id=ffeeddccbbaa99887766554433221100\n"
				    "GDIR ncpus=9\nGRING first=1\nGREC ts=2 IRQ x=2\n");
	struct fsr_guest_data *g = load(r, 1);

	(void)state;
	assert_int_equal(g->state, FSR_GS_READ);
	assert_memory_equal(g->dir.id, id, 16);
	assert_int_equal(g->dir.ncpus, 1);
	assert_int_equal(g->rings[0].n, 1);
	assert_string_equal(g->why, "a later reading found another recorder");
	fsr_guest_free(g);
	fsr_free(r);
}

/* --- chunks made by hand --- */

static struct fsr_writer *begin(const char *path)
{
	struct fsr_writer *w;

	assert_int_equal(fsr_create(path, &w), 0);
	return w;
}

static struct fsr_reader *end(struct fsr_writer *w, const char *path)
{
	fsr_write(w, FSR_END, "{}", 2);
	assert_int_equal(fsr_close(w), 0);
	return open_at(path);
}

/* Records whose numbers run backwards, leap, or are of no kind are torn; the others stand. */
static void numbers_that_do_not_fit(void **state)
{
	static const uint32_t seqs[] = {11, 10, 12, 12, 14, 0x90000000, 15, 13};
	struct fsg_rec recs[8] = {0};
	struct fsr_guest head = {.vm = 1};
	struct fsr_guest_part part = {
		.kind = FSR_GP_RING, .first = 10, .bytes = sizeof(recs), .lost = UINT64_MAX};
	const char *path = tmp_path("n.fsr");
	struct fsr_writer *w = begin(path);
	struct fsr_bytes b = {0};
	struct fsr_guest_data *g;
	struct fsr_reader *r;

	(void)state;
	for (int i = 0; i < 8; i++)
		recs[i] = (struct fsg_rec){.seq = seqs[i], .kind = i == 6 ? 0 : FSG_K_IRQ};
	assert_int_equal(fsr_guest_begin(&b, &head), 0);
	assert_int_equal(fsr_guest_add(&b, &part, recs), 0);
	assert_int_equal(fsr_guest_add(&b, &part, recs), 0);
	part.kind = 99; /* of a newer minor */
	assert_int_equal(fsr_guest_add(&b, &part, recs), 0);
	assert_int_equal(fsr_write(w, FSR_GUEST, b.v, b.n), 0);
	r = end(w, path);
	g = load(r, 1);
	assert_int_equal(g->nrings, 1);
	assert_int_equal(g->rings[0].n, 3); /* 11, 12, 14 */
	assert_int_equal(g->rings[0].recs[2].seq, 14);
	assert_true(g->partial >= 5);
	assert_true(g->lost == UINT64_MAX); /* a sum that does not wrap */
	fsr_guest_free(g);
	fsr_free(r);
	fs_vec_free(&b);
}

/* Parts that do not add up: that VM's guest recording is bad; others and events are there. */
static void parts_that_do_not_add_up(void **state)
{
	struct fsr_guest head = {.vm = 1};
	struct fsr_guest_part part = {.kind = FSR_GP_RING, .bytes = 0x7ffffff0};
	const char *path = tmp_path("p.fsr");
	struct fsr_writer *w = begin(path);
	struct fsr_guest_data *g;
	struct fsr_bytes b = {0};
	struct fsr_reader *r;

	(void)state;
	assert_int_equal(fsr_guest_begin(&b, &head), 0);
	assert_int_equal(fs_vec_reserve(&b, sizeof(part)), 0);
	memcpy(b.v + b.n, &part, sizeof(part));
	assert_int_equal(fsr_write(w, FSR_GUEST, b.v, b.n + sizeof(part)), 0);
	assert_int_equal(fsr_write(w, FSR_GUEST, b.v, b.n + 3), 0);
	head.vm = 2;
	assert_int_equal(fsr_write(w, FSR_GUEST, &head, sizeof(head)), 0);
	r = end(w, path);
	assert_false(fsr_info(r)->truncated);
	g = load(r, 1);
	assert_int_equal(g->state, FSR_GS_BAD);
	assert_string_equal(g->why, "its parts in the recording do not add up");
	fsr_guest_free(g);
	g = load(r, 2);
	assert_int_equal(g->state, FSR_GS_READ);
	fsr_guest_free(g);
	fsr_free(r);
	fs_vec_free(&b);
}

static void write_blob(struct fsr_writer *w, uint8_t first, uint32_t kind, const void *data,
		       size_t bytes)
{
	struct fsr_guest_blob head = {.id = {first}, .kind = kind, .bytes = (uint32_t)bytes};
	uint8_t *p = malloc(sizeof(head) + bytes);

	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), data, bytes);
	assert_int_equal(fsr_write(w, FSR_GUEST_BLOB, p, sizeof(head) + bytes), 0);
	free(p);
}

static void write_deflated(struct fsr_writer *w, uint8_t first, const void *data, size_t bytes,
			   size_t cut)
{
	uLongf room = compressBound(bytes);
	uint8_t *p = malloc(room);

	assert_int_equal(compress2(p, &room, data, bytes, 1), Z_OK);
	write_blob(w, first, FSG_PART_SYMBOLS, p, room - cut);
	free(p);
}

static void symbols_and_meta(void **state)
{
	static const char good[] = "ffffffff81000000 T _text\nffffffff81000010 t a\x1b\xffz\tx\n";
	char *huge = calloc(1, FSR_MAX_GUEST_SYMBOLS + 1);
	const char *path = tmp_path("s.fsr"), *text;
	struct fsr_writer *w = begin(path);
	uint8_t key[16] = {1};
	struct fsr_reader *r;
	size_t len;

	(void)state;
	write_deflated(w, 1, good, sizeof(good) - 1, 0);
	write_deflated(w, 1, "other", 5, 0); /* the first stands */
	write_deflated(w, 2, good, sizeof(good) - 1, 3);
	write_blob(w, 3, FSG_PART_SYMBOLS, "no zlib", 7);
	write_deflated(w, 4, huge, FSR_MAX_GUEST_SYMBOLS + 1, 0);
	write_deflated(w, 5, huge, FSR_MAX_GUEST_SYMBOLS, 0);
	write_blob(w, 1, FSG_PART_META, "{\"kernel\": \"6.1\"}", 17);
	write_blob(w, 2, FSG_PART_META, "[1]", 3);
	write_blob(w, 3, FSG_PART_META, "{", 1);
	r = end(w, path);
	text = fsr_guest_symbols(r, key, &len);
	assert_int_equal(len, sizeof(good) - 1);
	assert_string_equal(text, "ffffffff81000000 T _text\nffffffff81000010 t a??z\tx\n");
	assert_ptr_equal(fsr_guest_symbols(r, key, &len), text);
	assert_string_equal(json_string_value(json_object_get(fsr_guest_meta(r, key), "kernel")),
			    "6.1");
	for (key[0] = 2; key[0] < 5; key[0]++) {
		assert_null(fsr_guest_symbols(r, key, &len));
		assert_null(fsr_guest_meta(r, key));
	}
	assert_non_null(fsr_guest_symbols(r, key, &len));
	assert_int_equal(len, FSR_MAX_GUEST_SYMBOLS);
	key[0] = 9;
	assert_null(fsr_guest_symbols(r, key, &len));
	fsr_free(r);
	free(huge);
}

/* --- text --- */

static void add_line(const char *text, void *arg)
{
	FS_VEC(char) *all = arg;
	size_t n = strlen(text);

	assert_int_equal(fs_vec_reserve(all, n + 2), 0);
	memcpy(all->v + all->n, text, n);
	all->v[all->n + n] = '\n';
	all->v[all->n + n + 1] = '\0';
	all->n += n + 1;
}

static uint64_t rnd(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void count_object(const json_t *o, void *arg)
{
	char *text = json_dumps(o, JSON_ENSURE_ASCII);

	assert_non_null(text);
	free(text);
	++*(size_t *)arg;
}

/* Any bytes in a directory and in records become lines that make the very same payload. */
static void text_there_and_back(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct fsr_guest head = {.vm = 1, .tgid = 2, .at_ns = 3, .done_ns = 4};
		struct fsr_guest_part dir = {.kind = FSR_GP_DIR, .bytes = FSG_PAGE};
		struct fsr_guest_part ring = {.kind = FSR_GP_AGENT, .first = rnd()};
		_Alignas(8) uint8_t page[FSG_PAGE] = {0};
		struct fsg_dir *d = (void *)page;
		struct fsg_rec recs[40];
		struct fsr_bytes b = {0};
		FS_VEC(char) text = {0};
		struct fsr_reader *r;
		size_t bytes, objects = 0;
		void *again;

		for (size_t i = 0; i < sizeof(*d); i++)
			page[i] = (uint8_t)(rnd() >> 20);
		memset(d->magic, 0, sizeof(d->magic));
		strcpy(d->magic, FSG_MAGIC);
		for (int i = 0; i < FSG_MAX_LISTS; i++)
			d->list_gfn[i] = i < 20 ? rnd() | 1 : 0;
		for (int i = 0; i < FSG_MAX_PARTS; i++)
			d->parts[i].pad = 0;
		for (uint32_t i = 0; i < 40; i++) {
			for (size_t k = 0; k < sizeof(recs[i]); k++)
				((uint8_t *)&recs[i])[k] = (uint8_t)(rnd() >> 20);
			recs[i].kind = (uint16_t)(1 + rnd() % 30);
			recs[i].seq = (uint32_t)(ring.first + i * 3 + 1);
		}
		ring.bytes = sizeof(recs);
		assert_int_equal(fsr_guest_begin(&b, &head), 0);
		assert_int_equal(fsr_guest_add(&b, &dir, page), 0);
		assert_int_equal(fsr_guest_add(&b, &ring, recs), 0);
		assert_int_equal(fsr_guest_print(b.v, b.n, add_line, &text), 0);
		assert_int_equal(fsr_guest_json(b.v, b.n, count_object, &objects), 0);
		assert_int_equal(objects, 1 + 1 + 1 + 40);
		r = make(text.v);
		again = fsr_guest_payload(r, 0, &bytes);
		assert_int_equal(bytes, b.n);
		assert_memory_equal(again, b.v, bytes);
		free(again);
		fsr_free(r);
		fs_vec_free(&text);
		fs_vec_free(&b);
	}
}

static void lines_that_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"GREC ts=1 IRQ", "line 1: no GUEST goes before it"},
		{"GUEST vm=1\nGREC ts=1 IRQ", "line 2: no GRING or GAGENT goes before it"},
		{"GUEST vm=1\nGRING\nGREC ts=1", "line 3: no kind of a guest record is named"},
		{"GUEST vm=1\nGRING\nGREC IRQ y=1", "line 3: there is no field \"y\" here"},
		{"GUEST vm=1\nGRING\nGREC IRQ a=\"123456789\"", "line 3: a: more than 8"},
		{"GUEST vm=1 id=12", "line 1: id: \"12\" does not fit"},
		{"GUEST vm=1\nGCLOCK 4 tsc=1", "line 2: a number below 4 must come first"},
		{"GUEST vm=1\nGFRAMES 1 x", "line 2: \"x\" is no number"},
		{"GMETA 1", "line 1: not a JSON object"},
		{"GUEST vm=1 why=\"x", "line 1: why: the text is not closed"},
		{"GOTHER", "line 1: there is no event kind \"GOTHER\""},
	};
	char err[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(fsr_compile(bad[i].text, tmp_path("bad.fsr"), err, sizeof(err)) < 0);
		if (strncmp(err, bad[i].why, strlen(bad[i].why)))
			fail_msg("%s: %s", bad[i].text, err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reading_is_loaded),
		cmocka_unit_test(readings_add_up),
		cmocka_unit_test(states_are_told),
		cmocka_unit_test(an_id_that_changes),
		cmocka_unit_test(numbers_that_do_not_fit),
		cmocka_unit_test(parts_that_do_not_add_up),
		cmocka_unit_test(symbols_and_meta),
		cmocka_unit_test(text_there_and_back),
		cmocka_unit_test(lines_that_are_refused),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
