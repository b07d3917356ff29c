#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""VMs whose making or first KVM_RUN no program of ours sees, as when the kernel skips it: each is a
fork all the same. TAP; root.

The first entry alone shows it then, so this needs a KVM that shows its entries:

    tools/lab run [--kernel K] tests/lab/unseen.py
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
END, VMS, PAGES = "pio:0xf4", 4, 32
CALLS = ("run", "vcpu,run", "vm,run", "vm,slot,vcpu,run")


def forks_of(folder, calls):
    """(what the VMs say of themselves, by pid; what the report says of the forks; when each first
    entered, by pid)"""
    recording, log = folder / "r.fsr", folder / "log"
    mini = [
        OUT / "tests/mini",
        "--one-by-one",
        "--vms",
        VMS,
        "--pages",
        PAGES,
        "--file",
        folder / "memory",
        "--log",
        log,
        "--unseen",
        calls,
    ]
    recorded = subprocess.run(
        [
            str(word)
            for word in (OUT / "forkscope", "record", "--end", END, "-o", recording, "--", *mini)
        ],
        capture_output=True,
        check=False,
    )
    report = json.loads(
        subprocess.run(
            [OUT / "forkscope", "report", "--json", "--end", END, recording],
            capture_output=True,
            check=False,
        ).stdout
    )
    if not skips.status_fits(recorded.returncode, report):
        raise ValueError(f"record ended with status {recorded.returncode}: {recorded.stderr}")
    output = [json.loads(line) for line in log.read_text(encoding="ascii").splitlines()]
    dumped = subprocess.run(
        [OUT / "forkscope", "dump", "--json", recording],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    entered = {}
    for event in map(json.loads, dumped):
        if event.get("event") == "VMEXIT":
            entered.setdefault(event["tgid"], event["ts"])
    return {each["pid"]: each for each in output}, report["forks"], entered


def wrong_of(truth, forks, entries):
    wrong = (
        []
        if sorted(fork["vmm"]["pid"] for fork in forks) == sorted(truth)
        else [f"VMs of {sorted(truth)}, forks of {[fork['vmm']['pid'] for fork in forks]}"]
    )
    for fork in forks:
        pid, cells = fork["vmm"]["pid"], {}
        vm = truth[pid]
        for cell in fork["cells"]:
            cells[cell["cause"]] = cells.get(cell["cause"], 0) + cell["ns"]
        if not fork["complete"] or sum(cells.values()) != fork["gap_ns"]:
            wrong.append(
                f"pid {pid}: complete {fork['complete']}, {sum(cells.values())} ns of "
                f"{fork['gap_ns']}"
            )
        if not vm["resume_ns"] <= fork["start_ns"] <= vm["resumed_ns"]:
            wrong.append(
                f"pid {pid}: it starts {fork['start_ns'] - vm['resume_ns']} ns after its VMM "
                f"began to resume it"
            )
        # what lies before the first entry is not known; what comes after it is
        if not sum(
            cell["count"] for cell in fork["cells"] if cell["cause"].startswith("fault.")
        ) >= PAGES or not cells.get("unknown"):
            wrong.append(f"pid {pid}: {cells}")
        before = (
            entries[pid] - fork["start_ns"]
        )  # its own record: the first run's has a time from before what it says of the VM is read
        if cells.get("unknown", 0) > before:
            wrong.append(
                f"pid {pid}: more is unknown than the {before} ns before its first entry: {cells}"
            )
    return wrong


def main():
    for number, calls in enumerate(CALLS, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                wrong = wrong_of(*forks_of(Path(folder), calls))
            except (OSError, KeyError, ValueError) as failed:
                wrong = [f"{type(failed).__name__}: {failed}"]
            print(
                f"{'not ok' if wrong else 'ok'} {number} - {calls} unseen: {VMS} forks, from "
                f"their resume on",
                *wrong,
                sep="\n# ",
                flush=True,
            )
    print(f"1..{len(CALLS)}")


if __name__ == "__main__":
    sys.exit(main())
