# SPDX-License-Identifier: BSD-2-Clause
"""forkscope record, around the forks."""

import os
import signal
import subprocess
import threading
import time

from ..build import TOP
from ..proc import die_with_parent
from ..say import LabError, Waiting, say, step

ARMED = "forkscope: recording"
ARM_SECONDS, END_SECONDS = 240, 300
FINE = (0, 3)


def program():
    return TOP / ".output/forkscope"


class Recorder:
    def __init__(self, out, more):
        self.log = out.with_name(out.stem + ".record.log")
        self._armed = threading.Event()
        command = [str(program()), "record", "--all", "-o", str(out), *more]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=die_with_parent
        )  # pylint: disable=consider-using-with
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self._wait_armed()

    def _read(self):
        with open(self.log, "wb") as log:
            for line in self.process.stderr:
                log.write(line)
                log.flush()
                if line.decode("utf-8", "replace").startswith(ARMED):
                    self._armed.set()

    def _said(self):
        return self.log.read_text(encoding="utf-8", errors="replace").strip() or "(nothing)"

    def _wait_armed(self):
        waiting = Waiting("forkscope record to arm")
        while not self._armed.wait(0.05):
            waiting.look()
            if self.process.poll() is not None:
                self._thread.join(5)
                raise LabError(
                    f"forkscope record ended with status {self.process.returncode} before it "
                    f"recorded. It said:\n{self._said()}"
                )
            if waiting.seconds() > ARM_SECONDS:
                self.process.kill()
                raise LabError(
                    f"forkscope record did not say '{ARMED}' within {ARM_SECONDS} s. It said:\n"
                    f"{self._said()}"
                )
        step("forkscope is recording")

    def stop(self):
        """Ends the recording; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        waiting = Waiting("forkscope record to end")
        while (status := self.process.poll()) is None:
            waiting.look()
            if waiting.seconds() > END_SECONDS:
                self.process.kill()
                raise LabError(
                    f"forkscope record did not end within {END_SECONDS} s of SIGINT. It said:\n"
                    f"{self._said()}"
                )
            time.sleep(0.05)
        self._thread.join(5)
        if status not in FINE:
            say(f"forkscope record ended with status {status}. It said:\n{self._said()}")
        return status


def _memfile(path):
    """Words that tell the recorder of the file in which the guest's recorder is, if it takes
    them."""
    known = subprocess.run(
        [str(program()), "record", "--help"], capture_output=True, text=True, check=False
    )
    return ["--memfile", str(path)] if "--memfile" in known.stdout + known.stderr else []


def start(arguments, out, memfile):
    """A recorder, or None where none is wanted or none is built."""
    if arguments.no_record:
        return None
    if not os.access(program(), os.X_OK):
        say(
            "forkscope is not built (.output/forkscope): the forks run without a recording; run "
            "`make` first, or say --no-record"
        )
        return None
    return Recorder(out, [*(_memfile(memfile) if arguments.arm else []), *arguments.record_arg])
