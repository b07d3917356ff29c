# SPDX-License-Identifier: BSD-2-Clause
"""At most two L1 VMs at once on a machine, and only as many as it has two processors for: the others wait, and say so.

Two L1s on two processors take far longer than one after the other: each holds the locks that its other vCPU spins for.
"""
import contextlib
import fcntl
import os
import time

from .say import Waiting, say

MOST, CPUS_EACH = 2, 2
COUNT = max(1, min(MOST, (os.cpu_count() or 1) // CPUS_EACH))
FOLDER = "/run/lock" if os.path.isdir("/run/lock") else "/tmp"


def _open(name):
    path = f"{FOLDER}/forkscope-lab.{name}"
    try:
        return os.open(path, os.O_RDWR)       # made by another user perhaps: then O_CREAT would be refused
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


def _any_slot():
    return next((handle for handle in map(_lock, range(COUNT)) if handle is not None), None)


def _wait_for_slot():
    """In order of arrival: who waits for a slot holds the queue's lock, the others wait for that."""
    queue = _lock("queue")
    handle = _any_slot() if queue is not None else None
    if handle is None:
        say(f"{COUNT} lab VM(s) run on this machine already, as many as it has processors for; waiting for one to end")
    if queue is None:
        queue = _open("queue")
        fcntl.flock(queue, fcntl.LOCK_EX)
    waiting = Waiting("another lab VM to end")
    while handle is None:
        handle = _any_slot()
        if handle is None:
            waiting.look()
            time.sleep(0.3)
    os.close(queue)
    return handle


@contextlib.contextmanager
def take():
    handle = _wait_for_slot()
    try:
        yield
    finally:
        os.close(handle)
