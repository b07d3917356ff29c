// SPDX-License-Identifier: BSD-2-Clause
#include "net/acks.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The word "KEY=VALUE" at *at: VALUE of characters @set, into @to; *at moves behind it. */
static int word(const char **at, const char *key, const char *set, char *to, size_t size)
{
	size_t k = strlen(key), n;

	if (strncmp(*at, key, k))
		return -EINVAL;
	n = strspn(*at + k, set);
	if (!n || n >= size)
		return -EINVAL;
	memcpy(to, *at + k, n);
	to[n] = '\0';
	*at += k + n;
	return 0;
}

int fs_ack_parse(const void *data, size_t bytes, struct fs_ack *a)
{
	char text[FS_ACK_BYTES + 1];
	const char *at = text;
	struct in_addr in;

	memset(a, 0, sizeof(*a));
	if (!bytes || bytes > FS_ACK_BYTES || memchr(data, 0, bytes))
		return -EINVAL;
	memcpy(text, data, bytes);
	text[bytes] = '\0';
	if (word(&at, "stage=", LETTERS "0123456789._-", a->stage, sizeof(a->stage)) ||
	    word(&at, " mac=", "0123456789abcdefABCDEF:", a->mac, sizeof(a->mac)) ||
	    word(&at, " ip=", "0123456789.", a->ip, sizeof(a->ip)))
		return -EINVAL;
	if (strlen(a->mac) != 17 || inet_pton(AF_INET, a->ip, &in) != 1)
		return -EINVAL;
	return *at == '\n' || *at == ' ' || !*at ? 0 : -EINVAL;
}

int fs_acks_open(uint32_t gateway, uint16_t port, const char *device, char *err, size_t len)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(gateway)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, rc = 0;

	/* Several sockets, one for each device, on one address. */
	if (fd < 0 ||
	    (device && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
			setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
				   (socklen_t)strnlen(device, IFNAMSIZ)))) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)))
		rc = -errno;
	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	return fs_errf(err, len, rc, "waiting for acks at %s:%u: %s",
		       inet_ntop(AF_INET, &a.sin_addr, (char[INET_ADDRSTRLEN]){0}, INET_ADDRSTRLEN),
		       port, strerror(-rc));
}

int fs_acks_next(int fd, struct fs_ack *a)
{
	char text[FS_ACK_BYTES + 1];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	int rc;

	if (n < 0)
		return 0;
	rc = fs_ack_parse(text, (size_t)n, a);
	a->at_ns = fs_mono_ns();
	return rc ? rc : 1;
}
