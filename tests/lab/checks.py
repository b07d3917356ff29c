# SPDX-License-Identifier: BSD-2-Clause
"""The checks of the lab's scenarios: each takes a scenario's context and gives (good, name,
why)."""

import json
import os
import re
import subprocess
from pathlib import Path

import ftrace
import judge
import skips
from scenarios import DIED

TOP = Path(__file__).resolve().parents[2]
PROGRAM, DUMP = TOP / ".output/forkscope", TOP / ".output/tests/dump"
UNKNOWN_AT_MOST = 0.01
ACK_SEEN_WITHIN_NS = 30_000_000_000  # from the TAP to the reader of the socket, emulated and busy
TIMEOUT_S = 600  # of a fork: a busy machine is no finding
COLD_AT_LEAST = 1.3  # times the warm gap; 3 to 4 is usual


class Missing(Exception):
    """Something that a check needs is not there."""


def _load(text, what):
    try:
        return json.loads(text)
    except ValueError:
        raise Missing(f"{what} is no JSON: {text[:200]!r}") from None


class Context:
    """What a scenario left, read when first asked for."""

    def __init__(self, boot, scenario, folder):
        self.boot, self.scenario, self.folder = boot, scenario, folder
        self.findings = {}
        self._kept = {}

    def other(self, name):
        return Context(self.boot, None, self.boot / name)

    def status(self):
        return int((self.folder / "status").read_text(encoding="ascii"))

    def forks(self):
        path = self.folder / "run.forks.json"
        if not path.exists():
            raise Missing(f"the forks did not run to their end: see {self.folder / 'forks.log'}")
        return json.loads(path.read_text(encoding="utf-8"))["forks"]

    def dead(self):
        """Pids of the VMMs that ended by themselves; of a large burst one may (batch.py)."""
        return {fork["pid"] for fork in self.forks() if fork["vmm_status"] is not None}

    def _run(self, *command):
        if not (self.folder / "run.fsr").exists():
            raise Missing(f"there is no recording in {self.folder}")
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode not in (0, 3):
            raise Missing(
                f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()[-500:]}"
            )
        return done.stdout

    def dump(self, end="ack:mailbox"):
        if ("dump", end) not in self._kept:
            self._kept["dump", end] = _load(
                self._run(DUMP, self.folder / "run.fsr", end, TIMEOUT_S * 1000), "the dump"
            )
        return self._kept["dump", end]

    def report(self, *words):
        """Of `forkscope report --json` with these options."""
        if words not in self._kept:
            self._kept[words] = _load(
                self._run(
                    PROGRAM,
                    "report",
                    "--json",
                    "--timeout",
                    f"{TIMEOUT_S}s",
                    *words,
                    self.folder / "run.fsr",
                ),
                "report --json",
            )
        return self._kept[words]

    def text(self):
        return self._run(
            PROGRAM,
            "report",
            "--color",
            "never",
            "--timeout",
            f"{TIMEOUT_S}s",
            self.folder / "run.fsr",
        )

    def ledgers(self, end="ack:mailbox"):
        """{pid: fork of the dump} of the forks that were made and lived."""
        made = {fork["pid"] for fork in self.forks()} - self.dead()
        return {fork["pid"]: fork for fork in self.dump(end)["forks"] if fork["pid"] in made}

    def injected(self):
        """[{"pid", "o0", "t0", "t1", "o1"}] of the injector."""
        path = self.folder / "injected.jsonl"
        if not path.exists():
            raise Missing("the injector wrote nothing")
        return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def _reported_dead(fork):
    return not fork["complete"] and any("ended before" in str(note) for note in fork["notes"])


