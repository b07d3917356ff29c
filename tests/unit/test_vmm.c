// SPDX-License-Identifier: BSD-2-Clause
/* The drivers, against a fixture that is strict about methods, paths, fields and order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cmocka.h>
#include "tmp.h"
#include "base/clock.h"
#include "vmm/answer.h"
#include "vmm/http.h"
#include "vmm/jail.h"
#include "vmm/driver.h"

#define FIXTURE  "tests/vmm/fixture.py"
#define LONG_NS  (20ull * 1000 * 1000 * 1000)
#define SHORT_NS (1000ull * 1000 * 1000)

static char folder[200], state[220], memory[220], logfile[220];
static struct fs_vmm_plan plan;
static struct fs_vmm_at at;
static struct fs_vmm v;

static char *qemu_command[] = {(char *)FIXTURE, (char *)"-object",
			       (char *)"memory-backend-file,mem-path={memory},share=off", NULL};

static void write_text(const char *path, const char *text)
{
	tmp_write(path, text, strlen(text));
}

/* A fresh folder, snapshot and plan for each test. */
static int before(void **st)
{
	static unsigned int n;
	static char page[8192];

	(void)st;
	snprintf(folder, sizeof(folder), "%s/%u", tmp_dir, n++);
	if (mkdir(folder, 0700))
		return -1;
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(memory, sizeof(memory), "%s/mem", folder);
	snprintf(logfile, sizeof(logfile), "%s/requests", folder);
	write_text(state, "state");
	tmp_write(memory, page, sizeof(page));
	setenv("FIXTURE_LOG", logfile, 1);
	unsetenv("FIXTURE_FAULT");
	unsetenv("FIXTURE_VERSION");
	plan = (struct fs_vmm_plan){
		.ops = &fs_vmm_firecracker, .program = FIXTURE, .call_ns = LONG_NS};
	at = (struct fs_vmm_at){
		.folder = folder, .id = "fork-1", .tap = "tap0", .state = state, .memory = memory};
	return 0;
}

static int after(void **st)
{
	(void)st;
	fs_vmm_end(&v);
	assert_int_equal(v.process.pid, 0);
	return 0;
}

static void start_good(void)
{
	fs_vmm_init(&v, &plan, &at);
	if (v.ops->start(&v))
		fail_msg("%s", v.err);
}

static void good(int ret)
{
	if (ret)
		fail_msg("%d: %s", ret, v.err);
}

static void says(const char *word)
{
	if (!strstr(v.err, word))
		fail_msg("\"%s\" is not in \"%s\"", word, v.err);
}

static void logged(const char *line)
{
	size_t n;
	char *text = (char *)tmp_read(logfile, &n);

	text[n] = '\0';
	if (!strstr(text, line))
		fail_msg("\"%s\" is not in:\n%s", line, text);
	free(text);
}

static bool exists(const char *path)
{
	struct stat s;

	return !lstat(path, &s);
}

/* --- Firecracker --- */

static void test_firecracker(void **st)
{
	struct fs_vmm_load l = {0};
	json_t *m;
	char sock[sizeof(v.socket)];

	(void)st;
	start_good();
	assert_string_equal(v.version, "1.12.1");
	assert_int_equal(v.is.minor, 12);
	assert_true(exists(v.socket));
	memcpy(sock, v.socket, sizeof(sock));
	good(v.ops->load(&v, &l));
	good(v.ops->resume(&v));
	good(v.ops->pause(&v));
	good(v.ops->metrics(&v, &m));
	assert_int_equal(json_integer_value(json_object_get(m, "load_snapshot")), 4321);
	json_decref(m);
	good(v.ops->create(&v));
	logged("PATCH /vm {\"state\":\"Resumed\"}");
	logged("\"resume_vm\":false");
	logged("\"backend_type\":\"File\"");
	fs_vmm_end(&v);
	assert_false(exists(sock));
	assert_false(exists(memory) == false); /* what is the user's stays */
}

static void test_firecracker_resumes_in_load(void **st)
{
	struct fs_vmm_load l = {.resume = true};

	(void)st;
	at.override = "eth0";
	start_good();
	good(v.ops->load(&v, &l));
	logged("\"resume_vm\":true");
	logged("\"network_overrides\":[{\"iface_id\":\"eth0\",\"host_dev_name\":\"tap0\"}]");
}

