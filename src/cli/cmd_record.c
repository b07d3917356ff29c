// SPDX-License-Identifier: BSD-2-Clause
/* forkscope record: options and what follows from them; collect/session does the work. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "attribute/model/model.h"
#include "base/json.h"
#include "base/log.h"
#include "base/opts.h"
#include "cli/cmds.h"
#include "cli/output.h"
#include "collect/bpf/load.h"
#include "collect/session/session.h"

static const struct fs_usage usage = {
	.command = "record",
	.synopsis = "-o FILE (--all | --comm NAME | --vmm-pid PID... | -- COMMAND...)",
	.what = "Traces VM forks into a recording, which `forkscope report` explains. Needs root. VMs and vCPU threads are found by what the kernel shows; those that are made later are traced from their first moment. Ends at SIGINT, at --timeout, when every --vmm-pid has ended, or when COMMAND and all that it started have.",
	.notes =
		"Once `forkscope: recording to FILE` is printed, nothing is missed any more. From then on the process holds no capability at all; where a kernel does not answer it without one, what it kept is stored in the recording. Guests' memory is read by a process of its own that keeps CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE and CAP_DAC_READ_SEARCH, and never writes to a VMM; --guest off does without it.\n\n"
		"Exit status: 0 done; 1 failed (what was recorded is readable); 2 wrong usage; 3 done, but events were lost or the end given with --end was never seen.",
	.takes_command = true,
};

/* System calls that mark what a VMM does before it resumes a fork (open and mmap come anyway). */
static const int phase_syscalls[] = {
	SYS_read,        SYS_pread64,         SYS_preadv,   SYS_preadv2,      SYS_readv,
	SYS_ftruncate,   SYS_fallocate,       SYS_madvise,  SYS_munmap,       SYS_mprotect,
	SYS_userfaultfd, SYS_connect,         SYS_accept4,  SYS_memfd_create, SYS_fadvise64,
	SYS_readahead,   SYS_copy_file_range, SYS_sendfile, SYS_splice,       SYS_process_madvise,
};

static int parse_pid(const char *text, void *dst, char *why, size_t len)
{
	struct fs_targets *t = dst;
	unsigned int pid;

	if (fs_opt_uint(text, &pid, why, len))
		return -1;
	if (!pid || pid > 4194304) {
		snprintf(why, len, "is not a process number");
		return -1;
	}
	if (fs_vec_push(&t->pids, (pid_t)pid)) {
		snprintf(why, len, "out of memory");
		return -1;
	}
	return 0;
}

static int parse_comm(const char *text, void *dst, char *why, size_t len)
{
	if (!*text) {
		snprintf(why, len, "is empty");
		return -1;
	}
	((struct fs_targets *)dst)->comm = text;
	return 0;
}

/* The same end, as those who read guests want to know it. */
static struct fs_guest_end guest_end(const struct fsa_opts *end, const char *text)
{
	struct fs_guest_end e = {.text = strchr(text, ':') ? strchr(text, ':') + 1 : ""};

	switch (end->end) {
	case FSA_END_ACK:
		e.kind = FS_GUEST_END_ACK;
		break;
	case FSA_END_FIRST_TX:
		e.kind = FS_GUEST_END_FIRST_TX;
		break;
	case FSA_END_TCP:
		e.kind = FS_GUEST_END_TCP;
		e.number = end->end_port;
		break;
	case FSA_END_PIO:
		e.kind = FS_GUEST_END_PIO;
		e.number = end->end_port;
		break;
	case FSA_END_MARK:
		e.kind = FS_GUEST_END_MARK;
		break;
	case FSA_END_AFTER:
		e.kind = FS_GUEST_END_AFTER;
		e.number = end->end_after_ns;
		break;
	}
	return e;
}

