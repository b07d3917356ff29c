// SPDX-License-Identifier: BSD-2-Clause
/* What making a change and undoing it both ask of it: what goes with it, what is its own. Hot. */
#include "guest/net/net_change.h"
#include "guest/common/fastpath.h"

void guest_step_link(const struct guest_change *c, const char *name, uint32_t flags, uint32_t mask,
		     const uint8_t *mac)
{
	struct ifinfomsg body = {
		.ifi_index = c->link.index, .ifi_flags = flags, .ifi_change = mask};

	guest_step(c->net, name, GUEST_MUST, RTM_NEWLINK, 0, &body, sizeof(body));
	if (mac)
		guest_attr(&guest_work.batch, IFLA_ADDRESS, mac, 6);
}

bool guest_address_goes(const struct guest_change *c, uint32_t address)
{
	bool goes = false;
	struct nlmsghdr *h;

	if (address == __builtin_bswap32(c->p->ip))
		return false;
	guest_for_each (h, &c->net->addresses) {
		if (guest_local_of(h) != address)
			continue;
		if (!guest_on_link(c, h))
			return false; /* another link has it too */
		goes = true;
	}
	return goes;
}

bool guest_default_goes(const struct guest_change *c, const struct nlmsghdr *h)
{
	const struct rtmsg *r = NLMSG_DATA(h);

	return r->rtm_family == AF_INET && r->rtm_dst_len == 0 && r->rtm_tos == 0 &&
	       r->rtm_type == RTN_UNICAST && guest_on_link(c, h) &&
	       guest_attr_get_u32(h, sizeof(*r), RTA_TABLE, r->rtm_table) == RT_TABLE_MAIN;
}

bool guest_is_prefix_route(const struct guest_change *c, const struct nlmsghdr *h)
{
	const struct rtmsg *r = NLMSG_DATA(h);
	uint32_t net = guest_attr_get_u32(h, sizeof(*r), RTA_DST, 0);

	return r->rtm_dst_len == c->p->prefix && guest_on_link(c, h) &&
	       r->rtm_scope == RT_SCOPE_LINK &&
	       guest_attr_get_u32(h, sizeof(*r), RTA_TABLE, r->rtm_table) == RT_TABLE_MAIN &&
	       __builtin_bswap32(net) == (c->p->ip & guest_network_mask(c->p->prefix));
}
