// SPDX-License-Identifier: BSD-2-Clause
/* The frames of one segment of the critical path, outermost first. */
#include "render/frames.h"
#include <stdio.h>
#include <string.h>
#include "guestsyms/exit_names.h"

static void add(struct fsv_frame *frames, size_t *n, enum fsv_frame_kind kind, int rank,
		const char *name)
{
	struct fsv_frame *f = &frames[(*n)++];

	f->kind = kind;
	f->rank = rank;
	fsv_clean(name, f->name, sizeof(f->name));
	/* the folded form's separator */
	for (char *c = f->name; *c; c++)
		if (*c == ';')
			*c = ':';
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* What the tracer itself put on the stack. */
static bool is_probe(const char *name)
{
	return begins(name, "bpf_trampoline_") || begins(name, "bpf_prog_") ||
	       begins(name, "bpf_trace_run") || begins(name, "__bpf_trace_") ||
	       begins(name, "__traceiter_") || begins(name, "bpf_get_stackid");
}

/* How every system call and every exit begins: rows that show nothing. */
static bool is_entry(const char *name)
{
	return begins(name, "entry_SYSCALL_64") || begins(name, "do_syscall_64") ||
	       begins(name, "x64_sys_call") || begins(name, "ret_from_fork") ||
	       begins(name, "asm_exc_") || !strcmp(name, "__x64_sys_ioctl") ||
	       !strcmp(name, "kvm_vcpu_ioctl") || !strcmp(name, "kvm_arch_vcpu_ioctl_run");
}

static void add_host(const struct fsv_view *v, uint32_t stack, bool merge, struct fsv_frame *frames,
		     size_t *n)
{
	char name[FSV_WORD_LEN - 4], marked[FSV_WORD_LEN];
	const uint64_t *addrs;
	size_t depth, room = FSV_MAX_FRAMES - *n;

	if (!v->reader || stack == FS_NO_STACK)
		return;
	depth = fsr_stack(v->reader, stack, &addrs);
	if (depth > room)
		depth = room; /* the innermost frames show most */
	while (depth--) {
		fsv_host_addr(v, addrs[depth], name, sizeof(name));
		if (is_probe(name) || (merge && is_entry(name)))
			continue;
		/* _[k] is what folded stacks use to say "kernel"; a picture has colours for that */
		snprintf(marked, sizeof(marked), "%s%s", name, merge ? "" : "_[k]");
		add(frames, n, FSV_F_HOST, -1, marked);
	}
}

/* The guest's own code, separated by what it ran. */
static bool is_split(enum fsa_cause c)
{
	return c == FSA_C_GUEST_SIGNAL || c == FSA_C_GUEST_OTHER || c == FSA_C_GUEST_FAULT;
}

size_t fsv_frames(const struct fsv_view *v, const struct fsa_fork *f, const struct fsa_seg *s,
		  bool merge, struct fsv_frame *frames)
{
	enum fsa_stage stage = (enum fsa_stage)s->stage;
	enum fsa_cause cause = (enum fsa_cause)s->cause;
	enum fsa_bucket bucket = fsa_bucket_of(stage, cause);
	char name[FSV_WORD_LEN], addr[FSV_WORD_LEN - 32];
	size_t n = 0;

	add(frames, &n, FSV_F_BUCKET, (int)bucket, fsa_bucket_name(bucket));
	add(frames, &n, FSV_F_STAGE, s->stage, fsa_stage_name(stage));
	add(frames, &n, FSV_F_CAUSE, s->cause, fsa_cause_name(cause));
	/* why the guest left at last explains nothing of what it ran until then */
	if (s->reason != FSY_NO_EXIT && !(merge && is_split(cause)))
		add(frames, &n, FSV_F_EXIT, -1,
		    fsy_exit_name(s->isa, s->reason, name, sizeof(name)));
	if (s->label && s->label < f->nlabels)
		add(frames, &n, FSV_F_WHO, -1, f->labels[s->label]);
	if (s->guest && s->guest < f->nlabels) {
		snprintf(name, sizeof(name), "task:%.180s", f->labels[s->guest]);
		add(frames, &n, FSV_F_TASK, -1, name);
	}
	if (s->rip) {
		fsv_guest_addr(v, f, s->rip, false, addr, sizeof(addr));
		if (merge && addr[0] == '0')
			snprintf(addr, sizeof(addr), "kernel code");
		snprintf(name, sizeof(name), "guest:%s [exit rip]", addr);
		add(frames, &n, FSV_F_GUEST, -1, name);
	}
	add_host(v, s->stack, merge, frames, &n);
	return n;
}
