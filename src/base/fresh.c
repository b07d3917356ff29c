// SPDX-License-Identifier: BSD-2-Clause
/* Replaces a file by a new one, if it is known to be of those that are written here. */
#include "base/fresh.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKED_AT 4096 /* bytes of a file that are to be text */

static bool begins_with_one(const char *is, size_t n, const char *const *begins)
{
	for (; *begins; begins++)
		if (n >= strlen(*begins) && !memcmp(is, *begins, strlen(*begins)))
			return true;
	return false;
}

/* Is the file @path, which is a regular one, empty or of that kind? Returns 0 or a negative errno.
 */
static int check_content(const char *path, const char *const *begins)
{
	char is[LOOKED_AT];
	/* not to hang on what came there meanwhile */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), ret = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, is, sizeof(is));
	if (n < 0)
		ret = -errno;
	else if (n > 0 &&
		 !(begins ? begins_with_one(is, (size_t)n, begins) : !memchr(is, '\0', (size_t)n)))
		ret = -EMEDIUMTYPE;
	close(fd);
	return ret;
}

int fs_fresh_check(const char *path, const char *const *begins)
{
	struct stat st;

	if (lstat(path, &st))
		return 0; /* nothing there; what else is wrong shows when it is made */
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	return st.st_size ? check_content(path, begins) : 0;
}

int fs_fresh_file(const char *path, int flags, const char *const *begins)
{
	int fd, ret = fs_fresh_check(path, begins);

	if (ret)
		return ret;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	/* O_EXCL also refuses a symbolic link */
	fd = open(path, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

const char *fs_fresh_why(int err)
{
	switch (err) {
	case -ELOOP:
		return "it is a symbolic link, which is not followed";
	case -EEXIST:
		return "it exists and is not a regular file";
	case -EMEDIUMTYPE:
		return "a file of another kind is there, perhaps a VM's memory, and is not replaced: give another name, or remove it first";
	default:
		return strerror(-err);
	}
}
