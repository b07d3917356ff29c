// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/kallsyms.h"
#include "collect/host/ksyms.h"

static const char shown[] = "ffffffff81000000 T _text\n"
			    "0000000000000000 A fixed\n"
			    "ffffffff81000200 T late\n"
			    "ffffffff81000100 t early\n"
			    "ffffffff81000200 t alias\n"
			    "ffffffff81000180 D data\n"
			    "ffffffffc0000000 t in_module\t[kvm_amd]\n"
			    "ffffffffc0000040 t last\t[kvm]";

static int file_of(const char *text)
{
	int fd = memfd_create("kallsyms", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static void pick(const uint64_t *addrs, size_t n, const char *expected)
{
	int fd = file_of(shown);
	struct fs_ksyms *k;
	size_t len;
	char *text;

	assert_int_equal(fs_ksyms_read(fd, &k), 0);
	text = fs_ksyms_pick(k, addrs, n, &len);
	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(len, strlen(expected));
	free(text);
	fs_ksyms_free(k);
	close(fd);
}

static void picks_what_holds_the_addresses(void **state)
{
	static const uint64_t addrs[] = {0xffffffff810001ff, 0xffffffffc0000041, 0xffffffff81000000,
					 0xffffffff810001f0, 0xffffffffc000003f};

	(void)state;
	pick(addrs, 5,
	     "ffffffff81000000 _text\nffffffff81000100 early\n"
	     "ffffffffc0000000 in_module [kvm_amd]\nffffffffc0000040 last [kvm]\n");
}

static void of_two_names_the_first_stands(void **state)
{
	static const uint64_t addrs[] = {0xffffffff81000204};

	(void)state;
	pick(addrs, 1, "ffffffff81000200 late\n");
}

static void an_address_before_all_symbols_has_none(void **state)
{
	static const uint64_t addrs[] = {0x1000};

	(void)state;
	pick(addrs, 1, "");
	pick(addrs, 0, "");
}

static void hidden_addresses_are_told(void **state)
{
	int fd = file_of("0000000000000000 T _text\n0000000000000000 t early\n");
	struct fs_ksyms *k;

	(void)state;
	assert_int_equal(fs_ksyms_read(fd, &k), -EACCES);
	close(fd);
}

static void lines_that_are_none_are_left_out(void **state)
{
	int fd = file_of("junk\n\nffffffff81000000\nffffffff81000000 \nffffffff81000000 T\n"
			 "ffffffff81000010 T ok\n");
	static const uint64_t addrs[] = {0xffffffff81000020};
	struct fs_ksyms *k;
	size_t len;
	char *text;

	(void)state;
	assert_int_equal(fs_ksyms_read(fd, &k), 0);
	text = fs_ksyms_pick(k, addrs, 1, &len);
	assert_string_equal(text, "ffffffff81000010 ok\n");
	free(text);
	fs_ksyms_free(k);
	close(fd);
}

static bool parses(const char *line, struct fs_kallsym *s)
{
	return fs_kallsym_parse(line, line + strlen(line), s);
}

static void a_line_has_address_type_and_name(void **state)
{
	struct fs_kallsym s;

	(void)state;
	assert_true(parses("ffffffffc0000040 t kvm_exit\t[kvm]", &s));
	assert_int_equal(s.addr, 0xffffffffc0000040);
	assert_int_equal(s.len, strlen("kvm_exit"));
	assert_memory_equal(s.name, "kvm_exit", s.len);
	assert_true(s.module && fs_kallsym_is_text(&s));
	assert_true(parses("0 D x", &s));
	assert_true(!s.addr && !s.module && !fs_kallsym_is_text(&s));
	assert_false(parses("0000000000ffffffff T _text", &s)); /* more than an address */
	assert_false(parses("ffffffffg T _text", &s));
	assert_false(parses(" T _text", &s));
	assert_false(parses("81000000 Tt _text", &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_what_holds_the_addresses),
		cmocka_unit_test(of_two_names_the_first_stands),
		cmocka_unit_test(an_address_before_all_symbols_has_none),
		cmocka_unit_test(hidden_addresses_are_told),
		cmocka_unit_test(lines_that_are_none_are_left_out),
		cmocka_unit_test(a_line_has_address_type_and_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
