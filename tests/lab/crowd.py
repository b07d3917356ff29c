#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A hundred VMs on one CPU, and on two: whatever the kernel skips there is counted, charged, and rare. TAP; root.

Threads are preempted inside the recorder's programs, which from Linux 7.0 on keeps these from all others on that CPU:

    tools/lab run [--kernel K] tests/lab/crowd.py
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(os.environ.get("FORKSCOPE_TOP", Path(__file__).resolve().parents[2]))
OUT = TOP / os.environ.get("O", ".output")
END, VMS, PAGES, PORTS = "pio:0xf4", 100, 320, 50
AT_MOST = 0.01   # of what the kernel skipped before, 41,716 runs on one CPU and 28,689 on two


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def record(folder, cpus):
    out, log = folder / "r.fsr", folder / "log"
    mini = ["taskset", "-c", cpus, OUT / "tests/mini", "--vms", VMS, "--pages", PAGES, "--ports", PORTS, "--file", folder / "memory", "--log", log]
    recorded = run(OUT / "forkscope", "record", "--end", END, "-o", out, "--", *mini)
    lines = [json.loads(line) for line in run(OUT / "forkscope", "dump", "--json", out).stdout.splitlines() if line.startswith("{")]
    report = run(OUT / "forkscope", "report", "--json", "--end", END, out)
    stats = next(line["stats"] for line in lines if "stats" in line)
    return recorded, [line for line in lines if line.get("event") == "MISSED"], stats, report


def faults_of(fork):
    return sum(cell["count"] for cell in fork["cells"] if cell["cause"].startswith("fault."))


def ns_of(fork, cause):
    return sum(cell["ns"] for cell in fork["cells"] if cell["cause"] == cause)


def wrong_of(recorded, missed, stats, report):
    counted = sum(each["runs"] for each in missed)
    by_kernel = sum(prog["misses"] for prog in stats["progs"] if "_again" not in prog["name"])
    forks, trust = json.loads(report.stdout)["forks"], json.loads(report.stdout)["trust"]
    wrong = []
    if counted != stats["missed"]["runs"] or trust["skipped_runs"] != counted or counted > by_kernel:
        wrong.append(f"{counted} runs in MISSED records, {stats['missed']['runs']} in STATS, {trust['skipped_runs']} reported, the kernel counted {by_kernel}")
    if (recorded.returncode, report.returncode) != ((3, 3) if counted else (0, 0)):
        wrong.append(f"{counted} runs skipped, but the exit statuses are {recorded.returncode} and {report.returncode}")
    if len(forks) != VMS or not all(fork["complete"] for fork in forks):
        wrong.append(f"{len(forks)} forks, {sum(fork['complete'] for fork in forks)} complete")
    for fork in forks:   # what is missing of a fork is unknown, and said
        noted = any("lost" in note for note in fork["notes"])
        if faults_of(fork) < PAGES and not (ns_of(fork, "unknown") and noted):
            wrong.append(f"fork {fork['id']}: {faults_of(fork)} faults of {PAGES}, {ns_of(fork, 'unknown')} ns unknown, notes {fork['notes']}")
    return wrong, counted


def main():
    print("1..4")
    for number, (cpus, before) in enumerate((("0", 41716), ("0,1", 28689))):
        with tempfile.TemporaryDirectory() as folder:
            recorded, missed, stats, report = record(Path(folder), cpus)
        wrong, counted = wrong_of(recorded, missed, stats, report)
        print(f"{'not ' if wrong else ''}ok {2 * number + 1} - {VMS} VMs on CPUs {cpus}: every skipped run is counted and charged", *wrong[:10], sep="\n# ", flush=True)
        few = counted <= AT_MOST * before
        print(f"{'' if few else 'not '}ok {2 * number + 2} - ... and they are few: {counted}", flush=True)
        for prog in sorted(stats["progs"], key=lambda prog: -prog["misses"])[:8]:
            print(f"# {prog['name']}: {prog['misses']}")


if __name__ == "__main__":
    sys.exit(main())
