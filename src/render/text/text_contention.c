// SPDX-License-Identifier: BSD-2-Clause
#include "render/contention.h"
#include <inttypes.h>
#include <math.h>
#include "experiment/contention.h"
#include "render/json/json_parts.h"
#include "render/text/term.h"
#include "render/trust.h"

static int make(const struct fsv_view *v, struct fsx_contention *c)
{
	struct fsv_trust t;

	fsv_trust_read(v, &t);
	return fsx_contention_make(v->res, t.cpus, c);
}

void fsv_contention_text(const struct fsv_view *v, FILE *out)
{
	char cpus[48] = "", p95[48] = "";
	struct fsx_contention c;

	if (make(v, &c) || !c.contended)
		return;
	if (c.cpus != FSV_NOT_RECORDED)
		snprintf(cpus, sizeof(cpus), " on a host of %" PRIu64 " CPUs", c.cpus);
	if (!isnan(c.p95))
		snprintf(p95, sizeof(p95), ", p95 %.1f %%", 100 * c.p95);
	fsv_para(
		out, 2, 4,
		"HOST CONTENTION: forks were runnable and had no CPU for %.1f %% of their windows "
		"(sched.delay; of a fork: median %.1f %%%s; n = %zu); at most %zu windows at once, "
		"with %" PRIu64 " vCPUs%s. These gaps are those of a busy host: compare them with "
		"none of an idle one",
		100 * c.share, 100 * c.p50, p95, c.n, c.forks_at_once, c.vcpus_at_once, cpus);
}

static json_t *share(double x)
{
	return isnan(x) ? json_null() : json_real(x);
}

json_t *fsj_contention(const struct fsv_view *v)
{
	struct fsx_contention c;

	if (make(v, &c))
		return NULL;
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "contended", c.contended,
			 "cpus", fsj_u64(c.cpus), "forks_at_once", fsj_u64(c.forks_at_once),
			 "vcpus_at_once", fsj_u64(c.vcpus_at_once), "forks", fsj_u64(c.n),
			 "delay_ns", fsj_u64(c.delay_ns), "windows_ns", fsj_u64(c.window_ns),
			 "share_p50", share(c.p50), "share_p95", share(c.p95));
}
