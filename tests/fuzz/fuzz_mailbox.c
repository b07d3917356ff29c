// SPDX-License-Identifier: BSD-2-Clause
/*
 * Mailbox pages and payloads from a hostile guest: the head's parser, the searches, the proof and
 * the payload's decoder. The first byte chooses.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <jansson.h>
#include "mailbox/locate.h"
#include "mailbox/payload.h"
#include "mailbox/magic_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                    \
	do {                                                           \
		if (!(what)) {                                         \
			fprintf(stderr, "does not hold: %s\n", #what); \
			abort();                                       \
		}                                                      \
	} while (0)

/* What the agent takes must be JSON to a JSON library too, and come through encode unchanged. */
static void fuzz_payload(const uint8_t *data, size_t size)
{
	struct fs_payload p, again;
	enum fs_payload_error e = fs_payload_decode((const char *)data, size, &p);
	char text[512];
	json_t *other;
	int n;

	CHECK(fs_payload_error_text(e)[0] && !strchr(fs_payload_error_word(e), ' '));
	if (e != FS_PAYLOAD_ERR_OK)
		return;
	/* jansson refuses bytes that are no UTF-8, and NUL; those may stand in skipped values */
	other = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	if (other) {
		json_t *name = json_object_get(other, "interface_name");

		CHECK(json_is_string(name) && !strcmp(json_string_value(name), p.interface));
		CHECK(json_integer_value(json_object_get(other, "prefix")) == p.prefix);
		CHECK(json_integer_value(json_object_get(other, "ack_port")) == p.ack_port);
		json_decref(other);
	}
	CHECK(fs_payload_check(&p) == FS_PAYLOAD_ERR_OK);
	n = fs_payload_encode(&p, text, sizeof(text));
	CHECK(n > 0);
	CHECK(fs_payload_decode(text, (size_t)n, &again) == FS_PAYLOAD_ERR_OK);
	CHECK(!strcmp(p.interface, again.interface) && !memcmp(p.mac, again.mac, 6) &&
	      p.ip == again.ip && p.gateway == again.gateway && p.prefix == again.prefix &&
	      p.ack_port == again.ack_port);
}

static void fuzz_head(const uint8_t *data, size_t size)
{
	struct fs_mbox_head h;

	if (fs_mbox_parse(data, size, &h))
		return;
	CHECK(h.kind < FS_MBOX_KINDS && h.token_len >= 1 &&
	      h.token_len <= fs_mbox_layouts[h.kind].token_max);
	CHECK(h.token >= data && h.token + h.token_len == data + h.token_end);
	CHECK(h.token_end <= fs_mbox_layouts[h.kind].seq_off &&
	      fs_mbox_layouts[h.kind].seq_off <= size);
	CHECK(!h.name || fs_mbox_name_ok(h.name, h.name_len));
}

/* All ways of searching agree. */
static void fuzz_scan(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;

	for (const struct fs_scan_method *w = fs_scan_methods; w->name; w++) {
		const uint8_t *at = data, *hit;

		if (!w->usable())
			continue;
		while ((hit = w->find(at, end)) != NULL) {
			CHECK(!memcmp(hit, FS_MBOX_PREFIX, FS_MBOX_PREFIX_LEN));
			for (; at < hit; at++)
				CHECK(memcmp(at, FS_MBOX_PREFIX, FS_MBOX_PREFIX_LEN));
			at = hit + 1;
		}
		for (; end - at >= (ptrdiff_t)FS_MBOX_PREFIX_LEN; at++)
			CHECK(memcmp(at, FS_MBOX_PREFIX, FS_MBOX_PREFIX_LEN));
	}
}

/* A whole file: what is found can be proven or is refused with a reason, and stays in its page. */
static void fuzz_file(const uint8_t *data, size_t size)
{
	static int fd = -1;
	const struct fs_mbox_query q = {.kinds = FS_MBOX_ALL, .token = "t"};
	struct fs_mbox_found found;
	struct fs_mbox_verified p;
	char err[256] = "";

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return;
	CHECK(!fs_mbox_search(fd, size, &q, &found, err, sizeof(err)));
	for (size_t i = 0; i < found.hits.n; i++) {
		uint64_t at = found.hits.v[i].offset;
		uint32_t head = fs_mbox_layouts[found.hits.v[i].kind].payload_off;
		int ret = fs_mbox_verify(fd, size, &q, at, &p, err, sizeof(err));

		CHECK(ret == 0 || err[0]);
		if (ret)
			continue;
		CHECK(at + head + p.room <= p.hit.verified_end && at + head + p.room <= size);
		CHECK(p.room <= fs_mbox_capacity(p.hit.kind));
		CHECK(!p.payload || p.payload + p.payload_len <= p.bytes + p.len);
	}
	fs_mbox_found_free(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0] % 4) {
	case 0:
		fuzz_payload(data + 1, size - 1);
		break;
	case 1:
		fuzz_head(data + 1, size - 1);
		break;
	case 2:
		fuzz_scan(data + 1, size - 1);
		break;
	default:
		fuzz_file(data + 1, size - 1);
	}
	return 0;
}
