// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads and attaches every program of the host object, as host_hooks.def lists them, and judges: a
 * program that the verifier refuses is a fault of the program, a hook that this kernel does not
 * have is not, as long as each want that the verdict needs has a way that works. Root.
 *
 * loadall [host.bpf.o]: TAP on stdout.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

enum want {
#define FS_WANT(want, need, purpose, lost) W_##want,
#include "collect/bpf/host_hooks.def"
	NWANTS
};

static const struct {
	const char *name;
	bool needed;
} wants[] = {
#define NEEDED                             true
#define SHARPENS                           false
#define FS_WANT(want, need, purpose, lost) {#want, need},
#include "collect/bpf/host_hooks.def"
};

enum kind {
	TP_BTF,
	FENTRY,
	FEXIT,
	KPROBE,
	KRETPROBE,
	TRACEPOINT,
	KPROBE_MULTI,
	KRETPROBE_MULTI,
	NKINDS
};
enum cond { ALWAYS, SVM, VMX, NOT_VMX, TP_PREEMPT, NCONDS };

static const struct hook {
	enum want want;
	unsigned int rank;
	enum kind kind;
	const char *prog, *target;
	enum cond cond;
} hooks[] = {
#define FS_HOOK(want, rank, kind, prog, target, cond, knob) \
	{W_##want, rank, kind, #prog, target, cond},
#include "collect/bpf/host_hooks.def"
};

#define NHOOKS (sizeof(hooks) / sizeof(*hooks))

static char last_log[1 << 20]; /* what libbpf said of the newest program */
static size_t log_len;

static int keep_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	int n;

	if (level == LIBBPF_DEBUG || log_len > sizeof(last_log) - 2)
		return 0;
	n = vsnprintf(last_log + log_len, sizeof(last_log) - log_len, fmt, ap);
	if (n > 0)
		log_len += (size_t)n;
	if (log_len >= sizeof(last_log))
		log_len = sizeof(last_log) - 1;
	return 0;
}

static __u32 ids[NHOOKS]; /* of the programs that were loaded */

static __u32 prog_id(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? 0 : info.id;
}

/* How many of our programs are still in the kernel. */
static unsigned int left(void)
{
	unsigned int n = 0;

	for (size_t i = 0; i < NHOOKS; i++) {
		int fd = ids[i] ? bpf_prog_get_fd_by_id(ids[i]) : -1;

		if (fd >= 0) {
			n++;
			close(fd);
		}
	}
	return n;
}

static void print_log(void)
{
	char *line = last_log, *save;

	for (line = strtok_r(line, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("# %s\n", line);
}

static int err[NHOOKS];     /* 0 = loads and attaches, else a negative errno */
static bool loaded[NHOOKS]; /* it was the attaching that failed */
static bool no[NHOOKS];     /* the verifier looked at it and said no */

static bool refused(int e)
{
	/* -EPERM is a kernel that refuses a kind of program; -EACCES is the verifier's own. */
	return e == -EACCES ||
	       ((e == -EINVAL || e == -E2BIG || e == -ENOSPC) && strstr(last_log, "processed "));
}

static void attach_one(struct bpf_object *obj, size_t i)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, hooks[i].prog);
	struct bpf_link *link = bpf_program__attach(prog);

	loaded[i] = true;
	ids[i] = prog_id(prog);
	err[i] = link ? 0 : -errno;
	bpf_link__destroy(link);
}

/* Loads hooks @order[0..n) in one object. Returns 0, or the negative errno of the load. */
static int try_load(const char *path, const size_t *order, size_t n)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	int e = obj ? 0 : -errno;

	log_len = 0;
	last_log[0] = 0;
	for (size_t i = 0; i < n && !e; i++) {
		struct bpf_program *prog =
			bpf_object__find_program_by_name(obj, hooks[order[i]].prog);

		e = prog ? bpf_program__set_autoload(prog, true) : -ENOENT;
	}
	if (!e)
		e = bpf_object__load(obj);
	for (size_t i = 0; i < n && !e; i++)
		attach_one(obj, order[i]);
	bpf_object__close(obj);
	return e;
}

/* Finds those that do not load by halving: most objects cost more than most programs. */
static void try_all(const char *path, const size_t *order, size_t n)
{
	int e = n ? try_load(path, order, n) : 0;

	if (!e)
		return;
	if (n > 1) {
		try_all(path, order, n / 2);
		try_all(path, order + n / 2, n - n / 2);
		return;
	}
	err[*order] = e;
	no[*order] = refused(e);
	if (no[*order])
		print_log();
}

