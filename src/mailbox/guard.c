// SPDX-License-Identifier: BSD-2-Clause
/* Refuses a memory file that a process uses, and keeps others from it by a lease. */
#include "mailbox/guard.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/err.h"
#include "mailbox/patch.h"
#include "mailbox/users.h"

#define NAMED    3  /* processes that are named in a sentence; the others are counted */
#define TRIES    10 /* a process that is just ending lets go of its files a little later */
#define PAUSE_US 20000

/* File systems whose files may be in use where neither the kernel's lease nor /proc shows it. */
static const struct hiding {
	uint32_t magic;
	bool lease_suffices; /* a lease is given when the server gives one */
	const char *why;
} hiding[] = {
	{OVERLAYFS_SUPER_MAGIC, false,
	 "it is a file of an overlay, and who uses the file below it does not show here"},
	{FUSE_SUPER_MAGIC, false,
	 "it is a file of a FUSE file system, and who uses what is behind it does not show here"},
	{ECRYPTFS_SUPER_MAGIC, false,
	 "it is a file of an eCryptfs, and who uses the file below it does not show here"},
	{V9FS_MAGIC, false,
	 "its file system (9p) is another machine's, whose processes do not show"},
	{NFS_SUPER_MAGIC, true, "its file system (NFS) has other machines, which do not show here"},
	{CIFS_SUPER_MAGIC, true,
	 "its file system (CIFS) has other machines, which do not show here"},
	{SMB2_SUPER_MAGIC, true,
	 "its file system (SMB) has other machines, which do not show here"},
	{CEPH_SUPER_MAGIC, false,
	 "its file system (Ceph) has other machines, which do not show here"},
};

static const struct hiding *what_hides(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return NULL;
	for (size_t i = 0; i < sizeof(hiding) / sizeof(hiding[0]); i++)
		if (hiding[i].magic == (uint32_t)fs.f_type)
			return &hiding[i];
	return NULL;
}

/* --- the lease ------------------------------------------------------------------------------ */

static int lease_type(const struct fs_guard *g)
{
	return g->what_for == FS_GUARD_WRITE ? F_WRLCK : F_RDLCK;
}

/*
 * Returns 0, EAGAIN (somebody has it open) or another errno (there is no lease to be had). A file
 * without a name may be one that was made without being opened (a memfd, memory that processes
 * share, such of huge pages): the kernel counts no opener of these, and would give a lease on one
 * that a VM runs on. They are reached by /proc/PID/fd.
 */
static int take_lease(struct fs_guard *g)
{
	if (!g->st.st_nlink)
		return EOPNOTSUPP;
	/* whoever opens the file makes the kernel tell us to hurry, by a signal that would end us
	 */
	signal(SIGIO, SIG_IGN);
	for (int i = 0; i < TRIES; i++) {
		g->leased = !fcntl(g->fd, F_SETLEASE, lease_type(g));
		if (g->leased || errno != EAGAIN)
			return g->leased ? 0 : errno;
		usleep(PAUSE_US);
	}
	return EAGAIN;
}

static bool still_leased(const struct fs_guard *g)
{
	return g->leased && fcntl(g->fd, F_GETLEASE) == lease_type(g);
}

/* --- who is in the way ---------------------------------------------------------------------- */

struct names {
	char text[NAMED * 160];
	size_t len;
	unsigned int n;
};

/* Adds "process 12 (qemu), which writes into it"; after NAMED of them they are only counted. */
static void add_name(struct names *names, const struct fs_user *u)
{
	const char *how = u->how == FS_FILE_LAYER ? ", by an overlay" : "";
	int n;

	if (u->how == FS_FILE_UNKNOWN)
		how = " (a file of this inode number, of which no more may be seen from here)";
	if (names->n++ >= NAMED)
		return;
	n = snprintf(names->text + names->len, sizeof(names->text) - names->len,
		     "%sprocess %d (%s)%s%s", names->len ? ", " : "", (int)u->pid, u->comm,
		     u->writes ? ", which writes into it" : "", how);
	names->len += n > 0 ? (size_t)n : 0;
}

/* Those that are in the way: by mapping it, or by having it open. */
static void list_users(const struct fs_guard *g, const struct fs_users *u, bool maps,
		       struct names *names)
{
	memset(names, 0, sizeof(*names));
	for (size_t i = 0; i < u->list.n; i++) {
		const struct fs_user *by = &u->list.v[i];

		if (by->maps == maps && (g->what_for == FS_GUARD_WRITE || by->writes))
			add_name(names, by);
	}
	if (names->n > NAMED)
		snprintf(names->text + names->len, sizeof(names->text) - names->len, " and %u more",
			 names->n - NAMED);
}

#define KNOW "say --unseen-ok if you know that no VM runs on it"

static int refuse_named(const struct fs_guard *g, bool maps, const struct names *names, char *err,
			size_t len)
{
	const char *harm = "a copy of a file that is being written is not a snapshot";

	if (g->what_for == FS_GUARD_WRITE)
		harm = maps ? "a VM that runs on it would see the mailbox change"
			    : "a VM whose memory is served from it would see the mailbox change";
	return fs_errf(err, len, -EBUSY, "it is %s %s: %s; end that%s",
		       maps ? "mapped by" : "open in", names->text, harm, maps ? "" : ", or " KNOW);
}

