// SPDX-License-Identifier: BSD-2-Clause
/* Numbers, texts and paths as JSON, and how an object is written: one place for all reports. */
#include "render/json/json_values.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "render/format_values.h"

json_t *fsj_u64(uint64_t x)
{
	return x > INT64_MAX ? json_null() : json_integer((json_int_t)x);
}

json_t *fsj_text(const char *s)
{
	size_t len = strlen(s) + 1;
	char *buf = malloc(len);
	json_t *text = buf ? json_string(fsv_clean(s, buf, len)) : NULL;

	free(buf);
	return text;
}

json_t *fsj_path(const char *s)
{
	return fs_json_text(s && *s ? s : NULL);
}

json_t *fsj_text_or_null(const char *s)
{
	return s && *s ? fsj_text(s) : json_null();
}

json_t *fsj_addr(uint64_t x)
{
	char buf[24];

	if (!x)
		return json_null();
	snprintf(buf, sizeof(buf), "0x%" PRIx64, x);
	return json_string(buf);
}

int fsj_write(json_t *o, FILE *out)
{
	int ret;

	if (!o)
		return -ENOMEM;
	ret = json_dumpf(o, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) ? -EIO : 0;
	json_decref(o);
	fputc('\n', out);
	return ret;
}
