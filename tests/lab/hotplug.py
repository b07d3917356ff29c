#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A CPU that comes online while recording: a VM that runs on it from its beginning to its end is
recorded whole. TAP; root.

It takes a CPU away from the machine and gives it back, so this is for the lab alone:

    tools/lab run [--kernel K] tests/lab/hotplug.py
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
CPU, PAGES, END = 1, 64, "pio:0xf4"
ONLINE = Path(f"/sys/devices/system/cpu/cpu{CPU}/online")


def record(folder):
    """Returns (exit status, what it said, the report)."""
    out = folder / "r.fsr"
    ONLINE.write_text("0", encoding="ascii")
    late = (
        f"echo 1 > {ONLINE}; exec taskset -c {CPU} {OUT}/tests/mini --pages {PAGES} --file "
        f"{folder}/memory"
    )
    run = subprocess.run(
        [OUT / "forkscope", "record", "--end", END, "-o", out, "--", "sh", "-c", late],
        capture_output=True,
        text=True,
        check=False,
    )
    report = subprocess.run(
        [OUT / "forkscope", "report", "--json", "--end", END, out], capture_output=True, check=False
    ).stdout
    return run.returncode, run.stderr, json.loads(report)


def main():
    print("1..1")
    if os.environ.get("FORKSCOPE_LAB") != "1" or not ONLINE.exists():
        print("ok 1 # SKIP needs the lab, and two CPUs")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            status, output, report = record(Path(folder))
        finally:
            ONLINE.write_text("1", encoding="ascii")
    lost, forks = report["trust"]["lost_host"], report["forks"]
    faults = sum(
        cell["count"]
        for fork in forks
        for cell in fork["cells"]
        if cell["cause"].startswith("fault.")
    )
    good = (
        skips.status_fits(status, report)
        and not lost
        and len(forks) == 1
        and forks[0]["complete"]
        and (faults >= PAGES or skips.charged(report))
    )
    print(
        f"{'' if good else 'not '}ok 1 - a VM on a CPU that came online while recording: status "
        f"{status}, {lost} lost, {len(forks)} forks, {faults} faults{skips.reported(report)}"
    )
    print("#", *output.splitlines(), sep="\n# ")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
