// SPDX-License-Identifier: BSD-2-Clause
/*
 * libFuzzer target: any bytes as a recording. Checksums are made right first, so that the fuzzer
 * gets behind them; one input bit says whether, another how much memory the merge may use.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "record/crc.h"
#include "record/inspect.h"
#include "record/kinds.h"
#include "record/reader_impl.h"
#include "record/text/event_text.h"
#include "tests/fuzz/check.h"
#include "tools/mkrec/event_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend_chunk(uint8_t *data, size_t at, size_t size, uint32_t seq, size_t *next)
{
	struct fsr_chunk_header h;

	memcpy(&h, data + at, sizeof(h));
	h.magic = FSR_CHUNK_MAGIC;
	h.seq = seq;
	h.bytes %= 4096;
	*next = at + sizeof(h) + ((h.bytes + 7) & ~7u);
	if (*next <= size) {
		memset(data + at + sizeof(h) + h.bytes, 0, -h.bytes & 7);
		h.crc = fsr_crc32(0, data + at + sizeof(h), h.bytes);
	}
	h.hcrc = fsr_crc32(0, &h, offsetof(struct fsr_chunk_header, hcrc));
	memcpy(data + at, &h, sizeof(h));
}

/* Makes the framing sound, and leaves what is in it. */
static void mend(uint8_t *data, size_t size)
{
	struct fsr_file_header h;
	size_t at = sizeof(h), next;

	if (size < sizeof(h))
		return;
	memcpy(&h, data, sizeof(h));
	memcpy(h.magic, FSR_MAGIC, sizeof(h.magic));
	h.major = FSR_MAJOR;
	h.header_bytes = sizeof(h);
	h.crc = fsr_crc32(0, &h, offsetof(struct fsr_file_header, crc));
	memcpy(data, &h, sizeof(h));
	for (uint32_t seq = 0; at + sizeof(struct fsr_chunk_header) <= size; at = next)
		mend_chunk(data, at, size, seq++, &next);
}

/* What is promised of every recording, whatever is in it. */
static void read_all(struct fsr_reader *r)
{
	const struct fsr_info *info = fsr_info(r);
	char text[FSR_MAX_LINE];
	const struct fs_ev *ev;
	struct fs_ev last = {0};
	struct fsr_parsed back;
	uint64_t n = 0;

	while (fsr_next(r, &ev) == 1) {
		check(ev->ts >= last.ts && ev->len >= fsr_kind_bytes(ev->kind));
		check(fsr_kind_bytes(ev->kind) >= sizeof(*ev));
		last = *ev;
		if (n++ < 64) {
			check(fsr_text_print(ev, text) < sizeof(text) - 1);
			check(fsr_text_parse(text, &back, NULL, 0) == fsr_kind_bytes(ev->kind));
		}
	}
	check(info->events == n);
	check(info->truncated || info->complete);
	check(!info->truncated || *info->why);
}

static int count_chunk(const struct fsr_chunk_info *info, void *arg)
{
	(void)info;
	++*(uint64_t *)arg;
	return 0;
}

static void look_up(struct fsr_reader *r)
{
	uint64_t chunks = 0, off, addr;
	const uint64_t *addrs;
	const char *module;
	uint32_t id;
	int depth;

	fsr_each_chunk(r, count_chunk, &chunks);
	check(chunks <= fsr_info(r)->chunks);
	for (size_t i = 0; (depth = fsr_stack_at(r, i, &id, &addrs)) >= 0; i++) {
		check((int)fsr_stack(r, id, &addrs) == depth);
		for (int k = 0; k < depth; k++)
			fsr_ksym(r, addrs[k], &off);
	}
	for (size_t i = 0; fsr_symbol_at(r, i, &addr, &module); i++)
		check(fsr_ksym(r, addr, &off) && off == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	struct fsr_reader *r;
	uint8_t *copy;
	char err[300];
	uint64_t n;

	if (size < 1 || size > 1 << 16)
		return 0;
	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	copy = malloc(size);
	memcpy(copy, data, size);
	if (copy[size - 1] & 1)
		mend(copy, size - 1);
	if (ftruncate(fd, 0) || pwrite(fd, copy, size - 1, 0) != (ssize_t)size - 1)
		abort();
	if (!fsr_open_budget(path, copy[size - 1] & 2 ? 0 : FSR_MERGE_BUDGET, &r, err,
			     sizeof(err))) {
		read_all(r);
		look_up(r);
		n = fsr_info(r)->events;
		fsr_rewind(r);
		read_all(r);
		check(n == fsr_info(r)->events);
		fsr_free(r);
	}
	free(copy);
	return 0;
}
