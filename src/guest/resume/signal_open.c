// SPDX-License-Identifier: BSD-2-Clause
/* Chooses and opens the resume signal, and says why when it is not the one that was asked for. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "base/err.h"
#include "guest/resume/signal.h"
#include "guest/resume/vmclock.h"
#include "mailbox/mbox_layout.h"

#define PAGE_SIZE 4096
#define PATH_ROOM 4200
#define REASON    400 /* one reason, the path of a user among it */

const char *const guest_signal_names[GUEST_SIGNALS] = {
#define X(id, name) name,
	GUEST_SIGNAL_TABLE(X)
#undef X
};

/* Opens the device and reads the page once: that remembers the generation and arms poll. */
static int open_clock(struct guest_signal_source *s, const char *path, uint64_t *flags, char *note,
		      size_t len)
{
	int ret;

	*flags = 0;
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return fs_errf(note, len, -errno, "opening %s: %s", path, strerror(errno));
	ret = guest_vmclock_read(s->fd, s->clock, &s->generation);
	if (ret)
		return fs_errf(note, len, ret, "reading %s: %s", path,
			       ret == -ENODATA ? "it is shorter than a VMClock page"
					       : strerror(-ret));
	if (fs_le32(s->clock + GUEST_VMCLOCK_MAGIC_AT) != GUEST_VMCLOCK_MAGIC)
		return fs_errf(note, len, -EINVAL, "%s does not begin as a VMClock page does",
			       path);
	*flags = guest_le64(s->clock + GUEST_VMCLOCK_FLAGS_AT);
	if (!(*flags & GUEST_VMCLOCK_HAS_GENERATION))
		return fs_errf(note, len, -ENOTSUP,
			       "%s has no generation counter (flags 0x%llx, bit 8 is clear)", path,
			       (unsigned long long)*flags);
	return 0;
}

/*
 * Whether poll() will wake us: the VM must notify, and the driver must have a poll of its own
 * (from Linux 7.0 on). One without is "always ready", for writing too, which nothing can do here.
 */
static int check_poll(const struct guest_signal_source *s, const char *path, uint64_t flags,
		      char *note, size_t len)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN | POLLOUT};
	long n;

	if (!(flags & GUEST_VMCLOCK_HAS_NOTIFICATION))
		return fs_errf(note, len, -ENOTSUP,
			       "%s sends no notifications (flags 0x%llx, bit 9 is clear)", path,
			       (unsigned long long)flags);
	n = hot_ppoll(&p, 1, &(struct timespec){0});
	if (n < 0)
		return fs_errf(note, len, (int)n, "poll() of %s: %s", path, strerror((int)-n));
	if (p.revents & (POLLHUP | POLLERR | POLLNVAL))
		return fs_errf(note, len, -ENOTSUP,
			       "poll() of %s says it will never be ready (0x%x)", path, p.revents);
	if (p.revents & POLLOUT)
		return fs_errf(
			note, len, -ENOTSUP,
			"poll() of %s is always ready: its driver has no poll (before Linux 7.0)",
			path);
	return 0;
}

static int open_vmclock(struct guest_signal_source *s, const struct guest_signal_paths *paths,
			bool only_poll, char *note, size_t len)
{
	uint64_t flags;
	int ret = open_clock(s, paths->vmclock, &flags, note, len);

	s->kind = GUEST_SIGNAL_VMCLOCK;
	if (ret)
		return ret;
	ret = check_poll(s, paths->vmclock, flags, note, len);
	s->timed = ret != 0;
	return only_poll ? ret : 0;
}

static int open_spin(struct guest_signal_source *s, const struct guest_signal_paths *paths,
		     char *note, size_t len)
{
	uint64_t flags;
	void *page;
	int ret = open_clock(s, paths->vmclock, &flags, note, len);

	s->kind = GUEST_SIGNAL_SPIN;
	if (ret)
		return ret;
	page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, s->fd, 0);
	if (page == MAP_FAILED)
		return fs_errf(note, len, -errno, "mapping %s: %s", paths->vmclock,
			       strerror(errno));
	s->page = page;
	return 0;
}

