// SPDX-License-Identifier: BSD-2-Clause
/* Finds the processes that map a file or have it open. */
#include "mailbox/users.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/pidns.h"

#define PF_KTHREAD 0x00200000 /* of the flags in /proc/PID/stat: has no memory of its own */

struct look {
	const char *proc;
	const struct fs_map_file *f;
	struct fs_users *u;
	struct fs_user user; /* of the process that is looked at */
	bool found, refused;
};

static FILE *open_in(const struct look *l, const char *name)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%d/%s", l->proc, (int)l->user.pid, name);
	return fopen(path, "re");
}

static void read_comm(const struct look *l, char comm[16])
{
	FILE *f = open_in(l, "comm");

	strcpy(comm, "?");
	if (!f)
		return;
	if (fgets(comm, 16, f))
		comm[strcspn(comm, "\n")] = 0;
	fclose(f);
	for (char *c = comm; *c; c++) /* anybody may name a process so that a terminal obeys */
		*c = isprint((unsigned char)*c) ? *c : '?';
}

/* Returns 0 when it is not known, and 'X' when it is gone. */
static char state_of(const struct look *l, unsigned int *flags)
{
	FILE *f = open_in(l, "stat");
	char line[1024], state = 0;
	const char *after;

	*flags = 0;
	if (!f)
		return 'X';
	if (fgets(line, sizeof(line), f)) {
		after = strrchr(line, ')'); /* the name may have blanks and brackets in it */
		if (!after || sscanf(after + 1, " %c %*d %*d %*d %*d %*d %u", &state, flags) != 2)
			state = 0;
	}
	fclose(f);
	return state;
}

/* A kernel thread, or a process that has ended but was not waited for: neither uses anything. */
static bool has_no_memory(const struct look *l)
{
	unsigned int flags;
	char state = state_of(l, &flags);

	return (flags & PF_KTHREAD) || state == 'Z' || state == 'X';
}

/*
 * The number by which /proc shows what the process uses: its own, or that of a thread which lives
 * on after the first one has ended (then mappings and descriptors are not to be seen by its own).
 */
static pid_t living(const struct look *l, pid_t pid)
{
	struct look thread = *l;
	struct dirent *entry;
	unsigned int flags;
	char path[320];
	DIR *dir;

	if (state_of(l, &flags) != 'Z')
		return pid;
	snprintf(path, sizeof(path), "%s/%d/task", l->proc, (int)pid);
	dir = opendir(path);
	thread.user.pid = pid;
	while (dir && has_no_memory(&thread) && (entry = readdir(dir)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]))
			thread.user.pid = (pid_t)atoi(entry->d_name);
	if (dir)
		closedir(dir);
	return thread.user.pid;
}

static bool is_refusal(int err)
{
	return err != ENOENT && err != ESRCH; /* those mean that it has ended */
}

static int note_map(const struct fs_map *m, void *arg)
{
	struct look *l = arg;
	enum fs_same_file how = fs_map_is(l->proc, l->user.pid, m, l->f);

	if (how == FS_FILE_OTHER)
		return 0;
	if (!l->found || how == FS_FILE_SAME)
		l->user.how = how;
	l->found = l->user.maps = true;
	l->user.writes |= m->writable && m->shared;
	return 0;
}

static void look_at_maps(struct look *l)
{
	char path[320];
	int ret;

	snprintf(path, sizeof(path), "%s/%d/maps", l->proc, (int)l->user.pid);
	ret = fs_maps_each(path, note_map, l);
	l->refused |= ret < 0 && is_refusal(-ret);
}

static bool open_for_writing(const struct look *l, const char *fd)
{
	char fdinfo[600];

	snprintf(fdinfo, sizeof(fdinfo), "%s/%d/fdinfo/%s", l->proc, (int)l->user.pid, fd);
	return fs_fd_access(fdinfo) != O_RDONLY; /* also where it is not known */
}

static void look_at_descriptor(struct look *l, const char *fd)
{
	enum fs_same_file how;
	char link[600];

	snprintf(link, sizeof(link), "%s/%d/fd/%s", l->proc, (int)l->user.pid, fd);
	how = fs_link_is(link, l->f);
	l->refused |= how == FS_FILE_UNKNOWN && is_refusal(errno);
	if (how != FS_FILE_SAME && how != FS_FILE_LAYER)
		return;
	if (!l->found)
		l->user.how = how;
	l->found = true;
	l->user.writes |= open_for_writing(l, fd);
}

static void look_at_descriptors(struct look *l)
{
	struct dirent *entry;
	char path[320];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/fd", l->proc, (int)l->user.pid);
	dir = opendir(path);
	l->refused |= !dir && is_refusal(errno);
	while (dir && (entry = readdir(dir)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at_descriptor(l, entry->d_name);
	if (dir)
		closedir(dir);
}

static int look_at(struct look *l, pid_t pid)
{
	l->user = (struct fs_user){.pid = pid};
	l->found = l->refused = false;
	l->user.pid = living(l, pid);
	look_at_maps(l);
	look_at_descriptors(l);
	if (l->refused && !l->found && !has_no_memory(l)) {
		l->u->unseen++;
		l->u->unseen_pid = pid;
	}
	l->user.pid = pid;
	if (!l->found)
		return 0;
	read_comm(l, l->user.comm);
	return fs_vec_push(&l->u->list, l->user);
}

/* Our own number in @proc, which may be that of another PID namespace. */
static pid_t own_pid(const char *proc)
{
	char path[300], number[16] = "";

	snprintf(path, sizeof(path), "%s/self", proc);
	return readlink(path, number, sizeof(number) - 1) > 0 ? (pid_t)atoi(number) : getpid();
}

/* Process 1 is not there: /proc is mounted with hidepid. */
static bool hides_processes(const char *proc)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/1", proc);
	return access(path, F_OK) != 0;
}

int fs_users_find(const char *proc, const struct fs_map_file *f, struct fs_users *u, char *err,
		  size_t err_len)
{
	struct look l = {.proc = proc, .f = f, .u = u};
	pid_t own = own_pid(proc);
	struct dirent *entry;
	DIR *dir = opendir(proc);
	int ret = 0;

	memset(u, 0, sizeof(*u));
	if (!dir)
		return fs_errf(err, err_len, -errno, "reading %s: %s", proc, strerror(errno));
	u->hidden = fs_pidns_is_first(proc) != 1 || hides_processes(proc);
	while (!ret && (entry = readdir(dir)) != NULL) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end && pid != own)
			ret = look_at(&l, (pid_t)pid);
	}
	closedir(dir);
	if (ret)
		fs_errf(err, err_len, ret, "%s", strerror(-ret));
	return ret;
}

void fs_users_free(struct fs_users *u)
{
	fs_vec_free(&u->list);
}