/* Which records show that such an end was there: see struct fs_session_opts. */
static int parse_end(const char *text, void *dst, char *why, size_t len)
{
	struct fs_session_opts *s = dst;
	struct fsa_opts end = {0};

	if (fsa_parse_end(text, &end, why, len))
		return -1;
	s->end = text;
	s->guest.end = guest_end(&end, text);
	s->proof = FS_PROOF_KIND;
	switch (end.end) {
	case FSA_END_ACK:
	case FSA_END_FIRST_TX:
	case FSA_END_TCP:
		s->proof_kind = FS_EV_NET_TX;
		break;
	case FSA_END_PIO:
		s->proof_kind = FS_EV_PIO;
		break;
	case FSA_END_MARK:
		s->proof = FS_PROOF_MARK;
		s->proof_mark = strchr(text, ':') + 1;
		break;
	case FSA_END_AFTER:
		s->proof = FS_PROOF_NONE;
		break;
	}
	return 0;
}

static int parse_ring(const char *text, void *dst, char *why, size_t len)
{
	uint64_t *bytes = dst;

	if (fs_opt_bytes(text, bytes, why, len))
		return -1;
	if (*bytes < FS_RING_MIN || *bytes > (1u << 30) || (*bytes & (*bytes - 1))) {
		snprintf(why, len, "is not a power of two from 64KiB to 1GiB");
		return -1;
	}
	return 0;
}

static int parse_stacks(const char *text, void *dst, char *why, size_t len)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} sel[] = {{"fault", FS_STACK_FAULT},
		   {"offcpu", FS_STACK_OFFCPU},
		   {"bio", FS_STACK_BIO},
		   {"none", 0}};
	uint32_t *stacks = dst;

	*stacks = 0;
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, ","), i;

		for (i = 0; i < 4; i++)
			if (strlen(sel[i].name) == n && !strncmp(at, sel[i].name, n))
				break;
		if (i == 4) {
			snprintf(why, len, "is not a list of fault, offcpu, bio (or none)");
			return -1;
		}
		*stacks |= sel[i].bit;
		at += n + (at[n] == ',');
	}
	return 0;
}

static int parse_without(const char *text, void *dst, char *why, size_t len)
{
	if (!*text || !fs_bpf_known(text)) {
		snprintf(why, len, "is not a list of hooks (forkscope doctor names them)");
		return -1;
	}
	*(const char **)dst = text;
	return 0;
}

static int parse_guest(const char *text, void *dst, char *why, size_t len)
{
	bool *off = dst;

	*off = !strcmp(text, "off");
	if (*off || !strcmp(text, "auto"))
		return 0;
	snprintf(why, len, "is neither auto nor off");
	return -1;
}

static int parse_memfile(const char *text, void *dst, char *why, size_t len)
{
	struct fs_guest_opts *g = dst;

	if (!fs_vec_push(&g->memfiles, text))
		return 0;
	snprintf(why, len, "out of memory");
	return -1;
}

static int check(const struct fs_session_opts *s, const struct fs_args *args)
{
	const struct fs_targets *t = &s->targets;

	if (!s->path)
		return fs_opts_bad(&usage, "no recording is named: -o FILE");
	if (args->after && !args->nafter)
		return fs_opts_bad(&usage, "no command follows --");
	if (s->guest.warm && !s->guest.memfiles.n)
		return fs_opts_bad(&usage, "--warm-ring needs --memfile: whose recorder?");
	if (s->guest.off && s->guest.memfiles.n)
		return fs_opts_bad(&usage, "--memfile is for reading guests: not with --guest off");
	if (!t->all && !t->comm && !t->pids.n && !args->nafter)
		return fs_opts_bad(
			&usage,
			"what is to be traced? --all, --comm NAME, --vmm-pid PID or -- COMMAND");
	return -1;
}

static void set_knobs(struct fs_session_opts *s, uint32_t stacks)
{
	struct fs_knobs *k = &s->load.knobs;
	const struct fs_targets *t = &s->targets;

	k->match = (t->all ? FS_MATCH_ALL : 0) | (t->comm ? FS_MATCH_COMM : 0) |
		   (t->command ? FS_MATCH_COMMAND : 0);
	k->stacks = stacks;
	k->self_tgid = (uint32_t)getpid();
	if (t->comm)
		snprintf(k->comm, sizeof(k->comm), "%s", t->comm);
	for (size_t i = 0; i < sizeof(phase_syscalls) / sizeof(phase_syscalls[0]); i++)
		k->syscalls[phase_syscalls[i]] = 1;
}

