// SPDX-License-Identifier: BSD-2-Clause
/* The options that every command has which makes forks: their rows, defaults, and what follows. */
#include "cli/bench/bench_opts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/opts.h"
#include "cli/bench/bench_opt_check.h"
#include "cli/bench/bench_opt_parsers.h"
#include "cli/cmds.h"
#include "cli/mailbox/mailbox_opts.h"
#include "cli/output.h"

#define SECOND 1000000000ull

static int parse_vmm(const char *text, void *dst, char *why, size_t len)
{
	const struct fs_vmm_ops **ops = dst;

	*ops = fs_vmm_find(text);
	if (*ops)
		return 0;
	snprintf(why, len, "is none of %s", fs_vmm_names());
	return -1;
}

static int parse_cache(const char *text, void *dst, char *why, size_t len)
{
	return bench_opt_pick(text, fs_cache_names, 3, dst, why, len);
}

static int parse_network(const char *text, void *dst, char *why, size_t len)
{
	return bench_opt_pick(text, fs_network_names, 3, dst, why, len);
}

static int parse_bool(const char *text, void *dst, char *why, size_t len)
{
	bool yes = !strcmp(text, "true");

	if (!yes && strcmp(text, "false")) {
		snprintf(why, len, "is neither true nor false");
		return -1;
	}
	*(bool *)dst = yes;
	return 0;
}

/* "before" and "beside" the resume */
static int parse_moment(const char *text, void *dst, char *why, size_t len)
{
	if (strcmp(text, "before") && strcmp(text, "beside")) {
		snprintf(why, len, "is neither before nor beside");
		return -1;
	}
	*(bool *)dst = !strcmp(text, "beside");
	return 0;
}

static int parse_snapshot(const char *text, void *dst, char *why, size_t len)
{
	struct bench_asked *a = dst;

	if (a->nsnapshots == BENCH_MAX || !*text) {
		snprintf(why, len, "is one too many");
		return -1;
	}
	a->snapshots[a->nsnapshots++] = text;
	return 0;
}

static int parse_record_arg(const char *text, void *dst, char *why, size_t len)
{
	struct bench_asked *a = dst;

	if (a->nrecord_args == BENCH_MAX) {
		snprintf(why, len, "is one too many");
		return -1;
	}
	a->record_args[a->nrecord_args++] = (char *)text;
	return 0;
}

static int parse_tap(const char *text, void *dst, char *why, size_t len)
{
	if (!*text || strlen(text) >= IFNAMSIZ || strpbrk(text, "/ :%")) {
		snprintf(why, len, "is not a name of an interface");
		return -1;
	}
	memset(dst, 0, IFNAMSIZ);
	memcpy(dst, text, strlen(text));
	return 0;
}

static int parse_mac(const char *text, void *dst, char *why, size_t len)
{
	struct fs_payload p = {.have = 0};

	if (fs_payload_set(&p, FS_PAYLOAD_MAC, text, strlen(text))) {
		snprintf(why, len, "is not a unicast address such as 06:00:ac:10:00:01");
		return -1;
	}
	memcpy(dst, p.mac, sizeof(p.mac));
	return 0;
}

/* The addresses that a guest of the lab expects; options change them one by one. */
void bench_opts_defaults(struct bench_asked *a)
{
	static const struct {
		enum fs_payload_field f;
		const char *text;
	} payload[] = {{FS_PAYLOAD_INTERFACE, "eth0"},     {FS_PAYLOAD_MAC, "06:00:ac:10:00:22"},
		       {FS_PAYLOAD_IPV4, "172.16.0.2"},    {FS_PAYLOAD_PREFIX, "29"},
		       {FS_PAYLOAD_GATEWAY, "172.16.0.1"}, {FS_PAYLOAD_ACK_PORT, "9797"}};

	memset(a, 0, sizeof(*a));
	a->o = (struct fs_bench_opts){.iters = 10,
				      .concurrency = 1,
				      .wait_for_network = true,
				      .timeout_ns = 30 * SECOND,
				      .linger_ns = SECOND / 5,
				      .last_ack = "applied",
				      .addresses = "172.16.0.0/24",
				      .tap = "tap0",
				      .tap_mac = {0x06, 0x00, 0xac, 0x10, 0x00, 0x01},
				      .how = FS_MECH_READ,
				      .plan.call_ns = 30 * SECOND};
	if (getrandom(&a->o.seed, sizeof(a->o.seed), 0) != sizeof(a->o.seed))
		a->o.seed = 1;
	a->o.seed &= 0xffffffff; /* short enough to be typed again */
	for (size_t i = 0; i < sizeof(payload) / sizeof(payload[0]); i++)
		fs_payload_set(&a->o.payload, payload[i].f, payload[i].text,
			       strlen(payload[i].text));
	a->signals[0] = "auto";
	a->nsignals = 1;
	strcpy(a->prefetch[0].text, "none");
	a->nprefetch = 1;
	a->network = -1;
	a->end = "ack:mailbox";
	a->jail.uid = a->jail.gid = 65534;
}

