// SPDX-License-Identifier: BSD-2-Clause
/* The text report: forks, then cohorts, then how far to trust it all. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "base/units.h"
#include "render/format_values.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"
#include "render/text/text_table.h"
#include "render/trust.h"

static void title(const struct fsv_view *v, FILE *out)
{
	const struct fsr_info *in = v->info;
	struct fsv_trust t;
	char when[40] = "", path[256], end[96], clean[96], kvm[96], cpus[32] = "";
	time_t sec = in ? (time_t)(in->created_ns / 1000000000u) : 0;
	struct tm tm;

	fsv_trust_read(v, &t);
	if (in && gmtime_r(&sec, &tm))
		strftime(when, sizeof(when), ", %Y-%m-%d %H:%M:%S UTC", &tm);
	fsv_tone(v, out, FSV_T_BOLD);
	fprintf(out, "forkscope report");
	fsv_tone(v, out, FSV_T_PLAIN);
	fsv_para_on(out, 16, 2, ": %s%s",
		    fsv_clean(v->path ? v->path : "(no file)", path, sizeof(path)), when);
	if (t.cpus != FSV_NOT_RECORDED)
		snprintf(cpus, sizeof(cpus), ", %" PRIu64 " CPUs", t.cpus);
	fsv_para(out, 0, 2, "host: %s%s, KVM: %s",
		 *t.kernel ? fsv_clean(t.kernel, clean, sizeof(clean)) : "not recorded", cpus,
		 *t.kvm ? fsv_clean(t.kvm, kvm, sizeof(kvm)) : "not recorded");
	fsa_end_text(&v->res->opts, end, sizeof(end));
	fsv_para(out, 0, 2, "window: %s to %s; %zu fork%s of %" PRIu64 " VMs seen",
		 fsv_start_name(v->res->opts.start), end, v->res->nforks,
		 v->res->nforks == 1 ? "" : "s", v->res->vms_seen);
}

/* One line per fork, to find one's way in a burst. */
static void overview(const struct fsv_view *v, FILE *out)
{
	static const enum fsa_bucket buckets[] = {FSA_B_MEMORY, FSA_B_VCPU, FSA_B_SIGNAL,
						  FSA_B_GUEST};
	/* The VMM and its process stand above each fork's own part as well. */
	static const struct fsv_column columns[] = {
		{"fork", 2, 4, 0}, {"VMM", 1, -16, 2},     {"pid", 1, 8, 1},
		{"gap", 1, 11, 0}, {"verdict", 2, -16, 0}, {"memory", 1, 8, 0},
		{"vCPU", 1, 8, 0}, {"signal", 1, 8, 0},    {"guest", 1, 8, 0},
	};
	char t[FS_UNITS_LEN], comm[FS_COMM_LEN], pct[4][16], id[16], pid[16];
	struct fsv_table table;

	fsv_heading(v, out, "forks, in order of resume");
	fsv_table_fit(&table, v, columns, sizeof(columns) / sizeof(columns[0]), 0);
	fsv_table_head(&table, out);
	for (size_t i = 0; i < v->res->nforks; i++) {
		const struct fsa_fork *f = &v->res->forks[i];

		if (!fsv_shows(v, f))
			continue;
		snprintf(id, sizeof(id), "%u", f->id);
		snprintf(pid, sizeof(pid), "%u", f->vmm_pid);
		for (size_t k = 0; k < 4; k++)
			fsv_pct(f->bucket_ns[buckets[k]], f->gap_ns, pct[k], sizeof(pct[k]));
		if (fsv_not_separable((double)f->bucket_ns[FSA_B_SIGNAL],
				      (double)f->bucket_ns[FSA_B_GUEST]))
			strcpy(pct[2], "-");
		fsv_table_row(&table, out,
			      (const char *[]){id, fsv_clean(f->comm, comm, sizeof(comm)), pid,
					       f->complete ? fs_fmt_ns(f->gap_ns, t, sizeof(t))
							   : "no end",
					       fsv_verdict_name(f->verdict), pct[0], pct[1], pct[2],
					       pct[3]});
	}
}

int fsv_text(const struct fsv_view *v, FILE *out)
{
	size_t shown = 0;

	fsv_set_width(v);
	title(v, out);
	for (size_t i = 0; i < v->res->nforks; i++)
		shown += fsv_shows(v, &v->res->forks[i]);
	if (!shown)
		fsv_para_on(out, fprintf(out, "\n") - 1, 2, "no fork to show: %s",
			    v->res->nforks
				    ? "none matches the choice"
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
