// SPDX-License-Identifier: BSD-2-Clause
/* forkscope mailbox: finds, shows and fills the mailbox of a guest's agent in a memory file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "cli/cmds.h"
#include "cli/mailbox/mailbox_request.h"

static int run_find(struct mailbox_request *r)
{
	if (mailbox_open(r) || mailbox_locate(r))
		return FS_EXIT_FAILED;
	if (r->asked.json)
		mailbox_print_json(mailbox_json(r));
	else
		mailbox_print_found(r);
	return FS_EXIT_OK;
}

static int run_show(struct mailbox_request *r)
{
	json_t *object;

	if (mailbox_open(r) || mailbox_locate(r))
		return FS_EXIT_FAILED;
	if (r->asked.json) {
		object = mailbox_json(r);
		json_object_set_new(object, "payload",
				    r->verified.payload ? mailbox_payload_json(&r->verified)
							: json_null());
		mailbox_print_json(object);
	} else {
		mailbox_print_found(r);
		mailbox_print_payload(&r->verified);
	}
	return FS_EXIT_OK;
}

static void print_help(FILE *to)
{
	fprintf(to,
		"usage: forkscope mailbox find | show | patch MEMFILE --token T [OPTIONS...]\n\n"
		"The mailbox is a page in the memory of a guest's agent. The host fills it in the\nsnapshot's memory file, and each fork's agent reads it when it resumes.\n\n"
		"  find   say where it is\n"
		"  show   say what it holds\n"
		"  patch  fill it\n\n"
		"forkscope mailbox find --help, and so on, describes each.\n");
}

int cmd_mailbox(int argc, char **argv)
{
	struct mailbox_request r = {.fd = -1, .asked.query.kinds = FS_MBOX_ALL};
	const char *what = argc > 1 ? argv[1] : "";
	int ret;

	if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
		print_help(stdout);
		return FS_EXIT_OK;
	}
	if (!strcmp(what, "find")) {
		ret = mailbox_opts_find(&r.asked, argc - 1, argv + 1);
		ret = ret >= 0 ? ret : run_find(&r);
	} else if (!strcmp(what, "show")) {
		ret = mailbox_opts_show(&r.asked, argc - 1, argv + 1);
		ret = ret >= 0 ? ret : run_show(&r);
	} else if (!strcmp(what, "patch")) {
		ret = mailbox_opts_patch(&r.asked, argc - 1, argv + 1);
		ret = ret >= 0 ? ret : mailbox_patch(&r);
	} else {
		if (*what)
			fs_error("mailbox: \"%s\" is none of find, show, patch", what);
		print_help(stderr);
		return FS_EXIT_USAGE;
	}
	fs_mbox_found_free(&r.found);
	if (r.fd >= 0)
		close(r.fd);
	if (ret == FS_EXIT_OK && (fflush(stdout) || ferror(stdout))) {
		fs_error("writing to stdout: %s", strerror(errno));
		return FS_EXIT_FAILED;
	}
	return ret;
}