static size_t copy_rows(struct fs_opt *to, const struct fs_opt *rows, size_t n)
{
	memcpy(to, rows, n * sizeof(*rows));
	return n;
}

/* What is run, how often, and where it goes. */
static size_t run_rows(struct bench_asked *a, struct fs_opt *to)
{
	struct fs_bench_opts *o = &a->o;
	const struct fs_opt rows[] = {
		FS_OPT("--vmm", NULL, "VMM", parse_vmm, &o->plan.ops,
		       "firecracker, cloud-hypervisor, qemu, or attach: your own command makes the forks"),
		FS_OPT("--snapshot", NULL, "[SIGNAL=]DIR", parse_snapshot, a,
		       "the snapshot to fork; one for each signal"),
		FS_OPT("--state-file", NULL, "NAME", fs_opt_string, &o->files.state,
		       "its state, if it has none of the usual names: a file in DIR, or a path"),
		FS_OPT("--memory-file", NULL, "NAME", fs_opt_string, &o->files.memory,
		       "its memory, likewise"),
		FS_OPT("--iters", "-n", "N", fs_opt_uint, &o->iters,
		       "forks of each variant (default 10)"),
		FS_OPT("--concurrency", "-c", "C", fs_opt_uint, &o->concurrency,
		       "forks at once, all of one variant (default 1)"),
		FS_OPT("--cache", NULL, "STATE", parse_cache, &o->cache,
		       "page cache of the snapshot before each: cold, warm, as-is (default cold)"),
		FS_OPT("--wait-for-network", NULL, "BOOL", parse_bool, &o->wait_for_network,
		       "a fork is there when its network is (true, the default), or when it is resumed"),
		FS_OPT("--output", "-o", "FILE", fs_out_opt_recording, &a->output,
		       "the recording; FILE.json gets what the bench saw, FILE.log what the recorder said; other files of these names are not replaced"),
		FS_OPT("--record-arg", NULL, "ARG", parse_record_arg, a,
		       "one more argument for forkscope record; may be given again"),
	};

	return copy_rows(to, rows, sizeof(rows) / sizeof(*rows));
}

/* Networks and acks. */
static size_t network_rows(struct bench_asked *a, struct fs_opt *to)
{
	struct fs_bench_opts *o = &a->o;
	const struct fs_opt rows[] = {
		FS_OPT("--token", "-t", "TOKEN", fs_opt_string, &o->token,
		       "the mailbox's token: it is found in the memory file, filled for the run, and emptied again"),
		FS_OPT("--unseen-ok", NULL, NULL, fs_opt_flag, &o->unseen_ok,
		       "you know that no VM runs on the memory file: fill its mailbox though somebody has it open, or cannot be seen"),
		FS_OPT("--network", NULL, "WHERE", parse_network, &a->network,
		       "own: each fork in a namespace of its own, all with one address (the default); host: in this one, each with an address and a copy of the memory file; none (attach's default)"),
		FS_OPT("--addresses", NULL, "CIDR", fs_opt_string, &o->addresses,
		       "of the forks of --network host (default 172.16.0.0/24)"),
		FS_OPT("--tap", NULL, "NAME", parse_tap, o->tap,
		       "the TAP that the snapshot's VM had (default tap0)"),
		FS_OPT("--tap-mac", NULL, "MAC", parse_mac, o->tap_mac,
		       "its address, which the guest may remember (default 06:00:ac:10:00:01)"),
		FS_OPT("--override", NULL, "IFACE", fs_opt_string, &o->override,
		       "load with this interface of the guest on the fork's TAP, whatever the snapshot says"),
		FS_OPT("--last-ack", NULL, "STAGE", fs_opt_string, &o->last_ack,
		       "the ack that is waited for (default applied)"),
		FS_OPT("--linger", NULL, "TIME", fs_opt_ns, &o->linger_ns,
		       "how long a fork goes on after it (default 200ms)"),
		FS_OPT("--call-timeout", NULL, "TIME", fs_opt_some_ns, &o->plan.call_ns,
		       "how long the VMM has for one answer (default 30s)"),
	};

	return copy_rows(to, rows, sizeof(rows) / sizeof(*rows));
}

