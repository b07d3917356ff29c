// SPDX-License-Identifier: BSD-2-Clause
/*
 * Drives one VMM by the driver's operations, one after the other, and says what came of each:
 *
 *	drive VMM FOLDER [NAME=VALUE...] OPERATION...
 *
 * NAME: program, socket, state, memory, uffd, override, tap, jailer, base, uid, call-ms.
 * OPERATION: start, load, load-resume, resume, pause, create, metrics, signal:NAME, end. Prints
 * "OPERATION ok[ TEXT]" or "OPERATION ERRNO SENTENCE" and goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm/http.h"
#include "vmm/jail.h"
#include "vmm/vmm.h"

static struct fs_vmm_plan plan;
static struct fs_vmm_at at;
static struct fs_jail jail;
static struct fs_vmm v;

static int set(const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **to;
	} names[] = {{"program=", &plan.program}, {"socket=", &plan.socket},
		     {"state=", &at.state},       {"memory=", &at.memory},
		     {"uffd=", &at.uffd},         {"override=", &at.override},
		     {"tap=", &at.tap},           {"jailer=", &jail.program},
		     {"base=", &jail.base}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(name, names[i].name, strlen(names[i].name))) {
			*names[i].to = value;
			return 0;
		}
	if (!strncmp(name, "uid=", 4))
		jail.uid = jail.gid = (uid_t)atoi(value);
	else if (!strncmp(name, "call-ms=", 8))
		plan.call_ns = strtoull(value, NULL, 10) * 1000000;
	else
		return -1;
	return 0;
}

static int metrics(void)
{
	json_t *o = NULL;
	char *text;
	int ret = v.ops->metrics ? v.ops->metrics(&v, &o) : -ENOTSUP;

	text = json_dumps(o, JSON_COMPACT);
	if (!ret)
		printf("metrics ok %s\n", text);
	free(text);
	json_decref(o);
	return ret;
}

static int run(const char *op)
{
	struct fs_vmm_load l = {.resume = !strcmp(op, "load-resume")};

	if (!strncmp(op, "signal:", 7)) {
		printf("%s ok %s\n", op, v.ops->no_signal(&v, op + 7) ?: "");
		return 0;
	}
	if (!strcmp(op, "metrics"))
		return metrics();
	if (!strcmp(op, "end")) {
		fs_vmm_end(&v);
		fs_vmm_init(&v, &plan, &at);
		printf("end ok\n");
		return 0;
	}
	v.err[0] = '\0';
	int ret = !strcmp(op, "start")      ? v.ops->start(&v)
		  : !strncmp(op, "load", 4) ? v.ops->load(&v, &l)
		  : !strcmp(op, "resume")   ? v.ops->resume(&v)
		  : !strcmp(op, "pause")    ? v.ops->pause(&v)
		  : !strcmp(op, "create")   ? v.ops->create(&v)
					    : -ENOSYS;

	if (!ret)
		printf("%s ok %s\n", op, v.version);
	return ret;
}

int main(int argc, char **argv)
{
	int i = 3;

	setlinebuf(stdout);
	plan.ops = argc > 3 ? fs_vmm_find(argv[1]) : NULL;
	if (!plan.ops)
		return 2;
	plan.call_ns = 30000000000ull;
	plan.program = plan.ops->program;
	at.folder = argv[2];
	at.id = "fork-1";
	jail.uid = getuid();
	jail.gid = getgid();
	for (; i < argc && strchr(argv[i], '='); i++)
		if (set(argv[i], strchr(argv[i], '=') + 1))
			return 2;
	if (jail.program)
		plan.jail = &jail;
	fs_http_setup();
	fs_vmm_init(&v, &plan, &at);
	for (; i < argc; i++) {
		int ret = run(argv[i]);

		if (ret)
			printf("%s %d %s\n", argv[i], -ret, v.err);
	}
	fs_vmm_end(&v);
	return 0;
}
