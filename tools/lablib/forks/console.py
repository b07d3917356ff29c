# SPDX-License-Identifier: BSD-2-Clause
"""A guest's console file: waited on for a word."""
import time
from pathlib import Path

from ..say import LabError

BAD = (b"L2FAILED", b"Kernel panic")


def tail(path, lines=15):
    try:
        return "\n".join(Path(path).read_bytes().decode("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return "(nothing)"


def wait_for(path, word, process, seconds, what):
    until = time.monotonic() + seconds
    while True:
        body = Path(path).read_bytes() if Path(path).exists() else b""
        if word in body:
            return
        bad = next((each for each in BAD if each in body), None)
        why = f"its console says {bad.decode()}" if bad else f"its VMM ended with status {process.returncode}" if process.poll() is not None \
            else f"it did not come within {seconds:g} s" if time.monotonic() > until else None
        if why:
            raise LabError(f"{what}: waiting for {word.decode()}: {why}. The end of the console:\n{tail(path)}")
        time.sleep(0.05)
