// SPDX-License-Identifier: BSD-2-Clause
/* Opens the socket of acks, and parses the datagrams. */
#include "net/acks.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME    LETTERS DIGITS "._-"

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

/* As word(), or "-": the agent knows none. */
static int word_or_dash(const char **at, const char *key, const char *set, char *to, size_t size)
{
	if (!word(at, key, set, to, size))
		return 0;
	return word(at, key, "-", to, size) || strcmp(to, "-") ? -EINVAL : 0;
}

/* The words that only some acks have, in any order; of two equal ones the first. */
static void more_words(const char *at, struct fs_ack *a)
{
	const struct {
		const char *key, *set;
		char *to;
	} known[] = {{"reason=", NAME, a->reason},
		     {"what=", NAME, a->what},
		     {"errno=", DIGITS, a->error},
		     {"undone=", NAME, a->undone}};

	for (size_t n; *at == ' '; at += n) {
		n = strcspn(++at, " \n");
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			char value[FS_ACK_WORD];
			const char *end = at;

			if (!*known[i].to &&
			    !word(&end, known[i].key, known[i].set, value, sizeof(value)) &&
			    end == at + n)
				memcpy(known[i].to, value, sizeof(value));
		}
	}
}

static bool is_address(const struct fs_ack *a)
{
	struct in_addr in;

	return (strlen(a->mac) == 17 || !strcmp(a->mac, "-")) &&
	       (inet_pton(AF_INET, a->ip, &in) == 1 || !strcmp(a->ip, "-"));
}

int fs_ack_parse(const void *data, size_t bytes, struct fs_ack *a)
{
	char text[FS_ACK_BYTES + 1];
	const char *at = text;

	memset(a, 0, sizeof(*a));
	if (!bytes || bytes > FS_ACK_BYTES || memchr(data, 0, bytes))
		return -EINVAL;
	memcpy(text, data, bytes);
	text[bytes] = '\0';
	if (word(&at, "stage=", NAME, a->stage, sizeof(a->stage)) ||
	    word_or_dash(&at, " mac=", DIGITS "abcdefABCDEF:", a->mac, sizeof(a->mac)) ||
	    word_or_dash(&at, " ip=", DIGITS ".", a->ip, sizeof(a->ip)))
		return -EINVAL;
	if (!is_address(a) || (*at != '\n' && *at != ' ' && *at))
		return -EINVAL;
	more_words(at, a);
	return 0;
}

char *fs_ack_error_text(const struct fs_ack *a, char *buf, size_t len)
{
	bool has = *a->error && strlen(a->error) < 6;
	char why[80] = "";

	if (has)
		snprintf(why, sizeof(why), " (%s)",
			 strerrordesc_np(atoi(a->error)) ?: "no errno of this host");
	snprintf(buf, len, "the agent reported stage=error:%s%s%s%s%s%s%s%s%s",
		 *a->reason ? " reason=" : " without a reason", a->reason, *a->what ? " what=" : "",
		 a->what, *a->error ? " errno=" : "", a->error, why, *a->undone ? " undone=" : "",
		 a->undone);
	return buf;
}

int fs_acks_open(uint32_t gateway, uint16_t port, const char *device, char *err, size_t len)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(gateway)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, ret = 0;

	/* Several sockets, one for each device, on one address. */
	if (fd < 0 ||
	    (device && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
			setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
				   (socklen_t)strnlen(device, IFNAMSIZ)))) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)))
		ret = -errno;
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return fs_errf(err, len, ret, "waiting for acks at %s:%u: %s",
		       inet_ntop(AF_INET, &a.sin_addr, (char[INET_ADDRSTRLEN]){0}, INET_ADDRSTRLEN),
		       port, strerror(-ret));
}

int fs_acks_next(int fd, struct fs_ack *a)
{
	char text[FS_ACK_BYTES + 1];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	int ret;

	if (n < 0)
		return 0;
	ret = fs_ack_parse(text, (size_t)n, a);
	a->at_ns = fs_mono_ns();
	return ret ? ret : 1;
}
