# SPDX-License-Identifier: BSD-2-Clause
"""Compares what forkscope says of a fork with what the injector of a delay wrote down itself.

All intervals are half-open, in nanoseconds of CLOCK_MONOTONIC. docs/truth.md states the rules.
"""

import bisect

GUEST = "guest.run"  # host-only, the guest's mode is this alone
IN_GUEST = (GUEST, "guest.signal", "guest.other", "guest.fault")
INSIDE_AT_LEAST = 0.98  # of the path's time inside, guest mode left out
OUTSIDE_AT_MOST = 0.02  # of the injected time, beyond what forks without the injection have
LEAST_INJECTED_NS = 10_000_000


def union(intervals):
    """Sorted, overlapping ones joined."""
    joined = []
    for begin, end in sorted(pair for pair in intervals if pair[0] < pair[1]):
        if joined and begin <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end])
    return [tuple(pair) for pair in joined]


def clip(intervals, begin, end):
    return [(max(a, begin), min(b, end)) for a, b in intervals if a < end and b > begin]


def overlap(begin, end, intervals):
    """Nanoseconds of [begin, end) that lie in the intervals, which are sorted and disjoint (union()
    makes them so)."""
    total = 0
    for index in range(max(bisect.bisect_left(intervals, (begin,)) - 1, 0), len(intervals)):
        a, b = intervals[index]
        if a >= end:
            break
        total += max(0, min(end, b) - max(begin, a))
    return total


def without(intervals, holes):
    """The intervals less the holes."""
    holes, left = union(holes), []
    for begin, end in union(intervals):
        for a, b in clip(holes, begin, end):
            left.append((begin, a))
            begin = b
        left.append((begin, end))
    return [pair for pair in left if pair[0] < pair[1]]


def by_cause(segs):
    """{cause: ns}"""
    total = {}
    for begin, end, _, cause, *_ in segs:
        total[cause] = total.get(cause, 0) + end - begin
    return total


def inside(segs, intervals):
    """{cause: ns} of the path inside the intervals."""
    total = {}
    for begin, end, _, cause, *_ in segs:
        ns = overlap(begin, end, intervals)
        if ns:
            total[cause] = total.get(cause, 0) + ns
    return total


def groups(segs):
    """Runs of pieces without guest mode between them: one exit, from leaving the guest to entering
    it again."""
    run = []
    for seg in segs:
        if seg[3] in IN_GUEST:
            if run:
                yield run
            run = []
        else:
            run.append(seg)
    if run:
        yield run


def gone_on(segs, intervals, cause):
    """Pieces of the path, of other causes, in which the guest had gone on while the rest of what
    its fault began to read was still under way: from the first guest mode in an interval on, its
    exits and other faults are its own work and no wait."""
    found = []
    for begin, end in intervals:
        back = False
        for a, b, _, got, *_ in segs:
            if a < end and b > begin:
                back = back or got in IN_GUEST
                if back and got not in IN_GUEST and got != cause:
                    found.append((max(a, begin), min(b, end)))
    return found


def outside_exact(segs, outer, cause):
    """Nanoseconds in the cell outside the outer intervals."""
    return sum(
        end - begin - overlap(begin, end, outer) for begin, end, _, got, *_ in segs if got == cause
    )


def outside_by_exit(segs, outer, cause):
    """Nanoseconds in the cell in exits that no interval touches: a fault's time is all of its
    exit."""
    total = 0
    for run in groups(segs):
        if not overlap(run[0][0], run[-1][1], outer):
            total += sum(end - begin for begin, end, _, got, *_ in run if got == cause)
    return total


def judge(fork, inner, outer, cause, usual_ns=0, by_exit=False):
    """
    fork: {"start_ns", "end_ns", "segs"}; inner, outer: intervals that are certainly in, and that
    certainly hold, the delay. usual_ns: what forks without the injection have in that cell. Returns
    the finding as a dict with "ok" and "why"."""
    begin, end = fork["start_ns"], fork["end_ns"]
    inner, outer = union(clip(inner, begin, end)), union(clip(outer, begin, end))
    found = inside(fork["segs"], inner)
    path = sum(ns for name, ns in found.items() if name != GUEST)
    right = found.get(cause, 0)
    beyond = (outside_by_exit if by_exit else outside_exact)(fork["segs"], outer, cause)
    injected = sum(b - a for a, b in inner)
    share = right / path if path else 0.0
    result = {
        "cause": cause,
        "gap_ns": end - begin,
        "intervals": len(inner),
        "injected_ns": injected,
        "path_ns": path,
        "right_ns": right,
        "share": share,
        "outside_ns": beyond,
        "usual_ns": usual_ns,
        "inside": found,
        "ok": True,
        "why": "",
    }
    if path < LEAST_INJECTED_NS:
        result.update(
            ok=False,
            why=f"only {path / 1e6:.1f} ms of the path lay inside the injected intervals: nothing "
            f"was tested",
        )
    elif share < INSIDE_AT_LEAST:
        others = sorted(
            ((ns, name) for name, ns in found.items() if name not in (GUEST, cause)), reverse=True
        )
        result.update(
            ok=False,
            why=f"{share:.2%} of {path / 1e6:.1f} ms in {cause}; besides "
            + ", ".join(f"{name} {ns / 1e6:.2f} ms" for ns, name in others[:3]),
        )
    elif beyond > usual_ns + OUTSIDE_AT_MOST * path:
        result.update(
            ok=False,
            why=f"{beyond / 1e6:.1f} ms of {cause} lie outside the injected intervals (usual: "
            f"{usual_ns / 1e6:.1f} ms)",
        )
    return result


