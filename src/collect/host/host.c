// SPDX-License-Identifier: BSD-2-Clause
/* What this machine is: kernel, processors, memory, KVM and its clocks. */
#include "collect/host/host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "bpf/knobs.h"

#define CLOCK_TRIES 32

static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = strstr(line, word); at; at = strstr(at + n, word))
		if ((at == line || at[-1] == ' ' || at[-1] == '\t') &&
		    (!at[n] || at[n] == ' ' || at[n] == '\n'))
			return true;
	return false;
}

/* The text after "name : " in a line of /proc/cpuinfo, if the line is that. */
static void field(const char *line, const char *name, char *out, size_t size)
{
	const char *colon = strchr(line, ':');

	if (*out || !colon || strncmp(line, name, strlen(name)))
		return;
	colon += strspn(colon, ": \t");
	snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
}

static void read_cpu(struct fs_host *h)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	size_t size = 0;
	char *line = NULL;

	if (!f)
		return;
	while (getline(&line, &size, f) > 0 && *line != '\n') { /* the first processor is enough */
		field(line, "vendor_id", h->cpu_vendor, sizeof(h->cpu_vendor));
		field(line, "model name", h->cpu_model, sizeof(h->cpu_model));
		if (!strncmp(line, "flags", 5)) {
			h->cpu_svm = has_word(line, "svm");
			h->cpu_vmx = has_word(line, "vmx");
		}
	}
	free(line);
	fclose(f);
}

static void read_kvm(struct fs_host *h)
{
	static const char *const names[] = {"kvm", "kvm_amd", "kvm_intel"};
	bool have[3];

	for (int i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/module/%s", names[i]);
		have[i] = !access(path, F_OK);
		if (have[i])
			snprintf(h->modules + strlen(h->modules),
				 sizeof(h->modules) - strlen(h->modules), "%s%s",
				 *h->modules ? " " : "", names[i]);
	}
	if (access("/dev/kvm", F_OK))
		h->kvm = FS_KVM_NONE;
	else if (have[1] && h->cpu_svm)
		h->kvm = FS_KVM_SVM;
	else if (have[2] && h->cpu_vmx)
		h->kvm = FS_KVM_VMX;
	else
		h->kvm = FS_KVM_EMULATED;
}

/* Every address of a restricted kallsyms reads as zero. */
static bool kptr_restricted(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	bool zero = true;
	char line[256];

	for (int i = 0; f && zero && i < 64 && fgets(line, sizeof(line), f); i++)
		zero = strtoull(line, NULL, 16) == 0;
	if (f)
		fclose(f);
	return zero;
}

void fs_host_read(struct fs_host *h)
{
	struct utsname u;
	struct sysinfo si;

	memset(h, 0, sizeof(*h));
	if (!uname(&u)) {
		snprintf(h->kernel, sizeof(h->kernel), "%s", u.release);
		snprintf(h->version, sizeof(h->version), "%s", u.version);
		snprintf(h->machine, sizeof(h->machine), "%s", u.machine);
	}
	if (!sysinfo(&si))
		h->memory = (uint64_t)si.totalram * si.mem_unit;
	h->cpus = (unsigned int)fs_host_cpus(NULL, 0);
	h->page_size = (size_t)sysconf(_SC_PAGESIZE);
	h->btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	h->kptr_restricted = kptr_restricted();
	read_cpu(h);
	read_kvm(h);
}

const char *fs_kvm_text(enum fs_kvm_kind k)
{
	switch (k) {
	case FS_KVM_SVM:
		return "hardware svm";
	case FS_KVM_VMX:
		return "hardware vmx";
	case FS_KVM_EMULATED:
		return "emulated: no hardware entry";
	case FS_KVM_NONE:
		break;
	}
	return "none";
}

size_t fs_host_list(const char *list, unsigned int *cpus, size_t max)
{
	unsigned int from, to;
	size_t n = 0;
	int got, used;

	while ((got = sscanf(list, "%u%n-%u%n", &from, &used, &to, &used)) >= 1) {
		for (unsigned int c = from; c <= (got == 2 ? to : from) && n < FS_MAX_CPUS;
		     c++, n++)
			if (n < max)
				cpus[n] = c;
		list += used;
		if (*list++ != ',')
			break;
	}
	return n;
}

static size_t list_of(const char *path, unsigned int *cpus, size_t max)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0, n = 0;

	if (f && getline(&line, &size, f) > 0)
		n = fs_host_list(line, cpus, max);
	free(line);
	if (f)
		fclose(f);
	return n;
}

size_t fs_host_cpus(unsigned int *cpus, size_t max)
{
	return list_of("/sys/devices/system/cpu/online", cpus, max);
}

size_t fs_host_possible(unsigned int *cpus, size_t max)
{
	return list_of("/sys/devices/system/cpu/possible", cpus, max);
}

void fs_clocks_read(struct fs_clocks *c)
{
	c->bracket = UINT64_MAX;
	for (int i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = fs_clock_ns(CLOCK_MONOTONIC);
		uint64_t raw = fs_clock_ns(CLOCK_MONOTONIC_RAW);
		uint64_t real = fs_clock_ns(CLOCK_REALTIME);
		uint64_t boot = fs_clock_ns(CLOCK_BOOTTIME);
		uint64_t after = fs_clock_ns(CLOCK_MONOTONIC);

		if (after - before >= c->bracket)
			continue;
		*c = (struct fs_clocks){.mono = before + (after - before) / 2,
					.real = real,
					.raw = raw,
					.boot = boot,
					.bracket = after - before};
	}
}

static json_t *module_list(const struct fs_host *h)
{
	json_t *list = json_array();
	const char *at = h->modules;

	while (list && *at) {
		size_t n = strcspn(at, " ");

		json_array_append_new(list, json_stringn(at, n));
		at += n + (at[n] == ' ');
	}
	return list;
}

json_t *fs_host_json(const struct fs_host *h)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:o, s:i, s:I}", "kernel", h->kernel,
			 "kernel_version", h->version, "machine", h->machine, "cpus", (int)h->cpus,
			 "cpu_vendor", h->cpu_vendor, "cpu_model", h->cpu_model, "kvm",
			 fs_kvm_text(h->kvm), "kvm_modules", module_list(h), "page_size",
			 (int)h->page_size, "memory", (json_int_t)h->memory);
}

json_t *fs_clocks_json(const struct fs_clocks *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "monotonic_ns", (json_int_t)c->mono,
			 "realtime_ns", (json_int_t)c->real, "raw_ns", (json_int_t)c->raw,
			 "boottime_ns", (json_int_t)c->boot, "bracket_ns", (json_int_t)c->bracket);
}
