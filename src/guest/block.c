// SPDX-License-Identifier: BSD-2-Clause
#include "guest/block.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bpf/guest_ring.h"

#define PM_PRESENT (1ull << 63)
#define PM_PFN     ((1ull << 55) - 1)

static int make_map(const char *name, size_t pages)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), FSG_PAGE, (__u32)pages, &o);
}

static int make_file(const char *name, size_t pages)
{
	int fd = memfd_create(name, MFD_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)(pages * FSG_PAGE)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int fsg_block_new(struct fsg_block *b, const char *name, size_t pages, bool bpf)
{
	int rc;

	*b = (struct fsg_block){.fd = bpf ? make_map(name, pages) : make_file(name, pages),
				.pages = pages,
				.bpf = bpf};
	if (b->fd < 0)
		return b->fd;
	b->at = mmap(NULL, pages * FSG_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		     b->fd, 0);
	if (b->at == MAP_FAILED || (!bpf && mlock(b->at, pages * FSG_PAGE))) {
		rc = -errno;
		b->at = b->at == MAP_FAILED ? NULL : b->at;
		fsg_block_free(b);
		return rc;
	}
	memset(b->at, 0, pages * FSG_PAGE);
	return 0;
}

void fsg_block_free(struct fsg_block *b)
{
	if (b->at)
		munmap(b->at, b->pages * FSG_PAGE);
	if (b->fd >= 0)
		close(b->fd);
	*b = (struct fsg_block){.fd = -1};
}

int fsg_block_frames(const struct fsg_block *b, uint64_t *gfn)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < b->pages && !rc; i++) {
		uintptr_t page = (uintptr_t)b->at / FSG_PAGE + i;
		uint64_t e = 0;

		if (pread(fd, &e, sizeof(e), (off_t)(page * sizeof(e))) != (ssize_t)sizeof(e))
			rc = errno ? -errno : -EIO;
		else if (!(e & PM_PRESENT))
			rc = -EFAULT;
		else if (!(e & PM_PFN))
			rc = -EPERM;
		gfn[i] = e & PM_PFN;
	}
	close(fd);
	return rc;
}
