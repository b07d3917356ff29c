// SPDX-License-Identifier: BSD-2-Clause
/* Blocks of locked memory, and the frames of the guest that they are in. */
#include "guest/recorder/block.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
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
	int fd = memfd_create(name, MFD_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)(pages * FSG_PAGE)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* Fills a pipe with references to all pages; what it does not take is locked all the same. */
static void hold(struct guest_block *b)
{
	struct iovec v = {.iov_base = b->at, .iov_len = b->pages * FSG_PAGE};
	ssize_t n = 1;

	if (pipe2(b->hold, O_CLOEXEC | O_NONBLOCK) ||
	    fcntl(b->hold[1], F_SETPIPE_SZ, v.iov_len) < 0)
		return;
	while (v.iov_len && n > 0) {
		n = vmsplice(b->hold[1], &v, 1, SPLICE_F_NONBLOCK);
		if (n > 0) {
			v.iov_base = (uint8_t *)v.iov_base + n;
			v.iov_len -= (size_t)n;
		}
	}
}

int guest_block_new(struct guest_block *b, const char *name, size_t pages, bool bpf)
{
	int ret;

	*b = (struct guest_block){.fd = bpf ? make_map(name, pages) : make_file(name, pages),
				  .pages = pages,
				  .bpf = bpf,
				  .hold = {-1, -1}};
	if (b->fd < 0)
		return b->fd;
	b->at = mmap(NULL, pages * FSG_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		     b->fd, 0);
	ret = b->at == MAP_FAILED ? -errno : 0;
	if (ret)
		b->at = NULL;
	else if (!bpf)
		ret = mlock(b->at, pages * FSG_PAGE) ? -errno : 0;
	if (ret) {
		guest_block_free(b);
		return ret;
	}
	if (!bpf)
		hold(b);
	memset(b->at, 0, pages * FSG_PAGE);
	return 0;
}

void guest_block_free(struct guest_block *b)
{
	if (b->at)
		munmap(b->at, b->pages * FSG_PAGE);
	if (b->fd >= 0)
		close(b->fd);
	for (int i = 0; i < 2 && !b->bpf && b->at; i++)
		if (b->hold[i] >= 0)
			close(b->hold[i]);
	*b = (struct guest_block){.fd = -1};
}

int guest_block_frames(const struct guest_block *b, uint64_t *gfn)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < b->pages && !ret; i++) {
		uintptr_t page = (uintptr_t)b->at / FSG_PAGE + i;
		uint64_t e = 0;

		errno = 0;
		if (pread(fd, &e, sizeof(e), (off_t)(page * sizeof(e))) != (ssize_t)sizeof(e))
			ret = errno ? -errno : -EIO;
		else if (!(e & PM_PRESENT))
			ret = -EFAULT;
		else if (!(e & PM_PFN))
			ret = -EPERM;
		gfn[i] = e & PM_PFN;
	}
	close(fd);
	return ret;
}
