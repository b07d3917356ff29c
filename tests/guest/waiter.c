// SPDX-License-Identifier: BSD-2-Clause
// The guest program of the tests: arms a resume-network mailbox, waits for the resume signal,
// touches a stated working set, decodes the mailbox, sends the UDP acks, applies the address, and
// arms itself again. Static, no threads.
//
// Configured by its environment (in the lab: by words of the kernel's command line):
//   HYPEMAN_RESUME_NETWORK_MAILBOX_TOKEN  token beside the magic (up to 30 bytes)
//   HYPEMAN_RESUME_NETWORK_SIGNAL         auto | vmclock | vmgenid | vmclock-spin (empty: auto), or
//                                         none: no signal, look at the mailbox every millisecond
//   HYPEMAN_RESUME_NETWORK_ACK_STAGES=1   also send the `mailbox` ack
//   HYPEMAN_RESUME_NETWORK_DEBUG_STAGES=1 also send signal_seen, mailbox_seen, netlink_start,
//   netlink_done fs_touch=8MiB        how much of the arena to touch in each fork (0: nothing)
//   fs_arena=64MiB       memory filled before the snapshot (default: four times fs_touch)
//   fs_touch_mode=read|write   fs_touch_order=stride|seq   fs_touch_when=before|after (the mailbox
//   is decoded) fs_touched_ack=1     send `stage=touched` last fs_pio=0xf4          after decoding,
//   write one byte to this I/O port fs_touch_mark=1    mark.h: before touching and after it
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "mark.h"

enum {
	PAGE = 4096,
	TOKEN_OFF = 34,
	TOKEN_MAX = 30,
	SEQ_OFF = 64,
	LEN_OFF = 68,
	PAYLOAD_OFF = 72,
	PAYLOAD_MAX = PAGE - PAYLOAD_OFF,
	CLOCK_FLAGS_OFF = 24,
	CLOCK_GENERATION_OFF = 104,
	CLOCK_SIZE = 112,
	STRIDE = 7919, // prime: visits every page of an arena that is no multiple of it
};
static const uint64_t CLOCK_HAS_GENERATION = 1 << 8, CLOCK_HAS_NOTIFICATION = 1 << 9;
static const char FORK_LINE[] = "crng reseeded due to virtual machine fork";

struct settings {
	char interface[IFNAMSIZ], mac[18], ipv4[16], gateway[16];
	int prefix, ack_port;
};

struct signal_source {
	enum { VMCLOCK, VMGENID, SPIN, NONE } kind;
	int fd;
	volatile uint64_t *generation_word; // SPIN only
	uint64_t generation;
};

struct arena {
	uint8_t *base;
	size_t pages, touched;
	bool write, sequential, after, ack, mark;
};

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void nap_us(long us)
{
	nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

static void fail(const char *what)
{
	printf("L2FAILED: %s: %s\n", what, strerror(errno));
	exit(1);
}

static const char *setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);
	return value && *value ? value : fallback;
}

static bool is_set(const char *name)
{
	return !strcmp(setting(name, ""), "1");
}

static size_t size_setting(const char *name, size_t fallback)
{
	const char *value = setting(name, NULL);
	if (!value)
		return fallback;
	char *end;
	size_t n = strtoull(value, &end, 0);
	return *end == 'K' ? n << 10 : *end == 'M' ? n << 20 : *end == 'G' ? n << 30 : n;
}

// ---- the mailbox

static uint8_t *arm_mailbox(const char *token)
{
	uint8_t *box = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (box == MAP_FAILED || mlock(box, PAGE))
		fail("mailbox page");
	memcpy(box, "HYPEMAN_RESUME_NETWORK_MAILBOX_V1", TOKEN_OFF);
	memcpy(box + TOKEN_OFF, token, strnlen(token, TOKEN_MAX));
	return box;
}

static uint32_t *sequence_of(uint8_t *box)
{
	return (uint32_t *)(box + SEQ_OFF);
}

