// SPDX-License-Identifier: BSD-2-Clause
/*
 * forkscope-guest agent: arms the mailbox before the snapshot, waits for the resume signal, and
 * serves each fork. All that is needed after the signal is made here, before it: memory locked and
 * touched, sockets open, the network known.
 */
#include "guest/commands.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/units.h"
#include "guest/common/guest_log.h"
#include "guest/recorder/armed.h"
#include "guest/recorder/block.h"
#include "guest/resume/serve.h"
#include "guest/resume/signal.h"
#include "mailbox/format.h"

#define ENV_ARMED   "HYPEMAN_RESUME_NETWORK_MAILBOX"
#define ENV_TOKEN   "HYPEMAN_RESUME_NETWORK_MAILBOX_TOKEN"
#define ENV_SIGNAL  "HYPEMAN_RESUME_NETWORK_SIGNAL"
#define ENV_ACKS    "HYPEMAN_RESUME_NETWORK_ACK_STAGES"
#define ENV_DEBUG   "HYPEMAN_RESUME_NETWORK_DEBUG_STAGES"

#define STACK_BYTES (64u << 10)
#define NOTE_LEN    1024

/* Page-aligned and one block: what a fork touches lies together. */
static struct {
	struct fsg_server server;
	struct fsg_signal_source source;
	struct fsg_served served;
} agent __attribute__((aligned(4096)));

struct options {
	char token[64];
	enum fsg_signal signal;
	struct fsg_signal_paths paths;
	const char *ring_dir;
	uint64_t patience_ns;
	bool armed, ack_stages, debug_stages, once;
};

static volatile sig_atomic_t ended;

/* --- options -------------------------------------------------------------------------------- */

/* The variable without blanks around it; "" when it is not set or does not fit. */
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

static int parse_signal(const char *text, enum fsg_signal *signal)
{
	if (!*text) {
		*signal = FSG_SIGNAL_AUTO;
		return 0;
	}
	for (int i = 0; i < FSG_SIGNALS; i++) {
		if (!strcasecmp(text, fsg_signal_names[i])) {
			*signal = (enum fsg_signal)i;
			return 0;
		}
	}
	fsg_say("signal \"%s\" is none of auto, vmclock, vmgenid, vmclock-spin, mailbox", text);
	return -1;
}

static void print_help(void)
{
	printf("usage: forkscope-guest agent [OPTIONS...]\n\n"
	       "Arms a mailbox, prints one line on stdout (\"armed ...\"), and waits to be a fork "
	       "of\n"
	       "this VM. Then it takes the network settings out of the mailbox, applies them, "
	       "sends\n"
	       "the acks, and arms itself again.\n\n"
	       "  --token T             beside the mailbox's magic, 1 to 30 bytes\n"
	       "  --signal S            auto, vmclock, vmgenid, vmclock-spin or mailbox (default: "
	       "auto)\n"
	       "  --ack-stages          send the ack \"mailbox\" too, before netlink\n"
	       "  --debug-stages        send the debug acks, with microseconds since the signal "
	       "and\n"
	       "                        page faults\n"
	       "  --payload-wait TIME   how long to wait for a payload after the signal (2s)\n"
	       "  --once                end after the first fork that was served\n"
	       "  --vmclock-device P    instead of /dev/vmclock0\n"
	       "  --kmsg P              instead of /dev/kmsg\n"
	       "  --sysfs P             instead of /sys, where a VMGenID device is looked for\n"
	       "  --ring-dir DIR        where `arm` keeps the recorder, into which the agent "
	       "writes its\n"
	       "                        stages, if one is armed (" FSG_RUN_DIR ")\n"
	       "  --help                print this\n\n"
	       "Environment (an option counts more):\n"
	       "  " ENV_ARMED "=1         arms; without it --token is needed\n"
	       "  " ENV_TOKEN "=T\n"
	       "  " ENV_SIGNAL "=S\n"
	       "  " ENV_ACKS "=1\n"
	       "  " ENV_DEBUG "=1\n\n"
	       "exit status: 0 ended by --once, SIGTERM or SIGINT; 1 failed; 2 wrong usage\n");
}

