// SPDX-License-Identifier: BSD-2-Clause
/* Where reports go: files for their owner only, stdout, colours, the terminal's width. */
#include "cli/output.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fresh.h"
#include "base/log.h"
#include "cli/cmds.h"

const char *const fs_out_svg[] = {"<?xml ", "<svg ", NULL};
const char *const fs_out_json[] = {FS_OUT_JSON_BEGINS, NULL};

/* The descriptor that @path names ("/dev/stdout", "/dev/fd/63" as the shell's >(...) is); -1: none.
 */
static int own_descriptor(const char *path)
{
	static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

	if (!strcmp(path, "-") || !strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t n = strlen(folders[i]);
		char *end;
		long fd;

		if (strncmp(path, folders[i], n) || path[n] < '0' || path[n] > '9')
			continue;
		fd = strtol(path + n, &end, 10);
		if (!*end && fd <= INT_MAX)
			return (int)fd;
	}
	return -1;
}

bool fs_out_is_stdout(const char *path)
{
	return path && own_descriptor(path) == STDOUT_FILENO;
}

int fs_out_opt_recording(const char *text, void *dst, char *why, size_t len)
{
	if (own_descriptor(text) >= 0) {
		snprintf(why, len, "is a stream, and recordings are files: give the name of one%s",
			 strcmp(text, "-") ? "" : " (./- for this one)");
		return -EINVAL;
	}
	*(const char **)dst = text;
	return 0;
}

/* A file anew, or a terminal or a pipe. Returns the descriptor or a negative errno. */
static int open_to_write(const char *path, const char *const *begins)
{
	int fd = fs_fresh_file(path, O_WRONLY, begins);
	struct stat st;

	if (fd == -EEXIST && !lstat(path, &st) && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))) {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		return fd < 0 ? -errno : fd;
	}
	if (fd >= 0)
		(void)fchmod(fd, 0600); /* whatever the umask is */
	return fd;
}

FILE *fs_out_open(const char *path, const char *const *begins)
{
	int own = own_descriptor(path), fd, ret;
	FILE *f;

	if (own == STDOUT_FILENO)
		return stdout;
	/* What is open already was opened by who started us; its link is not followed anew. */
	if (own >= 0)
		fd = (fd = fcntl(own, F_DUPFD_CLOEXEC, 0)) < 0 ? -errno : fd;
	else
		fd = open_to_write(path, begins);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f)
		return f;
	ret = fd < 0 ? fd : -errno;
	fs_error("cannot write %s: %s", path, fs_fresh_why(ret));
	if (fd >= 0)
		close(fd);
	return NULL;
}

int fs_out_check(const char *path, const char *const *begins)
{
	int ret = fs_fresh_check(path, begins);

	if (ret)
		fs_error("cannot write %s: %s", path, fs_fresh_why(ret));
	return ret;
}

int fs_out_close(FILE *f)
{
	int ret = 0;

	errno = 0;
	if (fflush(f) || ferror(f))
		ret = errno ? -errno : -EIO;
	if (f != stdout && fclose(f) && !ret)
		ret = errno ? -errno : -EIO;
	return ret;
}

int fs_out_stdout(int ret)
{
	int io = fs_out_close(stdout);

	if (io == -EPIPE)
		return FS_EXIT_FAILED; /* the reader has left: nobody reads an error */
	if (io)
		ret = io;
	if (ret) {
		fs_error("cannot write the report: %s", strerror(-ret));
		return FS_EXIT_FAILED;
	}
	return FS_EXIT_OK;
}

int fs_out_opt_colour(const char *text, void *dst, char *why, size_t len)
{
	if (strcmp(text, "auto") && strcmp(text, "always") && strcmp(text, "never")) {
		snprintf(why, len, "is none of auto, always or never");
		return -EINVAL;
	}
	*(const char **)dst = text;
	return 0;
}

bool fs_out_colour(const char *when, bool to_file)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when && !strcmp(when, "always"))
		return true;
	if (when && !strcmp(when, "never"))
		return false;
	return !to_file && isatty(STDOUT_FILENO) && !(no && *no) && term && *term &&
	       strcmp(term, "dumb");
}

unsigned int fs_out_columns(void)
{
	const char *asked = getenv("COLUMNS");
	unsigned long columns = asked ? strtoul(asked, NULL, 10) : 0;
	struct winsize w;

	if (columns)
		return columns < UINT_MAX ? (unsigned int)columns : UINT_MAX;
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w))
		return 0;
	return w.ws_col;
}
