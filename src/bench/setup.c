// SPDX-License-Identifier: BSD-2-Clause
/* What stands before the forks: snapshots, what the VMM can, the variants, the mailboxes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/err.h"
#include "base/log.h"
#include "base/tree.h"
#include "base/units.h"
#include "bench/bench.h"

static bool has_snapshot(const struct fs_bench_opts *o)
{
	return o->folders[0];
}

static int open_templates(struct fs_bench *b)
{
	struct fs_bench_opts *o = &b->o;
	int ret = 0;

	o->files.is_folder = o->plan.ops == &fs_vmm_cloud_hypervisor;
	b->templates = calloc(o->nsignals, sizeof(*b->templates));
	if (!b->templates)
		return fs_errf(b->err, sizeof(b->err), -ENOMEM, "out of memory");
	for (size_t i = 0; i < o->nsignals; i++) {
		b->templates[i].fd = b->templates[i].lock = -1;
		b->templates[i].signal = o->signals[i];
	}
	for (size_t i = 0; i < o->nsignals && !ret && has_snapshot(o); i++) {
		struct fs_template *t = &b->templates[i];

		ret = fs_template_open(t, o->signals[i], o->folders[i], &o->files, b->err,
				       sizeof(b->err));
		if (!ret)
			ret = fs_template_lock(t, b->templates, i, b->err, sizeof(b->err));
		if (!ret && t->others)
			fs_warn("the snapshot %s has %zu more memory files than %s: this one alone is searched, prefetched, dropped and counted in the page cache",
				t->folder, t->others, t->memory);
	}
	return ret;
}

/* Starts one VMM without a VM in it, to see that it starts and what it is. */
static int probe(struct fs_bench *b)
{
	struct fs_bench_opts *o = &b->o;
	char folder[PATH_MAX];
	struct fs_vmm_at at = {.folder = folder, .id = "fork-0"};
	struct fs_vmm_plan plan = o->plan;
	struct fs_vmm v;
	int ret = 0;

	snprintf(folder, sizeof(folder), "%s/0", o->work);
	if (mkdir(folder, 0755))
		return fs_errf(b->err, sizeof(b->err), -errno, "making %s: %m", folder);
	plan.jail = NULL;
	fs_vmm_init(&v, &plan, &at);
	/* QEMU's command is for a fork, attach's makes one: neither is tried without. And who gave
	 * sockets has one fresh VMM for each fork. */
	if (v.ops->program && !plan.socket) {
		plan.vsock = NULL; /* no snapshot is loaded into it */
		ret = v.ops->start(&v);
		snprintf(b->version, sizeof(b->version), "%s", v.version);
		o->plan.is = v.is;
	} else if (plan.version) {
		o->plan.is = fs_vmm_read_version(plan.version);
	}
	if (!ret && v.ops->load_fields && !plan.socket && !v.is.known)
		fs_warn("%s says it is \"%s\", in which no version is to be read: --vmm-version N.N says which it is like",
			v.ops->name, v.version);
	if (ret)
		fs_errf(b->err, sizeof(b->err), ret, "%s", v.err);
	for (size_t i = 0; i < o->nsignals && !ret; i++) {
		const char *why;

		at.state = *b->templates[i].state ? b->templates[i].state : NULL;
		why = plan.socket ? NULL : v.ops->no_signal(&v, o->signals[i]);
		if (why)
			ret = fs_errf(b->err, sizeof(b->err), -ENOTSUP, "--signal %s: %s%s%s",
				      o->signals[i], why, *v.version ? "; it says it is " : "",
				      v.version);
	}
	fs_vmm_end(&v);
	fs_remove_tree(folder);
	return ret;
}

static void say_clamped(const struct fs_variant *a)
{
	char asked[FS_UNITS_LEN], got[FS_UNITS_LEN];

	fs_info("variant %s: %s are asked for, but the guest has only %s of memory there: it is cut to that",
		a->name, fs_fmt_bytes(a->spec->bytes, asked, sizeof(asked)),
		fs_fmt_bytes(fs_ranges_bytes(&a->ranges), got, sizeof(got)));
}

