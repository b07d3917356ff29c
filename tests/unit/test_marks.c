// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "collect/mark_socket.h"

/* The datagram, as its bytes are. */
struct wire {
	char magic[8];
	uint64_t ts;
	uint32_t pid, pad;
	char name[FS_MARK_NAME];
};

#define NOW 50000000000ull

static struct wire good(void)
{
	return (struct wire){.magic = "FSMARK1", .ts = NOW - 5000, .pid = 7, .name = "ready"};
}

static int parse(const struct wire *w, size_t bytes, uid_t from, struct fs_mark *m)
{
	char err[160] = "";
	int ret = fs_mark_parse(w, bytes, from, 1000, NOW, m, err, sizeof(err));

	assert_true(!ret == !*err); /* a refusal says why */
	return ret;
}

static void takes_a_good_one(void **state)
{
	struct wire w = good();
	struct fs_mark m;

	(void)state;
	assert_int_equal(parse(&w, sizeof(w), 0, &m), 0);
	assert_int_equal(m.ts, NOW - 5000);
	assert_int_equal(m.pid, 7);
	assert_string_equal(m.name, "ready");
	assert_int_equal(parse(&w, sizeof(w), 1000, &m), 0);
	memset(w.name, 'n', sizeof(w.name) - 1);
	assert_int_equal(parse(&w, sizeof(w), 0, &m), 0);
}

static void hears_only_root_and_its_own_user(void **state)
{
	struct wire w = good();
	struct fs_mark m;

	(void)state;
	assert_int_equal(parse(&w, sizeof(w), 1001, &m), -EPERM);
	assert_int_equal(parse(&w, sizeof(w), (uid_t)-1, &m), -EPERM);
}

static void refuses_what_is_malformed(void **state)
{
	struct fs_mark m;
	struct wire w = good();

	(void)state;
	assert_int_equal(parse(&w, sizeof(w) - 1, 0, &m), -EINVAL);
	assert_int_equal(parse(&w, sizeof(w) + 1, 0, &m), -EINVAL);
	assert_int_equal(parse(&w, 0, 0, &m), -EINVAL);
	w.magic[6] = '2';
	assert_int_equal(parse(&w, sizeof(w), 0, &m), -EINVAL);
	w = good();
	memset(w.name, 'n', sizeof(w.name)); /* no end */
	assert_int_equal(parse(&w, sizeof(w), 0, &m), -EINVAL);
	w = good();
	w.name[0] = '\0';
	assert_int_equal(parse(&w, sizeof(w), 0, &m), -EINVAL);
	w = good();
	w.name[2] = '\033';
	assert_int_equal(parse(&w, sizeof(w), 0, &m), -EINVAL);
}

static void refuses_times_out_of_the_last_second(void **state)
{
	struct fs_mark m;
	struct wire w = good();

	(void)state;
	w.ts = NOW;
	assert_int_equal(parse(&w, sizeof(w), 0, &m), 0);
	w.ts = NOW - FS_MARK_AGE_NS;
	assert_int_equal(parse(&w, sizeof(w), 0, &m), 0);
	w.ts = NOW + 1;
	assert_int_equal(parse(&w, sizeof(w), 0, &m), -EINVAL);
	w.ts = NOW - FS_MARK_AGE_NS - 1;
	assert_int_equal(parse(&w, sizeof(w), 0, &m), -EINVAL);
	w.ts = 0;
	assert_int_equal(parse(&w, sizeof(w), 0, &m), -EINVAL);
}

static void tells_questions_from_marks(void **state)
{
	struct wire w = good();
	struct fs_mark m;

	(void)state;
	assert_int_equal(parse(&w, sizeof(w), 0, &m), 0);
	assert_false(m.asks);
	memcpy(w.magic, "FSREAD1", sizeof(w.magic));
	w.ts = 0; /* of no moment */
	assert_int_equal(parse(&w, sizeof(w), 0, &m), 0);
	assert_true(m.asks);
	assert_int_equal(m.pid, 7);
	assert_int_equal(parse(&w, sizeof(w), 1001, &m), -EPERM);
	w.magic[6] = '2';
	assert_int_equal(parse(&w, sizeof(w), 0, &m), -EINVAL);
}

static void checks_names(void **state)
{
	char longest[FS_MARK_NAME + 1] = "";

	(void)state;
	assert_int_equal(fs_mark_check_name("a.b_c-d:9"), 0);
	assert_int_equal(fs_mark_check_name(""), -EINVAL);
	assert_int_equal(fs_mark_check_name("a b"), -EINVAL);
	assert_int_equal(fs_mark_check_name("\xc3\xa4"), -EINVAL);
	memset(longest, 'x', FS_MARK_NAME - 1);
	assert_int_equal(fs_mark_check_name(longest), 0);
	longest[FS_MARK_NAME - 1] = 'x';
	assert_int_equal(fs_mark_check_name(longest), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_good_one),
		cmocka_unit_test(hears_only_root_and_its_own_user),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(refuses_times_out_of_the_last_second),
		cmocka_unit_test(tells_questions_from_marks),
		cmocka_unit_test(checks_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
