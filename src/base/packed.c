// SPDX-License-Identifier: BSD-2-Clause
/* Recognises compressed files by their first bytes. */
#include "base/packed.h"
#include <stddef.h>
#include <string.h>
#include <unistd.h>

const char *fs_packed_by(int fd)
{
	/* RFC 1952, RFC 8878, LZ4's frame and legacy formats, the .xz file format */
	static const struct {
		const char *magic;
		size_t n;
		const char *name;
	} kinds[] = {
		{"\x1f\x8b\x08", 3, "gzip"},       {"\x28\xb5\x2f\xfd", 4, "zstd"},
		{"\x04\x22\x4d\x18", 4, "lz4"},    {"\x02\x21\x4c\x18", 4, "lz4"},
		{"\xfd\x37\x7a\x58\x5a", 6, "xz"},
	};
	char head[6] = "";
	ssize_t n = pread(fd, head, sizeof(head), 0);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (n >= (ssize_t)kinds[i].n && !memcmp(head, kinds[i].magic, kinds[i].n))
			return kinds[i].name;
	return NULL;
}