static void test_firecracker_unknown_interface(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	at.override = "eth7";
	start_good();
	/* the load is refused with its body, and then the process ends */
	assert_int_equal(v.ops->load(&v, &l), -ECHILD);
	says("Unknown Network Device");
	says("ended with status 1");
	says("the restore failed");
}

static void test_firecracker_wrong_snapshot(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	at.state = "/nowhere/state";
	start_good();
	assert_int_equal(v.ops->load(&v, &l), -ECHILD);
	says("refused PUT /snapshot/load with 400");
	says("No such file or directory");
}

static void test_firecracker_uffd(void **st)
{
	struct fs_vmm_load l = {0};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)st;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/uffd", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	at.uffd = a.sun_path;
	start_good();
	good(v.ops->load(&v, &l));
	logged("\"backend_type\":\"Uffd\"");
	close(fd);
}

static void test_firecracker_signals(void **st)
{
	(void)st;
	start_good();
	assert_non_null(v.ops->no_signal(&v, "vmclock"));
	assert_non_null(v.ops->no_signal(&v, "vmclock-spin"));
	assert_null(v.ops->no_signal(&v, "vmgenid"));
	fs_vmm_end(&v);
	setenv("FIXTURE_VERSION", "1.15.1", 1);
	start_good();
	assert_null(v.ops->no_signal(&v, "vmclock"));
}

static void test_firecracker_refuses(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	setenv("FIXTURE_FAULT", "refuse PATCH /vm", 1);
	start_good();
	good(v.ops->load(&v, &l));
	assert_int_equal(v.ops->resume(&v), -EREMOTEIO);
	says("refused PATCH /vm with 400");
	says("no such luck");
	assert_false(fs_vmm_died(&v));
}

/* One row: what the fixture does, the code, a word of the sentence. */
static const struct {
	const char *fault;
	int rc;
	const char *word;
} faults[] = {{"hang PUT /snapshot/load", -ETIMEDOUT, "no answer within 1.000 s"},
	      {"die PUT /snapshot/load", -ECHILD, "ended with status 3"},
	      {"tear PUT /snapshot/load", -ECHILD, "was killed by signal 9"},
	      {"garbage PUT /snapshot/load", -EPROTO, "no answer"},
	      {"big PUT /snapshot/load", -EMSGSIZE, "more than"},
	      {"deep PUT /snapshot/load", -EREMOTEIO, "with 200: [[[["},
	      {"drip PUT /snapshot/load", -ETIMEDOUT, "no answer within"}};

static void test_firecracker_misbehaves(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		int ret;

		plan.call_ns = LONG_NS; /* for its start */
		setenv("FIXTURE_FAULT", faults[i].fault, 1);
		start_good();
		plan.call_ns = SHORT_NS;
		ret = v.ops->load(&v, &l);
		if (ret != faults[i].rc)
			fail_msg("%s: %d, %s", faults[i].fault, ret, v.err);
		says(faults[i].word);
		fs_vmm_end(&v);
	}
}

/* No time to wait is not all the time there is, as it would be to curl. */
static void test_no_time(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	setenv("FIXTURE_FAULT", "hang PUT /snapshot/load", 1);
	start_good();
	plan.call_ns = 0;
	assert_int_equal(v.ops->load(&v, &l), -ETIMEDOUT);
	plan.call_ns = LONG_NS;
}

static void test_version_is_hostile(void **st)
{
	(void)st;
	setenv("FIXTURE_FAULT", "deep GET /version", 1);
	fs_vmm_init(&v, &plan, &at);
	assert_int_equal(v.ops->start(&v), -EPROTO);
	says("not a Firecracker");
}

static void test_no_program(void **st)
{
	(void)st;
	plan.program = "/nowhere/firecracker";
	fs_vmm_init(&v, &plan, &at);
	assert_int_equal(v.ops->start(&v), -ENOENT);
	says("starting /nowhere/firecracker: No such file");
	fs_vmm_end(&v);
	plan.program = "no-such-firecracker";
	fs_vmm_init(&v, &plan, &at);
	assert_int_equal(v.ops->start(&v), -ENOENT);
	says("starting no-such-firecracker: it is not in PATH (--vmm-bin");
	fs_vmm_end(&v);
	plan.program = "/bin/false";
	fs_vmm_init(&v, &plan, &at);
	assert_int_equal(v.ops->start(&v), -ECHILD);
	says("ended with status 1");
}

