#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""An agent of the resume-network mailbox, written from the protocol's description alone (signal
vmgenid; a pipe stands for /dev/kmsg). Configured by the protocol's environment; applies with the ip
command.

    peer_agent.py KMSG
"""

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)


def arm(token):
    """The mailbox: 4096 bytes at an address of the allocator's choice, locked."""
    box = ctypes.create_string_buffer(4096)
    if LIBC.mlock(ctypes.byref(box), 4096):
        print("mlock failed", file=sys.stderr)
    # piece by piece: magic and token together must stand in the mailbox alone
    magic = b"HYPEMAN_RESUME_NETWORK_MAILBOX_V1"
    ctypes.memmove(box, magic, len(magic))
    ctypes.memmove(ctypes.addressof(box) + 34, token, len(token))
    return box


def ack(payload, stage, more=""):
    if not payload.get("ack_port"):
        return
    text = f"stage={stage} mac={payload['mac']} ip={payload['ipv4']}{more}\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(text.encode(), (payload["gateway"], payload["ack_port"]))
        except OSError as error:
            print(f"ack {stage}: {error}", file=sys.stderr)


def apply(payload):
    name = payload["interface_name"]
    for words in (
        ["link", "set", name, "address", payload["mac"]],
        ["addr", "flush", "dev", name],
        ["addr", "add", f"{payload['ipv4']}/{payload['prefix']}", "dev", name],
        ["link", "set", name, "up"],
        ["route", "replace", "default", "via", payload["gateway"], "dev", name],
        ["neigh", "flush", "dev", name],
    ):
        subprocess.run(["ip", *words], check=True)


def wait_signal(log):
    while "crng reseeded due to virtual machine fork" not in log.readline():
        pass


def serve(box):
    while struct.unpack_from("<I", box, 64)[0] == 0:
        time.sleep(0.0001)
    length = struct.unpack_from("<I", box, 68)[0]
    payload = json.loads(box.raw[72 : 72 + length])
    if os.environ.get("HYPEMAN_RESUME_NETWORK_ACK_STAGES") == "1":
        ack(payload, "mailbox")
    apply(payload)
    ack(payload, "applied")
    struct.pack_into("<I", box, 64, 0)


def main():
    if os.environ.get("HYPEMAN_RESUME_NETWORK_MAILBOX") != "1":
        sys.exit("not armed")
    box = arm(os.environ["HYPEMAN_RESUME_NETWORK_MAILBOX_TOKEN"].encode())
    with open(sys.argv[1], encoding="ascii") as log:
        while True:
            print("armed", flush=True)
            wait_signal(log)
            serve(box)


main()
