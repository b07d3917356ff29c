// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/vmm.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

#define NAP_NS   (1000l * 1000) /* between two tries to connect */
#define GRACE_NS (300ull * 1000 * 1000)

static const struct fs_vmm_ops *const drivers[] = {&fs_vmm_firecracker, &fs_vmm_cloud_hypervisor,
						   &fs_vmm_qemu, &fs_vmm_attach};

const struct fs_vmm_ops *fs_vmm_find(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

const char *fs_vmm_names(void)
{
	return "firecracker, cloud-hypervisor, qemu, attach";
}

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
	char how[64], said[400];

	snprintf(buf, len, "%s %s. It said last: %s", v->ops->name,
		 fs_process_how(&v->process, how, sizeof(how)),
		 fs_log_tail(v->log, said, sizeof(said)));
}

bool fs_vmm_died(struct fs_vmm *v)
{
	if (!fs_process_ended(&v->process))
		return false;
	say_death(v, v->err, sizeof(v->err));
	return true;
}

int fs_vmm_explain(struct fs_vmm *v, int rc)
{
	char death[600];
	size_t n = strlen(v->err);

	/* A connection that broke, or a refusal, is often the first that is seen of its end. */
	if (!rc || rc == -ETIMEDOUT || fs_process_wait(&v->process, GRACE_NS) || !v->process.pid)
		return rc;
	say_death(v, death, sizeof(death));
	snprintf(v->err + n, sizeof(v->err) - n, "; %s", death);
	return -ECHILD;
}

int fs_vmm_http(struct fs_vmm *v, struct fs_http *h, const char *method, const char *path,
		json_t *body, struct fs_http_answer *a)
{
	char shown[1000];
	int rc = fs_http_ask(h, method, path, body, v->plan->call_ns, a, v->err, sizeof(v->err));

	json_decref(body);
	if (!rc && a->status != 204 && a->status != 200)
		rc = fs_errf(v->err, sizeof(v->err), -EREMOTEIO, "%s refused %s %s with %ld: %s",
			     v->ops->name, method, path, a->status,
			     fs_answer_show(a->body, a->len, shown, sizeof(shown)));
	return fs_vmm_explain(v, rc);
}

/* Takes a connection to the socket, and asks who is there. 0 or a negative errno. */
static int try_connect(const char *path, pid_t *pid)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	int fd, rc = 0;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		rc = -errno;
	*pid = who.pid;
	close(fd);
	return rc;
}

static int adopt(struct fs_vmm *v)
{
	pid_t pid = 0;
	int rc = try_connect(v->socket, &pid);

	if (rc)
		return fs_errf(v->err, sizeof(v->err), rc, "connecting to the VMM at %s: %s",
			       v->socket, strerror(-rc));
	return fs_process_adopt(&v->process, pid, v->err, sizeof(v->err));
}

static int wait_for_socket(struct fs_vmm *v)
{
	uint64_t until = fs_mono_ns() + v->plan->call_ns;
	char took[FS_UNITS_LEN];
	pid_t pid;
	int rc;

	while ((rc = try_connect(v->socket, &pid))) {
		if (rc == -ENAMETOOLONG)
			return fs_errf(v->err, sizeof(v->err), rc,
				       "the path of its socket, %s, is too long (107 bytes is the "
				       "most): use a folder nearer to the root",
				       v->socket);
		if (fs_vmm_died(v))
			return -ECHILD;
		if (fs_mono_ns() > until)
			return fs_errf(v->err, sizeof(v->err), -ETIMEDOUT,
				       "%s runs but does not listen on %s after %s (%s)",
				       v->ops->name, v->socket,
				       fs_fmt_ns(v->plan->call_ns, took, sizeof(took)),
				       strerror(-rc));
		nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
	}
	return 0;
}

