# SPDX-License-Identifier: BSD-2-Clause
"""No more processors of L1 VMs at once on a machine than it has, and at most four: the others wait,
and say so.

Two L1s of two processors each on two processors take far longer than one after the other: each
holds the locks that its other vCPU spins for. Two of one processor each have nobody to spin for,
and run side by side."""

import contextlib
import fcntl
import os
import time

from .say import Waiting, say

MOST = 4
COUNT = max(1, min(MOST, os.cpu_count() or 1))
FOLDER = "/run/lock" if os.path.isdir("/run/lock") else "/tmp"


def _open(name):
    path = f"{FOLDER}/forkscope-lab.{name}"
    try:
        return os.open(
            path, os.O_RDWR
        )  # made by another user perhaps: then O_CREAT would be refused
    except FileNotFoundError:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        os.fchmod(handle, 0o666)
        return handle


def _lock(name):
    """The open lock, or None if another holds it."""
    handle = _open(name)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return handle
    except BlockingIOError:
        os.close(handle)
        return None


def _add_slots(held, wanted, count):
    """Takes of the slots that are free what is still wanted; they are named after their
    processors."""
    for number in range(count):
        if len(held) < wanted:
            handle = _lock(f"cpu{number}")
            held += [handle] if handle is not None else []
    return len(held) >= wanted


def _wait_for_slots(wanted, count):
    """In order of arrival: who waits for slots holds the queue's lock, the others wait for that."""
    queue, held = _lock("queue"), []
    if queue is None or not _add_slots(held, wanted, count):
        say(
            f"other lab VMs run on this machine already, with as many processors as it has for "
            f"them ({count}); waiting for one to end"
        )
    if queue is None:
        queue = _open("queue")
        fcntl.flock(queue, fcntl.LOCK_EX)
    waiting = Waiting("another lab VM to end")
    while not _add_slots(held, wanted, count):
        waiting.look()
        time.sleep(0.3)
    os.close(queue)
    return held


@contextlib.contextmanager
def take(cpus, count=COUNT):
    """For an L1 of so many processors. Of a machine that has fewer it gets all."""
    held = _wait_for_slots(min(cpus, count), count)
    try:
        yield
    finally:
        for handle in held:
            os.close(handle)
