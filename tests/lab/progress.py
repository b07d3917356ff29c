# SPDX-License-Identifier: BSD-2-Clause
"""What a program that runs silently into a file is doing: its last line every 15 s, and at once
that emulation broke."""

import threading
import time

EVERY_SECONDS = 15
FAULT = "FAULT OF THE LAB"


class Watch:
    """While this is open: follows the file `path` and passes it to say()."""

    def __init__(self, path, say):
        self.path, self.say = path, say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _name(self):
        return self.path.parent.name

    def _follow(self):
        began = shown = time.monotonic()
        last, rest = "nothing yet", ""
        with open(self.path, encoding="utf-8", errors="replace") as log:
            ended = False
            while not ended:
                ended = self._stop.wait(0.5)
                *lines, rest = (rest + log.read()).split("\n")
                for line in filter(None, map(str.strip, lines)):
                    last = line
                    if FAULT in line:
                        self.say(f"{self._name()}: {line}")
                now = time.monotonic()
                if not ended and now - shown >= EVERY_SECONDS:
                    shown = now
                    self.say(
                        f"{self._name()}: running for {now - began:.0f} s, last said: {last[:160]}"
                    )
