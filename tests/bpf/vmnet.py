#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A VMM as far as packets go: makes a VM and a TAP (in this network namespace), writes packets to
it.

Prints the frames' ports and the TAP's name as JSON. To be run under `unshare -n`; with --macvtap,
whose device is an end of a veth pair, under `unshare -n -m`.
"""

import fcntl
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

KVM_CREATE_VM = 0xAE01
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PAYLOAD = b"stage=mailbox mac=02:00:00:00:00:01 ip=10.0.0.2\n"


def up(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", name, IFF_UP))


def frame(proto, body):
    ip = struct.pack(
        ">BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(body),
        0,
        0,
        64,
        proto,
        0,
        bytes([10, 0, 0, 2]),
        bytes([10, 0, 0, 1]),
    )
    return b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\0" + ip + body


def udp(sport, dport, payload):
    return frame(17, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload)


def tcp(sport, dport, flags):
    return frame(6, struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 0x50, flags, 1024, 0, 0))


def plain_tap():
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH14x", b"fstest0", IFF_TAP | IFF_NO_PI))
    up(b"fstest0")
    return tap


def macvtap():
    """Its character device, without the header that virtio has; what comes in by the other end is
    the VM's."""
    for words in (
        "add fsv0 type veth peer name fsv1",
        "set fsv0 up",
        "set fsv1 up",
        "add link fsv0 name fstest0 type macvtap mode bridge",
        "set fstest0 up",
    ):
        subprocess.run(["ip", "link", *words.split()], check=True)
    folder = tempfile.mkdtemp()
    subprocess.run(
        ["mount", "-t", "sysfs", "sysfs", folder], check=True
    )  # of this network namespace
    node = next(Path(folder, "class/net/fstest0/macvtap").iterdir())
    major, minor = (node / "dev").read_text(encoding="ascii").split(":")
    subprocess.run(["umount", folder], check=True)
    os.mknod(f"{folder}/tap", 0o600 | stat.S_IFCHR, os.makedev(int(major), int(minor)))
    tap = os.open(f"{folder}/tap", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH14x", b"", IFF_TAP | IFF_NO_PI))
    shutil.rmtree(folder)
    return tap


def main():
    tap = macvtap() if sys.argv[1:] == ["--macvtap"] else plain_tap()
    arp = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\x06" + b"\0" * 28
    os.write(tap, udp(1, 2, PAYLOAD))  # before there is a VM: nobody's packet
    vm = fcntl.ioctl(os.open("/dev/kvm", os.O_RDWR), KVM_CREATE_VM, 0)
    os.write(tap, arp)  # the first packet
    os.write(tap, udp(4711, 5000, PAYLOAD))  # an ack
    os.write(tap, udp(4711, 5001, b"stag"))  # too short for one
    os.write(tap, udp(4711, 5002, b"stage=" + b"x" * 200))  # longer than is kept
    os.write(tap, tcp(22, 40000, 0x12))  # SYN-ACK
    os.write(tap, tcp(23, 40000, 0x10))  # a mere ACK
    os.write(tap, udp(1, 2, b"")[:30])  # cut short
    if sys.argv[1:]:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as other:  # from outside to the VM
            other.bind(("fsv1", 0))
            other.send(udp(1, 7000, PAYLOAD))
    os.close(vm)
    print(json.dumps({"netns": os.stat("/proc/self/ns/net").st_ino, "pid": os.getpid()}))


if __name__ == "__main__":
    main()
