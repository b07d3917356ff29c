// SPDX-License-Identifier: BSD-2-Clause
/*
 * The directory of the recorder, read as the host reads it: by frame numbers alone. The "guest" is
 * this process; where the kernel hides frame numbers (not root) it is the error that is tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "guest/recorder/layout.h"

#define CPUS       3
#define RING_PAGES 5
#define META_BYTES 9000
#define SYM_BYTES  (3u << 20) /* more than one list of frames */

struct scene {
	struct guest_block rings;
	struct guest_symbols symbols;
	struct guest_layout layout;
	char meta[META_BYTES];
	uint64_t *gfn; /* of all pages: rings, store */
};

static void fill(uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		p[i] = (uint8_t)(seed >> 16);
	}
}

/* Returns 0, or -EPERM where frame numbers are hidden. */
static int make(struct scene *s, bool with_rings)
{
	char err[256] = "";
	int ret;

	memset(s, 0, sizeof(*s));
	fill((uint8_t *)s->meta, META_BYTES, 1);
	s->symbols.z = malloc(SYM_BYTES);
	fill(s->symbols.z, SYM_BYTES, 2);
	s->symbols.bytes = SYM_BYTES;
	s->symbols.raw_bytes = 5 * SYM_BYTES;
	s->rings.fd = -1;
	if (with_rings)
		assert_int_equal(guest_block_new(&s->rings, "rings", CPUS * RING_PAGES, false), 0);
	s->layout.store.fd = -1;
	assert_int_equal(guest_block_new(&s->layout.dir, "dir", 1, false), 0);
	s->layout.rings = with_rings ? &s->rings : NULL;
	s->layout.cpus = CPUS;
	s->layout.ring_pages = with_rings ? RING_PAGES : 0;
	s->layout.meta = s->meta;
	s->layout.meta_bytes = META_BYTES;
	s->layout.symbols = &s->symbols;
	ret = guest_layout_make(&s->layout, false, err, sizeof(err));
	if (ret) {
		assert_int_equal(ret, -EPERM);
		assert_non_null(strstr(err, "hides where pages lie"));
		return ret;
	}
	s->gfn = calloc(s->rings.pages + s->layout.store.pages, sizeof(*s->gfn));
	if (with_rings)
		assert_int_equal(guest_block_frames(&s->rings, s->gfn), 0);
	assert_int_equal(guest_block_frames(&s->layout.store, s->gfn + s->rings.pages), 0);
	return 0;
}

static void end(struct scene *s)
{
	guest_block_free(&s->layout.store);
	guest_block_free(&s->layout.dir);
	guest_block_free(&s->rings);
	free(s->symbols.z);
	free(s->gfn);
}

/* The page in frame @gfn, as a host would read it. */
static const uint8_t *page(const struct scene *s, uint64_t gfn)
{
	for (size_t i = 0; i < s->rings.pages + s->layout.store.pages; i++)
		if (s->gfn[i] == gfn)
			return i < s->rings.pages
				       ? s->rings.at + i * FSG_PAGE
				       : s->layout.store.at + (i - s->rings.pages) * FSG_PAGE;
	fail_msg("frame %llx is none of ours", (unsigned long long)gfn);
	return NULL;
}

static const struct fsg_dir *dir(const struct scene *s)
{
	return (const void *)s->layout.dir.at;
}

/* Page @i of a part, found through the lists. */
static const uint8_t *part_page(const struct scene *s, const struct fsg_part *p, uint32_t i)
{
	uint32_t at = p->first + i;
	const uint64_t *list = (const void *)page(s, dir(s)->list_gfn[at / 512]);

	assert_true(i < p->pages && at / 512 < dir(s)->nlists);
	return page(s, list[at % 512]);
}

static void holds(const struct scene *s, const struct fsg_part *p, const void *want, size_t n)
{
	assert_int_equal(p->bytes, n);
	for (size_t at = 0; at < n; at += FSG_PAGE) {
		size_t len = n - at < FSG_PAGE ? n - at : FSG_PAGE;

		assert_memory_equal(part_page(s, p, (uint32_t)(at / FSG_PAGE)),
				    (const uint8_t *)want + at, len);
	}
}

static void is_ring(const struct scene *s, const struct fsg_part *p, uint16_t index)
{
	const struct fsg_ring_head *h = (const void *)part_page(s, p, 0);

	assert_int_equal(p->index, index);
	assert_int_equal(p->bytes, (p->pages - 1) * FSG_PAGE);
	assert_int_equal(p->bytes & (p->bytes - 1), 0);
	assert_int_equal(h->dir_gfn, s->layout.dir_gfn);
}

static void parts_are_found_by_their_frames(void **state)
{
	struct scene s;
	const struct fsg_part *p;

	(void)state;
	if (!make(&s, true)) {
		p = dir(&s)->parts;
		assert_int_equal(dir(&s)->nparts, CPUS + 3);
		assert_true(dir(&s)->nlists > 1);
		assert_int_equal(dir(&s)->ncpus, CPUS);
		for (uint16_t i = 0; i < CPUS; i++) {
			assert_int_equal(p[i].kind, FSG_PART_RING);
			is_ring(&s, &p[i], i);
			assert_ptr_equal(part_page(&s, &p[i], 0),
					 s.rings.at + i * RING_PAGES * FSG_PAGE);
		}
		assert_int_equal(p[CPUS].kind, FSG_PART_AGENT);
		is_ring(&s, &p[CPUS], 0);
		assert_int_equal(((const struct fsg_ring_head *)part_page(&s, &p[CPUS], 0))->mark,
				 FSG_RING_MARK);
		assert_int_equal(p[CPUS + 1].kind, FSG_PART_META);
		holds(&s, &p[CPUS + 1], s.meta, META_BYTES);
		assert_int_equal(p[CPUS + 2].kind, FSG_PART_SYMBOLS);
		assert_int_equal(p[CPUS + 2].raw_bytes, 5 * SYM_BYTES);
		holds(&s, &p[CPUS + 2], s.symbols.z, SYM_BYTES);
	}
	end(&s);
}

static void the_magic_comes_last(void **state)
{
	struct scene s;

	(void)state;
	if (!make(&s, false)) {
		assert_int_equal(dir(&s)->nparts, 3);
		assert_int_equal(dir(&s)->ncpus, 0);
		assert_int_equal(dir(&s)->magic[0], 0);
		guest_layout_publish(&s.layout);
		assert_string_equal(dir(&s)->magic, FSG_MAGIC);
		assert_int_equal(dir(&s)->rec_bytes, sizeof(struct fsg_rec));
	}
	end(&s);
}

static void two_armings_have_two_ids(void **state)
{
	struct scene a, b;

	(void)state;
	if (!make(&a, false) && !make(&b, false)) {
		assert_memory_not_equal(dir(&a)->id, dir(&b)->id, sizeof(dir(&a)->id));
		end(&b);
	}
	end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_found_by_their_frames),
		cmocka_unit_test(the_magic_comes_last),
		cmocka_unit_test(two_armings_have_two_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
