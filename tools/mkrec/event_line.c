// SPDX-License-Identifier: BSD-2-Clause
/* Reads a record of the host from its line of text. */
#include "tools/mkrec/event_line.h"
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "record/kinds.h"
#include "tools/mkrec/value.h"

/* The word without '=' names the kind; it may stand anywhere. */
static uint16_t find_kind(const char *line, char *word, size_t size)
{
	const char *p = line;
	bool quoted = false;

	*word = '\0';
	while (*p) {
		const char *start;
		bool plain = true;

		while (isspace((unsigned char)*p))
			p++;
		for (start = p; *p && (quoted || !isspace((unsigned char)*p)); p++) {
			if (*p == '\\' && p[1])
				p++;
			else if (*p == '"')
				quoted = !quoted;
			if (*p == '=')
				plain = false;
		}
		if (plain && p > start) {
			snprintf(word, size, "%.*s", (int)(p - start), start);
			return fsr_kind_by_name(word);
		}
	}
	return FS_EV_NONE;
}

static void set_defaults(uint16_t kind, uint8_t *rec)
{
	const struct fsr_field *f = fsr_fields(kind);
	struct fs_ev *h = (void *)rec;

	h->kind = kind;
	h->len = fsr_kind_bytes(kind);
	if (kind == FS_EV_MARK)
		h->cpu = 0xffff;
	for (; f->name; f++)
		if (f->form == FSR_FORM_STACK)
			fsr_set_number(rec + f->offset, f, FS_NO_STACK);
}

/* One "name=value" at *@p. */
static int parse_pair(char **p, uint16_t kind, struct fsr_parsed *out, char *err, size_t err_len)
{
	const struct fsr_field *f;
	char *name = *p, *value;
	size_t len;

	*p = strchr(name, '=');
	*(*p)++ = '\0';
	f = fsr_find_field(fsr_header_fields, name);
	if (!f || (f->offset == offsetof(struct fs_ev, len)))
		f = fsr_find_field(fsr_fields(kind), name);
	if (!f)
		return fs_errf(err, err_len, -EINVAL, "%s has no field \"%s\"", fsr_kind_name(kind),
			       name);
	value = fsr_take_value(p, &len);
	if (!value)
		return fs_errf(err, err_len, -EINVAL, "%s: the text is not closed by a \"", name);
	if (!fsr_set_field(out->rec, f, value, len))
		return fs_errf(err, err_len, -EINVAL, "%s: \"%s\" does not fit", name, value);
	if (!strcmp(name, "seq"))
		out->has_seq = true;
	if (!strcmp(name, "payload_len"))
		out->has_payload_len = true;
	if (kind == FS_EV_NET_TX && !strcmp(name, "payload")) {
		struct fs_ev_net_tx *tx = (void *)out->rec;

		if (!out->has_payload_len)
			tx->payload_len = (uint16_t)len;
	}
	return 0;
}

int fsr_text_parse(const char *line, struct fsr_parsed *out, char *err, size_t err_len)
{
	char copy[FSR_MAX_LINE], word[64], *p = copy;
	uint16_t kind;
	int ret;

	if (strlen(line) >= sizeof(copy))
		return fs_errf(err, err_len, -EINVAL, "the line is too long");
	strcpy(copy, line);
	kind = find_kind(copy, word, sizeof(word));
	if (kind == FS_EV_NONE)
		return fs_errf(err, err_len, -EINVAL,
			       *word ? "there is no event kind \"%s\"" : "no event kind%s", word);
	memset(out, 0, sizeof(*out));
	set_defaults(kind, out->rec);
	while (*(p += strspn(p, " \t\r\n"))) {
		size_t n = strcspn(p, "= \t\r\n");

		if (p[n] == '=') {
			ret = parse_pair(&p, kind, out, err, err_len);
			if (ret)
				return ret;
		} else if (n == strlen(word) && !strncmp(p, word, n)) {
			p += n;
		} else {
			return fs_errf(err, err_len, -EINVAL,
				       "\"%.*s\": neither name=value nor a kind", (int)n, p);
		}
	}
	return fsr_kind_bytes(kind);
}
