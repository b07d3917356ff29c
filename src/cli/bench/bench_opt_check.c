// SPDX-License-Identifier: BSD-2-Clause
/* What only the options of a bench together show: do they go with the VMM and with each other? */
#include <string.h>
#include "cli/bench/bench_opt_check.h"

/* The snapshot of signal @s: SIGNAL=DIR, or a DIR for all. */
static const char *snapshot_of(const struct bench_asked *a, const char *s)
{
	const char *any = NULL;

	for (size_t i = 0; i < a->nsnapshots; i++) {
		const char *text = a->snapshots[i], *eq = strchr(text, '=');

		if (eq && (size_t)(eq - text) == strlen(s) && !strncmp(text, s, strlen(s)))
			return eq + 1;
		if (!eq)
			any = text;
	}
	return any;
}

static int check_snapshots(const struct fs_usage *u, struct bench_asked *a)
{
	bool attach = a->o.plan.ops == &fs_vmm_attach;

	for (size_t i = 0; i < a->nsignals; i++) {
		a->folders[i] = snapshot_of(a, a->signals[i]);
		if (!a->folders[i] && (!attach || a->nsnapshots))
			return fs_opts_bad(u,
					   "which snapshot? --snapshot DIR, or --snapshot %s=DIR",
					   a->signals[i]);
	}
	if (a->nsignals > 1 && a->nsnapshots == 1 && !attach)
		return fs_opts_bad(
			u,
			"a guest waits for one signal, so each needs a snapshot of its own: --snapshot SIGNAL=DIR");
	return -1;
}

static int check_vmm(const struct fs_usage *u, struct bench_asked *a)
{
	struct fs_vmm_plan *p = &a->o.plan;
	bool fc = p->ops == &fs_vmm_firecracker;

	if (!p->ops)
		return fs_opts_bad(u, "which VMM? --vmm %s", fs_vmm_names());
	if (!p->ops->program && !p->command && !p->socket)
		return fs_opts_bad(u, "--vmm %s needs the command that makes a fork, after --",
				   p->ops->name);
	if (a->jail.program && (!fc || p->socket || strchr(a->program ? a->program : "", '/') == 0))
		return fs_opts_bad(u, "--jailer is Firecracker's, and needs --vmm-bin PATH");
	if (a->jail.program && !a->jail.base)
		return fs_opts_bad(u,
				   "--jailer needs --jail-base DIR, on the snapshot's file system");
	if (a->o.uffd && !fc)
		return fs_opts_bad(u, "--uffd is for Firecracker");
	if (a->o.how == FS_MECH_POPULATE && a->o.load.resume && !a->o.in_parallel)
		return fs_opts_bad(
			u,
			"--mechanism populate needs the VM loaded and not yet resumed: leave out --resume-in-load, or --moment beside");
	if (a->o.how == FS_MECH_POPULATE && p->ops == &fs_vmm_attach && !a->o.in_parallel)
		return fs_opts_bad(
			u,
			"--mechanism populate needs the VMM's process before the resume, and an attached command resumes when it likes: --moment beside");
	if (a->o.network == FS_NETWORK_HOST && fc && !a->o.override)
		return fs_opts_bad(
			u,
			"--network host gives each fork's TAP another name: --override IFACE says which of the guest's interfaces it is for");
	if (a->o.network == FS_NETWORK_HOST && !a->o.token)
		return fs_opts_bad(
			u,
			"--network host gives each fork another address: --token names the mailbox that carries it to the agent");
	return -1;
}

/* Does the bench itself set this field of the load request? */
static bool sets(const struct fs_bench_opts *o, const char *const *fields, const char *field)
{
	for (; *fields; fields++)
		if (!strcmp(*fields, field))
			return true;
	return (o->override && !strcmp(field, "network_overrides")) ||
	       (o->plan.vsock && !strcmp(field, "vsock_override")) ||
	       (o->load.mode && !strcmp(field, "memory_restore_mode")) ||
	       (o->load.prefault && !strcmp(field, "prefault"));
}

/* The user's own fields of the load request. */
static int check_fields(const struct fs_usage *u, const struct bench_asked *a)
{
	const struct fs_vmm_ops *ops = a->o.plan.ops;
	const char *field;
	json_t *value;

	if (!a->load_json)
		return -1;
	if (!ops || !ops->load_fields)
		return fs_opts_bad(u, "--load-json: this VMM has no load request of JSON");
	json_object_foreach (a->load_json, field, value)
		if (sets(&a->o, ops->load_fields, field))
			return fs_opts_bad(u, "--load-json: the bench sets \"%s\" itself", field);
	return -1;
}

static int check_load(const struct fs_usage *u, const struct bench_asked *a)
{
	const struct fs_vmm_ops *ops = a->o.plan.ops;

	if (a->o.plan.vsock && ops != &fs_vmm_firecracker)
		return fs_opts_bad(
			u, "--vsock is for Firecracker%s",
			ops == &fs_vmm_cloud_hypervisor
				? ": the socket of Cloud Hypervisor's vsock device is in config.json, and each fork has its own"
				: "");
	if ((a->o.load.mode || a->o.load.prefault) && ops != &fs_vmm_cloud_hypervisor)
		return fs_opts_bad(u, "--restore-mode is for Cloud Hypervisor");
	if (a->njailer_args && !a->jail.program)
		return fs_opts_bad(u, "--jailer-arg needs --jailer PATH");
	return check_fields(u, a);
}

int bench_opts_check(const struct fs_usage *u, struct bench_asked *a)
{
	int ret = check_vmm(u, a);

	ret = ret < 0 ? check_load(u, a) : ret;
	return ret < 0 ? check_snapshots(u, a) : ret;
}
