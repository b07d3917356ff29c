// SPDX-License-Identifier: BSD-2-Clause
/* The payload's decoder: what it takes, what it refuses and how it names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "mailbox/payload.h"

#define REST                                                                                     \
	"\"mac\":\"06:00:ac:10:00:22\",\"ipv4\":\"172.16.0.2\",\"prefix\":29,\"gateway\":\"172." \
	"16.0.1\""
#define GOOD "{\"interface_name\":\"eth0\"," REST ",\"ack_port\":9797}"

/* Decodes a copy of exactly that length, so that the sanitizer sees a byte read too far. */
static enum fs_payload_error decode_n(const char *json, size_t len, struct fs_payload *p)
{
	char *copy = malloc(len ? len : 1);
	enum fs_payload_error e;

	assert_non_null(copy);
	memcpy(copy, json, len);
	e = fs_payload_decode(copy, len, p);
	free(copy);
	return e;
}

static enum fs_payload_error decode(const char *json, struct fs_payload *p)
{
	return decode_n(json, strlen(json), p);
}

static void test_good(void **state)
{
	struct fs_payload p;

	(void)state;
	assert_int_equal(decode(GOOD, &p), FS_PAYLOAD_ERR_OK);
	assert_string_equal(p.interface, "eth0");
	assert_memory_equal(p.mac, "\x06\x00\xac\x10\x00\x22", 6);
	assert_string_equal(p.mac_text, "06:00:ac:10:00:22");
	assert_int_equal(p.ip, 0xac100002);
	assert_string_equal(p.ip_text, "172.16.0.2");
	assert_int_equal(p.gateway, 0xac100001);
	assert_int_equal(p.prefix, 29);
	assert_int_equal(p.ack_port, 9797);
	assert_int_equal(p.have, (1u << FS_PAYLOAD_FIELDS) - 1);
}

static void test_also_good(void **state)
{
	static const char *const good[] = {
		"{\"interface_name\":\"eth0\"," REST "}",
		" \n{ \"interface_name\" : \"eth0\" , " REST " , \"ack_port\" : 0 } \t",
		"{\"interface_name\":\"eth0\"," REST ",\"ack_port\":null}",
		"{\"other\":[1,{\"a\":[]},{},\"]}\",-1.5e+3,true,null],\"interface_name\":"
		"\"eth0\"," REST "}",
		"{\"interface_name\":\"\\u0065th\\u0030\"," REST "}",
		"{\"interface_name\":\"wrong one\",\"interface_name\":\"eth0\"," REST
		"}" /* last counts */,
	};
	struct fs_payload p;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) - 1; i++) {
		assert_int_equal(decode(good[i], &p), FS_PAYLOAD_ERR_OK);
		assert_string_equal(p.interface, "eth0");
		assert_int_equal(p.ack_port, 0);
	}
	/* a bad value stays an error, though a good one follows it */
	assert_int_equal(decode(good[5], &p), FS_PAYLOAD_ERR_INTERFACE);
	assert_int_equal(
		decode("{\"interface_name\":\"a\",\"interface_name\":\"eth0\"," REST "}", &p),
		FS_PAYLOAD_ERR_OK);
	assert_string_equal(p.interface, "eth0");
}