/* Prefetching, and the VMM. */
static size_t vmm_rows(struct bench_asked *a, struct fs_opt *to)
{
	struct fs_bench_opts *o = &a->o;
	const struct fs_opt rows[] = {
		FS_OPT("--moment", NULL, "WHEN", parse_moment, &o->in_parallel,
		       "prefetch before the fork (the default), or in parallel with it (beside) from the resume on"),
		FS_OPT("--prefetch-rate", NULL, "SIZE", fs_opt_bytes, &o->rate,
		       "at most this much in a second"),
		FS_OPT("--vmm-bin", NULL, "PATH", fs_opt_string, &a->program, "your VMM's binary"),
		FS_OPT("--socket", NULL, "PATH", fs_opt_string, &o->plan.socket,
		       "start no VMM: use the fresh one that listens there; {fork} is fork-1, fork-2, ..."),
		FS_OPT("--resume-in-load", NULL, NULL, fs_opt_flag, &o->load.resume,
		       "resume inside of the load (Firecracker's resume_vm)"),
		FS_OPT("--uffd", NULL, "PROGRAM", fs_opt_string, &o->uffd,
		       "serve memory by PROGRAM SOCKET MEMFILE, started for each fork (Firecracker)"),
		FS_OPT("--restore-mode", NULL, "MODE", bench_opt_restore, &o->load,
		       "Cloud Hypervisor: copy (its default), ondemand, copyonwrite, or prefault: a copy, all of it present before the resume"),
		FS_OPT("--load-json", NULL, "OBJECT", bench_opt_load_json, a,
		       "more fields of the load request, as '{\"clock_realtime\": true}'; names in braces as in COMMAND are replaced in its strings"),
		FS_OPT("--vsock", NULL, "PATH", fs_opt_string, &o->plan.vsock,
		       "Firecracker: the vsock device's socket in the snapshot's state is PATH: each fork gets one of its own there"),
		FS_OPT("--vmm-version", NULL, "N.N", bench_opt_version, &o->plan.version,
		       "which version the VMM is like, where its own answer does not show it"),
		FS_OPT("--jailer", NULL, "PATH", fs_opt_string, &a->jail.program,
		       "start Firecracker by its jailer"),
		FS_OPT("--jail-base", NULL, "DIR", fs_opt_string, &a->jail.base,
		       "its --chroot-base-dir; files are linked into it"),
		FS_OPT("--jail-uid", NULL, "UID", fs_opt_uint, &a->jail.uid,
		       "the user that it becomes (default 65534)"),
		FS_OPT("--jail-gid", NULL, "GID", fs_opt_uint, &a->jail.gid,
		       "the group that it becomes (default 65534)"),
		FS_OPT("--jailer-arg", NULL, "ARG", bench_opt_jailer_arg, a,
		       "one more argument of the jailer, as --cgroup or its value; again for each"),
		FS_OPT("--take-snapshot", NULL, "SOCKET", fs_opt_string, &a->take,
		       "first pause the VM whose VMM listens there, and write its state and mem into the --snapshot folder"),
	};

	return copy_rows(to, rows, sizeof(rows) / sizeof(*rows));
}

/* The fields of a mailbox's payload. */
static size_t payload_rows(struct bench_asked *a, struct fs_opt *to)
{
	const struct fs_opt rows[] = {
#define X(parser, field, option, argument, help) \
	FS_OPT(option, NULL, argument, parser, &a->o.payload, help),
		MAILBOX_FIELD_OPTIONS(X)
#undef X
	};

	return copy_rows(to, rows, sizeof(rows) / sizeof(*rows));
}

size_t bench_opts_rows(struct bench_asked *a, struct fs_opt rows[BENCH_ROWS])
{
	size_t n = run_rows(a, rows);

	n += network_rows(a, rows + n);
	n += payload_rows(a, rows + n);
	n += vmm_rows(a, rows + n);
	rows[n] = (struct fs_opt)FS_OPT_END;
	return n;
}

int bench_opts_finalize(struct bench_asked *a, const struct fs_usage *u, const struct fs_args *args)
{
	struct fs_bench_opts *o = &a->o;
	enum fs_payload_error e;
	int ret;

	o->plan.command = args->nafter ? args->after : NULL;
	o->plan.program = a->program ? a->program : o->plan.ops ? o->plan.ops->program : NULL;
	o->plan.jail = a->jail.program ? &a->jail : NULL;
	a->jail.args = a->njailer_args ? a->jailer_args : NULL;
	o->plan.load_json = a->load_json;
	o->network = a->network >= 0                 ? (enum fs_network)a->network
		     : o->plan.ops == &fs_vmm_attach ? FS_NETWORK_NONE
						     : FS_NETWORK_OWN;
	o->signals = a->signals;
	o->folders = a->folders;
	o->nsignals = a->nsignals;
	o->prefetch = a->prefetch;
	o->nprefetch = a->nprefetch;
	ret = bench_opts_check(u, a);
	if (ret >= 0)
		return ret;
	if (!o->iters || !o->concurrency || o->concurrency > 1024 || o->iters > 1000000)
		return fs_opts_bad(u, "--iters is 1 to 1000000, --concurrency 1 to 1024");
	e = fs_payload_check(&o->payload);
	if (e)
		return fs_opts_bad(u, "%s", fs_payload_error_text(e));
	if (o->token)
		mailbox_warn_of_gateway(&o->payload);
	return -1;
}

void bench_opts_free(struct bench_asked *a)
{
	free(a->words);
	a->words = NULL;
	json_decref(a->load_json);
	a->load_json = NULL;
	fs_vec_free(&a->o.workingset);
}