def whole(context):
    """Every fork is there, complete, its cells sum to its gap, and nothing is unexplained or
    lost."""
    report, wrong = context.report(), []
    made = {fork["pid"]: fork for fork in context.forks()}
    seen = {fork["vmm"]["pid"]: fork for fork in report["forks"] if fork["vmm"]["pid"] in made}
    dead = context.dead()
    if context.status() != bool(dead):
        wrong.append(f"lab forks ended with status {context.status()}")
    wrong += [f"fork of pid {pid} is missing from the report" for pid in made if pid not in seen]
    lost, charged = report["trust"]["lost_host"], skips.charged(report)
    shares = []
    for pid, fork in seen.items():
        total = sum(cell["ns"] for cell in fork["cells"])
        if not fork["complete"]:
            if pid not in charged and (pid not in dead or not _reported_dead(fork)):
                wrong.append(f"pid {pid}: not complete: {fork.get('notes')}")
            continue
        if total != fork["gap_ns"] or sum(fork["buckets"].values()) != fork["gap_ns"]:
            wrong.append(f"pid {pid}: cells sum to {total}, the gap is {fork['gap_ns']}")
        if fork["kind"] != "restore":
            wrong.append(f"pid {pid}: kind {fork['kind']}")
        unknown = fork["buckets"]["unknown_ns"]
        shares.append(unknown / max(fork["gap_ns"], 1))
        if not lost and pid not in charged and unknown > UNKNOWN_AT_MOST * fork["gap_ns"]:
            wrong.append(
                f"pid {pid}: unknown is {unknown / fork['gap_ns']:.2%} of "
                f"{fork['gap_ns'] / 1e6:.1f} ms"
            )
    if lost:
        wrong.append(f"{lost} records were lost")
    context.findings["whole"] = {
        "forks": len(seen),
        "unknown_share": shares,
        "lost": lost,
        "skipped_runs": skips.runs(report),
        "charged": len(charged),
        "gap_ms": [round((fork["gap_ns"] or 0) / 1e6, 3) for fork in seen.values()],
    }
    but = f" (but {len(dead)} whose guest died, which is reported)" if dead else ""
    return (
        not wrong,
        f"{len(made)} forks, complete{but}, cells sum to the gap, unknown at most 1 "
        f"%{skips.reported(report)}",
        "\n".join(wrong),
    )


def _usual(context, cause):
    """The most that a fork without injection has in that cell."""
    base = context.other("base-qemu")
    if not (base.folder / "run.fsr").exists():
        return 0
    return max(
        (judge.by_cause(fork["segs"]).get(cause, 0) for fork in base.ledgers().values()), default=0
    )


def _verdict(context, cause, findings, size):
    context.findings[cause] = findings
    wrong = [f"pid {pid}: {found['why']}" for pid, found in findings.items() if not found["ok"]]
    shares = [found["share"] for found in findings.values()]
    name = f"{size} of injected delay are {cause}"
    if shares:
        name += (
            f": at least {min(shares):.2%} of "
            f"{sum(f['path_ns'] for f in findings.values()) / 1e6:.0f} ms"
        )
    return (
        bool(findings) and not wrong,
        name + skips.reported(context.report()),
        "\n".join(wrong) if findings else "no fork to judge",
    )


def _tids(context, pid):
    return {tid for fork in context.forks() if fork["pid"] == pid for tid in fork["vcpu_tids"]}


def _quota_intervals(context, pid):
    return ftrace.throttle_intervals(
        context.folder / "switch.trace", context.folder / "throttle.trace", _tids(context, pid)
    )


def known(context, pid, fork, intervals):
    """These intervals without what is unknown of a fork that skipped runs of probes are charged
    to."""
    return (
        judge.without(intervals, skips.unknown(fork))
        if pid in skips.charged(context.report())
        else intervals
    )


def injected(context, cause):
    """At least 98 % of the path inside the injector's intervals is in the right cell, and little of
    that cell is outside."""
    usual, findings = _usual(context, cause), {}
    log = context.injected() if cause != "sched.throttle" else []
    for pid, fork in context.ledgers().items():
        if cause == "sched.throttle":
            found = _quota_intervals(context, pid)
            inner, outer = [(row[2], row[3]) for row in found], [(row[1], row[4]) for row in found]
        else:
            rows = [row for row in log if row["pid"] == pid]
            inner, outer = [(row["t0"], row["t1"]) for row in rows], [
                (row["o0"], row["o1"]) for row in rows
            ]
        if (
            cause == "sched.delay"
        ):  # what holds the CPU delays only who wants it: not while it waits for a lock, say
            inner = judge.without(
                inner, ftrace.blocked_intervals(context.folder / "run.trace", _tids(context, pid))
            )
            # Whom it held up runs before the vCPU when it is gone; ftrace has when the vCPU's
            # thread wanted a CPU.
            outer += ftrace.runnable_intervals(context.folder / "run.trace", _tids(context, pid))
        if (
            cause == "sched.blocked"
        ):  # besides being stopped, the thread waits for locks of its VMM: as ftrace saw it sleep
            outer += ftrace.blocked_intervals(context.folder / "run.trace", _tids(context, pid))
        findings[str(pid)] = judge.judge(
            fork, known(context, pid, fork, inner), outer, cause, usual
        )
    return _verdict(context, cause, findings, f"{context.scenario.env['INJECT_MS']} ms at a time")


