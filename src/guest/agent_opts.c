// SPDX-License-Identifier: BSD-2-Clause
/* The options of forkscope-guest agent: a table, and what the environment adds to it. */
#include "guest/agent_opts.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/opts.h"
#include "guest/recorder/armed.h"
#include "mailbox/mbox_layout.h"

#define ENV_ARMED  "HYPEMAN_RESUME_NETWORK_MAILBOX"
#define ENV_TOKEN  "HYPEMAN_RESUME_NETWORK_MAILBOX_TOKEN"
#define ENV_SIGNAL "HYPEMAN_RESUME_NETWORK_SIGNAL"
#define ENV_ACKS   "HYPEMAN_RESUME_NETWORK_ACK_STAGES"
#define ENV_DEBUG  "HYPEMAN_RESUME_NETWORK_DEBUG_STAGES"

static const struct fs_usage usage = {
	.program = "forkscope-guest",
	.command = "agent",
	.synopsis = "[OPTIONS...]",
	.what = "Arms a mailbox, prints one line on stdout (\"armed ...\"), and waits to be a fork of this VM. Then it takes the network settings out of the mailbox, applies them, sends the acks, and arms itself again.",
	.notes = "Environment (an option counts more):\n"
		 "  " ENV_ARMED "=1         arms; without it --token is needed\n"
		 "  " ENV_TOKEN "=T\n"
		 "  " ENV_SIGNAL "=S\n"
		 "  " ENV_ACKS "=1\n"
		 "  " ENV_DEBUG "=1\n\n"
		 "exit status: 0 ended by --once, SIGTERM or SIGINT; 1 failed; 2 wrong usage",
};

/* The variable without blanks around it, "" when it is not set; cut to what @buf holds. */
static const char *setting(const char *name, char *buf, size_t room)
{
	const char *v = getenv(name);
	size_t n;

	buf[0] = 0;
	if (!v)
		return buf;
	while (isspace((unsigned char)*v))
		v++;
	n = strlen(v);
	while (n && isspace((unsigned char)v[n - 1]))
		n--;
	snprintf(buf, room, "%.*s", (int)n, v);
	return buf;
}

static bool is_set(const char *name)
{
	char value[8];

	return !strcmp(setting(name, value, sizeof(value)), "1");
}

static int parse_signal(const char *text, void *dst, char *why, size_t len)
{
	for (int i = 0; i < GUEST_SIGNALS; i++) {
		if (!strcasecmp(text, guest_signal_names[i])) {
			*(enum guest_signal *)dst = (enum guest_signal)i;
			return 0;
		}
	}
	snprintf(why, len, "is none of auto, vmclock, vmgenid, vmclock-spin, mailbox");
	return -1;
}

static int parse_token(const char *text, void *dst, char *why, size_t len)
{
	struct guest_agent_opts *o = dst;
	size_t most = fs_mbox_layouts[FS_MBOX_RESUME_NETWORK].token_max, n = strlen(text);

	if (!n || n > most) {
		snprintf(why, len, "has %zu bytes: 1 to %zu are needed", n, most);
		return -1;
	}
	memcpy(o->token, text, n + 1);
	return 0;
}

/* What no option gave. @signal, @token: did one? Returns 0 or -1 after a message. */
static int read_environment(struct guest_agent_opts *o, bool signal, bool token)
{
	char value[sizeof(o->token)], why[128];

	o->ack_stages |= is_set(ENV_ACKS);
	o->debug_stages |= is_set(ENV_DEBUG);
	if (!signal && *setting(ENV_SIGNAL, value, sizeof(value)) &&
	    parse_signal(value, &o->signal, why, sizeof(why))) {
		fs_error(ENV_SIGNAL " \"%s\" %s", value, why);
		return -1;
	}
	if (token)
		return 0;
	if (!is_set(ENV_ARMED)) {
		fs_error("not armed: set " ENV_ARMED "=1 and " ENV_TOKEN ", or give --token");
		return -1;
	}
	if (!parse_token(setting(ENV_TOKEN, value, sizeof(value)), o, why, sizeof(why)))
		return 0;
	fs_error("the token " ENV_TOKEN " %s", why);
	return -1;
}

int guest_agent_opts(struct guest_agent_opts *o, int argc, char **argv)
{
	enum { TOKEN, SIGNAL }; /* the first rows */
	struct fs_opt opts[] = {
		FS_OPT("--token", NULL, "T", parse_token, o,
		       "in the mailbox, behind its magic: 1 to 30 bytes"),
		FS_OPT("--signal", NULL, "S", parse_signal, &o->signal,
		       "auto, vmclock, vmgenid, vmclock-spin or mailbox (default: auto)"),
		FS_OPT("--ack-stages", NULL, NULL, fs_opt_flag, &o->ack_stages,
		       "send the ack \"mailbox\" too, before netlink"),
		FS_OPT("--debug-stages", NULL, NULL, fs_opt_flag, &o->debug_stages,
		       "send the debug acks, with microseconds since the signal and page faults"),
		FS_OPT("--payload-wait", NULL, "TIME", fs_opt_ns, &o->timeout_ns,
		       "how long to wait for a payload after the signal (2s)"),
		FS_OPT("--once", NULL, NULL, fs_opt_flag, &o->once,
		       "end after the first fork that was served"),
		FS_OPT("--vmclock-device", NULL, "P", fs_opt_string, &o->paths.vmclock,
		       "instead of /dev/vmclock0"),
		FS_OPT("--kmsg", NULL, "P", fs_opt_string, &o->paths.kmsg, "instead of /dev/kmsg"),
		FS_OPT("--sysfs", NULL, "P", fs_opt_string, &o->paths.sys,
		       "instead of /sys, where a VMGenID device is looked for"),
		FS_OPT("--ring-dir", NULL, "DIR", fs_opt_string, &o->ring_dir,
		       "where `arm` keeps the recorder, into which the agent writes its stages, if one is armed (" GUEST_RUN_DIR
		       ")"),
		FS_OPT_END,
	};
	struct fs_args args;
	int ret;

	*o = (struct guest_agent_opts){.timeout_ns = 2000000000u,
				       .ring_dir = GUEST_RUN_DIR,
				       .signal = GUEST_SIGNAL_AUTO,
				       .paths = {"/dev/vmclock0", "/dev/kmsg", "/sys"}};
	ret = fs_opts_parse(&usage, opts, argc, argv, &args);
	if (ret >= 0)
		return ret;
	return read_environment(o, opts[SIGNAL].given, opts[TOKEN].given) ? FS_OPTS_WRONG : -1;
}
