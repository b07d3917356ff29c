// SPDX-License-Identifier: BSD-2-Clause
#include "collect/plan.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends to a text in a buffer, cutting short what does not fit. */
__attribute__((format(printf, 3, 4))) static void add(char *buf, size_t size, const char *fmt, ...)
{
	size_t at = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + at, size - at, fmt, ap);
	va_end(ap);
}

struct fs_plan *fs_plan_new(const struct fs_hooks *hooks)
{
	struct fs_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->progs = calloc(hooks->nways + 1, sizeof(*p->progs));
	p->choices = calloc(hooks->nwants + 1, sizeof(*p->choices));
	if (!p->progs || !p->choices) {
		fs_plan_free(p);
		return NULL;
	}
	for (size_t i = 0; i < hooks->nways; i++) {
		if (fs_plan_prog(p, hooks->ways[i].prog))
			continue;
		p->progs[p->nprogs].name = hooks->ways[i].prog;
		snprintf(p->progs[p->nprogs].hook, sizeof(p->progs->hook), "%s",
			 hooks->ways[i].prog);
		p->nprogs++;
	}
	p->nchoices = hooks->nwants;
	return p;
}

void fs_plan_free(struct fs_plan *p)
{
	if (!p)
		return;
	free(p->progs);
	free(p->choices);
	free(p);
}

struct fs_prog *fs_plan_prog(struct fs_plan *p, const char *name)
{
	for (size_t i = 0; i < p->nprogs; i++)
		if (!strcmp(p->progs[i].name, name))
			return &p->progs[i];
	return NULL;
}

bool fs_plan_rule_out(struct fs_plan *p, const char *name, int err, const char *why)
{
	struct fs_prog *prog = fs_plan_prog(p, name);

	if (!prog || prog->err)
		return false;
	prog->err = err;
	snprintf(prog->why, sizeof(prog->why), "%s%s%s%s", strerrorname_np(-err) ?: "error",
		 why ? " (" : "", why ? why : "", why ? ")" : "");
	return true;
}

/* Does every program of (@want, @rank) stand? Says in @why which do not. */
static bool stands(const struct fs_hooks *h, struct fs_plan *p, unsigned int want,
		   unsigned int rank, char *why, size_t size)
{
	bool all = true;

	for (size_t i = 0; i < h->nways; i++) {
		struct fs_prog *prog;

		if (h->ways[i].want != want || h->ways[i].rank != rank)
			continue;
		prog = fs_plan_prog(p, h->ways[i].prog);
		if (!prog->err)
			continue;
		add(why, size, "%s%s: %s", *why ? "; " : "", prog->hook, prog->why);
		all = false;
	}
	return all;
}

static void use(const struct fs_hooks *h, struct fs_plan *p, unsigned int want, struct fs_choice *c)
{
	for (size_t i = 0; i < h->nways; i++) {
		struct fs_prog *prog;

		if (h->ways[i].want != want || h->ways[i].rank != c->rank)
			continue;
		prog = fs_plan_prog(p, h->ways[i].prog);
		prog->on = true;
		add(c->got, sizeof(c->got), "%s%s", *c->got ? " + " : "", prog->hook);
	}
}

size_t fs_plan_choose(const struct fs_hooks *h, struct fs_plan *p)
{
	size_t missing = 0;

	for (size_t i = 0; i < p->nprogs; i++)
		p->progs[i].on = false;
	for (unsigned int w = 0; w < h->nwants; w++) {
		struct fs_choice *c = &p->choices[w];
		unsigned int ranks = 0;

		memset(c, 0, sizeof(*c));
		c->want = &h->wants[w];
		for (size_t i = 0; i < h->nways; i++)
			if (h->ways[i].want == w && h->ways[i].rank > ranks)
				ranks = h->ways[i].rank;
		for (unsigned int r = 1; r <= ranks && !c->rank; r++)
			if (stands(h, p, w, r, c->why, sizeof(c->why)))
				c->rank = r;
		if (c->rank)
			use(h, p, w, c);
		else if (c->want->needed)
			missing++;
	}
	return missing;
}
