#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A host of the resume-network and fork mailbox protocols, written from the protocol's description
alone: it shares no code and no constants with forkscope, so that the two can be held against each
other.

    peer_patcher.py FILE TOKEN PAYLOAD           fills the resume-network mailbox
    peer_patcher.py FILE TOKEN PAYLOAD NAME      fills the fork mailbox NAME
"""

import mmap
import struct
import sys

RESUME = b"HYPEMAN_RESUME_NETWORK_MAILBOX_V1\x00"
FORK = b"HYPEMAN_FORK_MAILBOX_V1\x00"


def head(token, name=None):
    """(the bytes that mark the mailbox, offset of its sequence)"""
    if name is None:
        return RESUME + token.ljust(30, b"\x00"), 64
    return (FORK + name + b"\x00" + token).ljust(256, b"\x00"), 256


def patch(path, token, payload, name=None):
    """Payload, then length, then sequence. Returns the mailbox's offset."""
    wanted, sequence = head(token, name)
    with open(path, "r+b") as handle, mmap.mmap(handle.fileno(), 0) as memory:
        at = memory.find(wanted)
        if at < 0 or memory.find(wanted, at + 1) >= 0:
            raise SystemExit("not exactly one mailbox")
        start = at + sequence + 8
        memory[start : start + len(payload)] = payload
        memory[at + sequence + 4 : at + sequence + 8] = struct.pack("<I", len(payload))
        memory[at + sequence : at + sequence + 4] = struct.pack("<I", 1)
    return at


def arm(token, name=None):
    """An empty mailbox, as an agent makes it."""
    return head(token, name)[0].ljust(4096, b"\x00")


def read(page, name=None):
    """(sequence, payload) of a mailbox, as an agent reads it."""
    at = 64 if name is None else 256
    sequence, length = struct.unpack_from("<II", page, at)
    return sequence, bytes(page[at + 8 : at + 8 + length])


if __name__ == "__main__":
    words = [word.encode() for word in sys.argv[1:]]
    print(hex(patch(words[0], words[1], words[2], *words[3:4])))
