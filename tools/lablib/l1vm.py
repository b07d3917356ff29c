# SPDX-License-Identifier: BSD-2-Clause
"""One boot of the L1 host VM: starts QEMU, follows the job's output, reports how it ended."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from . import l1state, tsc
from .needs import QEMU
from .proc import die_with_parent
from .say import Waiting

BOOT_SECONDS = 120  # from QEMU's start to L1's word `ready`
# without L1's word `alive` (every 5 s), what it waited for a processor of ours left out: hung
SILENCE_SECONDS = 60
LOOK_SECONDS = 20  # without it: what its CPUs do is written down, for whoever looks for the cause
NUDGE_SECONDS = 0.5  # between the interrupts that L1 gets from here: see _Nudge
POWEROFF_SECONDS = 20  # from the job's exit status to QEMU's end
MEMORY_MIB = 3072
CPUS = 2
# no_timer_check: with QEMU waiting for a processor the check fails ("8254 timer not connected to
# IO-APIC"). loglevel 5: warnings are in the log.
KERNEL_WORDS = ["console=ttyS0", "panic=-1", "oops=panic", "quiet", "loglevel=5", "no_timer_check"]
PANIC = re.compile(
    r"Kernel panic - not syncing.*|Oops: .*|BUG: unable to handle.*|general protection fault.*"
)


class Fault(Exception):
    """The lab itself broke (not the job): L1 did not boot, panicked or hung."""


class JobTimeout(Exception):
    pass


class Tail:
    """Follows a file that another program writes."""

    def __init__(self, path):
        path.touch()
        self.handle = open(path, "rb")  # pylint: disable=consider-using-with

    def more(self):
        return self.handle.read()


def run_delays(pid):
    """{thread: ns for which it wanted a processor and had none}"""
    found = {}
    with contextlib.suppress(
        OSError, ValueError, IndexError
    ):  # it ends, or the kernel does not count that
        for task in Path(f"/proc/{pid}/task").iterdir():
            found[task.name] = int((task / "schedstat").read_text(encoding="ascii").split()[1])
    return found


def silent_seconds(elapsed, before, after):
    """Of `elapsed` seconds without a word: those in which no thread was kept waiting; before and
    after: run_delays()."""
    kept = max((ns - before[task] for task, ns in after.items() if task in before), default=0)
    return max(elapsed - kept / 1e9, 0)


class _Nudge:
    """
    Sends L1 a byte now and then, for the interrupt that comes with it. An emulated CPU was seen
    that did not take the interrupt of its own timer; perhaps another one makes it (a guess:
    docs/lab.md). l1/nudge does it for the CPU that this one does not reach."""

    def __init__(self, path):
        self.path, self.sock, self.due = str(path), None, 0.0

    def look(self):
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + NUDGE_SECONDS
        with contextlib.suppress(
            OSError
        ):  # not listening yet, full, or gone: the next one may get there
            if not self.sock:
                sock = socket.socket(socket.AF_UNIX)
                sock.setblocking(False)
                sock.connect(self.path)
                self.sock = sock
            self.sock.send(b"\n")
            while self.sock.recv(4096):  # L1's own words, which are read from the log
                pass

    def close(self):
        if self.sock:
            self.sock.close()


def _drive(number, serial, path, mode):
    return [
        "-drive",
        f"if=none,id=d{number},format=raw,file={path},{mode}",
        "-device",
        f"virtio-blk-pci,drive=d{number},serial={serial}",
    ]


def command(parts, work, shell, cpus):
    """QEMU's command line; parts: kernel (folder), root, guest, top, out, scratch (images)."""
    line = [
        QEMU,
        "-name",
        "forkscope-l1",
        "-machine",
        "pc",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "EPYC-v4,+svm",
        "-smp",
        str(cpus),
        "-m",
        str(MEMORY_MIB),
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-kernel",
        f"{parts['kernel']}/bzImage",
        "-initrd",
        f"{parts['kernel']}/initrd",
        "-append",
        " ".join([*KERNEL_WORDS, *tsc.kernel_words()]),
        "-chardev",
        f"file,id=kernel,path={work}/kernel.log",
        "-serial",
        "chardev:kernel",
        "-device",
        "virtio-serial-pci",
        "-chardev",
        "stdio,id=stream,signal=off" if shell else f"file,id=stream,path={work}/stream.log",
        "-device",
        "virtconsole,chardev=stream",
        "-chardev",
        f"socket,id=control,path={work}/control.sock,server=on,wait=off,logfile={work}/control.log",
        "-device",
        "virtserialport,chardev=control,name=control",
        "-device",
        "virtio-rng-pci",
        "-qmp",
        f"unix:{work}/qmp.sock,server=on,wait=off",
    ]
    readonly, scratch = "readonly=on", "cache=unsafe,discard=unmap"
    disks = [
        ("root", parts["root"], "snapshot=on"),
        ("modules", f"{parts['kernel']}/modules.img", readonly),
        ("top", parts["top"], readonly),
        ("guest", parts["guest"], readonly),
        ("out", parts["out"], scratch),
        ("scratch", parts["scratch"], scratch),
    ]
    for number, (serial, path, mode) in enumerate(disks):
        line += _drive(number, serial, path, mode)
    return line


