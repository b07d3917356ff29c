# SPDX-License-Identifier: BSD-2-Clause
"""The page cache of a memory file: emptied, filled, counted."""

import ctypes
import mmap
import os

_PAGE = mmap.PAGESIZE


def drop_all():
    """Everything that is clean; only in L1, where nobody else is."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as handle:
        handle.write("1\n")


def drop(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def fill(path):
    with open(path, "rb", buffering=0) as handle:
        while handle.read(4 << 20):
            pass


def resident(path):
    """Bytes of the file that are in the page cache."""
    with open(path, "rb") as handle, mmap.mmap(
        handle.fileno(), 0, access=mmap.ACCESS_COPY
    ) as memory:
        size = len(memory)
        anchor = ctypes.c_char.from_buffer(memory)
        present = ctypes.create_string_buffer((size + _PAGE - 1) // _PAGE)
        failed = ctypes.CDLL(None).mincore(
            ctypes.c_void_p(ctypes.addressof(anchor)), ctypes.c_size_t(size), present
        )
        del anchor
    return None if failed else present.raw.count(b"\1") * _PAGE
