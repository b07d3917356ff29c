// SPDX-License-Identifier: BSD-2-Clause
/* The page cache of a snapshot before its forks: cold, warm, or as it is. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/units.h"
#include "bench/bench.h"

#define DROP_NS 1000000000ull /* how long what stays in the page cache is tried to be dropped */

static int read_all(int fd, const struct fs_bench *b, char *err, size_t len)
{
	const struct fs_range all = {0, (uint64_t)lseek(fd, 0, SEEK_END)};
	struct fs_ranges one = {(struct fs_range *)&all, 1, 1};
	struct fs_prefetch_run run = {.how = FS_MECH_READ, .fd = fd, .stop = b->o.stop};

	return fs_prefetch_do(&run, &one, err, len);
}

/*
 * A fork that was just ended may still map its pages for a moment (who reads its memory keeps it),
 * and what is mapped cannot be dropped: so it is tried for a while. A few pages are nothing to
 * speak of.
 */
static int drop(const struct fs_bench *b, int fd, char *err, size_t len)
{
	const struct fs_range all = {0, (uint64_t)lseek(fd, 0, SEEK_END)};
	uint64_t until = fs_mono_ns() + DROP_NS, bytes = 0;
	char left[FS_UNITS_LEN];

	for (;;) {
		int ret = fs_cache_drop(fd);

		if (ret)
			return fs_errf(err, len, ret, "dropping the memory file's page cache: %s",
				       strerror(-ret));
		ret = fs_cache_resident(fd, &all, &bytes);
		if (ret)
			fs_warn("--cache cold: what of the memory file stays in the page cache cannot be counted (%s): that forks are cold is not verified",
				strerror(-ret));
		if (ret || bytes <= all.size / 100)
			return 0;
		if (fs_mono_ns() > until || *b->o.stop)
			break;
		usleep(20000);
	}
	fs_warn("--cache cold: %s of the memory file stay in the page cache: %s",
		fs_fmt_bytes(bytes, left, sizeof(left)), fs_cache_why_kept(fd));
	return 0;
}

int fs_bench_condition(struct fs_bench *b, int memory, const char *state, char *err, size_t len)
{
	int fd, ret;

	if (memory < 0 || b->o.cache == FS_CACHE_AS_IS)
		return 0;
	if (b->o.cache == FS_CACHE_WARM)
		return read_all(memory, b, err, len);
	fd = open(state, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		fs_cache_drop(fd);
		close(fd);
	}
	ret = drop(b, memory, err, len);
	if (!ret && b->o.dropped)
		b->o.dropped(memory);
	return ret;
}
