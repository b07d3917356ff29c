# SPDX-License-Identifier: BSD-2-Clause
"""The scenarios of `make check-lab`: what runs in L1, in which boot of it, and which checks judge
the outcome.

Two tiers: `quick` (make test) has every kind of check once, `full` (make test-full) every size,
sweep and long series.

A scenario is (name, words for `lab forks`, environment of the hook, instances of ftrace, checks,
what makes the forks instead of `lab forks`), or a script of its own that speaks TAP, with these
words. Times are chosen so that a boot's scenarios take a few minutes emulated.
"""

from collections import namedtuple

Scenario = namedtuple(
    "Scenario",
    "name words env traces checks tool script",
    defaults=((), {}, (), (), "tools/lab forks", None),
)

DIED = ".died"  # after a scenario's name: the folder of a first try in which a guest died

TIMEOUT = ["--fork-timeout", "180s"]  # a busy machine is no finding
QEMU = ["--vmm", "qemu", "--signal", "vmclock-spin", "--workload", "touch=4M", *TIMEOUT]
FIRECRACKER = ["--vmm", "firecracker", "--signal", "vmgenid", "--workload", "touch=4M", *TIMEOUT]
HOOK = ["--hook", "tests/lab/hook"]
WARM, COLD = ["--cache", "warm"], ["--cache", "cold"]
HANDLER = ".output/tests/uffd_handler"


def injected(vmm, kind, size, words, trace=(), check=None):
    """Three forks with a delay of that kind; `check` names the cause that must hold it."""
    return Scenario(
        f"{kind}-{size}",
        [*vmm, *words, *HOOK],
        {"INJECT": kind, "INJECT_MS": str(size)},
        trace,
        (("whole",), ("injected", check)),
    )


def uffd(size_us, forks=2):
    # The kernel's own memory faults are served by the handler too: a touched megabyte is plenty.
    vmm = ["--vmm", "firecracker", "--signal", "vmgenid", "--workload", "touch=1M"]
    return Scenario(
        f"uffd-{size_us}us",
        [*vmm, "--count", str(forks), *WARM, "--uffd", HANDLER, *TIMEOUT],
        {"UFFD_DELAY_US": str(size_us)},
        ("apf",),
        (("whole",), ("uffd", "fault.uffd")),
    )


def slow_disk(milliseconds):
    vmm = ["--vmm", "qemu", "--signal", "vmclock-spin", "--workload", "touch=256K"]
    return Scenario(
        f"disk-{milliseconds}",
        [*vmm, "--count", "1", *COLD, *HOOK, "--dm-delay", str(milliseconds), *TIMEOUT],
        {"INJECT": "blocks", "INJECT_MS": "0"},
        ("block", "run", "apf"),
        (("whole",), ("disk", "fault.major")),
    )


PINNED = ["--count", "2", *WARM, "--pin", "1"]
BASE = Scenario(
    "base-qemu",
    [*QEMU, *PINNED, *HOOK],
    {"INJECT": "nothing", "INJECT_MS": "0"},
    (),
    (("whole",), ("statistics",)),
)

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
    Scenario(
        "die",
        [*QEMU, "--count", "1", *COLD, *HOOK],
        {"INJECT": "die", "INJECT_MS": "0"},
        (),
        (("died",),),
    ),
]

INJECTED_FIRECRACKER = [
    Scenario(
        "base-fc",
        [*FIRECRACKER, "--count", "2", *WARM, *HOOK],
        {"INJECT": "nothing", "INJECT_MS": "0"},
        (),
        (("whole",), ("statistics",)),
    ),
    uffd(500),
    uffd(3000),
]

FORKS = [
    Scenario("cold-qemu", [*QEMU, "--count", "3", *COLD], {}, (), (("whole",), ("statistics",))),
    Scenario(
        "warm-qemu", [*QEMU, "--count", "3", *WARM], {}, (), (("whole",), ("warmer", "cold-qemu"))
    ),
    Scenario(
        "burst-qemu",
        [*QEMU, "--count", "8", "--at-once", *COLD],
        {},
        (),
        (("whole",), ("apart", 8)),
    ),
    Scenario(
        "cold-fc", [*FIRECRACKER, "--count", "3", *COLD], {}, (), (("whole",), ("statistics",))
    ),
    Scenario(
        "warm-fc",
        [*FIRECRACKER, "--count", "3", *WARM],
        {},
        (),
        (("whole",), ("warmer", "cold-fc")),
    ),
    Scenario(
        "burst-fc",
        [*FIRECRACKER, "--count", "8", "--at-once", *COLD],
        {},
        (),
        (("whole",), ("apart", 8)),
    ),
]

