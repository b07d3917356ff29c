/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds a fork's guest records against the host's own of when its vCPUs were in guest mode, by the
 * mapping that the ledger states, without the code that found that mapping.
 */
#ifndef GUEST_EVENTS_H
#define GUEST_EVENTS_H

#include "attribute/model/model.h"
#include "record/reader.h"

/*
 * Prints "inside": {"events", "outside" (beyond the stated error), "worst_ns" (how far outside
 * guest mode the worst one is without it), "sends" (host times at which the guest began to send a
 * datagram)}, and a comma; nothing for a fork whose guest recording is not used. Reads all of @r.
 */
void guest_events_print(struct fsr_reader *r, const struct fsa_fork *f);

#endif
