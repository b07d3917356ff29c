// SPDX-License-Identifier: BSD-2-Clause
/* The file that names what is armed, and the memory behind it. */
#include "guest/recorder/armed.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/err.h"
#include "bpf/guest_ring.h"

#define PATH_LEN 512

static void path_of(char *path, const char *run_dir, const char *suffix)
{
	snprintf(path, PATH_LEN, "%s/armed%s", run_dir, suffix);
}

uint64_t guest_start_ticks(uint64_t pid)
{
	char path[64], text[1024], *at;
	unsigned long long ticks = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	at = strrchr(text, ')'); /* a comm may hold anything; behind it stands field 3 */
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at + 1, ' ');
		if (at && field == 21)
			ticks = strtoull(at, NULL, 10);
	}
	return ticks;
}

static int make_dirs(const char *run_dir)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s", run_dir);
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

int guest_armed_write(const char *run_dir, const struct guest_armed *a, char *err, size_t len)
{
	char path[PATH_LEN], fresh[PATH_LEN];
	int ret = make_dirs(run_dir);
	FILE *f;

	path_of(path, run_dir, "");
	path_of(fresh, run_dir, ".new");
	f = ret ? NULL : fopen(fresh, "we");
	if (!f)
		return fs_errf(err, len, ret ? ret : -errno,
			       "cannot write %s: %s (choose another folder with --run-dir)", path,
			       strerror(ret ? -ret : errno));
#define X(field) fprintf(f, #field "=%llu\n", (unsigned long long)a->field);
	GUEST_ARMED_FIELDS(X)
#undef X
	if (fclose(f) || rename(fresh, path))
		return fs_errf(err, len, -errno, "cannot write %s: %m", path);
	return 0;
}

void guest_armed_remove(const char *run_dir)
{
	char path[PATH_LEN];

	path_of(path, run_dir, "");
	unlink(path);
	rmdir(run_dir); /* only if nothing else is in it */
}

static void take_line(struct guest_armed *a, const char *line)
{
	const char *value = strchr(line, '=');
	size_t n = value ? (size_t)(value - line) : 0;

#define X(field)                                             \
	if (n == strlen(#field) && !memcmp(line, #field, n)) \
		a->field = strtoull(value + 1, NULL, 10);
	GUEST_ARMED_FIELDS(X)
#undef X
}

int guest_armed_read(const char *run_dir, struct guest_armed *a, char *err, size_t len)
{
	char path[PATH_LEN], line[128];
	FILE *f;

	*a = (struct guest_armed){0};
	path_of(path, run_dir, "");
	f = fopen(path, "re");
	if (!f)
		return fs_errf(err, len, -errno, "no recorder is armed (%s: %m)", path);
	while (fgets(line, sizeof(line), f))
		take_line(a, line);
	fclose(f);
	if (!a->pid || guest_start_ticks(a->pid) != a->start_ticks)
		return fs_errf(err, len, -ENOENT,
			       "the recorder that armed (process %llu) is gone: arm again",
			       (unsigned long long)a->pid);
	return 0;
}

int guest_armed_map(const struct guest_armed *a, uint64_t fd, size_t page, size_t pages, void **out,
		    char *err, size_t len)
{
	int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)a->pid, 0), own = -1, ret = 0;

	if (pidfd >= 0)
		own = (int)syscall(SYS_pidfd_getfd, pidfd, (int)fd, 0);
	if (own < 0)
		ret = -errno;
	if (pidfd >= 0)
		close(pidfd);
	if (ret)
		return fs_errf(err, len, ret, "cannot share the memory of process %llu: %s",
			       (unsigned long long)a->pid, strerror(-ret));
	*out = mmap(NULL, pages * FSG_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, own,
		    (off_t)(page * FSG_PAGE));
	if (*out == MAP_FAILED)
		ret = fs_errf(err, len, -errno, "cannot map the memory of process %llu: %m",
			      (unsigned long long)a->pid);
	close(own);
	return ret;
}
