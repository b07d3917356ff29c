// SPDX-License-Identifier: BSD-2-Clause
/* Acks: datagrams to the gateway. Hot. */
#include "guest/resume/ack.h"
#include "guest/common/fastpath.h"

int guest_ack_open(struct guest_ack *a)
{
	/*
	 * Not connected: a connected socket would keep the source address and the route of the
	 * network that is being replaced.
	 */
	a->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return a->fd < 0 ? -errno : 0;
}

void guest_ack_set_peer(struct guest_ack *a, const struct fs_payload *p)
{
	bool known = (p->have & 1u << FS_PAYLOAD_GATEWAY) && (p->have & 1u << FS_PAYLOAD_ACK_PORT);

	a->error = 0;
	a->error_stage = "";
	a->to = (struct sockaddr_in){.sin_family = AF_INET};
	if (!known)
		return;
	a->to.sin_port = __builtin_bswap16(p->ack_port);
	a->to.sin_addr.s_addr = __builtin_bswap32(p->gateway);
}

static void put(struct guest_ack *a, const char *s)
{
	while (*s && a->len < sizeof(a->text) - 1) /* room for the end of the line */
		a->text[a->len++] = *s++;
}

void guest_ack_begin(struct guest_ack *a, const char *stage, const struct fs_payload *p)
{
	a->len = 0;
	put(a, "stage=");
	put(a, stage);
	put(a, " mac=");
	put(a, p->have & 1u << FS_PAYLOAD_MAC ? p->mac_text : "-");
	put(a, " ip=");
	put(a, p->have & 1u << FS_PAYLOAD_IPV4 ? p->ip_text : "-");
}

void guest_ack_word(struct guest_ack *a, const char *key, const char *value)
{
	put(a, " ");
	put(a, key);
	put(a, "=");
	put(a, value);
}

void guest_ack_number(struct guest_ack *a, const char *key, uint64_t value)
{
	char digits[21];
	int i = sizeof(digits);

	digits[--i] = 0;
	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	guest_ack_word(a, key, digits + i);
}

void guest_ack_send(struct guest_ack *a, const char *stage)
{
	long ret;

	if (!a->to.sin_port)
		return;
	a->text[a->len++] = '\n';
	do {
		ret = hot_sendto(a->fd, a->text, a->len, MSG_DONTWAIT, &a->to, sizeof(a->to));
	} while (ret == -EINTR);
	if (ret < 0 && !a->error) {
		a->error = (int)ret;
		a->error_stage = stage;
	}
}
