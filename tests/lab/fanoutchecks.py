# SPDX-License-Identifier: BSD-2-Clause
"""The checks of a bench in the lab (tests/lab/fanout): each takes a scenario's context and gives
(good, name, why)."""

import json
import math

import checks
import skips

UNKNOWN_AT_MOST = checks.UNKNOWN_AT_MOST
JAILED = 65534
P95_NEEDS = 20  # forks


def _json(context, name):
    path = context.folder / name
    if not path.exists():
        raise checks.Missing(
            f"the bench did not run to its end: see {context.folder / 'forks.log'}"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _forks(context):
    return _json(context, "run.fsr.json")["forks"]


def _done(context):
    found = [fork for fork in _forks(context) if fork["end"] == "done"]
    if not found:
        raise checks.Missing("no fork is done")
    return found


def _said(context):
    return (context.folder / "bench.out").read_text(encoding="utf-8")


def counted(context, number, least):
    """Every fork is done, or is reported as failed with its reason; an emulated guest may die now
    and then."""
    forks, wrong = _forks(context), []
    ends = {
        end: sum(fork["end"] == end for fork in forks)
        for end in ("done", "fell-back", "failed", "stopped")
    }
    status = int((context.folder / "bench.status").read_text(encoding="ascii"))
    if len(forks) != number or ends["done"] < least or ends["stopped"]:
        wrong.append(f"of {number} forks: {ends}; at least {least} should be done")
    wrong += [
        f"fork {fork['id']} {fork['end']}: {fork.get('why')}"
        for fork in forks
        if (fork["end"] == "failed") != bool(fork.get("why"))
    ]
    wrong += [
        f"fork {fork['id']} is {fork['end']} and has a total"
        for fork in forks
        if fork["end"] != "done" and fork["total_ns"] is not None
    ]
    if status != (0 if ends["done"] == number and not skips.runs(context.report()) else 3):
        wrong.append(f"exit status {status}")
    context.findings["counted"] = {
        **ends,
        "why": [fork["why"] for fork in forks if fork.get("why")],
    }
    return (
        not wrong,
        f"{number} forks: {ends['done']} done, each other reported with its reason, the exit "
        f"status says so",
        "\n".join(wrong),
    )


def _ledger_differs(made, got, row, ledger, lost, charged):
    pid, wrong = made["pid"], []
    if not got["complete"] and charged:
        return []  # its end was skipped
    if not got["complete"] or got["kind"] != "restore":
        return [f"pid {pid}: kind {got['kind']}, not complete: {got['notes']}"]
    if (
        sum(cell["ns"] for cell in got["cells"]) != got["gap_ns"]
        or sum(got["buckets"].values()) != got["gap_ns"]
    ):
        wrong.append(f"pid {pid}: the cells do not sum to the gap")
    if not lost and not charged and got["buckets"]["unknown_ns"] > UNKNOWN_AT_MOST * got["gap_ns"]:
        wrong.append(
            f"pid {pid}: unknown is {got['buckets']['unknown_ns'] / got['gap_ns']:.2%} of the gap"
        )
    wrong += checks.resume_differs(made, got, ledger)
    if row["wrong"]:
        wrong.append(f"pid {pid}: {row['wrong']} events of other VMMs were given to it")
    return wrong + checks.acks_differ(made, got, charged)


def ledgers(context):
    """Each fork that is done has its own ledger, which sums to its gap; resume and acks are those
    that the bench saw."""
    report, wrong = context.report(), []
    seen = {fork["vmm"]["pid"]: fork for fork in report["forks"]}
    rows = {row["pid"]: row for row in context.dump()["vms"]}
    segments = {fork["pid"]: fork for fork in context.dump()["forks"]}
    lost, charged = report["trust"]["lost_host"], skips.charged(report)
    unseen = [
        made["pid"] for made in _done(context) if made["pid"] not in seen or made["pid"] not in rows
    ]
    for made in _done(context):
        if made["pid"] not in unseen:
            wrong += _ledger_differs(
                made,
                seen[made["pid"]],
                rows[made["pid"]],
                segments[made["pid"]],
                lost,
                made["pid"] in charged,
            )
    if unseen:  # entries are never skipped, and one of them is enough
        wrong.append(f"pids {unseen}: no ledger")
    if lost:
        wrong.append(f"{lost} records were lost")
    shares = [fork["buckets"]["unknown_ns"] / max(fork["gap_ns"] or 1, 1) for fork in seen.values()]
    context.findings["ledgers"] = {
        "forks": len(seen),
        "unseen": len(unseen),
        "skipped_runs": skips.runs(report),
        "charged": len(charged),
        "unknown_share_most": max(shares, default=None),
        "lost": lost,
        "gap_ms": [round((fork["gap_ns"] or 0) / 1e6, 3) for fork in seen.values()],
    }
    return (
        not wrong,
        f"{len(_done(context)) - len(unseen)} ledgers, each sums to its gap, no event in the "
        f"wrong one, nothing lost{skips.reported(report)}",
        "\n".join(wrong),
    )


def _rising(dist):
    """p50, p95 and max in their order, where forks without an end rank as endless (null), as a dead
    one does."""
    values = [
        math.inf if dist[key] is None else dist[key] for key in ("p50_ns", "p95_ns", "max_ns")
    ]
    return values == sorted(values) and values[0] < math.inf


def percentiles(context):
    """The median and the 95th percentile are there, in words and as numbers, of the gap and of the
    columns."""
    steady = next(
        (cohort for cohort in context.report()["cohorts"] if cohort["name"].endswith("steady")),
        None,
    )
    arm = context.report("--variants")["arms"][0]
    if not steady:
        raise checks.Missing("there is no cohort of steady forks")
    gap, total = steady["gap"], arm["columns"]["total_ns"]
    context.findings["percentiles"] = {"gap": gap, "total": total, "n": steady["n"]}
    good = (
        steady["n"] >= P95_NEEDS
        and _rising(gap)
        and _rising(total)
        and "\n  p95 " in _said(context)
    )
    reported = [
        "no end" if gap[key] is None else f"{gap[key] / 1e6:.0f} ms" for key in ("p50_ns", "p95_ns")
    ]
    return (
        good,
        f"p50 and p95 of the gap ({reported[0]} and {reported[1]}) and of the columns, n = "
        f"{steady['n']}",
        "" if good else f"{gap} {total}",
    )


def contended(context, at_once):
    """More vCPUs than CPUs: that is flagged, from what was recorded."""
    found = context.report()["trust"]["contention"]
    context.findings["contention"] = found
    good = (
        found["contended"]
        and 2 < found["forks_at_once"] <= at_once
        and found["vcpus_at_once"] > found["cpus"]
        and "HOST CONTENTION" in _said(context)
    )
    share = found["delay_ns"] / max(found["windows_ns"], 1)
    return (
        good,
        f"host contention is flagged: {found['vcpus_at_once']} vCPUs at once on {found['cpus']} "
        f"CPUs, {share:.0%} of the windows without one",
        "" if good else str(found),
    )


def clean(context):
    """Nothing is left: no process, link, network namespace, socket, file, mount or BPF program."""
    found = _json(context, "inventory.json")
    wrong = []
    for what, before in found["before"].items():
        after = found["after"][what]
        wrong += [
            f"{what}: left: {each}" for each in after if after.count(each) > before.count(each)
        ]
        # but the socket of a recorder that was killed goes when the next one meets it
        wrong += [
            f"{what}: gone: {each}"
            for each in before
            if before.count(each) > after.count(each) and not each.startswith("/run/forkscope/")
        ]
    counts = ", ".join(f"{len(each)} {what}" for what, each in found["before"].items())
    return (
        not wrong,
        f"nothing is left behind ({counts} before and after)",
        "\n".join(dict.fromkeys(wrong)),
    )


def as_whom(context, jailed):
    """The VMMs ran as another user under another root, which the jailer makes in a mount namespace,
    or did not; in networks of their own."""
    seen = _json(context, "vmms.json")
    good = bool(seen) and all(
        uid == (JAILED if jailed else 0) and mounts != jailed and not network
        for uid, mounts, network in seen
    )
    return (
        good,
        f"VMMs ran {'jailed' if jailed else 'unjailed'}, in namespaces of their own",
        "" if good else str(seen),
    )


def served(context, by_handler):
    """Memory came from the userfaultfd handler, or from the memory file, and the ledger says so."""
    pids = {fork["pid"] for fork in _done(context)}
    shares = [
        sum(cell["ns"] for cell in fork["cells"] if cell["cause"] == "fault.uffd")
        / max(fork["gap_ns"] or 1, 1)
        for fork in context.report()["forks"]
        if fork["vmm"]["pid"] in pids
    ]
    good = bool(shares) and all((share > 0) == by_handler for share in shares)
    return (
        good,
        f"memory is served by {'a userfaultfd handler' if by_handler else 'the memory file'}: "
        f"fault.uffd has {min(shares, default=0):.1%} or more",
        "" if good else str(shares),
    )


def resumed(context, in_load):
    """Firecracker was asked to resume inside of the load, or after it; its own latencies were
    read."""
    forks, wrong = _done(context), []
    for fork in forks:
        inside = fork["resume_ns"] == fork["load_start_ns"]
        if (
            inside != in_load
            or not fork["vmm_us"]
            or not fork["vmm_us"]["load_snapshot"]
            or (fork["vmm_us"]["resume_vm"] == 0) != in_load
        ):
            wrong.append(
                f"fork {fork['id']}: resumed inside of the load: {inside}; {fork['vmm_us']}"
            )
    return (
        not wrong,
        f"resumed {'inside of the load' if in_load else 'after the load'}, by Firecracker's own "
        f"metrics too",
        "\n".join(wrong),
    )


CHECKS = {
    "counted": counted,
    "ledgers": ledgers,
    "percentiles": percentiles,
    "contended": contended,
    "clean": clean,
    "as_whom": as_whom,
    "served": served,
    "resumed": resumed,
}
