/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets as they leave a VM through its TAP or macvtap: the moment at which the VMM (or the vhost
 * thread working for it) has written one. A TAP's packet is then received by the host, a macvtap's
 * sent on its way out; the other direction of each is what comes to the VM. Everything in a packet
 * is the guest's word: lengths are bounded, nothing is followed.
 */
#include "kvm.bpf.h"

#define ETH_HLEN    14
#define ETH_P_IP    0x0800
#define ETH_P_RARP  0x8035 /* a VMM announcing its guest after a restore: not the guest's */
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define TCP_SYN_ACK 0x12
#define TCP_FLAGS   0x17 /* FIN, SYN, RST, ACK */
#define FS_COPY     96

struct fs_packet {
	unsigned char *l2;
	__u32 len; /* bytes from l2 on */
	__u32 what;
	__u16 proto, sport, dport, payload_len;
	__u32 payload_off;
	__u8 saddr[4], daddr[4];
};

static __always_inline __u16 fs_be16(const __u8 *b)
{
	return (__u16)b[0] << 8 | b[1];
}

static __always_inline void fs_parse_l4(struct fs_packet *k, __u32 off, __u8 proto)
{
	__u8 h[20] = {}, body[8] = {};

	if (bpf_probe_read_kernel(h, proto == IPPROTO_UDP ? 8 : 20, k->l2 + off))
		return;
	k->sport = fs_be16(h);
	k->dport = fs_be16(h + 2);
	if (proto == IPPROTO_TCP) {
		if ((h[13] & TCP_FLAGS) == TCP_SYN_ACK)
			k->what |= FS_NET_SYNACK;
		return;
	}
	off += 8;
	if (off + 6 > k->len || bpf_probe_read_kernel(body, 6, k->l2 + off))
		return;
	if (body[0] != 's' || body[1] != 't' || body[2] != 'a' || body[3] != 'g' ||
	    body[4] != 'e' || body[5] != '=')
		return;
	k->what |= FS_NET_STAGE;
	k->payload_off = off;
	k->payload_len = k->len - off < FS_COPY ? k->len - off : FS_COPY;
}

/* Ethernet and IPv4 headers; what is cut short stays unparsed. */
static __always_inline void fs_parse(struct fs_packet *k)
{
	__u32 ihl, need;
	__u8 h[ETH_HLEN + 20] = {};

	if (k->len < ETH_HLEN || bpf_probe_read_kernel(h, ETH_HLEN, k->l2))
		return;
	k->proto = fs_be16(h + 12);
	if (k->proto != ETH_P_IP || k->len < sizeof(h) ||
	    bpf_probe_read_kernel(h, sizeof(h), k->l2))
		return;
	ihl = (h[ETH_HLEN] & 0xf) * 4;
	if (h[ETH_HLEN] >> 4 != 4 || ihl < 20)
		return;
	__builtin_memcpy(k->saddr, h + ETH_HLEN + 12, 4);
	__builtin_memcpy(k->daddr, h + ETH_HLEN + 16, 4);
	/* A later fragment has no ports. */
	if (fs_be16(h + ETH_HLEN + 6) & 0x1fff)
		return;
	need = h[ETH_HLEN + 9] == IPPROTO_UDP ? 8 : 20;
	if (h[ETH_HLEN + 9] != IPPROTO_UDP && h[ETH_HLEN + 9] != IPPROTO_TCP)
		return;
	if (ETH_HLEN + ihl + need > k->len)
		return;
	fs_parse_l4(k, ETH_HLEN + ihl, h[ETH_HLEN + 9]);
}

enum fs_tap { FS_TAP_NONE, FS_TAP_TUN, FS_TAP_MACVTAP };

/* By the kind of link: "tun"; "macvtap", and "ipvtap", which sends as that does. */
static __always_inline enum fs_tap fs_tap(struct net_device *dev)
{
	const char *kind = BPF_CORE_READ(dev, rtnl_link_ops, kind);
	char b[8] = {};

	if (!kind)
		return FS_TAP_NONE;
	bpf_probe_read_kernel_str(b, sizeof(b), kind);
	if (b[0] == 't' && b[1] == 'u' && b[2] == 'n' && !b[3])
		return FS_TAP_TUN;
	if ((b[0] == 'm' && b[1] == 'a' && b[2] == 'c' && b[3] == 'v' && b[4] == 't') ||
	    (b[0] == 'i' && b[1] == 'p' && b[2] == 'v' && b[3] == 't'))
		return FS_TAP_MACVTAP;
	return FS_TAP_NONE;
}

/*
 * The vhost thread of a traced VMM: a thread of its process from 6.4 on; before, a kernel thread
 * "vhost-PID" (PID of the VMM), which is made known here on first sight.
 */
