/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory of its own for each test program, and small file helpers. Include after cmocka.h. */
#ifndef FORKSCOPE_TEST_TMP_H
#define FORKSCOPE_TEST_TMP_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tmp_dir[128];

/* A path inside the directory; the buffer is reused after four calls. */
static inline const char *tmp_path(const char *name)
{
	static char paths[4][256];
	static unsigned int next;
	char *p = paths[next++ % 4];

	assert_true(*tmp_dir); /* without tmp_setup() it would be the root folder */
	snprintf(p, sizeof(paths[0]), "%s/%s", tmp_dir, name);
	return p;
}

static inline int tmp_setup(void **state)
{
	const char *base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm"; /* many small writes */

	(void)state;
	snprintf(tmp_dir, sizeof(tmp_dir), "%s/forkscope-test-XXXXXX", base);
	return mkdtemp(tmp_dir) ? 0 : -1;
}

static inline int tmp_teardown(void **state)
{
	char cmd[200];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", tmp_dir);
	return system(cmd);
}

/* The whole file; the caller frees it. */
static inline unsigned char *tmp_read(const char *path, size_t *size)
{
	struct stat st;
	unsigned char *data;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	*size = (size_t)st.st_size;
	return data;
}

static inline void tmp_write(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

#endif
