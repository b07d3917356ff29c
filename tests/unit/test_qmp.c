// SPDX-License-Identifier: BSD-2-Clause
/* QEMU's monitor over signals: an answer that comes late is waited for, whatever interrupts. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "tmp.h"
#include "vmm/qmp.h"

#define TIMEOUT  (60ull * 1000 * 1000 * 1000)
#define WANTED   20   /* signals before each answer */
#define EVERY_US 2000 /* between two signals */

static volatile sig_atomic_t signals;

static void on_alarm(int sig)
{
	(void)sig;
	signals++;
}

/* A signal every EVERY_US, as a terminal or a timer sends them: nothing is begun anew. */
static void interrupt(bool on)
{
	struct itimerval t = {.it_interval.tv_usec = on ? EVERY_US : 0,
			      .it_value.tv_usec = on ? EVERY_US : 0};
	struct sigaction sa = {.sa_handler = on_alarm};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

/* A monitor that answers each line after a while. */
static void monitor(int listener)
{
	static const char hello[] = "{\"QMP\":{\"version\":{\"qemu\":{\"major\":9,\"minor\":1,"
				    "\"micro\":2}},\"capabilities\":[]}}\n";
	int fd = accept(listener, NULL, NULL);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	char line[256];

	usleep(WANTED * EVERY_US);
	if (!in || write(fd, hello, strlen(hello)) < 0)
		_exit(1);
	while (fgets(line, sizeof(line), in)) {
		usleep(WANTED * EVERY_US);
		if (write(fd, "{\"return\":{\"a\":7}}\n", 19) < 0)
			_exit(1);
	}
	_exit(0);
}

static void test_signals(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status, ret;
	struct fs_qmp *q = NULL;
	json_t *answer = NULL;
	char err[300] = "";
	pid_t pid;

	(void)state;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", tmp_path("qmp"));
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (!pid)
		monitor(listener);
	interrupt(true);
	ret = fs_qmp_open(a.sun_path, TIMEOUT, &q, err, sizeof(err));
	if (!ret)
		ret = fs_qmp_ask(q, "query-status", NULL, TIMEOUT, &answer, err, sizeof(err));
	interrupt(false);
	assert_string_equal(err, "");
	assert_int_equal(ret, 0);
	assert_string_equal(fs_qmp_version(q), "9.1.2");
	assert_int_equal(json_integer_value(json_object_get(answer, "a")), 7);
	assert_true(signals > 0);
	json_decref(answer);
	fs_qmp_close(q);
	close(listener);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests_name("qmp", tests, tmp_setup, tmp_teardown);
}
