// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cloud Hypervisor: HTTP on a unix socket, /api/v1/. A snapshot is a folder of config.json,
 * state.json and memory-ranges; a fork restores from a folder of its own, which links the memory,
 * so that consoles, sockets and TAP are its own. Memory zones that are shared files are not in
 * memory-ranges (which is missing if all are): a fork maps these files privately. It has VMGenID
 * where the configuration says so, and no VMClock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "base/tree.h"
#include "vmm/answer.h"
#include "vmm/driver.h"
#include "vmm/http.h"

#define API "/api/v1/"

struct cloudhv {
	struct fs_http *http;
	char folder[PATH_MAX]; /* of the fork's own snapshot; empty = not made */
	bool zone;             /* its memory file is a zone's, not memory-ranges */
};

static const char *const files[] = {"config.json", "state.json", "memory-ranges"};
enum { CONFIG, STATE, RANGES, NFILES };

static int ask(struct fs_vmm *v, const char *method, const char *name, json_t *body)
{
	struct cloudhv *c = v->driver;
	struct fs_http_answer a;
	char shown[1000], path[64];
	int ret;

	snprintf(path, sizeof(path), API "%s", name);
	ret = fs_vmm_http(v, c->http, method, path, body, &a);
	if (!ret && !strcmp(name, "vmm.ping")) {
		json_t *o = fs_answer_parse(a.body, a.len, shown, sizeof(shown));
		const char *text = fs_answer_string(o, "version");

		if (!text)
			ret = fs_errf(
				v->err, sizeof(v->err), -EPROTO,
				"what listens at %s is not a Cloud Hypervisor: vmm.ping gave: %s",
				v->socket, fs_answer_show(a.body, a.len, shown, 400));
		else
			snprintf(v->version, sizeof(v->version), "%s", text);
		json_decref(o);
	}
	return ret;
}

static int start(struct fs_vmm *v)
{
	struct cloudhv *c = calloc(1, sizeof(*c));
	char api[PATH_MAX + 8];
	const char *head[] = {v->plan->program, "--api-socket", api, NULL};
	char *given = v->plan->socket ? fs_vmm_word(v, v->plan->socket) : NULL, **argv;
	int ret;

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
	ret = fs_vmm_launch(v, argv);
	fs_vmm_argv_free(argv);
	if (ret)
		return ret;
	c->http = fs_http_open(v->socket);
	if (!c->http)
		return fs_errf(v->err, sizeof(v->err), -ENOMEM, "out of memory");
	ret = ask(v, "GET", "vmm.ping", NULL);
	if (!ret)
		fs_vmm_parse_version(v);
	return ret;
}

/* Does the saved VM have the device (platform.vmgenid)? */
static bool has_vmgenid(const struct fs_vmm *v)
{
	char path[PATH_MAX + 16];
	json_t *config;
	bool has;

	if (!v->at->state)
		return false;
	snprintf(path, sizeof(path), "%s/%s", v->at->state, files[CONFIG]);
	config = json_load_file(path, 0, NULL);
	has = json_is_true(json_object_get(json_object_get(config, "platform"), "vmgenid"));
	json_decref(config);
	return has;
}

static const char *no_signal(const struct fs_vmm *v, const char *signal)
{
	if (!strcmp(signal, "none"))
		return NULL;
	if (!strncmp(signal, "vmclock", 7))
		return "Cloud Hypervisor has no VMClock: use vmgenid where the VM was started with --platform vmgenid=on, else --signal none and another end (first-tx, tcp:PORT, pio:PORT)";
	return has_vmgenid(v)
		       ? NULL
		       : "the snapshot's config.json has no VMGenID (platform.vmgenid), and Cloud Hypervisor has no VMClock, so its guest gets no resume signal: start the VM with --platform vmgenid=on where this version knows it, or use --signal none, and another end (first-tx, tcp:PORT, pio:PORT)";
}

/* --- the fork's own configuration --- */

/* A path that the template's VM has, too: it becomes one in the fork's folder. */
static int rename_path(struct fs_vmm *v, json_t *device, const char *key, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", v->at->folder, name);
	if (!json_is_string(json_object_get(device, key)))
		return 0;
	return json_object_set_new(device, key, fs_vmm_path(v, path)) ? -EINVAL : 0;
}

/* What a VMM opens to write, or binds. */
static int rename_paths(struct fs_vmm *v, json_t *config)
{
	static const struct {
		const char *device, *key, *name;
	} own[] = {
		{"serial", "file", "console"},
		{"console", "file", "console.virtio"},
		{"debug_console", "file", "console.debug"},
		{"serial", "socket", "serial.sock"},
		{"console", "socket", "console.sock"},
		{"vsock", "socket", "vsock.sock"},
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (rename_path(v, json_object_get(config, own[i].device), own[i].key, own[i].name))
			return -EINVAL;
	return 0;
}

/*
 * A zone that is a shared file is the template's own memory: what a fork writes must not go there,
 * so it is mapped privately. A fork with a copy of it maps that.
 */
static int own_zones(struct fs_vmm *v, json_t *config)
{
	struct cloudhv *c = v->driver;
	const char *original = v->at->original ? v->at->original : v->at->memory;
	json_t *zone;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(config, "memory"), "zones"), i, zone) {
		const char *file = json_string_value(json_object_get(zone, "file"));

		if (!file || !json_is_true(json_object_get(zone, "shared")))
			continue;
		json_object_set_new(zone, "shared", json_false());
		if (!original || !fs_names_one_file(file, original))
			continue;
		c->zone = true;
		if (json_object_set_new(zone, "file", fs_vmm_path(v, v->at->memory)))
			return -EINVAL;
	}
	return 0;
}

