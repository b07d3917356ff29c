// SPDX-License-Identifier: BSD-2-Clause
/* forkscope doctor: prints what collect/checkup.c found, in words or as JSON. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "base/log.h"
#include "base/opts.h"
#include "base/units.h"
#include "cli/cmds.h"
#include "collect/bpf/stats_json.h"
#include "collect/checkup.h"

static const struct fs_usage usage = {
	.command = "doctor",
	.synopsis = "[--json]",
	.what = "Says what this host and kernel let forkscope see. Everything is really tried: the programs are loaded and attached, a VM of one page is run under them, and all is taken away again. Takes a few seconds; needs root for the whole truth.",
	.notes = "Exit status: 0 this host is fit for forkscope record, 1 it is not.",
};

static const struct {
	const char *key, *text;
} verdicts[] = {
#define X(e, key, text) [FS_KVM_IS_##e] = {key, text},
	FS_KVM_VERDICTS(X)
#undef X
};

/* What nobody has tried on a processor like this one. The lab can only emulate AMD's. */
static const struct {
	bool intel;
	const char *text;
} never_exercised[] = {
	{true, "exits and entries of Intel processors (VMX): reason, qualification, guest RIP"},
	{true, "EPT violations as Intel processors report them"},
	{true, "posted interrupts and APIC virtualisation"},
	{false, "AMD hardware: SVM and nested paging were exercised emulated only"},
	{false, "AVIC, SEV and SEV-SNP guests"},
};

static bool is_intel(const struct fs_host *h)
{
	return strstr(h->cpu_vendor, "Intel");
}

static const char *kvm_step(const struct fs_checkup *c, char *buf, size_t size)
{
	char ns[FS_UNITS_LEN];

	if (c->kvm.err)
		snprintf(buf, size, "%s: %s", c->kvm.step, strerror(-c->kvm.err));
	else if (!c->kvm.halted)
		snprintf(buf, size, "KVM_RUN ended with exit reason %u, not with a halt",
			 c->kvm.reason);
	else
		snprintf(buf, size, "a VM counted %llu loops in %s",
			 (unsigned long long)c->kvm.loops,
			 fs_fmt_ns(c->kvm.run_ns, ns, sizeof(ns)));
	return buf;
}