static void test_never_listens(void **st)
{
	char *sleeper[] = {(char *)"sleep", (char *)"1000", NULL};

	(void)st;
	plan.call_ns = SHORT_NS / 4;
	plan.command = sleeper;
	plan.program = NULL;
	plan.ops = &fs_vmm_qemu;
	/* sleep refuses QEMU's arguments, so a shell that swallows them */
	sleeper[0] = (char *)"tests/vmm/deaf.sh";
	sleeper[1] = NULL;
	fs_vmm_init(&v, &plan, &at);
	assert_int_equal(v.ops->start(&v), -ETIMEDOUT);
	says("does not listen on");
}

static void test_given_socket(void **st)
{
	struct fs_vmm_load l = {0};
	struct fs_vmm other;
	pid_t pid;

	(void)st;
	start_good();
	pid = v.process.pid;
	plan.socket = v.socket;
	fs_vmm_init(&other, &plan, &at);
	/* the fixture serves one connection at a time, so let go of ours */
	fs_vmm_firecracker.close(&v);
	v.driver = NULL;
	assert_int_equal(other.ops->start(&other), 0);
	assert_int_equal(other.process.pid, pid);
	assert_int_equal(other.ops->load(&other, &l), 0);
	fs_vmm_end(&other);
	assert_false(fs_process_ended(&v.process)); /* it was not ours to end */
	assert_true(exists(v.socket));
	plan.socket = NULL;
}

static void test_socket_is_taken(void **st)
{
	struct fs_vmm other;

	(void)st;
	start_good();
	fs_vmm_init(&other, &plan, &at);
	assert_int_equal(other.ops->start(&other), -EEXIST);
	assert_non_null(strstr(other.err, "exists already"));
	other.socket[0] = '\0';
	fs_vmm_end(&other);
	assert_true(exists(v.socket));
}

static void test_jailer(void **st)
{
	char base[240], gone[300];
	struct fs_jail jail = {.program = FIXTURE, .base = base, .uid = getuid(), .gid = getgid()};
	struct fs_vmm_load l = {.resume = true};

	(void)st;
	snprintf(base, sizeof(base), "%s/jail", folder);
	assert_int_equal(mkdir(base, 0755), 0);
	plan.jail = &jail;
	start_good();
	snprintf(gone, sizeof(gone), "%s/fixture.py/fork-1", base);
	assert_true(exists(gone));
	good(v.ops->load(&v, &l));
	logged("\"snapshot_path\":\"/state\"");
	logged("\"backend_path\":\"/memory\"");
	fs_vmm_end(&v);
	assert_false(exists(gone));
	assert_true(exists(base));
	assert_true(exists(memory));
	/* a jail of that name that somebody else made is not touched */
	snprintf(gone, sizeof(gone), "%s/fixture.py/fork-1", base);
	assert_int_equal(mkdir(gone, 0755), 0);
	snprintf(gone, sizeof(gone), "%s/fixture.py/fork-1/root", base);
	assert_int_equal(mkdir(gone, 0755), 0);
	fs_vmm_init(&v, &plan, &at);
	assert_int_equal(v.ops->start(&v), -EEXIST);
	says("making the jail");
	fs_vmm_end(&v);
	assert_true(exists(gone));
}

/* --- Cloud Hypervisor --- */

static void make_ch_snapshot(void)
{
	char path[300];

	at.state = folder;
	snprintf(path, sizeof(path), "%s/config.json", folder);
	write_text(
		path,
		"{\"serial\":{\"mode\":\"File\",\"file\":\"/old\"},\"net\":[{\"tap\":\"old\"}]}");
	snprintf(path, sizeof(path), "%s/state.json", folder);
	write_text(path, "{}");
	plan.ops = &fs_vmm_cloud_hypervisor;
}

