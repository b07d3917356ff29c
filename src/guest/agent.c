// SPDX-License-Identifier: BSD-2-Clause
/*
 * forkscope-guest agent: arms the mailbox before the snapshot, waits for the resume signal, and
 * serves each fork. All that is needed after the signal is made here, before it: memory locked and
 * touched, sockets open, the network known.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/log.h"
#include "guest/agent_opts.h"
#include "guest/agent_report.h"
#include "guest/commands.h"
#include "guest/recorder/block.h"
#include "guest/resume/serve.h"
#include "guest/resume/signal.h"
#include "mailbox/mbox_layout.h"

#define STACK_BYTES (64u << 10)
#define NOTE_LEN    1024

/* Page-aligned and one block: what a fork touches lies together. */
static struct {
	struct guest_server server;
	struct guest_signal_source source;
	struct guest_served served;
} agent __attribute__((aligned(4096)));

static volatile sig_atomic_t ended;

/* --- arming --------------------------------------------------------------------------------- */

/* Where the page is in the guest's memory: 0 where that may not be known. */
static unsigned long long physical_address(void *page)
{
	struct guest_block b = {.at = page, .pages = 1};
	uint64_t gfn = 0;

	return guest_block_frames(&b, &gfn) ? 0 : gfn * FSG_PAGE;
}

/*
 * A page of its own, locked: it must be the same page of the guest's memory in every fork, and
 * magic and token must stand nowhere else, so they are written straight into it.
 */
static int make_mailbox(struct guest_server *s, const char *token)
{
	s->mailbox = mmap(NULL, FS_MBOX_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (s->mailbox == MAP_FAILED || mlock(s->mailbox, FS_MBOX_SIZE)) {
		fs_error("locking the mailbox's page: %m");
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
		fs_error(
			"locking all memory: a fork may have to read the agent's own pages (the mailbox is locked): %m");
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

static int refresh_network(struct guest_net *n)
{
	int ret = guest_net_refresh(n);

	if (ret)
		fs_error("reading the network: %s", strerror(-ret));
	return ret;
}

/* What the recorder gets to know of the signal: enum of FSG_STAGES ARMED, and the step that waits.
 */
static uint64_t signal_number(const struct guest_signal_source *s, enum fsg_step *step)
{
	switch (s->kind) {
	case GUEST_SIGNAL_VMGENID:
		*step = FSG_STEP_KMSG_READ;
		return 2;
	case GUEST_SIGNAL_SPIN:
		*step = FSG_STEP_VMCLOCK_MMAP;
		return 3;
	case GUEST_SIGNAL_MAILBOX:
		*step = FSG_STEP_NONE;
		return 5;
	default:
		*step = s->timed ? FSG_STEP_VMCLOCK_READ : FSG_STEP_VMCLOCK_POLL;
		return s->timed ? 4 : 1;
	}
}

/* Without a recorder the stages go nowhere, which is not a failure. */
static void open_ring(struct guest_server *s, const char *dir)
{
	enum fsg_step step;
	char why[NOTE_LEN];
	int ret;

	s->signal = signal_number(&agent.source, &step);
	ret = guest_ring_open(&s->ring, dir, step, why, sizeof(why));
	if (ret && ret != -ENOENT)
		fs_error("the recorder will not have the agent's own stages: %s", why);
}

static int arm(const struct guest_agent_opts *o)
{
	struct guest_server *s = &agent.server;
	char note[NOTE_LEN];

	s->ack_stages = o->ack_stages;
	s->debug_stages = o->debug_stages;
	s->timeout_ns = o->timeout_ns;
	if (guest_signal_open(&agent.source, o->signal, &o->paths, note, sizeof(note))) {
		fs_error("%s", note);
		return -1;
	}
	if (note[0])
		fs_error("%s", note);
	if (guest_ack_open(&s->ack)) {
		fs_error("opening the socket for acks: %m");
		return -1;
	}
	if (guest_net_open(&s->net) || refresh_network(&s->net))
		return -1;
	open_ring(s, o->ring_dir);
	lock_memory();
	if (make_mailbox(s, o->token))
		return -1;
	agent.source.sequence = guest_serve_sequence(s);
	return 0;
}

/* --- serving -------------------------------------------------------------------------------- */

static void print_armed(void)
{
	guest_stage(&agent.server.ring, FSG_STAGE_ARMED, agent.server.signal);
	dprintf(STDOUT_FILENO, "armed signal=%s%s mailbox=0x%llx physical=0x%llx\n",
		guest_signal_names[agent.source.kind], agent.source.timed ? " timed" : "",
		(unsigned long long)(uintptr_t)agent.server.mailbox,
		physical_address(agent.server.mailbox));
}

/* After an event: serves a fork, or takes in what happened to the network meanwhile. */
static void handle(enum guest_event event)
{
	struct guest_served *r = &agent.served;

	if (event == GUEST_EVENT_OTHER) {
		guest_net_drain(&agent.server.net);
		if (!agent.server.net.fresh)
			(void)refresh_network(&agent.server.net);
		return;
	}
	guest_serve(&agent.server, event == GUEST_EVENT_PERHAPS, r);
	if (event == GUEST_EVENT_PERHAPS && r->result == GUEST_NO_PAYLOAD)
		return;
	guest_agent_report(&agent.server, r);
	(void)refresh_network(&agent.server.net);
	print_armed();
}

static int wait_and_serve(bool once)
{
	while (!ended) {
		int event = guest_signal_wait(&agent.source, agent.server.net.monitor);

		if (ended)
			break;
		if (event < 0) {
			fs_error("waiting for the signal: %s", strerror(-event));
			return GUEST_EXIT_FAILED;
		}
		handle((enum guest_event)event);
		if (once && event != GUEST_EVENT_OTHER && agent.served.result != GUEST_NO_PAYLOAD)
			break;
	}
	return GUEST_EXIT_OK;
}

int guest_cmd_agent(int argc, char **argv)
{
	struct guest_agent_opts o;
	int ret = guest_agent_opts(&o, argc, argv);

	if (ret >= 0)
		return ret;
	catch_end();
	if (arm(&o))
		return GUEST_EXIT_FAILED;
	print_armed();
	ret = wait_and_serve(o.once);
	/* no mailbox where no agent reads it: a host that finds it would wait for acks in vain */
	memset(agent.server.mailbox, 0, FS_MBOX_SIZE);
	guest_ring_close(&agent.server.ring);
	return ret;
}
