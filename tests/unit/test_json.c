// SPDX-License-Identifier: BSD-2-Clause
/* Any bytes as JSON text (src/base/json.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/json.h"

static void is(const char *bytes, const char *text)
{
	json_t *json = fs_json_text(bytes);

	assert_non_null(json);
	assert_string_equal(json_string_value(json), text);
	json_decref(json);
}

static void test_utf8_stays(void **state)
{
	(void)state;
	is("", "");
	is("/a b\\c\n", "/a b\\c\n");
	is("gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x90\x8d",
	   "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x90\x8d");
	is("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
}

static void test_others_are_escaped(void **state)
{
	(void)state;
	is("m\xe9moire", "m\\xe9moire");
	is("a\\b\xff", "a\\\\b\\xff");
	is("\xc3", "\\xc3");                            /* cut short */
	is("\xe2\x82", "\\xe2\\x82");                   /* cut short */
	is("\xf0\x9f\x90", "\\xf0\\x9f\\x90");          /* cut short */
	is("\xc0\xaf", "\\xc0\\xaf");                   /* a slash, too long */
	is("\xe0\x80\xaf", "\\xe0\\x80\\xaf");          /* a slash, too long */
	is("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
	is("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* behind the last character */
	is("\xc3\xbc\x80", "\xc3\xbc\\x80");
}

/* Whatever the bytes, there is text, and different bytes make different text. */
static void test_all_pairs(void **state)
{
	(void)state;
	for (unsigned int a = 1; a < 256; a++)
		for (unsigned int b = 1; b < 256; b++) {
			char bytes[3] = {(char)a, (char)b, 0};
			json_t *json = fs_json_text(bytes);

			assert_non_null(json);
			assert_true(json_string_length(json) >= 2);
			json_decref(json);
		}
}

static void test_none(void **state)
{
	(void)state;
	assert_true(json_is_null(fs_json_text(NULL)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_stays),
		cmocka_unit_test(test_others_are_escaped),
		cmocka_unit_test(test_all_pairs),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
