#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A VMM as far as packets go: makes a VM and a TAP (in this network namespace), writes packets to it.

Prints the frames' ports and the TAP's name as JSON. To be run under `unshare -n`.
"""
import fcntl
import json
import os
import socket
import struct

KVM_CREATE_VM = 0xAE01
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PAYLOAD = b"stage=mailbox mac=02:00:00:00:00:01 ip=10.0.0.2\n"


def up(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", name, IFF_UP))


def frame(proto, body):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, proto, 0, bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1]))
    return b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\0" + ip + body


def udp(sport, dport, payload):
    return frame(17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload)


def tcp(sport, dport, flags):
    return frame(6, struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 0x50, flags, 1024, 0, 0))


def main():
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH14x", b"fstest0", IFF_TAP | IFF_NO_PI))
    up(b"fstest0")
    arp = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\x06" + b"\0" * 28
    os.write(tap, udp(1, 2, PAYLOAD))   # before there is a VM: nobody's packet
    vm = fcntl.ioctl(os.open("/dev/kvm", os.O_RDWR), KVM_CREATE_VM, 0)
    os.write(tap, arp)                                  # the first packet
    os.write(tap, udp(4711, 5000, PAYLOAD))             # an ack
    os.write(tap, udp(4711, 5001, b"stag"))             # too short for one
    os.write(tap, udp(4711, 5002, b"stage=" + b"x" * 200))   # longer than is kept
    os.write(tap, tcp(22, 40000, 0x12))                 # SYN-ACK
    os.write(tap, tcp(23, 40000, 0x10))                 # a mere ACK
    os.write(tap, udp(1, 2, b"")[:30])                  # cut short
    os.close(vm)
    print(json.dumps({"netns": os.stat("/proc/self/ns/net").st_ino, "pid": os.getpid()}))


if __name__ == "__main__":
    main()
