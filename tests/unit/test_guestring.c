// SPDX-License-Identifier: BSD-2-Clause
/* Readings of recorders in forks of one snapshot: what one fork could not give, the next one does.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "collect/guest/guestring.h"
#include "record/guest/guest_chunk.h"
#include "../guest/craft_ring.h"
#include "tmp.h"

#define PAGES 64

static const struct craft_ring at = {.rings = 2, .pages = 4, .blob_pages = 1, .base = 20};

static const char *snapshot(void)
{
	static uint8_t mem[PAGES * FSG_PAGE];
	struct craft_ring c = at;

	c.mem = mem;
	craft_lay(&c, 0x5a, "{}", "symbols", 7);
	tmp_write(tmp_path("mem"), mem, sizeof(mem));
	return tmp_path("mem");
}

/* A fork of it, in a process, whose page of the part @gone (0 = none) is not there. */
struct vmm {
	pid_t pid;
	uint8_t *mem;
};

static void live(uint8_t *mem, unsigned int gone, int ready)
{
	struct craft_ring c = at;
	const struct fsg_dir *d;

	c.mem = mem;
	craft_write(&c, 0, (struct fsg_rec){.ts = 7, .kind = FSG_K_IRQ});
	d = craft_dir(&c);
	for (unsigned int i = 0; i < d->nparts; i++)
		if (gone && d->parts[i].kind == gone)
			munmap(craft_at(&c, craft_gfn(&c, d->parts[i].first)), FSG_PAGE);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody */
	if (write(ready, "", 1) == 1)
		pause();
	_exit(1);
}

static struct vmm fork_of(const char *path, unsigned int gone)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ready[2];
	struct vmm v;
	char byte;

	assert_true(fd >= 0);
	assert_return_code(pipe(ready), 0);
	v.mem = mmap(NULL, PAGES * FSG_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(v.mem, MAP_FAILED);
	v.pid = fork();
	if (!v.pid)
		live(v.mem, gone, ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(fd);
	return v;
}

static int count(enum fsr_chunk_type type, const void *data, size_t bytes, void *arg)
{
	const struct fsr_guest_blob *b = data;
	unsigned int *blobs = arg;

	(void)bytes;
	if (type == FSR_GUEST_BLOB)
		blobs[b->kind == FSG_PART_META]++;
	return 0;
}

/* Reads fork number @vm; its blobs are counted in @blobs: symbols, META. */
static struct fs_guest_result read_one(struct fs_guestring *r, uint32_t vm, const char *path,
				       unsigned int gone, unsigned int *blobs)
{
	struct vmm v = fork_of(path, gone);
	const struct fs_slot slot = {.size = PAGES * FSG_PAGE, .hva = (uintptr_t)v.mem};
	struct fs_guest_req req = {.vm = vm, .tgid = (uint32_t)v.pid, .last = 1, .nslots = 1};
	struct fs_guest_result res, again;

	assert_int_equal(fs_guestring_read(r, &req, &slot, count, blobs, &res), 0);
	assert_int_equal(fs_guestring_read(r, &req, &slot, count, blobs, &again), 0);
	if (res.state != FSR_GS_READ)
		fail_msg("state %u: %s", res.state, res.why);
	kill(v.pid, SIGKILL);
	waitpid(v.pid, NULL, 0);
	munmap(v.mem, PAGES * FSG_PAGE);
	return res;
}

static void blobs_come_from_the_next_fork(void **state)
{
	static const unsigned int kinds[] = {FSG_PART_SYMBOLS, FSG_PART_META};
	const char *path = snapshot();

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		struct fs_guestring *r = fs_guestring_new(NULL, 0);
		unsigned int blobs[2] = {0};

		assert_non_null(r);
		assert_int_equal(read_one(r, 1, path, kinds[k], blobs).blobs_failed, 1);
		assert_int_equal(blobs[k], 0);
		assert_int_equal(blobs[!k], 1);
		assert_int_equal(read_one(r, 2, path, 0, blobs).blobs_failed, 0);
		assert_int_equal(blobs[0], 1);
		assert_int_equal(blobs[1], 1);
		read_one(r, 3, path, 0, blobs);
		assert_int_equal(blobs[0], 1); /* once for all forks */
		assert_int_equal(blobs[1], 1);
		fs_guestring_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blobs_come_from_the_next_fork),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
