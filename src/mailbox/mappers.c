// SPDX-License-Identifier: BSD-2-Clause
#include "mailbox/mappers.h"
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/err.h"

#define PF_KTHREAD 0x00200000 /* of the flags in /proc/PID/stat: has no memory of its own */

struct look {
	const char *proc;
	const struct stat *st;
	struct fs_mappers *m;
};

static FILE *open_in(const struct look *l, pid_t pid, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%d/%s", l->proc, (int)pid, name);
	return fopen(path, "re");
}

static void read_comm(const struct look *l, pid_t pid, char comm[16])
{
	FILE *f = open_in(l, pid, "comm");

	strcpy(comm, "?");
	if (!f)
		return;
	if (fgets(comm, 16, f))
		comm[strcspn(comm, "\n")] = 0;
	fclose(f);
}

/* A kernel thread, or a process that has ended but was not waited for: neither maps anything. */
static bool has_no_memory(const struct look *l, pid_t pid)
{
	FILE *f = open_in(l, pid, "stat");
	char line[1024], state = 0;
	unsigned int flags = 0;
	const char *after;
	bool ok = false;

	if (!f)
		return true; /* gone */
	if (fgets(line, sizeof(line), f)) {
		after = strrchr(line, ')'); /* the name may have blanks and brackets in it */
		ok = after && sscanf(after + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) == 2;
	}
	fclose(f);
	return ok && ((flags & PF_KTHREAD) || state == 'Z' || state == 'X');
}

/*
 * On some file systems (btrfs, overlayfs) maps shows another device than stat does. The link in
 * map_files leads to the file itself.
 */
static bool same_by_link(const struct look *l, pid_t pid, const char *range)
{
	unsigned long long from, to;
	char path[192];
	struct stat st;

	if (sscanf(range, "%llx-%llx", &from, &to) != 2)
		return false;
	snprintf(path, sizeof(path), "%s/%d/map_files/%llx-%llx", l->proc, (int)pid, from, to);
	return !stat(path, &st) && st.st_dev == l->st->st_dev && st.st_ino == l->st->st_ino;
}

/* "7f0000000000-7f0000001000 rw-s 00000000 fe:00 1234   /path" */
static bool line_matches(const struct look *l, pid_t pid, const char *line, char perms[5])
{
	unsigned int major_no, minor_no;
	unsigned long long ino;

	if (sscanf(line, "%*s %4s %*s %x:%x %llu", perms, &major_no, &minor_no, &ino) != 4)
		return false;
	if (ino != l->st->st_ino)
		return false;
	return makedev(major_no, minor_no) == l->st->st_dev || same_by_link(l, pid, line);
}

static void note_unseen(const struct look *l, pid_t pid)
{
	if (has_no_memory(l, pid))
		return;
	l->m->unseen++;
	l->m->unseen_pid = pid;
}

static int look_at(const struct look *l, pid_t pid)
{
	struct fs_mapper mapper = {.pid = pid};
	FILE *f = open_in(l, pid, "maps");
	char *line = NULL, perms[5];
	size_t room = 0;
	bool maps = false, failed;

	if (!f) {
		if (errno != ENOENT && errno != ESRCH)
			note_unseen(l, pid);
		return 0;
	}
	errno = 0;
	while (getline(&line, &room, f) > 0) {
		if (!line_matches(l, pid, line, perms))
			continue;
		maps = true;
		mapper.writes |= perms[1] == 'w' && perms[3] == 's';
	}
	/* permission may be refused at the first read; a process that ended meanwhile maps nothing
	 */
	failed = ferror(f) && errno != ESRCH;
	free(line);
	fclose(f);
	if (failed && !maps)
		note_unseen(l, pid);
	if (!maps)
		return 0;
	read_comm(l, pid, mapper.comm);
	return fs_vec_push(&l->m->list, mapper);
}

int fs_mappers_find(const char *proc, const struct stat *st, struct fs_mappers *m, char *err,
		    size_t err_len)
{
	struct look l = {.proc = proc, .st = st, .m = m};
	struct dirent *entry;
	DIR *dir = opendir(proc);
	int rc = 0;

	memset(m, 0, sizeof(*m));
	if (!dir)
		return fs_errf(err, err_len, -errno, "reading %s: %s", proc, strerror(errno));
	while (!rc && (entry = readdir(dir)) != NULL) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end && pid != getpid())
			rc = look_at(&l, (pid_t)pid);
	}
	closedir(dir);
	if (rc)
		fs_errf(err, err_len, rc, "%s", strerror(-rc));
	return rc;
}

void fs_mappers_free(struct fs_mappers *m)
{
	fs_vec_free(&m->list);
}
