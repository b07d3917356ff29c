// SPDX-License-Identifier: BSD-2-Clause
/* Loads guest symbols: looks at what a file is, and says what to give where it is none of them. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "guestsyms/symload.h"
#include "guestsyms/symtable_impl.h"

#define MAX_TEXT_FILE (256u << 20)

/* Kernels as they are booted are packed; say what to give instead. */
static int refuse_packed(const uint8_t *d, size_t n, const char *name, char *err, size_t len)
{
	static const struct {
		const char *magic;
		size_t bytes;
	} packers[] = {
		{"\x1f\x8b", 2},
		{"\x28\xb5\x2f\xfd", 4},
		{"\xfd"
		 "7zXZ",
		 5},
		{"BZh", 3},
		{"\x02\x21\x4c\x18", 4},
	};
	bool packed = n > 0x206 && !memcmp(d + 0x202, "HdrS", 4); /* boot protocol header */

	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++)
		packed |= n >= packers[i].bytes && !memcmp(d, packers[i].magic, packers[i].bytes);
	if (!packed)
		return 0;
	return fs_errf(
		err, len, -EINVAL,
		"%s is compressed (a bzImage, or a packed file) and has no symbols that can be read: give the vmlinux ELF of the same build, its System.map, or the guest's /proc/kallsyms",
		name);
}

static int parse_any(struct fsy_syms *s, int fd, const void *data, size_t bytes, const char *name,
		     char *err, size_t err_len)
{
	int ret = refuse_packed(data, bytes, name, err, err_len);

	if (ret)
		return ret;
	if (bytes >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG))
		ret = fsy_syms_elf(s, fd, data, bytes, name, err, err_len);
	else
		ret = fsy_syms_text_file(s, data, bytes, name, err, err_len);
	return ret ? ret : fsy_syms_finish(s, name, err, err_len);
}

int fsy_syms_parse(const void *data, size_t bytes, const char *name, struct fsy_syms **out,
		   char *err, size_t err_len)
{
	struct fsy_syms *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return fs_errf(err, err_len, -ENOMEM, "no memory");
	ret = parse_any(s, -1, data, bytes, name, err, err_len);
	if (ret)
		fsy_syms_free(s);
	else
		*out = s;
	return ret;
}

/* Reads what there is (kallsyms has no size), up to @max bytes. */
static int read_all(int fd, size_t max, char **data, size_t *bytes)
{
	FS_VEC(char) v = {0};

	for (;;) {
		ssize_t n;

		if (fs_vec_reserve(&v, 1u << 20)) {
			fs_vec_free(&v);
			return -ENOMEM;
		}
		n = read(fd, v.v + v.n, 1u << 20);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || v.n + (size_t)n > max) {
			int ret = n < 0 ? -errno : -EFBIG;

			fs_vec_free(&v);
			return ret;
		}
		v.n += (size_t)n;
		if (!n)
			break;
	}
	*data = v.v;
	*bytes = v.n;
	return 0;
}

static int load_fd(int fd, const char *path, struct fsy_syms **out, char *err, size_t err_len)
{
	struct fsy_syms *s;
	char magic[SELFMAG], *data = NULL;
	size_t bytes = 0;
	int ret;

	if (pread(fd, magic, SELFMAG, 0) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG)) {
		s = calloc(1, sizeof(*s));
		ret = s ? parse_any(s, fd, magic, SELFMAG, path, err, err_len)
			: fs_errf(err, err_len, -ENOMEM, "no memory");
		if (ret)
			fsy_syms_free(s);
		else
			*out = s;
		return ret;
	}
	ret = read_all(fd, MAX_TEXT_FILE, &data, &bytes);
	if (ret)
		return fs_errf(err, err_len, ret, "cannot read %s: %s", path, strerror(-ret));
	ret = fsy_syms_parse(data, bytes, path, out, err, err_len);
	free(data);
	return ret;
}

int fsy_syms_load(const char *path, struct fsy_syms **out, char *err, size_t err_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), ret;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		ret = fs_errf(err, err_len, -errno, "cannot open %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		ret = fs_errf(err, err_len, -EINVAL, "%s is not a regular file", path);
	} else {
		ret = load_fd(fd, path, out, err, err_len);
	}
	if (fd >= 0)
		close(fd);
	return ret;
}
