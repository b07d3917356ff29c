# SPDX-License-Identifier: BSD-2-Clause
"""KVM_PRE_FAULT_MEMORY: mini VMs whose VMM maps their memory before the resume, against VMs
without.

Real forks cannot tell: of the lab's VMMs none calls it. run() makes the recordings in L1, judge()
tests the hypothesis."""

import json
import subprocess
from pathlib import Path

import skips

BOOTS = {"smoke-trixie", "quick-trixie"}  # the kernel needs the ioctl: 6.11 or later
END, PAGES, VMS, UNSUPPORTED = "pio:0xf4", 256, 12, 77


def run(program, mini, out):
    """Two recordings in `out`, and statuses.json."""
    memory, statuses = "/tmp/prefault.mem", {}
    for name, words in (("without", []), ("with", ["--pre-fault"])):
        command = [
            program,
            "record",
            "--end",
            END,
            "-o",
            f"{out}/prefault-{name}.fsr",
            "--",
            mini,
            "--one-by-one",
            "--vms",
            str(VMS),
            "--pages",
            str(PAGES),
            "--file",
            memory,
            "--log",
            f"{out}/prefault-{name}.jsonl",
            *words,
        ]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, check=False
        )
        statuses[name] = {"status": done.returncode, "said": done.stderr}
    Path(memory).unlink(missing_ok=True)
    (Path(out) / "prefault.json").write_text(json.dumps(statuses), encoding="utf-8")


def _report(program, path):
    done = subprocess.run(
        [program, "report", "--json", "--end", END, path],
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout)


def _fault_counts(report):
    """Of each fork: pieces of its path in fault.* cells."""
    return [
        sum(cell["count"] for cell in fork["cells"] if cell["cause"].startswith("fault."))
        for fork in report["forks"]
    ]


def judge(program, out):
    """(good, why)"""
    path = Path(out) / "prefault.json"
    if not path.exists():
        return False, "it was not tried"
    statuses = json.loads(path.read_text(encoding="utf-8"))
    if any(reported["status"] not in (0, skips.INCOMPLETE) for reported in statuses.values()):
        return False, json.dumps(statuses)
    recordings = [str(Path(out) / f"prefault-{name}.fsr") for name in ("without", "with")]
    reports = [_report(program, recording) for recording in recordings]
    if not all(
        skips.status_fits(statuses[name]["status"], report)
        for name, report in zip(("without", "with"), reports)
    ):
        return False, json.dumps(statuses)
    without, mapped = map(_fault_counts, reports)
    # All pages of the VM: a hypothesis about every one of them.
    test = subprocess.run(
        [
            program,
            "prefetch",
            "test",
            "--from",
            *recordings,
            "--end",
            END,
            "--mechanism",
            "pre-fault",
            "--ranges",
            "0x0+1GiB",
            "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = {
        "faults without": without,
        "faults with": mapped,
        "status": test.returncode,
        "said": (test.stdout + test.stderr)[-1500:],
    }
    good = (
        len(without) == len(mapped) == VMS
        and min(without) >= PAGES
        and max(mapped) < PAGES / 8
        and test.returncode == (skips.INCOMPLETE if any(map(skips.runs, reports)) else 0)
    )
    return good, "" if good else json.dumps(found, indent=1)
