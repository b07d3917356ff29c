// SPDX-License-Identifier: BSD-2-Clause
/* Which files a snapshot is made of. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <jansson.h>
#include "base/err.h"
#include "base/packed.h"
#include "bench/template.h"

/*
 * @name in @folder, or where it is if it is a path; from the root, for a VMM that others started
 * (--socket) has another working directory. Returns 0, -ENAMETOOLONG or what getcwd() says.
 */
static int join(const char *folder, const char *name, char path[PATH_MAX])
{
	char here[PATH_MAX] = "";
	int n;

	if (*name == '/')
		n = snprintf(path, PATH_MAX, "%s", name);
	else if (*folder != '/' && !getcwd(here, sizeof(here)))
		return -errno;
	else
		n = snprintf(path, PATH_MAX, "%s%s%s/%s", here, *here ? "/" : "", folder, name);
	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Whatever lies under such a name but a folder is meant to be the file, be it a bad one. */
static bool is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/*
 * The one of @names ("a, b, c") that is in the folder. Returns 0 and @path, 1: there is none, or a
 * negative errno with a sentence.
 */
static int pick(const char *folder, const char *names, const char *option, char path[PATH_MAX],
		char *err, size_t len)
{
	char list[400], one[PATH_MAX], *rest = list, *name;
	int ret = 1;

	snprintf(list, sizeof(list), "%s", names);
	path[0] = '\0';
	while ((name = strsep(&rest, ", "))) {
		if (!*name || join(folder, name, one) || !is_there(one))
			continue;
		if (!ret)
			return fs_errf(
				err, len, -EINVAL,
				"the snapshot %s has both %s and %s: %s NAME says which it is",
				folder, strrchr(path, '/') + 1, name, option);
		memcpy(path, one, sizeof(one));
		ret = 0;
	}
	return ret;
}

/* The file that was given, or the one of the usual names. 0, 1 (there is none), or as pick(). */
static int find(const char *folder, const char *given, const char *names, const char *option,
		char path[PATH_MAX], char *err, size_t len)
{
	if (!given)
		return pick(folder, names, option, path, err, len);
	if (join(folder, given, path))
		return fs_errf(err, len, -EINVAL, "%s %s: the path is too long", option, given);
	return is_there(path) ? 0
			      : fs_errf(err, len, -ENOENT, "%s: there is no file %s", option, path);
}

/* A FIFO would hold whoever opens it, for ever. */
static int must_be_regular(const char *path, const char *what, char *err, size_t len)
{
	struct stat st;

	if (stat(path, &st))
		return fs_errf(err, len, -errno, "%s: %m", path);
	return S_ISREG(st.st_mode)
		       ? 0
		       : fs_errf(err, len, -EINVAL, "%s is not a regular file, so it is not a %s",
				 path, what);
}

static int find_state(struct fs_template *t, const struct fs_template_files *files, char *err,
		      size_t len)
{
	static const char folders[] = "state.json, snapshot/state.json";
	const char *names = files->is_folder ? folders : FS_TEMPLATE_STATES;
	char config[PATH_MAX + 16];
	int ret = find(t->folder, files->state, names, "--state-file", t->state, err, len);

	if (ret > 0)
		return fs_errf(
			err, len, -ENOENT,
			"the snapshot %s has no file %s in it (%s): --state-file NAME says which it is",
			t->folder, files->is_folder ? "state.json" : "state", names);
	if (!ret)
		ret = must_be_regular(t->state, "state", err, len);
	if (ret || !files->is_folder)
		return ret;
	*strrchr(t->state, '/') = '\0';
	snprintf(config, sizeof(config), "%s/config.json", t->state);
	return must_be_regular(config, "configuration", err, len);
}

/* --- zones ---------------------------------------------------------------------------------- */

/* Cloud Hypervisor saves no memory that is a shared file: @path, and how many such files there are.
 */
static size_t shared_zones(const struct fs_template *t, char path[PATH_MAX])
{
	char config[PATH_MAX + 16];
	json_t *o, *zone;
	size_t i, n = 0;

	snprintf(config, sizeof(config), "%s/config.json", t->state);
	o = json_load_file(config, 0, NULL);
	json_array_foreach (json_object_get(json_object_get(o, "memory"), "zones"), i, zone) {
		const char *file = json_string_value(json_object_get(zone, "file"));

		if (!file || !json_is_true(json_object_get(zone, "shared")) ||
		    strlen(file) >= PATH_MAX || !is_there(file))
			continue;
		if (!n++)
			strcpy(path, file);
	}
	json_decref(o);
	return n;
}

/* None of the usual names is in the folder: the only zone's file, if there is one. */
static int find_zone(struct fs_template *t, char *err, size_t len)
{
	size_t n = shared_zones(t, t->memory);

	if (n == 1)
		return 0;
	return n ? fs_errf(err, len, -EINVAL,
			   "the snapshot %s has its memory in %zu files of zones: --memory-file FILE says in which the mailbox is and pages are to be prefetched",
			   t->folder, n)
		 : 1;
}

static int find_memory(struct fs_template *t, const struct fs_template_files *files, char *err,
		       size_t len)
{
	char zone[PATH_MAX];
	int ret = find(t->folder, files->memory, FS_TEMPLATE_MEMORIES, "--memory-file", t->memory,
		       err, len);

	if (ret > 0 && files->is_folder)
		ret = find(t->state, NULL, "memory-ranges", "--memory-file", t->memory, err, len);
	if (ret > 0 && files->is_folder)
		ret = find_zone(t, err, len);
	if (ret > 0)
		return fs_errf(
			err, len, -ENOENT,
			"the snapshot %s has no memory file in it (%s): --memory-file NAME says which it is",
			t->folder, FS_TEMPLATE_MEMORIES);
	if (!ret && files->is_folder) {
		size_t zones = shared_zones(t, zone);
		char ranges[PATH_MAX + 16];

		/* zones, and what was saved of others: one of these files is it */
		snprintf(ranges, sizeof(ranges), "%s/memory-ranges", t->state);
		t->others = zones + (zones && is_there(ranges)) - (zones ? 1 : 0);
	}
	return ret ? ret : must_be_regular(t->memory, "memory file", err, len);
}

int fs_template_open(struct fs_template *t, const char *signal, const char *folder,
		     const struct fs_template_files *files, char *err, size_t len)
{
	struct stat st;
	int ret;

	memset(t, 0, sizeof(*t));
	t->signal = signal;
	t->folder = folder;
	t->fd = t->lock = -1;
	if (stat(folder, &st))
		return fs_errf(err, len, -errno, "the snapshot %s: %m", folder);
	if (!S_ISDIR(st.st_mode))
		return fs_errf(
			err, len, -ENOTDIR,
			"the snapshot %s is not a folder: give the one that its state and memory are in",
			folder);
	ret = find_state(t, files, err, len);
	if (!ret)
		ret = find_memory(t, files, err, len);
	if (ret)
		return ret;
	t->fd = open(t->memory, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0 || fstat(t->fd, &st))
		return fs_errf(err, len, -errno, "opening %s: %m", t->memory);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return fs_errf(err, len, -EINVAL, "%s is not a memory file: it is empty",
			       t->memory);
	if (fs_packed_by(t->fd))
		return fs_errf(err, len, -EINVAL,
			       "%s is compressed by %s: no VMM can map it. Decompress it first",
			       t->memory, fs_packed_by(t->fd));
	t->size = (uint64_t)st.st_size;
	return 0;
}
