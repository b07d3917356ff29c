/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits of records (event.h): hints of what happened in a span, who woke a thread. Append-only. */
#ifndef FORKSCOPE_EVENT_BITS_H
#define FORKSCOPE_EVENT_BITS_H

/* struct fs_ev_vmexit.hints: what the vCPU's thread did between exit and entry */
enum {
	FS_H_PF = 1 << 0,        /* kvm_page_fault: EPT/NPT violation */
	FS_H_HMM = 1 << 1,       /* handle_mm_fault ran (function probe) */
	FS_H_MAJOR = 1 << 2,     /* handle_mm_fault said VM_FAULT_MAJOR */
	FS_H_COW = 1 << 3,       /* a private copy was made */
	FS_H_ZERO = 1 << 4,      /* a zero page or a fresh zeroed page was given */
	FS_H_FILEMAP = 1 << 5,   /* the page cache was looked up (mm_filemap_fault/map_pages) */
	FS_H_CACHE_ADD = 1 << 6, /* pages were added to the page cache */
	FS_H_BIO = 1 << 7,       /* block I/O was submitted */
	FS_H_UFFD = 1 << 8,      /* handle_userfault ran (function probe) */
	FS_H_FASTPF = 1 << 9,    /* KVM's fast_page_fault fixed it: write-protect or access bits */
	FS_H_APF_NOT_PRESENT = 1 << 10,
	FS_H_APF_READY = 1 << 11,
	FS_H_HALT = 1 << 12,       /* kvm_vcpu_wakeup was seen: the vCPU was halted in here */
	FS_H_USER = 1 << 13,       /* went back to user space (RUN records have when) */
	FS_H_OFFCPU = 1 << 14,     /* switched out at least once (OFFCPU records have when) */
	FS_H_MMIO = 1 << 15,       /* kvm_mmio or kvm_fast_mmio */
	FS_H_VMA_FILE = 1 << 16,   /* the faulting VMA maps a file (function probe) */
	FS_H_VMA_SHARED = 1 << 17, /* ... shared */
	FS_H_VMA_KNOWN = 1 << 18,  /* the two bits above are valid */
	FS_H_SWAPIN = 1 << 19,     /* do_swap_page ran */
	FS_H_INJECT = 1 << 20,     /* kvm_inj_virq before this entry */
	FS_H_APF_REPEATED = 1 << 21,
	FS_H_SPURIOUS = 1 << 22,    /* fast_page_fault or the SPTE path said spurious/retry */
	FS_H_MEMSLOT = 1 << 23,     /* the fault's GPA lies in a known memory slot */
	FS_H_INVALIDATED = 1 << 24, /* an MMU notifier invalidated this VM's mapping meanwhile */
	FS_H_HUGETLB = 1 << 25,     /* the faulting VMA is of hugetlb memory (function probe) */
	FS_H_HUGE_SEEN = 1 << 26, /* ... and copying or clearing a huge page would have been seen */
	FS_H_HUGE_2M = 1 << 27,   /* ... its pages are of 2 MiB */
	FS_H_HUGE_1G = 1 << 28,   /* ... of 1 GiB */
};

/* struct fs_ev_offcpu.waker_flags */
enum {
	FS_W_IRQ = 1 << 0, /* woken from interrupt context: waker_tid is not the causer */
	FS_W_SOFTIRQ = 1 << 1,
	FS_W_WORK = 1 << 2,    /* the waker was executing a tracked work item (`work`) */
	FS_W_UNSEEN = 1 << 3,  /* no wake-up was seen */
	FS_W_PREEMPT = 1 << 4, /* switched out while runnable: no wake-up is expected */
	FS_W_THROTTLED =
		1 << 5,      /* left because a quota was used up (exact: task or group said so) */
	FS_W_TIMER = 1 << 6, /* woken in interrupt context by its own hrtimer */
	FS_W_BIO = 1 << 7,   /* woken by the completion of block I/O (`work` = bio) */
	FS_W_CTX_UNKNOWN = 1 << 8, /* the kernel does not show interrupt context */
	FS_W_LOCK = 1 << 9,   /* it slept for a lock of its process: who woke it let go of that */
	FS_W_UNINT = 1 << 10, /* it slept uninterruptibly: for a lock or a page of the kernel */
};

#endif
