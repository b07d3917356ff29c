# SPDX-License-Identifier: BSD-2-Clause
"""Collects one fork's acks, each with the CLOCK_MONOTONIC time at which it was read."""

import threading
import time


class Waiter:
    def __init__(self, sock, last):
        self.acks = []
        self.last = last
        self._sock = sock
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        while True:
            try:
                body = self._sock.recv(2048)
            except OSError:
                return
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            if body == b"" or not body.startswith(b"stage="):
                continue
            text = body.decode("ascii", "replace").strip()
            stage = text.split()[0][len("stage=") :]
            self.acks.append({"stage": stage, "at_ns": now, "text": text})
            if stage == self.last:
                self._done.set()

    def wait(self, seconds):
        """True if the last ack came."""
        return self._done.wait(seconds)

    def close(self):
        self._sock.close()