static int write_config(struct fs_vmm *v, const char *from, const char *to)
{
	json_error_t e;
	json_t *config = json_load_file(from, 0, &e), *net;
	int ret;

	if (!config)
		return fs_errf(v->err, sizeof(v->err), -EINVAL, "reading %s: %s", from, e.text);
	ret = rename_paths(v, config);
	if (!ret)
		ret = own_zones(v, config);
	net = json_array_get(json_object_get(config, "net"), 0);
	if (!ret && net && v->at->override &&
	    json_object_set_new(net, "tap", fs_vmm_path(v, v->at->tap)))
		ret = -EINVAL;
	if (!ret && json_dump_file(config, to, JSON_COMPACT))
		ret = fs_errf(v->err, sizeof(v->err), -EIO, "writing %s failed", to);
	json_decref(config);
	return ret;
}

static int make_snapshot(struct fs_vmm *v, struct cloudhv *c)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];
	int ret = 0;

	snprintf(c->folder, sizeof(c->folder), "%.*s/snapshot", PATH_MAX - 32, v->at->folder);
	if (mkdir(c->folder, 0700))
		return fs_errf(v->err, sizeof(v->err), -errno, "making %s: %m", c->folder);
	for (size_t i = 0; !ret && i < NFILES; i++) {
		const char *file = from;

		snprintf(from, sizeof(from), "%s/%s", v->at->state, files[i]);
		snprintf(to, sizeof(to), "%s/%s", c->folder, files[i]);
		if (i == RANGES && !c->zone && v->at->memory)
			file = v->at->memory;
		else if (i == RANGES && access(from, F_OK))
			continue; /* all memory is in files of zones */
		if (i == CONFIG)
			ret = write_config(v, from, to);
		else if (symlink(file, to))
			ret = fs_errf(v->err, sizeof(v->err), -errno, "linking %s: %m", to);
	}
	return ret;
}

static int ch_resume(struct fs_vmm *v)
{
	return ask(v, "PUT", "vm.resume", NULL);
}

static int ch_pause(struct fs_vmm *v)
{
	return ask(v, "PUT", "vm.pause", NULL);
}

static json_t *url(struct fs_vmm *v, const char *key, const char *folder)
{
	char text[PATH_MAX + 16];

	snprintf(text, sizeof(text), "file://%s", folder);
	return json_pack("{s:o}", key, fs_vmm_path(v, text));
}

static int load(struct fs_vmm *v, const struct fs_vmm_load *l)
{
	struct cloudhv *c = v->driver;
	bool at_once = l->resume && fs_vmm_since(&v->is, 52, 0);
	json_t *body;
	int ret;

	/* An older one does not know the field, and reads over it: another experiment. */
	if (l->mode && v->is.known && !fs_vmm_since(&v->is, 52, 0))
		return fs_errf(
			v->err, sizeof(v->err), -ENOTSUP,
			"memory_restore_mode %s: Cloud Hypervisor %s does not know it, it came with 52",
			l->mode, v->version);
	ret = make_snapshot(v, c);
	if (ret)
		return ret;
	body = url(v, "source_url", c->folder);
	if (!body)
		return -EINVAL;
	if (l->mode)
		json_object_set_new(body, "memory_restore_mode", json_string(l->mode));
	if (l->prefault)
		json_object_set_new(body, "prefault", json_true());
	if (at_once)
		json_object_set_new(body, "resume", json_true());
	ret = fs_vmm_more_fields(v, body);
	if (ret)
		json_decref(body);
	else
		ret = ask(v, "PUT", "vm.restore", body);
	return ret || !l->resume || at_once ? ret : ch_resume(v);
}

static int create(struct fs_vmm *v)
{
	json_t *body = url(v, "destination_url", v->at->state);
	int ret = body ? ch_pause(v) : -EINVAL;

	if (!ret)
		return ask(v, "PUT", "vm.snapshot", body);
	json_decref(body);
	return ret;
}

static void ch_close(struct fs_vmm *v)
{
	struct cloudhv *c = v->driver;
	char path[PATH_MAX + 16];

	fs_http_close(c->http);
	for (size_t i = 0; *c->folder && i < NFILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", c->folder, files[i]);
		unlink(path);
	}
	if (*c->folder)
		rmdir(c->folder);
	free(c);
}

static const char *const load_fields[] = {"source_url", "resume", NULL};

const struct fs_vmm_ops fs_vmm_cloud_hypervisor = {
	.name = "cloud-hypervisor",
	.program = "cloud-hypervisor",
	.load_fields = load_fields,
	.no_signal = no_signal,
	.start = start,
	.create = create,
	.load = load,
	.resume = ch_resume,
	.pause = ch_pause,
	.close = ch_close,
};
