/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMClock page (its published ABI): what of it a resume signal needs. The host makes
 * seq_count odd while it changes the page.
 */
#ifndef FORKSCOPE_GUEST_VMCLOCK_H
#define FORKSCOPE_GUEST_VMCLOCK_H

#include "guest/common/fastpath.h"
#include "guest/resume/signal.h"

#define GUEST_VMCLOCK_MAGIC            0x4b4c4356u /* "VCLK" */
#define GUEST_VMCLOCK_MAGIC_AT         0
#define GUEST_VMCLOCK_SEQ_AT           12
#define GUEST_VMCLOCK_FLAGS_AT         24
#define GUEST_VMCLOCK_GENERATION_AT    104
#define GUEST_VMCLOCK_HAS_GENERATION   (1ull << 8)
#define GUEST_VMCLOCK_HAS_NOTIFICATION (1ull << 9)

/* Odd or changing for longer than this: the host does not keep to the ABI. */
#define GUEST_VMCLOCK_TRIES            2000
#define GUEST_VMCLOCK_SLEEP            50000 /* ns */

static inline uint64_t guest_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

/*
 * Reads the structure by pread() into @clock. Returns 0, -ENODATA (shorter than the structure), or
 * a negative errno; -ETIMEDOUT when the host never finishes a change.
 */
static inline int guest_vmclock_read(int fd, uint8_t clock[GUEST_VMCLOCK_SIZE],
				     uint64_t *generation)
{
	for (int i = 0; i < GUEST_VMCLOCK_TRIES; i++) {
		long n = hot_pread(fd, clock, GUEST_VMCLOCK_SIZE, 0);

		/* the driver itself waits 100 ms for an even count, then says ETIMEDOUT */
		if (n == -EINTR || n == -ETIMEDOUT)
			continue;
		if (n < 0)
			return (int)n;
		if (n < GUEST_VMCLOCK_SIZE)
			return -ENODATA;
		if (!(clock[GUEST_VMCLOCK_SEQ_AT] & 1)) {
			*generation = guest_le64(clock + GUEST_VMCLOCK_GENERATION_AT);
			return 0;
		}
		hot_sleep(GUEST_VMCLOCK_SLEEP);
	}
	return -ETIMEDOUT;
}

/* Reads the generation out of the mapped page; false while the host is changing it. */
static inline bool guest_vmclock_page(const volatile uint8_t *page, uint64_t *generation)
{
	const volatile uint32_t *seq = (const volatile uint32_t *)(page + GUEST_VMCLOCK_SEQ_AT);
	uint32_t before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);

	*generation = __atomic_load_n(
		(const volatile uint64_t *)(page + GUEST_VMCLOCK_GENERATION_AT), __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(before & 1) && __atomic_load_n(seq, __ATOMIC_RELAXED) == before;
}

#endif
