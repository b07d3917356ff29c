#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints what the lab's last runs found as the tables of docs/truth.md, from .output/lab/BOOT/SCENARIO/findings.json."""
import json
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CAUSES = ("sched.blocked", "sched.delay", "sched.throttle", "fault.major", "fault.uffd")


def findings():
    for path in sorted((TOP / ".output/lab").glob("*/*/findings.json")):
        yield path.parent.parent.name, path.parent.name, json.loads(path.read_text(encoding="utf-8"))


def injected():
    print("| scenario | cell | forks | intervals | path inside, guest mode left out | in the right cell | outside it (usual) |")
    print("|---|---|---|---|---|---|---|")
    for _, scenario, found in findings():
        for cause in CAUSES:
            rows = list(found.get(cause, {}).values())
            if not rows:
                continue
            total = sum(row["path_ns"] for row in rows)
            worst = min(row["share"] for row in rows)
            beyond = ", ".join(f"{row['outside_ns'] / 1e6:.1f}" for row in rows)
            usual = max(row["usual_ns"] for row in rows) / 1e6
            print(f"| {scenario} | `{cause}` | {len(rows)} | {sum(row['intervals'] for row in rows)} | {total / 1e6:.0f} ms | "
                  f"{worst:.2%}{' (worst)' if len(rows) > 1 else ''} | {beyond} ms ({usual:.1f}) |")


def others():
    print("\n| scenario | forks | gaps (ms) | largest `unknown` | records lost |")
    print("|---|---|---|---|---|")
    for boot, scenario, found in findings():
        whole = found.get("whole")
        if whole:
            gaps = ", ".join(f"{gap:.0f}" for gap in whole["gap_ms"])
            print(f"| {boot}: {scenario} | {whole['forks']} | {gaps} | {max(whole['unknown_share'], default=0):.3%} | {whole['lost']} |")
    print("\n| scenario, VMM pid | exits: KVM / recorded | page faults: KVM / recorded, of which MMIO |")
    print("|---|---|---|")
    for _, scenario, found in findings():
        for pid, row in found.get("statistics", {}).items():
            print(f"| {scenario}, {pid} | {row['kvm_exits']} / {row['our_exits']} | {row['kvm_pf_taken']} / {row['our_pf']}, {row['our_mmio_pf']} |")


if __name__ == "__main__":
    injected()
    others()
    sys.exit(0)
