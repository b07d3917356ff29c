// SPDX-License-Identifier: BSD-2-Clause
/*
 * The user's own command makes the fork, however it does that: it is started, its acks are waited
 * for, and what is left of its process group is ended. Nothing is asked of the VMM in it.
 */
#include <errno.h>
#include <stdio.h>
#include "base/err.h"
#include "vmm/driver.h"

static int start(struct fs_vmm *v)
{
	char **argv;
	int ret;

	snprintf(v->log, sizeof(v->log), "%s/command.log", v->at->folder);
	argv = fs_vmm_argv(v, NULL, NULL);
	if (!argv)
		return -EINVAL;
	ret = fs_process_start(&v->process, argv, v->log, v->err, sizeof(v->err));
	fs_vmm_argv_free(argv);
	return ret;
}

static const char *no_signal(const struct fs_vmm *v, const char *signal)
{
	(void)v;
	(void)signal;
	return NULL;
}

static int create(struct fs_vmm *v)
{
	return fs_errf(v->err, sizeof(v->err), -ENOTSUP,
		       "--vmm attach takes no snapshots: the command knows its VMM, we do not");
}

static int load(struct fs_vmm *v, const struct fs_vmm_load *l)
{
	(void)v;
	(void)l;
	return 0;
}

static int nothing(struct fs_vmm *v)
{
	(void)v;
	return 0;
}

static void closed(struct fs_vmm *v)
{
	(void)v;
}

const struct fs_vmm_ops fs_vmm_attach = {
	.name = "attach",
	.no_signal = no_signal,
	.start = start,
	.create = create,
	.load = load,
	.resume = nothing,
	.pause = nothing,
	.close = closed,
};