static void test_bad_values(void **state)
{
#define WITH(i, m, a, n, g) \
	"{\"interface_name\":" i ",\"mac\":" m ",\"ipv4\":" a ",\"prefix\":" n ",\"gateway\":" g "}"
#define I "\"eth0\""
#define M "\"06:00:ac:10:00:22\""
#define A "\"172.16.0.2\""
#define N "29"
#define G "\"172.16.0.1\""
	static const struct {
		const char *json;
		enum fs_payload_error e;
	} bad[] = {
		{WITH("\"\"", M, A, N, G), FS_PAYLOAD_ERR_INTERFACE},
		{WITH("\"sixteen-letters-\"", M, A, N, G), FS_PAYLOAD_ERR_INTERFACE},
		{WITH("\"a/b\"", M, A, N, G), FS_PAYLOAD_ERR_INTERFACE},
		{WITH("\"..\"", M, A, N, G), FS_PAYLOAD_ERR_INTERFACE},
		{WITH("\"a b\"", M, A, N, G), FS_PAYLOAD_ERR_INTERFACE},
		{WITH("\"eth\\u0000\"", M, A, N, G), FS_PAYLOAD_ERR_INTERFACE},
		{WITH("\"\\u00e9th0\"", M, A, N, G), FS_PAYLOAD_ERR_INTERFACE},
		{WITH("5", M, A, N, G), FS_PAYLOAD_ERR_TYPE},
		{WITH("{\"a\":1}", M, A, N, G), FS_PAYLOAD_ERR_TYPE},
		{WITH("true", M, A, N, G), FS_PAYLOAD_ERR_TYPE},
		{WITH("null", M, A, N, G), FS_PAYLOAD_ERR_MISSING},
		{WITH(I, "\"06:00:ac:10:00\"", A, N, G), FS_PAYLOAD_ERR_MAC},
		{WITH(I, "\"06:00:ac:10:00:2g\"", A, N, G), FS_PAYLOAD_ERR_MAC},
		{WITH(I, "\"06-00-ac-10-00-22\"", A, N, G), FS_PAYLOAD_ERR_MAC},
		{WITH(I, "\"01:00:5e:00:00:01\"", A, N, G), FS_PAYLOAD_ERR_MAC},
		{WITH(I, "\"00:00:00:00:00:00\"", A, N, G), FS_PAYLOAD_ERR_MAC},
		{WITH(I, M, "\"172.16.0\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"172.16.0.2.\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"172.16.0.256\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"172.16.0.02\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"172.16.0.2 \"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"127.0.0.1\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"0.0.0.0\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"224.0.0.1\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"255.255.255.255\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"172.16.0.0\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, "\"172.16.0.7\"", N, G), FS_PAYLOAD_ERR_IPV4},
		{WITH(I, M, A, "0", G), FS_PAYLOAD_ERR_PREFIX},
		{WITH(I, M, A, "33", G), FS_PAYLOAD_ERR_PREFIX},
		{WITH(I, M, A, "-1", G), FS_PAYLOAD_ERR_PREFIX},
		{WITH(I, M, A, "29.0", G), FS_PAYLOAD_ERR_PREFIX},
		{WITH(I, M, A, "4294967325", G), FS_PAYLOAD_ERR_PREFIX},
		{WITH(I, M, A, "\"29\"", G), FS_PAYLOAD_ERR_TYPE},
		{WITH(I, M, A, N, "\"\""), FS_PAYLOAD_ERR_GATEWAY},
		{WITH(I, M, A, N, A), FS_PAYLOAD_ERR_GATEWAY},
		{"{\"interface_name\":\"eth0\"," REST ",\"ack_port\":65536}",
		 FS_PAYLOAD_ERR_ACK_PORT},
		{"{" REST "}", FS_PAYLOAD_ERR_MISSING},
		{"{}", FS_PAYLOAD_ERR_MISSING},
	};
	struct fs_payload p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum fs_payload_error e = decode(bad[i].json, &p);

		if (e != bad[i].e)
			print_error("%s: %s, not %s\n", bad[i].json, fs_payload_error_word(e),
				    fs_payload_error_word(bad[i].e));
		assert_int_equal(e, bad[i].e);
	}
	assert_int_equal(decode(WITH(I, M, "\"172.16.0.0\"", "31", G), &p), FS_PAYLOAD_ERR_OK);
	assert_int_equal(decode(WITH(I, M, "\"172.16.0.0\"", "32", G), &p), FS_PAYLOAD_ERR_OK);
}

static void test_bad_json(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"[]",
		"null",
		"{,}",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":[1,]}",
		"{\"a\":[1 2]}",
		"{\"a\":[,1]}",
		"{\"a\":{\"b\"}}",
		"{\"a\":{\"b\":1,}}",
		"{\"a\":[}]}",
		"{\"a\":{]}}",
		"{\"a\":01}",
		"{\"a\":1.}",
		"{\"a\":.5}",
		"{\"a\":1e}",
		"{\"a\":+1}",
		"{\"a\":tru}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"\\u12\"}",
		"{\"a\":\"\n\"}",
		"{\"a\":\"",
		"{\"a\":\"\\",
		"{\"a\":\"\\u",
		"{a:1}",
		"{'a':1}",
		GOOD "x",
		GOOD GOOD,
		"{\"prefix\":",
		"{\"prefix\": ",
		"{\"prefix\":-}",
		"{\"mac\":\"",
	};
	struct fs_payload p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum fs_payload_error e = decode(bad[i], &p);

		if (e != FS_PAYLOAD_ERR_SYNTAX)
			print_error("%s: %s\n", bad[i], fs_payload_error_word(e));
		assert_int_equal(e, FS_PAYLOAD_ERR_SYNTAX);
	}
	/* cut anywhere, it is no JSON */
	for (size_t n = 0; n < strlen(GOOD); n++)
		assert_int_equal(decode_n(GOOD, n, &p), FS_PAYLOAD_ERR_SYNTAX);
}