static FS_SUBPROG int fs_vhost(struct fs_self *s)
{
	char comm[FS_COMM_LEN] = {};
	struct fs_proc *owner, p = {.first_run_ns = 1};
	__u32 pid = 0, tgid = bpf_get_current_pid_tgid() >> 32;

	bpf_get_current_comm(comm, sizeof(comm));
	if (comm[0] != 'v' || comm[1] != 'h' || comm[2] != 'o' || comm[3] != 's' ||
	    comm[4] != 't' || comm[5] != '-')
		return 0;
	for (int i = 6; i < FS_COMM_LEN; i++) {
		if (comm[i] < '0' || comm[i] > '9')
			break;
		pid = pid * 10 + (comm[i] - '0');
	}
	owner = fs_proc_of(pid);
	if (!owner || !owner->vm)
		return 0;
	p.why = owner->why;
	p.vm = owner->vm;
	if (bpf_map_update_elem(&procs, &tgid, &p, BPF_ANY)) {
		fs_lose(p.vm, FS_LOSS_STATE);
		return 0;
	}
	return fs_self(s);
}

/*
 * The payload goes through a buffer of the CPU that any 7-bit length fits into: 6.1's verifier does
 * not follow a length into a record. Nobody else uses it meanwhile: a writer to a TAP has softirqs
 * off, and what interrupts it returns before it comes here.
 */
static __always_inline void fs_fetch(struct fs_cpu *c, struct fs_packet *k)
{
	__u64 n = k->payload_len;

	__builtin_memset(c->scratch, 0, sizeof(c->scratch));
	asm volatile("%0 &= 0x7f" : "+r"(n));
	bpf_probe_read_kernel(c->scratch, n, k->l2 + k->payload_off);
}

static __always_inline void fs_emit_net(struct fs_self *s, struct fs_packet *k,
					struct net_device *dev)
{
	struct fs_cpu *c = fs_cpu();

	if (!c)
		return;
	fs_fetch(c, k);
	FS_EMIT(net_tx, NET_TX, e, s->id, s->vm, 0, bpf_ktime_get_ns())
	{
		e->ifindex = BPF_CORE_READ(dev, ifindex);
		e->netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
		e->what = k->what;
		e->eth_proto = k->proto;
		e->sport = k->sport;
		e->dport = k->dport;
		e->len = k->len;
		__builtin_memcpy(e->saddr, k->saddr, 4);
		__builtin_memcpy(e->daddr, k->daddr, 4);
		e->payload_len = k->payload_len;
		__builtin_memset(e->pad, 0, sizeof(e->pad));
		BPF_CORE_READ_INTO(&e->ifname, dev, name);
		__builtin_memcpy(e->payload, c->scratch, FS_COPY);
	}
}

/* @by: the kind of device whose packets leave a VM on this way. */
static __always_inline int fs_packet(struct sk_buff *skb, enum fs_tap by)
{
	struct fs_packet k = {};
	struct net_device *dev;
	struct fs_self s;
	__u32 irq;

	if (!fs_last_vm)
		return 0;
	/* A packet that comes in while the thread is interrupted is not its own. */
	irq = fs_context() & (FS_W_IRQ | FS_W_SOFTIRQ);
	if (irq)
		return 0;
	if (!fs_self(&s) && !fs_vhost(&s))
		return 0;
	dev = BPF_CORE_READ(skb, dev);
	if (!s.vm || fs_tap(dev) != by)
		return 0;
	k.l2 = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, mac_header);
	/* The linear part: what stands in page fragments is not looked at. */
	k.len = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len) +
		(__u32)(BPF_CORE_READ(skb, data) - k.l2);
	if (k.len > 0xffff)
		return 0;
	fs_parse(&k);
	if (s.p->net_vm != s.vm && k.proto != ETH_P_RARP) {
		s.p->net_vm = s.vm;
		k.what |= FS_NET_FIRST;
	}
	if (k.what)
		fs_emit_net(&s, &k, dev);
	return 0;
}

SEC("?tp_btf/netif_receive_skb")
int FS_PROG(fs_netif_receive_skb, struct sk_buff *skb)
{
	return fs_packet(skb, FS_TAP_TUN);
}

SEC("?tp_btf/netif_rx")
int FS_PROG(fs_netif_rx, struct sk_buff *skb)
{
	return fs_packet(skb, FS_TAP_TUN);
}

SEC("?tp_btf/net_dev_queue")
int FS_PROG(fs_net_dev_queue, struct sk_buff *skb)
{
	return fs_packet(skb, FS_TAP_MACVTAP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
