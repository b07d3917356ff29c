#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""VMs on a CPU where a process is preempted within bpf(2) calls on a map: what the kernel skips
then is counted. TAP; root.

From Linux 7.0 on some of the recorder's programs stand on perf's tracepoints, whose guard such a
call holds with preemption on:

    tools/lab run [--kernel K] tests/lab/guard.py
"""

import ctypes
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import crowd  # noqa: E402
import skips  # noqa: E402

SYS_BPF, MAP_CREATE, MAP_LOOKUP_ELEM, ARRAY = 321, 0, 1, 2
VALUE = 32 << 20  # copied within the guard: longer than a thread runs before another has its turn
VMS, PAGES = 20, 64
TRIES = 4  # it may all be skipped before the first fork is resumed


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    return ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, command, buffer, 128)


def hold(cpu):
    """Reads a map for ever."""
    os.sched_setaffinity(0, {cpu})
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(VALUE)
    fd = bpf(MAP_CREATE, struct.pack("=IIII", ARRAY, 4, VALUE, 1))
    while (
        fd >= 0
        and bpf(
            MAP_LOOKUP_ELEM,
            struct.pack("=IIQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value)),
        )
        == 0
    ):
        pass
    sys.exit("guard: the map cannot be made or read")


def record(folder):
    """(the end of `record`, its STATS, its MISSED records, the report)"""
    out = folder / "r.fsr"
    mini = [
        "taskset",
        "-c",
        "0",
        crowd.OUT / "tests/mini",
        "--vms",
        VMS,
        "--pages",
        PAGES,
        "--file",
        folder / "memory",
    ]
    with subprocess.Popen([sys.executable, __file__, "hold"]) as holder:
        try:
            recorded = crowd.run(
                crowd.OUT / "forkscope", "record", "--end", crowd.END, "-o", out, "--", *mini
            )
        finally:
            holder.kill()
    missed, stats, report = crowd.read_back(out)
    return recorded, stats, missed, json.loads(report.stdout)


def record_until_charged():
    """The same, of the first recording in which what was skipped fell into the windows of forks."""
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory() as folder:
            found = record(Path(folder))
        if skips.charged(found[3]):
            break
    return found


def main():
    recorded, stats, missed, report = record_until_charged()
    by_kernel = {
        prog["name"]: prog["misses"]
        for prog in stats["progs"]
        if prog["name"].endswith("_perf") and "page_alloc" not in prog["name"]
    }
    counted = {
        name: sum(each["runs"] for each in missed if each["prog"] == name) for name in by_kernel
    }
    if not sum(by_kernel.values()):
        print(
            "1..0 # SKIP nothing was skipped: no program stands on perf's tracepoints here, or "
            "none met that guard"
        )
        return 0
    # the kernel goes on counting until the programs are taken off, which is after the end of the
    # recording
    few = sum(counted.values()) < 0.9 * sum(by_kernel.values()) or any(
        counted[name] > by_kernel[name] for name in by_kernel
    )
    good = (
        not few
        and skips.status_fits(recorded.returncode, report)
        and recorded.returncode == skips.INCOMPLETE
    )
    print("1..2")
    print(
        f"{'' if good else 'not '}ok 1 - what the kernel skipped on perf's tracepoints is counted "
        f"({sum(by_kernel.values())} runs)",
        by_kernel,
        counted,
        sep="\n# ",
    )
    forks, charged = report["forks"], skips.charged(report)
    lacking = [fork for fork in forks if not fork["complete"] or crowd.faults_of(fork) < PAGES]
    good = len(forks) == VMS and charged and all(fork["vmm"]["pid"] in charged for fork in lacking)
    print(
        f"{'' if good else 'not '}ok 2 - ... and charged: {len(forks)} forks, {len(charged)} "
        f"charged, among them all of the {len(lacking)} that lack faults or their end"
    )
    return 0


if __name__ == "__main__":
    sys.exit(hold(0) if sys.argv[1:] == ["hold"] else main())