static void test_depth(void **state)
{
	char json[256] = "{\"x\":";
	size_t n = strlen(json);
	struct fs_payload p;

	(void)state;
	for (int depth = 15; depth <= 17; depth++) {
		memset(json + n, '[', (size_t)depth);
		memset(json + n + depth, ']', (size_t)depth);
		snprintf(json + n + 2 * depth, sizeof(json) - n - 2 * (size_t)depth,
			 ",\"interface_name\":\"eth0\"," REST "}");
		assert_int_equal(decode(json, &p),
				 depth <= 16 ? FS_PAYLOAD_ERR_OK : FS_PAYLOAD_ERR_DEPTH);
	}
}

/* The complaint about a bad value can be sent when these two are good. */
static void test_where_to_complain(void **state)
{
	struct fs_payload p;

	(void)state;
	assert_int_equal(decode("{\"mac\":\"zz\",\"gateway\":\"10.0.0.1\",\"ack_port\":5}", &p),
			 FS_PAYLOAD_ERR_MAC);
	assert_int_equal(p.have, 1u << FS_PAYLOAD_GATEWAY | 1u << FS_PAYLOAD_ACK_PORT);
	assert_int_equal(p.gateway, 0x0a000001);
	assert_int_equal(p.ack_port, 5);
}

static void test_encode(void **state)
{
	struct fs_payload p, again;
	char buf[256];
	int n;

	(void)state;
	assert_int_equal(decode("{\"interface_name\":\"a\\\"b\\\\c\"," REST ",\"ack_port\":1}", &p),
			 FS_PAYLOAD_ERR_OK);
	assert_string_equal(p.interface, "a\"b\\c");
	n = fs_payload_encode(&p, buf, sizeof(buf));
	assert_int_equal(n, strlen(buf));
	assert_int_equal(decode(buf, &again), FS_PAYLOAD_ERR_OK);
	assert_memory_equal(&p, &again, sizeof(p));
	assert_int_equal(fs_payload_encode(&p, buf, (size_t)n), -1); /* no room for the NUL */
	assert_int_equal(fs_payload_encode(&p, buf, (size_t)n + 1), n);
	assert_int_equal(decode(GOOD, &p), FS_PAYLOAD_ERR_OK);
	fs_payload_encode(&p, buf, sizeof(buf));
	assert_string_equal(buf, GOOD);
}

/* One that is outside of the network is routed to on the link: is that what was meant? */
static void test_gateway_outside(void **state)
{
	static const struct {
		const char *ip, *prefix, *gateway;
		bool outside;
	} cases[] = {
		{"172.16.0.2", "29", "172.16.0.1", false}, {"172.16.0.2", "29", "172.16.0.9", true},
		{"172.16.0.2", "24", "172.16.1.1", true},  {"172.16.0.2", "1", "10.0.0.1", true},
		{"172.16.0.2", "1", "200.0.0.1", false},   {"10.0.0.2", "31", "10.0.0.3", false},
		{"10.0.0.2", "31", "10.0.0.1", true},      {"10.0.0.2", "32", "10.0.0.1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fs_payload p = {0};

		fs_payload_set(&p, FS_PAYLOAD_IPV4, cases[i].ip, strlen(cases[i].ip));
		fs_payload_set(&p, FS_PAYLOAD_PREFIX, cases[i].prefix, strlen(cases[i].prefix));
		fs_payload_set(&p, FS_PAYLOAD_GATEWAY, cases[i].gateway, strlen(cases[i].gateway));
		assert_int_equal(fs_payload_gateway_outside(&p), cases[i].outside);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),       cmocka_unit_test(test_also_good),
		cmocka_unit_test(test_bad_values), cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_depth),      cmocka_unit_test(test_where_to_complain),
		cmocka_unit_test(test_encode),     cmocka_unit_test(test_gateway_outside),
	};

	return cmocka_run_group_tests_name("mailbox_payload", tests, NULL, NULL);
}
