/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a guest learns that it is a fork: VMClock (poll or mapped page), VMGenID (kernel log), or, in
 * a VM that has neither, by a payload in its mailbox.
 */
#ifndef FORKSCOPE_GUEST_SIGNAL_H
#define FORKSCOPE_GUEST_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(ID, name in HYPEMAN_RESUME_NETWORK_SIGNAL) */
#define GUEST_SIGNAL_TABLE(X)   \
	X(AUTO, "auto")         \
	X(VMCLOCK, "vmclock")   \
	X(VMGENID, "vmgenid")   \
	X(SPIN, "vmclock-spin") \
	X(MAILBOX, "mailbox")

enum guest_signal {
#define X(id, name) GUEST_SIGNAL_##id,
	GUEST_SIGNAL_TABLE(X)
#undef X
		GUEST_SIGNALS
};

extern const char *const guest_signal_names[GUEST_SIGNALS];

/* Bytes of the VMClock page that read() is asked for: the structure, not the whole page. */
#define GUEST_VMCLOCK_SIZE 112

struct guest_signal_source {
	enum guest_signal kind; /* never AUTO once open */
	int fd;
	bool timed; /* VMCLOCK: poll shows nothing, so the page is read every millisecond */
	uint64_t generation;
	const volatile uint8_t *page; /* SPIN */
	const uint32_t *sequence; /* MAILBOX: of the agent's mailbox; to be set before waiting */
	uint8_t clock[GUEST_VMCLOCK_SIZE];
	size_t log_len; /* VMGENID: bytes of log[] that are not a whole line yet */
	char log[8192]; /* a record of /dev/kmsg is at most this long */
};

/* Where things are; other than in /dev and /sys only in tests. */
struct guest_signal_paths {
	const char *vmclock, *kmsg, *sys;
};

/*
 * Opens the source for @wanted. @note gets a sentence when it is not what was asked for (`auto`
 * fell back, poll does not work), else it is empty; on failure it holds the reason. Returns 0 or a
 * negative errno.
 */
int guest_signal_open(struct guest_signal_source *s, enum guest_signal wanted,
		      const struct guest_signal_paths *paths, char *note, size_t note_len);
void guest_signal_close(struct guest_signal_source *s);

enum guest_event {
	GUEST_EVENT_FORK,    /* this VM has been restored */
	GUEST_EVENT_PERHAPS, /* kernel log records were lost: the signal may have been among them */
	GUEST_EVENT_OTHER,   /* @other is readable (or it is time to look at it) */
};

/*
 * Waits for the signal (hot from the return on). @other is one more descriptor to watch, or -1.
 * The source is armed again when this returns GUEST_EVENT_FORK. Returns an enum guest_event or a
 * negative errno.
 */
int guest_signal_wait(struct guest_signal_source *s, int other);

/*
 * Whether one line of /dev/kmsg ("6,1234,5678,-;text") is the kernel's own message of a fork.
 * What a process wrote into the log is not.
 */
bool guest_is_fork_line(const char *line, size_t len);

#endif