static void test_cloud_hypervisor(void **st)
{
	struct fs_vmm_load l = {.mode = "OnDemand"};
	char path[300];
	size_t n;
	char *text;

	(void)st;
	make_ch_snapshot();
	at.override = "net0";
	start_good();
	assert_int_equal(v.is.major, 53);
	assert_non_null(v.ops->no_signal(&v, "vmgenid"));
	assert_null(v.ops->no_signal(&v, "none"));
	good(v.ops->load(&v, &l));
	logged("\"memory_restore_mode\":\"OnDemand\"");
	snprintf(path, sizeof(path), "%s/snapshot/config.json", folder);
	text = (char *)tmp_read(path, &n);
	text[n] = '\0';
	assert_non_null(strstr(text, "\"tap\":\"tap0\""));
	assert_non_null(strstr(text, "/console\""));
	free(text);
	good(v.ops->resume(&v));
	good(v.ops->pause(&v));
	assert_int_equal(v.ops->pause(&v), -EREMOTEIO);
	says("not running");
	fs_vmm_end(&v);
	assert_false(exists(path));
}

/* One number of the form N.N is a version; where there are more, nobody knows which. */
static void test_versions(void **st)
{
	static const struct {
		const char *text;
		unsigned int major, minor; /* 0.0: none is to be read */
	} all[] = {{"1.12.1", 1, 12},
		   {"v53.0.0", 53, 0},
		   {"fork-1.10.1", 1, 10},
		   {"fc2-1.10.1-dirty", 1, 10},
		   {"1.15", 1, 15},
		   {"", 0, 0},
		   {"nightly", 0, 0},
		   {"2026-08-21", 0, 0},
		   {"1.10.1-linux6.1", 0, 0},
		   {"1.", 0, 0},
		   {"7", 0, 0}};

	(void)st;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct fs_vmm_version is = fs_vmm_read_version(all[i].text);

		if (is.known != !!(all[i].major + all[i].minor) || is.major != all[i].major ||
		    is.minor != all[i].minor)
			fail_msg("%s: %d %u.%u", all[i].text, is.known, is.major, is.minor);
	}
	assert_true(fs_vmm_since(&(struct fs_vmm_version){true, 1, 16}, 1, 16));
	assert_true(fs_vmm_since(&(struct fs_vmm_version){true, 2, 0}, 1, 16));
	assert_false(fs_vmm_since(&(struct fs_vmm_version){true, 1, 15}, 1, 16));
	assert_false(fs_vmm_since(&(struct fs_vmm_version){false, 9, 9}, 1, 16));
}

/* --- QEMU --- */

static void test_qemu(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	plan.ops = &fs_vmm_qemu;
	plan.command = qemu_command;
	start_good();
	assert_string_equal(v.version, "10.0.2");
	assert_int_equal(v.ops->resume(&v), -EREMOTEIO); /* not loaded yet */
	says("waits for a migration");
	good(v.ops->load(&v, &l));
	good(v.ops->resume(&v));
	good(v.ops->pause(&v));
	good(v.ops->create(&v));
}

static void test_qemu_wrong_state(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	plan.ops = &fs_vmm_qemu;
	plan.command = qemu_command;
	at.state = "/nowhere/state";
	start_good();
	assert_int_equal(v.ops->load(&v, &l), -ECHILD);
	says("failed to open file:/nowhere/state");
	fs_vmm_end(&v);
	at.state = "/a,b";
	start_good();
	assert_int_equal(v.ops->load(&v, &l), -EINVAL);
	says("comma");
}

static const struct {
	const char *fault;
	int rc;
	const char *word;
} qmp_faults[] = {
	{"refuse migrate-incoming", -EREMOTEIO, "QEMU refused migrate-incoming: refused by"},
	{"hang query-status", -ETIMEDOUT, "no answer in time"},
	{"die query-status", -ECHILD, "ended with status 3"},
	{"tear query-status", -ECHILD, "was killed by signal 9"},
	{"garbage query-status", -EPROTO, "not a JSON object"},
	{"deep query-status", -EPROTO, "deeper than"},
	{"big query-status", -EPROTO, "a line of more than"}};

