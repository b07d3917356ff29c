// SPDX-License-Identifier: BSD-2-Clause
/* How a VMM is started and its snapshot loaded: parsers of these options, and what they need. */
#include <stdio.h>
#include <string.h>
#include "cli/bench/bench_opts.h"

int bench_opt_restore(const char *text, void *dst, char *why, size_t len)
{
	static const char *const names[] = {"copy", "ondemand", "copyonwrite", "prefault", NULL};
	static const char *const modes[] = {NULL, "OnDemand", "CopyOnWrite", NULL};
	struct fs_vmm_load *l = dst;
	int at;

	if (bench_opt_pick(text, names, 4, &at, why, len))
		return -1;
	l->mode = modes[at];
	l->prefault = at == 3;
	return 0;
}

int bench_opt_version(const char *text, void *dst, char *why, size_t len)
{
	if (!fs_vmm_read_version(text).known) {
		snprintf(why, len, "is no version such as 1.15.1");
		return -1;
	}
	*(const char **)dst = text;
	return 0;
}

int bench_opt_jailer_arg(const char *text, void *dst, char *why, size_t len)
{
	struct bench_asked *a = dst;
	const char *no = fs_jail_no_arg(text);

	if (no || a->njailer_args == FS_JAIL_ARGS) {
		snprintf(why, len, "cannot be passed on: %s", no ? no : "it is one too many");
		return -1;
	}
	a->jailer_args[a->njailer_args++] = text;
	return 0;
}

int bench_opt_load_json(const char *text, void *dst, char *why, size_t len)
{
	struct bench_asked *a = dst;
	json_error_t e;
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	if (!json_is_object(o)) {
		snprintf(why, len, "is no JSON object%s%s", o ? "" : ": ", o ? "" : e.text);
		json_decref(o);
		return -1;
	}
	/* given again: the fields of both */
	if (a->load_json)
		json_object_update(a->load_json, o);
	else
		a->load_json = json_incref(o);
	json_decref(o);
	return 0;
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

int bench_opts_check_load(const struct fs_usage *u, const struct bench_asked *a)
{
	const struct fs_vmm_ops *ops = a->o.plan.ops;

	if (a->o.plan.vsock && ops != &fs_vmm_firecracker)
		return fs_opts_bad(
			u, "--vsock is for Firecracker%s",
			ops == &fs_vmm_cloud_hypervisor
				? ": the socket of Cloud Hypervisor's vsock device is in "
				  "config.json, and each fork has its own"
				: "");
	if ((a->o.load.mode || a->o.load.prefault) && ops != &fs_vmm_cloud_hypervisor)
		return fs_opts_bad(u, "--restore-mode is for Cloud Hypervisor");
	if (a->njailer_args && !a->jail.program)
		return fs_opts_bad(u, "--jailer-arg needs --jailer PATH");
	return check_fields(u, a);
}
