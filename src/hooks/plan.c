// SPDX-License-Identifier: BSD-2-Clause
/* Chooses for each want the best rank of hooks that nothing speaks against. */
#include "hooks/plan.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *fs_hook_kind_name(enum fs_hook_kind k)
{
	static const char *const names[FS_HOOK_KINDS] = {
		[FS_HOOK_TP_BTF] = "tp_btf",
		[FS_HOOK_FENTRY] = "fentry",
		[FS_HOOK_FEXIT] = "fexit",
		[FS_HOOK_KPROBE] = "kprobe",
		[FS_HOOK_KRETPROBE] = "kretprobe",
		[FS_HOOK_TRACEPOINT] = "tp",
		[FS_HOOK_RAW_TP] = "raw_tp",
		[FS_HOOK_KPROBE_MULTI] = "kprobe.multi",
		[FS_HOOK_KRETPROBE_MULTI] = "kretprobe.multi",
	};

	return names[k];
}

/* Appends to a text in a buffer, cutting short what does not fit. */
__attribute__((format(printf, 3, 4))) static void add(char *buf, size_t size, const char *fmt, ...)
{
	size_t at = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + at, size - at, fmt, ap);
	va_end(ap);
}

struct fs_plan *fs_plan_new(const struct fs_hooks *table, bool svm, bool vmx)
{
	struct fs_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->table = table;
	p->cond[FS_COND_ALWAYS] = true;
	p->cond[FS_COND_SVM] = svm;
	p->cond[FS_COND_VMX] = vmx;
	p->cond[FS_COND_NOT_VMX] = !vmx;
	p->progs = calloc(table->nhooks + 1, sizeof(*p->progs));
	p->choices = calloc(table->nwants + 1, sizeof(*p->choices));
	if (!p->progs || !p->choices) {
		fs_plan_free(p);
		return NULL;
	}
	return p;
}

void fs_plan_tp_preempt(struct fs_plan *p)
{
	p->cond[FS_COND_TP_PREEMPT] = true;
}

void fs_plan_free(struct fs_plan *p)
{
	if (!p)
		return;
	free(p->progs);
	free(p->choices);
	free(p);
}

int fs_plan_find(const struct fs_plan *p, const char *name)
{
	for (size_t i = 0; i < p->table->nhooks; i++)
		if (!strcmp(p->table->hooks[i].prog, name))
			return (int)i;
	return -1;
}

/* Does @name, @len bytes long, mean this hook: by its program, or by its want? */
static bool means(const struct fs_hooks *t, const struct fs_hook *h, const char *name, size_t len)
{
	const char *want = t->wants[h->want].name;

	return (strlen(h->prog) == len && !strncmp(h->prog, name, len)) ||
	       (strlen(want) == len && !strncmp(want, name, len));
}

bool fs_plan_known(const struct fs_hooks *t, const char *list)
{
	for (size_t len; *list; list += len + (list[len] == ',')) {
		bool found = false;

		len = strcspn(list, ",");
		for (size_t i = 0; i < t->nhooks; i++)
			found |= means(t, &t->hooks[i], list, len);
		if (!found)
			return false;
	}
	return true;
}

void fs_plan_leave_out(struct fs_plan *p, const char *list)
{
	for (size_t len; list && *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		for (size_t i = 0; i < p->table->nhooks; i++)
			if (means(p->table, &p->table->hooks[i], list, len))
				fs_plan_rule_out(p, i, -ECANCELED, "left out by --without");
	}
}

bool fs_plan_rule_out(struct fs_plan *p, size_t i, int err, const char *why)
{
	struct fs_prog *prog = &p->progs[i];

	if (prog->err)
		return false;
	prog->err = err;
	snprintf(prog->why, sizeof(prog->why), "%s%s%s%s", strerrorname_np(-err) ?: "error",
		 why ? " (" : "", why ? why : "", why ? ")" : "");
	return true;
}

static bool belongs(const struct fs_plan *p, size_t i, unsigned int want, unsigned int rank)
{
	const struct fs_hook *h = &p->table->hooks[i];

	return h->want == want && h->rank == rank && p->cond[h->cond];
}

/* Has the rank a hook whose condition holds here? */
static bool exists(const struct fs_plan *p, unsigned int want, unsigned int rank)
{
	for (size_t i = 0; i < p->table->nhooks; i++)
		if (belongs(p, i, want, rank))
			return true;
	return false;
}

/* Is there such a rank here, and do all of its hooks stand? Says in @c which do not. */
static bool stands(struct fs_plan *p, unsigned int want, unsigned int rank, struct fs_choice *c)
{
	const struct fs_hooks *t = p->table;
	const char *last_why = "";
	bool all = true;
	size_t n = 0;

	for (size_t i = 0; i < t->nhooks; i++) {
		if (!belongs(p, i, want, rank))
			continue;
		n++;
		if (!p->progs[i].err)
			continue;
		all = false;
		/* One reason is given once for all the hooks of a rank. */
		if (strcmp(last_why, p->progs[i].why) || !*last_why)
			add(c->why, sizeof(c->why), "%s%s/%s: %s", *c->why ? "; " : "",
			    fs_hook_kind_name(t->hooks[i].kind), t->hooks[i].target,
			    p->progs[i].why);
		last_why = p->progs[i].why;
	}
	return n && all;
}

bool fs_hooks_twins(const struct fs_hook *a, const struct fs_hook *b)
{
	return a->want == b->want && a->rank == b->rank && a->kind == b->kind &&
	       !strcmp(a->target, b->target);
}

/* Twins stand one after the other in the table. */
static void use(struct fs_plan *p, unsigned int want, unsigned int rank, struct fs_choice *c)
{
	const struct fs_hooks *t = p->table;

	for (size_t i = 0; i < t->nhooks; i++) {
		if (!belongs(p, i, want, rank))
			continue;
		p->progs[i].on = true;
		if (i && fs_hooks_twins(&t->hooks[i], &t->hooks[i - 1]))
			add(c->got, sizeof(c->got), " (twice)");
		else
			add(c->got, sizeof(c->got), "%s%s/%s", *c->got ? " + " : "",
			    fs_hook_kind_name(t->hooks[i].kind), t->hooks[i].target);
	}
}

size_t fs_plan_choose(struct fs_plan *p)
{
	const struct fs_hooks *t = p->table;
	size_t missing = 0;

	for (size_t i = 0; i < t->nhooks; i++)
		p->progs[i].on = false;
	for (unsigned int w = 0; w < t->nwants; w++) {
		struct fs_choice *c = &p->choices[w];
		unsigned int ranks = 0;

		memset(c, 0, sizeof(*c));
		for (size_t i = 0; i < t->nhooks; i++)
			if (t->hooks[i].want == w && t->hooks[i].rank > ranks)
				ranks = t->hooks[i].rank;
		for (unsigned int r = 1, way = 0; r <= ranks && !c->rank; r++) {
			way += exists(p, w, r);
			if (!stands(p, w, r, c))
				continue;
			c->rank = way;
			use(p, w, r, c);
		}
		if (!c->rank && t->wants[w].needed)
			missing++;
	}
	return missing;
}
