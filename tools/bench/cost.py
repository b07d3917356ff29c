# SPDX-License-Identifier: BSD-2-Clause
"""What one recorded event costs: page faults of one process, traced in turn by each tool.

All arms in one run, interleaved in random order; each arm by the lowest decile of its bursts,
because machines are noisy. Every tool traces that process alone and must show that it saw the
faults."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

EVENT = "exceptions:page_fault_user"
INSTANCE = "forkscope-bench"
START_TIMEOUT = 30


class ArmError(Exception):
    """An arm that cannot run here, with the reason; the others go on."""


class Faulter:
    """The load, and its process id."""

    def __init__(self, program, cpu):
        self.child = subprocess.Popen(
            [program, str(cpu)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        word, pid, faults = self.child.stdout.readline().split()
        if word != "ready":
            raise RuntimeError("the load did not start")
        self.pid, self.faults = int(pid), int(faults)

    def run(self, bursts):
        self.child.stdin.write(f"run {bursts}\n")
        self.child.stdin.flush()
        return [float(word) for word in self.child.stdout.readline().split()]

    def close(self):
        self.child.stdin.close()
        self.child.wait()


@contextlib.contextmanager
def bare(_load):
    yield lambda: None


@contextlib.contextmanager
def ftrace(load):
    """The kernel's own ring, in an instance of its own, this process only."""
    folder = Path("/sys/kernel/tracing/instances") / INSTANCE
    folder.mkdir(exist_ok=True)
    try:
        (folder / "set_event_pid").write_text(f"{load.pid}\n")
        (folder / "buffer_size_kb").write_text("16384")
        (folder / "trace").write_text("")
        (folder / "events/exceptions/page_fault_user/enable").write_text("1")

        def seen():
            (folder / "events/exceptions/page_fault_user/enable").write_text("0")
            total = 0
            for cpu in folder.glob("per_cpu/cpu*/stats"):
                found = dict(re.findall(r"^(\w[\w ]*): (\d+)", cpu.read_text(), re.MULTILINE))
                total += int(found["entries"]) + int(found["overrun"])
            return total

        yield seen
    finally:
        (folder / "events/exceptions/page_fault_user/enable").write_text("0")
        folder.rmdir()


def _wait_for(child, found, what):
    end = time.monotonic() + START_TIMEOUT
    while not found():
        if child.poll() is not None:
            raise ArmError(f"{what} ended at once")
        if time.monotonic() > end:
            child.kill()
            raise ArmError(f"{what} did not start within {START_TIMEOUT} s")
        time.sleep(0.05)


@contextlib.contextmanager
def bpftrace(load):
    if not shutil.which("bpftrace"):
        raise ArmError("bpftrace is not installed")
    program = (
        f"BEGIN {{ printf(\"started\\n\"); }} tracepoint:{EVENT} /pid == {load.pid}/ {{ "
        f"@seen = count(); }}"
    )
    out = Path(load.scratch) / "bpftrace.out"
    with open(out, "w", encoding="utf-8") as handle:
        child = subprocess.Popen(
            ["bpftrace", "-e", program], stdout=handle, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(child, lambda: "started" in out.read_text(), "bpftrace")
        time.sleep(0.5)

        def seen():
            child.send_signal(signal.SIGINT)
            child.wait(START_TIMEOUT)
            match = re.search(r"@seen: (\d+)", out.read_text())
            return int(match[1]) if match else 0

        yield seen
    finally:
        child.kill()
        child.wait()


@contextlib.contextmanager
def perf(load):
    if not shutil.which("perf"):
        raise ArmError("perf is not installed")
    out = Path(load.scratch) / "perf.data"
    child = subprocess.Popen(
        ["perf", "record", "-q", "-m", "64M", "-e", EVENT, "-p", str(load.pid), "-o", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _wait_for(child, out.exists, "perf record")
        time.sleep(0.5)

        def seen():
            child.send_signal(signal.SIGINT)
            child.wait(START_TIMEOUT)
            text = subprocess.run(
                ["perf", "report", "-i", str(out), "--stats"],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            match = re.search(r"SAMPLE events:\s+(\d+)", text)
            return int(match[1]) if match else 0

        yield seen
    finally:
        child.kill()
        child.wait()


@contextlib.contextmanager
def ours(load):
    """forkscope's own emit path (bpf/emit.bpf.h), rings and consumer, written to a recording."""
    out = Path(load.scratch) / "bench.fsr"
    child = subprocess.Popen(
        [load.emitter, str(load.pid), str(out)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = child.stdout.readline()
        if not line.startswith("attached"):
            raise ArmError("the emit path could not be attached (see above)")

        def seen():
            child.stdin.close()
            text = child.stdout.read()
            child.wait(START_TIMEOUT)
            match = re.search(r"events (\d+) lost (\d+)", text)
            return int(match[1]) if match and match[2] == "0" else 0

        yield seen
    finally:
        child.kill()
        child.wait()


ARMS = {
    "bare": bare,
    "forkscope": ours,
    "ftrace ring": ftrace,
    "bpftrace count()": bpftrace,
    "perf record": perf,
}


def lowest_decile(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 10]


# The kernel limits perf's sample rate; what it left out made its number smaller, never larger.
MAY_MISS = ("perf record",)


def one_turn(name, load, bursts, samples, broken, shares):
    try:
        with ARMS[name](load) as seen:
            got = load.run(bursts)
            count = seen()
    except (ArmError, OSError, subprocess.TimeoutExpired) as error:
        broken[name] = str(error)
        return
    wanted = (bursts + 1) * load.faults
    shares[name] = min(shares.get(name, 1.0), 1.0 if count is None else count / wanted)
    if count is not None and count < wanted and name not in MAY_MISS:
        broken[name] = f"saw {count} of {wanted} faults"
        return
    samples[name].extend(got)


def measure(faulter, emitter, scratch, rounds, bursts, cpu):
    """{"arms": {name: {"ns", "added_ns", "n"}}, "ratio_to_ftrace", "skipped"}"""
    load = Faulter(faulter, cpu)
    load.scratch, load.emitter = scratch, emitter
    samples, broken, shares = {name: [] for name in ARMS}, {}, {}
    try:
        for turn in range(rounds):
            for name in random.sample(list(ARMS), len(ARMS)):
                if name not in broken:
                    one_turn(name, load, bursts, samples, broken, shares)
            print(
                f"bench: cost of an event: round {turn + 1} of {rounds}",
                file=sys.stderr,
                flush=True,
            )
    finally:
        load.close()
    base = lowest_decile(samples["bare"])
    arms = {
        name: {
            "ns": lowest_decile(got),
            "added_ns": lowest_decile(got) - base,
            "n": len(got),
            "recorded": shares[name],
        }
        for name, got in samples.items()
        if got and name not in broken
    }
    ratio = None
    if "forkscope" in arms and "ftrace ring" in arms and arms["ftrace ring"]["added_ns"] > 0:
        ratio = arms["forkscope"]["added_ns"] / arms["ftrace ring"]["added_ns"]
    return {
        "faults_per_burst": load.faults,
        "rounds": rounds,
        "arms": arms,
        "ratio_to_ftrace": ratio,
        "skipped": broken,
    }


if __name__ == "__main__":
    os.makedirs(sys.argv[3], exist_ok=True)
    print(
        json.dumps(measure(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), 8, 0), indent=1)
    )
