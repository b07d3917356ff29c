// SPDX-License-Identifier: BSD-2-Clause
/* What a fork needs around its VMM: network, memory file, userfaultfd handler. */
#include "bench/fork_impl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/tree.h"
#include "vmm/jail.h"

#define HANDLER_NS (20ull * 1000 * 1000 * 1000)

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;

static int take_address(struct fs_fork *f)
{
	struct in_addr in;
	int ret;

	pthread_mutex_lock(&pool_lock);
	ret = fs_pool_take(&f->b->pool, &f->address, f->r->why, sizeof(f->r->why));
	pthread_mutex_unlock(&pool_lock);
	if (ret)
		return ret;
	in.s_addr = htonl(f->address);
	inet_ntop(AF_INET, &in, f->payload.ip_text, sizeof(f->payload.ip_text));
	f->payload.ip = f->address;
	/* a MAC of its own, made of the address */
	snprintf(f->payload.mac_text, sizeof(f->payload.mac_text), "06:00:%02x:%02x:%02x:%02x",
		 f->address >> 24, f->address >> 16 & 0xff, f->address >> 8 & 0xff,
		 f->address & 0xff);
	snprintf(f->tap.name, sizeof(f->tap.name), "fsb%u", f->address & 0xffffffu);
	f->tap.guest = f->address;
	f->tap.prefix = 32;
	return 0;
}

int fs_fork_make_network(struct fs_fork *f)
{
	const struct fs_bench_opts *o = &f->b->o;
	struct fs_fork_result *r = f->r;
	int ret;

	if (o->network == FS_NETWORK_NONE)
		return 0;
	memcpy(f->tap.name, o->tap, sizeof(f->tap.name));
	memcpy(f->tap.mac, o->tap_mac, sizeof(f->tap.mac));
	f->tap.gateway = f->payload.gateway;
	f->tap.prefix = f->payload.prefix;
	f->tap.owner = o->plan.jail ? o->plan.jail->uid : (uid_t)-1;
	f->tap.group = o->plan.jail ? o->plan.jail->gid : (gid_t)-1;
	ret = o->network == FS_NETWORK_OWN ? fs_net_enter_new(r->why, sizeof(r->why))
					   : take_address(f);
	if (!ret)
		ret = fs_tap_make(&f->tap, r->why, sizeof(r->why));
	if (ret)
		return ret;
	f->has_tap = true;
	f->at.tap = f->tap.name;
	f->acks = fs_acks_open(f->payload.gateway, f->payload.ack_port,
			       o->network == FS_NETWORK_HOST ? f->tap.name : NULL, r->why,
			       sizeof(r->why));
	return f->acks < 0 ? f->acks : 0;
}

/* A fork that shares a network namespace has an address of its own, and so a mailbox. */
int fs_fork_make_memory(struct fs_fork *f)
{
	struct fs_fork_result *r = f->r;
	int ret;

	f->at.memory = f->t->fd < 0 ? NULL : f->t->memory;
	f->memory = f->t->fd;
	if (f->b->o.network != FS_NETWORK_HOST)
		return 0;
	snprintf(f->copy, sizeof(f->copy), "%s.fork-%zu", f->t->memory, r->number);
	ret = fs_template_copy(f->t, f->b->o.token, f->copy, &f->payload, r->why, sizeof(r->why));
	if (ret)
		return ret;
	f->has_copy = true;
	f->at.memory = f->copy;
	f->memory = open(f->copy, O_RDONLY | O_CLOEXEC);
	if (f->memory < 0)
		return fs_errf(r->why, sizeof(r->why), -errno, "opening %s: %m", f->copy);
	return fs_bench_condition(f->b, f->memory, f->t->state, r->why, sizeof(r->why));
}

int fs_fork_start_handler(struct fs_fork *f)
{
	char *argv[] = {(char *)f->b->o.uffd, f->uffd, (char *)f->at.memory, NULL};
	uint64_t until = fs_mono_ns() + HANDLER_NS;
	struct fs_fork_result *r = f->r;
	char log[PATH_MAX + 16], last[300], how[64];
	int ret;

	if (!f->b->o.uffd)
		return 0;
	snprintf(f->uffd, sizeof(f->uffd), "%s/uffd.sock", f->folder);
	snprintf(log, sizeof(log), "%s/uffd.log", f->folder);
	f->at.uffd = f->uffd;
	ret = fs_process_start(&f->handler, argv, log, r->why, sizeof(r->why));
	while (!ret && access(f->uffd, F_OK)) {
		if (!fs_process_wait(&f->handler, FS_FORK_SLICE_NS / 50))
			ret = fs_errf(r->why, sizeof(r->why), -ECHILD,
				      "the userfaultfd handler %s %s. Its last output: %s",
				      f->b->o.uffd, fs_process_how(&f->handler, how, sizeof(how)),
				      fs_log_tail(log, last, sizeof(last)));
		else if (fs_mono_ns() > until)
			ret = fs_errf(r->why, sizeof(r->why), -ETIMEDOUT,
				      "the userfaultfd handler %s does not listen on %s",
				      f->b->o.uffd, f->uffd);
	}
	return ret;
}

void fs_fork_clean_up(struct fs_fork *f)
{
	fs_fork_end_helper(f);
	fs_vmm_end(&f->vmm);
	fs_process_end(&f->handler);
	if (f->acks >= 0)
		close(f->acks);
	if (f->has_tap && f->b->o.network == FS_NETWORK_HOST)
		fs_tap_remove(f->tap.name);
	if (f->address) {
		pthread_mutex_lock(&pool_lock);
		fs_pool_give(&f->b->pool, f->address);
		pthread_mutex_unlock(&pool_lock);
	}
	if (f->has_copy) {
		if (f->memory >= 0)
			close(f->memory);
		unlink(f->copy);
	}
	fs_remove_tree(f->folder);
	f->r->end_ns = fs_mono_ns();
}
