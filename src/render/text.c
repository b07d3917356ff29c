// SPDX-License-Identifier: BSD-2-Clause
/* The text report: forks, then cohorts, then how far to trust it all. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "base/units.h"
#include "render/term.h"
#include "render/trust.h"
#include "render/vms.h"
#include "render/words.h"

static void title(const struct fsv_view *v, FILE *out)
{
	const struct fsr_info *in = v->info;
	struct fsv_trust t;
	char when[40] = "", path[256], end[96], clean[96];
	time_t sec = in ? (time_t)(in->created_ns / 1000000000u) : 0;
	struct tm tm;

	fsv_trust_read(v, &t);
	if (in && gmtime_r(&sec, &tm))
		strftime(when, sizeof(when), ", %Y-%m-%d %H:%M:%S UTC", &tm);
	fsv_tone(v, out, FSV_T_BOLD);
	fprintf(out, "forkscope report");
	fsv_tone(v, out, FSV_T_PLAIN);
	fprintf(out, ": %s%s\n", fsv_clean(v->path ? v->path : "(no file)", path, sizeof(path)),
		when);
	fprintf(out, "host: %s",
		*t.kernel ? fsv_clean(t.kernel, clean, sizeof(clean)) : "not recorded");
	if (t.cpus != FSV_NOT_RECORDED)
		fprintf(out, ", %" PRIu64 " CPUs", t.cpus);
	fprintf(out, ", KVM: %s\n",
		*t.kvm ? fsv_clean(t.kvm, clean, sizeof(clean)) : "not recorded");
	fsa_end_text(&v->res->opts, end, sizeof(end));
	fprintf(out, "window: %s to %s; ", fsv_start_name(v->res->opts.start), end);
	fprintf(out, "%zu fork%s of %" PRIu64 " VMs seen\n", v->res->nforks,
		v->res->nforks == 1 ? "" : "s", v->res->vms_seen);
}

/* One line per fork, to find one's way in a burst. */
static void overview(const struct fsv_view *v, FILE *out)
{
	char t[FS_UNITS_LEN], comm[FS_COMM_LEN], pct[16];

	fsv_heading(v, out, "forks, in order of resume");
	fprintf(out, "  %4s %-16s %8s %11s  %-16s %8s %8s %8s %8s\n", "fork", "VMM", "pid", "gap",
		"verdict", "memory", "vCPU", "signal", "guest");
	for (size_t i = 0; i < v->res->nforks; i++) {
		const struct fsa_fork *f = &v->res->forks[i];
		static const enum fsa_bucket cols[] = {FSA_B_MEMORY, FSA_B_VCPU, FSA_B_SIGNAL,
						       FSA_B_GUEST};

		if (!fsv_shows(v, f))
			continue;
		fprintf(out, "  %4u %-16s %8u %11s  %-16s", f->id,
			fsv_clean(f->comm, comm, sizeof(comm)), f->vmm_pid,
			f->complete ? fs_fmt_ns(f->gap_ns, t, sizeof(t)) : "no end",
			fsv_verdict_name(f->verdict));
		for (size_t k = 0; k < 4; k++)
			fprintf(out, " %8s",
				cols[k] == FSA_B_SIGNAL &&
						fsv_untold((double)f->bucket_ns[FSA_B_SIGNAL],
							   (double)f->bucket_ns[FSA_B_GUEST])
					? "-"
					: fsv_pct(f->bucket_ns[cols[k]], f->gap_ns, pct,
						  sizeof(pct)));
		fputc('\n', out);
	}
}

int fsv_text(const struct fsv_view *v, FILE *out)
{
	size_t shown = 0;

	title(v, out);
	for (size_t i = 0; i < v->res->nforks; i++)
		shown += fsv_shows(v, &v->res->forks[i]);
	if (!shown)
		fprintf(out, "\nno fork to show: %s\n",
			v->res->nforks ? "none matches the choice"
				       : "no VM of this recording was restored from a snapshot");
	if (shown > 1 || (shown && v->brief))
		overview(v, out);
	for (size_t i = 0; i < v->res->nforks; i++)
		if (!v->brief && fsv_shows(v, &v->res->forks[i]))
			fsv_text_fork(v, &v->res->forks[i], out);
	if (!v->only_fork)
		fsv_text_cohorts(v, out);
	if (!v->only_fork)
		fsv_text_vms(v, out);
	fsv_text_trust(v, out);
	return 0;
}
