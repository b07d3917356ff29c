#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A hundred VMs on one CPU, and on two: whatever the kernel skips there is counted, charged, and
rare. TAP; root.

Threads are preempted inside the recorder's programs, which from Linux 7.0 on keeps these from all
others on that CPU:

    tools/lab run [--kernel K] tests/lab/crowd.py [CPUS...]      0 and 0,1 unless given
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import skips  # noqa: E402

TOP = Path(os.environ.get("FORKSCOPE_TOP", Path(__file__).resolve().parents[2]))
OUT = TOP / os.environ.get("O", ".output")
END, VMS, PAGES, PORTS = "pio:0xf4", 100, 320, 50
BEFORE = {
    "0": 41716,
    "0,1": 28689,
}  # runs that the kernel skipped, by CPUs, when nothing was done for it
AT_MOST = 0.01  # of that
DEATHS = 5  # guests that emulation may kill


def run(*words):
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False
    )


def read_back(out):
    """(the MISSED records, STATS, the end of `report --json`) of a recording"""
    lines = [
        json.loads(line)
        for line in run(OUT / "forkscope", "dump", "--json", out).stdout.splitlines()
        if line.startswith("{")
    ]
    return (
        [line for line in lines if line.get("event") == "MISSED"],
        next(line["stats"] for line in lines if "stats" in line),
        run(OUT / "forkscope", "report", "--json", "--end", END, out),
    )


def record(folder, cpus):
    out, log = folder / "r.fsr", folder / "log"
    mini = [
        "taskset",
        "-c",
        cpus,
        OUT / "tests/mini",
        "--vms",
        VMS,
        "--pages",
        PAGES,
        "--ports",
        PORTS,
        "--file",
        folder / "memory",
        "--log",
        log,
    ]
    recorded = run(OUT / "forkscope", "record", "--end", END, "-o", out, "--", *mini)
    ended = {
        vm["pid"]
        for vm in map(json.loads, log.read_text(encoding="ascii").splitlines())
        if all(vcpu["end_ns"] for vcpu in vm["vcpus"])
    }
    return recorded, *read_back(out), ended


def faults_of(fork):
    return sum(cell["count"] for cell in fork["cells"] if cell["cause"].startswith("fault."))


def ns_of(fork, cause):
    return sum(cell["ns"] for cell in fork["cells"] if cell["cause"] == cause)


def charges_wrong(reported, missed, cpus):
    """What lies wholly in a time in which runs of a program that records causes were skipped on its
    CPU is charged."""
    wrong, charged = [], skips.charged(reported)
    spans = [
        (each["ts_start"], each["ts"])
        for each in missed
        if "," not in cpus and not each["prog"].startswith(skips.NO_CAUSE)
    ]
    for fork in reported["forks"]:
        begin, end, pid = fork["start_ns"], fork["start_ns"] + fork["window_ns"], fork["vmm"]["pid"]
        if any(t0 <= begin and end <= t1 for t0, t1 in spans) and not (
            pid in charged and ns_of(fork, "unknown")
        ):
            wrong.append(
                f"fork {fork['id']} was running while runs were skipped: {ns_of(fork, 'unknown')} "
                f"ns unknown, notes {fork['notes']}"
            )
    return wrong


def wrong_of(recorded, missed, stats, report, ended, cpus):
    """`ended`: pids of the VMs that came to their end by their own account. An emulated guest may
    die: then its fork has no end."""
    counted = sum(each["runs"] for each in missed)
    by_kernel = sum(prog["misses"] for prog in stats["progs"] if "_again" not in prog["name"])
    reported = json.loads(report.stdout)
    forks, wrong = reported["forks"], charges_wrong(reported, missed, cpus)
    if counted != stats["missed"]["runs"] or skips.runs(reported) != counted or counted > by_kernel:
        wrong.append(
            f"{counted} runs in MISSED records, {stats['missed']['runs']} in STATS, "
            f"{skips.runs(reported)} reported, the kernel counted {by_kernel}"
        )
    if not (
        skips.status_fits(recorded.returncode, reported)
        and skips.status_fits(report.returncode, reported)
    ):
        wrong.append(
            f"{counted} runs skipped, but the exit statuses are {recorded.returncode} and "
            f"{report.returncode}"
        )
    complete = {fork["vmm"]["pid"] for fork in forks if fork["complete"]}
    if len(forks) != VMS or complete != ended or len(ended) < VMS - DEATHS:
        wrong.append(
            f"{len(forks)} forks, {len(complete)} complete; {len(ended)} VMs came to their end, "
            f"of them {len(complete & ended)} complete"
        )
    for fork in forks:  # what is missing of a fork is unknown, and said
        if (
            faults_of(fork) < PAGES
            and fork["vmm"]["pid"] in ended
            and not (ns_of(fork, "unknown") and fork["vmm"]["pid"] in skips.charged(reported))
        ):
            wrong.append(
                f"fork {fork['id']}: {faults_of(fork)} faults of {PAGES}, "
                f"{ns_of(fork, 'unknown')} ns unknown, notes {fork['notes']}"
            )
    return wrong, counted


def main(sets):
    print(f"1..{2 * len(sets)}")
    for number, cpus in enumerate(sets):
        with tempfile.TemporaryDirectory() as folder:
            recorded, missed, stats, report, ended = record(Path(folder), cpus)
        wrong, counted = wrong_of(recorded, missed, stats, report, ended, cpus)
        print(
            f"{'not ' if wrong else ''}ok {2 * number + 1} - {VMS} VMs on CPUs {cpus}: every "
            f"skipped run is counted and charged",
            *wrong[:10],
            sep="\n# ",
            flush=True,
        )
        few = counted <= AT_MOST * BEFORE[cpus]
        print(
            f"{'' if few else 'not '}ok {2 * number + 2} - ... and they are few: {counted}",
            flush=True,
        )
        for prog in sorted(stats["progs"], key=lambda prog: -prog["misses"])[:8]:
            print(f"# {prog['name']}: {prog['misses']}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(BEFORE)))
