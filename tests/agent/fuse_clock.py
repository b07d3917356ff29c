# SPDX-License-Identifier: BSD-2-Clause
"""A /dev/vmclock0 whose poll() works as the driver's does from Linux 7.0 on: a file of a small FUSE
file system.

poll says readable while the page's sequence count differs from that of the last read through the
same open file (0 for a fresh one); without the notification flag it says hang-up. Only what the
agent needs of the FUSE protocol is spoken."""

import ctypes
import os
import select
import struct
import tempfile
import threading

from environment import clock_page

LIBC = ctypes.CDLL(None, use_errno=True)
INIT, LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, POLL = 26, 1, 2, 3, 14, 15, 18, 25, 40
NOTIFY_POLL, DIRECT_IO = 1, 1
POLLIN, POLLHUP, POLLRDNORM = 0x1, 0x10, 0x40


def _attributes(node, mode, size):
    return struct.pack(
        "<QQQQQQIIIIIIIIII", node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0
    )


class FuseClock:
    def __init__(self, generation=0, flags=0x300, seq=0):
        self.flags, self.seq, self.generation = flags, seq, generation
        self.folder = tempfile.mkdtemp(prefix="fuse-clock-")
        self.fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if LIBC.mount(b"clock", self.folder.encode(), b"fuse", 0, options):
            raise OSError(ctypes.get_errno(), "mounting FUSE")
        self.path = self.folder + "/vmclock0"
        self.lock = threading.Lock()
        self.seen = {}  # open file -> sequence count of its last read
        self.waiting = {}  # open file -> kernel's poll handle
        self.reads = 0
        self.stop = os.pipe()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def bump(self, generation=None):
        """A restore: new count, new generation, and the notification."""
        with self.lock:
            self.seq += 2
            if generation is not None:
                self.generation = generation
            waiting, self.waiting = self.waiting, {}
        for handle in waiting.values():
            os.write(self.fd, struct.pack("<IiQQ", 24, NOTIFY_POLL, 0, handle))

    def close(self):
        LIBC.umount2(self.folder.encode(), 2)
        os.write(self.stop[1], b"x")
        self.thread.join(5)
        os.close(self.fd)
        os.rmdir(self.folder)

    def _events(self, handle):
        if not self.flags & 0x200:
            return POLLHUP
        return POLLIN | POLLRDNORM if self.seen.get(handle, 0) != self.seq else 0

    def _answer(self, opcode, node, body):
        """The reply's body, or a negative errno, or None for no reply."""
        if opcode == INIT:
            major, minor, readahead, _ = struct.unpack_from("<IIII", body)
            return struct.pack(
                "<IIIIHHIIHHI", major, min(minor, 31), readahead, 0, 12, 9, 4096, 1, 0, 0, 0
            ) + bytes(28)
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != b"vmclock0":
                return -2
            return struct.pack("<QQQQII", 2, 0, 0, 0, 0, 0) + _attributes(2, 0o100444, 4096)
        if opcode == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + (
                _attributes(1, 0o40755, 0) if node == 1 else _attributes(2, 0o100444, 4096)
            )
        if opcode == OPEN:
            with self.lock:
                handle = max(self.seen, default=0) + 1
                self.seen[handle] = 0
            return struct.pack("<QII", handle, DIRECT_IO, 0)
        if opcode == READ:
            handle, offset, size = struct.unpack_from("<QQI", body)
            with self.lock:
                self.reads += 1
                self.seen[handle] = self.seq
                page = clock_page(self.generation, self.flags, self.seq).ljust(4096, b"\0")
            return page[offset : offset + size]
        if opcode == POLL:
            handle, kernel, flags, _ = struct.unpack_from("<QQII", body)
            with self.lock:
                events = self._events(handle)
                if flags & 1:
                    self.waiting[handle] = kernel
            return struct.pack("<II", events, 0)
        if opcode == RELEASE:
            with self.lock:
                self.seen.pop(struct.unpack_from("<Q", body)[0], None)
            return b""
        if opcode == FORGET:
            return None
        if opcode == FLUSH:
            return b""
        return -38

    def _serve(self):
        while True:
            ready = select.select([self.fd, self.stop[0]], [], [])[0]
            if self.stop[0] in ready:
                return
            try:
                request = os.read(self.fd, 1 << 17)
            except OSError:
                return
            _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
            reply = self._answer(opcode, node, request[40:])
            if reply is None:
                continue
            error, body = (reply, b"") if isinstance(reply, int) else (0, reply)
            try:
                os.write(self.fd, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
            except OSError:
                pass  # the caller has gone
