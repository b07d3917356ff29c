// SPDX-License-Identifier: BSD-2-Clause
/* A recorder in a mini VM's memory: laid into the memory file, written to once the VM was resumed.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include "mini.h"
#include "tests/guest/craft_ring.h"

static const char meta[] = "{\"kernel\": \"mini\", \"hooks\": []}";
static const char symbols[] = "ffffffff80008000 T mini_guest\nffffffff80008080 T mini_guest_irq\n";

/* At the end of the memory, behind all that is touched, the first one last. */
static struct craft_ring place(uint8_t *mem, size_t bytes, unsigned int which)
{
	struct craft_ring c = {.mem = mem, .rings = 2, .pages = 4, .blob_pages = 1};

	c.base = bytes / FSG_PAGE - (which + 1) * (craft_frames(&c) + 1);
	return c;
}

static void record(const struct craft_ring *c, unsigned int n, uint64_t ts)
{
	for (unsigned int i = 0; i < n; i++)
		craft_write(c, 0,
			    (struct fsg_rec){.ts = ts + i,
					     .kind = FSG_K_IRQ,
					     .tid = 1,
					     .x = (uint32_t)craft_head(c, 0)->head});
	craft_write(c, 1, (struct fsg_rec){.ts = ts + n, .kind = FSG_K_STAGE, .x = FSG_STAGE_DONE});
}

void mini_recorder_lay(const struct mini_opts *o)
{
	size_t bytes = mini_memory_bytes(o);
	int fd = open(o->file, O_RDWR | O_CLOEXEC);
	uint8_t *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint8_t packed[512];
	uLongf n = sizeof(packed);

	if (fd < 0 || mem == MAP_FAILED)
		mini_die(o->file);
	compress2(packed, &n, (const Bytef *)symbols, sizeof(symbols) - 1, 9);
	for (unsigned int i = 0; i < o->recorders; i++) {
		struct craft_ring c = place(mem, bytes, i);

		craft_lay(&c, (uint8_t)(0x5a + i), meta, packed, n);
		record(&c, MINI_BEFORE, 1000);
	}
	if (msync(mem, bytes, MS_SYNC))
		mini_die("writing the recorder into the memory file");
	munmap(mem, bytes);
	close(fd);
}

void mini_recorder_write(struct mini_vm *vm)
{
	for (unsigned int i = 0; i < vm->o->recorders; i++) {
		struct craft_ring c = place(vm->mem, vm->bytes, i);
		uint64_t first = craft_head(&c, 0)->head;

		record(&c, vm->o->recorder, mini_now());
		if (vm->o->late_ms && first == MINI_BEFORE)
			craft_slot(&c, 0, first)->seq = 0;
	}
}

static void finish(struct mini_vm *vm)
{
	for (unsigned int i = 0; i < vm->o->recorders; i++) {
		struct craft_ring c = place(vm->mem, vm->bytes, i);

		craft_slot(&c, 0, MINI_BEFORE)->seq = MINI_BEFORE + 1;
	}
}

void mini_recorder_hold(struct mini_vm *vm)
{
	uint64_t from = mini_now(), t;
	bool finished = !vm->o->late_ms;

	while ((t = mini_now() - from) < vm->o->hold_ms * 1000000ull) {
		if (!finished && t >= vm->o->late_ms * 1000000ull) {
			finish(vm);
			finished = true;
		}
		if (vm->o->again && !access(vm->o->again, F_OK)) {
			mini_recorder_write(vm);
			if (unlink(vm->o->again))
				mini_die(vm->o->again);
		}
		usleep(2000);
	}
}
