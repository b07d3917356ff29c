// SPDX-License-Identifier: BSD-2-Clause
/* Whether the forks competed for the host's CPUs, as JSON. */
#include <math.h>
#include "render/json/json_parts.h"
#include "render/trust.h"

static json_t *share(double x)
{
	return isnan(x) ? json_null() : json_real(x);
}

json_t *fsj_contention(const struct fsv_view *v)
{
	struct fsx_contention c;

	if (fsv_contention(v, &c))
		return NULL;
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "contended", c.contended,
			 "cpus", fsj_u64(c.cpus), "forks_at_once", fsj_u64(c.forks_at_once),
			 "vcpus_at_once", fsj_u64(c.vcpus_at_once), "forks", fsj_u64(c.n),
			 "delay_ns", fsj_u64(c.delay_ns), "windows_ns", fsj_u64(c.window_ns),
			 "share_p50", share(c.p50), "share_p95", share(c.p95));
}