static bool has_type(const char *module, const char *type)
{
	struct btf *base = btf__load_vmlinux_btf(), *mod;
	bool found = base && btf__find_by_name_kind(base, type, BTF_KIND_STRUCT) > 0;

	if (base && !found) {
		mod = btf__load_module_btf(module, base);
		found = mod && btf__find_by_name_kind(mod, type, BTF_KIND_STRUCT) > 0;
		btf__free(mod);
	}
	btf__free(base);
	return found;
}

static bool tracepoints_preempt(void)
{
	struct btf *base = btf__load_vmlinux_btf();
	bool found = base && btf__find_by_name_kind(base, "class_srcu_fast_notrace_t",
						    BTF_KIND_TYPEDEF) > 0;

	btf__free(base);
	return found;
}

/*
 * Functions of the object with more than five arguments: clang passes the sixth on the stack, which
 * some kernels take and others refuse.
 */
static unsigned int long_calls(const char *path)
{
	struct btf *btf = btf__parse_elf(path, NULL);
	unsigned int n = 0;

	for (__u32 id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (!btf_is_func(t) || btf_vlen(t) == BTF_FUNC_EXTERN)
			continue;
		if (btf_vlen(btf__type_by_id(btf, t->type)) > 5) {
			printf("# %s\n", btf__name_by_offset(btf, t->name_off));
			n++;
		}
	}
	n += !btf;
	btf__free(btf);
	return n;
}

/* A rank works when all of its hooks whose condition holds work, and there is one. */
static bool rank_works(enum want w, unsigned int rank, const bool *holds)
{
	bool any = false;

	for (size_t i = 0; i < NHOOKS; i++) {
		if (hooks[i].want != w || hooks[i].rank != rank || !holds[hooks[i].cond])
			continue;
		if (err[i])
			return false;
		any = true;
	}
	return any;
}

static unsigned int best_rank(enum want w, const bool *holds)
{
	for (unsigned int r = 1; r <= 9; r++)
		if (rank_works(w, r, holds))
			return r;
	return 0;
}

int main(int argc, char **argv)
{
	const char *out = getenv("O");
	size_t order[NHOOKS], n = 0;
	bool holds[NCONDS] = {[ALWAYS] = true,
			      [SVM] = has_type("kvm_amd", "vcpu_svm"),
			      [VMX] = has_type("kvm_intel", "vcpu_vmx")};
	unsigned int test = 0, failed = 0;
	char path[512];

	holds[NOT_VMX] = !holds[VMX];
	holds[TP_PREEMPT] = tracepoints_preempt();
	snprintf(path, sizeof(path), "%s", argc > 1 ? argv[1] : "");
	if (argc < 2)
		snprintf(path, sizeof(path), "%s/host.bpf.o", out ? out : ".output");
	libbpf_set_print(keep_log);
	for (enum kind k = TP_BTF; k < NKINDS; k++)
		for (size_t i = 0; i < NHOOKS; i++)
			if (hooks[i].kind == k)
				order[n++] = i;
	try_all(path, order, n);
	for (size_t i = 0; i < NHOOKS; i++)
		if (err[i] && !no[i])
			printf("# %s (%s): %s: %s\n", hooks[i].prog, hooks[i].target,
			       loaded[i] ? "attach" : "load", strerror(-err[i]));
	for (size_t i = 0; i < NHOOKS; i++) {
		unsigned int best = best_rank(hooks[i].want, holds);
		bool bad = no[i] && !(best > hooks[i].rank);

		failed += bad;
		printf("%sok %u - %s passes the verifier%s\n", bad ? "not " : "", ++test,
		       hooks[i].prog, no[i] && !bad ? " (or has a twin that does)" : "");
	}
	for (int w = 0; w < NWANTS; w++) {
		unsigned int best = best_rank((enum want)w, holds);
		bool bad = wants[w].needed && !best;

		failed += bad;
		printf("%sok %u - %s: %s %u\n", bad ? "not " : "", ++test, wants[w].name,
		       best ? "served by rank" : "not served,", best);
	}
	if (long_calls(path)) {
		failed++;
		printf("not ");
	}
	printf("ok %u - no function takes more than five arguments\n", ++test);
	/* The kernel frees them a moment after the last descriptor. */
	for (int i = 0; i < 50 && left(); i++) {
		struct timespec ts = {.tv_nsec = 20000000};

		nanosleep(&ts, NULL);
	}
	failed += left();
	printf("%sok %u - no program is left in the kernel\n", left() ? "not " : "", ++test);
	printf("1..%u\n", test);
	return failed ? 1 : 0;
}