enum {
	OPT_TOKEN = 256,
	OPT_SIGNAL,
	OPT_ACKS,
	OPT_DEBUG,
	OPT_WAIT,
	OPT_ONCE,
	OPT_CLOCK,
	OPT_KMSG,
	OPT_SYS,
	OPT_RING
};

static int take_option(struct options *o, int c)
{
	switch (c) {
	case OPT_TOKEN:
		o->armed = true;
		if ((size_t)snprintf(o->token, sizeof(o->token), "%s", optarg) < sizeof(o->token))
			return 0;
		fsg_say("the token is longer than 30 bytes");
		return -1;
	case OPT_SIGNAL:
		return parse_signal(optarg, &o->signal);
	case OPT_ACKS:
		o->ack_stages = true;
		return 0;
	case OPT_DEBUG:
		o->debug_stages = true;
		return 0;
	case OPT_WAIT:
		if (!fs_parse_duration(optarg, &o->patience_ns))
			return 0;
		fsg_say("--payload-wait %s is no duration: give a unit, as in 250ms", optarg);
		return -1;
	case OPT_ONCE:
		o->once = true;
		return 0;
	case OPT_CLOCK:
		o->paths.vmclock = optarg;
		return 0;
	case OPT_KMSG:
		o->paths.kmsg = optarg;
		return 0;
	case OPT_SYS:
		o->paths.sys = optarg;
		return 0;
	case OPT_RING:
		o->ring_dir = optarg;
		return 0;
	}
	fsg_say("see forkscope-guest agent --help");
	return -1;
}

static int read_environment(struct options *o)
{
	char signal[32];

	o->armed = is_set(ENV_ARMED);
	o->ack_stages = is_set(ENV_ACKS);
	o->debug_stages = is_set(ENV_DEBUG);
	setting(ENV_TOKEN, o->token, sizeof(o->token));
	return parse_signal(setting(ENV_SIGNAL, signal, sizeof(signal)), &o->signal);
}

/* Returns -1 to go on, or the exit code to end with. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{"token", required_argument, NULL, OPT_TOKEN},
		{"signal", required_argument, NULL, OPT_SIGNAL},
		{"ack-stages", no_argument, NULL, OPT_ACKS},
		{"debug-stages", no_argument, NULL, OPT_DEBUG},
		{"payload-wait", required_argument, NULL, OPT_WAIT},
		{"once", no_argument, NULL, OPT_ONCE},
		{"vmclock-device", required_argument, NULL, OPT_CLOCK},
		{"kmsg", required_argument, NULL, OPT_KMSG},
		{"sysfs", required_argument, NULL, OPT_SYS},
		{"ring-dir", required_argument, NULL, OPT_RING},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c, bad = 0;

	*o = (struct options){.patience_ns = 2000000000u,
			      .ring_dir = FSG_RUN_DIR,
			      .paths = {"/dev/vmclock0", "/dev/kmsg", "/sys"}};
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help();
			return FSG_EXIT_OK;
		}
	}
	if (read_environment(o))
		return FSG_EXIT_USAGE;
	while (!bad && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1)
		bad = take_option(o, c);
	if (bad)
		return FSG_EXIT_USAGE;
	if (optind < argc) {
		fsg_say("\"%s\" is not expected here (see forkscope-guest agent --help)",
			argv[optind]);
		return FSG_EXIT_USAGE;
	}
	if (!o->armed) {
		fsg_say("not armed: set " ENV_ARMED "=1 and " ENV_TOKEN ", or give --token");
		return FSG_EXIT_USAGE;
	}
	if (!o->token[0] || strlen(o->token) > fs_mbox_layouts[FS_MBOX_RESUME_NETWORK].token_max) {
		fsg_say("the token has %zu bytes: 1 to %u are needed", strlen(o->token),
			fs_mbox_layouts[FS_MBOX_RESUME_NETWORK].token_max);
		return FSG_EXIT_USAGE;
	}
	return -1;
}

/* --- arming --------------------------------------------------------------------------------- */

