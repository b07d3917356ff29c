// SPDX-License-Identifier: BSD-2-Clause
/* mkrec TEXT OUT.fsr: makes a recording from a text (compile.h); "-" reads stdin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/vec.h"
#include "tools/mkrec/compile.h"

static char *read_all(FILE *f)
{
	FS_VEC(char) text = {0};

	for (;;) {
		size_t got;

		if (fs_vec_reserve(&text, 65536))
			break;
		got = fread(text.v + text.n, 1, 65535, f);
		text.n += got;
		if (!got) {
			if (ferror(f))
				break;
			text.v[text.n] = '\0';
			return text.v;
		}
	}
	fs_vec_free(&text);
	return NULL;
}

int main(int argc, char **argv)
{
	char err[300], *text;
	FILE *f;
	int ret;

	if (argc != 3) {
		fprintf(stderr, "usage: mkrec TEXT|- OUT.fsr\n");
		return 2;
	}
	f = strcmp(argv[1], "-") ? fopen(argv[1], "r") : stdin;
	text = f ? read_all(f) : NULL;
	if (!text) {
		fs_error("%s: %m", argv[1]);
		return 1;
	}
	ret = fsr_compile(text, argv[2], err, sizeof(err));
	if (ret)
		fs_error("%s: %s", argv[1], err);
	free(text);
	if (f != stdin)
		fclose(f);
	return ret ? 1 : 0;
}
