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

/* A file anew, or a terminal or a pipe. Returns the descriptor, or -1 and errno. */
static int open_to_write(const char *path)
{
	int fd = fs_fresh_file(path, O_WRONLY);
	struct stat st;

	if (fd == -EEXIST && !lstat(path, &st) && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))
		return open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		(void)fchmod(fd, 0600); /* whatever the umask is */
	errno = fd < 0 ? -fd : 0;
	return fd < 0 ? -1 : fd;
}

FILE *fs_out_open(const char *path)
{
	int own = own_descriptor(path), fd;
	FILE *f;

	if (own == STDOUT_FILENO)
		return stdout;
	/* What is open already was opened by who started us; its link is not followed anew. */
	fd = own >= 0 ? fcntl(own, F_DUPFD_CLOEXEC, 0) : open_to_write(path);
	if (fd < 0)
		goto failed;
	f = fdopen(fd, "w");
	if (f)
		return f;
failed:
	fs_error("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

int fs_out_close(FILE *f)
{
	int err = 0;

	errno = 0;
	if (fflush(f) || ferror(f))
		err = errno ? -errno : -EIO;
	if (f != stdout && fclose(f) && !err)
		err = errno ? -errno : -EIO;
	return err;
}

int fs_out_stdout(int err)
{
	int io = fs_out_close(stdout);

	if (io == -EPIPE)
		return FS_EXIT_FAILED; /* the reader has left: nobody to tell */
	if (io)
		err = io;
	if (err) {
		fs_error("cannot write the report: %s", strerror(-err));
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
