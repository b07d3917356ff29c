// SPDX-License-Identifier: BSD-2-Clause
/* The loaded programs and their maps: stopped and freed, descriptors, what they cost. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "collect/bpf/host_skel.h"
#include "collect/bpf/programs_impl.h"

void fs_bpf_stop(struct fs_bpf *b)
{
	__atomic_store_n(&b->skel->bss->fs_stopped, 1, __ATOMIC_SEQ_CST);
}

void fs_bpf_detach(struct fs_bpf *b)
{
	for (size_t i = 0; i < b->plan->table->nhooks; i++) {
		bpf_link__destroy(b->links[i]);
		b->links[i] = NULL;
	}
}

void fs_bpf_close_skeleton(struct fs_bpf *b)
{
	fs_bpf_detach(b);
	host_bpf__destroy(b->skel);
	b->skel = NULL;
	if (b->inner_fd >= 0)
		close(b->inner_fd);
	b->inner_fd = -1;
	memset(b->progs, 0, (b->plan->table->nhooks + 1) * sizeof(*b->progs));
}

void fs_bpf_free(struct fs_bpf *b)
{
	if (!b)
		return;
	if (b->links && b->progs)
		fs_bpf_close_skeleton(b);
	for (size_t i = 0; i < b->nrings; i++)
		close(b->rings[i]);
	if (b->stats_fd >= 0)
		close(b->stats_fd);
	free(b->links);
	free(b->progs);
	fs_plan_free(b->plan);
	free(b);
}

const struct fs_plan *fs_bpf_plan(const struct fs_bpf *b)
{
	return b->plan;
}

uint64_t fs_bpf_ring_bytes(const struct fs_bpf *b)
{
	return b->ring_bytes;
}

size_t fs_bpf_cpus(const struct fs_bpf *b, const unsigned int **cpus)
{
	*cpus = b->cpus;
	return b->ncpus;
}

size_t fs_bpf_rings(const struct fs_bpf *b, const unsigned int **cpus, const int **fds)
{
	*cpus = b->cpus;
	*fds = b->rings;
	return b->nrings;
}

int fs_bpf_map(const struct fs_bpf *b, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(b->skel->obj, name);

	return fd < 0 ? -ENOENT : fd;
}

int fs_bpf_trace(struct fs_bpf *b, uint32_t tgid, enum fs_why why)
{
	struct fs_proc proc = {.why = why, .scan = 1};

	/* One that the programs have found already keeps what they know of it. */
	return bpf_map_update_elem(bpf_map__fd(b->skel->maps.procs), &tgid, &proc, BPF_NOEXIST);
}

bool fs_bpf_run_time(const struct fs_bpf *b, uint64_t *ns, uint64_t *cnt)
{
	size_t n = b->ncpus;
	struct fs_cpu *c = b->own_stats ? calloc(n, sizeof(*c)) : NULL;
	uint32_t zero = 0;

	*ns = *cnt = 0;
	if (!c || bpf_map_lookup_elem(fs_bpf_map(b, "cpus"), &zero, c))
		n = 0;
	for (size_t i = 0; i < n; i++) {
		*ns += c[i].run_ns;
		*cnt += c[i].run_cnt;
	}
	free(c);
	return n > 0;
}

int fs_bpf_prog(const struct fs_bpf *b, size_t hook)
{
	return b->plan->progs[hook].on ? bpf_program__fd(b->progs[hook]) : -1;
}

int fs_bpf_misses(const struct fs_bpf *b)
{
	return b->no_misses ? -1 : bpf_program__fd(b->skel->progs.fs_misses);
}

bool fs_bpf_cost(const struct fs_bpf *b, size_t i, struct fs_prog_cost *c)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	size_t n = 0;

	for (size_t h = 0; h < b->plan->table->nhooks; h++) {
		if (!b->plan->progs[h].on || n++ != i)
			continue;
		memset(c, 0, sizeof(*c));
		c->name = b->plan->table->hooks[h].prog;
		if (!bpf_obj_get_info_by_fd(bpf_program__fd(b->progs[h]), &info, &size)) {
			c->run_ns = info.run_time_ns;
			c->run_cnt = info.run_cnt;
			c->misses = info.recursion_misses;
		}
		return true;
	}
	return false;
}

bool fs_bpf_works(struct fs_bpf *b)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info), key, next;
	int procs = bpf_map__fd(b->skel->maps.procs), ret;
	struct fs_proc proc;

	ret = bpf_map_get_next_key(procs, NULL, &key);
	if (ret && ret != -ENOENT)
		return false;
	ret = bpf_map_lookup_elem(procs, &key, &proc);
	if (ret && ret != -ENOENT)
		return false;
	ret = bpf_map_get_next_key(bpf_map__fd(b->skel->maps.stacks), NULL, &next);
	if (ret && ret != -ENOENT)
		return false;
	for (size_t h = 0; h < b->plan->table->nhooks; h++)
		if (b->plan->progs[h].on)
			return !bpf_obj_get_info_by_fd(bpf_program__fd(b->progs[h]), &info, &size);
	return true;
}
