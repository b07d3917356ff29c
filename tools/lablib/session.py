# SPDX-License-Identifier: BSD-2-Clause
"""A job in L1, from its disks to its exit status: boots, retries a fault of the lab once, brings
the files back."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

from . import build, cache, disks, l1vm, slots, stage
from .say import LAB_FAULT, TIMED_OUT, say, step

OUT_SIZE = 8 << 30  # sparse
SCRATCH_SIZE = 24 << 30  # sparse
TRIES = 2  # boots of L1, if one breaks


class _Stopped(Exception):
    pass


def _on_signal(number, _frame):
    raise _Stopped(number)


def _bring_back(image, folder):
    """The job's files, over what an earlier run may have left there."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as fresh:
        disks.to_folder(image, fresh)
        shutil.copytree(fresh, folder, symlinks=True, dirs_exist_ok=True, copy_function=os.replace)


def _attempt(parts, work, seconds, shell, cpus):
    """One boot. Returns (status, fault): a status, or what broke."""
    boot = l1vm.Boot(parts, work, shell, cpus)
    try:
        return boot.follow(seconds), None
    except l1vm.Fault as fault:
        return None, str(fault)
    except l1vm.JobTimeout:
        say(
            f"the job did not end within its {seconds:g} s: L1 was stopped (--timeout D gives it "
            f"longer)"
        )
        return TIMED_OUT, None


def _keep_logs(work, out):
    kept = Path(out) / ".lab-logs"
    kept.mkdir(parents=True, exist_ok=True)
    for name in ("kernel.log", "qemu.log", "stream.log", "silent.log"):
        if (work / name).exists():
            shutil.copy(work / name, kept / name)
    return kept


def _boot_until_it_holds(parts, work, seconds, out, shell, tries, cpus):
    for attempt in range(1, tries + 1):
        for image, size in (("out", OUT_SIZE), ("scratch", SCRATCH_SIZE)):
            disks.empty(work / f"{image}.img", size, image)
        for name in ("kernel.log", "stream.log", "control.log", "silent.log"):
            (work / name).unlink(missing_ok=True)
        status, fault = _attempt(parts, work, seconds, shell, cpus)
        if fault is None:
            return status
        kept = _keep_logs(work, out)
        say(f"FAULT OF THE LAB, not a result of the job: {fault}. Its logs: {kept}")
        if shell:
            break
        if attempt < tries:
            say("trying once more, from the start")
    return LAB_FAULT


def run(
    kernel,
    words,
    out,
    seconds=600.0,
    files=(),
    extra=None,
    shell=False,
    tries=TRIES,
    cpus=l1vm.CPUS,
):
    """
    Runs a command in L1 and returns its exit status; its files under $OUT are then in the folder
    `out`. tries: boots of L1, should one break; cpus: its processors.
    """
    made = build.parts(kernel)
    old = {
        number: signal.signal(number, _on_signal)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    }
    work = cache.work_folder("run")
    try:
        stage.make(work / "top", work / "top.img", made["waiter"], words, files, extra)
        parts = {
            "kernel": made["kernel"],
            "root": made["root"],
            "guest": made["guest"] / "guest.img",
            "top": work / "top.img",
            "out": work / "out.img",
            "scratch": work / "scratch.img",
        }
        with slots.take(cpus):
            version = (made["kernel"] / "version").read_text(encoding="ascii").strip()
            step(f"booting L1 (emulated, Linux {version})")
            status = _boot_until_it_holds(parts, work, seconds, out, shell, tries, cpus)
        _bring_back(work / "out.img", out)
        return status
    except _Stopped as stopped:
        say(f"stopped by signal {stopped.args[0]}; L1, if it ran, was ended")
        if (work / "out.img").exists():
            _bring_back(work / "out.img", out)
        return 128 + stopped.args[0]
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        shutil.rmtree(work, ignore_errors=True)


def terminal():
    """The terminal's size, for a shell in L1."""
    size = os.get_terminal_size() if os.isatty(0) else os.terminal_size((80, 24))
    return {
        "LAB_MODE": "shell",
        "LAB_ROWS": str(size.lines),
        "LAB_COLUMNS": str(size.columns),
        "TERM": os.environ.get("TERM", "vt100"),
    }
