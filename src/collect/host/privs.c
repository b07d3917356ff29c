// SPDX-License-Identifier: BSD-2-Clause
/* Capabilities: which are needed, which are kept, how the others are dropped. */
#include "collect/host/privs.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "base/err.h"

static struct rlimit old_files, old_memlock;
static bool raised;

static bool effective(cap_value_t cap)
{
	cap_flag_value_t v = CAP_CLEAR;
	cap_t c = cap_get_proc();

	if (c)
		cap_get_flag(c, cap, CAP_EFFECTIVE, &v);
	cap_free(c);
	return v == CAP_SET;
}

/* The number of the first user namespace: include/linux/proc_ns.h. */
static bool own_user_namespace(void)
{
	struct stat st;

	return !stat("/proc/self/ns/user", &st) && st.st_ino != 0xEFFFFFFDu;
}

int fs_privs_check(char *err, size_t len)
{
	if (own_user_namespace())
		return fs_errf(
			err, len, -EPERM,
			"not permitted: this process is in a user namespace of its own (a rootless container?), whose root may not load BPF programs; run forkscope as the host's root");
	if (effective(CAP_SYS_ADMIN) || (effective(CAP_BPF) && effective(CAP_PERFMON)))
		return 0;
	return fs_errf(
		err, len, -EPERM,
		"not permitted: loading BPF programs needs root (CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN); run it with sudo");
}

bool fs_privs_modules(void)
{
	return effective(CAP_SYS_ADMIN);
}

void fs_privs_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &old_files) || getrlimit(RLIMIT_MEMLOCK, &old_memlock))
		return;
	raised = true;
	r = old_files;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	/* Locked memory is allocated after the capability for it is gone. */
	r.rlim_cur = r.rlim_max = RLIM_INFINITY;
	setrlimit(RLIMIT_MEMLOCK, &r);
}

void fs_privs_child(void)
{
	if (!raised)
		return;
	setrlimit(RLIMIT_NOFILE, &old_files);
	setrlimit(RLIMIT_MEMLOCK, &old_memlock);
}

/* Sets permitted to @permitted caps and effective to @eff; NULL sets = leave permitted as it is. */
static int set_caps(bool drop_permitted, const cap_value_t *keep, int nkeep)
{
	cap_t c = drop_permitted ? cap_init() : cap_get_proc();
	int ret = 0;

	if (!c)
		return -ENOMEM;
	cap_clear_flag(c, CAP_EFFECTIVE);
	if (nkeep) {
		cap_set_flag(c, CAP_EFFECTIVE, nkeep, keep, CAP_SET);
		cap_set_flag(c, CAP_PERMITTED, nkeep, keep, CAP_SET);
	}
	if (cap_set_proc(c))
		ret = -errno;
	cap_free(c);
	return ret;
}

/* Empties the bounding set except for @keep; needs CAP_SETPCAP, without it there is no bound. */
static void drop_bound(const cap_value_t *keep, int nkeep)
{
	cap_value_t setpcap = CAP_SETPCAP;

	if (set_caps(false, &setpcap, 1))
		return;
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		bool kept = false;

		for (int i = 0; i < nkeep; i++)
			kept |= keep[i] == c;
		if (!kept)
			cap_drop_bound(c);
	}
}

int fs_privs_drop(bool (*works)(void *arg), void *arg, char *kept, size_t len)
{
	static const cap_value_t tries[] = {CAP_BPF, CAP_SYS_ADMIN};
	int nkeep = 0, ret;
	cap_value_t keep = 0;

	ret = set_caps(false, NULL, 0);
	if (ret)
		return ret;
	for (size_t i = 0; !works(arg); i++) {
		if (i == sizeof(tries) / sizeof(tries[0]))
			return -EPERM;
		keep = tries[i];
		nkeep = 1;
		ret = set_caps(false, &keep, 1);
		if (ret)
			return ret;
	}
	drop_bound(&keep, nkeep);
	cap_reset_ambient();
	ret = set_caps(true, &keep, nkeep);
	if (!ret && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		ret = -errno;
	snprintf(kept, len, "%s", !nkeep ? "" : keep == CAP_BPF ? "CAP_BPF" : "CAP_SYS_ADMIN");
	return ret;
}

int fs_privs_reader(char *kept, size_t len)
{
	static const cap_value_t wanted[] = {CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE,
					     CAP_DAC_READ_SEARCH};
	cap_value_t keep[3];
	int nkeep = 0, ret;
	size_t at = 0;

	*kept = '\0';
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char *name;

		if (!effective(wanted[i]))
			continue;
		keep[nkeep++] = wanted[i];
		name = cap_to_name(wanted[i]);
		for (size_t k = 0; name && name[k] && at + 2 < len; k++)
			kept[at++] = (char)toupper((unsigned char)name[k]);
		kept[at++] = ',';
		kept[at] = '\0';
		cap_free(name);
	}
	if (at)
		kept[at - 1] = '\0';
	drop_bound(NULL, 0);
	cap_reset_ambient();
	ret = set_caps(true, keep, nkeep);
	if (!ret && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		ret = -errno;
	return ret;
}
