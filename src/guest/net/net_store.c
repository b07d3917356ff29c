// SPDX-License-Identifier: BSD-2-Clause
/* Stores of kept messages: appending, finding, their lifetimes. Cold. */
#include "guest/net/net_store.h"
#include <stdlib.h>
#include "guest/common/fastpath.h"

#define FOREVER 0xffffffffu

static int grow(struct guest_store *s, uint32_t needed)
{
	uint32_t room = s->room ? 2 * s->room : 4096;
	uint8_t *grown;

	while (room < needed)
		room *= 2;
	grown = realloc(s->grown ? s->buf : NULL, room);
	if (!grown)
		return -ENOMEM;
	if (!s->grown && s->len)
		memcpy(grown, s->buf, s->len);
	s->buf = grown;
	s->room = room;
	s->grown = true;
	return 0;
}

int guest_store_add(struct guest_store *s, const struct nlmsghdr *h)
{
	uint32_t size = NLMSG_ALIGN(h->nlmsg_len);

	if (s->len + size > s->room && grow(s, s->len + size))
		return -ENOMEM;
	memset(s->buf + s->len + size - NLMSG_ALIGNTO, 0, NLMSG_ALIGNTO);
	memcpy(s->buf + s->len, h, h->nlmsg_len);
	s->len += size;
	return 0;
}

static bool same(const struct nlmsghdr *a, const struct nlmsghdr *b)
{
	return a->nlmsg_type == b->nlmsg_type && a->nlmsg_seq == b->nlmsg_seq &&
	       !memcmp(NLMSG_DATA(a), NLMSG_DATA(b), a->nlmsg_seq - NLMSG_HDRLEN);
}

const struct nlmsghdr *guest_store_find(const struct guest_store *s, const struct nlmsghdr *h,
					uint32_t *from)
{
	uint32_t at = *from < s->len ? *from : 0, first = at;
	struct nlmsghdr *m;

	if (!s->len)
		return NULL;
	do {
		m = guest_message(s->buf, s->len, at);
		if (!m)
			return NULL;
		at += NLMSG_ALIGN(m->nlmsg_len);
		if (at >= s->len)
			at = 0;
		if (same(m, h)) {
			*from = at;
			return m;
		}
	} while (at != first);
	return NULL;
}

static uint32_t younger(uint32_t left, uint32_t seconds)
{
	if (left == FOREVER || left == 0)
		return left;
	return left > seconds ? left - seconds : 1;
}

void guest_message_age(struct nlmsghdr *h, uint32_t seconds)
{
	struct rtattr *a = (struct rtattr *)(void *)((uint8_t *)h + h->nlmsg_seq);
	struct ifa_cacheinfo life;
	uint32_t left;

	if (h->nlmsg_seq == h->nlmsg_len)
		return;
	if (h->nlmsg_type == RTM_NEWADDR) {
		memcpy(&life, RTA_DATA(a), sizeof(life));
		life.ifa_prefered = younger(life.ifa_prefered, seconds);
		life.ifa_valid = younger(life.ifa_valid, seconds);
		memcpy(RTA_DATA(a), &life, sizeof(life));
	} else {
		memcpy(&left, RTA_DATA(a), sizeof(left));
		left = younger(left, seconds);
		memcpy(RTA_DATA(a), &left, sizeof(left));
	}
}