/* Where the page is in the guest's memory: 0 where that may not be known. */
static unsigned long long physical_address(void *page)
{
	struct fsg_block b = {.at = page, .pages = 1};
	uint64_t gfn = 0;

	return fsg_block_frames(&b, &gfn) ? 0 : gfn * FSG_PAGE;
}

/*
 * A page of its own, locked: it must be the same page of the guest's memory in every fork, and
 * magic and token must stand nowhere else, so they are written straight into it.
 */
static int make_mailbox(struct fsg_server *s, const char *token)
{
	s->mailbox = mmap(NULL, FS_MBOX_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (s->mailbox == MAP_FAILED || mlock(s->mailbox, FS_MBOX_SIZE)) {
		fsg_say_errno("locking the mailbox's page");
		return -1;
	}
	return fs_mbox_init(s->mailbox, FS_MBOX_RESUME_NETWORK, NULL, token);
}

/* The stack that the hot code will use. */
__attribute__((noinline)) static void touch_stack(void)
{
	volatile char room[STACK_BYTES];

	for (size_t i = 0; i < sizeof(room); i += 1024)
		room[i] = 0;
}

static void lock_memory(void)
{
	touch_stack();
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fsg_say_errno("locking all memory: a fork may have to read the agent's own pages "
			      "(the mailbox is locked)");
}

static void on_end(int sig)
{
	(void)sig;
	ended = 1;
}

static void catch_end(void)
{
	struct sigaction end = {.sa_handler = on_end}; /* no SA_RESTART: it ends the waiting */

	sigemptyset(&end.sa_mask);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
}

static int refresh_network(struct fsg_net *n)
{
	int rc = fsg_net_refresh(n);

	if (rc)
		fsg_say("reading the network: %s", strerror(-rc));
	return rc;
}

/* What the recorder is told of the signal: enum of FSG_STAGES ARMED, and the step that waits. */
static uint64_t signal_number(const struct fsg_signal_source *s, enum fsg_step *step)
{
	switch (s->kind) {
	case FSG_SIGNAL_VMGENID:
		*step = FSG_STEP_KMSG_READ;
		return 2;
	case FSG_SIGNAL_SPIN:
		*step = FSG_STEP_VMCLOCK_MMAP;
		return 3;
	case FSG_SIGNAL_MAILBOX:
		*step = FSG_STEP_NONE;
		return 5;
	default:
		*step = s->timed ? FSG_STEP_VMCLOCK_READ : FSG_STEP_VMCLOCK_POLL;
		return s->timed ? 4 : 1;
	}
}

/* Without a recorder the stages go nowhere, which is no failure. */
static void open_ring(struct fsg_server *s, const char *dir)
{
	enum fsg_step step;
	char why[NOTE_LEN];
	int rc;

	s->signal = signal_number(&agent.source, &step);
	rc = fsg_ring_open(&s->ring, dir, step, why, sizeof(why));
	if (rc && rc != -ENOENT)
		fsg_say("the recorder will not have the agent's own stages: %s", why);
}

static int arm(const struct options *o)
{
	struct fsg_server *s = &agent.server;
	char note[NOTE_LEN];

	s->ack_stages = o->ack_stages;
	s->debug_stages = o->debug_stages;
	s->patience_ns = o->patience_ns;
	if (fsg_signal_open(&agent.source, o->signal, &o->paths, note, sizeof(note))) {
		fsg_say("%s", note);
		return -1;
	}
	if (note[0])
		fsg_say("%s", note);
	if (fsg_ack_open(&s->ack)) {
		fsg_say_errno("opening the socket for acks");
		return -1;
	}
	if (fsg_net_open(&s->net) || refresh_network(&s->net))
		return -1;
	open_ring(s, o->ring_dir);
	lock_memory();
	if (make_mailbox(s, o->token))
		return -1;
	agent.source.sequence = fsg_serve_sequence(s);
	return 0;
}

/* --- serving -------------------------------------------------------------------------------- */

static void tell_armed(void)
{
	fsg_stage(&agent.server.ring, FSG_STAGE_ARMED, agent.server.signal);
	fsg_tell("armed signal=%s%s mailbox=0x%llx physical=0x%llx",
		 fsg_signal_names[agent.source.kind], agent.source.timed ? " timed" : "",
		 (unsigned long long)(uintptr_t)agent.server.mailbox,
		 physical_address(agent.server.mailbox));
}

/* What was there before and is not any more, though nobody asked for that. */
static void say_lost(const struct fsg_outcome *o)
{
	if (o->lost)
		fsg_say("%u of the network could not be put back, the first a %s: %s", o->lost,
			o->lost_what, strerror(-o->lost_error));
}

static void say_not_applied(const struct fsg_outcome *o)
{
	fsg_say("not applied: %s: %s; %s", o->step, strerror(-o->error),
		o->undone ? "the old network is back"
			  : "and the old network could not be put back whole");
	say_lost(o);
	if (!o->undone && !o->lost)
		fsg_say("undoing it: %s", strerror(-o->undo_error));
}

static void say_served(const struct fsg_served *r)
{
	const struct fsg_server *s = &agent.server;
	const struct fs_payload *p = &s->payload;

	switch (r->result) {
	case FSG_APPLIED:
		fsg_say("applied %s %s %s/%u via %s: mailbox after %llu us, network after %llu us",
			p->interface, p->mac_text, p->ip_text, p->prefix, p->gateway_text,
			(unsigned long long)(r->mailbox_ns - r->signal_ns) / 1000,
			(unsigned long long)(r->apply_ns - r->signal_ns) / 1000);
		if (s->outcome.flush_error)
			fsg_say("not all neighbours of another life could be flushed: %s",
				strerror(-s->outcome.flush_error));
		say_lost(&s->outcome);
		break;
	case FSG_NO_PAYLOAD:
		fsg_say("resumed, but the mailbox stayed empty: the network is as it was");
		break;
	case FSG_BAD_PAYLOAD:
		fsg_say("payload of %u bytes refused: %s; the network is as it was", r->payload_len,
			fs_payload_error_text(r->payload_error));
		break;
	case FSG_NOT_APPLIED:
		say_not_applied(&s->outcome);
		break;
	}
	if (s->ack.error)
		fsg_say("the ack %s could not be sent: %s", s->ack.error_stage,
			strerror(-s->ack.error));
}

/* After an event: serves a fork, or takes in what happened to the network meanwhile. */
static void handle(enum fsg_event event)
{
	struct fsg_served *r = &agent.served;

	if (event == FSG_EVENT_OTHER) {
		fsg_net_drain(&agent.server.net);
		if (!agent.server.net.fresh)
			(void)refresh_network(&agent.server.net);
		return;
	}
	fsg_serve(&agent.server, event == FSG_EVENT_PERHAPS, r);
	if (event == FSG_EVENT_PERHAPS && r->result == FSG_NO_PAYLOAD)
		return;
	say_served(r);
	(void)refresh_network(&agent.server.net);
	tell_armed();
}

static int wait_and_serve(bool once)
{
	while (!ended) {
		int event = fsg_signal_wait(&agent.source, agent.server.net.monitor);

		if (ended)
			break;
		if (event < 0) {
			fsg_say("waiting for the signal: %s", strerror(-event));
			return FSG_EXIT_FAILED;
		}
		handle((enum fsg_event)event);
		if (once && event != FSG_EVENT_OTHER && agent.served.result != FSG_NO_PAYLOAD)
			break;
	}
	return FSG_EXIT_OK;
}

int fsg_cmd_agent(int argc, char **argv)
{
	struct options o;
	int rc = parse(&o, argc, argv);

	if (rc >= 0)
		return rc;
	catch_end();
	if (arm(&o))
		return FSG_EXIT_FAILED;
	tell_armed();
	rc = wait_and_serve(o.once);
	/* no mailbox where no agent reads it: a host that finds it would wait for acks in vain */
	memset(agent.server.mailbox, 0, FS_MBOX_SIZE);
	fsg_ring_close(&agent.server.ring);
	return rc;
}
