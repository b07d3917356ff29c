// SPDX-License-Identifier: BSD-2-Clause
/* Speaks QEMU's monitor protocol. */
#include "vmm/qmp.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "vmm/answer.h"

struct fs_qmp {
	int fd;
	char version[32];
	size_t n; /* bytes in line */
	char line[FS_ANSWER_MAX];
};

/* Waits for the socket to be ready, also over signals; 0, -ETIMEDOUT or another negative errno. */
static int ready(const struct fs_qmp *q, short events, uint64_t until)
{
	struct pollfd p = {.fd = q->fd, .events = events};
	int n;

	do {
		uint64_t now = fs_mono_ns();

		if (now >= until)
			return -ETIMEDOUT;
		n = poll(&p, 1, fs_poll_ms(until - now));
	} while (!n || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* The next line as an object. Returns 0 and @o, or a negative errno with the reason in @why. */
static int read_object(struct fs_qmp *q, uint64_t until, json_t **o, char *why, size_t len)
{
	char *end;

	while (!(end = memchr(q->line, '\n', q->n))) {
		ssize_t got;
		int ret;

		if (q->n == sizeof(q->line))
			return fs_errf(why, len, -EPROTO, "a line of more than %zu bytes",
				       sizeof(q->line));
		ret = ready(q, POLLIN, until);
		if (ret)
			return fs_errf(why, len, ret, "%s",
				       ret == -ETIMEDOUT ? "no answer in time" : strerror(-ret));
		got = recv(q->fd, q->line + q->n, sizeof(q->line) - q->n, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return fs_errf(why, len, -ECONNRESET, "it closed the connection");
		q->n += (size_t)got;
	}
	*o = fs_answer_parse(q->line, (size_t)(end - q->line), why, len);
	q->n -= (size_t)(end + 1 - q->line);
	memmove(q->line, end + 1, q->n);
	return *o ? 0 : -EPROTO;
}

static int send_all(struct fs_qmp *q, const char *text, size_t n, uint64_t until)
{
	while (n) {
		ssize_t sent = send(q->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			text += sent;
			n -= (size_t)sent;
		} else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			return -ECONNRESET;
		} else {
			int ret = ready(q, POLLOUT, until);

			if (ret)
				return ret;
		}
	}
	return 0;
}

static int send_command(struct fs_qmp *q, const char *command, json_t *arguments, uint64_t until)
{
	json_t *o = json_pack("{s:s, s:o*}", "execute", command, "arguments", arguments);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int ret = text ? send_all(q, text, strlen(text), until) : -EINVAL;

	if (!ret)
		ret = send_all(q, "\n", 1, until);
	free(text);
	json_decref(o);
	return ret;
}

int fs_qmp_ask(struct fs_qmp *q, const char *command, json_t *arguments, uint64_t timeout_ns,
	       json_t **out, char *err, size_t len)
{
	uint64_t until = fs_mono_ns() + timeout_ns;
	json_t *o = NULL, *value;
	char why[400];
	int ret = send_command(q, command, arguments, until);

	if (ret)
		return fs_errf(err, len, ret, "telling QEMU %s: %s", command, strerror(-ret));
	for (;;) {
		ret = read_object(q, until, &o, why, sizeof(why));
		if (ret)
			return fs_errf(err, len, ret, "asking QEMU for %s: %s", command, why);
		if (json_object_get(o, "return") || json_object_get(o, "error"))
			break;
		json_decref(o); /* an event */
	}
	value = json_object_get(o, "return");
	if (!value) {
		const char *desc = fs_answer_string(json_object_get(o, "error"), "desc");

		ret = fs_errf(err, len, -EREMOTEIO, "QEMU refused %s: %s", command,
			      fs_answer_show(desc ? desc : "?", desc ? strlen(desc) : 1, why,
					     sizeof(why)));
	} else if (out) {
		*out = json_incref(value);
	}
	json_decref(o);
	return ret;
}

static int connect_to(struct fs_qmp *q, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int ret;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (q->fd < 0)
		return -errno;
	do /* that of a local socket begins anew after a signal */
		ret = connect(q->fd, (struct sockaddr *)&a, sizeof(a));
	while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

static int greet(struct fs_qmp *q, uint64_t timeout_ns, char *err, size_t len)
{
	json_t *o = NULL, *hello, *v;
	char why[300];
	int ret = read_object(q, fs_mono_ns() + timeout_ns, &o, why, sizeof(why));

	if (ret)
		return fs_errf(err, len, ret, "waiting for QEMU's greeting: %s", why);
	hello = json_object_get(o, "QMP");
	v = json_object_get(json_object_get(hello, "version"), "qemu");
	if (hello)
		snprintf(q->version, sizeof(q->version), "%d.%d.%d",
			 (int)json_integer_value(json_object_get(v, "major")),
			 (int)json_integer_value(json_object_get(v, "minor")),
			 (int)json_integer_value(json_object_get(v, "micro")));
	json_decref(o);
	if (!hello)
		return fs_errf(err, len, -EPROTO, "what listens there is not a QEMU monitor");
	return fs_qmp_ask(q, "qmp_capabilities", NULL, timeout_ns, NULL, err, len);
}

int fs_qmp_open(const char *path, uint64_t timeout_ns, struct fs_qmp **out, char *err, size_t len)
{
	struct fs_qmp *q = calloc(1, sizeof(*q));
	char took[FS_UNITS_LEN];
	int ret;

	if (!q)
		return fs_errf(err, len, -ENOMEM, "out of memory");
	q->fd = -1;
	ret = connect_to(q, path);
	if (ret)
		fs_errf(err, len, ret, "connecting to QEMU at %s: %s", path, strerror(-ret));
	else
		ret = greet(q, timeout_ns, err, len);
	if (ret == -ETIMEDOUT)
		fs_errf(err, len, ret, "QEMU at %s did not greet within %s", path,
			fs_fmt_ns(timeout_ns, took, sizeof(took)));
	if (ret) {
		fs_qmp_close(q);
		return ret;
	}
	*out = q;
	return 0;
}

void fs_qmp_close(struct fs_qmp *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	free(q);
}

const char *fs_qmp_version(const struct fs_qmp *q)
{
	return q->version;
}
