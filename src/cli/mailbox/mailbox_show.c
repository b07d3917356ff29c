// SPDX-License-Identifier: BSD-2-Clause
/* What a mailbox that was found holds, in words and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/units.h"
#include "cli/mailbox/mailbox_request.h"

void mailbox_print_json(json_t *object)
{
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
}

static const char *state_of(const struct fs_mbox_verified *p)
{
	return p->seq == 0 ? "empty" : p->seq == 1 ? "full" : "unknown";
}

/* Bytes from a guest: what is no printable ASCII is escaped. */
static void print_bytes(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\\')
			printf("\\\\");
		else if (bytes[i] >= ' ' && bytes[i] <= '~')
			putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	}
}

json_t *mailbox_payload_json(const struct fs_mbox_verified *p)
{
	json_t *object = json_object(), *parsed;
	struct fs_payload decoded;
	char hex[2 * FS_MBOX_SIZE + 1];
	enum fs_payload_error e;

	for (uint32_t i = 0; i < p->payload_len; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", p->payload[i]);
	json_object_set_new(object, "hex", json_stringn(hex, 2 * (size_t)p->payload_len));
	parsed = json_loadb((const char *)p->payload, p->payload_len, 0, NULL);
	json_object_set_new(object, "json", parsed ? parsed : json_null());
	if (p->hit.kind == FS_MBOX_RESUME_NETWORK) {
		e = fs_payload_decode((const char *)p->payload, p->payload_len, &decoded);
		json_object_set_new(object, "agent", json_string(fs_payload_error_word(e)));
	}
	return object;
}

json_t *mailbox_json(const struct mailbox_request *r)
{
	const struct fs_mbox_verified *p = &r->verified;
	json_t *object =
		json_pack("{s:o, s:I, s:s, s:I, s:I, s:I, s:I, s:s, s:I}", "file",
			  fs_json_text(r->asked.file), "size", (json_int_t)r->st.st_size, "kind",
			  fs_mbox_layouts[p->hit.kind].name, "offset", (json_int_t)p->hit.offset,
			  "room", (json_int_t)p->room, "sequence", (json_int_t)p->seq,
			  "payload_length", (json_int_t)p->payload_len, "state", state_of(p),
			  "searched", (json_int_t)r->found.searched);

	json_object_set_new(object, "found_by", json_string(r->remembered ? "offset" : "search"));
	if (p->hit.name[0])
		json_object_set_new(object, "name", fs_json_text(p->hit.name));
	return object;
}

void mailbox_print_found(const struct mailbox_request *r)
{
	const struct fs_mbox_verified *p = &r->verified;
	char bytes[FS_UNITS_LEN];

	printf("%s mailbox at 0x%" PRIx64 " (page %" PRIu64 ", byte %" PRIu64 " of it)\n",
	       fs_mbox_layouts[p->hit.kind].name, p->hit.offset, p->hit.offset / FS_MBOX_SIZE,
	       p->hit.offset % FS_MBOX_SIZE);
	if (p->hit.name[0])
		printf("  name      %s\n", p->hit.name);
	printf("  state     %s (sequence %u)\n", state_of(p), p->seq);
	printf("  room      %u bytes of payload\n", p->room);
	if (r->remembered)
		printf("  found by  the remembered offset, verified by reading its page\n");
	else
		printf("  found by  searching %s (%s), the only one\n",
		       fs_fmt_bytes(r->found.searched, bytes, sizeof(bytes)), r->found.method);
}

void mailbox_print_payload(const struct fs_mbox_verified *p)
{
	struct fs_payload d;
	enum fs_payload_error e;

	printf("  payload   %u bytes\n", p->payload_len);
	if (!p->payload_len)
		return;
	if (!p->payload) {
		printf("            more than can be there: the length is wrong\n");
		return;
	}
	printf("            ");
	print_bytes(p->payload, p->payload_len);
	putchar('\n');
	if (p->hit.kind != FS_MBOX_RESUME_NETWORK)
		return;
	e = fs_payload_decode((const char *)p->payload, p->payload_len, &d);
	if (e)
		printf("  agent     will refuse it: %s\n", fs_payload_error_text(e));
	else
		printf("  agent     sets %s to %s, %s/%u, gateway %s, acks to port %u\n",
		       d.interface, d.mac_text, d.ip_text, d.prefix, d.gateway_text, d.ack_port);
}
