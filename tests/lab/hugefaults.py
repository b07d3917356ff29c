#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Faults of mini VMs whose memory is hugetlb: as many of each class as huge pages were touched in
that way, with their size. TAP; root.

It sets the host's pool of huge pages, so it runs in the lab alone:

    tools/lab run [--kernel K] tests/lab/hugefaults.py
"""

import json
import mmap
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(os.environ.get("FORKSCOPE_TOP", Path(__file__).resolve().parents[2]))
OUT = TOP / os.environ.get("O", ".output")
HUGE, SMALL = 2 << 20, 4096
# huge pages that the guest touches, in each of its small pages; one more has its tables and its
# code
TOUCHED = 4
PAGES = 2 * (TOUCHED + 1) + 2  # of the pool: the file, and a copy of each of its pages
END = "pio:0xf4"
POOL, ON_DEMAND = "/proc/sys/vm/nr_hugepages", "/proc/sys/vm/nr_overcommit_hugepages"
CLASSES = (
    "fault.uffd",
    "fault.major",
    "fault.cow",
    "fault.zero",
    "fault.cached",
    "fault.mapped",
    "fault.wp",
    "fault.retry",
    "unknown",
)

CASES = (  # what the guest does to what memory, what is done before; the class of its faults
    ("reads of a file", "--file {data}", "", "fault.cached"),
    ("writes to a private mapping of a file", "--write --file {data}", "", "fault.cow"),
    ("reads of a file's holes", "--file {holes}", "", "fault.zero"),
    ("reads of anonymous memory", "--huge", "", "fault.zero"),
    ("writes to anonymous memory", "--huge --write", "", "fault.zero"),
    ("writes to small pages", "--write --file {small}", "", None),
    (
        "writes to pages that the pool allocates on demand",
        "--huge --write",
        f"echo 0 >{POOL}; echo {PAGES} >{ON_DEMAND}",
        "fault.zero",
    ),
)
UNSEEN = (("writes where copies are not seen", "--write --file {data}", "", "unknown"),)


def memory(path, data):
    """A file of huge pages: with data in each, or all of it a hole."""
    with open(path, "w+b") as out:
        out.truncate((TOUCHED + 1) * HUGE)
        if data:
            with mmap.mmap(out.fileno(), 0) as pages:
                for at in range(0, len(pages), HUGE):
                    pages[at] = 1
    return path


def forks_of(folder, cases, files, *without):
    """Records a VM for each of the cases, one after the other; returns what the report says of
    each."""
    recording, log = folder / "r.fsr", folder / "log"
    log.unlink(missing_ok=True)
    mini = f"{OUT / 'tests/mini'} --pages {TOUCHED * HUGE // SMALL} --log {log}"
    script = "".join(
        f"{before}\n{mini} {words.format(**files)} || exit\n" for _, words, before, _ in cases
    )
    Path(POOL).write_text(f"{PAGES}\n", encoding="ascii")
    subprocess.run(
        [
            OUT / "forkscope",
            "record",
            "--end",
            END,
            "-o",
            recording,
            *without,
            "--",
            "sh",
            "-c",
            script,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    report = subprocess.run(
        [OUT / "forkscope", "report", "--json", "--end", END, recording],
        capture_output=True,
        check=True,
    ).stdout
    forks = {fork["vmm"]["pid"]: fork for fork in json.loads(report)["forks"]}
    return [forks[json.loads(line)["pid"]] for line in log.read_text(encoding="ascii").splitlines()]


def counts(fork):
    found = dict.fromkeys(CLASSES, 0)
    for cell in fork["cells"]:
        if cell["cause"] in found:
            found[cell["cause"]] += cell["count"]
    return found


def wrong_of(fork, wanted):
    found, wrong = counts(fork), []
    # The VM's own page may have its one fault too: the VMM has written to it, so that only KVM's
    # entry is missing. A copy takes the page from under KVM, which lets the guest fault once more,
    # and finds it mapped.
    mapped = 1 + (TOUCHED if wanted in ("fault.cow", "unknown") else 0)
    others = sum(
        number for name, number in found.items() if name not in (wanted, "fault.mapped", "unknown")
    )
    if (
        found[wanted] < TOUCHED
        or (found[wanted] > TOUCHED and wanted != "unknown")
        or found["fault.mapped"] > mapped
        or others
    ):
        wrong.append(f"{found}, and not {TOUCHED} of {wanted}: {json.dumps(fork['top_faults'])}")
    if not fork["complete"] or not fork["hugetlb"]:
        wrong.append(f"complete {fork['complete']}, hugetlb {fork['hugetlb']}")
    # What comes before the first fault that the host had to handle is unknown too, and its size is.
    sizes = [
        each["huge_page_bytes"]
        for each in fork["top_faults"]
        if each["class"] == wanted and (each["huge_page_bytes"] or wanted != "unknown")
    ]
    counted = {each["class"]: each["huge_pages"] for each in fork["faults"] if each["huge_pages"]}
    if sizes != TOUCHED * [HUGE] or counted != (
        {} if wanted == "unknown" else {wanted: [{"bytes": HUGE, "count": TOUCHED}]}
    ):
        wrong.append(f"sizes {sizes}, {counted}")
    return wrong


def wrong_of_small(fork):
    """Of memory that is not hugetlb nothing is said to be."""
    good = (
        fork["complete"]
        and not fork["hugetlb"]
        and not any(each["huge_pages"] for each in fork["faults"])
        and counts(fork)["fault.cow"] >= TOUCHED * HUGE // SMALL
    )
    return [] if good else [f"hugetlb {fork['hugetlb']}: {fork['faults']}"]


def judged(cases, forks):
    """(name, what is wrong) of each case; one whose VM left no fork is wrong."""
    for number, (title, *_, wanted) in enumerate(cases):
        name = f"{title}: {TOUCHED} of {wanted}" if wanted else title
        if number >= len(forks):
            yield name, ["its VM did not come to its end"]
        else:
            yield name, wrong_of(forks[number], wanted) if wanted else wrong_of_small(forks[number])


def results(folder):
    files = {
        "data": memory(folder / "huge/data", True),
        "holes": memory(folder / "huge/holes", False),
        "small": folder / "small",
    }
    for cases, without in ((CASES, ()), (UNSEEN, ("--without", "HUGE_COPY"))):
        try:
            forks = forks_of(folder, cases, files, *without)
        except (OSError, KeyError, ValueError, subprocess.CalledProcessError) as failed:
            yield f"{len(cases)} VMs recorded", [
                f"{type(failed).__name__}: {failed} {getattr(failed, 'stderr', '')}"
            ]
        else:
            yield from judged(cases, forks)


def main():
    if os.environ.get("FORKSCOPE_LAB") != "1":
        print("1..0 # SKIP it sets a kernel parameter, so it runs in the lab alone")
        return
    number = 0
    with tempfile.TemporaryDirectory(prefix="forkscope-huge-") as name:
        folder = Path(name)
        (folder / "huge").mkdir()
        subprocess.run(["mount", "-t", "hugetlbfs", "none", folder / "huge"], check=True)
        Path(POOL).write_text(f"{PAGES}\n", encoding="ascii")
        for number, (title, wrong) in enumerate(results(folder), 1):
            print(
                f"{'not ok' if wrong else 'ok'} {number} - {title}", *wrong, sep="\n# ", flush=True
            )
        subprocess.run(["umount", folder / "huge"], check=False)
    for setting in (POOL, ON_DEMAND):
        Path(setting).write_text("0\n", encoding="ascii")
    print(f"1..{number}")


if __name__ == "__main__":
    sys.exit(main())
