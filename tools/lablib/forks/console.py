# SPDX-License-Identifier: BSD-2-Clause
"""A guest's console file: waited on for a word. A guest that says nothing for a minute is dead."""
import time
from pathlib import Path

from ..say import LabError, Waiting

BAD = (b"L2FAILED", b"Kernel panic")
ALIVE = b"L2ALIVE"      # its init says so every 5 s until the agent is started
SILENT_SECONDS = 60     # without a line while it boots or arms its recorder


class DeadGuest(LabError):
    """A guest that died, or stands still: emulation's fault, tried again."""


def tail(path, lines=15):
    try:
        said = Path(path).read_bytes().decode("utf-8", "replace").splitlines()
    except OSError:
        return "(nothing)"
    return "\n".join([line for line in said if ALIVE.decode() not in line][-lines:]) or "(nothing)"


class _Ear:
    """Hears whether a console says anything."""

    def __init__(self, path):
        self.path, self.size, self.heard = Path(path), -1, time.monotonic()

    def body(self):
        body = self.path.read_bytes() if self.path.exists() else b""
        if len(body) != self.size:
            self.size, self.heard = len(body), time.monotonic()
        return body

    def silent_for(self):
        return time.monotonic() - self.heard


def _why(body, ear, process, waiting, seconds):
    """Why the word will not come any more, or None."""
    bad = next((each for each in BAD if each in body), None)
    if bad:
        return f"its console says {bad.decode()}"
    if process.poll() is not None:
        return f"its VMM ended with status {process.returncode}"
    if ear.silent_for() > SILENT_SECONDS:
        return f"dead: no line on its console for {SILENT_SECONDS} s"
    return f"it did not come within {seconds:g} s" if waiting.seconds() > seconds else None


def wait_for(machine, word, seconds, what):
    """Until the machine's console has the word. Raises DeadGuest; what the VMM knows of a guest that stands still is then in its text."""
    ear, waiting = _Ear(machine.console), Waiting(f"the guest's '{word.decode()}' ({what})")
    while True:
        body = ear.body()
        if word in body:
            return
        why = _why(body, ear, machine.process, waiting, seconds)
        if why:
            seen = machine.look() if machine.process.poll() is None else ""
            raise DeadGuest(f"{what}: waiting for {word.decode()}: {why}. The end of the console:\n{tail(machine.console)}\n{seen}".rstrip())
        waiting.look(f"; its console has said nothing for {ear.silent_for():.0f} s")
        time.sleep(0.05)