static void test_qemu_misbehaves(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	plan.ops = &fs_vmm_qemu;
	plan.command = qemu_command;
	for (size_t i = 0; i < sizeof(qmp_faults) / sizeof(qmp_faults[0]); i++) {
		int ret;

		plan.call_ns = LONG_NS;
		setenv("FIXTURE_FAULT", qmp_faults[i].fault, 1);
		start_good();
		plan.call_ns = SHORT_NS;
		ret = v.ops->load(&v, &l);
		if (ret != qmp_faults[i].rc)
			fail_msg("%s: %d, %s", qmp_faults[i].fault, ret, v.err);
		says(qmp_faults[i].word);
		fs_vmm_end(&v);
	}
}

static void test_qemu_mute(void **st)
{
	(void)st;
	plan.ops = &fs_vmm_qemu;
	plan.command = qemu_command;
	plan.call_ns = 3 * SHORT_NS;
	setenv("FIXTURE_FAULT", "mute greeting", 1);
	fs_vmm_init(&v, &plan, &at);
	assert_int_equal(v.ops->start(&v), -ETIMEDOUT);
	says("did not greet");
}

/* A time-out of so many milliseconds that as an int they are 10: cut to one, it is over at once. */
static void test_qemu_patient(void **st)
{
	struct fs_vmm_load l = {0};

	(void)st;
	plan.ops = &fs_vmm_qemu;
	plan.command = qemu_command;
	plan.call_ns = ((1ull << 32) + 10) * 1000000;
	setenv("FIXTURE_FAULT", "late query-status", 1);
	start_good();
	good(v.ops->load(&v, &l));
}

/* --- attach, and the words of a command --- */

static void test_attach(void **st)
{
	char *command[] = {(char *)"sh", (char *)"-c",
			   (char *)"echo {fork} on {tap}; exec sleep 1000", NULL};
	char said[200];

	(void)st;
	plan.ops = &fs_vmm_attach;
	plan.command = command;
	start_good();
	assert_int_not_equal(fs_process_wait(&v.process, SHORT_NS / 10), 0);
	assert_string_equal(fs_log_tail(v.log, said, sizeof(said)), "fork-1 on tap0");
	assert_int_equal(v.ops->create(&v), -ENOTSUP);
}

static void test_words(void **st)
{
	char *w;

	(void)st;
	fs_vmm_init(&v, &plan, &at);
	w = fs_vmm_word(&v, "a{\"b\": {tap}}{state}{}");
	assert_non_null(w);
	assert_non_null(strstr(w, "a{\"b\": tap0}"));
	free(w);
	assert_null(fs_vmm_word(&v, "{nonsense}"));
	says("{nonsense} is nothing");
	assert_null(fs_vmm_word(&v, "{uffd}")); /* no value here */
}

static void test_answers(void **st)
{
	char err[200], shown[16];
	json_t *o = fs_answer_parse("{\"a\":\"[[[[\"}", 12, err, sizeof(err));

	(void)st;
	assert_string_equal(fs_answer_string(o, "a"), "[[[[");
	assert_null(fs_answer_string(o, "b"));
	json_decref(o);
	assert_null(fs_answer_parse("[1]", 3, err, sizeof(err)));
	assert_null(fs_answer_parse("{", 1, err, sizeof(err)));
	assert_string_equal(fs_answer_show("a\x1b[2J\nb\n\n", 9, shown, sizeof(shown)), "a?[2J|b");
	assert_string_equal(fs_answer_show("0123456789abcdefgh", 18, shown, sizeof(shown)),
			    "0123456789abcde");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, before, after)
		T(test_firecracker),
		T(test_firecracker_resumes_in_load),
		T(test_firecracker_unknown_interface),
		T(test_firecracker_wrong_snapshot),
		T(test_firecracker_uffd),
		T(test_firecracker_signals),
		T(test_firecracker_refuses),
		T(test_firecracker_misbehaves),
		T(test_no_time),
		T(test_version_is_hostile),
		T(test_versions),
		T(test_no_program),
		T(test_never_listens),
		T(test_given_socket),
		T(test_socket_is_taken),
		T(test_jailer),
		T(test_cloud_hypervisor),
		T(test_qemu),
		T(test_qemu_wrong_state),
		T(test_qemu_misbehaves),
		T(test_qemu_mute),
		T(test_qemu_patient),
		T(test_attach),
		T(test_words),
		T(test_answers),
	};

	fs_http_setup();
	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
