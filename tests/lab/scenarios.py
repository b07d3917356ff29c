# SPDX-License-Identifier: BSD-2-Clause
"""The scenarios of `make check-lab`: what runs in L1, in which boot of it, and which checks judge the outcome.

A scenario is (name, words for `lab forks`, environment of the hook, instances of ftrace, checks).
Times are chosen so that a boot's scenarios take a few minutes emulated.
"""
from collections import namedtuple

Scenario = namedtuple("Scenario", "name words env traces checks", defaults=((), ()))

PATIENCE = ["--fork-timeout", "180s"]   # a busy machine is no finding
QEMU = ["--vmm", "qemu", "--signal", "vmclock-spin", "--workload", "touch=4M", *PATIENCE]
FIRECRACKER = ["--vmm", "firecracker", "--signal", "vmgenid", "--workload", "touch=4M", *PATIENCE]
HOOK = ["--hook", "tests/lab/hook"]
WARM, COLD = ["--cache", "warm"], ["--cache", "cold"]
HANDLER = ".output/tests/uffd_handler"


def injected(vmm, kind, size, words, trace=(), check=None):
    """Three forks with a delay of that kind; `check` names the cause that must hold it."""
    return Scenario(f"{kind}-{size}", [*vmm, *words, *HOOK], {"INJECT": kind, "INJECT_MS": str(size)}, trace, (("whole",), ("injected", check)))


def uffd(size_us):
    # The kernel's own memory faults are served by the handler too: a touched megabyte is plenty.
    vmm = ["--vmm", "firecracker", "--signal", "vmgenid", "--workload", "touch=1M"]
    return Scenario(f"uffd-{size_us}us", [*vmm, "--count", "2", *WARM, "--uffd", HANDLER, *PATIENCE],
                    {"UFFD_DELAY_US": str(size_us)}, ("apf",), (("whole",), ("uffd", "fault.uffd")))


def slow_disk(milliseconds):
    vmm = ["--vmm", "qemu", "--signal", "vmclock-spin", "--workload", "touch=256K"]
    return Scenario(f"disk-{milliseconds}", [*vmm, "--count", "1", *COLD, *HOOK, "--dm-delay", str(milliseconds), *PATIENCE],
                    {"INJECT": "blocks", "INJECT_MS": "0"}, ("block", "run", "apf"), (("whole",), ("disk", "fault.major")))


PINNED = ["--count", "2", *WARM, "--pin", "1"]
BASE = Scenario("base-qemu", [*QEMU, *PINNED, *HOOK], {"INJECT": "nothing", "INJECT_MS": "0"}, (), (("whole",), ("statistics",)))

INJECTED_QEMU = [
    BASE,
    injected(QEMU, "stop", 20, PINNED, trace=("run",), check="sched.blocked"),
    injected(QEMU, "stop", 80, PINNED, trace=("run",), check="sched.blocked"),
    injected(QEMU, "hog", 20, PINNED, trace=("run",), check="sched.delay"),
    injected(QEMU, "hog", 100, PINNED, trace=("run",), check="sched.delay"),
    injected(QEMU, "quota", 30, PINNED, trace=("switch", "throttle"), check="sched.throttle"),
    injected(QEMU, "quota", 60, PINNED, trace=("switch", "throttle"), check="sched.throttle"),
    slow_disk(4),
    slow_disk(12),
    Scenario("die", [*QEMU, "--count", "1", *COLD, *HOOK], {"INJECT": "die", "INJECT_MS": "0"}, (), (("died",),)),
]

INJECTED_FIRECRACKER = [
    Scenario("base-fc", [*FIRECRACKER, "--count", "2", *WARM, *HOOK], {"INJECT": "nothing", "INJECT_MS": "0"}, (), (("whole",), ("statistics",))),
    uffd(500),
    uffd(3000),
]

FORKS = [
    Scenario("cold-qemu", [*QEMU, "--count", "3", *COLD], {}, (), (("whole",), ("statistics",))),
    Scenario("warm-qemu", [*QEMU, "--count", "3", *WARM], {}, (), (("whole",), ("warmer", "cold-qemu"))),
    Scenario("burst-qemu", [*QEMU, "--count", "8", "--at-once", *COLD], {}, (), (("whole",), ("apart", 8))),
    Scenario("cold-fc", [*FIRECRACKER, "--count", "3", *COLD], {}, (), (("whole",), ("statistics",))),
    Scenario("warm-fc", [*FIRECRACKER, "--count", "3", *WARM], {}, (), (("whole",), ("warmer", "cold-fc"))),
    Scenario("burst-fc", [*FIRECRACKER, "--count", "8", "--at-once", *COLD], {}, (), (("whole",), ("apart", 8))),
]