static void line(const char *key, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void line(const char *key, const char *fmt, ...)
{
	va_list ap;

	printf("  %-14s ", key);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static void print_host(const struct fs_checkup *c)
{
	const struct fs_host *h = &c->host;
	char buf[FS_UNITS_LEN];

	printf("host\n");
	line("kernel", "%s, %u CPUs, %s", h->kernel, h->cpus, h->machine);
	line("processor", "%s (%s)", h->cpu_model, h->cpu_vendor);
	line("types (BTF)", "%s", h->btf ? "yes" : "no: forkscope cannot work with this kernel");
	line("addresses", "%s",
	     h->kptr_restricted ? "hidden (kernel.kptr_restrict): host stacks will have no names"
				: "shown: host stacks will have names");
	line("rights", "%s",
	     !c->may_load ? "may not load BPF programs: run as root"
	     : !c->all_rights
		     ? "may load BPF programs, but not read the types of KVM's modules (CAP_SYS_ADMIN)"
		     : "may load BPF programs");
	if (c->memlock == UINT64_MAX)
		line("locked memory", "no limit");
	else
		line("locked memory", "limit %s%s", fs_fmt_bytes(c->memlock, buf, sizeof(buf)),
		     c->may_load ? " (raised while recording)" : "");
	if (c->bpf)
		line("after attach", "%s",
		     c->kept_works ? "every capability can be dropped"
				   : "one capability must be kept (stored in each recording)");
}

static void print_kvm(const struct fs_checkup *c)
{
	char buf[160];

	printf("\nKVM\n");
	line("modules", "%s", *c->host.modules ? c->host.modules : "none");
	line("offers", "%s", fs_kvm_text(c->host.kvm));
	line("tried", "%s", kvm_step(c, buf, sizeof(buf)));
	if (c->bpf)
		line("seen of it", "%llu events: %llu KVM_RUN, %llu guest exits",
		     (unsigned long long)c->events, (unsigned long long)c->runs,
		     (unsigned long long)c->exits);
	line("verdict", "%s: %s", verdicts[c->verdict].key, verdicts[c->verdict].text);
}

static void print_hooks(const struct fs_plan *p)
{
	printf("\nhooks (* = the verdict needs it)\n");
	for (size_t i = 0; i < p->table->nwants; i++) {
		const struct fs_want *w = &p->table->wants[i];
		const struct fs_choice *ch = &p->choices[i];

		printf("%c %-14s %s\n", w->needed ? '*' : ' ', w->name,
		       ch->rank ? ch->got : "NOT SEEN");
		if (ch->rank > 1)
			printf("  %-14s rank %u, because %s\n", "", ch->rank, ch->why);
		if (!ch->rank)
			printf("  %-14s because %s\n  %-14s lost: %s\n", "", ch->why, "", w->lost);
	}
}

static void print_never(const struct fs_checkup *c)
{
	printf("\nnever exercised on a processor of this vendor\n");
	for (size_t i = 0; i < sizeof(never_exercised) / sizeof(*never_exercised); i++)
		if (never_exercised[i].intel == is_intel(&c->host))
			printf("  %s\n", never_exercised[i].text);
	if (!is_intel(&c->host))
		printf("  (Intel processors were never exercised at all: the lab emulates AMD)\n");
}

static void print_answer(const struct fs_checkup *c)
{
	if (!c->fit) {
		printf("\nNOT FIT: forkscope record does not work here\n%s\n", c->bpf_why);
		return;
	}
	printf("\nfit: forkscope record works here\n");
	if (c->needed_missing)
		printf("but %u of the hooks that the verdict needs are not seen\n",
		       c->needed_missing);
	if (c->verdict == FS_KVM_IS_BROKEN)
		printf("but this process could run no VM\n");
}

static void print_text(const struct fs_checkup *c)
{
	print_host(c);
	print_kvm(c);
	if (c->bpf)
		print_hooks(fs_bpf_plan(c->bpf));
	print_never(c);
	print_answer(c);
}

static json_t *never_json(const struct fs_checkup *c)
{
	json_t *a = json_array();

	for (size_t i = 0; i < sizeof(never_exercised) / sizeof(*never_exercised); i++)
		if (never_exercised[i].intel == is_intel(&c->host))
			json_array_append_new(a, json_string(never_exercised[i].text));
	return a;
}

static int print_json(const struct fs_checkup *c)
{
	char tried[160];
	json_t *kvm =
		json_pack("{s:b, s:s, s:s, s:s, s:s, s:i, s:b, s:I, s:I, s:I, s:I, s:I}", "fit",
			  c->verdict == FS_KVM_IS_HARDWARE, "verdict", verdicts[c->verdict].key,
			  "text", verdicts[c->verdict].text, "offers", fs_kvm_text(c->host.kvm),
			  "tried", kvm_step(c, tried, sizeof(tried)), "api", c->kvm.api, "ran",
			  c->kvm.halted, "loops", (json_int_t)c->kvm.loops, "run_ns",
			  (json_int_t)c->kvm.run_ns, "events", (json_int_t)c->events, "runs_seen",
			  (json_int_t)c->runs, "exits_seen", (json_int_t)c->exits);
	json_t *o =
		json_pack("{s:i, s:b, s:o, s:o, s:o, s:{s:b, s:s?}, s:b, s:b, s:s, s:o, s:b}",
			  "format", 1, "fit", c->fit, "host", fs_host_json(&c->host), "kvm", kvm,
			  "hooks", c->bpf ? fs_hooks_json(fs_bpf_plan(c->bpf)) : json_array(),
			  "bpf", "ok", !!c->bpf, "error", c->bpf ? NULL : c->bpf_why, "may_load",
			  c->may_load, "kptr_restricted", c->host.kptr_restricted, "memlock",
			  c->memlock == UINT64_MAX ? "unlimited" : "limited", "never_exercised",
			  never_json(c), "drops_all_capabilities", c->kept_works);

	if (!o || json_dumpf(o, stdout, JSON_INDENT(2))) {
		json_decref(o);
		fs_error("cannot print the JSON: out of memory");
		return -1;
	}
	printf("\n");
	json_decref(o);
	return 0;
}

int cmd_doctor(int argc, char **argv)
{
	bool json = false;
	struct fs_opt opts[] = {
		FS_OPT("--json", "-j", NULL, fs_opt_flag, &json, "print JSON"),
		FS_OPT_END,
	};
	struct fs_checkup c;
	struct fs_args args;
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	fs_checkup(&c);
	ret = c.fit ? FS_EXIT_OK : FS_EXIT_FAILED;
	if (!json)
		print_text(&c);
	else if (print_json(&c))
		ret = FS_EXIT_FAILED;
	fs_checkup_free(&c);
	return ret;
}
