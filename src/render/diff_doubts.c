// SPDX-License-Identifier: BSD-2-Clause
/* Reasons why the difference of two recordings may come from elsewhere. */
#include <string.h>
#include "render/diff_view.h"
#include "render/format_values.h"

/* Number of vCPUs that all forks have, 0 = they differ or there are none. */
static unsigned int vcpus(const struct fsv_view *v)
{
	unsigned int n = v->res->nforks ? v->res->forks[0].vcpus : 0;

	for (size_t i = 0; i < v->res->nforks; i++)
		if (v->res->forks[i].vcpus != n)
			return 0;
	return n;
}

static const char *host_of(const struct fsv_view *v, const char *key)
{
	const json_t *meta = v->info ? v->info->meta : NULL;
	const char *s = json_string_value(json_object_get(json_object_get(meta, "host"), key));

	return s ? s : "not recorded";
}

void fsv_diff_doubts(const struct fsv_diff *d, void (*say)(void *arg, const char *sentence),
		     void *arg)
{
	static const char *const keys[] = {"kernel", "kvm", "machine", "cpu_vendor"};
	const struct fsa_opts *oa = &d->a->res->opts, *ob = &d->b->res->opts;
	char line[300], a[96], b[96];

	fsa_end_text(oa, a, sizeof(a));
	fsa_end_text(ob, b, sizeof(b));
	if (strcmp(a, b) != 0 || oa->start != ob->start) {
		snprintf(line, sizeof(line),
			 "the windows are not the same: %s to %s in A, %s to %s in B",
			 fsv_start_name(oa->start), a, fsv_start_name(ob->start), b);
		say(arg, line);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strcmp(host_of(d->a, keys[i]), host_of(d->b, keys[i])))
			continue;
		snprintf(line, sizeof(line), "another %s: %s in A, %s in B",
			 i ? keys[i] : "host kernel",
			 fsv_clean(host_of(d->a, keys[i]), a, sizeof(a)),
			 fsv_clean(host_of(d->b, keys[i]), b, sizeof(b)));
		say(arg, line);
	}
	if (vcpus(d->a) != vcpus(d->b))
		say(arg, "the VMs do not all have the same number of vCPUs");
	for (size_t i = 0; i < d->diff.n; i++)
		if (d->diff.v[i].a->forks[0]->guest.used != d->diff.v[i].b->forks[0]->guest.used)
			say(arg,
			    "the guest's time is split in one of the two only: compare with --no-guest");
}
