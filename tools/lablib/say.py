# SPDX-License-Identifier: BSD-2-Clause
"""The one way the lab talks to people: lines on stderr, and errors that end it."""

import sys
import time

_START = time.monotonic()

# Exit statuses of the lab itself; a script's own status is passed through.
FAILED = 1
USAGE = 2
TIMED_OUT = 124
LAB_FAULT = 125


class LabError(Exception):
    """What failed, on what, why, and what to do; `status` is the lab's exit status."""

    def __init__(self, message, status=FAILED):
        super().__init__(message)
        self.status = status


def say(message):
    print(f"lab: {message}", file=sys.stderr, flush=True)


def step(message):
    """Progress of something long, with the seconds since the start."""
    print(f"lab: [{time.monotonic() - _START:6.1f} s] {message}", file=sys.stderr, flush=True)


class Waiting:
    """Of anything that is waited for in a loop: what it is, said every 15 s."""

    EVERY_SECONDS = 15

    def __init__(self, what):
        self.what = what
        self.began = self.shown = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.began

    def look(self, more=""):
        """To be called as often as the loop goes round."""
        now = time.monotonic()
        if now - self.shown >= self.EVERY_SECONDS:
            self.shown = now
            step(f"waiting for {self.what}, {now - self.began:.0f} s by now{more}")
