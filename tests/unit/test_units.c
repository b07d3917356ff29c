// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <limits.h>
#include "base/clock.h"
#include "base/sum.h"
#include "base/units.h"

static void parses_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{"250ms", 250000000},
		{"1.5s", 1500000000},
		{"10us", 10000},
		{"90ns", 90},
		{"0ns", 0},
		{"2min", 120000000000},
		{"1h", 3600000000000},
		{"812.3 ms", 812300000},
		{"0.5ns", 1}, /* rounds half up */
		{"0.4ns", 0},
		{"1.0000000004s", 1000000000},
		{"18446744073709551615ns", UINT64_MAX},
		{"18446744073.709551615s", UINT64_MAX},
		{".5s", 500000000},
		{"1.s", 1000000000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t ns = 12345;

		assert_int_equal(fs_parse_ns(good[i].text, &ns), 0);
		assert_true(ns == good[i].ns);
	}
}

static void refuses_what_is_no_duration(void **state)
{
	static const char *const bad[] = {"",     "250",   "ms",     "1 2ms", "-1ms",
					  "1msx", "1e3ms", "1,5s",   "0x10s", " 1s",
					  "1  s", "1MiB",  "1.2.3s", "+1s"};
	uint64_t ns = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fs_parse_ns(bad[i], &ns), -EINVAL);
	assert_int_equal(fs_parse_ns("18446744073709551616ns", &ns), -ERANGE);
	assert_int_equal(fs_parse_ns("18446744073.709551616s", &ns), -ERANGE);
	assert_int_equal(fs_parse_ns("99999999999999999999999999999999999999999h", &ns), -ERANGE);
	assert_int_equal(fs_parse_ns("5124096h", &ns), -ERANGE);
	assert_true(ns == 77); /* left alone */
}

static void parses_sizes(void **state)
{
	uint64_t b;

	(void)state;
	assert_int_equal(fs_parse_bytes("64MiB", &b), 0);
	assert_true(b == 64u << 20);
	assert_int_equal(fs_parse_bytes("4 KiB", &b), 0);
	assert_true(b == 4096);
	assert_int_equal(fs_parse_bytes("1.5G", &b), 0);
	assert_true(b == 3ull << 29);
	assert_int_equal(fs_parse_bytes("512B", &b), 0);
	assert_true(b == 512);
	assert_int_equal(fs_parse_bytes("2T", &b), 0);
	assert_true(b == 2ull << 40);
	assert_int_equal(fs_parse_bytes("4096", &b), -EINVAL);
	assert_int_equal(fs_parse_bytes("64MB", &b), -EINVAL);
	assert_int_equal(fs_parse_bytes("64mib", &b), -EINVAL);
	assert_int_equal(fs_parse_bytes("16777216TiB", &b), -ERANGE);
}

static void formats_for_reading(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} want[] = {
		{0, "0 ns"},
		{812, "812 ns"},
		{999, "999 ns"},
		{1000, "1.0 us"},
		{12500, "12.5 us"},
		{999949, "999.9 us"},
		{999950, "1.0 ms"},
		{812345678, "812.3 ms"},
		{999950000, "1.000 s"},
		{1234567890, "1.235 s"},
		{60000000000, "60.000 s"},
		{1049, "1.0 us"},
		{1050, "1.1 us"},
		{UINT64_MAX, "18446744073.710 s"},
	};
	char buf[FS_UNITS_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_string_equal(fs_fmt_ns(want[i].ns, buf, sizeof(buf)), want[i].text);
	assert_string_equal(fs_fmt_bytes(812, buf, sizeof(buf)), "812 B");
	assert_string_equal(fs_fmt_bytes(4096, buf, sizeof(buf)), "4.0 KiB");
	assert_string_equal(fs_fmt_bytes(1048575, buf, sizeof(buf)), "1.0 MiB");
	assert_string_equal(fs_fmt_bytes(64u << 20, buf, sizeof(buf)), "64.0 MiB");
	assert_string_equal(fs_fmt_bytes(UINT64_MAX, buf, sizeof(buf)), "16777216.0 TiB");
}

