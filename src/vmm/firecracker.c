// SPDX-License-Identifier: BSD-2-Clause
/*
 * Firecracker v1.12 to v1.16: HTTP on a unix socket. Success is 204 (200 with a body for GET), any
 * refusal 400 with {"fault_message": ...}. A load is for a fresh process; when the restore itself
 * fails, 400 is sent and the process ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "vmm/answer.h"
#include "vmm/cover.h"
#include "vmm/driver.h"
#include "vmm/http.h"
#include "vmm/jail.h"

#define METRICS_LINE (1u << 20) /* the most of the metrics file that is looked at */

struct firecracker {
	struct fs_http *http;
	bool covered;                /* it runs where nobody else has its vsock device's path */
	char root[PATH_MAX];         /* of the jail; empty = none */
	char metrics[PATH_MAX + 32]; /* on the host; empty = not asked for */
	bool measured;               /* PUT /metrics was taken */
};

/* Asks for something that has no answer but yes or no. Returns 0 or a negative errno, v->err. */
static int ask(struct fs_vmm *v, const char *method, const char *path, json_t *body)
{
	struct firecracker *f = v->driver;
	struct fs_http_answer a;
	char shown[1000];
	int ret = fs_vmm_http(v, f->http, method, path, body, &a);

	if (!ret && a.status != 204)
		ret = fs_errf(v->err, sizeof(v->err), -EREMOTEIO,
			      "firecracker answered %s %s with %ld: %s", method, path, a.status,
			      fs_answer_show(a.body, a.len, shown, sizeof(shown)));
	return ret;
}

static int read_version(struct fs_vmm *v)
{
	struct firecracker *f = v->driver;
	struct fs_http_answer a;
	char why[256];
	const char *text;
	json_t *o;
	int ret = fs_vmm_http(v, f->http, "GET", "/version", NULL, &a);

	if (ret)
		return ret;
	o = fs_answer_parse(a.body, a.len, why, sizeof(why));
	text = fs_answer_string(o, "firecracker_version");
	if (a.status != 200 || !text) {
		char shown[400];

		json_decref(o);
		return fs_errf(v->err, sizeof(v->err), -EPROTO,
			       "what listens at %s is not a Firecracker: GET /version gave %ld: %s",
			       v->socket, a.status,
			       fs_answer_show(a.body, a.len, shown, sizeof(shown)));
	}
	snprintf(v->version, sizeof(v->version), "%s", text);
	json_decref(o);
	fs_vmm_parse_version(v);
	return 0;
}

