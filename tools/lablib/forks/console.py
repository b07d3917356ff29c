# SPDX-License-Identifier: BSD-2-Clause
"""A guest's console file: waited on for a word. A guest that says nothing for a minute is dead, and
so is one that gets nowhere."""

import re
import time
from pathlib import Path

from ..say import LabError, Waiting

BAD = (b"L2FAILED", b"Kernel panic")
# its init says so every 5 s until the agent is started, what it is doing, and the processor time
# used for that
ALIVE = b"L2ALIVE"
SILENT_SECONDS = 60  # without a line while it boots or arms its recorder
# The init's lines count the guest's own time: a guest that is kept from running says fewer.
SAME_BEATS = (
    12  # lines in a row between which what it does has used no processor time: it stands still
)
MOST_BEATS = 48  # lines in which it does the same thing, whatever else is on the console
_BEAT = re.compile(rb"^L2ALIVE (\w+) (\d+|\?)\r?$", re.MULTILINE)


class DeadGuest(LabError):
    """A guest that died, or stands still: emulation's fault, tried again."""


def tail(path, lines=15):
    try:
        output = Path(path).read_bytes().decode("utf-8", "replace").splitlines()
    except OSError:
        return "(nothing)"
    return (
        "\n".join([line for line in output if ALIVE.decode() not in line][-lines:]) or "(nothing)"
    )


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


def _last_in_common(beats):
    """How many of the last ones are equal."""
    return next(
        (number for number, beat in enumerate(reversed(beats)) if beat != beats[-1]), len(beats)
    )


def gets_nowhere(body):
    """Why the guest with this on its console will not get on, or None: by its init's lines, which
    no other line resets."""
    beats = _BEAT.findall(body)
    if not beats:
        return None
    doing, used = beats[-1]
    same, long = _last_in_common(beats), _last_in_common([beat[0] for beat in beats])
    if used != b"?" and same >= SAME_BEATS:
        return (
            f"dead: {doing.decode()} used no processor time between {same} of its init's lines "
            f"(every 5 s of its own time)"
        )
    if long >= MOST_BEATS:
        return (
            f"dead: {doing.decode()} was not done in {long} of its init's lines (every 5 s of "
            f"its own time)"
        )
    return None


def _why(body, ear, process, waiting, seconds):
    """Why the word will not come any more, or None."""
    bad = next((each for each in BAD if each in body), None)
    if bad:
        return f"its console says {bad.decode()}"
    if process.poll() is not None:
        return f"its VMM ended with status {process.returncode}"
    if ear.silent_for() > SILENT_SECONDS:
        return f"dead: no line on its console for {SILENT_SECONDS} s"
    nowhere = gets_nowhere(body)
    if nowhere:
        return nowhere
    return f"it did not come within {seconds:g} s" if waiting.seconds() > seconds else None


def _doing(body):
    """What its init said last that it does."""
    doing, used = (_BEAT.findall(body) or [(b"", b"?")])[-1]
    return (f"; {doing.decode()}" if doing else "") + (
        f", {used.decode()} ticks of processor time" if used != b"?" else ""
    )


def wait_for(machine, word, seconds, what):
    """Until the machine's console has the word. Raises DeadGuest; what the VMM knows of a guest
    that stands still is then in its text."""
    ear, waiting = _Ear(machine.console), Waiting(f"the guest's '{word.decode()}' ({what})")
    while True:
        body = ear.body()
        if word in body:
            return
        why = _why(body, ear, machine.process, waiting, seconds)
        if why:
            seen = machine.look() if machine.process.poll() is None else ""
            raise DeadGuest(
                f"{what}: waiting for {word.decode()}: {why}. The end of the console:\n"
                f"{tail(machine.console)}\n{seen}".rstrip()
            )
        waiting.look(f"; its console has said nothing for {ear.silent_for():.0f} s{_doing(body)}")
        time.sleep(0.05)
