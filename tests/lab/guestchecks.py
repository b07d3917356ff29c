# SPDX-License-Identifier: BSD-2-Clause
"""The checks of scenarios with a recorder armed in the guest: each takes a scenario's context and gives (good, name, why)."""
import ftrace
import judge
from checks import Missing

BEGIN, OVER = 0x46530001, 0x46530002 # tests/guest/mark.h
CLOCK_ERROR_NS = 25_000              # at p95 over the forks of a boot
ACK_PORT = 9797
AGREE = 0.05                         # of the gap, with and without the guest's half
TOUCH_MORE, TOUCH_MORE_PAGES = 0.02, 48     # faults beside the working set's own: page tables, code
SPIN_HAS_NOT = ("inject", "notify", "wakeup")
SIGNAL_STAGES = ("raise", "inject", "notify", "wakeup", "mailbox", "ack")


def _tids(fork):
    return set(fork["vcpu_tids"])


def _intervals(context, fork):
    return ftrace.mark_intervals(context.folder / "cpuid.trace", BEGIN, OVER, _tids(fork))


def _amount(context, fork):
    return int(context.scenario.env["INJECT_AMOUNTS"].split()[fork["id"] - 1])


def _chain_of(fork, spin):
    """What is wrong with the stages of one fork of the dump."""
    wrong, last = [], fork["start_ns"]
    links = {link["stage"]: link for link in fork["links"]}
    for stage in SIGNAL_STAGES:
        link = links.get(stage)
        if link is None:
            wrong.append(f"no stage {stage}")
        elif not link["seen"]:
            if not (spin and stage in SPIN_HAS_NOT and link["why"]):
                wrong.append(f"{stage} was not seen: {link['why'] or 'no reason given'}")
        elif spin and stage in SPIN_HAS_NOT:
            wrong.append(f"{stage} was seen, which vmclock-spin has not")
        elif link["at_ns"] + link["error_ns"] < last:
            wrong.append(f"{stage} ended {(last - link['at_ns']) / 1e3:.0f} us before the stage before it")
        else:
            last = max(last, link["at_ns"])
    return wrong


def _sends_of(fork, acks):
    """What is wrong with the acks of one fork: the guest began to send each before it left the TAP."""
    sends = sorted(ns for ns, port in fork["inside"]["sends"] if port == ACK_PORT)
    late = [ack["stage"] for number, ack in enumerate(sorted(acks, key=lambda each: each["at_ns"]), 1)
            if sum(ns - fork["clock_error_ns"] <= ack["at_ns"] for ns in sends) < number]
    return [f"ack {stage} left before the guest sent it" for stage in late] if acks else ["no ack was seen"]


def _guest_of(fork):
    """What is wrong with the guest's own half of one fork of the dump."""
    guest, wrong = fork["guest"], []
    if not guest["used"]:
        return [f"the guest's half is not used: {guest['why']}"]
    for key in ("lost", "torn", "outside"):
        if guest[key]:
            wrong.append(f"{guest[key]} guest records {'outside guest mode' if key == 'outside' else key}")
    inside = fork["inside"]
    if not guest["events"] or not inside["events"]:
        wrong.append("it has no events")
    # Judged here once more, from the stated mapping and the host's own records.
    if inside["outside"]:
        wrong.append(f"{inside['outside']} of {inside['events']} guest records lie outside guest mode of their vCPU, by up to {inside['worst_ns'] / 1e3:.1f} us")
    return wrong


def chain(context, signal, own="own"):
    """Each fork has the whole chain of its signal, in order, from an agent that tells its own stages (or not)."""
    wrong, seen = [], {}
    acks = {fork["vmm"]["pid"]: fork["acks"] for fork in context.report()["forks"]}
    for pid, fork in context.ledgers().items():
        found = _guest_of(fork) or _chain_of(fork, signal == "vmclock-spin") + _sends_of(fork, acks.get(pid, []))
        if fork["signal"] != signal:
            found.append(f"the signal is told to be '{fork['signal']}', not {signal}")
        if fork["guest"]["own"] != (own == "own"):
            found.append(f"the agent '{fork['guest']['agent']}' is taken for {'our own' if fork['guest']['own'] else 'a foreign one'}")
        wrong += [f"pid {pid}: {each}" for each in found]
        last, stages = fork["start_ns"], {}
        for link in fork["links"]:
            stages[link["stage"]] = round((link["at_ns"] - last) / 1e6, 3) if link["seen"] else None
            last = link["at_ns"] if link["seen"] else last
        seen[str(pid)] = {"stages_ms": stages, "events": fork["guest"]["events"], "clock_error_us": fork["clock_error_ns"] / 1e3,
                          "containment_error_us": fork["guest"]["containment_error_ns"] / 1e3, "limited_by": fork["guest"]["limited_by"],
                          "worst_outside_ns": fork.get("inside", {}).get("worst_ns")}
    context.findings["chain"] = seen
    return bool(seen) and not wrong, f"{len(seen)} forks: the chain of {signal}, in order; no guest record lost or outside guest mode, acks leave after their sends", "\n".join(wrong) or ("" if seen else "no fork")