/* Metrics are a help, not a need: a VMM that takes none still forks. */
static void ask_metrics(struct fs_vmm *v)
{
	struct firecracker *f = v->driver;
	const struct fs_jail *j = v->plan->jail;
	const char *inside = j ? FS_JAIL_METRICS : f->metrics;
	int fd;

	if (v->plan->socket)
		return;
	if (j)
		snprintf(f->metrics, sizeof(f->metrics), "%s%s", f->root, FS_JAIL_METRICS);
	else
		snprintf(f->metrics, sizeof(f->metrics), "%s/metrics", v->at->folder);
	fd = open(f->metrics, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (!j || !fchown(fd, j->uid, j->gid))
		f->measured =
			!ask(v, "PUT", "/metrics", json_pack("{s:s}", "metrics_path", inside));
	close(fd);
	v->err[0] = '\0';
}

static char **plain_argv(struct fs_vmm *v)
{
	const char *head[] = {v->plan->program, "--api-sock", v->socket, "--id", v->at->id, NULL};

	return fs_vmm_argv(v, head, NULL);
}

static char **jailed_argv(struct fs_vmm *v)
{
	const struct fs_jail *j = v->plan->jail;
	char uid[16], gid[16];
	const char *head[FS_JAIL_ARGS + 16] = {
		j->program, "--id",  v->at->id, "--exec-file",       v->plan->program, "--uid",
		uid,        "--gid", gid,       "--chroot-base-dir", j->base};
	size_t n = 11;

	for (size_t i = 0; j->args && j->args[i] && i < FS_JAIL_ARGS; i++)
		head[n++] = j->args[i];
	head[n++] = "--";
	head[n++] = "--api-sock";
	head[n] = FS_JAIL_SOCKET;
	snprintf(uid, sizeof(uid), "%u", j->uid);
	snprintf(gid, sizeof(gid), "%u", j->gid);
	return fs_vmm_argv(v, head, NULL);
}

static int prepare_jail(struct fs_vmm *v, struct firecracker *f)
{
	const struct fs_jail *j = v->plan->jail;
	char root[PATH_MAX];
	int ret = fs_jail_root(j, v, v->plan->program, root);

	if (ret)
		return fs_errf(v->err, sizeof(v->err), ret,
			       "the path of the jail in %s is too long", j->base);
	ret = fs_jail_make(j, v, root);
	if (ret)
		return ret;
	memcpy(f->root, root, sizeof(root));
	ret = snprintf(v->socket, sizeof(v->socket), "%.*s%s", PATH_MAX - 16, root, FS_JAIL_SOCKET);
	return ret > 0 ? 0 : -EINVAL;
}

static int set_paths(struct fs_vmm *v, struct firecracker *f)
{
	snprintf(v->log, sizeof(v->log), "%s/console", v->at->folder);
	if (v->plan->socket) {
		char *path = fs_vmm_word(v, v->plan->socket);

		if (!path)
			return -EINVAL;
		snprintf(v->socket, sizeof(v->socket), "%s", path);
		free(path);
		v->log[0] = '\0';
		return 0;
	}
	if (v->plan->jail)
		return prepare_jail(v, f);
	snprintf(v->socket, sizeof(v->socket), "%s/api.sock", v->at->folder);
	return 0;
}

/*
 * Where the load cannot be given another path for the vsock device's socket, the VMM is started in
 * a mount namespace of its own, in which that path is free. A jail is one already.
 */
static int launch(struct fs_vmm *v, char *const argv[])
{
	struct firecracker *f = v->driver;
	struct fs_cover c;
	int ret;

	f->covered = v->plan->vsock && !v->plan->jail && !v->plan->socket &&
		     !fs_vmm_since(&v->plan->is, 1, 16);
	if (!f->covered)
		return fs_vmm_launch(v, argv);
	ret = fs_cover_enter(&c, v->plan->vsock, v->err, sizeof(v->err));
	if (ret)
		return ret;
	ret = fs_vmm_launch(v, argv);
	return fs_cover_leave(&c, ret ? NULL : v->err, sizeof(v->err)) ?: ret;
}

static int start(struct fs_vmm *v)
{
	struct firecracker *f = calloc(1, sizeof(*f));
	char **argv;
	int ret;

	v->driver = f;
	ret = f ? set_paths(v, f) : fs_errf(v->err, sizeof(v->err), -ENOMEM, "out of memory");
	if (ret)
		return ret;
	argv = v->plan->jail ? jailed_argv(v) : plain_argv(v);
	if (!argv)
		return -EINVAL;
	ret = launch(v, argv);
	fs_vmm_argv_free(argv);
	if (ret)
		return ret;
	f->http = fs_http_open(v->socket);
	if (!f->http)
		return fs_errf(v->err, sizeof(v->err), -ENOMEM, "out of memory");
	ret = read_version(v);
	if (!ret)
		ask_metrics(v);
	return ret;
}

static const char *no_signal(const struct fs_vmm *v, const char *signal)
{
	if (strncmp(signal, "vmclock", 7) != 0 || fs_vmm_since(&v->is, 1, 15))
		return NULL;
	return v->is.known
		       ? "this Firecracker has no VMClock: it came with 1.15"
		       : "whether this Firecracker has VMClock (from 1.15 on) is not known, for no version is to be read in what it says: --vmm-version N.N says it";
}

static int set_state(struct fs_vmm *v, const char *state)
{
	return ask(v, "PATCH", "/vm", json_pack("{s:s}", "state", state));
}

static int fc_pause(struct fs_vmm *v)
{
	return set_state(v, "Paused");
}

static int fc_resume(struct fs_vmm *v)
{
	return set_state(v, "Resumed");
}

static int create(struct fs_vmm *v)
{
	json_t *body = json_pack("{s:s, s:o, s:o}", "snapshot_type", "Full", "snapshot_path",
				 fs_vmm_path(v, v->at->state), "mem_file_path",
				 fs_vmm_path(v, v->at->memory));
	int ret = body ? fc_pause(v) : -EINVAL;

	if (!ret)
		return ask(v, "PUT", "/snapshot/create", body);
	json_decref(body);
	return ret;
}

static int override_tap(struct fs_vmm *v, json_t *body)
{
	if (!v->at->override ||
	    !json_object_set_new(body, "network_overrides",
				 json_pack("[{s:s, s:s}]", "iface_id", v->at->override,
					   "host_dev_name", v->at->tap)))
		return 0;
	return fs_errf(v->err, sizeof(v->err), -EINVAL, "the interface %s is not UTF-8",
		       v->at->override);
}

/* From 1.16 on the load takes another path for the vsock device's socket. */
static int override_vsock(struct fs_vmm *v, json_t *body)
{
	struct firecracker *f = v->driver;
	char path[PATH_MAX + 16];

	if (!v->plan->vsock || f->covered)
		return 0;
	if (!fs_vmm_since(&v->is, 1, 16))
		/* in a jail the saved path is its own */
		return v->plan->jail
			       ? 0
			       : fs_errf(v->err, sizeof(v->err), -ENOTSUP,
					 "--vsock with --socket needs a Firecracker of 1.16 or later (this says \"%s\"; --vmm-version N.N says otherwise): the path is in the state",
					 v->version);
	snprintf(path, sizeof(path), "%s" FS_JAIL_VSOCK, v->plan->jail ? "" : v->at->folder);
	return json_object_set_new(body, "vsock_override",
				   json_pack("{s:o}", "uds_path", fs_vmm_path(v, path)))
		       ? -EINVAL
		       : 0;
}

/* A refusal that the user can do something about. Only the sentence depends on the VMM's words. */
static int advise(struct fs_vmm *v, int ret)
{
	size_t n = strlen(v->err);

	if (ret && !v->plan->vsock && strcasestr(v->err, "host-side Unix socket"))
		snprintf(
			v->err + n, sizeof(v->err) - n,
			"; the snapshot has a vsock device, whose socket's path is in its state: with --vsock PATH each fork gets a socket of its own there");
	return ret;
}

static int load(struct fs_vmm *v, const struct fs_vmm_load *l)
{
	bool jailed = v->plan->jail;
	const char *state = jailed ? FS_JAIL_STATE : v->at->state;
	const char *memory = jailed ? FS_JAIL_MEMORY : v->at->memory;
	const char *uffd = !v->at->uffd ? NULL : jailed ? FS_JAIL_UFFD : v->at->uffd;
	int ret;
	json_t *body =
		json_pack("{s:o, s:{s:s, s:o}, s:b}", "snapshot_path", fs_vmm_path(v, state),
			  "mem_backend", "backend_type", uffd ? "Uffd" : "File", "backend_path",
			  fs_vmm_path(v, uffd ? uffd : memory), "resume_vm", l->resume);

	if (!body)
		return -EINVAL;
	ret = override_tap(v, body);
	if (!ret)
		ret = override_vsock(v, body);
	if (!ret)
		ret = fs_vmm_more_fields(v, body);
	if (!ret)
		return advise(v, ask(v, "PUT", "/snapshot/load", body));
	json_decref(body);
	return ret;
}

/* The last whole line of the metrics file that is one. */
static json_t *last_metrics(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	char *text = malloc(METRICS_LINE), *line, *end, why[80];
	ssize_t n = !text || size <= 0
			    ? 0
			    : pread(fd, text, METRICS_LINE - 1,
				    size > METRICS_LINE - 1 ? size - METRICS_LINE + 1 : 0);
	json_t *o = NULL;

	if (fd >= 0)
		close(fd);
	end = n > 0 ? memrchr(text, '\n', (size_t)n) : NULL;
	if (end) {
		line = memrchr(text, '\n', (size_t)(end - text));
		line = line ? line + 1 : text;
		o = fs_answer_parse(line, (size_t)(end - line), why, sizeof(why));
	}
	free(text);
	return o;
}

static int metrics(struct fs_vmm *v, json_t **out)
{
	struct firecracker *f = v->driver;
	json_t *all, *times;
	int ret;

	*out = NULL;
	if (!f->measured)
		return fs_errf(v->err, sizeof(v->err), -ENOTSUP,
			       "no metrics were asked of this Firecracker");
	ret = ask(v, "PUT", "/actions", json_pack("{s:s}", "action_type", "FlushMetrics"));
	if (ret)
		return ret;
	all = last_metrics(f->metrics);
	times = json_object_get(all, "latencies_us");
	if (json_is_object(times))
		*out = json_incref(times);
	json_decref(all);
	return *out ? 0
		    : fs_errf(v->err, sizeof(v->err), -EPROTO, "%s holds no line with latencies_us",
			      f->metrics);
}

static void fc_close(struct fs_vmm *v)
{
	struct firecracker *f = v->driver;

	fs_http_close(f->http);
	if (*f->root)
		fs_jail_remove(f->root);
	else if (*f->metrics)
		unlink(f->metrics);
	free(f);
}

static const char *const load_fields[] = {"snapshot_path", "mem_backend", "mem_file_path",
					  "resume_vm", NULL};

const struct fs_vmm_ops fs_vmm_firecracker = {
	.name = "firecracker",
	.program = "firecracker",
	.load_fields = load_fields,
	.no_signal = no_signal,
	.start = start,
	.create = create,
	.load = load,
	.resume = fc_resume,
	.pause = fc_pause,
	.metrics = metrics,
	.close = fc_close,
};
