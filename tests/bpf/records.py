#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Records small workloads whose truth is known and checks the records they must yield. TAP;
root."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

O = Path(os.environ.get("O", ".output"))
HERE = Path(__file__).resolve().parent
SYS_IOCTL, KVM_CREATE_VM, MIB = 16, 0xAE01, 1 << 20
NET_FIRST, NET_STAGE, NET_SYNACK, W_BIO, F_LATE = 1, 2, 4, 1 << 7, 4  # bpf/event.h
counts = {"all": 0, "bad": 0}


def ok(what, good, *say):
    counts["all"] += 1
    counts["bad"] += not good
    print(f"{'' if good else 'not '}ok {counts['all']} - {what}")
    for line in say if not good else ():
        print(f"#   {line}")


def dumped(path):
    dump = subprocess.run(
        [O / "forkscope", "dump", "--json", path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [json.loads(line) for line in dump.stdout.splitlines() if line.startswith("{")]
    return [line for line in lines if "event" in line]


def recorded(command):
    """Runs a recorder; again, twice at most, where the kernel skipped runs of probes: on a busy
    machine it may."""
    for _ in range(3):
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if run.returncode != 3 or "the kernel skipped" not in run.stderr:
            break
        print("# recorded again:", "; ".join(run.stderr.split("\n")))
    return run


def record(folder, *words):
    """Records a command; returns its output and the events."""
    out = Path(folder) / "r.fsr"
    run = recorded([O / "forkscope", "record", "-o", out, "--", *map(str, words)])
    events = dumped(out)
    ok(f"{Path(words[0]).name}: recorded whole", run.returncode == 0 and events, run.stderr)
    return run.stdout, events


def of(events, kind, **fields):
    return [
        e for e in events if e["event"] == kind and all(e.get(k) == v for k, v in fields.items())
    ]


def cold_file(path, mib):
    path.write_bytes(os.urandom(mib * MIB))
    subprocess.run(["sync", str(path)], check=True)
    with open(path, "rb") as f:
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def check_vms(events, vms, vcpus):
    created = of(events, "VM_CREATE")
    ok(
        "one VM_CREATE for each VM, each with its own number",
        sorted(e["vm"] for e in created) == list(range(1, len(vms) + 1)),
    )
    ok(
        "they lie within the calls that made them",
        all(
            any(
                v["create_ns"] <= e["ts_start"] <= e["ts"] <= v["created_ns"]
                for v in vms
                if v["pid"] == e["tgid"]
            )
            for e in created
        ),
        created,
        vms,
    )
    number = {e["tgid"]: e["vm"] for e in created}
    ok("each VM belongs to its process", number.keys() == {v["pid"] for v in vms})
    for v in vms:
        vm = number.get(v["pid"], 0)
        slots = of(events, "MEMSLOT", vm=vm)
        ok(
            f"VM {vm}: its memory slot",
            any(e["hva"] == v["hva"] and e["size"] == v["bytes"] for e in slots),
            slots,
        )
        made = of(events, "VCPU_CREATE", vm=vm)
        ok(f"VM {vm}: its vCPUs", sorted(e["vcpu_id"] for e in made) == list(range(vcpus)), made)
        check_runs(events, v, vm)


def check_runs(events, v, vm):
    for c in v["vcpus"]:
        first = of(events, "FIRST_RUN", tid=c["tid"])
        ok(
            f"VM {vm}: one FIRST_RUN of thread {c['tid']}, with paging on, at its KVM_RUN",
            len(first) == 1
            and first[0]["vm"] == vm
            and first[0]["valid"] == 31
            and int(str(first[0]["cr0"]), 0) >> 31 & 1
            and int(str(first[0]["rip"]), 0) >> 63
            and c["run_ns"] <= first[0]["ts"] <= c["end_ns"],
            first,
            c,
        )
        runs = of(events, "RUN", tid=c["tid"], vm=vm)
        ok(
            "... a RUN for each exit to user space, in order",
            len(runs) >= c["exits"]
            and all(r["ts_start"] < r["ts"] for r in runs)
            and all(a["ts"] <= b["ts_start"] for a, b in zip(runs, runs[1:])),
            runs,
        )
        ports = of(events, "PIO", tid=c["tid"], vm=vm, rw=1)
        ok(
            "... a PIO for each port write",
            len(ports) == c["ports"] and ports[-1]["port"] == 0xF4,
            ports,
            c,
        )
        wakes = [
            w
            for w in of(events, "WAKE", target_tid=c["tid"])
            if w["tid"] == v["pid"] and w["ts"] <= c["run_ns"]
        ]
        ok(
            "... the wake-up by its VMM that resumed it",
            any(v["resume_ns"] <= w["ts"] <= v["resumed_ns"] for w in wakes),
            wakes,
            v,
        )


def check_threads(events, vms):
    tids = {c["tid"] for v in vms for c in v["vcpus"]}
    ok("a FORK for each vCPU thread", tids <= {e["child_tid"] for e in of(events, "FORK")})
    ok("an EXIT_TASK for each vCPU thread", tids <= {e["tid"] for e in of(events, "EXIT_TASK")})
    ok(
        "... and one as the last of its process",
        {v["pid"] for v in vms} <= {e["tgid"] for e in of(events, "EXIT_TASK", group_dead=1)},
    )
    off = of(events, "OFFCPU")
    ok(
        "OFFCPU spans are whole: out, woken, in",
        off
        and all(
            e["ts_out"] < e["ts"] and (not e["ts_wake"] or e["ts_out"] <= e["ts_wake"] <= e["ts"])
            for e in off
        ),
    )
    ok(
        "... the span before its first run was ended by the VMM",
        all(
            any(
                e["tid"] == c["tid"] and e["waker_tid"] == v["pid"] and e["ts"] >= v["resume_ns"]
                for e in off
            )
            for v in vms
            for c in v["vcpus"]
        ),
    )
    ok(
        "MMFAULTs of the VMMs",
        {v["pid"] for v in vms} <= {e["tgid"] for e in of(events, "MMFAULT")},
    )
    calls = [e for e in of(events, "SYSCALL", nr=SYS_IOCTL) if e["arg"][1] == KVM_CREATE_VM]
    ok("the KVM ioctls of the restore phase as SYSCALLs", len(calls) == len(vms), calls)


def sequences(events):
    seen, bad = {}, []
    for e in sorted(events, key=lambda e: (e["cpu"], e["seq"])):
        last = seen.get(e["cpu"])
        if last is not None and e["seq"] != last + 1:
            bad.append((e["cpu"], last, e["seq"]))
        seen[e["cpu"]] = e["seq"]
    return bad


def mini(folder):
    memory = folder / "memory"
    cold_file(memory, 4)
    log = folder / "log"
    _, events = record(
        folder,
        O / "tests/mini",
        "--vms",
        2,
        "--vcpus",
        2,
        "--pages",
        64,
        "--ports",
        3,
        "--halts",
        1,
        "--file",
        memory,
        "--log",
        log,
    )
    vms = [json.loads(line) for line in log.read_text(encoding="ascii").splitlines()]
    ok("two VMs ran", len(vms) == 2 and all(len(v["vcpus"]) == 2 for v in vms))
    check_vms(events, vms, 2)
    check_threads(events, vms)
    ok("no number of a CPU's sequence is missing", not sequences(events), sequences(events))


def cold_read(folder):
    path = folder / "cold"
    cold_file(path, 2)
    _, events = record(folder, "md5sum", path)
    ino, dev = path.stat().st_ino, path.stat().st_dev
    kernel_dev = os.major(dev) << 20 | os.minor(dev)
    opened = [e for e in of(events, "OPEN") if e["path"] == str(path)]
    ok("the OPEN of a file", len(opened) == 1 and opened[0]["fd"] >= 0)
    bios = [e for e in of(events, "BIO") if e["op"] == 0]
    ok(
        "its reads as BIOs, all of its bytes",
        sum(e["bytes"] for e in bios) >= 2 * MIB and all(e["ts_start"] < e["ts"] for e in bios),
        bios,
    )
    waits = [e for e in of(events, "OFFCPU") if e["iowait"]]
    by_bio = {e["bio"] for e in bios}
    ok(
        "who waited for them was woken by them",
        any(e["waker_flags"] & W_BIO and e["work"] in by_bio for e in waits) or not waits,
        waits,
    )
    print(f"# inode {ino} on {kernel_dev:#x}: {len(bios)} reads, {len(waits)} waits")


def packets(folder):
    if not Path("/dev/net/tun").exists():
        print("# no /dev/net/tun: packets not tried")
        return
    out, events = record(folder, "unshare", "-n", sys.executable, HERE / "vmnet.py")
    if not out:
        ok("a TAP in a network namespace", False, "vmnet.py did not end")
        return
    truth = json.loads(out)
    tx = of(events, "NET_TX")
    ok(
        "nobody's packets yield nothing",
        all(e["vm"] == 1 and e["tgid"] == truth["pid"] for e in tx),
        tx,
    )
    ok(
        "the TAP is named",
        tx and all(e["ifname"] == "fstest0" and e["netns"] == truth["netns"] for e in tx),
        tx,
    )
    first = [e for e in tx if e["what"] & NET_FIRST]
    ok("one first packet: the ARP", len(first) == 1 and first[0]["eth_proto"] == 0x0806, first)
    acks = [e for e in tx if e["what"] & NET_STAGE]
    ok("two stage= datagrams", [e["dport"] for e in acks] == [5000, 5002], acks)
    ok(
        "... with their payload, cut at 96 bytes",
        acks
        and acks[0]["payload"].startswith("stage=mailbox mac=02:00:00:00:00:01 ip=10.0.0.2")
        and acks[1]["payload_len"] == 96,
        acks,
    )
    ok(
        "... and addresses",
        acks
        and acks[0]["sport"] == 4711
        and acks[0]["saddr"] == "10.0.0.2"
        and acks[0]["daddr"] == "10.0.0.1",
        acks,
    )
    syn = [e for e in tx if e["what"] & NET_SYNACK]
    ok("one SYN-ACK, with its source port", len(syn) == 1 and syn[0]["sport"] == 22, syn)


def macvtap(folder):
    """The same by a macvtap, whose packets the host sends on, and does not receive."""
    if (
        subprocess.run(
            ["unshare", "-n", "ip", "link", "add", "link", "lo", "name", "x", "type", "macvtap"],
            capture_output=True,
            text=True,
            check=False,
        ).stderr.find("Unknown")
        >= 0
    ):
        print("# no macvtap: not tried")
        return
    out, events = record(
        folder, "unshare", "-n", "-m", sys.executable, HERE / "vmnet.py", "--macvtap"
    )
    if not out:
        ok("a macvtap in a network namespace", False, "vmnet.py did not end")
        return
    truth = json.loads(out)
    tx = of(events, "NET_TX")
    ok(
        "macvtap: the device is named, and its VMM",
        tx
        and all(
            (e["ifname"], e["netns"], e["tgid"]) == ("fstest0", truth["netns"], truth["pid"])
            for e in tx
        ),
        tx,
    )
    ok(
        "macvtap: one first packet",
        [e["eth_proto"] for e in tx if e["what"] & NET_FIRST] == [0x0806],
        tx,
    )
    acks = [e for e in tx if e["what"] & NET_STAGE]
    ok("macvtap: two stage= datagrams, each once", [e["dport"] for e in acks] == [5000, 5002], acks)
    ok(
        "macvtap: ... with their payload",
        acks and acks[0]["payload"].startswith("stage=mailbox mac=02:00:00:00:00:01 ip=10.0.0.2"),
        acks,
    )
    ok(
        "macvtap: what comes to the VM is not its own",
        not [e for e in tx if e["dport"] == 7000],
        tx,
    )


def sparse(folder):
    """CPUs whose numbers have holes, and one that may come online: each has its ring, and it is
    recorded as ever."""
    cpus = Path("/sys/devices/system/cpu")
    here = (cpus / "possible").read_text(encoding="ascii").strip()
    (folder / "online").write_text("0,2\n", encoding="ascii")
    (folder / "possible").write_text(f"{here},{int(here.split('-')[-1]) + 3}\n", encoding="ascii")
    out = folder / "r.fsr"
    words = (
        f"mount --bind {folder}/online {cpus}/online && mount --bind {folder}/possible "
        f"{cpus}/possible && exec {O.resolve()}/forkscope record -o {out} -- true"
    )
    run = recorded(["unshare", "-m", "sh", "-c", words])
    ok("holes among the CPUs' numbers: recorded whole", run.returncode == 0, run.stderr)
    meta = [
        line
        for line in subprocess.run(
            [O / "forkscope", "dump", out], capture_output=True, text=True, check=False
        ).stdout.splitlines()
        if line.startswith("META ")
    ]
    rings = json.loads(meta[0][5:])["rings"] if meta else None
    ok(
        "... with a ring for each possible one",
        rings == os.sysconf("SC_NPROCESSORS_CONF") + 1,
        rings,
    )


def untraced(folder):
    """A VM next to the recorded command: none of its records may be there."""
    with subprocess.Popen(
        [O / "tests/mini", "--pages", "64", "--ports", "1000"], stdout=subprocess.PIPE, text=True
    ) as other:
        _, events = record(folder, "sleep", "0.3")
        other.communicate()
    ok(
        "an untraced VM yields no record",
        not of(events, "VM_CREATE") and not [e for e in events if e["tgid"] == other.pid],
        [e for e in events if e["tgid"] == other.pid][:3],
    )


def record_late(out, *words):
    """Records a VM that was made before, by its process; what it says of itself, and the events."""
    with subprocess.Popen(
        [sys.executable, HERE / "latevm.py", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as vmm:
        truth = json.loads(vmm.stdout.readline())
        command = [O / "forkscope", "record", "-o", out, "--vmm-pid", str(truth["pid"])]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as recorder:
            while "recording to" not in recorder.stderr.readline():
                pass
            vmm.stdin.write("\n")
            vmm.stdin.flush()
            vmm.wait(30)
            recorder.communicate(timeout=60)
    return truth, dumped(out)


def late(folder):
    """A VM that exists before the recording begins, given by its process."""
    truth, events = record_late(folder / "r.fsr")
    made = of(events, "VM_CREATE")
    ok(
        "a VM made before: one VM_CREATE, late",
        len(made) == 1 and made[0]["flags"] & F_LATE and made[0]["fd"] == -1,
        made,
    )
    slots = of(events, "MEMSLOT")
    ok(
        "... its memory slot is read",
        len(slots) == 1
        and (slots[0]["gpa"], slots[0]["size"], slots[0]["hva"], slots[0]["slot"])
        == (0x10000, truth["bytes"], truth["hva"], 3),
        slots,
        truth,
    )
    ok(
        "... its vCPU too",
        [(e["vcpu_id"], e["flags"]) for e in of(events, "VCPU_CREATE")] == [(0, F_LATE)],
    )
    ok(
        "... which had not run: a FIRST_RUN",
        len(of(events, "FIRST_RUN", vm=1)) == 1,
        of(events, "FIRST_RUN"),
    )
    ok("... and two RUNs", len(of(events, "RUN", vm=1)) == 2, of(events, "RUN"))
    # KVM keeps them in 128 lists, of which so much is read: the rest is counted
    _, events = record_late(folder / "many.fsr", "1500")
    slots = {e["slot"] for e in of(events, "MEMSLOT")}
    text = subprocess.run(
        [O / "forkscope", "dump", folder / "many.fsr"], capture_output=True, text=True, check=False
    ).stdout
    cut = json.loads([line for line in text.splitlines() if line.startswith("STATS ")][-1][6:])[
        "lost"
    ].get("slots")
    ok(
        "of 1500 memory slots each is read, or that some are not is counted",
        slots == set(range(3, 1503)) or cut,
        f"{len(slots)} were, {cut}",
    )


def unseen(folder):
    """The kernel may skip our programs: calls that none of them sees."""
    if subprocess.run(
        [O / "tests/mini", "--unseen", "vm"], capture_output=True, check=False
    ).returncode:
        print("# no 32-bit calls here: unseen ones not tried")
        return
    memory = folder / "memory"
    cold_file(memory, 4)
    for calls in ("vm", "slot", "vcpu", "vm,slot", "vm,slot,vcpu"):
        log = folder / f"{calls}.log"
        _, events = record(
            folder,
            O / "tests/mini",
            "--pages",
            64,
            "--file",
            memory,
            "--log",
            log,
            "--unseen",
            calls,
        )
        truth = json.loads(log.read_text(encoding="ascii"))
        made, vcpus, first = (
            of(events, "VM_CREATE"),
            of(events, "VCPU_CREATE"),
            of(events, "FIRST_RUN", vm=1),
        )
        ok(
            f"{calls} unseen: its VM is known, and as young as its process",
            len(made) == 1
            and not made[0]["flags"] & F_LATE
            and (made[0]["fd"] < 0) == ("vm" in calls.split(",")),
            made,
        )
        ok(
            "... its vCPU too",
            len(vcpus) == 1
            and not vcpus[0]["flags"] & F_LATE
            and (vcpus[0]["fd"] < 0) == ("vcpu" in calls),
            vcpus,
        )
        ok(
            "... and its first KVM_RUN",
            len(first) == 1
            and truth["vcpus"][0]["run_ns"] <= first[0]["ts"] <= truth["vcpus"][0]["end_ns"],
            first,
            truth,
        )
        slots = [
            e
            for e in of(events, "MEMSLOT", vm=1)
            if (e["hva"], e["size"]) == (truth["hva"], truth["bytes"])
        ]
        ok(
            "... and its memory slot, before its first exit",
            slots and min(e["ts"] for e in slots) < min(e["ts"] for e in of(events, "RUN", vm=1)),
            of(events, "MEMSLOT"),
            truth,
        )
    # One VM after the other: the kernel gives the same addresses to their vCPUs.
    _, events = record(
        folder,
        O / "tests/mini",
        "--one-by-one",
        "--vms",
        4,
        "--pages",
        4,
        "--log",
        folder / "again.log",
        "--unseen",
        "vcpu",
    )
    first = of(events, "FIRST_RUN")
    ok(
        "four VMs, none taken for one before it",
        sorted(e["vm"] for e in first) == [1, 2, 3, 4],
        first,
        of(events, "VCPU_CREATE"),
    )


def main():
    if os.geteuid():
        print("1..0 # SKIP needs root")
        return 0
    for test in (mini, cold_read, packets, macvtap, sparse, untraced, late, unseen):
        with tempfile.TemporaryDirectory(prefix="fs-records-", dir=O) as folder:
            test(Path(folder).resolve())
    print(f"1..{counts['all']}")
    return 1 if counts["bad"] else 0


if __name__ == "__main__":
    sys.exit(main())
