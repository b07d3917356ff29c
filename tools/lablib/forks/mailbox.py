# SPDX-License-Identifier: BSD-2-Clause
"""The resume-network mailbox: found in a memory file by magic and token, and filled in."""

import json
import mmap
import struct

from ..say import LabError

MAGIC = b"HYPEMAN_RESUME_NETWORK_MAILBOX_V1\0"
TOKEN_SIZE, SEQUENCE, LENGTH, PAYLOAD, SIZE = 30, 64, 68, 72, 4096
ACK_PORT = 9797
GATEWAY = "172.16.0.1"
CONTENT = {
    "interface_name": "eth0",
    "mac": "06:00:ac:10:00:22",
    "ipv4": "172.16.0.2",
    "prefix": 29,
    "gateway": GATEWAY,
    "ack_port": ACK_PORT,
}


def _find(memory, token):
    wanted = MAGIC + token.encode().ljust(TOKEN_SIZE, b"\0")
    found, at = [], memory.find(wanted)
    while at >= 0:
        if at % 8 == 0 and at + SIZE <= len(memory):
            found.append(at)
        at = memory.find(wanted, at + 1)
    return found


def patch(path, token):
    """Writes payload, length and sequence, in that order; returns the mailbox's offset in the
    file."""
    body = json.dumps(CONTENT).encode()
    with open(path, "r+b") as handle, mmap.mmap(handle.fileno(), 0) as memory:
        found = _find(memory, token)
        if len(found) != 1:
            raise LabError(
                f"patching the mailbox in {path}: found {len(found)} with token '{token}', need "
                f"exactly one"
            )
        at = found[0]
        memory[at + PAYLOAD : at + PAYLOAD + len(body)] = body
        memory[at + LENGTH : at + LENGTH + 4] = struct.pack("<I", len(body))
        memory[at + SEQUENCE : at + SEQUENCE + 4] = struct.pack("<I", 1)
        memory.flush()
    return at