static int make_variant(struct fs_bench *b, size_t template, const struct fs_prefetch_spec *spec)
{
	struct fs_template *t = &b->templates[template];
	struct fs_variant *a = &b->variants[b->nvariants];
	int n = snprintf(a->name, sizeof(a->name), "%s:%s", t->signal, spec->text), ret;

	if (n < 0 || n >= (int)sizeof(a->name))
		return fs_errf(b->err, sizeof(b->err), -ENAMETOOLONG,
			       "the variant %s:%s has too long a name", t->signal, spec->text);
	if (spec->kind != FS_PREFETCH_NONE && t->fd < 0)
		return fs_errf(b->err, sizeof(b->err), -EINVAL,
			       "--prefetch %s needs a --snapshot: whose memory file?", spec->text);
	a->template = template;
	a->spec = spec;
	ret = fs_prefetch_ranges(spec, t->size, t->mailbox ? t->offset : UINT64_MAX,
				 &b->o.workingset, &a->ranges, &a->clamped, b->err, sizeof(b->err));
	if (!ret && a->clamped)
		say_clamped(a);
	b->nvariants++;
	return ret;
}

static int make_variants(struct fs_bench *b)
{
	const struct fs_bench_opts *o = &b->o;
	int ret = 0;

	b->variants = calloc(o->nsignals * o->nprefetch, sizeof(*b->variants));
	if (!b->variants)
		return fs_errf(b->err, sizeof(b->err), -ENOMEM, "out of memory");
	for (size_t t = 0; t < o->nsignals && !ret; t++)
		for (size_t p = 0; p < o->nprefetch && !ret; p++)
			ret = make_variant(b, t, &o->prefetch[p]);
	return ret;
}

/* The template before the @i-th that has the same memory file, or NULL. */
static const struct fs_template *of_same_memory(const struct fs_bench *b, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (fs_names_one_file(b->templates[j].memory, b->templates[i].memory))
			return &b->templates[j];
	return NULL;
}

static int fill_mailbox(struct fs_bench *b, struct fs_template *t)
{
	const struct fs_bench_opts *o = &b->o;
	int ret;

	if (o->network == FS_NETWORK_HOST)
		return fs_template_find(t, o->token, b->err, sizeof(b->err));
	/* no descriptor of ours may be in the way */
	for (size_t i = 0; i < o->nsignals; i++)
		fs_template_let_go(&b->templates[i]);
	ret = fs_template_fill(t, o->token, &o->payload, b->err, sizeof(b->err));
	for (size_t i = 0; i < o->nsignals && !ret; i++)
		ret = fs_template_take(&b->templates[i], b->err, sizeof(b->err));
	return ret;
}

static int fill_mailboxes(struct fs_bench *b)
{
	const struct fs_bench_opts *o = &b->o;
	int ret = 0;

	for (size_t i = 0; i < o->nsignals && !ret; i++) {
		struct fs_template *t = &b->templates[i];
		const struct fs_template *same;

		t->payload = o->payload;
		t->unseen_ok = o->unseen_ok;
		if (!o->token || t->fd < 0)
			continue;
		/* Two signals may share a memory file: it is filled once. */
		same = of_same_memory(b, i);
		if (same) {
			t->mailbox = same->mailbox;
			t->offset = same->offset;
			t->payload = same->payload;
		} else {
			ret = fill_mailbox(b, t);
		}
	}
	return ret;
}

int fs_bench_open(struct fs_bench *b, const struct fs_bench_opts *o)
{
	int ret;

	memset(b, 0, sizeof(*b));
	b->o = *o;
	ret = open_templates(b);
	if (!ret)
		ret = probe(b);
	if (!ret)
		ret = fill_mailboxes(b);
	if (!ret)
		ret = make_variants(b);
	if (!ret && o->network == FS_NETWORK_HOST)
		ret = fs_pool_open(&b->pool, o->addresses, o->payload.gateway, b->err,
				   sizeof(b->err));
	return ret;
}

void fs_bench_close(struct fs_bench *b)
{
	/* two may have one memory file: no descriptor of ours is in the way when it is emptied */
	for (size_t i = 0; b->templates && i < b->o.nsignals; i++)
		fs_template_let_go(&b->templates[i]);
	for (size_t i = 0; b->templates && i < b->o.nsignals; i++)
		fs_template_close(&b->templates[i]);
	for (size_t i = 0; i < b->nvariants; i++)
		fs_vec_free(&b->variants[i].ranges);
	for (size_t i = 0; i < b->forks.n; i++)
		json_decref(b->forks.v[i].metrics);
	fs_vec_free(&b->forks);
	fs_pool_close(&b->pool);
	free(b->variants);
	free(b->templates);
	memset(b, 0, sizeof(*b));
}