def _apf_spans(context):
    """[(t0, t1)] from not-present to ready, of all vCPUs of the trace."""
    open_tokens, spans = {}, []
    for line in ftrace.read(context.folder / "apf.trace"):
        token = line.text.split()
        key = token[1] if len(token) > 1 else line.text
        if line.event == "kvm_async_pf_not_present":
            open_tokens[key] = line.ns
        elif line.event == "kvm_async_pf_ready" and key in open_tokens:
            spans.append((open_tokens.pop(key), line.ns))
    return judge.union(spans)


def disk(context, cause):
    """The slow disk's own reads, as an independent trace of the block layer has them."""
    device = int((context.folder / "memfile.dev").read_text(encoding="ascii"))
    major, minor = os.major(device), os.minor(device)
    rows, findings = ftrace.block_intervals(context.folder / "block.trace", major, minor), {}
    spans = _apf_spans(context)
    for made in context.forks():
        fork = context.ledgers().get(made["pid"])
        if fork:
            tids, trace = set(made["vcpu_tids"]), context.folder / "run.trace"
            reads = [(begin, end) for tid, begin, end in rows if tid in tids]
            # While one read goes on, the thread may be back from another and want a CPU: that is no
            # wait for the disk. Nor is what the guest does once it has its page and the rest of a
            # large read is still under way.
            own = judge.without(
                reads,
                ftrace.runnable_intervals(trace, tids) + judge.gone_on(fork["segs"], reads, cause),
            )
            # A vCPU also waits for pages that another thread is reading, and for its asynchronous
            # faults until it is notified of the page.
            any_reader = [(begin, end) for _, begin, end in rows] + spans
            findings[str(made["pid"])] = judge.judge(
                fork, known(context, made["pid"], fork, own), any_reader, cause, 0, by_exit=True
            )
    return _verdict(
        context,
        cause,
        findings,
        f"{context.scenario.words[context.scenario.words.index('--dm-delay') + 1]} ms a read",
    )


def uffd(context, cause):
    """The handler's intervals from read to copy, those of asynchronous faults and the others also
    apart."""
    log, findings, split = context.injected(), {}, {"synchronous": 0, "asynchronous": 0}
    spans = _apf_spans(context)
    for pid, fork in context.ledgers().items():
        rows = [
            (row["t0"], row["t1"])
            for row in log
            if row["pid"] == pid and row["t0"] < fork["end_ns"] and row["t1"] > fork["start_ns"]
        ]
        # An asynchronous fault's wait begins before the handler reads it and ends when the vCPU is
        # notified: the kernel's own trace.
        outer = [(row["o0"], row["o1"]) for row in log if row["pid"] == pid] + spans
        for begin, end in rows:
            split["asynchronous" if judge.overlap(begin, end, spans) else "synchronous"] += 1
        findings[str(pid)] = judge.judge(
            fork, known(context, pid, fork, rows), outer, cause, 0, by_exit=True
        )
    context.findings["uffd_split"] = split
    good, name, why = _verdict(
        context, cause, findings, f"{context.scenario.env['UFFD_DELAY_US']} us a page"
    )
    return (
        good,
        f"{name} ({split['synchronous']} synchronous, {split['asynchronous']} asynchronous)",
        why,
    )


def died(context):
    """A VMM that dies mid-fork: the recording is readable, the fork is there and says so."""
    report = context.report()
    reported = [fork for fork in report["forks"] if _reported_dead(fork)]
    whole_cells = all(
        sum(cell["ns"] for cell in fork["cells"]) == fork.get("window_ns", fork["gap_ns"])
        for fork in report["forks"]
    )
    return (
        bool(reported) and whole_cells,
        "a VMM that dies mid-fork is reported",
        "" if reported else f"forks: {[(f['complete'], f['notes']) for f in report['forks']]}",
    )


