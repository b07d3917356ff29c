/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fork's network on the host: a TAP with the gateway's address. Forks of one snapshot wake with
 * one address, so each has a network namespace of its own, that of the thread which makes it and
 * starts its VMM: it goes away, with all that is in it, when thread and VMM are gone.
 */
#ifndef FORKSCOPE_NET_TAP_H
#define FORKSCOPE_NET_TAP_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fs_tap_want {
	char name[IFNAMSIZ];
	uint8_t mac[6];   /* the guest's ARP cache may remember it from before the snapshot */
	uint32_t gateway; /* the TAP's own address; host byte order */
	uint8_t prefix;   /* 32 with `guest` set: a route to that guest alone */
	uint32_t guest;   /* 0 = the prefix reaches it */
	uid_t owner;      /* may open it; (uid_t)-1 = root alone */
	gid_t group;
};

/* Moves the calling thread into a new network namespace and brings its loopback up. */
int fs_net_enter_new(char *err, size_t len);

/*
 * Makes a TAP that stays until fs_tap_remove() or the end of its namespace. Returns 0 or a negative
 * errno with a sentence in @err; -EEXIST: a device of this name is there already; -EADDRINUSE: the
 * host has the guest's address itself. Then nothing is left behind.
 */
int fs_tap_make(const struct fs_tap_want *w, char *err, size_t len);

/* Removes a TAP that nobody has open. Returns 0 or a negative errno. */
int fs_tap_remove(const char *name);

/* Whether an interface of this namespace has or reaches at its other end this address. */
bool fs_net_has_address(uint32_t address);

/*
 * Addresses for forks that live in one namespace: those of ADDRESS/PREFIX but the gateway's, the
 * network's and the broadcast address, and any that the host has.
 */
struct fs_pool {
	uint32_t net, gateway;
	uint8_t prefix;
	uint8_t *taken; /* one bit each */
};

/* @text: "172.16.0.0/24". Returns 0 or -EINVAL, -ENOMEM, with a sentence in @err. */
int fs_pool_open(struct fs_pool *p, const char *text, uint32_t gateway, char *err, size_t len);
/* Takes the lowest free address. Returns 0, or -EADDRNOTAVAIL with a sentence in @err. */
int fs_pool_take(struct fs_pool *p, uint32_t *address, char *err, size_t len);
void fs_pool_give(struct fs_pool *p, uint32_t address);
void fs_pool_close(struct fs_pool *p);

#endif