static json_t *words(int argc, char **argv)
{
	json_t *a = json_array();

	for (int i = 0; i < argc; i++)
		json_array_append_new(a, fs_json_text(argv[i]));
	return a;
}

static int run(struct fs_session_opts *s)
{
	switch (fs_session_run(s)) {
	case FS_SESSION_DONE:
		return FS_EXIT_OK;
	case FS_SESSION_INCOMPLETE:
		return FS_EXIT_INCOMPLETE;
	case FS_SESSION_FAILED:
		break;
	}
	return FS_EXIT_FAILED;
}

static void give_back(struct fs_session_opts *s)
{
	fs_targets_close(&s->targets);
	fs_vec_free(&s->guest.memfiles);
	json_decref(s->command_line);
	json_decref(s->asked);
}

int cmd_record(int argc, char **argv)
{
	struct fs_session_opts s = {.end = "ack:mailbox",
				    .load.probe_stats = true,
				    .guest.end = {FS_GUEST_END_ACK, 0, "mailbox"}};
	uint32_t stacks = FS_STACK_FAULT | FS_STACK_OFFCPU | FS_STACK_BIO;
	struct fs_opt opts[] = {
		FS_OPT("--output", "-o", "FILE", fs_out_opt_recording, &s.path,
		       "the recording to write, mode 0600; a recording that is there is replaced, another file is not"),
		FS_OPT("--all", "-a", NULL, fs_opt_flag, &s.targets.all,
		       "trace every VM of this host"),
		FS_OPT("--comm", NULL, "NAME", parse_comm, &s.targets,
		       "trace VMMs of this process name (15 characters count)"),
		FS_OPT("--vmm-pid", "-p", "PID", parse_pid, &s.targets,
		       "trace this VMM process; may be given again"),
		FS_OPT("--timeout", "-t", "TIME", fs_opt_some_ns, &s.timeout_ns,
		       "end after this long, as in 30s"),
		FS_OPT("--end", "-e", "END", parse_end, &s,
		       "where the report ends its window unless it is asked otherwise: ack:STAGE, first-tx, tcp:PORT, pio:PORT, mark:NAME or after:TIME (default ack:mailbox)"),
		FS_OPT("--stacks", NULL, "LIST", parse_stacks, &stacks,
		       "host kernel stacks to take: fault, offcpu, bio (default all), or none"),
		FS_OPT("--ring-size", NULL, "SIZE", parse_ring, &s.load.ring_bytes,
		       "buffer of each CPU, a power of two (default 16MiB, less where memory is small)"),
		FS_OPT("--without", NULL, "HOOKS", parse_without, &s.load.without,
		       "do without these hooks (as doctor names them, divided by commas), to save their cost"),
		FS_OPT("--guest", NULL, "MODE", parse_guest, &s.guest.off,
		       "auto (default): read what forkscope-guest arm left in the guests' memory, once their forks have come to an end; off: record the host alone"),
		FS_OPT("--memfile", NULL, "FILE", parse_memfile, &s.guest,
		       "the memory file of the snapshot that will be forked: finds its recorder before the first fork, and serves VMMs that do not map that file; may be given again"),
		FS_OPT("--warm-ring", NULL, NULL, fs_opt_flag, &s.guest.warm,
		       "read the recorder's own pages of each --memfile into the page cache, so that their faults cost little; all others stay as they are"),
		FS_OPT("--no-probe-stats", NULL, NULL, fs_opt_no, &s.load.probe_stats,
		       "do not count the run time of the programs"),
		FS_OPT_END,
	};
	struct fs_args args;
	int ret;

	fs_targets_init(&s.targets);
	s.command_line = words(argc, argv);
	ret = fs_opts_parse(&usage, opts, argc, argv, &args);
	if (ret < 0)
		ret = check(&s, &args);
	if (ret < 0) {
		s.targets.command = args.nafter ? args.after : NULL;
		set_knobs(&s, stacks);
		s.asked = fs_opts_asked(opts);
		ret = run(&s);
	}
	give_back(&s);
	return ret;
}
