// SPDX-License-Identifier: BSD-2-Clause
/* Writes bytes into a file by the call that its file system allows. */
#include "mailbox/store.h"
#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

bool fs_mbox_is_hugetlb(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC;
}

static int store_by_write(int fd, const uint8_t *from, size_t len, uint64_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

/* The kernel is asked to copy, for it says EFAULT where a memcpy() would end us by SIGBUS. */
static int store_by_mapping(int fd, const uint8_t *from, size_t len, uint64_t at, uint64_t huge)
{
	uint64_t base = at / huge * huge, size = (at + len - base + huge - 1) / huge * huge;
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
			  (off_t)base);
	struct iovec local = {(void *)(uintptr_t)from, len}, remote;
	ssize_t n;
	int ret = 0;

	if (p == MAP_FAILED)
		return -errno;
	remote = (struct iovec){p + (at - base), len};
	n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	if (n != (ssize_t)len)
		ret = n < 0 ? -errno : -EFAULT;
	munmap(p, size);
	return ret;
}

int fs_mbox_store(int fd, const void *bytes, size_t len, uint64_t at)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) || fs.f_type != HUGETLBFS_MAGIC)
		return store_by_write(fd, bytes, len, at);
	return store_by_mapping(fd, bytes, len, at, (uint64_t)fs.f_bsize);
}