// The value of "key" in a flat JSON object, as text; false if absent or too long.
static bool json_value(const char *json, const char *key, char *into, size_t room)
{
	char quoted[40];
	snprintf(quoted, sizeof quoted, "\"%s\"", key);
	const char *at = strstr(json, quoted);
	if (!at)
		return false;
	at += strlen(quoted);
	at += strspn(at, " \t\r\n:");
	size_t n = *at == '"' ? strcspn(++at, "\"") : strcspn(at, ",} \t\r\n");
	if (n >= room)
		return false;
	memcpy(into, at, n);
	into[n] = 0;
	return true;
}

static bool decode(const uint8_t *box, struct settings *s)
{
	char json[PAYLOAD_MAX + 1], number[12];
	uint32_t length;
	memcpy(&length, box + LEN_OFF, sizeof length);
	if (length < 1 || length > PAYLOAD_MAX)
		return false;
	memcpy(json, box + PAYLOAD_OFF, length);
	json[length] = 0;
	if (!json_value(json, "interface_name", s->interface, sizeof s->interface) ||
	    !json_value(json, "mac", s->mac, sizeof s->mac) ||
	    !json_value(json, "ipv4", s->ipv4, sizeof s->ipv4) ||
	    !json_value(json, "gateway", s->gateway, sizeof s->gateway) ||
	    !json_value(json, "prefix", number, sizeof number))
		return false;
	s->prefix = atoi(number);
	s->ack_port = json_value(json, "ack_port", number, sizeof number) ? atoi(number) : 0;
	return s->prefix >= 0 && s->prefix <= 32;
}

static bool await_payload(uint8_t *box)
{
	for (int tries = 0; tries < 200; tries++) {
		if (__atomic_load_n(sequence_of(box), __ATOMIC_ACQUIRE) == 1)
			return true;
		nap_us(1000);
	}
	return false;
}

// ---- the resume signal

static uint64_t clock_field(int fd, off_t offset)
{
	uint8_t page[CLOCK_SIZE];
	uint64_t value;
	if (pread(fd, page, sizeof page, 0) != (ssize_t)sizeof page)
		fail("reading /dev/vmclock0");
	memcpy(&value, page + offset, sizeof value);
	return value;
}

static int open_kmsg(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
		fail("/dev/kmsg");
	return fd;
}

static struct signal_source open_signal(const char *name)
{
	struct signal_source s = {.kind = VMCLOCK, .fd = -1};
	bool automatic = !strcmp(name, "auto");
	if (!strcmp(name, "vmgenid")) {
		s.kind = VMGENID;
		s.fd = open_kmsg();
		return s;
	}
	if (!strcmp(name, "none")) {
		s.kind = NONE;
		return s;
	}
	s.fd = open("/dev/vmclock0", O_RDONLY | O_CLOEXEC);
	uint64_t flags = s.fd < 0 ? 0 : clock_field(s.fd, CLOCK_FLAGS_OFF);
	uint64_t wanted =
		CLOCK_HAS_GENERATION | (!strcmp(name, "vmclock-spin") ? 0 : CLOCK_HAS_NOTIFICATION);
	if ((flags & wanted) != wanted) {
		if (!automatic)
			fail("/dev/vmclock0 is absent or lacks what the signal needs");
		if (s.fd >= 0)
			close(s.fd);
		s.kind = VMGENID;
		s.fd = open_kmsg();
		return s;
	}
	s.generation = clock_field(s.fd, CLOCK_GENERATION_OFF);
	if (!strcmp(name, "vmclock-spin")) {
		uint8_t *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, s.fd, 0);
		if (page == MAP_FAILED)
			fail("mapping /dev/vmclock0");
		s.kind = SPIN;
		s.generation_word = (volatile uint64_t *)(page + CLOCK_GENERATION_OFF);
	}
	return s;
}

static void wait_vmclock(struct signal_source *s)
{
	for (;;) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			fail("poll of /dev/vmclock0");
		uint64_t generation = clock_field(s->fd, CLOCK_GENERATION_OFF);
		if (generation != s->generation) {
			s->generation = generation;
			return;
		}
		nap_us(1000); // kernels before 7.0 call it always ready
	}
}

