/* SPDX-License-Identifier: BSD-2-Clause */
/* Host pages that a fault takes: allocated, huge ones copied and cleared, those of the page cache.
 */
#include "thread.bpf.h"

#define GFP_USER_PAGE 0x0a /* __GFP_HIGHMEM | __GFP_MOVABLE */
#define GFP_ZERO      0x100

static __always_inline int fs_page_allocated(unsigned int order, unsigned int gfp)
{
	struct fs_thr *t;
	struct fs_acc *a;

	if ((gfp & GFP_USER_PAGE) != GFP_USER_PAGE)
		return 0;
	a = fs_self_acc(&t);
	if (!a || fs_context() & (FS_W_IRQ | FS_W_SOFTIRQ))
		return 0;
	a->n_alloc++;
	if (gfp & GFP_ZERO)
		a->zero_pages += 1u << (order & 31);
	else
		a->new_pages += 1u << (order & 31);
	return 0;
}

SEC("?tp_btf/mm_page_alloc")
int FS_PROG(fs_page_alloc, struct page *page, unsigned int order, unsigned int gfp, int migratetype)
{
	return fs_page_allocated(order, gfp);
}

SEC("?tracepoint/kmem/mm_page_alloc")
int FS_PERF_PROG(fs_page_alloc_perf, struct trace_event_raw_mm_page_alloc)
{
	return fs_page_allocated(ctx->order, ctx->gfp_flags);
}

/*
 * Huge pages of hugetlb memory come from a pool, not from the page allocator: what is done to them
 * is seen where they are copied and cleared.
 */
static __always_inline int fs_huge(__u32 hint)
{
	struct fs_thr *t;
	struct fs_acc *a = fs_self_acc(&t);

	if (a)
		a->hints |= hint;
	return 0;
}

SEC("?fentry/copy_user_large_folio")
int FS_FN_PROG(fs_huge_copy)
{
	return fs_huge(FS_H_COW);
}

SEC("?fentry/copy_user_huge_page")
int FS_FN_PROG(fs_huge_copy_old)
{
	return fs_huge(FS_H_COW);
}

SEC("?kprobe/copy_user_large_folio")
int BPF_KPROBE(fs_huge_copy_kp)
{
	return fs_huge(FS_H_COW);
}

SEC("?kprobe/copy_user_huge_page")
int BPF_KPROBE(fs_huge_copy_old_kp)
{
	return fs_huge(FS_H_COW);
}

SEC("?fentry/folio_zero_user")
int FS_FN_PROG(fs_huge_zero)
{
	return fs_huge(FS_H_ZERO);
}

SEC("?fentry/clear_huge_page")
int FS_FN_PROG(fs_huge_zero_old)
{
	return fs_huge(FS_H_ZERO);
}

SEC("?kprobe/folio_zero_user")
int BPF_KPROBE(fs_huge_zero_kp)
{
	return fs_huge(FS_H_ZERO);
}

SEC("?kprobe/clear_huge_page")
int BPF_KPROBE(fs_huge_zero_old_kp)
{
	return fs_huge(FS_H_ZERO);
}

/* page->flags: a word, or a structure of one word (6.18); the count was renamed in 6.15. */
static __always_inline __u32 fs_folio_pages(struct folio *folio)
{
	unsigned long head = 1ul << bpf_core_enum_value(enum pageflags, PG_head), flags;
	struct folio___nr *f = (void *)folio;

	if (bpf_core_field_exists(folio->flags))
		flags = BPF_CORE_READ(folio, flags);
	else
		flags = BPF_CORE_READ(f, flags.f);
	if (!(flags & head))
		return 1;
	if (bpf_core_field_exists(f->_nr_pages))
		return BPF_CORE_READ(f, _nr_pages);
	return BPF_CORE_READ(folio, _folio_nr_pages);
}

static __always_inline int fs_cached(void *ctx, struct fs_acc *a, struct fs_thr *t, __u32 pages)
{
	a->hints |= FS_H_CACHE_ADD;
	a->cache_pages += pages;
	if (!knobs.has_hmm_probe)
		fs_acc_stack(ctx, a, t);
	return 0;
}

SEC("?tp_btf/mm_filemap_add_to_page_cache")
int FS_PROG(fs_cache_add, struct folio *folio)
{
	struct fs_thr *t;
	struct fs_acc *a = fs_self_acc(&t);

	return a ? fs_cached(ctx, a, t, fs_folio_pages(folio)) : 0;
}

/* Its `order` is older (5.18) than the kernels where this is used. */
SEC("?tracepoint/filemap/mm_filemap_add_to_page_cache")
int FS_PERF_PROG(fs_cache_add_perf, struct trace_event_raw_mm_filemap_op_page_cache)
{
	struct fs_thr *t;
	struct fs_acc *a = fs_self_acc(&t);

	return a ? fs_cached(ctx, a, t, 1u << (ctx->order & 31)) : 0;
}

static __always_inline int fs_filemap(void)
{
	struct fs_thr *t;
	struct fs_acc *a = fs_self_acc(&t);

	if (a)
		a->hints |= FS_H_FILEMAP;
	return 0;
}

SEC("?tp_btf/mm_filemap_fault")
int FS_PROG(fs_filemap_fault)
{
	return fs_filemap();
}

SEC("?tp_btf/mm_filemap_map_pages")
int FS_PROG(fs_filemap_map)
{
	return fs_filemap();
}

SEC("?tracepoint/filemap/mm_filemap_fault")
int FS_PERF_PROG(fs_filemap_fault_perf, void)
{
	return fs_filemap();
}

SEC("?tracepoint/filemap/mm_filemap_map_pages")
int FS_PERF_PROG(fs_filemap_map_perf, void)
{
	return fs_filemap();
}

SEC("?fentry/filemap_fault")
int FS_FN_PROG(fs_filemap_fault_fn)
{
	return fs_filemap();
}

SEC("?fentry/filemap_map_pages")
int FS_FN_PROG(fs_filemap_map_fn)
{
	return fs_filemap();
}

SEC("?kprobe/filemap_fault")
int BPF_KPROBE(fs_filemap_fault_kp)
{
	return fs_filemap();
}

SEC("?kprobe/filemap_map_pages")
int BPF_KPROBE(fs_filemap_map_kp)
{
	return fs_filemap();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
