#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Text of a recording with forks of one snapshot, in arms, for tools/mkrec.

    forks.py ARM/FORKS/MAJOR_MS/NOISE_MS[/WORK_MS[/PREFETCH_MS]]... [--seed N] [--no-end N]

A fork touches 8 pages (0x100000 on, of a 256 MiB memory file). In an arm with MAJOR_MS > 0 the
first four are major faults of that length together, else they are served from the page cache in
10 us each, as the other four always are; two pages (0x200000) are touched after the end. The guest
runs for WORK_MS (100) and up to NOISE_MS more. Arms are interleaved. --no-end: the last N forks of
the last arm never send their ack.
"""

import argparse
import random

MS = 1000000
FILE = "addr=0x7f0000000000 size=0x10000000 ino=7 dev=3 fd=9"
REGS = "rip=0xffffffff9b800482 cr0=0x80050033 cr4=0x3006f0 efer=0xd01 valid=0x1f"


class Arm:
    def __init__(self, text):
        name, forks, *numbers = text.split("/")
        self.name, self.forks = name, int(forks)
        self.major, self.noise, self.work, self.prefetch = [float(x) for x in numbers] + [
            0,
            0,
            100,
            0,
        ][len(numbers) :]


class Lines(list):
    def add(self, ts, kind, who, rest):
        self.append((ts, f"ts={ts} {kind} {who} {rest}"))


def fault(out, at, ns, page, hints, who):
    gpa = 0x100000 + page * 4096 if page < 100 else 0x200000 + (page - 100) * 4096
    if "MAJOR" in hints:
        out.add(
            at + ns - 3000, "BIO", who, f"ts_start={at + 2000} bytes=4096 sector=8 dev=0x800001"
        )
        out.add(
            at + ns - 2000,
            "OFFCPU",
            who,
            f"ts_out={at + 3000} ts_wake={at + ns - 3000} waker_flags=IRQ|BIO prev_state=0x2 "
            'iowait=1 next_comm="swapper/1" prev_comm="swapper/1"',
        )
    out.add(
        at + ns,
        "VMEXIT",
        who,
        f"ts_exit={at} reason=0x400 isa=SVM gpa={gpa:#x} rip=0xffffffff9b800010 hints={hints}",
    )
    return at + ns


def fork(out, arm, number, t0, rng, end):
    pid = 100 + 10 * number
    main = f"cpu=0 tgid={pid} tid={pid}"
    vm, vcpu = f"{main} vm={number}", f"cpu=1 tgid={pid} tid={pid + 1} vm={number}"
    if arm.name:
        out.add(t0, "MARK", f"tgid={pid}", f'name="arm:{arm.name}"')
    if arm.prefetch:
        out.add(t0 + 1, "MARK", f"tgid={pid}", f'name="prefetch:{arm.prefetch}ms"')
    began = t0 + int(arm.prefetch * MS) + 1000
    out.add(began + 10, "PROC_ADD", main, f'start_ns={t0 + 2} comm="vmm"')
    out.add(began + 20, "MMAP", vm, f"ts_start={began + 15} {FILE}")
    out.add(began + 30, "VM_CREATE", vm, f"ts_start={began + 25} fd=5")
    out.add(began + 40, "MEMSLOT", vm, f"ts_start={began + 35} size=0x10000000 hva=0x7f0000000000")
    out.add(began + 50, "VCPU_CREATE", vm, f"ts_start={began + 45} fd=6")
    out.add(began + 60, "FORK", vm, f'child_tid={pid + 1} child_tgid={pid} comm="vcpu"')
    resume = began + 5 * MS
    out.add(
        resume + 10,
        "OFFCPU",
        vcpu,
        f"ts_out={began + 70} ts_wake={resume} waker_tid={pid} waker_tgid={pid} prev_state=0x1 "
        'waker_comm="vmm" prev_comm="x"',
    )
    out.add(resume + 20, "FIRST_RUN", vcpu, REGS)
    out.add(resume + 50, "VMEXIT", vcpu, "run_ns=30")
    at = resume + MS
    for page in range(4):
        ns = int(arm.major * MS / 4) if arm.major else 10000
        hints = "PF|HMM|MAJOR|BIO|OFFCPU|MEMSLOT" if arm.major else "PF|HMM|FILEMAP|MEMSLOT"
        at = fault(out, at, ns, page, hints, vcpu) + 1000
    for page in range(4, 8):
        at = fault(out, at, 10000, page, "PF|HMM|FILEMAP|MEMSLOT", vcpu) + 1000
    at += int((arm.work + arm.noise * rng.random()) * MS)
    out.add(at, "VMEXIT", vcpu, f"ts_exit={at - 5000} reason=0x7c isa=SVM rip=0xffffffff9b800405")
    if end:
        for delay, stage in ((0, "mailbox"), (3 * MS, "applied")):
            out.add(
                at - 2000 + delay,
                "NET_TX",
                vcpu,
                "what=FIRST|STAGE eth_proto=0x800 ifname=\"tap0\" "
                f'payload_len={len(stage) + 7} payload="stage={stage} "',
            )
    for page in (100, 101):
        at = fault(out, at + 1000 * page, 20000, page, "PF|HMM|FILEMAP|MEMSLOT", vcpu)
    at += 10 * MS
    out.add(at, "VMEXIT", vcpu, f"ts_exit={at - 5000} reason=0x60 isa=SVM rip=0x401234")
    return at + 10 * MS


def main():
    p = argparse.ArgumentParser()
    p.add_argument("arms", nargs="+")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--no-end", type=int, default=0)
    o = p.parse_args()
    rng = random.Random(o.seed)
    arms = [Arm(a) for a in o.arms]
    order = [a for a in arms for _ in range(a.forks)]
    rng.shuffle(order)
    left = {id(a): a.forks for a in arms}
    out, now = Lines(), MS
    for number, arm in enumerate(order, 1):
        left[id(arm)] -= 1
        end = arm is not arms[-1] or left[id(arm)] >= o.no_end
        now = fork(out, arm, number, now, rng, end) + (0 if end else 1100 * MS)
    print(
        'META {"format":1,"tool":"forkscope","version":"0.1.0","end":"ack:mailbox",'
        '"timeout_ns":1000000000}'
    )
    out.sort(key=lambda x: x[0])
    print("\n".join(text for _, text in out))
    print(f'ts={now} MARK name="over"')
    print('STATS {"final":true,"lost":{"records":0,"stacks":0,"state":0}}')
    print('END {"why":"the command ended","complete":true}')


main()