static void wait_vmgenid(struct signal_source *s)
{
	char line[8192];
	for (;;) {
		ssize_t n = read(s->fd, line, sizeof line - 1);
		if (n < 0 && errno != EINTR && errno != EPIPE)
			fail("reading /dev/kmsg");
		line[n > 0 ? n : 0] = 0;
		if (strstr(line, FORK_LINE))
			return;
	}
}

static void wait_spin(struct signal_source *s)
{
	while (*s->generation_word == s->generation)
		__builtin_ia32_pause();
	s->generation = *s->generation_word;
}

static void wait_payload(uint8_t *box)
{
	while (__atomic_load_n(sequence_of(box), __ATOMIC_ACQUIRE) != 1)
		nap_us(1000);
}

static void wait_signal(struct signal_source *s, uint8_t *box)
{
	switch (s->kind) {
	case VMCLOCK:
		wait_vmclock(s);
		break;
	case VMGENID:
		wait_vmgenid(s);
		break;
	case SPIN:
		wait_spin(s);
		break;
	case NONE:
		wait_payload(box);
		break;
	}
}

// ---- the working set

static const char TOUCHED_MARK[] = "FORKSCOPE_TOUCHED_PAGE";

static size_t touched_page(const struct arena *a, size_t i)
{
	return a->sequential ? i : i * STRIDE % a->pages;
}