int fs_vmm_launch(struct fs_vmm *v, char *const argv[])
{
	struct stat st;
	int rc;

	if (v->plan->socket)
		return adopt(v);
	if (!lstat(v->socket, &st))
		return fs_errf(v->err, sizeof(v->err), -EEXIST,
			       "%s exists already: another VMM uses it, or one was killed there",
			       v->socket);
	rc = fs_process_start(&v->process, argv, v->log, v->err, sizeof(v->err));
	if (rc == -ENOENT && !strchr(argv[0], '/'))
		return fs_errf(v->err, sizeof(v->err), rc,
			       "starting %s: it is not in PATH (--vmm-bin PATH says where it is)",
			       argv[0]);
	return rc ? rc : wait_for_socket(v);
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

/* --- the user's own fields of a load request --- */

/* A copy of @o with the names in braces replaced. NULL: v->err. */
static json_t *replaced(struct fs_vmm *v, const json_t *o)
{
	json_t *copy = NULL, *value;
	const char *key;
	size_t i;

	if (json_is_string(o)) {
		char *text = fs_vmm_word(v, json_string_value(o));

		copy = text ? json_string(text) : NULL;
		free(text);
	} else if (json_is_object(o)) {
		copy = json_object();
		json_object_foreach ((json_t *)o, key, value)
			if (json_object_set_new(copy, key, replaced(v, value)))
				goto fail;
	} else if (json_is_array(o)) {
		copy = json_array();
		json_array_foreach ((json_t *)o, i, value)
			if (json_array_append_new(copy, replaced(v, value)))
				goto fail;
	} else {
		copy = json_deep_copy(o);
	}
	return copy;
fail:
	json_decref(copy);
	return NULL;
}

int fs_vmm_more_fields(struct fs_vmm *v, json_t *body)
{
	json_t *more;

	if (!v->plan->load_json)
		return 0;
	v->err[0] = '\0';
	more = replaced(v, v->plan->load_json);
	if (!more || json_object_update(body, more)) {
		json_decref(more);
		return *v->err ? -EINVAL
			       : fs_errf(v->err, sizeof(v->err), -EINVAL,
					 "--load-json cannot be put into the load request");
	}
	json_decref(more);
	return 0;
}

/* --- the user's command --- */

static const char *value_of(const struct fs_vmm *v, const char *name, size_t n)
{
	const struct {
		const char *name, *value;
	} names[] = {{"memory", v->at->memory}, {"state", v->at->state},
		     {"tap", v->at->tap},       {"folder", v->at->folder},
		     {"fork", v->at->id},       {"socket", v->socket},
		     {"uffd", v->at->uffd},     {"snapshot", v->at->snapshot},
		     {"signal", v->at->signal}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == n && !strncmp(names[i].name, name, n))
			return names[i].value && *names[i].value ? names[i].value : NULL;
	return NULL;
}

/* A word in braces of small letters only; anything else (JSON, say) stays as it is. */
static size_t braced(const char *at)
{
	size_t n = *at == '{' ? strspn(at + 1, "abcdefghijklmnopqrstuvwxyz") : 0;

	return n && at[n + 1] == '}' ? n : 0;
}

char *fs_vmm_word(struct fs_vmm *v, const char *word)
{
	char *out = NULL;
	size_t size = 0, n;
	FILE *f = open_memstream(&out, &size);

	if (!f) {
		snprintf(v->err, sizeof(v->err), "out of memory");
		return NULL;
	}
	for (const char *at = word; *at; at++) {
		const char *value;

		n = braced(at);
		if (!n) {
			fputc(*at, f);
			continue;
		}
		value = value_of(v, at + 1, n);
		if (!value) {
			fclose(f);
			free(out);
			snprintf(v->err, sizeof(v->err),
				 "in \"%.200s\": {%.*s} is nothing that is known here (there are "
				 "memory, state, snapshot, signal, tap, folder, fork, socket, "
				 "uffd)",
				 word, (int)n, at + 1);
			return NULL;
		}
		fputs(value, f);
		at += n + 1;
	}
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}

static size_t count(const char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

char **fs_vmm_argv(struct fs_vmm *v, const char *const *head, const char *const *tail)
{
	const char *const *middle = (const char *const *)v->plan->command;
	char **argv = calloc(count(head) + count(middle) + count(tail) + 1, sizeof(*argv));
	size_t n = 0;
	bool ok = argv;

	for (size_t i = 0; ok && i < count(head); i++)
		ok = (argv[n++] = strdup(head[i]));
	for (size_t i = 0; ok && i < count(middle); i++)
		ok = (argv[n++] = fs_vmm_word(v, middle[i]));
	for (size_t i = 0; ok && i < count(tail); i++)
		ok = (argv[n++] = strdup(tail[i]));
	if (ok)
		return argv;
	if (!*v->err)
		snprintf(v->err, sizeof(v->err), "out of memory");
	fs_vmm_argv_free(argv);
	return NULL;
}

void fs_vmm_argv_free(char **argv)
{
	for (char **a = argv; a && *a; a++)
		free(*a);
	free(argv);
}
