// SPDX-License-Identifier: BSD-2-Clause
/* What the agent reports on stderr of a fork that it served, after the last ack. */
#include "guest/agent_report.h"
#include <string.h>
#include "base/log.h"

/* What was there before and is not any more, though nobody asked for that. */
static void report_lost(const struct guest_outcome *o)
{
	if (o->lost)
		fs_error("%u of the network could not be put back, the first a %s: %s", o->lost,
			 o->lost_what, strerror(-o->lost_error));
}

static void report_not_applied(const struct guest_outcome *o)
{
	fs_error("not applied: %s: %s; %s", o->step, strerror(-o->error),
		 o->undone ? "the old network is back"
			   : "and the old network could not be put back whole");
	report_lost(o);
	if (!o->undone && !o->lost)
		fs_error("undoing it: %s", strerror(-o->undo_error));
}

void guest_agent_report(const struct guest_server *s, const struct guest_served *r)
{
	const struct fs_payload *p = &s->payload;

	switch (r->result) {
	case GUEST_APPLIED:
		fs_error("applied %s %s %s/%u via %s: mailbox after %llu us, network after %llu us",
			 p->interface, p->mac_text, p->ip_text, p->prefix, p->gateway_text,
			 (unsigned long long)(r->mailbox_ns - r->signal_ns) / 1000,
			 (unsigned long long)(r->apply_ns - r->signal_ns) / 1000);
		if (s->outcome.flush_error)
			fs_error("not all neighbours of another life could be flushed: %s",
				 strerror(-s->outcome.flush_error));
		report_lost(&s->outcome);
		break;
	case GUEST_NO_PAYLOAD:
		fs_error("resumed, but the mailbox stayed empty: the network is as it was");
		break;
	case GUEST_BAD_PAYLOAD:
		fs_error("payload of %u bytes refused: %s; the network is as it was",
			 r->payload_len, fs_payload_error_text(r->payload_error));
		break;
	case GUEST_NOT_APPLIED:
		report_not_applied(&s->outcome);
		break;
	}
	if (s->ack.error)
		fs_error("the ack %s could not be sent: %s", s->ack.error_stage,
			 strerror(-s->ack.error));
}
