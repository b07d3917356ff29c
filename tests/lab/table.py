#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints what the lab's last runs found as the tables of docs/truth.md, from
.output/lab/BOOT/SCENARIO/findings.json."""

import json
import statistics
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CAUSES = ("sched.blocked", "sched.delay", "sched.throttle", "fault.major", "fault.uffd")


def findings():
    for path in sorted((TOP / ".output/lab").glob("*/*/findings.json")):
        yield path.parent.parent.name, path.parent.name, json.loads(
            path.read_text(encoding="utf-8")
        )


def injected():
    print(
        "| scenario | cell | forks | intervals | path inside, guest mode left out | in the right "
        "cell | outside it (usual) |"
    )
    print("|---|---|---|---|---|---|---|")
    for _, scenario, found in findings():
        for cause in (*CAUSES, *(key for key in found if "/" in key)):
            rows = list(found.get(cause, {}).values())
            if not rows:
                continue
            total = sum(row["path_ns"] for row in rows)
            worst = min(row["share"] for row in rows)
            beyond = ", ".join(f"{row['outside_ns'] / 1e6:.1f}" for row in rows)
            usual = max(row["usual_ns"] for row in rows) / 1e6
            print(
                f"| {scenario} | `{cause}` | {len(rows)} | "
                f"{sum(row['intervals'] for row in rows)} | {total / 1e6:.0f} ms | "
                f"{worst:.2%}{' (worst)' if len(rows) > 1 else ''} | {beyond} ms ({usual:.1f}) |"
            )


def guest():
    print(
        "\n| scenario | forks | stages of the signal path, ms: median | clock error, largest (by "
        "containment alone) | guest records |"
    )
    print("|---|---|---|---|---|")
    for boot, scenario, found in findings():
        rows = list(found.get("chain", {}).values())
        if not rows:
            continue
        stages = []
        for stage in rows[0]["stages_ms"]:
            values = [
                row["stages_ms"][stage] for row in rows if row["stages_ms"].get(stage) is not None
            ]
            stages.append(f"{stage} {statistics.median(values):.1f}" if values else f"{stage} -")
        alone = max(row["containment_error_us"] for row in rows)
        print(
            f"| {boot}: {scenario} | {len(rows)} | {', '.join(stages)} | "
            f"{max(row['clock_error_us'] for row in rows):.1f} us ({alone:.0f}) | "
            f"{min(row['events'] for row in rows)} to {max(row['events'] for row in rows)} |"
        )
    print("\n| scenario | |")
    print("|---|---|")
    for boot, scenario, found in findings():
        for key, row in found.items():
            if key == "clock":
                print(
                    f"| {boot}: all its forks | clock error, us: p50 {row['p50_us']:.1f}, p95 "
                    f"{row['p95_us']:.1f}, max {row['max_us']:.1f} (n {row['n']}) |"
                )
            elif key == "agree":
                print(
                    f"| {boot}: {scenario} | {row['forks']} ledgers with and without the guest's "
                    f"half: largest difference {row['worst_share']:.2%} of the gap |"
                )
            elif key.startswith("touched_"):
                for each in row.values():
                    print(
                        f"| {boot}: {scenario} | {each['pages']} pages read before decoding: "
                        f"{each['faults_at_them']} faults at them, {each['stage_share']:.2%} of "
                        f"it in `mailbox` |"
                    )


def others():
    print("\n| scenario | forks | gaps (ms) | largest `unknown` | records lost |")
    print("|---|---|---|---|---|")
    for boot, scenario, found in findings():
        whole = found.get("whole")
        if whole:
            gaps = ", ".join(f"{gap:.0f}" for gap in whole["gap_ms"])
            print(
                f"| {boot}: {scenario} | {whole['forks']} | {gaps} | "
                f"{max(whole['unknown_share'], default=0):.3%} | {whole['lost']} |"
            )
    print(
        "\n| scenario, VMM pid | exits: KVM / recorded | page faults: KVM / recorded, of which "
        "MMIO |"
    )
    print("|---|---|---|")
    for _, scenario, found in findings():
        for pid, row in found.get("statistics", {}).items():
            print(
                f"| {scenario}, {pid} | {row['kvm_exits']} / {row['our_exits']} | "
                f"{row['kvm_pf_taken']} / {row['our_pf']}, {row['our_mmio_pf']} |"
            )


def prefetch():
    print(
        "\n| hypothesis | verdict | forks an arm | gap, without and with (median) | gain (95 % "
        "interval) | p | ceiling | |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for _, scenario, found in findings():
        row = found.get("prefetch")
        if not row:
            continue
        ms = {
            key: f"{value / 1e6:.0f}"
            for key, value in row.items()
            if key.endswith("_ns") and isinstance(value, int)
        }
        gaps = " and ".join(f"{gap / 1e6:.0f}" for gap in row["gap_p50_ns"])
        more = [] if row["attempts"] == 1 else [f"attempt {row['attempts']}"]
        if "near_warm" in found:
            near = found["near_warm"]
            more.append(
                f"{near['over_warm']:.2f} times a warm gap (without: "
                f"{near['cold_over_warm']:.2f}), {near['faults_over_warm']:.2f} times its memory "
                f"faults; {near['fetching_left']:.1%} of the fetching is left"
            )
        if found.get("of_ceiling"):
            more.append(
                f"{found['of_ceiling'][0]:.2f} of the ceiling less for fetching, "
                f"{found['of_ceiling'][1]:.2f} gained"
            )
        if row.get("needed"):
            more.append(f"{row['needed']} forks would decide")
        print(
            f"| {scenario} | {row['verdict']} | {row['n'][0]} and {row['n'][1]} | {gaps} ms | "
            f"{ms['gain_ns']} ms ({ms['lo_ns']} to {ms['hi_ns']}) | {row['p']:.2g} | "
            f"{ms.get('ceiling_ns', '-')} ms | {'; '.join(more)} |"
        )


if __name__ == "__main__":
    injected()
    guest()
    others()
    prefetch()
    sys.exit(0)
