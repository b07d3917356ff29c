// SPDX-License-Identifier: BSD-2-Clause
#include "cli/output.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "cli/cmds.h"

FILE *fs_out_open(const char *path)
{
	struct stat st;
	FILE *f;
	int fd;

	if (!strcmp(path, "-"))
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st))
		goto failed;
	if (S_ISREG(st.st_mode) && fchmod(fd, 0600))
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
		snprintf(why, len, "is auto, always or never");
		return -EINVAL;
	}
	*(const char **)dst = text;
	return 0;
}

bool fs_out_colour(const char *when, bool to_file)
{
	const char *no = getenv("NO_COLOR");

	if (when && !strcmp(when, "always"))
		return true;
	if (when && !strcmp(when, "never"))
		return false;
	return !to_file && isatty(STDOUT_FILENO) && !(no && *no);
}

unsigned int fs_out_columns(void)
{
	struct winsize w;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w))
		return 0;
	return w.ws_col;
}
