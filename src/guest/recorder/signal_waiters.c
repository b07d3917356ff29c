// SPDX-License-Identifier: BSD-2-Clause
/* Finds who waits for a resume signal, and enters it in the directory. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/maps.h"
#include "guest/recorder/signal_waiters.h"

#define VMCLOCK "/dev/vmclock0"
#define KMSG    "/dev/kmsg"

/* As bpf/guest/ring.bpf.h chooses, but for one's own process, whose entry is found by that alone.
 */
static struct fsg_watcher *place(struct fsg_dir *d, uint32_t tgid)
{
	struct fsg_watcher *w = &d->watchers[FSG_WATCHERS - 1];

	for (int i = FSG_WATCHERS - 1; i >= 0; i--)
		if (!d->watchers[i].how)
			w = &d->watchers[i];
	for (int i = 0; i < FSG_WATCHERS; i++)
		if (d->watchers[i].how && d->watchers[i].tgid == tgid)
			w = &d->watchers[i];
	return w;
}

static void read_comm(uint32_t tgid, char comm[16])
{
	char path[64], line[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/comm", tgid);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f))
		line[strcspn(line, "\n")] = 0;
	if (f)
		fclose(f);
	memset(comm, 0, 16);
	memcpy(comm, line, strnlen(line, 15));
}

struct fsg_watcher *guest_waiter_enter(struct fsg_dir *d, uint32_t tgid, uint32_t tid,
				       enum fsg_step how, bool own)
{
	struct fsg_watcher *w = place(d, tgid);
	struct timespec now = {0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	w->tgid = tgid;
	w->tid = tid;
	w->own = own;
	w->ts = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	read_comm(tgid, w->comm);
	__atomic_store_n(&w->how, how, __ATOMIC_RELEASE);
	return w;
}

static bool opened_for_reading(const char *pid, const char *fd)
{
	char path[600];
	int mode;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	mode = fs_fd_access(path);
	return mode == O_RDONLY || mode == O_RDWR;
}

static enum fsg_step by_descriptors(const char *pid)
{
	enum fsg_step how = FSG_STEP_NONE;
	char path[300], target[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	while (d && how != FSG_STEP_VMCLOCK_POLL && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = 0;
		if (!strcmp(target, VMCLOCK))
			how = FSG_STEP_VMCLOCK_POLL;
		else if (!strcmp(target, KMSG) && opened_for_reading(pid, e->d_name))
			how = FSG_STEP_KMSG_READ;
	}
	if (d)
		closedir(d);
	return how;
}

static int is_vmclock(const struct fs_map *m, void *arg)
{
	(void)arg;
	return !strcmp(m->path, VMCLOCK);
}

static bool maps_vmclock(const char *pid)
{
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	return fs_maps_each(path, is_vmclock, NULL) == 1;
}

void guest_waiters_find(struct fsg_dir *d)
{
	bool has_vmclock = !access(VMCLOCK, F_OK);
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc && (e = readdir(proc))) {
		enum fsg_step how;
		uint32_t tgid;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		tgid = (uint32_t)strtoul(e->d_name, NULL, 10);
		how = has_vmclock && maps_vmclock(e->d_name) ? FSG_STEP_VMCLOCK_MMAP
							     : by_descriptors(e->d_name);
		if (how)
			guest_waiter_enter(d, tgid, tgid, how, false);
	}
	if (proc)
		closedir(proc);
}
