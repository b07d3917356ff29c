// SPDX-License-Identifier: BSD-2-Clause
/* Prepares the folder that Firecracker's jailer makes the root of the VMM. */
#include "vmm/jail.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "base/tree.h"

int fs_jail_root(const struct fs_jail *j, const struct fs_vmm *v, const char *exec,
		 char root[PATH_MAX])
{
	const char *slash = strrchr(exec, '/');
	int n = snprintf(root, PATH_MAX, "%s/%s/%s/root", j->base, slash ? slash + 1 : exec,
			 v->at->id);

	return n > 0 && n < PATH_MAX - 16 ? 0 : -ENAMETOOLONG;
}

/* mkdir -p, from the base on; the last folder must be new. */
static int make_folders(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", root);
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(path, 0755) ? -errno : 0;
}

const char *fs_jail_no_arg(const char *arg)
{
	static const struct {
		const char *option, *why;
	} none[] = {
		{"--id", "the bench sets it"},
		{"--exec-file", "the bench sets it: --vmm-bin"},
		{"--uid", "the bench sets it: --jail-uid"},
		{"--gid", "the bench sets it: --jail-gid"},
		{"--chroot-base-dir", "the bench sets it: --jail-base"},
		{"--", "arguments of the VMM go behind the bench's own --"},
		{"--daemonize",
		 "the process that was started would end, and who the VMM is would not be known"},
		{"--new-pid-ns",
		 "the process that was started would end, and who the VMM is would not be known"},
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (!strcmp(none[i].option, arg) ||
		    (none[i].option[2] && !strncmp(none[i].option, arg, strlen(none[i].option)) &&
		     arg[strlen(none[i].option)] == '='))
			return none[i].why;
	return NULL;
}

/* The folder in the jail in which the vsock device's socket is to be bound. */
static int make_vsock_folder(const struct fs_jail *j, struct fs_vmm *v, const char *root)
{
	const char *at = v->plan->vsock, *slash;
	char path[2 * PATH_MAX];

	if (at && (strstr(at, "..") || strlen(at) >= PATH_MAX))
		return fs_errf(v->err, sizeof(v->err), -EINVAL,
			       "--vsock %s: in a jail it is a path without .. in it", at);
	while (at && (slash = strchr(at + 1, '/'))) {
		snprintf(path, sizeof(path), "%s%s%.*s", root, *v->plan->vsock == '/' ? "" : "/",
			 (int)(slash - v->plan->vsock), v->plan->vsock);
		if ((mkdir(path, 0755) && errno != EEXIST) || lchown(path, j->uid, j->gid))
			return fs_errf(v->err, sizeof(v->err), -errno,
				       "making the folder %s for the vsock device's socket: %m",
				       path);
		at = slash;
	}
	return 0;
}

static int link_in(struct fs_vmm *v, const char *root, const char *file, const char *name)
{
	char to[PATH_MAX + 16];

	snprintf(to, sizeof(to), "%s%s", root, name);
	if (!linkat(AT_FDCWD, file, AT_FDCWD, to, AT_SYMLINK_FOLLOW))
		return 0;
	if (errno == EXDEV)
		return fs_errf(
			v->err, sizeof(v->err), -EXDEV,
			"linking %s into the jail %s: it lies on another file system: give a --jail-base on the file system of the snapshot (and, with --uffd, of TMPDIR)",
			file, root);
	return fs_errf(v->err, sizeof(v->err), -errno, "linking %s into the jail %s: %m", file,
		       root);
}

/* The handler's socket, which its user must be able to connect to. It is ours: made for this fork.
 */
static int link_handler(const struct fs_jail *j, struct fs_vmm *v, const char *root)
{
	char to[PATH_MAX + 16];
	int ret = link_in(v, root, v->at->uffd, FS_JAIL_UFFD);

	snprintf(to, sizeof(to), "%s%s", root, FS_JAIL_UFFD);
	if (!ret && lchown(to, j->uid, j->gid))
		ret = fs_errf(v->err, sizeof(v->err), -errno, "giving %s to user %u: %m", to,
			      j->uid);
	return ret;
}

int fs_jail_make(const struct fs_jail *j, struct fs_vmm *v, const char *root)
{
	int ret = make_folders(root);

	if (ret)
		return fs_errf(v->err, sizeof(v->err), ret, "making the jail %s: %s", root,
			       strerror(-ret));
	ret = v->at->state ? link_in(v, root, v->at->state, FS_JAIL_STATE) : 0;
	if (!ret && v->at->memory && !v->at->uffd)
		ret = link_in(v, root, v->at->memory, FS_JAIL_MEMORY);
	if (!ret && v->at->uffd)
		ret = link_handler(j, v, root);
	if (!ret)
		ret = make_vsock_folder(j, v, root);
	/* The VMM makes its socket and its metrics there. */
	if (!ret && chown(root, j->uid, j->gid))
		ret = fs_errf(v->err, sizeof(v->err), -errno, "giving the jail %s to user %u: %m",
			      root, j->uid);
	if (ret)
		fs_jail_remove(root);
	return ret;
}

void fs_jail_remove(const char *root)
{
	char id[PATH_MAX];
	char *slash;

	snprintf(id, sizeof(id), "%s", root);
	slash = strrchr(id, '/');
	if (!slash)
		return;
	*slash = '\0';
	fs_remove_tree(id);
}
