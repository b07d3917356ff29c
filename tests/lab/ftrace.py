# SPDX-License-Identifier: BSD-2-Clause
"""An independent witness: ftrace instances with the clock `mono`, and what their text says.

The tracer under test uses BPF; these use the kernel's own ring and its text, and share no code with
it."""

import contextlib
import os
import re
import shutil
from collections import namedtuple
from pathlib import Path

TRACING = Path("/sys/kernel/tracing")
# Kernels name the place where a quota is used up differently; the first that the kernel knows is
# taken.
THROTTLED_AT = ("throttle_cfs_rq_work", "throttle_cfs_rq")
EVENTS = {
    "run": ["sched/sched_switch", "sched/sched_waking"],
    "switch": ["sched/sched_switch", "kprobes/fs_throttled"],
    "throttle": ["kprobes/fs_unthrottled"],
    "block": ["block/block_bio_queue", "block/block_bio_complete"],
    "apf": [
        "kvm/kvm_async_pf_not_present",
        "kvm/kvm_async_pf_ready",
        "kvm/kvm_async_pf_repeated_fault",
    ],
    "cpuid": ["kvm/kvm_cpuid"],
}

Line = namedtuple("Line", "task tid cpu ns event text")
_LINE = re.compile(r"^\s*(.+)-(\d+)\s+\[(\d+)\]\s+\S+\s+(\d+)\.(\d{6}): (\w+): (.*)$")


def _kprobes():
    """Defines the probes that the instances of a quota need."""
    known = (TRACING / "available_filter_functions").read_text(encoding="ascii")
    where = next(name for name in THROTTLED_AT if re.search(rf"^{name}( |$)", known, re.MULTILINE))
    (TRACING / "kprobe_events").write_text(
        f"p:kprobes/fs_throttled {where}\np:kprobes/fs_unthrottled unthrottle_cfs_rq\n",
        encoding="ascii",
    )


def _start(name):
    folder = TRACING / "instances" / f"fs-{name}"
    folder.mkdir(exist_ok=True)
    (folder / "trace_clock").write_text("mono")
    (folder / "buffer_size_kb").write_text("16384")
    if name in ("switch", "run"):
        (folder / "set_event_pid").write_text(
            f"{os.getpid()}\n"
        )  # not everybody; the hook adds the threads
    for event in EVENTS[name]:
        (folder / "events" / event / "enable").write_text("1")
    return folder


@contextlib.contextmanager
def instances(names, out):
    """Runs the instances; at the end their text is in out/NAME.trace."""
    if "switch" in names:
        _kprobes()
    folders = {name: _start(name) for name in names}
    try:
        yield
    finally:
        for name, folder in folders.items():
            (folder / "tracing_on").write_text("0")
            shutil.copyfile(folder / "trace", Path(out) / f"{name}.trace")
            for event in EVENTS[name]:
                (folder / "events" / event / "enable").write_text("0")
            folder.rmdir()
        if "switch" in names:
            (TRACING / "kprobe_events").write_text("")


def read(path):
    """The lines of a trace, in order."""
    with open(path, encoding="utf-8", errors="replace") as handle:
        for text in handle:
            match = _LINE.match(text)
            if match:
                yield Line(
                    match[1],
                    int(match[2]),
                    int(match[3]),
                    int(match[4]) * 10**9 + int(match[5]) * 1000,
                    match[6],
                    match[7],
                )


def block_intervals(path, major, minor):
    """[(tid, t0, t1)] of the bios of that device: queue to complete."""
    open_bios, found = {}, []
    for line in read(path):
        match = re.match(rf"{major},{minor} \S+ (?:\d+ )?\(?\)?\s*(\d+) \+ (\d+)", line.text)
        if not match:
            continue
        key = match[1]
        if line.event == "block_bio_queue":
            open_bios[key] = (line.tid, line.ns)
        elif key in open_bios:
            tid, since = open_bios.pop(key)
            found.append((tid, since, line.ns))
    return found


def throttle_intervals(switch_path, throttle_path, tids):
    """[(tid, o0, t0, t1, o1)]: t0 = switched out after the quota's own work, t1 = the group was let
    go on, o1 = it ran again.

    A thread that slept while its group ran out of quota is held back without that work: then only
    the outer interval, all of its time off the CPU, is certain to hold the delay, and the inner one
    is empty."""
    freed = sorted(line.ns for line in read(throttle_path) if line.event == "fs_unthrottled")
    work, out, found = {}, {}, []
    for line in read(switch_path):
        if line.event == "fs_throttled" and line.tid in tids:
            work[line.tid] = line.ns
        elif line.event == "sched_switch":
            before = int(re.search(r"prev_pid=(\d+)", line.text)[1])
            after = int(re.search(r"next_pid=(\d+)", line.text)[1])
            if before in tids:
                out[before] = line.ns
            if after in out:
                since, begin = out.pop(after), work.pop(after, None)
                free = [ns for ns in freed if since < ns <= line.ns]
                if free and begin is not None:
                    found.append((after, begin, since, free[-1], line.ns))
                elif free:
                    found.append((after, since, since, since, line.ns))
    return found


def mark_intervals(path, begin, over, tids):
    """[(t0, t1)] from a CPUID with the number `begin` to one with `over`, by those vCPUs."""
    since, found = None, []
    for line in read(path):
        asked = re.match(r"func ([0-9a-f]+) ", line.text)
        if line.event != "kvm_cpuid" or line.tid not in tids or not asked:
            continue
        if int(asked[1], 16) == begin:
            since = line.ns
        elif int(asked[1], 16) == over and since is not None:
            found.append((since, line.ns))
            since = None
    return found


def blocked_intervals(path, tids):
    """[(t0, t1)]: from switching out by its own will to being woken, of those threads."""
    since, found = {}, []
    for line in read(path):
        if line.event == "sched_switch":
            before = int(re.search(r"prev_pid=(\d+)", line.text)[1])
            if before in tids and not re.search(r"prev_state=R", line.text):
                since[before] = line.ns
        elif line.event == "sched_waking":
            woken = int(re.search(r" pid=(\d+)", line.text)[1])
            if woken in since:
                found.append((since.pop(woken), line.ns))
    return found


def runnable_intervals(path, tids):
    """[(t0, t1)]: from wanting a CPU (woken, or switched out against its will) to getting one, of
    those threads."""
    since, found = {}, []
    for line in read(path):
        if line.event == "sched_waking":
            woken = int(re.search(r" pid=(\d+)", line.text)[1])
            if woken in tids:
                since.setdefault(woken, line.ns)
        elif line.event == "sched_switch":
            before = int(re.search(r"prev_pid=(\d+)", line.text)[1])
            after = int(re.search(r"next_pid=(\d+)", line.text)[1])
            if after in since:
                found.append((since.pop(after), line.ns))
            if before in tids and re.search(r"prev_state=R", line.text):
                since[before] = line.ns
            elif before in tids:
                since.pop(before, None)
    return found