def _first_in_line():
    """L1 goes before whatever else is built or tested: starved, it loses its clock's ticks and gets
    nowhere."""
    die_with_parent()
    with contextlib.suppress(OSError):  # only root may
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        # Where the scheduler shares the processors among sessions first, the session has a priority
        # of its own.
        Path("/proc/self/autogroup").write_text("-15", encoding="ascii")


class Boot:
    def __init__(self, parts, work, shell=False, cpus=CPUS):
        self.work = Path(work)
        self.shell = shell
        self.stream = Tail(self.work / "stream.log")
        self.control = Tail(self.work / "control.log")
        self.nudge = _Nudge(self.work / "control.sock")
        self.words, self.looked, self.delays = b"", False, {}
        self.started = self.alive = time.monotonic()
        self.ready_after = None
        self.status = None
        self.waiting = Waiting("L1 to come up")
        with open(self.work / "qemu.log", "wb") as log:
            self.qemu = subprocess.Popen(
                command(parts, work, shell, cpus),
                stdin=None if shell else subprocess.DEVNULL,  # pylint: disable=consider-using-with
                stdout=None if shell else log,
                stderr=log,
                start_new_session=not shell,
                preexec_fn=_first_in_line,
                env=dict(os.environ, TMPDIR=str(work)),
            )

    def _copy_stream(self):
        body = self.stream.more()
        if body:
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()
        return bool(body)

    def _read_control(self):
        self.words += self.control.more()
        *lines, self.words = self.words.split(b"\n")
        for line in lines:
            self.alive = time.monotonic()
            self.waiting, self.delays = Waiting("a sign of life of L1"), run_delays(self.qemu.pid)
            if line == b"ready":
                self.ready_after = self.alive - self.started
            elif line.startswith(b"exit "):
                self.status = int(line.split()[1])

    def _kernel_log(self):
        return (
            (self.work / "kernel.log").read_text(encoding="utf-8", errors="replace")
            if (self.work / "kernel.log").exists()
            else ""
        )

    def _why_ended(self):
        text = self._kernel_log()
        panic = PANIC.search(text)
        if panic:
            return f"L1's kernel panicked: {panic[0].strip()}"
        output = (
            (self.work / "qemu.log")
            .read_text(encoding="utf-8", errors="replace")
            .strip()
            .splitlines()
        )
        return (
            f"QEMU ended with status {self.qemu.returncode}"
            + (f": {output[-1]}" if output else "")
            + "; last words of L1's kernel: "
            + (" / ".join(text.strip().splitlines()[-3:]) or "none")
        )

    def _check(self, deadline):
        now = time.monotonic()
        if self.ready_after is None and now - self.started > BOOT_SECONDS:
            raise Fault(f"L1 did not come up within {BOOT_SECONDS} s")
        if not self.shell:
            self.waiting.look()
        if self.ready_after is not None and not self.shell:
            if now - self.alive > LOOK_SECONDS and not self.looked:
                self.looked = True
                (self.work / "silent.log").write_text(
                    l1state.look(self.work / "qmp.sock"), encoding="utf-8"
                )
            if (
                now - self.alive > SILENCE_SECONDS
                and silent_seconds(now - self.alive, self.delays, run_delays(self.qemu.pid))
                > SILENCE_SECONDS
            ):
                raise Fault(f"L1 hung: no sign of life for {SILENCE_SECONDS} s")
            if deadline and now > deadline:
                raise JobTimeout()

    def follow(self, job_seconds):
        """Streams the output until the job is done; returns its exit status, or raises Fault or
        JobTimeout."""
        try:
            while self.status is None:
                ended = self.qemu.poll() is not None
                self._copy_stream()
                self._read_control()
                self.nudge.look()
                if self.status is None and ended:
                    raise Fault(self._why_ended())
                self._check(
                    self.started + (self.ready_after or 0) + job_seconds
                    if self.ready_after is not None and job_seconds
                    else None
                )
                time.sleep(0.02)
            self._finish()
            return self.status
        finally:
            self.kill()
            self._copy_stream()

    def _finish(self):
        try:
            until = time.monotonic() + POWEROFF_SECONDS
            while self.qemu.poll() is None and time.monotonic() < until:
                self._copy_stream()
                time.sleep(0.02)
        finally:
            self._copy_stream()

    def kill(self):
        self.nudge.close()
        if self.qemu.poll() is None:
            self.qemu.kill()
        self.qemu.wait()