# Up to 6.5 KVM comes to hugetlb memory past handle_mm_fault: on bookworm's kernel its faults cannot
# be distinguished.
HUGE_FAULTS = Scenario("hugefaults", checks=(("tap", 8),), script="tests/lab/hugefaults.py")

SMOKE = [
    Scenario(
        "smoke",
        [
            "--vmm",
            "qemu",
            "--signal",
            "vmclock-spin",
            "--workload",
            "touch=1M",
            "--count",
            "2",
            *COLD,
            *TIMEOUT,
        ],
        {},
        (),
        (("whole",),),
    ),
    Scenario(
        "arm", checks=(("tap", 9),), script="tests/guest/arm_test.py"
    ),  # on a kernel of its own release
    Scenario("unseen", checks=(("tap", 4),), script="tests/lab/unseen.py"),
    Scenario(
        "last-thread", checks=(("tap", 2),), script="tests/collect/last_thread.sh"
    ),  # a matter of kernels before 6.16
    Scenario("hugetlb", checks=(("tap", 4),), script="tests/lab/hugetlb.py"),
]

# What threads that are preempted inside the recorder's programs cost, on a kernel that lets them
# be; and a CPU that comes late.
CROWD = [
    Scenario("crowd", ["0", "0,1"], checks=(("tap", 4),), script="tests/lab/crowd.py"),
    Scenario("guard", checks=(("tap", 2),), script="tests/lab/guard.py"),
    Scenario("hotplug", checks=(("tap", 1),), script="tests/lab/hotplug.py"),
]

# The guest recording: a recorder armed in the guest. The hook gives the injector in the guest how
# much to delay each fork; 0 = not at all.
OWN = ["--vmm", "qemu", "--arm", *TIMEOUT]
OWN_FC = ["--vmm", "firecracker", "--arm", *TIMEOUT]
INJECTOR = ".output/tests/inject"
NO_SYMBOLS = ["--arm-arg=--no-symbols"]  # packing them takes emulated processors long


def own_agent(name, vmm, signal, reported, words, *more):
    return Scenario(
        name, [*vmm, "--signal", signal, *words], {}, (), (("whole",), ("chain", reported), *more)
    )


def in_guest(kind, signal, amounts, *found):
    forks = len(amounts.split())
    return Scenario(
        f"guest-{kind}",
        [
            *OWN,
            *NO_SYMBOLS,
            "--signal",
            signal,
            *WARM,
            "--count",
            str(forks),
            *HOOK,
            "--beside",
            INJECTOR,
            "--append",
            f"fs_inject={kind}",
        ],
        {"INJECT": "guest", "INJECT_AMOUNTS": amounts},
        ("cpuid", "run"),
        (("whole",), *found),
    )