static struct arena fill_arena(void)
{
	size_t touch = size_setting("fs_touch", 0);
	struct arena a = {.touched = touch / PAGE};
	a.write = !strcmp(setting("fs_touch_mode", "read"), "write");
	a.sequential = !strcmp(setting("fs_touch_order", "stride"), "seq");
	a.after = !strcmp(setting("fs_touch_when", "before"), "after");
	a.ack = is_set("fs_touched_ack");
	a.mark = is_set("fs_touch_mark");
	a.pages = size_setting("fs_arena", touch * 4) / PAGE;
	if (a.pages % STRIDE == 0 && a.pages)
		a.pages--;
	if (a.touched > a.pages)
		a.touched = a.pages;
	if (!a.pages)
		return a;
	uint8_t *base = mmap(NULL, a.pages * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		fail("working set");
	madvise(base, a.pages * PAGE, MADV_NOHUGEPAGE);
	if (mlock(base, a.pages * PAGE))
		fail("locking the working set");
	a.base = base;
	for (size_t i = 0; i < a.pages; i++)
		memset(base + i * PAGE, (int)(i * 31 + 1), PAGE);
	// For whoever looks into the memory file: which pages will be touched.
	for (size_t i = 0; i < a.touched; i++)
		memcpy(base + touched_page(&a, i) * PAGE, TOUCHED_MARK, sizeof TOUCHED_MARK);
	return a;
}

static void touch_arena(const struct arena *a)
{
	static volatile uint8_t sink;
	if (a->mark)
		mark(MARK_BEGIN);
	for (size_t i = 0; i < a->touched; i++) {
		volatile uint8_t *page = a->base + touched_page(a, i) * PAGE;
		if (a->write)
			*page += 1;
		else
			sink += *page;
	}
	if (a->mark)
		mark(MARK_OVER);
}

// ---- acks and the address

static void send_ack(const struct settings *s, const char *stage, const char *more)
{
	if (!s->ack_port)
		return;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->ack_port)};
	inet_pton(AF_INET, s->gateway, &to.sin_addr);
	char text[256];
	int n = snprintf(text, sizeof text, "stage=%s mac=%s ip=%s%s\n", stage, s->mac, s->ipv4,
			 more);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, n, 0, (struct sockaddr *)&to, sizeof to) != n)
		printf("L2ACK: stage=%s: %s\n", stage, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void send_debug_ack(const struct settings *s, const char *stage, uint64_t signal_us)
{
	char more[96];
	if (!is_set("HYPEMAN_RESUME_NETWORK_DEBUG_STAGES"))
		return;
	snprintf(more, sizeof more, " guest_signal_to_%s_us=%llu", stage,
		 (unsigned long long)(now_us() - signal_us));
	send_ack(s, stage, more);
}

static void interface_request(int fd, unsigned long request, struct ifreq *r, const char *what)
{
	if (ioctl(fd, request, r))
		printf("L2APPLY: %s: %s\n", what, strerror(errno));
}

static void set_mac(int fd, struct ifreq r, const char *mac)
{
	unsigned int b[6];
	if (sscanf(mac, "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
		return;
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	for (int i = 0; i < 6; i++)
		r.ifr_hwaddr.sa_data[i] = (char)b[i];
	interface_request(fd, SIOCSIFHWADDR, &r, "mac");
}

static void apply(const struct settings *s)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {0};
	memcpy(r.ifr_name, s->interface, sizeof r.ifr_name);
	set_mac(fd, r, s->mac);
	struct sockaddr_in *address = (struct sockaddr_in *)&r.ifr_addr;
	address->sin_family = AF_INET;
	inet_pton(AF_INET, s->ipv4, &address->sin_addr);
	interface_request(fd, SIOCSIFADDR, &r, "address");
	address->sin_addr.s_addr = s->prefix ? htonl(~0u << (32 - s->prefix)) : 0;
	interface_request(fd, SIOCSIFNETMASK, &r, "netmask");
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
	struct sockaddr_in gateway = {.sin_family = AF_INET}, any = {.sin_family = AF_INET};
	inet_pton(AF_INET, s->gateway, &gateway.sin_addr);
	memcpy(&route.rt_gateway, &gateway, sizeof gateway);
	memcpy(&route.rt_dst, &any, sizeof any);
	memcpy(&route.rt_genmask, &any, sizeof any);
	if (ioctl(fd, SIOCADDRT, &route) && errno != EEXIST)
		printf("L2APPLY: route: %s\n", strerror(errno));
	close(fd);
}

static void serve(uint8_t *box, const struct arena *arena, int pio)
{
	uint64_t signal_us = now_us();
	struct settings s = {0};
	if (!arena->after)
		touch_arena(arena);
	if (!await_payload(box) || !decode(box, &s)) {
		printf("L2MAILBOX: empty or malformed\n");
		return;
	}
	if (pio >= 0)
		outb(1, (unsigned short)pio);
	send_debug_ack(&s, "signal_seen", signal_us);
	send_debug_ack(&s, "mailbox_seen", signal_us);
	if (is_set("HYPEMAN_RESUME_NETWORK_ACK_STAGES"))
		send_ack(&s, "mailbox", "");
	send_debug_ack(&s, "netlink_start", signal_us);
	apply(&s);
	send_debug_ack(&s, "netlink_done", signal_us);
	send_ack(&s, "applied", "");
	if (arena->after)
		touch_arena(arena);
	if (arena->ack)
		send_ack(&s, "touched", "");
	__atomic_store_n(sequence_of(box), 0, __ATOMIC_RELEASE);
}

static unsigned long long physical(const void *page)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0 ||
	    pread(fd, &entry, sizeof entry, (off_t)((uintptr_t)page / PAGE * sizeof entry)) !=
		    (ssize_t)sizeof entry)
		entry = 0;
	if (fd >= 0)
		close(fd);
	return (entry & ((1ull << 55) - 1)) * PAGE;
}

int main(void)
{
	static const char *const NAMES[] = {"vmclock", "vmgenid", "vmclock-spin", "none"};
	setvbuf(stdout, NULL, _IOLBF, 0);
	int pio = (int)strtol(setting("fs_pio", "-1"), NULL, 0);
	struct signal_source source = open_signal(setting("HYPEMAN_RESUME_NETWORK_SIGNAL", "auto"));
	struct arena arena = fill_arena();
	if (pio >= 0 && iopl(3))
		fail("iopl");
	uint8_t *box = arm_mailbox(setting("HYPEMAN_RESUME_NETWORK_MAILBOX_TOKEN", "forkscope"));
	printf("L2READY signal=%s mailbox=0x%llx\n", NAMES[source.kind], physical(box));
	for (;;) {
		wait_signal(&source, box);
		serve(box, &arena, pio);
		printf("L2SERVED\n");
	}
}
