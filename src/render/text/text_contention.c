// SPDX-License-Identifier: BSD-2-Clause
/* Whether the forks competed for the host's CPUs, in words. */
#include <inttypes.h>
#include <math.h>
#include "render/text/term.h"
#include "render/text/text_parts.h"
#include "render/trust.h"

void fsv_text_contention(const struct fsv_view *v, FILE *out)
{
	char cpus[48] = "", p95[48] = "";
	struct fsx_contention c;

	if (fsv_contention(v, &c) || !c.contended)
		return;
	if (c.cpus != FSV_NOT_RECORDED)
		snprintf(cpus, sizeof(cpus), " on a host of %" PRIu64 " CPUs", c.cpus);
	if (!isnan(c.p95))
		snprintf(p95, sizeof(p95), ", p95 %.1f %%", 100 * c.p95);
	fsv_para(
		out, 2, 4,
		"HOST CONTENTION: forks were runnable and had no CPU for %.1f %% of their windows (sched.delay; of a fork: median %.1f %%%s; n = %zu); at most %zu windows at once, with %" PRIu64
		" vCPUs%s. These gaps are those of a busy host: compare them with none of an idle one",
		100 * c.share, 100 * c.p50, p95, c.n, c.forks_at_once, c.vcpus_at_once, cpus);
}
