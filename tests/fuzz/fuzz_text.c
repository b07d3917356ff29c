// SPDX-License-Identifier: BSD-2-Clause
/* libFuzzer target: any bytes as a line of the text form; what parses prints and parses again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "tools/mkrec/event_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = strndup((const char *)data, size), text[FSR_MAX_LINE], buf[FS_UNITS_LEN];
	struct fsr_parsed first, second;
	uint64_t ns, back;
	int n;

	memset(&second, 0, sizeof(second));
	n = fsr_text_parse(line, &first, NULL, 0);
	if (n > 0) {
		fsr_text_print((const void *)first.rec, text);
		if (fsr_text_parse(text, &second, NULL, 0) != n ||
		    memcmp(first.rec, second.rec, (size_t)n))
			abort();
	}
	if (!fs_parse_ns(line, &ns) &&
	    (fs_parse_ns(fs_fmt_ns_exact(ns, buf, sizeof(buf)), &back) || back != ns))
		abort();
	if (!fs_parse_bytes(line, &ns) &&
	    (fs_parse_bytes(fs_fmt_bytes_exact(ns, buf, sizeof(buf)), &back) || back != ns))
		abort();
	free(line);
	return 0;
}
