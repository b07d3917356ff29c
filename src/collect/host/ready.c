// SPDX-License-Identifier: BSD-2-Clause
/* Would a recording work here? Rights, namespaces, lockdown, KVM. */
#include "collect/host/ready.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/pidns.h"
#include "collect/host/privs.h"

/* The programs see the PIDs and the clock of the first namespaces: ours must be the same. */
static int check_namespaces(char *err, size_t len)
{
	if (fs_pidns_is_first("/proc") == 0)
		return fs_errf(
			err, len, -EINVAL,
			"cannot identify processes inside a PID namespace: run forkscope outside of the container (or in the host's PID namespace)");
	if (fs_clock_shifted())
		return fs_errf(
			err, len, -EINVAL,
			"cannot compare times inside a time namespace with an offset: run forkscope in the host's");
	return 0;
}

/* "none integrity [confidentiality]": the mode in brackets is the one that holds. */
static int check_lockdown(char *err, size_t len)
{
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char modes[128] = "";
	bool locked;

	locked = f && fgets(modes, sizeof(modes), f) && strstr(modes, "[confidentiality]");
	if (f)
		fclose(f);
	if (!locked)
		return 0;
	return fs_errf(
		err, len, -EPERM,
		"this kernel is locked down (confidentiality, in /sys/kernel/security/lockdown): BPF programs may not read its memory; boot it with lockdown=integrity, or without");
}

int fs_ready_check(char *err, size_t len)
{
	int ret = fs_privs_check(err, len);

	if (!ret)
		ret = check_namespaces(err, len);
	if (!ret)
		ret = check_lockdown(err, len);
	return ret;
}

/* KVM runs here, but its types cannot be found: they are a module's, or should be the kernel's. */
static int without_types(char *err, size_t len)
{
	if (access("/sys/module/kvm/initstate", F_OK))
		return fs_errf(
			err, len, -ENOENT,
			"KVM is built into this kernel, but its tracepoints are not among the types in /sys/kernel/btf/vmlinux: forkscope needs a kernel whose BTF describes KVM");
	if (access("/sys/kernel/btf/kvm", F_OK))
		return fs_errf(
			err, len, -ENOENT,
			"KVM is loaded, but the kernel has no types of it (no /sys/kernel/btf/kvm): its module was built without BTF (CONFIG_DEBUG_INFO_BTF_MODULES), or lost it (strip); forkscope needs a kvm.ko that has it");
	return fs_errf(err, len, -ENOENT,
		       "KVM is loaded, but its types (/sys/kernel/btf/kvm) could not be read");
}

int fs_ready_kvm(bool types, char *err, size_t len)
{
	bool loaded = !access("/sys/module/kvm", F_OK), device = !access("/dev/kvm", F_OK);

	if (device && types)
		return 0;
	if (device && loaded)
		return without_types(err, len);
	return fs_errf(
		err, len, -ENOENT,
		"KVM is not ready (%s): load it with modprobe kvm_amd or modprobe kvm_intel, and enable virtualisation in the firmware if that fails%s",
		device ? "its tracepoints do not exist" : "no /dev/kvm",
		loaded ? "; or, as the module kvm is there, give this container the device" : "");
}

void fs_ready_explain(char *err, size_t len)
{
	char *why;

	if (fs_privs_modules())
		return;
	why = strdup(err);
	(void)fs_errf(
		err, len, -EPERM,
		"CAP_SYS_ADMIN is missing: without it the kernel lets nobody read the types (BTF) of its modules, KVM's among them; run it with sudo (%s)",
		why ? why : "out of memory");
	free(why);
}
