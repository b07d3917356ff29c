// SPDX-License-Identifier: BSD-2-Clause
/* Parsers of the options on how a VMM is started and its snapshot loaded. */
#include <stdio.h>
#include <string.h>
#include "cli/bench/bench_opt_parsers.h"

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
		snprintf(why, len, "is not a version such as 1.15.1");
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
		snprintf(why, len, "is not a JSON object%s%s", o ? "" : ": ", o ? "" : e.text);
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