/* Why an empty list does not suffice; NULL = it does. @lease: errno of the lease, 0 = it is held.
 */
static const char *why_unsure(const struct fs_guard *g, const struct fs_users *u, int lease,
			      char *room, size_t len)
{
	const struct hiding *h = what_hides(g->fd);

	if (lease == EAGAIN)
		return "somebody has it open who cannot be seen from here (another PID namespace, or a process that may not be looked at)";
	if (h && (lease || !h->lease_suffices))
		return h->why;
	if (!lease)
		return NULL;
	if (!u->unseen && !u->hidden)
		return NULL;
	if (u->unseen)
		snprintf(
			room, len,
			"the kernel gives no lease on it (%s), and %u process%s (%d is one) may not be looked at, so somebody may have it open",
			strerror(lease), u->unseen, u->unseen > 1 ? "es" : "", (int)u->unseen_pid);
	else
		snprintf(
			room, len,
			"the kernel gives no lease on it (%s), and not all processes can be seen from here (a PID namespace of its own, or a /proc that hides some), so somebody may have it open",
			strerror(lease));
	return room;
}

static int judge(const struct fs_guard *g, const struct fs_users *u, int lease, char *err,
		 size_t len)
{
	struct names names;
	const char *why;
	char room[300];

	list_users(g, u, true, &names);
	if (names.n)
		return refuse_named(g, true, &names, err, len);
	if (g->unseen_ok)
		return 0;
	list_users(g, u, false, &names);
	if (names.n)
		return refuse_named(g, false, &names, err, len);
	why = why_unsure(g, u, lease, room, sizeof(room));
	return why ? fs_errf(err, len, -EBUSY, "%s: %s" KNOW, why, geteuid() ? "be root, or " : "")
		   : 0;
}

/* Looks at all processes, where the lease does not suffice. */
static int look(const struct fs_guard *g, int lease, char *err, size_t len)
{
	const struct hiding *h = what_hides(g->fd);
	struct fs_map_file f;
	struct fs_users u;
	int ret;

	if (!lease && (!h || h->lease_suffices))
		return 0;
	ret = fs_map_file(g->fd, &f);
	if (ret)
		return fs_errf(err, len, ret, "%s", strerror(-ret));
	ret = fs_users_find("/proc", &f, &u, err, len);
	if (!ret)
		ret = judge(g, &u, lease, err, len);
	fs_users_free(&u);
	return ret;
}

/* --- opening -------------------------------------------------------------------------------- */

static int open_as(struct fs_guard *g, const char *path, int flags, char *err, size_t len)
{
	/* not to hang on a pipe, nor to make a terminal ours, before it is seen to be no file */
	g->fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (g->fd < 0 || fstat(g->fd, &g->st))
		return fs_errf(err, len, -errno, "opening it: %s", strerror(errno));
	if (!S_ISREG(g->st.st_mode))
		return fs_errf(err, len, -EINVAL,
			       "it is not a regular file: give the snapshot's memory file");
	return 0;
}

/*
 * To write. An overlay would copy the whole file up as soon as it is opened for writing: so whether
 * that is refused is asked before.
 */
static int open_to_write(struct fs_guard *g, const char *path, char *err, size_t len)
{
	int ret = open_as(g, path, O_RDONLY, err, len);
	const struct hiding *h;

	if (!ret)
		ret = fs_mbox_check_target(&g->st, err, len);
	if (!ret && (h = what_hides(g->fd)) != NULL && !h->lease_suffices)
		ret = look(g, ENOTSUP, err, len);
	if (ret)
		return ret;
	close(g->fd);
	ret = open_as(g, path, O_RDWR, err, len);
	if (!ret)
		ret = fs_mbox_check_target(&g->st, err, len);
	if (!ret && flock(g->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		ret = fs_errf(err, len, -EBUSY,
			      "it is locked by another process, perhaps another patch");
	return ret;
}

int fs_guard_open(struct fs_guard *g, const char *path, enum fs_guard_for what_for, bool unseen_ok,
		  char *err, size_t len)
{
	int ret;

	*g = (struct fs_guard){.fd = -1, .what_for = what_for, .unseen_ok = unseen_ok};
	ret = what_for == FS_GUARD_WRITE ? open_to_write(g, path, err, len)
					 : open_as(g, path, O_RDONLY, err, len);
	if (!ret)
		ret = look(g, take_lease(g), err, len);
	if (ret)
		fs_guard_close(g);
	return ret;
}

int fs_guard_again(struct fs_guard *g, char *err, size_t len)
{
	if (still_leased(g))
		return look(g, 0, err, len);
	if (g->leased && !g->unseen_ok)
		return fs_errf(err, len, -EBUSY, "somebody has opened it meanwhile: try again");
	g->leased = false;
	return look(g, take_lease(g), err, len);
}

void fs_guard_close(struct fs_guard *g)
{
	/* whoever else holds the open file for a moment (the kernel's khugepaged, a child before
	 * its exec, a reader of /proc/PID/fd) would hold the lease with it
	 */
	if (g->leased)
		fcntl(g->fd, F_SETLEASE, F_UNLCK);
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
	g->leased = false;
}
