// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cloud Hypervisor: HTTP on a unix socket, /api/v1/. A snapshot is a folder of config.json,
 * state.json and memory-ranges; a fork restores from a folder of its own, which links the memory,
 * so that console and TAP are its own. It has neither VMGenID nor VMClock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "vmm/answer.h"
#include "vmm/http.h"
#include "vmm/vmm.h"

#define API "/api/v1/"

struct cloudhv {
	struct fs_http *http;
	char folder[PATH_MAX]; /* of the fork's own snapshot; empty = not made */
};

static const char *const files[] = {"config.json", "state.json", "memory-ranges"};

static int ask(struct fs_vmm *v, const char *method, const char *name, json_t *body)
{
	struct cloudhv *c = v->driver;
	struct fs_http_answer a;
	char shown[1000], path[64];
	int rc;

	snprintf(path, sizeof(path), API "%s", name);
	rc = fs_vmm_http(v, c->http, method, path, body, &a);
	if (!rc && !strcmp(name, "vmm.ping")) {
		json_t *o = fs_answer_parse(a.body, a.len, shown, sizeof(shown));
		const char *text = fs_answer_string(o, "version");

		if (!text)
			rc = fs_errf(v->err, sizeof(v->err), -EPROTO,
				     "what listens at %s is no Cloud Hypervisor: vmm.ping gave: %s",
				     v->socket, fs_answer_show(a.body, a.len, shown, 400));
		else
			snprintf(v->version, sizeof(v->version), "%s", text);
		json_decref(o);
	}
	return rc;
}

static int start(struct fs_vmm *v)
{
	struct cloudhv *c = calloc(1, sizeof(*c));
	char api[PATH_MAX + 8];
	const char *head[] = {v->plan->program, "--api-socket", api, NULL};
	char *given = v->plan->socket ? fs_vmm_word(v, v->plan->socket) : NULL, **argv;
	int rc;

	v->driver = c;
	if (!c || (v->plan->socket && !given))
		return fs_errf(v->err, sizeof(v->err), -EINVAL, "no socket");
	if (given)
		snprintf(v->socket, sizeof(v->socket), "%s", given);
	else
		snprintf(v->socket, sizeof(v->socket), "%s/api.sock", v->at->folder);
	free(given);
	snprintf(v->log, sizeof(v->log), "%s/vmm.log", v->at->folder);
	snprintf(api, sizeof(api), "path=%s", v->socket);
	argv = fs_vmm_argv(v, head, NULL);
	if (!argv)
		return -EINVAL;
	rc = fs_vmm_launch(v, argv);
	fs_vmm_argv_free(argv);
	if (rc)
		return rc;
	c->http = fs_http_open(v->socket);
	if (!c->http)
		return fs_errf(v->err, sizeof(v->err), -ENOMEM, "out of memory");
	rc = ask(v, "GET", "vmm.ping", NULL);
	if (!rc)
		fs_vmm_parse_version(v);
	return rc;
}

static const char *no_signal(const struct fs_vmm *v, const char *signal)
{
	(void)v;
	return strcmp(signal, "none")
		       ? "Cloud Hypervisor has neither VMGenID nor VMClock, so its "
			 "guests get no resume signal: use --signal none, and another "
			 "end (first-tx, tcp:PORT, pio:PORT)"
		       : NULL;
}

/* The saved configuration, with console and TAP of this fork. */
static int write_config(struct fs_vmm *v, const char *from, const char *to)
{
	json_error_t e;
	json_t *config = json_load_file(from, 0, &e), *net, *serial;
	char console[PATH_MAX + 16];
	int rc;

	if (!config)
		return fs_errf(v->err, sizeof(v->err), -EINVAL, "reading %s: %s", from, e.text);
	serial = json_object_get(config, "serial");
	snprintf(console, sizeof(console), "%s/console", v->at->folder);
	if (json_object_get(serial, "file") && !json_is_null(json_object_get(serial, "file")))
		json_object_set_new(serial, "file", json_string(console));
	net = json_array_get(json_object_get(config, "net"), 0);
	if (net && v->at->override)
		json_object_set_new(net, "tap", json_string(v->at->tap));
	rc = json_dump_file(config, to, JSON_COMPACT);
	json_decref(config);
	return rc ? fs_errf(v->err, sizeof(v->err), -EIO, "writing %s failed", to) : 0;
}

static int make_snapshot(struct fs_vmm *v, struct cloudhv *c)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];
	int rc = 0;

	snprintf(c->folder, sizeof(c->folder), "%.*s/snapshot", PATH_MAX - 32, v->at->folder);
	if (mkdir(c->folder, 0700))
		return fs_errf(v->err, sizeof(v->err), -errno, "making %s: %m", c->folder);
	for (size_t i = 0; !rc && i < 3; i++) {
		snprintf(from, sizeof(from), "%s/%s", v->at->state, files[i]);
		snprintf(to, sizeof(to), "%s/%s", c->folder, files[i]);
		if (i == 0)
			rc = write_config(v, from, to);
		else if (symlink(i == 2 ? v->at->memory : from, to))
			rc = fs_errf(v->err, sizeof(v->err), -errno, "linking %s: %m", to);
	}
	return rc;
}

static int ch_resume(struct fs_vmm *v)
{
	return ask(v, "PUT", "vm.resume", NULL);
}

static int ch_pause(struct fs_vmm *v)
{
	return ask(v, "PUT", "vm.pause", NULL);
}

static json_t *url(const char *key, const char *folder)
{
	char text[PATH_MAX + 16];

	snprintf(text, sizeof(text), "file://%s", folder);
	return json_pack("{s:s}", key, text);
}

static int load(struct fs_vmm *v, const struct fs_vmm_load *l)
{
	struct cloudhv *c = v->driver;
	json_t *body;
	int rc = make_snapshot(v, c);

	if (rc)
		return rc;
	body = url("source_url", c->folder);
	if (body && l->on_demand)
		json_object_set_new(body, "memory_restore_mode", json_string("OnDemand"));
	rc = body ? ask(v, "PUT", "vm.restore", body)
		  : fs_errf(v->err, sizeof(v->err), -EINVAL, "%s cannot be told in JSON",
			    c->folder);
	return rc || !l->resume ? rc : ch_resume(v);
}

static int create(struct fs_vmm *v)
{
	int rc = ch_pause(v);

	return rc ? rc : ask(v, "PUT", "vm.snapshot", url("destination_url", v->at->state));
}

static void ch_close(struct fs_vmm *v)
{
	struct cloudhv *c = v->driver;
	char path[PATH_MAX + 16];

	fs_http_close(c->http);
	for (size_t i = 0; *c->folder && i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", c->folder, files[i]);
		unlink(path);
	}
	if (*c->folder)
		rmdir(c->folder);
	free(c);
}

const struct fs_vmm_ops fs_vmm_cloud_hypervisor = {
	.name = "cloud-hypervisor",
	.program = "cloud-hypervisor",
	.no_signal = no_signal,
	.start = start,
	.create = create,
	.load = load,
	.resume = ch_resume,
	.pause = ch_pause,
	.close = ch_close,
};