def statistics_agree(context):
    """Our counts against KVM's own of the whole life of each VM (read while it was paused)."""
    counts = {row["pid"]: row for row in context.dump()["vms"]}
    wrong, found, skipped = [], {}, skips.runs(context.report())
    for fork in context.forks():
        kvm, row = fork["kvm"], counts.get(fork["pid"])
        if not kvm or not row:
            wrong.append(f"pid {fork['pid']}: no statistics of KVM, or no VM in the recording")
            continue
        # A record is made when an exit ends in an entry: the last exit of each run may have none.
        # KVM counts an MMIO fault as a page fault only when what it remembers of the address is out
        # of date.
        exits, faults = kvm["exits"] - row["vmexits"], kvm["pf_taken"] - (
            row["n_pf"] - row["mmio_pf"]
        )
        found[str(fork["pid"])] = {
            "kvm_exits": kvm["exits"],
            "our_exits": row["vmexits"],
            "kvm_pf_taken": kvm["pf_taken"],
            "our_pf": row["n_pf"],
            "our_mmio_pf": row["mmio_pf"],
            "runs": row["runs"],
        }
        if not 0 <= exits <= len(fork["vcpu_tids"]):
            wrong.append(
                f"pid {fork['pid']}: KVM counts {kvm['exits']} exits, we recorded {row['vmexits']}"
            )
        if not 0 <= faults <= row["mmio_pf"] + skipped:
            wrong.append(
                f"pid {fork['pid']}: KVM counts {kvm['pf_taken']} page faults, we recorded "
                f"{row['n_pf']} of which {row['mmio_pf']} MMIO"
            )
    context.findings["statistics"] = found
    return (
        not wrong,
        f"counts agree with KVM's own (exits within one per vCPU, page faults up to the MMIO "
        f"ones){skips.reported(context.report())}",
        "\n".join(wrong),
    )


def apart(context, count):
    """Forks resumed at once: all there, no event given to the wrong one, acks in their own
    forks."""
    wrong, made = [], context.forks()
    seen, charged = {fork["vmm"]["pid"]: fork for fork in context.report()["forks"]}, skips.charged(
        context.report()
    )
    rows = {row["pid"]: row for row in context.dump()["vms"]}
    if len(made) != count:
        wrong.append(f"{len(made)} of {count} forks were made")
    for fork in made:
        got, row = seen.get(fork["pid"]), rows.get(fork["pid"])
        if not got or not row:
            wrong.append(f"pid {fork['pid']}: no ledger")
            continue
        if row["wrong"]:
            wrong.append(f"pid {fork['pid']}: {row['wrong']} events of other VMMs were given to it")
        if fork["pid"] not in context.dead():
            wrong += resume_differs(fork, got, context.ledgers()[fork["pid"]]) + acks_differ(
                fork, got, fork["pid"] in charged
            )
    return (
        not wrong,
        f"{count} at once: {count} ledgers, no event in the wrong fork, resume and acks agree "
        f"with the maker's{skips.reported(context.report())}",
        "\n".join(wrong),
    )


def resume_differs(made, got, ledger):
    """
    The resume was seen between the maker's question and the answer. A vCPU's thread that is awake
    (or wants a CPU) since an earlier wake-up is not woken by the resume: then that earlier one is
    reported, and the thread has not waited for anybody until it was resumed."""
    early = [cause for begin, _, _, cause, *_ in ledger["segs"] if begin < made["resume_ns"]]
    if got["resume_ns"] <= made["resumed_ns"] and "sched.blocked" not in early:
        return []
    return [
        f"pid {made['pid']}: resume at {got['resume_ns']}, asked for between {made['resume_ns']} "
        f"and {made['resumed_ns']}; before it was asked for: {early}"
    ]


def acks_differ(fork, got, charged=False):
    """An ack may be missing from a fork that skipped runs of probes are charged to, never be
    another's."""
    truth, ours = {ack["stage"]: ack["at_ns"] for ack in fork["acks"]}, {
        ack["stage"]: ack["at_ns"] for ack in got["acks"]
    }
    wrong = (
        [f"pid {fork['pid']}: acks {sorted(ours)} instead of {sorted(truth)}"]
        if set(truth) - set(ours) and not charged
        else []
    )
    return wrong + [
        f"pid {fork['pid']}: ack {stage} seen {(truth[stage] - ns) / 1e6:.1f} ms before it was read"
        for stage, ns in ours.items()
        if stage in truth and not 0 <= truth[stage] - ns <= ACK_SEEN_WITHIN_NS
    ]


def _majors(fork):
    """How many faults had to read from disk."""
    return sum(row["count"] for row in fork["faults"] if row["class"] == "fault.major")


