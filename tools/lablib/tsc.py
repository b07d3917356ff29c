# SPDX-License-Identifier: BSD-2-Clause
"""The frequency of this machine's TSC, which is that of an emulated CPU's too: QEMU's TCG passes on
the host's counter.

L1 is given it (tsc_early_khz): its own measurement, against the emulated PIT, is wrong by a factor
of up to 12 where QEMU has to wait for a processor, and its clock is then as wrong.
"""

import ctypes
import mmap
import platform
import time

SAMPLES = 50  # reads of the clock around one of the counter: the closest counts
APART_SECONDS = 0.1
MOST_ERROR = 0.001
TRIES = 5
_RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret


def _counter():
    """A function that reads the TSC, or None where there is none or no code may be made."""
    if platform.machine() != "x86_64":
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None
    page.write(_RDTSC)
    function = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    function.page = page  # as long as the function lives
    return function


def _sample(counter):
    """(width in ns, ns, counter): of several, the one with the least time between the two looks at
    the clock."""
    found = []
    for _ in range(SAMPLES):
        before = time.monotonic_ns()
        ticks = counter()
        after = time.monotonic_ns()
        found.append((after - before, (before + after) // 2, ticks))
    return min(found)


def khz():
    """In kHz, to a thousandth; None if it cannot be measured here."""
    counter = _counter()
    for _ in range(TRIES if counter else 0):
        first = _sample(counter)
        time.sleep(APART_SECONDS)
        last = _sample(counter)
        passed = last[1] - first[1]
        if (first[0] + last[0]) / 2 <= passed * MOST_ERROR:
            return round((last[2] - first[2]) * 1e6 / passed)
    return None


def kernel_words():
    """For the command line of L1's kernel. Its watchdog stays on (no tsc=reliable): it finds a TSC
    that is wrong for all that."""
    found = khz()
    return [f"tsc_early_khz={found}"] if found else []
