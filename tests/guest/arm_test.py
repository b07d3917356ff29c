#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""forkscope-guest arm on a whole kernel: known actions are recorded, as they were, by every rank.
Root, in a machine that is for tests alone (the recorder sees all of it):

    tools/lab run [--kernel K] tests/guest/arm_test.py
"""

import contextlib
import ctypes
import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

TOP = Path(os.environ.get("FORKSCOPE_TOP", Path(__file__).resolve().parents[2]))
OUT = TOP / os.environ.get("O", ".output")
GUEST, DUMP = str(OUT / "forkscope-guest"), str(OUT / "tests/guest/ringdump")
RUN = "/run/forkscope-test"
PAGES = 64
HARDIRQ, SOFTIRQ, PREEMPT = 1 << 15, 1 << 14, 1 << 13
PRINTK, KMSG_READ = 11, 12
STEPS = (
    "gpe",
    "ged",
    "acpi_work",
    "acpi_notify",
    "vmclock_notify",
    "vmclock_poll",
    "vmclock_read",
    "vmclock_mmap",
    "vmgenid_notify",
    "vmfork",
    "kmsg_read",
)
# a program of each first rank that has a second one: without it the second is taken
TYPED = ",".join(
    [
        "fsg_switch",
        "fsg_waking",
        "fsg_irq_begin",
        "fsg_work_queue",
        *(f"fsg_{name}_begin" for name in ("fault", "rtnl", "udp", *STEPS)),
    ]
)
KPROBES = ",".join(f"fsg_{name}_kp" for name in ("fault", "rtnl", "udp", *STEPS))
OTHERS = (
    "SWITCHES,WAKEUPS,IRQS,VECTORS,SOFTIRQS,WORKS,FAULTS,RTNL,LOCKS,PRINTK,GPE,GED,ACPI_WORK,"
    "ACPI_NOTIFY,VMCLOCK_NOTIFY,"
    "VMCLOCK_POLL,VMCLOCK_READ,VMCLOCK_MMAP,VMGENID_NOTIFY,VMFORK,KMSG_READ"
)  # all wants but UDP
libc = ctypes.CDLL(None, use_errno=True)


class Record:
    """One line of the dump."""

    def __init__(self, cpu, line):
        n, ts, self.kind, flags, tid, x, a = line.split()
        self.cpu, self.n, self.ts, self.tid, self.x = cpu, int(n), int(ts), int(tid), int(x)
        self.flags, self.a = int(flags, 16), int(a, 16)

    def __repr__(self):
        return (
            f"{self.cpu}:{self.n} {self.ts} {self.kind} {self.flags:x} {self.tid} {self.x} "
            f"{self.a:x}"
        )


class Rings:
    """All rings at one moment."""

    def __init__(self):
        output = subprocess.run([DUMP, RUN], check=True, capture_output=True, text=True).stdout
        self.heads, self.holes, self.by_cpu = {}, [], {}
        for line in output.splitlines():
            words = line.split()
            if words[0] == "ring":
                cpu = int(words[2]) if words[1] == "cpu" else "agent"
                self.heads[cpu] = {
                    "head": int(words[4]),
                    "records": int(words[6]),
                    "lost": int(words[8]),
                    "mark": words[10],
                }
                self.by_cpu[cpu] = []
            elif words[0] == "hole":
                self.holes.append((cpu, int(words[1])))
            else:
                self.by_cpu[cpu].append(Record(cpu, line))
        self.all = sorted((r for rs in self.by_cpu.values() for r in rs), key=lambda r: r.ts)

    def of(self, kind, **want):
        return [
            r
            for r in self.all
            if r.kind == kind and all(getattr(r, k) == v for k, v in want.items())
        ]


def arm(*options, check=True, **more):
    return subprocess.run(
        [GUEST, "arm", "--run-dir", RUN, *options],
        check=check,
        capture_output=True,
        text=True,
        **more,
    )


def status():
    return json.loads(
        subprocess.run(
            [GUEST, "status", "--json", "--run-dir", RUN], check=True, capture_output=True
        ).stdout
    )


def programs():
    output = subprocess.run(
        ["bpftool", "-j", "prog"], check=True, capture_output=True, text=True
    ).stdout
    return [p["name"] for p in json.loads(output) if p.get("name", "").startswith("fsg_")]


@contextlib.contextmanager
def armed(*options, **more):
    output = arm(*options, **more)
    assert re.match(
        r"armed directory=0x[0-9a-f]+000 pid=\d+ programs=\d+ rings=", output.stdout
    ), output
    state = status()
    try:
        yield state, output
    finally:
        os.kill(state["pid"], signal.SIGTERM)
        end = time.monotonic() + 60
        while time.monotonic() < end and (
            os.path.exists(RUN) or os.path.exists(f"/proc/{state['pid']}")
        ):
            time.sleep(0.05)
        assert not os.path.exists(RUN), "the run folder is left"


# ---- actions that are known -------------------------------------------------------------------


def send_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x" * 17, ("127.0.0.1", 4242))
        s.connect(("127.0.0.1", 4243))
        s.send(b"y" * 9)


def touch_memory():
    """Touches PAGES fresh pages; returns their addresses."""
    area = mmap.mmap(-1, PAGES * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    for i in range(PAGES):
        area[i * 4096] = 1
    return {start + i * 4096 for i in range(PAGES)}


def fault_from_disk():
    """Reads a page that is on disk alone; returns its address."""
    path = Path(os.environ.get("SCRATCH", "/var/tmp")) / "cold"
    path.write_bytes(b"z" * 8192)
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    area = mmap.mmap(fd, 8192, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    assert area[0] == ord("z")
    os.close(fd)
    return start


def ask_links():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.send(
            struct.pack("=IHHIIBxHiII", 32, 18, 1, 1, 0, 0, 0, 1, 0, 0)
        )  # RTM_GETLINK of interface 1
        s.recv(65536)


def wake_each_other():
    """A thread waits for a byte; returns its tid."""
    reader, writer = os.pipe()
    ready, tid = threading.Event(), []

    def wait():
        tid.append(threading.get_native_id())
        ready.set()
        os.read(reader, 1)

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait()
    time.sleep(0.2)
    os.write(writer, b"!")
    thread.join()
    return tid[0]


def use_kernel_log():
    with open("/dev/kmsg", "wb", buffering=0) as log:
        log.write(b"recorded word for word\n")
    fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.read(fd, 8192)
    os.close(fd)


# ---- what must be in the rings ------------------------------------------------------------------


def whole_rings(rings, state):
    cpus = os.cpu_count()
    assert set(rings.heads) == {*range(cpus), "agent"}, rings.heads
    assert all(h["lost"] == 0 and h["mark"] == "1" for h in rings.heads.values()), rings.heads
    assert not rings.holes, rings.holes[:5]
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    first = state["clocks"][0]["mono_ns"]
    assert all(first < r.ts < now for r in rings.all), "a time outside of the recording"
    assert state["moved_pages"] == 0, state["moved_pages"]


def udp_seen(rings, ports):
    me = threading.get_native_id()
    sent = [(r.x, r.a) for r in rings.of("UDP_SEND", tid=me)]
    want = [(4242, 17), (4243, 9)] if ports else [(0, 17), (0, 9)]
    assert sent == want, (sent, want)
    assert [r.a for r in rings.of("UDP_SENT", tid=me)] == [17, 9], rings.of("UDP_SENT")


def faults_seen(rings, pages, cold, ends):
    me = threading.get_native_id()
    mine = [r for r in rings.of("FAULT", tid=me) if r.a & ~4095 in pages]
    assert {r.a & ~4095 for r in mine} == pages and len(mine) <= PAGES + 4, len(
        mine
    )  # a fault may be started over
    assert all(r.x & 2 for r in mine), mine[0]  # writes
    at_cold = [r for r in rings.of("FAULT", tid=me) if r.a & ~4095 == cold]
    assert at_cold, "the fault from disk"
    if not ends:
        return
    after = [r for r in rings.of("FAULT_END", tid=me) if r.ts > at_cold[0].ts]
    assert after[0].x == 1, after[:2]  # major
    assert len(rings.of("FAULT_END", tid=me)) == len(rings.of("FAULT", tid=me))
    minor = next(r for r in rings.of("FAULT_END", tid=me) if r.ts > mine[0].ts)
    assert minor.x == 0, minor


def netlink_seen(rings):
    me = threading.get_native_id()
    assert [r.x for r in rings.of("RTNL", tid=me)] == [18], rings.of("RTNL")
    assert [r.a for r in rings.of("RTNL_END", tid=me)] == [0], rings.of("RTNL_END")


def wake_up_seen(rings, sleeper):
    me = threading.get_native_id()
    waking = [r for r in rings.of("WAKING", x=sleeper, tid=me) if not r.flags & (HARDIRQ | SOFTIRQ)]
    assert waking and waking[-1].a, waking
    runs = [r for r in rings.of("SWITCH", x=sleeper) if r.ts > waking[-1].ts]
    woken = [r for r in rings.of("WAKEUP", x=sleeper) if r.ts > waking[-1].ts]
    assert runs and woken and woken[0].a < os.cpu_count(), (runs[:1], woken[:1])
    assert rings.of("WAKEUP", x=sleeper)[0].a >> 32 == 1, "a new thread is none"


def switches_chain(rings):
    """Who leaves a CPU is who got it before."""
    n = 0
    for cpu in range(os.cpu_count()):
        chain = [r for r in rings.by_cpu[cpu] if r.kind == "SWITCH"]
        broken = [(a, b) for a, b in zip(chain, chain[1:]) if a.x != b.tid]
        assert not broken, broken[:2]
        n += len(chain)
    return n


def pairs_match(rings, begin, end, key=lambda r: r.x):
    """On each CPU ends follow begins (all but those at the edges of the recording)."""
    n = 0
    for cpu in range(os.cpu_count()):
        opened = None
        for r in rings.by_cpu[cpu]:
            if r.kind == begin:
                opened = key(r)
            elif r.kind == end and opened is not None:
                assert key(r) == opened, (r, opened)
                opened, n = None, n + 1
    assert n, f"no {begin} at all"


def interrupts_seen(rings):
    pairs_match(rings, "VECTOR", "VECTOR_END")
    pairs_match(rings, "SOFTIRQ", "SOFTIRQ_END")
    assert all(
        r.flags & HARDIRQ for r in rings.all if r.kind in ("IRQ", "IRQ_END", "VECTOR", "VECTOR_END")
    )
    assert not any(
        r.flags & HARDIRQ for r in rings.all if r.kind in ("RTNL", "UDP_SEND", "WORK", "STAGE")
    )


def work_seen(rings):
    done = 0
    for r in rings.of("WORK"):
        end = next((e for e in rings.of("WORK_END", tid=r.tid) if e.ts >= r.ts), None)
        if end:
            assert end.x == r.x, (r, end)
            done += 1
    assert done, "no work item at all"
    queued = {r.x for r in rings.of("WORK_QUEUE")}
    assert [r for r in rings.of("WORK") if r.x in queued], "no work item from its queue on"


def log_seen(rings, state):
    me = threading.get_native_id()
    word = int.from_bytes(b"recorded"[:8], "little")
    assert [r for r in rings.of("STEP", x=PRINTK) if r.a == word], [
        hex(r.a) for r in rings.of("STEP", x=PRINTK)
    ]
    assert rings.of("STEP", x=KMSG_READ, tid=me) and rings.of("STEP_END", x=KMSG_READ, tid=me)
    assert [
        w for w in state["watchers"] if w["tgid"] == os.getpid() and w["how"] == "KMSG_READ"
    ], state["watchers"]


def all_actions(ports=True, ends=True):
    send_udp()
    cold = fault_from_disk()
    pages = touch_memory()
    ask_links()
    sleeper = wake_each_other()
    use_kernel_log()
    time.sleep(1)
    state = status()
    rings = Rings()
    whole_rings(rings, state)
    udp_seen(rings, ports)
    faults_seen(rings, pages, cold, ends)
    netlink_seen(rings)
    wake_up_seen(rings, sleeper)
    work_seen(rings)
    interrupts_seen(rings)
    log_seen(rings, state)
    n = switches_chain(rings)
    return f"{len(rings.all)} records, {n} switches, {state['probe_ns']:.0f} ns to write one"


# ---- cases --------------------------------------------------------------------------------------


def hooks_of(state):
    return {h["want"]: h for h in state["meta"]["hooks"]}


def first_ranks():
    began = time.monotonic()
    with armed() as (state, output):
        took = time.monotonic() - began
        hooks = hooks_of(state)
        absent = {w for w, h in hooks.items() if not h["got"]}
        assert all(h["rank"] == 1 for h in hooks.values() if h["got"]), [
            h for h in hooks.values() if h["rank"] > 1
        ]
        assert all(w.startswith("VM") for w in absent), absent  # no such driver in this kernel
        assert not (os.path.exists("/sys/module/ptp_vmclock") and absent), absent
        assert all(f"not recorded: {w} " in output.stderr for w in absent), output.stderr
        assert (
            state["split"] and state["signal"] and state["faults"] and state["probe_ns"] > 0
        ), state
        assert state["meta"]["kernel"] == os.uname().release and state["meta"]["symbols"] == ""
        assert state["meta"]["tasks"]["1"], "tasks are named"
        held = Path(f"/proc/{state['pid']}/status").read_text(encoding="ascii")
        sizes = {p["kind"]: p["bytes"] for p in state["parts"]}
        return (
            f"armed in {took:.1f} s; symbols {sizes['symbols']} bytes, meta {sizes['meta']}; the "
            f"process that stays holds "
            f"{re.search(r'VmRSS:.(.*)', held)[1].strip()}; {all_actions()}"
        )


def programs_go():
    end = time.monotonic() + 60
    while time.monotonic() < end and programs():
        time.sleep(0.2)
    assert not programs(), programs()


def second_ranks():
    with armed("--without", TYPED) as (state, _):
        hooks = hooks_of(state)
        got = " ".join(h["got"] or "" for h in hooks.values())
        assert not re.search(r"\b(tp_btf|fentry|fexit)/", got), got
        assert (
            hooks["SWITCHES"]["got"] == "tp/sched/sched_switch" and hooks["FAULTS"]["rank"] == 2
        ), got
        return all_actions(ports=False)


def no_btf():
    """As on a kernel without BTF: /sys/kernel/btf is empty."""
    hide = (
        "mount -t tmpfs none /sys/kernel/btf && mount -t tmpfs none /boot && exec \"$0\" arm "
        "--run-dir " + RUN
    )
    output = subprocess.run(
        ["unshare", "-m", "sh", "-c", hide, GUEST], check=True, capture_output=True, text=True
    )
    assert output.stdout.startswith("armed "), output
    state = status()
    try:
        hooks = hooks_of(state)
        assert "no BTF" in hooks["SWITCHES"]["why"] and hooks["SWITCHES"]["rank"] == 2, hooks[
            "SWITCHES"
        ]
        return all_actions(ports=False)
    finally:
        os.kill(state["pid"], signal.SIGTERM)
        while os.path.exists(RUN):
            time.sleep(0.05)


def no_function_probes():
    """As on a kernel with neither: tracepoints are what is left, and it says what is lost."""
    with armed("--without", TYPED + "," + KPROBES) as (state, output):
        hooks = hooks_of(state)
        assert (
            hooks["FAULTS"]["rank"] == 3 and not hooks["UDP"]["got"] and hooks["UDP"]["lost"]
        ), hooks["FAULTS"]
        assert (
            "not recorded: UDP" in output.stderr
            and not state["faults"]
            and not state["signal"]
            and state["split"]
        ), output
        pages = touch_memory()
        rings = Rings()
        faults_seen(rings, pages, next(iter(pages)), ends=False)
        return f"{switches_chain(rings)} switches"


def forbid_bpf():
    """The system call bpf() does not exist for this process (a seccomp filter)."""
    code = b"".join(
        struct.pack("=HBBI", *insn)
        for insn in (
            (0x20, 0, 0, 0),
            (0x15, 0, 1, 321),
            (0x06, 0, 0, 0x00050000 | 38),
            (0x06, 0, 0, 0x7FFF0000),
        )
    )
    body = ctypes.create_string_buffer(code)
    prog = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", 4, ctypes.addressof(body)))
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, ctypes.byref(prog), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def no_bpf():
    with armed(preexec_fn=forbid_bpf) as (state, output):
        assert "no programs: " in output.stderr and "makes no BPF maps" in output.stderr, output
        assert not state["split"] and state["meta"]["bpf"], state["meta"]["bpf"]
        assert [r["of"] for r in state["rings"]] == ["agent"] and state["moved_pages"] == 0
        Path("/proc/sys/vm/compact_memory").write_text("1", encoding="ascii")
        assert status()["moved_pages"] == 0, "the kernel moved a page that is held"
        assert not programs()


def frames_hidden():
    output = subprocess.run(
        [
            "setpriv",
            "--bounding-set",
            "-sys_admin",
            "--inh-caps",
            "-sys_admin",
            GUEST,
            "arm",
            "--run-dir",
            RUN,
            "--no-bpf",
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (
        output.returncode == 1 and "hides where pages lie" in output.stderr and not output.stdout
    ), output
    assert not os.path.exists(RUN)


def small_ring():
    """Only datagrams, from one CPU: it is known what was overwritten and what is left."""
    os.sched_setaffinity(0, {0})
    with armed("--ring-size", "4KiB", "--no-symbols", "--without", OTHERS) as (state, _):
        for _ in range(50):
            send_udp()
        os.sched_setaffinity(0, range(os.cpu_count()))
        rings, me = Rings(), threading.get_native_id()
        assert state["meta"]["options"]["without"] == OTHERS and not rings.holes
        assert rings.heads[0]["head"] == 200 and all(
            rings.heads[cpu]["head"] == 0 for cpu in range(1, os.cpu_count())
        ), rings.heads
        assert [r.n for r in rings.by_cpu[0]] == list(range(72, 200)), rings.by_cpu[0][:2]
        want = [
            ("UDP_SEND", 4242, 17),
            ("UDP_SENT", 0, 17),
            ("UDP_SEND", 4243, 9),
            ("UDP_SENT", 0, 9),
        ]
        assert [(r.kind, r.x, r.a) for r in rings.by_cpu[0]] == want * 32 and {
            r.tid for r in rings.all
        } == {me}


def twice():
    with armed("--no-symbols") as (state, _):
        again = arm("--no-symbols", check=False)
        assert (
            again.returncode == 1 and f"kill {state['pid']}" in again.stderr and not again.stdout
        ), again
        assert status()["pid"] == state["pid"]


CASES = [
    ("known actions, first ranks", first_ranks),
    ("nothing stays in the kernel after SIGTERM", programs_go),
    ("known actions, second ranks", second_ranks),
    ("known actions, without BTF", no_btf),
    ("without function probes", no_function_probes),
    ("without the system call bpf", no_bpf),
    ("frames that the kernel hides are an error", frames_hidden),
    ("a small ring keeps the newest", small_ring),
    ("arming twice is refused", twice),
]


def main():
    if os.geteuid() or not os.environ.get("FORKSCOPE_LAB"):
        print("1..0 # SKIP runs in the lab: tools/lab run tests/guest/arm_test.py")
        return 0
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(
        ["modprobe", "ptp_vmclock"], check=False, capture_output=True
    )  # where the kernel has it
    failed, wanted = 0, sys.argv[1:]
    for number, (name, case) in enumerate(CASES, 1):
        if wanted and name not in wanted:
            continue
        try:
            note = case()
            print(f"ok {number} - {name}" + (f" ({note})" if note else ""), flush=True)
        except Exception as problem:  # pylint: disable=broad-except
            failed += 1
            print(
                f"# {type(problem).__name__}: {str(problem)[:1500]}\nnot ok {number} - {name}",
                flush=True,
            )
            if os.path.exists(RUN):
                os.kill(status()["pid"], signal.SIGTERM)
                time.sleep(2)
    print(f"1..{len(CASES)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
