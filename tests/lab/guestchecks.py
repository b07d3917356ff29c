# SPDX-License-Identifier: BSD-2-Clause
"""The checks of scenarios with a recorder armed in the guest: each takes a scenario's context and
gives (good, name, why)."""

import json

import checks
import ftrace
import judge
import skips
from checks import Missing
from scenarios import DIED

BEGIN, OVER = 0x46530001, 0x46530002  # tests/guest/mark.h
CLOCK_ERROR_NS = 25_000  # at p95 over the forks of a boot
CLOCK_GOAL_NS = 10_000  # what is aimed at, by the VM's own clock
ACK_PORT = 9797
HAS_BPF = 1  # FSG_D_BPF
AGREE = 0.05  # of the gap, with and without the guest's half
INJECTOR = "beside"  # its name in the guest
TOUCH_MORE = 0.02  # of the working set: faults that came again
ALL_GUEST = ("guest.signal", "guest.other", "guest.idle", "guest.fault")
SPIN_HAS_NOT = ("raise", "inject", "notify", "wakeup")
SIGNAL_STAGES = ("raise", "inject", "notify", "wakeup", "mailbox", "ack")


def _tids(fork):
    return set(fork["vcpu_tids"])


def _intervals(context, fork):
    return ftrace.mark_intervals(context.folder / "cpuid.trace", BEGIN, OVER, _tids(fork))


def _delayed(context, kind):
    """[(fork of the lab, how much in words)] of those that are delayed that way."""
    wanted = context.scenario.env["INJECT_AMOUNTS"].split()
    return [
        (fork, wanted[fork["id"] - 1])
        for fork in context.forks()
        if wanted[fork["id"] - 1].startswith(kind)
    ]


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
            wrong.append(
                f"{stage} ended {(last - link['at_ns']) / 1e3:.0f} us before the stage before it"
            )
        else:
            last = max(last, link["at_ns"])
    return wrong


def _sends_of(fork, acks):
    """What is wrong with the acks of one fork: the guest began to send each before it left the
    TAP."""
    sends = sorted(ns for ns, port in fork["inside"]["sends"] if port == ACK_PORT)
    late = [
        ack["stage"]
        for number, ack in enumerate(sorted(acks, key=lambda each: each["at_ns"]), 1)
        if sum(ns - fork["clock_error_ns"] <= ack["at_ns"] for ns in sends) < number
    ]
    return (
        [f"ack {stage} left before the guest sent it" for stage in late]
        if acks
        else ["no ack was seen"]
    )


def _guest_of(fork):
    """What is wrong with the guest recording of one fork of the dump."""
    guest, wrong = fork["guest"], []
    if not guest["used"]:
        return [f"the guest's half is not used: {guest['why']}"]
    for key in ("lost", "torn", "outside"):
        if guest[key]:
            wrong.append(
                f"{guest[key]} guest records {'outside guest mode' if key == 'outside' else key}"
            )
    inside = fork["inside"]
    if not guest["events"] or not inside["events"]:
        wrong.append("it has no events")
    # Judged here once more, from the stated mapping and the host's own records.
    if inside["outside"]:
        wrong.append(
            f"{inside['outside']} of {inside['events']} guest records lie outside guest mode of "
            f"their vCPU, by up to {inside['worst_ns'] / 1e3:.1f} us"
        )
    return wrong


def chain(context, signal, own="own"):
    """Each fork has the whole chain of its signal, in order, from an agent that reports its own
    stages (or not)."""
    wrong, seen, charged = [], {}, skips.charged(context.report())
    acks = {fork["vmm"]["pid"]: fork["acks"] for fork in context.report()["forks"]}
    for pid, fork in context.ledgers().items():
        of_host = (
            []
            if pid in charged
            else _chain_of(fork, signal == "vmclock-spin") + _sends_of(fork, acks.get(pid, []))
        )
        found = _guest_of(fork) or of_host
        if fork["signal"] != signal:
            found.append(f"the signal is reported as '{fork['signal']}', not {signal}")
        if fork["guest"]["own"] != (own == "own"):
            found.append(
                f"the agent '{fork['guest']['agent']}' is taken for "
                f"{'our own' if fork['guest']['own'] else 'a foreign one'}"
            )
        wrong += [f"pid {pid}: {each}" for each in found]
        last, stages = fork["start_ns"], {}
        for link in fork["links"]:
            stages[link["stage"]] = round((link["at_ns"] - last) / 1e6, 3) if link["seen"] else None
            last = link["at_ns"] if link["seen"] else last
        seen[str(pid)] = {
            "stages_ms": stages,
            "events": fork["guest"]["events"],
            "clock_error_us": fork["clock_error_ns"] / 1e3,
            "containment_error_us": fork["guest"]["containment_error_ns"] / 1e3,
            "limited_by": fork["guest"]["limited_by"],
            "worst_outside_ns": fork.get("inside", {}).get("worst_ns"),
        }
    context.findings["chain"] = seen
    return (
        bool(seen) and not wrong,
        f"{len(seen)} forks: the chain of {signal}, in order; no guest record lost or outside "
        f"guest mode, acks leave after their sends{skips.reported(context.report())}",
        "\n".join(wrong) or ("" if seen else "no fork"),
    )