def of_guest(cause):
    """Is it the guest's own doing, or waiting? What the host took of the time meanwhile (exits,
    faults, its scheduler) is another matter."""
    return cause.startswith("guest.") or cause == "unknown"


def cells_inside(segs, intervals):
    """{(stage, cause): ns} of the path inside the intervals."""
    total = {}
    for begin, end, stage, cause, *_ in segs:
        ns = overlap(begin, end, intervals)
        if ns:
            total[stage, cause] = total.get((stage, cause), 0) + ns
    return total


def cell_outside(segs, outer, stage, causes, who=None):
    """Nanoseconds in these cells outside of the intervals; who: only of that task of the guest."""
    return sum(
        end - begin - overlap(begin, end, outer)
        for begin, end, where, cause, _, _, task in segs
        if where == stage and cause in causes and who in (None, task)
    )


def judge_guest(fork, intervals, stage, causes, usual_ns=None, outer=None, who=None):
    """
    A delay made in the guest, in `intervals`, all of it in `outer` (None = the same): of all of the
    path's time inside the intervals at least 98 % is in the stage, and of what the host did not
    take, at least 98 % is in one of the causes. usual_ns: what a fork without the delay has of that
    outside; None = the cell may hold other time too. who: the task of the guest whose time is meant
    there; None = anybody's."""
    begin, end = fork["start_ns"], fork["end_ns"]
    intervals = union(clip(intervals, begin, end))
    found = cells_inside(fork["segs"], intervals)
    all_ns = sum(found.values())
    guest = {cell: ns for cell, ns in found.items() if of_guest(cell[1])}
    path, right = sum(guest.values()), sum(
        ns for cell, ns in guest.items() if cell[0] == stage and cell[1] in causes
    )
    in_stage = sum(ns for cell, ns in found.items() if cell[0] == stage)
    outer = intervals if outer is None else union(clip(outer, begin, end))
    beyond = cell_outside(fork["segs"], outer, stage, causes, who)
    share = right / path if path else 0.0
    result = {
        "cause": f"{stage}/{'+'.join(causes)}",
        "gap_ns": end - begin,
        "intervals": len(intervals),
        "injected_ns": all_ns,
        "path_ns": path,
        "right_ns": right,
        "share": share,
        "stage_share": in_stage / all_ns if all_ns else 0.0,
        "outside_ns": beyond,
        "usual_ns": usual_ns or 0,
        "ok": True,
        "why": "",
        "inside": {"/".join(cell): ns for cell, ns in found.items()},
    }
    if path < LEAST_INJECTED_NS:
        result.update(
            ok=False,
            why=f"only {path / 1e6:.1f} ms of the path lay inside the injected intervals: nothing "
            f"was tested",
        )
    elif share < INSIDE_AT_LEAST or in_stage < INSIDE_AT_LEAST * all_ns:
        others = sorted(
            (
                (ns, "/".join(cell))
                for cell, ns in found.items()
                if cell[0] != stage or (of_guest(cell[1]) and cell[1] not in causes)
            ),
            reverse=True,
        )
        result.update(
            ok=False,
            why=f"{share:.2%} of {path / 1e6:.1f} ms in {result['cause']}, "
            f"{in_stage / all_ns:.2%} of {all_ns / 1e6:.1f} ms in its stage; "
            "besides " + ", ".join(f"{name} {ns / 1e6:.2f} ms" for ns, name in others[:4]),
        )
    elif usual_ns is not None and beyond > usual_ns + OUTSIDE_AT_MOST * path:
        result.update(
            ok=False,
            why=f"{beyond / 1e6:.1f} ms of {result['cause']} lie outside the injected intervals "
            f"(usual: {usual_ns / 1e6:.1f} ms)",
        )
    return result
