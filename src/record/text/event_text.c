// SPDX-License-Identifier: BSD-2-Clause
/* Prints a record of the host as a line of text or a JSON object. */
#include "record/text/event_text.h"
#include <inttypes.h>
#include <string.h>
#include "record/kinds.h"
#include "record/text/values.h"

/* Fields whose default is not simply their zero. */
static bool always_shown(const struct fsr_field *f)
{
	return !strcmp(f->name, "cpu") || !strcmp(f->name, "seq") ||
	       !strcmp(f->name, "payload_len");
}

static void put_fields(struct fsr_out *o, const struct fsr_field *f, const uint8_t *rec)
{
	for (; f->name; f++) {
		const uint8_t *p = rec + f->offset;

		if (!strcmp(f->name, "ts") || (fsr_is_default(f, p) && !always_shown(f)))
			continue;
		fsr_put(o, " %s=", f->name);
		fsr_put_value(o, f, p);
	}
}

size_t fsr_text_print(const struct fs_ev *ev, char *buf)
{
	struct fsr_out o = {buf, buf + FSR_MAX_LINE};
	const struct fsr_field *fields = fsr_fields(ev->kind);

	fsr_put(&o, "ts=%" PRIu64 " %s", (uint64_t)ev->ts, fields ? fsr_kind_name(ev->kind) : "?");
	put_fields(&o, fsr_header_fields, (const void *)ev);
	if (fields)
		put_fields(&o, fields, (const void *)ev);
	return (size_t)(o.p - buf);
}

json_t *fsr_text_json(const struct fs_ev *ev)
{
	const struct fsr_field *fields = fsr_fields(ev->kind);
	json_t *obj = json_object();

	if (!obj)
		return NULL;
	json_object_set_new(obj, "event", json_string(fields ? fsr_kind_name(ev->kind) : "?"));
	fsr_json_fields(obj, fsr_header_fields, (const void *)ev);
	if (fields)
		fsr_json_fields(obj, fields, (const void *)ev);
	return obj;
}
