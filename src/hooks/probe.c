// SPDX-License-Identifier: BSD-2-Clause
/* What this kernel has: types, functions, tracepoints; rules out hooks that cannot work. */
#include "hooks/probe.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "base/vec.h"

struct fs_probe {
	struct btf *vmlinux;
	FS_VEC(struct btf *) modules;
};

static void load_modules(struct fs_probe *p)
{
	DIR *d = opendir("/sys/kernel/btf");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct btf *b;

		if (e->d_name[0] == '.' || !strcmp(e->d_name, "vmlinux"))
			continue;
		b = btf__load_module_btf(e->d_name, p->vmlinux);
		if (!b)
			fs_debug("cannot read the BTF of module %s: %m", e->d_name);
		else if (fs_vec_push(&p->modules, b))
			btf__free(b);
	}
	if (d)
		closedir(d);
}

int fs_probe_new(struct fs_probe **out, char *err, size_t len)
{
	struct fs_probe *p;

	if (access("/sys/kernel/btf/vmlinux", F_OK))
		return fs_errf(
			err, len, -ENOENT,
			"this kernel does not describe its types (no /sys/kernel/btf/vmlinux): forkscope needs one built with CONFIG_DEBUG_INFO_BTF=y, as those of the distributions are");
	p = calloc(1, sizeof(*p));
	if (!p)
		return fs_errf(err, len, -ENOMEM, "out of memory");
	p->vmlinux = btf__load_vmlinux_btf();
	if (!p->vmlinux) {
		int e = errno ? -errno : -EINVAL;

		free(p);
		return fs_errf(err, len, e, "cannot read /sys/kernel/btf/vmlinux: %s",
			       strerror(-e));
	}
	load_modules(p);
	*out = p;
	return 0;
}

void fs_probe_free(struct fs_probe *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->modules.n; i++)
		btf__free(p->modules.v[i]);
	fs_vec_free(&p->modules);
	btf__free(p->vmlinux);
	free(p);
}

/* Looks at a module's own types, which are numbered from @first, after those of vmlinux. */
static bool module_has(const struct btf *b, __u32 first, const char *name, __u32 kind)
{
	for (__u32 id = first; id < btf__type_cnt(b); id++) {
		const struct btf_type *t = btf__type_by_id(b, id);

		if (btf_kind(t) == kind && !strcmp(btf__name_by_offset(b, t->name_off), name))
			return true;
	}
	return false;
}

static bool has(struct fs_probe *p, const char *name, __u32 kind)
{
	if (btf__find_by_name_kind(p->vmlinux, name, kind) > 0)
		return true;
	for (size_t i = 0; i < p->modules.n; i++)
		if (module_has(p->modules.v[i], btf__type_cnt(p->vmlinux), name, kind))
			return true;
	return false;
}

bool fs_probe_has_func(struct fs_probe *p, const char *name)
{
	return has(p, name, BTF_KIND_FUNC);
}

bool fs_probe_has_struct(struct fs_probe *p, const char *name)
{
	return has(p, name, BTF_KIND_STRUCT);
}

bool fs_probe_has_tracepoint(struct fs_probe *p, const char *name)
{
	char type[96];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return has(p, type, BTF_KIND_TYPEDEF);
}

bool fs_probe_tp_preempt(struct fs_probe *p)
{
	return has(p, "class_srcu_fast_notrace_t", BTF_KIND_TYPEDEF);
}

int fs_probe_fentry(struct fs_probe *p)
{
	static const char *const targets[] = {"bpf_fentry_test1", "vfs_read"};
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = BPF_TRACE_FENTRY);
	int prog, link, ret = 0;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]) && !o.attach_btf_id; i++) {
		int id = btf__find_by_name_kind(p->vmlinux, targets[i], BTF_KIND_FUNC);

		o.attach_btf_id = id > 0 ? (__u32)id : 0;
	}
	if (!o.attach_btf_id)
		return -ENOENT;
	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "fs_probe", "Dual BSD/GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), &o);
	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(NULL, prog);
	if (link < 0)
		ret = link;
	else
		close(link);
	close(prog);
	return ret;
}

int fs_probe_kprobe(void)
{
	return access("/sys/bus/event_source/devices/kprobe/type", F_OK) ? -ENOENT : 0;
}

static void check_hook(struct fs_probe *p, struct fs_plan *plan, size_t i, int fentry, int kprobe)
{
	const struct fs_hook *h = &plan->table->hooks[i];

	switch (h->kind) {
	case FS_HOOK_TP_BTF:
	case FS_HOOK_RAW_TP:
		if (!fs_probe_has_tracepoint(p, h->target))
			fs_plan_rule_out(plan, i, -ENOENT, "this kernel has no such tracepoint");
		break;
	case FS_HOOK_FENTRY:
	case FS_HOOK_FEXIT:
		if (fentry)
			fs_plan_rule_out(plan, i, fentry, "this kernel refuses function probes");
		else if (!fs_probe_has_func(p, h->target))
			fs_plan_rule_out(plan, i, -ENOENT, "this kernel has no such function");
		break;
	case FS_HOOK_KPROBE:
	case FS_HOOK_KRETPROBE:
		if (kprobe)
			fs_plan_rule_out(plan, i, kprobe, "this kernel has no kprobes");
		break;
	case FS_HOOK_TRACEPOINT:
	case FS_HOOK_KPROBE_MULTI:
	case FS_HOOK_KRETPROBE_MULTI:
	case FS_HOOK_KINDS:
		break;
	}
}

void fs_probe_plan(struct fs_probe *p, struct fs_plan *plan)
{
	int fentry = fs_probe_fentry(p), kprobe = fs_probe_kprobe();

	for (size_t i = 0; i < plan->table->nhooks; i++)
		check_hook(p, plan, i, fentry, kprobe);
}
