// SPDX-License-Identifier: BSD-2-Clause
/* Hypotheses by name, in the words of forkscope bench --prefetch. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/units.h"
#include "base/vec.h"
#include "experiment/ceiling.h"

static int set_range(struct fsx_hypothesis *h, uint64_t offset, uint64_t size, uint64_t memory)
{
	h->which = FSX_RANGES;
	if (memory && offset >= memory)
		return 0;
	if (memory && size > memory - offset)
		size = memory - offset;
	if (!size || size > INT64_MAX || offset > INT64_MAX - size)
		return -EINVAL;
	if (fs_vec_push(&h->set, (struct fs_range){offset, size}))
		return -ENOMEM;
	fsx_ranges_tidy(&h->set);
	return 0;
}

static int around(struct fsx_hypothesis *h, uint64_t mailbox, uint64_t size, uint64_t memory)
{
	uint64_t from = mailbox > size / 2 ? mailbox - size / 2 : 0;

	h->which = FSX_RANGES;
	if (mailbox == UINT64_MAX) {
		snprintf(
			h->why, sizeof(h->why),
			"it is not known where the mailbox is: give --mailbox OFFSET (forkscope mailbox find says it)");
		return 0;
	}
	/* at the end of the memory the window moves, so that it stays as large as was asked */
	if (memory && size <= memory && from > memory - size)
		from = memory - size;
	return set_range(h, from, size, memory);
}

/* "OFFSET:SIZE", a plain number in decimal or 0x... and a size. */
static int parse_range(const char *text, uint64_t *offset, uint64_t *size)
{
	char *end;

	errno = 0;
	*offset = strtoull(text, &end, 0);
	return errno || end == text || *text == '-' || *end != ':' ? -EINVAL
								   : fs_parse_bytes(end + 1, size);
}

int fsx_hypothesis_parse(const char *text, uint64_t mailbox, uint64_t memory,
			 struct fsx_hypothesis *h, char *err, size_t err_len)
{
	uint64_t offset, size;
	int ret = -EINVAL;

	*h = (struct fsx_hypothesis){.which = FSX_ALL};
	snprintf(h->name, sizeof(h->name), "%s", text);
	if (!strcmp(text, "all")) {
		snprintf(h->name, sizeof(h->name), "all faults");
		return 0;
	}
	if (!strcmp(text, "major")) {
		snprintf(h->name, sizeof(h->name), "major only");
		h->which = FSX_MAJOR;
		return 0;
	}
	if (!strcmp(text, "perfect") || !strcmp(text, "workingset")) {
		h->which = *text == 'p' ? FSX_PERFECT : FSX_RANGES;
		return 0;
	}
	if (!strncmp(text, "mailbox:", 8) && !fs_parse_bytes(text + 8, &size))
		ret = around(h, mailbox, size, memory);
	else if (!strncmp(text, "head:", 5) && !fs_parse_bytes(text + 5, &size))
		ret = set_range(h, 0, size, memory);
	else if (!strncmp(text, "range:", 6) && !parse_range(text + 6, &offset, &size))
		ret = set_range(h, offset, size, memory);
	if (ret == -ENOMEM)
		return fs_errf(err, err_len, ret, "no memory");
	if (ret)
		return fs_errf(
			err, err_len, ret,
			"\"%.60s\" is not a hypothesis: all, major, perfect, workingset, mailbox:SIZE, head:SIZE or range:OFFSET:SIZE, as in head:64MiB",
			text);
	return 0;
}

void fsx_hypothesis_free(struct fsx_hypothesis *h)
{
	fs_ranges_free(&h->set);
}
