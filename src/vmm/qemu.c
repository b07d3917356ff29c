// SPDX-License-Identifier: BSD-2-Clause
/*
 * QEMU as a fork server: the template's memory is a file (memory-backend-file, share=on), its state
 * a migration file that leaves that memory out (x-ignore-shared). A fork is the user's own command
 * with share=off, to which we add a monitor and `-incoming defer -S`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/err.h"
#include "vmm/answer.h"
#include "vmm/driver.h"
#include "vmm/qmp.h"

#define SLEEP_NS (3l * 1000 * 1000)

static int ask(struct fs_vmm *v, const char *command, json_t *arguments, json_t **out)
{
	return fs_vmm_explain(v, fs_qmp_ask(v->driver, command, arguments, v->plan->call_ns, out,
					    v->err, sizeof(v->err)));
}

static int start(struct fs_vmm *v)
{
	char qmp[PATH_MAX + 40], *given = v->plan->socket ? fs_vmm_word(v, v->plan->socket) : NULL;
	const char *tail[] = {"-qmp", qmp, "-incoming", "defer", "-S", NULL};
	struct fs_qmp *q = NULL;
	char **argv;
	int ret;

	if (v->plan->socket && !given)
		return -EINVAL;
	if (given)
		snprintf(v->socket, sizeof(v->socket), "%s", given);
	else
		snprintf(v->socket, sizeof(v->socket), "%s/qmp.sock", v->at->folder);
	free(given);
	snprintf(v->log, sizeof(v->log), "%s/vmm.log", v->at->folder);
	snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", v->socket);
	argv = fs_vmm_argv(v, NULL, tail);
	if (!argv)
		return -EINVAL;
	ret = fs_vmm_launch(v, argv);
	fs_vmm_argv_free(argv);
	if (!ret)
		ret = fs_qmp_open(v->socket, v->plan->call_ns, &q, v->err, sizeof(v->err));
	v->driver = q;
	ret = fs_vmm_explain(v, ret);
	if (ret)
		return ret;
	snprintf(v->version, sizeof(v->version), "%s", fs_qmp_version(v->driver));
	fs_vmm_parse_version(v);
	return 0;
}

/* Whatever the command's devices and tables make of it is seen when the guest acks, or does not. */
static const char *no_signal(const struct fs_vmm *v, const char *signal)
{
	(void)v;
	(void)signal;
	return NULL;
}

static int ignore_shared(struct fs_vmm *v)
{
	return ask(v, "migrate-set-capabilities",
		   json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", "x-ignore-shared",
			     "state", 1),
		   NULL);
}

/* A command about the file of the state. */
static int ask_state(struct fs_vmm *v, const char *command)
{
	char text[PATH_MAX + 8];
	json_t *uri;

	snprintf(text, sizeof(text), "file:%s", v->at->state);
	uri = fs_vmm_path(v, text);
	return uri ? ask(v, command, json_pack("{s:o}", "uri", uri), NULL) : -EINVAL;
}

/*
 * Asks for @command until the "status" of its answer is @good (0), or @bad or the time is over.
 */
static int wait_status(struct fs_vmm *v, const char *command, const char *good, const char *bad)
{
	uint64_t until = fs_mono_ns() + v->plan->call_ns;

	for (;;) {
		json_t *answer = NULL;
		char is[64];
		int ret = ask(v, command, NULL, &answer);
		const char *status, *desc;

		if (ret)
			return ret;
		status = fs_answer_string(answer, "status");
		desc = fs_answer_string(answer, "error-desc");
		snprintf(is, sizeof(is), "%s", status ? status : "none");
		if (!strcmp(is, good) || !strcmp(is, bad) || fs_mono_ns() > until) {
			ret = !strcmp(is, good)
				      ? 0
				      : fs_errf(v->err, sizeof(v->err), -EREMOTEIO,
						"QEMU's %s says \"%s\", not \"%s\"%s%.200s",
						command, is, good, desc ? ": " : "",
						desc ? desc : "");
			json_decref(answer);
			return fs_vmm_explain(v, ret);
		}
		json_decref(answer);
		nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
	}
}

static int qemu_resume(struct fs_vmm *v)
{
	return ask(v, "cont", NULL, NULL);
}

static int qemu_pause(struct fs_vmm *v)
{
	return ask(v, "stop", NULL, NULL);
}

static int load(struct fs_vmm *v, const struct fs_vmm_load *l)
{
	int ret;

	if (strpbrk(v->at->state, ","))
		return fs_errf(v->err, sizeof(v->err), -EINVAL,
			       "QEMU would read the comma in %s as an option: use another path",
			       v->at->state);
	ret = ignore_shared(v);
	if (!ret)
		ret = ask_state(v, "migrate-incoming");
	/* A state that cannot be loaded ends QEMU, with its reason in the log. */
	if (!ret)
		ret = wait_status(v, "query-status", "paused", "internal-error");
	return ret || !l->resume ? ret : qemu_resume(v);
}

static int create(struct fs_vmm *v)
{
	int ret = qemu_pause(v);

	if (!ret)
		ret = ignore_shared(v);
	if (!ret)
		ret = ask_state(v, "migrate");
	return ret ? ret : wait_status(v, "query-migrate", "completed", "failed");
}

static void qemu_close(struct fs_vmm *v)
{
	fs_qmp_close(v->driver);
}

const struct fs_vmm_ops fs_vmm_qemu = {
	.name = "qemu",
	.no_signal = no_signal,
	.start = start,
	.create = create,
	.load = load,
	.resume = qemu_resume,
	.pause = qemu_pause,
	.close = qemu_close,
};
