// SPDX-License-Identifier: BSD-2-Clause
/* Hands out the addresses of a range to forks that run at once. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "net/tap.h"

static uint32_t pool_size(const struct fs_pool *p)
{
	return 1u << (32 - p->prefix);
}

int fs_pool_open(struct fs_pool *p, const char *text, uint32_t gateway, char *err, size_t len)
{
	char address[INET_ADDRSTRLEN];
	unsigned int prefix;
	struct in_addr in;
	int end = 0;

	memset(p, 0, sizeof(*p));
	if (sscanf(text, "%15[0-9.]/%2u%n", address, &prefix, &end) != 2 || text[end] ||
	    inet_pton(AF_INET, address, &in) != 1 || prefix < 16 || prefix > 30)
		return fs_errf(
			err, len, -EINVAL,
			"\"%s\" is not a range of addresses such as 172.16.0.0/24 (prefix 16 to 30)",
			text);
	p->prefix = (uint8_t)prefix;
	p->net = ntohl(in.s_addr) & ~(pool_size(p) - 1);
	p->gateway = gateway;
	p->taken = calloc(pool_size(p) / 8 + 1, 1);
	return p->taken ? 0 : fs_errf(err, len, -ENOMEM, "out of memory");
}

int fs_pool_take(struct fs_pool *p, uint32_t *address, char *err, size_t len)
{
	for (uint32_t i = 1; i < pool_size(p) - 1; i++) {
		uint32_t a = p->net + i;

		if ((p->taken[i / 8] & 1u << i % 8) || a == p->gateway || fs_net_has_address(a))
			continue;
		p->taken[i / 8] |= (uint8_t)(1u << i % 8);
		*address = a;
		return 0;
	}
	return fs_errf(
		err, len, -EADDRNOTAVAIL,
		"no free address is left for this fork: give a larger range with --addresses, or fewer forks at once");
}

void fs_pool_give(struct fs_pool *p, uint32_t address)
{
	uint32_t i = address - p->net;

	if (p->taken && i < pool_size(p))
		p->taken[i / 8] &= (uint8_t) ~(1u << i % 8);
}

void fs_pool_close(struct fs_pool *p)
{
	free(p->taken);
	p->taken = NULL;
}
