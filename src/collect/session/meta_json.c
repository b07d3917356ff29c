// SPDX-License-Identifier: BSD-2-Clause
/* META: what a recording says about itself when it begins. */
#include "collect/session/meta_json.h"
#include "base/json.h"
#include "collect/bpf/stats_json.h"
#include "collect/host/host.h"

static json_t *filters(const struct fs_targets *t)
{
	json_t *pids = json_array(), *command = t->command ? json_array() : json_null();

	for (size_t i = 0; i < t->pids.n; i++)
		json_array_append_new(pids, json_integer(t->pids.v[i]));
	for (char **arg = t->command; arg && *arg; arg++)
		json_array_append_new(command, fs_json_text(*arg));
	return json_pack("{s:b, s:o, s:o, s:o}", "all", t->all, "comm", fs_json_text(t->comm),
			 "pids", pids, "command", command);
}

static json_t *stack_names(uint32_t sel)
{
	json_t *a = json_array();

	if (sel & FS_STACK_FAULT)
		json_array_append_new(a, json_string("fault"));
	if (sel & FS_STACK_OFFCPU)
		json_array_append_new(a, json_string("offcpu"));
	if (sel & FS_STACK_BIO)
		json_array_append_new(a, json_string("bio"));
	return a;
}

json_t *fs_meta_json(const struct fs_meta_in *in)
{
	const struct fs_session_opts *o = in->opts;
	const unsigned int *cpus;
	const int *fds;
	struct fs_clocks clocks;
	struct fs_host host;
	json_t *kept = json_array();

	fs_host_read(&host);
	fs_clocks_read(&clocks);
	if (*in->kept)
		json_array_append_new(kept, json_string(in->kept));
	return json_pack(
		"{s:i, s:s, s:s, s:O, s:O, s:o, s:o, s:o, s:s, s:I, s:o, s:o, s:I, s:I, s:I, s:o, s:s, s:o}",
		"format", 1, "tool", "forkscope", "version", FORKSCOPE_VERSION, "command",
		o->command_line, "options", o->asked, "host", fs_host_json(&host), "hooks",
		fs_hooks_json(fs_bpf_plan(in->bpf)), "filters", filters(&o->targets), "end", o->end,
		"timeout_ns", (json_int_t)o->timeout_ns, "stacks",
		stack_names(o->load.knobs.stacks), "clock", fs_clocks_json(&clocks), "armed_ns",
		(json_int_t)in->armed_ns, "ring_bytes", (json_int_t)fs_bpf_ring_bytes(in->bpf),
		"rings", (json_int_t)fs_bpf_rings(in->bpf, &cpus, &fds), "kept_capabilities", kept,
		"kptr", in->symbols_hidden ? "restricted" : "ok", "guest",
		fs_guests_meta(in->guests));
}
