/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds and walks netlink messages in the caller's buffers. Debian ships libmnl only as a shared
 * library, which a static binary cannot use; what is needed of it is this much.
 */
#ifndef FORKSCOPE_GUEST_NLMSG_H
#define FORKSCOPE_GUEST_NLMSG_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* Messages one after the other; `full` once something did not fit (then send none of them). */
struct guest_batch {
	uint8_t *buf;
	uint32_t room, len;
	uint32_t at; /* of the message being built */
	bool full;
};

static inline void *guest_take(struct guest_batch *b, uint32_t size)
{
	uint32_t aligned = NLMSG_ALIGN(size);
	uint8_t *p = b->buf + b->len;

	if (b->full || aligned > b->room - b->len) {
		b->full = true;
		return NULL;
	}
	memset(p, 0, aligned);
	b->len += aligned;
	return p;
}

/* Begins a message with @extra bytes of @body (struct ifinfomsg and the like). */
static inline void guest_begin(struct guest_batch *b, uint16_t type, uint16_t flags, uint32_t seq,
			       const void *body, uint32_t extra)
{
	uint32_t at = b->len;
	struct nlmsghdr *h = guest_take(b, NLMSG_HDRLEN + extra);

	if (!h)
		return;
	b->at = at;
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = seq;
	memcpy(NLMSG_DATA(h), body, extra);
	h->nlmsg_len = b->len - at;
}

static inline void guest_attr(struct guest_batch *b, uint16_t type, const void *value, uint32_t len)
{
	struct rtattr *a = guest_take(b, (uint32_t)RTA_LENGTH(len));

	if (!a)
		return;
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), value, len);
	((struct nlmsghdr *)(void *)(b->buf + b->at))->nlmsg_len = b->len - b->at;
}

static inline void guest_attr_u32(struct guest_batch *b, uint16_t type, uint32_t value)
{
	guest_attr(b, type, &value, sizeof(value));
}

/* The next message of @len bytes at @p, or NULL: the end, or a length that is not credible. */
static inline struct nlmsghdr *guest_message(uint8_t *p, uint32_t len, uint32_t at)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)(p + at);

	if (at > len || len - at < NLMSG_HDRLEN || h->nlmsg_len < NLMSG_HDRLEN ||
	    h->nlmsg_len > len - at)
		return NULL;
	return h;
}

/* The attribute @type behind the @extra bytes of the message's body, or NULL. */
static inline const struct rtattr *guest_find_attr(const struct nlmsghdr *h, uint32_t extra,
						   uint16_t type, uint32_t min_len)
{
	uint32_t at = NLMSG_HDRLEN + NLMSG_ALIGN(extra);

	while (at + sizeof(struct rtattr) <= h->nlmsg_len) {
		const struct rtattr *a =
			(const struct rtattr *)(const void *)((const uint8_t *)h + at);

		if (a->rta_len < sizeof(*a) || a->rta_len > h->nlmsg_len - at)
			return NULL;
		if ((a->rta_type & NLA_TYPE_MASK) == type && a->rta_len >= RTA_LENGTH(min_len))
			return a;
		at += RTA_ALIGN(a->rta_len);
	}
	return NULL;
}

static inline uint32_t guest_attr_get_u32(const struct nlmsghdr *h, uint32_t extra, uint16_t type,
					  uint32_t absent)
{
	const struct rtattr *a = guest_find_attr(h, extra, type, 4);
	uint32_t v;

	if (!a)
		return absent;
	memcpy(&v, RTA_DATA(a), 4);
	return v;
}

#endif