def clock(context):
    """Over all forks of the boot that have a guest's half."""
    errors, without = [], []
    for folder in sorted(context.boot.iterdir()):
        if (folder / "run.fsr").exists() and not folder.name.endswith(DIED):
            for pid, fork in context.other(folder.name).ledgers().items():
                if fork["guest"]["used"]:
                    errors.append(fork["clock_error_ns"])
                    if not fork["guest"]["clock_used"]:
                        without.append(
                            f"{folder.name}, pid {pid}: {fork['clock_error_ns'] / 1e3:.1f} us, "
                            f"not by the VM's own clock: {fork['guest']['limited_by']}"
                        )
    if not errors:
        return False, "clock error", "no fork of this boot has a guest's half"
    errors.sort()
    p95 = errors[min(len(errors) - 1, int(0.95 * len(errors)))]
    goal = "met" if p95 <= CLOCK_GOAL_NS else "missed"
    context.findings["clock"] = {
        "n": len(errors),
        "p50_us": errors[len(errors) // 2] / 1e3,
        "p95_us": p95 / 1e3,
        "max_us": errors[-1] / 1e3,
        "goal": goal,
        "without_vm_clock": without,
    }
    return (
        p95 <= CLOCK_ERROR_NS,
        (
            f"clock error over {len(errors)} forks: p50 {errors[len(errors) // 2] / 1e3:.1f}, p95 "
            f"{p95 / 1e3:.1f}, "
            f"max {errors[-1] / 1e3:.1f} us (at most {CLOCK_ERROR_NS / 1e3:.0f} at p95; the goal "
            f"of {CLOCK_GOAL_NS / 1e3:.0f} is {goal}); "
            f"{len(without)} without the VM's own clock"
        ),
        "\n".join(without),
    )


def followed(context):
    """Several vCPUs: the path is followed through them."""
    wrong = [
        f"pid {fork['vmm']['pid']}: path {fork['path']}"
        for fork in context.report()["forks"]
        if fork["path"] != "followed"
    ]
    few = [
        f"pid {fork['vmm']['pid']}: {fork['vmm']['vcpus']} vCPU"
        for fork in context.report()["forks"]
        if fork["vmm"]["vcpus"] < 2
    ]
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


def _differs(full, alone, tracer, gap):
    """
    By which share of the gap a cause of the host differs. Faults at the recorder's own pages are
    `tracer` only where the guest's half has which pages these are, so without it the memory faults
    may have that much more."""
    more = alone - full
    return max(-more, more - tracer, 0) / gap


def agree(context):
    """With the guest recording and without it, the report of the host is the same."""
    wrong, worst = [], 0.0
    alone = {fork["vmm"]["pid"]: fork for fork in context.report("--no-guest")["forks"]}
    for fork in context.report()["forks"]:
        pid, gap = fork["vmm"]["pid"], fork["gap_ns"]
        if not fork["complete"]:
            continue  # `whole` reports that
        other = alone.get(pid)
        if not other or other["gap_ns"] != gap:
            wrong.append(
                f"pid {pid}: the gap is {gap}, without the guest's half {other and other['gap_ns']}"
            )
            continue
        (host, guest), (host_alone, guest_alone) = _by_group(fork), _by_group(other)
        tracer = fork["buckets"]["tracer_ns"]
        faults, faults_alone = (
            sum(ns for cause, ns in each.items() if cause.startswith("fault."))
            for each in (host, host_alone)
        )
        if abs(faults + tracer - faults_alone) / gap > AGREE:
            wrong.append(
                f"pid {pid}: memory faults and tracer are {(faults + tracer) / 1e6:.1f} ms, "
                f"memory faults without the guest's half {faults_alone / 1e6:.1f} ms"
            )
        for cause in {*host, *host_alone}:
            share = _differs(
                host.get(cause, 0),
                host_alone.get(cause, 0),
                tracer if cause.startswith("fault.") else 0,
                gap,
            )
            worst = max(worst, share)
            if share > AGREE:
                wrong.append(f"pid {pid}: {cause} differs by {share:.1%} of the gap")
        share = abs(guest - other["buckets"]["guest_unsplit_ns"]) / gap
        worst = max(worst, share)
        if share > AGREE or guest_alone != other["buckets"]["guest_unsplit_ns"]:
            wrong.append(
                f"pid {pid}: guest (not split) is "
                f"{other['buckets']['guest_unsplit_ns'] / 1e6:.1f} ms, guest.* together "
                f"{guest / 1e6:.1f} ms"
            )
    context.findings["agree"] = {"forks": len(alone), "worst_share": worst}
    return (
        bool(alone) and not wrong,
        f"with and without the guest's half, {len(alone)} ledgers agree (largest difference "
        f"{worst:.2%} of the gap)",
        "\n".join(wrong),
    )


def bare(context):
    """A guest without BPF: the host-only verdict, and it says what it lacks."""
    wrong = []
    for pid, fork in context.ledgers().items():
        split = [
            seg for seg in fork["segs"] if seg[3] in ("guest.signal", "guest.other", "guest.fault")
        ]
        if split:
            wrong.append(
                f"pid {pid}: {len(split)} pieces of the path are separated in a guest where they "
                f"cannot be"
            )
        if fork["guest"]["flags"] & HAS_BPF:
            wrong.append(f"pid {pid}: its recorder is reported to have BPF programs")
    for fork in context.report()["forks"]:
        if not fork["buckets"]["guest_unsplit_ns"]:
            wrong.append(f"pid {fork['vmm']['pid']}: guest (not split) is 0")
    lacking = [
        line.strip() for line in context.text().splitlines() if line.strip().startswith("lacking:")
    ]
    if len(lacking) != len(context.ledgers()):
        wrong.append("the report does not say what the guest lacks")
    why = lacking[0] if lacking else "nothing"
    context.findings["bare"] = why
    return not wrong, f"a guest that cannot be split: host-only, and says: {why}", "\n".join(wrong)


def _usual_ns(context, kind, stage, causes, who=None, end="ack:mailbox"):
    """The most that a fork without that kind of delay, of the same template, has in that cell."""
    ledgers, delayed = context.ledgers(end), {fork["pid"] for fork, _ in _delayed(context, kind)}
    return max(
        (
            judge.cell_outside(fork["segs"], [], stage, causes, who)
            for pid, fork in ledgers.items()
            if pid not in delayed
        ),
        default=0,
    )


def _ledger(ledgers, fork):
    if fork["pid"] not in ledgers:
        raise Missing(f"pid {fork['pid']} has no ledger")
    return ledgers[fork["pid"]]


def guest_injected(context, kind, stage, *causes):
    """
    A delay that the injector in the guest makes by running: its own marks, as the kernel of the
    host traced them, are the truth. Others run in that stage as well, so outside of the marks it is
    the injector's own time that must not be there."""
    usual, ledgers, findings = (
        _usual_ns(context, kind, stage, causes, INJECTOR),
        context.ledgers(),
        {},
    )
    for made, words in _delayed(context, kind):
        fork, marked = _ledger(ledgers, made), judge.union(_intervals(context, made))
        # what held the CPU when the snapshot was taken does so from the resume on
        outer = [(fork["start_ns"], marked[-1][1])] if kind == "hold" and marked else marked
        findings[f"{made['pid']}, {words}"] = judge.judge_guest(
            fork,
            checks.known(context, made["pid"], fork, marked),
            stage,
            causes,
            usual,
            outer,
            INJECTOR,
        )
    return _told(context, stage, causes, findings)


def _told(context, stage, causes, findings):
    cell = f"{stage}/{'+'.join(causes)}"
    context.findings[cell] = findings
    wrong = [f"pid {which}: {found['why']}" for which, found in findings.items() if not found["ok"]]
    name = f"{cell}: " + "; ".join(
        f"{which.partition(', ')[2]}: {found['share']:.2%} of {found['path_ns'] / 1e6:.0f} ms"
        for which, found in findings.items()
    )
    return (
        bool(findings) and not wrong,
        name + skips.reported(context.report()),
        "\n".join(wrong) if findings else "no fork to judge",
    )


def held_back(context, what, stage, cause, end="ack:mailbox"):
    """
    The guest waits, with nothing to do: where the host's kernel saw its vCPU's thread asleep,
    between the marks. All that lies between them is in that stage. What comes before the delay
    belongs to it too: the notification was masked, or the lock held, from before the resume on."""
    findings, ledgers, usual = (
        {},
        context.ledgers(end),
        _usual_ns(context, what, stage, (cause,), end=end),
    )
    for made, words in _delayed(context, what):
        fork = _ledger(ledgers, made)
        asleep = judge.union(ftrace.blocked_intervals(context.folder / "run.trace", _tids(made)))
        marked = judge.union(_intervals(context, made))
        inner = checks.known(
            context,
            made["pid"],
            fork,
            [pair for begin, over in marked for pair in judge.clip(asleep, begin, over)],
        )
        found = judge.judge_guest(
            fork,
            inner,
            stage,
            (cause,),
            usual,
            outer=[(fork["start_ns"], max((over for _, over in marked), default=0))],
        )
        whole = judge.judge_guest(
            fork, checks.known(context, made["pid"], fork, marked), stage, ALL_GUEST
        )
        if found["ok"] and not whole["ok"]:
            found.update(ok=False, why=f"between the marks: {whole['why']}")
        findings[f"{made['pid']}, {words}"] = found
    return _told(context, stage, (cause,), findings)


def touched(context, pages):
    """The agent reads a working set of known size before it decodes: as many faults, in the stage
    `mailbox`."""
    wrong, found, ledgers = [], {}, context.ledgers()
    for made in context.forks():
        fork, pid = _ledger(ledgers, made), made["pid"]
        wanted = set(
            json.loads((context.folder / f"touched.{made['id']}.json").read_text(encoding="ascii"))
        )
        begin, end = next(iter(_intervals(context, made)), (0, 0))
        inside = [
            (gpa, cause)
            for gpa, at, _, cause in fork["faults"]
            if begin <= at < end and gpa in wanted
        ]
        cells = judge.cells_inside(fork["segs"], [(begin, end)])
        stage = sum(ns for cell, ns in cells.items() if cell[0] == "mailbox") / max(
            sum(cells.values()), 1
        )
        count = sum(
            cell["count"]
            for each in context.report()["forks"]
            if each["vmm"]["pid"] == pid
            for cell in each["cells"]
            if cell["stage"] == "mailbox" and cell["cause"].startswith("fault.")
        )
        found[str(pid)] = {
            "pages": pages,
            "faults_at_them": len(inside),
            "all_faults_of_the_stage": count,
            "stage_share": stage,
            "fault_ms": sum(ns for cell, ns in cells.items() if cell[1].startswith("fault.")) / 1e6,
        }
        if len(wanted) != pages:
            wrong.append(
                f"pid {pid}: the memory file has {len(wanted)} pages that are to be touched, not "
                f"{pages}"
            )
        if {gpa for gpa, _ in inside} != wanted or len(inside) > pages * (1 + TOUCH_MORE):
            wrong.append(
                f"pid {pid}: {len(inside)} faults at {len({gpa for gpa, _ in inside})} of the "
                f"{pages} pages that were touched"
            )
        if stage < judge.INSIDE_AT_LEAST or count < pages:
            wrong.append(
                f"pid {pid}: {stage:.2%} of the touching is in the stage mailbox, which has "
                f"{count} faults"
            )
    context.findings[f"touched_{pages}"] = found
    counts = ", ".join(str(each["faults_at_them"]) for each in found.values())
    return (
        bool(found) and not wrong,
        f"{pages} pages read before decoding: {counts} faults at them, in `mailbox`",
        "\n".join(wrong),
    )


CHECKS = {
    "chain": chain,
    "clock": clock,
    "followed": followed,
    "agree": agree,
    "bare": bare,
    "guest_injected": guest_injected,
    "held_back": held_back,
    "touched": touched,
}
