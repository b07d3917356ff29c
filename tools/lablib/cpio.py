# SPDX-License-Identifier: BSD-2-Clause
"""A writer of the kernel's initramfs format (cpio, "newc"), uncompressed.

Not cpio(1): it archives files only, so that all would be written to a folder first (40 MiB take
0.27 s instead of 0.12), and a device could be put there by root alone.
"""

import stat


class Writer:
    def __init__(self):
        self._parts = []
        self._inode = 0

    def _entry(self, name, mode, body=b"", device=(0, 0)):
        self._inode += 1
        fields = (
            self._inode,
            mode,
            0,
            0,
            2 if stat.S_ISDIR(mode) else 1,
            0,
            len(body),
            0,
            0,
            device[0],
            device[1],
            len(name) + 1,
            0,
        )
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        self._parts.append(head + b"\0" * (-len(head) % 4) + body + b"\0" * (-len(body) % 4))

    def folder(self, name):
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, body, executable=False):
        self._entry(name, stat.S_IFREG | (0o755 if executable else 0o644), body)

    def link(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name, major, minor):
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self):
        """The archive; padded so that another may follow it."""
        inode, self._inode = self._inode, -1
        self._entry("TRAILER!!!", 0)
        self._inode = inode
        body = b"".join(self._parts)
        self._parts.pop()
        return body + b"\0" * (-len(body) % 512)