static int open_vmgenid(struct guest_signal_source *s, const struct guest_signal_paths *paths,
			char *note, size_t len)
{
	s->kind = GUEST_SIGNAL_VMGENID;
	s->fd = open(paths->kmsg, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		return fs_errf(note, len, -errno, "opening %s: %s", paths->kmsg, strerror(errno));
	/* from now on: what the log holds already is of this VM's past (a pipe has no past) */
	if (lseek(s->fd, 0, SEEK_END) < 0 && errno != ESPIPE)
		return fs_errf(note, len, -errno, "going to the end of %s: %s", paths->kmsg,
			       strerror(errno));
	return 0;
}

/* A driver's folder has a link for each device that it is bound to. */
static bool binds(const char *sys, const char *bus)
{
	char path[PATH_ROOM];
	struct dirent *e;
	bool bound = false;
	DIR *d;

	snprintf(path, sizeof(path), "%s/bus/%s/drivers/vmgenid", sys, bus);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL)
		bound |= e->d_type == DT_LNK && strcmp(e->d_name, "module") != 0;
	if (d)
		closedir(d);
	return bound;
}

/* Without a bound device the kernel never writes the line. "" when there is one. */
static void look_for_vmgenid(const struct guest_signal_paths *paths, char *why, size_t len)
{
	const char *sys = paths->sys;

	why[0] = 0;
	if (!binds(sys, "platform") && !binds(sys, "acpi"))
		snprintf(
			why, len,
			"no VMGenID device has a driver (nothing bound in %s/bus/{platform,acpi}/drivers/vmgenid), so the kernel will not report a fork",
			sys);
}

static void start_over(struct guest_signal_source *s)
{
	guest_signal_close(s);
	memset(s, 0, sizeof(*s));
	s->fd = -1;
}

static int open_mailbox(struct guest_signal_source *s)
{
	s->kind = GUEST_SIGNAL_MAILBOX;
	return 0;
}

static int open_auto(struct guest_signal_source *s, const struct guest_signal_paths *paths,
		     char *note, size_t len)
{
	char clock_note[REASON], log_note[REASON];

	if (!open_vmclock(s, paths, true, clock_note, sizeof(clock_note)))
		return 0;
	start_over(s);
	look_for_vmgenid(paths, log_note, sizeof(log_note));
	if (!log_note[0] && !open_vmgenid(s, paths, log_note, sizeof(log_note))) {
		snprintf(note, len, "auto takes vmgenid: %s", clock_note);
		return 0;
	}
	start_over(s);
	if (!open_vmclock(s, paths, false, clock_note, sizeof(clock_note))) {
		snprintf(note, len, "auto reads VMClock every 1 ms: %s; and %s", clock_note,
			 log_note);
		return 0;
	}
	start_over(s);
	snprintf(
		note, len,
		"auto looks into the mailbox every 1 ms, as this VM has no resume signal: %s; and %s",
		clock_note, log_note);
	return open_mailbox(s);
}

int guest_signal_open(struct guest_signal_source *s, enum guest_signal wanted,
		      const struct guest_signal_paths *paths, char *note, size_t note_len)
{
	char why[REASON] = "";
	int ret;

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	note[0] = 0;
	switch (wanted) {
	case GUEST_SIGNAL_VMCLOCK:
		ret = open_vmclock(s, paths, false, why, sizeof(why));
		if (!ret && s->timed)
			snprintf(note, note_len, "vmclock is read every 1 ms: %s", why);
		break;
	case GUEST_SIGNAL_SPIN:
		ret = open_spin(s, paths, why, sizeof(why));
		break;
	case GUEST_SIGNAL_VMGENID:
		ret = open_vmgenid(s, paths, why, sizeof(why));
		if (!ret)
			look_for_vmgenid(paths, note, note_len);
		break;
	case GUEST_SIGNAL_MAILBOX:
		ret = open_mailbox(s);
		break;
	default:
		ret = open_auto(s, paths, note, note_len);
	}
	if (ret) {
		snprintf(note, note_len, "%s", why);
		start_over(s);
	}
	return ret;
}

void guest_signal_close(struct guest_signal_source *s)
{
	if (s->page)
		munmap((void *)(uintptr_t)s->page, PAGE_SIZE);
	if (s->fd >= 0)
		close(s->fd);
	s->page = NULL;
	s->fd = -1;
}
