# SPDX-License-Identifier: BSD-2-Clause
"""What a guest that stands still looks like from outside: KVM's counters, the VMM's threads, and
what its monitor knows."""

import os
import time
from pathlib import Path

from . import kvmstat

APART_SECONDS = 2
# What distinguishes a guest that runs from one that waits, and whether what it waits for is
# delivered.
COUNTERS = [
    "exits",
    "halt_exits",
    "halt_wakeup",
    "irq_exits",
    "irq_window",
    "io_exits",
    "mmio_exits",
    "signal_exits",
    "request_irq_exits",
    "pf_taken",
]


def _counters(pid):
    found = kvmstat.read(pid)
    if not found:
        return None
    vcpus = found["vcpus"].values()
    return {
        name: found[name] if name in found else sum(each.get(name, 0) for each in vcpus)
        for name in COUNTERS
    }


def _moving(pid):
    first = _counters(pid)
    time.sleep(APART_SECONDS)
    second = _counters(pid)
    if not first or not second:
        return ["KVM shows no counters of it"]
    return [
        f"KVM counts in {APART_SECONDS} s: "
        + ", ".join(f"{name} {second[name]} (+{second[name] - first[name]})" for name in COUNTERS)
    ]


def _threads(pid):
    lines = []
    for tid in sorted(map(int, os.listdir(f"/proc/{pid}/task"))):
        task = Path(f"/proc/{pid}/task/{tid}")
        try:
            state = (
                (task / "stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()[0]
            )
            stack = [
                row.split()[-1]
                for row in (task / "stack").read_text(encoding="utf-8").splitlines()[:6]
            ]
            lines.append(
                f"thread {tid} {(task / 'comm').read_text(encoding='utf-8').strip()}: {state} "
                f"{' < '.join(stack)}"
            )
        except OSError:
            continue
    return lines


def look(pid, ask=None):
    """Lines of text. ask(command): the answer of the VMM's own monitor, where it has one."""
    try:
        lines = [*_moving(pid), *_threads(pid)]
    except OSError as error:
        lines = [f"looking at process {pid}: {error}"]
    for command in ("info status", "info registers", "info lapic") if ask else ():
        lines += [f"monitor, {command}:", ask(command).rstrip()]
    return "\n".join(lines)
