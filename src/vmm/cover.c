// SPDX-License-Identifier: BSD-2-Clause
/* Makes a mount namespace in which one path is free. */
#include "vmm/cover.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"

#define MOST 4096 /* of a folder's entries, each of which is a mount */

static void close_all(struct fs_cover *c)
{
	int *const fds[] = {&c->ns, &c->root, &c->cwd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static int remember(struct fs_cover *c)
{
	c->ns = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	c->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return c->ns < 0 || c->root < 0 || c->cwd < 0 ? -errno : 0;
}

/* setns() puts root and working directory of the thread to that of the namespace. */
static int go_back(struct fs_cover *c)
{
	int ret = setns(c->ns, CLONE_NEWNS) || fchdir(c->root) || chroot(".") || fchdir(c->cwd)
			  ? -errno
			  : 0;

	close_all(c);
	return ret;
}

/* The entry @name of the folder that was at @folder, which @was still holds, in what is there now.
 */
static int show(int was, const char *folder, const char *name)
{
	char from[64 + NAME_MAX], to[PATH_MAX + NAME_MAX + 2], target[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	snprintf(from, sizeof(from), "/proc/thread-self/fd/%d/%s", was, name);
	snprintf(to, sizeof(to), "%s/%s", folder, name);
	if (fstatat(was, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno; /* gone meanwhile */
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(was, name, target, sizeof(target) - 1);
		if (n < 0)
			return -errno;
		target[n] = '\0';
		return symlink(target, to) ? -errno : 0;
	}
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(to, 0700))
			return -errno;
	} else {
		fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	if (!mount(from, to, NULL, MS_BIND | MS_REC, NULL))
		return 0;
	if (errno != ENOENT)
		return -errno;
	return remove(to) ? -errno : 0;
}

static int show_all(int was, const char *folder, const char *but)
{
	int fd = openat(was, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!dir) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	for (struct dirent *e; !ret && (e = readdir(dir));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, but))
			continue;
		ret = ++n > MOST ? -E2BIG : show(was, folder, e->d_name);
	}
	closedir(dir);
	return ret;
}

/* In the new namespace: @folder becomes one that has all but @but. */
static int cover(const char *folder, const char *but)
{
	int was = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), ret = 0;
	struct stat st;

	if (was < 0 || fstat(was, &st) || mount("forkscope", folder, "tmpfs", 0, "mode=0755") ||
	    chown(folder, st.st_uid, st.st_gid) || chmod(folder, st.st_mode & 07777))
		ret = -errno;
	if (!ret)
		ret = show_all(was, folder, but);
	if (was >= 0)
		close(was);
	return ret;
}

/* The folder of @path, without links, and the name in it. */
static int cut(const char *path, char folder[PATH_MAX], char name[NAME_MAX + 1], char *err,
	       size_t len)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char text[PATH_MAX];
	int n = snprintf(text, sizeof(text), "%.*s", slash ? (int)(slash - path + 1) : 1,
			 slash ? path : ".");

	if (!*base || strlen(base) > NAME_MAX || n >= (int)sizeof(text))
		return fs_errf(err, len, -EINVAL, "%s is the path of no socket", path);
	strcpy(name, base);
	if (!realpath(text, folder))
		return fs_errf(
			err, len, -errno,
			"the folder of the socket %s: %m (the VMM makes the socket in it, so it must be there)",
			path);
	if (!strcmp(folder, "/"))
		return fs_errf(
			err, len, -EINVAL,
			"the socket %s lies in the root folder, of which nobody can have one of his own: use the jailer",
			path);
	return 0;
}

int fs_cover_enter(struct fs_cover *c, const char *path, char *err, size_t len)
{
	char folder[PATH_MAX], name[NAME_MAX + 1];
	int ret;

	*c = (struct fs_cover){-1, -1, -1};
	ret = cut(path, folder, name, err, len);
	if (ret)
		return ret;
	ret = remember(c);
	if (ret || unshare(CLONE_NEWNS)) {
		ret = ret ? ret : -errno;
		close_all(c);
		return fs_errf(err, len, ret, "making a mount namespace for the VMM: %s%s",
			       strerror(-ret), ret == -EPERM ? " (root is needed)" : "");
	}
	/* Nothing that is mounted here is to be seen outside; what is mounted outside is, here. */
	ret = mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ? -errno : cover(folder, name);
	if (!ret)
		return 0;
	go_back(c);
	return fs_errf(
		err, len, ret, "making a folder like %s without %s in it: %s%s", folder, name,
		strerror(-ret),
		ret == -E2BIG
			? " (it has more than 4096 entries: a snapshot whose socket lies in a folder of its own is needed)"
			: "");
}

int fs_cover_leave(struct fs_cover *c, char *err, size_t len)
{
	int ret = go_back(c);

	return ret ? fs_errf(err, len, ret, "leaving the VMM's mount namespace: %s", strerror(-ret))
		   : 0;
}
