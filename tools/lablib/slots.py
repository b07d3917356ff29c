# SPDX-License-Identifier: BSD-2-Clause
"""At most two L1 VMs at once on a machine, and only as many as it has two processors for: the others wait, and say so.

Two L1s on two processors take far longer than one after the other: each holds the locks that its other vCPU spins for.
"""
import contextlib
import fcntl
import os
import time

from .say import say

MOST, CPUS_EACH = 2, 2
COUNT = max(1, min(MOST, (os.cpu_count() or 1) // CPUS_EACH))
FOLDER = "/run/lock" if os.path.isdir("/run/lock") else "/tmp"


def _open(number):
    path = f"{FOLDER}/forkscope-lab.{number}"
    try:
        return os.open(path, os.O_RDWR)       # made by another user perhaps: then O_CREAT would be refused
    except FileNotFoundError:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        os.fchmod(handle, 0o666)
        return handle


def _try_take():
    for number in range(COUNT):
        handle = _open(number)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            os.close(handle)
    return None


@contextlib.contextmanager
def take():
    handle = _try_take()
    said = False
    while handle is None:
        if not said:
            say(f"{COUNT} lab VM(s) run on this machine already, as many as it has processors for; waiting for one to end")
            said = True
        time.sleep(0.5)
        handle = _try_take()
    try:
        yield
    finally:
        os.close(handle)
