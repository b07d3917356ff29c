// SPDX-License-Identifier: BSD-2-Clause
/* What all drivers of VMMs share: starting and ending the process, asking it, its version. */
#include "vmm/driver.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "vmm/answer.h"
#include "vmm/http.h"

#define SLEEP_NS (1000l * 1000) /* between two tries to connect */
#define GRACE_NS (300ull * 1000 * 1000)

void fs_vmm_init(struct fs_vmm *v, const struct fs_vmm_plan *plan, const struct fs_vmm_at *at)
{
	memset(v, 0, sizeof(*v));
	v->ops = plan->ops;
	v->plan = plan;
	v->at = at;
	fs_process_init(&v->process);
}

void fs_vmm_end(struct fs_vmm *v)
{
	bool ours = v->process.ours;

	fs_process_end(&v->process);
	if (v->driver)
		v->ops->close(v);
	v->driver = NULL;
	if (ours && *v->socket)
		unlink(v->socket);
	fs_process_init(&v->process);
}

static void say_death(struct fs_vmm *v, char *buf, size_t len)
{
	char how[64], last[400];

	snprintf(buf, len, "%s %s. Its last output: %s", v->ops->name,
		 fs_process_how(&v->process, how, sizeof(how)),
		 fs_log_tail(v->log, last, sizeof(last)));
}

bool fs_vmm_died(struct fs_vmm *v)
{
	if (!fs_process_ended(&v->process))
		return false;
	say_death(v, v->err, sizeof(v->err));
	return true;
}

int fs_vmm_explain(struct fs_vmm *v, int ret)
{
	char death[600];
	size_t n = strlen(v->err);

	/* A connection that broke, or a refusal, is often the first that is seen of its end. */
	if (!ret || ret == -ETIMEDOUT || fs_process_wait(&v->process, GRACE_NS) || !v->process.pid)
		return ret;
	say_death(v, death, sizeof(death));
	snprintf(v->err + n, sizeof(v->err) - n, "; %s", death);
	return -ECHILD;
}

int fs_vmm_http(struct fs_vmm *v, struct fs_http *h, const char *method, const char *path,
		json_t *body, struct fs_http_answer *a)
{
	char shown[1000];
	int ret = fs_http_ask(h, method, path, body, v->plan->call_ns, a, v->err, sizeof(v->err));

	json_decref(body);
	if (!ret && a->status != 204 && a->status != 200)
		ret = fs_errf(v->err, sizeof(v->err), -EREMOTEIO, "%s refused %s %s with %ld: %s",
			      v->ops->name, method, path, a->status,
			      fs_answer_show(a->body, a->len, shown, sizeof(shown)));
	return fs_vmm_explain(v, ret);
}

/* Takes a connection to the socket, and asks who is there. 0 or a negative errno. */
static int try_connect(const char *path, pid_t *pid)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	int fd, ret = 0;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		ret = -errno;
	*pid = who.pid;
	close(fd);
	return ret;
}

static int adopt(struct fs_vmm *v)
{
	pid_t pid = 0;
	int ret = try_connect(v->socket, &pid);

	if (ret)
		return fs_errf(v->err, sizeof(v->err), ret, "connecting to the VMM at %s: %s",
			       v->socket, strerror(-ret));
	return fs_process_adopt(&v->process, pid, v->err, sizeof(v->err));
}

static int wait_for_socket(struct fs_vmm *v)
{
	uint64_t until = fs_mono_ns() + v->plan->call_ns;
	char took[FS_UNITS_LEN];
	pid_t pid;
	int ret;

	while ((ret = try_connect(v->socket, &pid))) {
		if (ret == -ENAMETOOLONG)
			return fs_errf(
				v->err, sizeof(v->err), ret,
				"the path of its socket, %s, is too long (107 bytes is the most): use a folder nearer to the root",
				v->socket);
		if (fs_vmm_died(v))
			return -ECHILD;
		if (fs_mono_ns() > until)
			return fs_errf(v->err, sizeof(v->err), -ETIMEDOUT,
				       "%s runs but does not listen on %s after %s (%s)",
				       v->ops->name, v->socket,
				       fs_fmt_ns(v->plan->call_ns, took, sizeof(took)),
				       strerror(-ret));
		nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
	}
	return 0;
}

int fs_vmm_launch(struct fs_vmm *v, char *const argv[])
{
	struct stat st;
	int ret;

	if (v->plan->socket)
		return adopt(v);
	if (!lstat(v->socket, &st))
		return fs_errf(v->err, sizeof(v->err), -EEXIST,
			       "%s exists already: another VMM uses it, or one was killed there",
			       v->socket);
	ret = fs_process_start(&v->process, argv, v->log, v->err, sizeof(v->err));
	if (ret == -ENOENT && !strchr(argv[0], '/'))
		return fs_errf(v->err, sizeof(v->err), ret,
			       "starting %s: it is not in PATH (--vmm-bin PATH says where it is)",
			       argv[0]);
	return ret ? ret : wait_for_socket(v);
}

/* --- versions --- */

struct fs_vmm_version fs_vmm_read_version(const char *text)
{
	struct fs_vmm_version is = {.known = false}, none = {.known = false};
	static const char digits[] = "0123456789";

	/* Numbers with a dot between them, one after the other: "1.10.1" is one of these. */
	for (const char *at = text + strcspn(text, digits); *at; at += strcspn(at, digits)) {
		size_t n = strspn(at, "0123456789.");
		struct fs_vmm_version one = {.known = true};

		if (sscanf(at, "%5u.%5u", &one.major, &one.minor) == 2) {
			if (is.known)
				return none;
			is = one;
		}
		at += n;
	}
	return is;
}

void fs_vmm_parse_version(struct fs_vmm *v)
{
	v->is = fs_vmm_read_version(v->plan->version ? v->plan->version : v->version);
}

bool fs_vmm_since(const struct fs_vmm_version *is, unsigned int major, unsigned int minor)
{
	return is->known && (is->major > major || (is->major == major && is->minor >= minor));
}

json_t *fs_vmm_path(struct fs_vmm *v, const char *path)
{
	json_t *text = json_string(path);

	if (!text)
		fs_errf(v->err, sizeof(v->err), -EINVAL,
			"%s is not UTF-8, and the VMM's API takes nothing else: give the folder another name (for what is made here, by TMPDIR)",
			path);
	return text;
}