static void exact_text_parses_back(void **state)
{
	char buf[FS_UNITS_LEN];
	uint64_t x = 1, back;

	(void)state;
	assert_string_equal(fs_fmt_ns_exact(250000000, buf, sizeof(buf)), "250ms");
	assert_string_equal(fs_fmt_ns_exact(60000000000, buf, sizeof(buf)), "60s");
	assert_string_equal(fs_fmt_ns_exact(1001, buf, sizeof(buf)), "1001ns");
	assert_string_equal(fs_fmt_ns_exact(0, buf, sizeof(buf)), "0ns");
	assert_string_equal(fs_fmt_bytes_exact(64u << 20, buf, sizeof(buf)), "64MiB");
	for (int i = 0; i < 20000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint64_t n = x >> (x & 63);

		if (i & 1)
			n -= n % 1000;
		assert_int_equal(fs_parse_ns(fs_fmt_ns_exact(n, buf, sizeof(buf)), &back), 0);
		assert_true(back == n);
		assert_int_equal(fs_parse_bytes(fs_fmt_bytes_exact(n, buf, sizeof(buf)), &back), 0);
		assert_true(back == n);
	}
}

/* What is printed for reading parses back to within half of its last digit. */
static void rounded_text_parses_back_nearly(void **state)
{
	char buf[FS_UNITS_LEN];
	uint64_t x = 99, back;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint64_t n = (x >> (x & 63)) / 2, err, unit;

		assert_int_equal(fs_parse_ns(fs_fmt_ns(n, buf, sizeof(buf)), &back), 0);
		err = back > n ? back - n : n - back;
		unit = strstr(buf, " ns")  ? 0
		       : strstr(buf, "us") ? 50
		       : strstr(buf, "ms") ? 50000
					   : 500000;
		assert_true(err <= unit);
		assert_int_equal(fs_parse_bytes(fs_fmt_bytes(n, buf, sizeof(buf)), &back), 0);
		err = back > n ? back - n : n - back;
		assert_true(err <= n / 20 + 1);
	}
}

static void short_buffers_are_respected(void **state)
{
	char buf[6] = "#####";

	(void)state;
	fs_fmt_ns(812345678, buf, 4);
	assert_string_equal(buf, "812");
	assert_int_equal(buf[4], '#');
}

static void durations_of_users_are_bounded(void **state)
{
	uint64_t ns = 7;

	(void)state;
	assert_int_equal(fs_parse_duration("876001h", &ns), -ERANGE);
	assert_int_equal(fs_parse_duration("18446744073709551615ns", &ns), -ERANGE);
	assert_int_equal(fs_parse_duration("5", &ns), -EINVAL);
	assert_true(ns == 7);
	assert_int_equal(fs_parse_duration("876000h", &ns), 0);
	assert_true(ns == FS_DURATION_MAX && ns + ns <= INT64_MAX);
	assert_int_equal(fs_parse_duration("250ms", &ns), 0);
	assert_true(ns == 250000000);
}

static void sums_and_waits_do_not_wrap(void **state)
{
	(void)state;
	assert_true(fs_sum(5, 6) == 11);
	assert_true(fs_sum(UINT64_MAX - 5, 5) == UINT64_MAX);
	assert_true(fs_sum(UINT64_MAX - 5, 6) == UINT64_MAX);
	assert_true(fs_sum(1, UINT64_MAX) == UINT64_MAX);
	assert_int_equal(fs_poll_ms(0), 0);
	assert_int_equal(fs_poll_ms(1), 1);
	assert_int_equal(fs_poll_ms(1000000), 1);
	assert_int_equal(fs_poll_ms(1000001), 2);
	assert_int_equal(fs_poll_ms(2147483646ull * 1000000 + 1), INT_MAX);
	assert_int_equal(fs_poll_ms(4294967296ull * 1000000), INT_MAX);
	assert_int_equal(fs_poll_ms(UINT64_MAX), INT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_of_users_are_bounded),
		cmocka_unit_test(sums_and_waits_do_not_wrap),
		cmocka_unit_test(parses_durations),
		cmocka_unit_test(refuses_what_is_no_duration),
		cmocka_unit_test(parses_sizes),
		cmocka_unit_test(formats_for_reading),
		cmocka_unit_test(exact_text_parses_back),
		cmocka_unit_test(rounded_text_parses_back_nearly),
		cmocka_unit_test(short_buffers_are_respected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