def warmer(context, cold_name):
    """
    Cold against warm. What the ledger says of the difference is judged by what cannot vary with the
    machine's load: each cold fork read from disk, no warm one did. The times are those of the
    quickest fork of each: emulation makes all of a cold fork slower, guest mode too."""

    def complete(of):
        forks = [fork for fork in of.report()["forks"] if fork["complete"]]
        if not forks:
            raise Missing("no complete forks to compare")
        return sorted(forks, key=lambda fork: fork["gap_ns"])

    colds, warms = complete(context.other(cold_name)), complete(context)
    cold, warm = colds[0], warms[0]
    ratio, more = cold["gap_ns"] / warm["gap_ns"], cold["gap_ns"] - warm["gap_ns"]
    faults = cold["buckets"]["memory_faults_ns"] - warm["buckets"]["memory_faults_ns"]
    majors = [_majors(fork) for fork in colds], [_majors(fork) for fork in warms]
    context.findings["cold_warm"] = {
        "cold_gap_ns": cold["gap_ns"],
        "warm_gap_ns": warm["gap_ns"],
        "ratio": ratio,
        "more_memory_faults_ns": faults,
        "cold_majors": majors[0],
        "warm_majors": majors[1],
    }
    good = ratio >= COLD_AT_LEAST and faults > 0 and min(majors[0]) > 4 * max(majors[1])
    return (
        good,
        (
            f"cold is {ratio:.1f} times warm ({cold['gap_ns'] / 1e6:.0f} and "
            f"{warm['gap_ns'] / 1e6:.0f} ms); {faults / 1e6:.0f} of the "
            f"{more / 1e6:.0f} ms are memory faults; major faults: {majors[0]} and {majors[1]}"
        ),
        (
            ""
            if good
            else f"wanted: {COLD_AT_LEAST} times, more time in memory faults, and many times the "
            f"major faults"
        ),
    )


def tap(context, cases):
    """A script of its own: all of its cases ran, and none failed or was skipped."""
    output = (context.folder / "tap").read_text(encoding="utf-8", errors="replace")
    good, bad = re.findall(r"^ok \d+ - (.*)$", output, re.MULTILINE), re.findall(
        r"^not ok \d+ - (.*)$", output, re.MULTILINE
    )
    skipped = [name for name in good if "# SKIP" in name]
    context.findings["tap"] = {"passed": len(good), "failed": len(bad)}
    whole_run = context.status() == 0 and len(good) == cases and not bad and not skipped
    return (
        whole_run,
        f"{len(good)} of {cases} cases of {context.scenario.script}",
        "" if whole_run else f"status {context.status()}\n{output[-4000:]}",
    )


CHECKS = {
    "whole": whole,
    "injected": injected,
    "disk": disk,
    "uffd": uffd,
    "died": died,
    "statistics": statistics_agree,
    "apart": apart,
    "warmer": warmer,
    "tap": tap,
}


def _doctor(out, kernel):
    path = out / "doctor.json"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        hooks = {hook["want"]: hook["got"] for hook in json.loads(text)["hooks"]}
    except (ValueError, KeyError):
        return False, f"doctor --json said: {text[:300]!r}"
    functions = [got for got in hooks.values() if got and ("fentry" in got or "fexit" in got)]
    return bool(functions), (
        "" if functions else f"no function hook is used on the {kernel} kernel: {hooks}"
    )


def _killed(out, _kernel):
    path = out / "killed.json"
    if not path.exists():
        return False, "it was not tried"
    found = json.loads(path.read_text(encoding="ascii"))
    return (
        bool(found["during"]) and not found["after"],
        f"during: {len(found['during'])} programs, after: {found['after']}",
    )


def _deaths(out, _kernel):
    """An emulated guest may die now and then; if that happens in more than a third of the
    scenarios, it is no accident."""
    ran = [path.name for path in out.iterdir() if path.is_dir()] if out.exists() else []
    died = sorted(name for name in ran if name.endswith(DIED))
    return len(died) <= max(1, (len(ran) - len(died)) // 3), (
        f"guests died in {len(died)} scenarios; what they left: "
        f"{', '.join(str(out / name) for name in died)}"
        if died
        else ""
    )


BOOT_CHECKS = [("guests that died by themselves: in few scenarios", _deaths)]
PROBE_CHECKS = [
    ("doctor: the better hooks are used in the lab's kernel", _doctor),
    ("a tracer killed by SIGKILL leaves no BPF program", _killed),
]
