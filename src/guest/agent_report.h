/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent reports on stderr of a fork that it served, after the last ack. */
#ifndef FORKSCOPE_GUEST_AGENT_REPORT_H
#define FORKSCOPE_GUEST_AGENT_REPORT_H

#include "guest/resume/serve.h"

/* What became of the network, and of the acks. */
void guest_agent_report(const struct guest_server *s, const struct guest_served *r);

#endif