def working_set(vmm, name, signal, kilobytes):
    workload = ["--workload", f"touch={kilobytes}K", "touch_mark=1"]
    return Scenario(
        f"touch-{name}-{kilobytes}K",
        [*vmm, *NO_SYMBOLS, "--signal", signal, "--count", "1", *WARM, *workload, *HOOK],
        {"INJECT": "touched", "INJECT_MS": "0"},
        ("cpuid",),
        (("whole",), ("chain", signal, "foreign"), ("touched", kilobytes // 4)),
    )


CHAIN = [  # QEMU's VMGenID: see guest-gpe
    own_agent("vmclock", OWN, "vmclock", "vmclock", ["--count", "3", *COLD], ("agree",)),
    own_agent(
        "burst-armed", OWN, "vmclock", "vmclock", ["--count", "8", "--at-once", *COLD], ("apart", 8)
    ),
    own_agent("spin", OWN, "vmclock-spin", "vmclock-spin", [*NO_SYMBOLS, "--count", "3", *COLD]),
    own_agent(
        "two-vcpus",
        OWN,
        "auto",
        "vmclock",
        [*NO_SYMBOLS, "--vcpus", "2", "--count", "3", *COLD],
        ("followed",),
    ),
    own_agent(
        "fc-auto", OWN_FC, "auto", "vmgenid", [*NO_SYMBOLS, "--count", "3", *COLD], ("agree",)
    ),
    Scenario(
        "bare",
        [*OWN_FC, "--signal", "vmgenid", "--count", "2", *COLD, "--arm-arg=--no-bpf", *NO_SYMBOLS],
        {},
        (),
        (("whole",), ("bare",), ("clock",)),
    ),
]

INJECTED_GUEST = [
    in_guest(
        "tasks",
        "vmclock",
        "nothing hold:60 hold:240 burn:60 burn:240 rtnl:60 rtnl:240",
        ("guest_injected", "hold", "notify", "guest.other"),
        ("guest_injected", "burn", "wakeup", "guest.other"),
        ("held_back", "rtnl", "apply", "guest.idle", "ack:applied"),
    ),
    in_guest(
        "gpe",
        "vmgenid",
        "nothing wait:100 wait:400",
        ("chain", "vmgenid"),
        ("agree",),
        ("held_back", "wait", "raise", "guest.idle"),
    ),
    working_set(OWN, "qemu", "vmclock", 1024),
    working_set(OWN_FC, "fc", "vmgenid", 4096),
]

# Hypotheses about a prefetch whose truth is planted. Cold, the memory file is on a slow device and
# the guest touches pages all over an arena, so that what is cold costs several times what emulated
# forks vary by.
TOUCHING = [
    "qemu",
    "vmclock-spin",
    "--guest-mem",
    "128MiB",
    "--workload",
    "touch=512K",
    "arena=48M",
]
SLOW = ["--dm-delay", "50"]


def hypothesis(name, forks, cache, words, wanted, *found):
    """`prefetch test` with so many forks an arm, the first of which is left out; `wanted` are the
    verdicts that are right."""
    return Scenario(
        name,
        [
            *TOUCHING,
            *(SLOW if cache == "cold" else []),
            "--",
            "--cache",
            cache,
            "--iters",
            str(forks + 1),
            "--timeout",
            "180s",
            *words,
        ],
        {"WANT": wanted},
        (),
        (("verdict", wanted), *found),
        "tests/lab/abtest",
    )


PREFETCH = [
    hypothesis(
        "all", 6, "cold", ["--prefetch", "all"], "supported", ("near_warm", "warm"), ("moves",)
    ),
    hypothesis("warm", 6, "warm", ["--prefetch", "all", "--delta", "50%"], "refuted", ("alike",)),
    hypothesis(
        "workingset", 6, "cold", ["--ranges", "workingset:all"], "supported", ("reaches_ceiling",)
    ),
    hypothesis(
        "untouched",
        5,
        "cold",
        ["--prefetch", "untouched:all"],
        "refuted,inconclusive",
        ("no_ceiling",),
    ),
    hypothesis(
        "too-few",
        5,
        "warm",
        ["--prefetch", "all", "--delta", "1%"],
        "inconclusive",
        ("needs_more",),
    ),
]

# One arm of 60 steady forks (a few may lose their ack), and what `prefetch test --null` says of it:
# the test must not find gains where there are none.
NULL = [Scenario("one-arm", [*QEMU, "--count", "61", *COLD], {}, (), (("null", 55, 2000),))]

# `forkscope bench` as a platform would use it, and the Firecracker driver's ways on the real one.
# An emulated guest may die: then that is reported.
JAIL = ["--jailer", "@lab/jailer", "--jail-base", "@scratch/jails"]
SERVED = ["--uffd", "@top/" + HANDLER]
IN_LOAD = ["--resume-in-load"]
OTHER_TAP = ["--tap", "other0", "--override", "eth0"]


def benched(name, vmm, signal, words, forks, at_once, least, *found):
    return Scenario(
        name,
        [
            vmm,
            signal,
            "--no-arm",
            "--",
            "--timeout",
            "180s",
            "--iters",
            str(forks),
            "--concurrency",
            str(at_once),
            *words,
        ],
        {},
        (),
        (("counted", forks, least), ("ledgers",), *found, ("clean",)),
        "tests/lab/fanout",
    )


def driven(name, *ways):
    """Firecracker 1.12.1, driven in these ways."""
    words = [word for way in ways for word in way]
    return benched(
        name,
        "firecracker",
        "vmgenid",
        words,
        2,
        2,
        1,
        ("as_whom", JAIL in ways),
        ("served", SERVED in ways),
        ("resumed", IN_LOAD in ways),
    )


FANOUT = [
    benched("fan-fc", "firecracker", "vmgenid", [], 25, 8, 17, ("percentiles",), ("contended", 8)),
    driven("jailed", JAIL, OTHER_TAP),
    driven("jailed-uffd", JAIL, SERVED, IN_LOAD),
    driven("uffd", SERVED),
    driven("in-load", IN_LOAD, OTHER_TAP),
    benched("fan-qemu", "qemu", "vmclock", [], 25, 8, 17, ("percentiles",), ("contended", 8)),
]

# `probe`: what forkscope finds of this kernel, and what it leaves when it is killed, is looked at
# too. `cpus`: L1's processors.
Boot = namedtuple("Boot", "name kernel scenarios minutes probe cpus", defaults=(False, 2))

# other suites run in parallel with the first; those that judge by statistics come when they are
# over. L1s of one processor: side by side
BOOTS = [
    Boot("smoke-trixie", "trixie", [*SMOKE, HUGE_FAULTS], 30, probe=True, cpus=1),
    Boot("smoke-bookworm", "bookworm", SMOKE, 30, probe=True, cpus=1),
    Boot("guest-chain", "backports", CHAIN, 30),
    Boot("guest-injected", "backports", INJECTED_GUEST, 30),
    Boot("injected-qemu", "backports", INJECTED_QEMU, 30, probe=True),
    Boot("injected-fc", "backports", INJECTED_FIRECRACKER, 30),
    Boot("forks", "backports", [*FORKS, *CROWD], 30),
    Boot("fanout", "backports", FANOUT, 30),
    Boot("prefetch", "backports", PREFETCH, 30),
]

# The quick tier: one template serves as many kinds of check as it can, with as few forks as the
# checks can judge.
QUICK_CHAIN = [
    own_agent("vmclock", OWN, "vmclock", "vmclock", ["--count", "1", *COLD], ("agree",)),
    own_agent(
        "burst-armed", OWN, "vmclock", "vmclock", ["--count", "8", "--at-once", *COLD], ("apart", 8)
    ),
    own_agent("spin", OWN, "vmclock-spin", "vmclock-spin", [*NO_SYMBOLS, "--count", "1", *COLD]),
    own_agent(
        "two-vcpus",
        OWN,
        "auto",
        "vmclock",
        [*NO_SYMBOLS, "--vcpus", "2", "--count", "1", *COLD],
        ("followed",),
    ),
    own_agent(
        "fc-auto", OWN_FC, "auto", "vmgenid", [*NO_SYMBOLS, "--count", "1", *COLD], ("agree",)
    ),
    Scenario(
        "bare",
        [*OWN_FC, "--signal", "vmgenid", "--count", "1", *COLD, "--arm-arg=--no-bpf", *NO_SYMBOLS],
        {},
        (),
        (("whole",), ("bare",), ("clock",)),
    ),
]

QUICK_GUEST = [
    in_guest(
        "tasks",
        "vmclock",
        "nothing hold:60 burn:60 rtnl:60",
        ("guest_injected", "hold", "notify", "guest.other"),
        ("guest_injected", "burn", "wakeup", "guest.other"),
        ("held_back", "rtnl", "apply", "guest.idle", "ack:applied"),
    ),
    in_guest(
        "gpe",
        "vmgenid",
        "nothing wait:100",
        ("chain", "vmgenid"),
        ("agree",),
        ("held_back", "wait", "raise", "guest.idle"),
    ),
    working_set(OWN, "qemu", "vmclock", 1024),
]

QUICK_INJECTED = [
    scenario
    for scenario in INJECTED_QEMU
    if scenario.name in ("base-qemu", "stop-80", "hog-100", "quota-30", "disk-4", "die")
]

QUICK_FIRECRACKER = [
    uffd(500, forks=1),
    Scenario(
        "cold-fc", [*FIRECRACKER, "--count", "2", *COLD], {}, (), (("whole",), ("statistics",))
    ),
    Scenario(
        "warm-fc",
        [*FIRECRACKER, "--count", "2", *WARM],
        {},
        (),
        (("whole",), ("statistics",), ("warmer", "cold-fc")),
    ),
    driven("jailed-uffd", JAIL, SERVED, IN_LOAD),
    benched("fan-fc", "firecracker", "vmgenid", [], 8, 8, 5, ("contended", 8)),
]

QUICK_PREFETCH = [
    hypothesis(
        "all", 5, "cold", ["--prefetch", "all"], "supported", ("near_warm", "warm"), ("moves",)
    ),
    hypothesis("warm", 5, "warm", ["--prefetch", "all", "--delta", "50%"], "refuted", ("alike",)),
]

QUICK_BOOTS = [  # the longest of one processor first: they share the machine's two
    Boot("quick-prefetch", "backports", QUICK_PREFETCH, 30, cpus=1),
    Boot("quick-fc", "backports", QUICK_FIRECRACKER, 30, cpus=1),
    Boot("quick-guest", "backports", QUICK_GUEST, 30, cpus=1),
    Boot(
        "quick-bookworm",
        "bookworm",
        [each for each in SMOKE if each.name != "unseen"],
        30,
        probe=True,
        cpus=1,
    ),
    Boot(
        "quick-trixie",
        "trixie",
        [*(each for each in SMOKE if each.name != "arm"), HUGE_FAULTS],
        30,
        probe=True,
        cpus=1,
    ),
    Boot("quick-chain", "backports", QUICK_CHAIN, 30),
    Boot("quick-injected", "backports", QUICK_INJECTED, 30, probe=True),
]

TIERS = {"quick": QUICK_BOOTS, "full": BOOTS}

# By name alone: `make check-lab BOOTS=null`.
OTHER_BOOTS = [
    Boot("null", "backports", NULL, 30),
]


def boot_named(name):
    """The boot of that name, or None."""
    return next((boot for boot in [*QUICK_BOOTS, *BOOTS, *OTHER_BOOTS] if boot.name == name), None)