SMOKE = [Scenario("smoke", ["--vmm", "qemu", "--signal", "vmclock-spin", "--workload", "touch=1M", "--count", "2", *COLD, *PATIENCE], {}, (), (("whole",),))]

# The guest's half: a recorder armed in the guest. The injector in the guest is told by the hook how much to delay each fork; 0 = not at all.
OWN = ["--vmm", "qemu", "--arm", *PATIENCE]
OWN_FC = ["--vmm", "firecracker", "--arm", *PATIENCE]
INJECTOR = ".output/tests/inject"


def own_agent(name, vmm, signal, words, *more):
    return Scenario(name, [*vmm, "--signal", signal, *words], {}, (), (("whole",), ("chain", signal), *more))


def in_guest(kind, signal, amounts, check):
    forks = len(amounts.split())
    return Scenario(f"guest-{kind}", [*OWN, "--signal", signal, *WARM, "--count", str(forks), *HOOK, "--beside", INJECTOR, "--append", f"fs_inject={kind}"],
                    {"INJECT": "guest", "INJECT_AMOUNTS": amounts}, ("cpuid",), (("whole",), check))


def working_set(vmm, name, signal, kilobytes):
    workload = ["--workload", f"touch={kilobytes}K", "mode=write", "touch_mark=1"]
    return Scenario(f"touch-{name}-{kilobytes}K", [*vmm, "--signal", signal, "--count", "1", *WARM, *workload], {}, ("cpuid",),
                    (("whole",), ("chain", signal, "foreign"), ("touched", kilobytes // 4)))


CHAIN = [
    own_agent("vmclock", OWN, "vmclock", ["--count", "3", *COLD], ("agree",)),
    own_agent("vmgenid", OWN, "vmgenid", ["--count", "2", *COLD], ("agree",)),
    own_agent("spin", OWN, "vmclock-spin", ["--count", "2", *COLD]),
    Scenario("auto", [*OWN, "--signal", "auto", "--count", "1", *COLD], {}, (), (("whole",), ("chain", "vmclock"))),
    own_agent("two-vcpus", OWN, "vmclock", ["--vcpus", "2", "--count", "2", *COLD], ("followed",)),
    own_agent("burst-armed", OWN, "vmclock", ["--count", "8", "--at-once", *COLD], ("apart", 8)),
    own_agent("fc-vmgenid", OWN_FC, "vmgenid", ["--count", "3", *COLD], ("agree",)),
    Scenario("fc-auto", [*OWN_FC, "--signal", "auto", "--count", "1", *COLD], {}, (), (("whole",), ("chain", "vmgenid"))),
    Scenario("bare", [*OWN_FC, "--signal", "vmgenid", "--count", "2", *COLD, "--arm-arg=--no-bpf"], {}, (), (("whole",), ("bare",), ("clock",))),
]

INJECTED_GUEST = [
    in_guest("hold", "vmclock", "0 60 240", ("guest_injected", "notify", "guest.other")),
    in_guest("wake", "vmclock", "0 60 240", ("guest_injected", "wakeup", "guest.other")),
    in_guest("gpe", "vmgenid", "0 100 400", ("guest_injected", "raise", "guest.idle")),
    in_guest("rtnl", "vmclock", "0 1 2", ("rtnl",)),
    working_set(OWN, "qemu", "vmclock", 1024),
    working_set(OWN_FC, "fc", "vmgenid", 4096),
]

# (name of the boot, L1's kernel, scenarios, minutes)
BOOTS = [
    ("injected-qemu", "backports", INJECTED_QEMU, 14),
    ("injected-fc", "backports", INJECTED_FIRECRACKER, 12),
    ("forks", "backports", FORKS, 14),
    ("smoke-trixie", "trixie", SMOKE, 8),
    ("smoke-bookworm", "bookworm", SMOKE, 8),
]
