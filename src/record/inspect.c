// SPDX-License-Identifier: BSD-2-Clause
/* Lists the chunks, stacks and symbols of a recording for dump. */
#include "record/inspect.h"
#include <unistd.h>
#include "record/reader_impl.h"

/* The first bytes of a payload: enough to describe its chunk. */
static void describe(const struct fsr_walk *w, struct fsr_chunk_info *info)
{
	const struct fsr_chunk *c = &info->chunk;

	if (c->type == FSR_EVENTS && c->bytes >= sizeof(info->events))
		(void)!pread(w->fd, &info->events, sizeof(info->events), (off_t)c->data);
	if (c->type == FSR_ROUND && c->bytes >= sizeof(info->round))
		(void)!pread(w->fd, &info->round, sizeof(info->round), (off_t)c->data);
}

int fsr_each_chunk(const struct fsr_reader *r,
		   int (*fn)(const struct fsr_chunk_info *info, void *arg), void *arg)
{
	struct fsr_walk w = {
		.fd = r->walk.fd,
		.next = r->header.header_bytes,
		.end = r->end,
	};
	char why[512];
	int ret = 0;

	while (!ret) {
		struct fsr_chunk_info info = {0};

		if (fsr_walk_next(&w, &info.chunk, why, sizeof(why)) <= 0)
			break;
		info.name = fsr_chunk_name(info.chunk.type);
		describe(&w, &info);
		ret = fn(&info, arg);
	}
	return ret;
}

int fsr_stack_at(const struct fsr_reader *r, size_t i, uint32_t *id, const uint64_t **addrs)
{
	const struct fsr_stack_ref *ref;

	if (i >= r->stacks.refs.n)
		return -1;
	ref = &r->stacks.refs.v[i];
	*id = ref->id;
	*addrs = r->stacks.addrs.v + ref->at;
	return (int)ref->depth;
}

const char *fsr_symbol_at(const struct fsr_reader *r, size_t i, uint64_t *addr, const char **module)
{
	const struct fsr_sym *sym;

	if (i >= r->symbols.syms.n)
		return NULL;
	sym = &r->symbols.syms.v[i];
	*addr = sym->addr;
	*module = r->symbols.text.v + sym->module;
	return r->symbols.text.v + sym->name;
}