def clock(context):
    """Over all forks of the boot that have a guest's half."""
    errors = []
    for folder in sorted(context.boot.iterdir()):
        if (folder / "run.fsr").exists():
            errors += [fork["clock_error_ns"] for fork in context.other(folder.name).ledgers().values() if fork["guest"]["used"]]
    if not errors:
        return False, "clock error", "no fork of this boot has a guest's half"
    errors.sort()
    p95 = errors[min(len(errors) - 1, int(0.95 * len(errors)))]
    context.findings["clock"] = {"n": len(errors), "p50_us": errors[len(errors) // 2] / 1e3, "p95_us": p95 / 1e3, "max_us": errors[-1] / 1e3}
    return p95 <= CLOCK_ERROR_NS, (f"clock error over {len(errors)} forks: p50 {errors[len(errors) // 2] / 1e3:.1f}, p95 {p95 / 1e3:.1f}, "
                                   f"max {errors[-1] / 1e3:.1f} us (at most {CLOCK_ERROR_NS / 1e3:.0f} at p95)"), ""


def followed(context):
    """Several vCPUs: the path is followed through them."""
    wrong = [f"pid {fork['vmm']['pid']}: path {fork['path']}" for fork in context.report()["forks"] if fork["path"] != "followed"]
    few = [f"pid {fork['vmm']['pid']}: {fork['vmm']['vcpus']} vCPU" for fork in context.report()["forks"] if fork["vmm"]["vcpus"] < 2]
    return not wrong + few, "the path over two vCPUs is followed", "\n".join(wrong + few)


def _by_group(fork):
    """(ns by cause of the host, ns that are the guest's)"""
    host, guest = {}, 0
    for cell in fork["cells"]:
        if cell["cause"].startswith(("fault.", "sched.", "exit.")):
            host[cell["cause"]] = host.get(cell["cause"], 0) + cell["ns"]
        elif cell["cause"].startswith("guest."):
            guest += cell["ns"]
    return host, guest


def agree(context):
    """With the guest's half and without it, the same recording tells the same of the host."""
    wrong, worst = [], 0.0
    alone = {fork["vmm"]["pid"]: fork for fork in context.report("--no-guest")["forks"]}
    for fork in context.report()["forks"]:
        pid, gap = fork["vmm"]["pid"], fork["gap_ns"]
        other = alone.get(pid)
        if not other or other["gap_ns"] != gap:
            wrong.append(f"pid {pid}: the gap is {gap}, without the guest's half {other and other['gap_ns']}")
            continue
        (host, guest), (host_alone, guest_alone) = _by_group(fork), _by_group(other)
        for cause in {*host, *host_alone}:
            share = abs(host.get(cause, 0) - host_alone.get(cause, 0)) / gap
            worst = max(worst, share)
            if share > AGREE:
                wrong.append(f"pid {pid}: {cause} differs by {share:.1%} of the gap")
        share = abs(guest - other["buckets"]["guest_unsplit_ns"]) / gap
        worst = max(worst, share)
        if share > AGREE or guest_alone != other["buckets"]["guest_unsplit_ns"]:
            wrong.append(f"pid {pid}: guest (not split) is {other['buckets']['guest_unsplit_ns'] / 1e6:.1f} ms, guest.* together {guest / 1e6:.1f} ms")
    context.findings["agree"] = {"forks": len(alone), "worst_share": worst}
    return bool(alone) and not wrong, f"with and without the guest's half, {len(alone)} ledgers agree (largest difference {worst:.2%} of the gap)", "\n".join(wrong)


def bare(context):
    """A guest without BPF: the host-only verdict, and it says what it lacks."""
    wrong = []
    for pid, fork in context.ledgers().items():
        split = [seg for seg in fork["segs"] if seg[3] in ("guest.signal", "guest.other", "guest.fault")]
        if split:
            wrong.append(f"pid {pid}: {len(split)} pieces of the path are told apart in a guest that cannot be")
        if not fork["guest"]["why"]:
            wrong.append(f"pid {pid}: it does not say what the guest lacks")
    for fork in context.report()["forks"]:
        if not fork["buckets"]["guest_unsplit_ns"]:
            wrong.append(f"pid {fork['vmm']['pid']}: guest (not split) is 0")
    why = next((fork["guest"]["why"] for fork in context.ledgers().values()), "")
    context.findings["bare"] = why
    return not wrong, f"a guest that cannot be split: host-only, and says: {why}", "\n".join(wrong)


def _base_ns(context, stage, causes, end):
    """What the fork without a delay, of the same template, has in that cell."""
    made = {fork["pid"]: fork for fork in context.forks()}
    return max((sum(b - a for a, b, where, cause, *_ in fork["segs"] if where == stage and cause in causes)
                for pid, fork in context.ledgers(end).items() if not _amount(context, made[pid])), default=0)


def guest_injected(context, stage, *causes):
    """A delay that a program in the guest makes: its own marks, as the kernel of the host traced them, are the truth."""
    findings, usual = {}, _base_ns(context, stage, causes, "ack:mailbox")
    ledgers = context.ledgers()
    for made in context.forks():
        if not _amount(context, made):
            continue
        fork = ledgers.get(made["pid"])
        if fork is None:
            raise Missing(f"pid {made['pid']} has no ledger")
        findings[f"{made['pid']}, {_amount(context, made)} ms"] = judge.judge_guest(fork, _intervals(context, made), stage, causes, usual)
    return _told(context, stage, causes, findings)


def _told(context, stage, causes, findings):
    cell = f"{stage}/{'+'.join(causes)}"
    context.findings[cell] = findings
    wrong = [f"pid {which}: {found['why']}" for which, found in findings.items() if not found["ok"]]
    name = f"{cell}: " + "; ".join(f"{which.partition(', ')[2]}: {found['share']:.2%} of {found['path_ns'] / 1e6:.0f} ms" for which, found in findings.items())
    return bool(findings) and not wrong, name, "\n".join(wrong) if findings else "no fork to judge"


def rtnl(context):
    """The lock is held for a known time: while the agent applies, that time is the stage's."""
    findings, stage = {}, "apply"
    causes = ("guest.signal", "guest.other", "guest.idle", "guest.fault")
    ledgers = context.ledgers("ack:applied")
    for made in context.forks():
        if not _amount(context, made):
            continue
        fork = ledgers[made["pid"]]
        mailbox = next((ack["at_ns"] for ack in made["acks"] if ack["stage"] == "mailbox"), None)
        if mailbox is None:
            raise Missing(f"pid {made['pid']} sent no mailbox ack")
        held = judge.clip(_intervals(context, made), mailbox, fork["end_ns"])
        findings[f"{made['pid']}, {'small' if _amount(context, made) == 1 else 'large'} groups"] = judge.judge_guest(fork, held, stage, causes)
    return _told(context, stage, causes, findings)


def touched(context, pages):
    """The agent reads a working set of known size before it decodes: as many faults, in the stage `mailbox`."""
    wrong, found = [], {}
    ledgers = context.ledgers()
    cells = {fork["vmm"]["pid"]: sum(cell["count"] for cell in fork["cells"] if cell["stage"] == "mailbox" and cell["cause"].startswith("fault."))
             for fork in context.report()["forks"]}
    for made in context.forks():
        fork, pid = ledgers[made["pid"]], made["pid"]
        spans = judge.union(_intervals(context, made))
        if len(spans) != 1:
            raise Missing(f"pid {pid}: the waiter touched its pages {len(spans)} times")
        groups = [run for run in judge.groups(fork["segs"]) if judge.overlap(run[0][0], run[-1][1], spans)]
        faults = [run for run in groups if any(seg[3].startswith("fault.") for seg in run)]
        inside = judge.cells_inside(fork["segs"], spans)
        stage = sum(ns for cell, ns in inside.items() if cell[0] == "mailbox") / max(sum(inside.values()), 1)
        found[str(pid)] = {"pages": pages, "faults_inside": len(faults), "report_count": cells.get(pid), "stage_share": stage,
                           "fault_ms": sum(ns for cell, ns in inside.items() if cell[1].startswith("fault.")) / 1e6}
        if not pages <= len(faults) <= pages * (1 + TOUCH_MORE) + TOUCH_MORE_PAGES:
            wrong.append(f"pid {pid}: {len(faults)} faults while {pages} pages were touched")
        if cells.get(pid, 0) < len(faults):
            wrong.append(f"pid {pid}: the report counts {cells.get(pid)} faults in `mailbox`")
        if stage < judge.INSIDE_AT_LEAST:
            wrong.append(f"pid {pid}: {stage:.2%} of the touching is in the stage mailbox")
    context.findings[f"touched_{pages}"] = found
    counts = ", ".join(str(each["faults_inside"]) for each in found.values())
    return bool(found) and not wrong, f"{pages} pages touched before decoding: {counts} faults, in `mailbox`", "\n".join(wrong)


CHECKS = {"chain": chain, "clock": clock, "followed": followed, "agree": agree, "bare": bare, "guest_injected": guest_injected, "rtnl": rtnl,
          "touched": touched}
