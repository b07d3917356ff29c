# SPDX-License-Identifier: BSD-2-Clause
"""Options of `lab forks`: one table, used to parse them, to hand them on into L1, and to refuse
what cannot work."""

import os
import re
import subprocess
from pathlib import Path

from .. import units
from ..say import LabError, USAGE

SIGNALS = ["auto", "vmclock", "vmgenid", "vmclock-spin"]
VMMS = ["qemu", "firecracker", "cloud-hypervisor"]
AT_ONCE_EMULATED = 8
GUEST_MEM_EMULATED = 1 << 30
QEMU_MOST = 3 << 30
VMCLOCK_FIRECRACKER = (1, 15)
FORKSCOPE, WAITER = "forkscope", "waiter"  # the guest programs that need no path
WORKLOAD = {
    "touch": "fs_touch",
    "arena": "fs_arena",
    "mode": "fs_touch_mode",
    "order": "fs_touch_order",
    "when": "fs_touch_when",
    "ack": "fs_touched_ack",
    "pio": "fs_pio",
    "touch_mark": "fs_touch_mark",
}


def _count(text):
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise LabError(f"'{text}' is not a count from 1 to 9999", USAGE)
    return int(text)


def _number(text):
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise LabError(f"'{text}' is not a whole number", USAGE)
    return int(text)


def _text(text):
    return text


def _agent(text):
    return text if text in (FORKSCOPE, WAITER) else Path(text)


# option, kind (flag, value, list, file), keywords of argparse. Kind file is a file of this host; a
# value may be one too, as a Path.
TABLE = [
    (
        "--count",
        "value",
        {"type": _count, "required": True, "metavar": "N", "help": "how many forks"},
    ),
    ("--vmm", "value", {"choices": VMMS, "default": "qemu", "help": "(default: %(default)s)"}),
    ("--vmm-bin", "file", {"metavar": "PATH", "help": "this VMM instead of the lab's own"}),
    (
        "--at-once",
        "flag",
        {"help": "load all, then resume all at the same time (else one after the other)"},
    ),
    (
        "--signal",
        "value",
        {"choices": SIGNALS, "help": "how the guest learns of the resume (default: auto)"},
    ),
    (
        "--cache",
        "value",
        {
            "choices": ["cold", "warm"],
            "default": "cold",
            "help": "page cache of the memory file before each fork (default: %(default)s)",
        },
    ),
    (
        "--vcpus",
        "value",
        {"type": _count, "default": 1, "metavar": "V", "help": "(default: %(default)s)"},
    ),
    (
        "--guest-mem",
        "value",
        {"type": units.size, "default": 256 << 20, "metavar": "SIZE", "help": "(default: 256MiB)"},
    ),
    (
        "--hook",
        "file",
        {
            "metavar": "SCRIPT",
            "help": "run once per fork just before its resume, with FORK_ID, VMM_PID, VCPU_TIDS, "
            "MEMFILE and OUT in its environment",
        },
    ),
    (
        "--workload",
        "list",
        {
            "metavar": "KEY=VALUE",
            "help": f"what the guest program does in each fork; keys: {', '.join(WORKLOAD)}",
        },
    ),
    (
        "--agent",
        "value",
        {
            "type": _agent,
            "metavar": "WHICH",
            "help": "the guest's program: forkscope (forkscope-guest agent), waiter (the tests' "
            "own), or the path "
            "of a static program (default: forkscope; with --workload and under Cloud Hypervisor: "
            "waiter)",
        },
    ),
    (
        "--arm",
        "flag",
        {
            "help": "forkscope-guest arm runs in the guest before the snapshot (default: when the "
            "agent is forkscope)"
        },
    ),
    ("--no-arm", "flag", {"help": "it does not"}),
    ("--arm-arg", "list", {"metavar": "ARG", "help": "one more argument for forkscope-guest arm"}),
    (
        "--beside",
        "file",
        {
            "metavar": "PATH",
            "help": "a static program that runs in the guest in parallel with the agent; it must "
            "print L2BESIDE when the snapshot may be taken",
        },
    ),
    (
        "--restore-mode",
        "value",
        {
            "choices": ["copy", "ondemand"],
            "help": "Cloud Hypervisor: copy all memory at the load, or fault it in later",
        },
    ),
    (
        "--kaslr",
        "flag",
        {
            "help": "QEMU: start the guest's kernel from its bzImage, which moves it to a random "
            "address"
        },
    ),
    (
        "--append",
        "list",
        {"metavar": "WORD", "help": "one more word on the guest's kernel command line"},
    ),
    (
        "--token",
        "value",
        {
            "type": _text,
            "default": "forkscope-lab",
            "metavar": "T",
            "help": "the mailbox's token (default: %(default)s)",
        },
    ),
    (
        "--memfile-on",
        "value",
        {
            "type": _text,
            "metavar": "DIR",
            "help": "put the memory file into this folder (of the machine the forks run on)",
        },
    ),
    (
        "--dm-delay",
        "value",
        {
            "type": _number,
            "metavar": "MS",
            "help": "put the memory file on a device that delays each read, readahead 0",
        },
    ),
    (
        "--uffd",
        "file",
        {
            "metavar": "HANDLER",
            "help": "Firecracker: load with the Uffd backend; HANDLER SOCKET MEMFILE is started "
            "per fork and must listen on SOCKET",
        },
    ),
    (
        "--pin",
        "value",
        {"type": _number, "metavar": "CPU", "help": "pin the vCPU threads to this CPU"},
    ),
    (
        "--resume-vm",
        "flag",
        {"help": "Firecracker: resume inside the load (the hook then runs before the load)"},
    ),
    ("--no-record", "flag", {"help": "do not run forkscope record"}),
    ("--record-arg", "list", {"metavar": "ARG", "help": "one more argument for forkscope record"}),
    ("--with-guest-symbols", "flag", {"help": "also bring the guest's kallsyms, as run.kallsyms"}),
    (
        "--fork-timeout",
        "value",
        {
            "type": units.seconds,
            "default": 120.0,
            "metavar": "D",
            "help": "how long to wait for a fork's last ack (default: 120s)",
        },
    ),
    (
        "--linger",
        "value",
        {
            "type": units.seconds,
            "metavar": "D",
            "help": "how long a fork goes on after its last ack (default: 200ms; 1s with a "
            "recorder, whose rings are read then)",
        },
    ),
    (
        "--timeout",
        "value",
        {
            "type": units.seconds,
            "metavar": "D",
            "help": "time for everything (default: by the count)",
        },
    ),
]


def add(parser):
    for name, kind, words in TABLE:
        if kind == "flag":
            parser.add_argument(name, action="store_true", **words)
        elif kind == "list":
            parser.add_argument(name, nargs="+", action="extend", default=[], **words)
        else:
            parser.add_argument(name, **words)
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        metavar="RUN.fsr",
        help="the recording; RUN.forks.json and others are written next to it",
    )


def value_of(arguments, option):
    return getattr(arguments, option[2:].replace("-", "_"))


def words_for_l1(arguments):
    """(words, files): the options as L1 gets them; an integer n in words stands for files[n]."""
    words, files = [], []
    for name, kind, _ in TABLE:
        value = value_of(arguments, name)
        if kind == "flag":
            words += [name] if value else []
        elif kind == "list":
            for each in value:
                words.append(f"{name}={each}")
        elif isinstance(value, Path) or (value is not None and kind == "file"):
            files.append(value)
            words += [name, len(files) - 1]
        elif value is not None:
            words += [name, f"{value:.6f}s" if isinstance(value, float) else str(value)]
    return words, files


def firecracker_version(program):
    """(major, minor) that a Firecracker binary reports, or None."""
    try:
        text = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"Firecracker v(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def _check_files(arguments):
    for name, kind, _ in TABLE:
        value = value_of(arguments, name)
        if isinstance(value, Path) or (kind == "file" and value is not None):
            if not Path(value).is_file():
                raise LabError(f"{name} {value}: there is no such file", USAGE)
            if not os.access(value, os.X_OK):
                raise LabError(f"{name} {value}: it is not executable; chmod +x it", USAGE)


def _check_signal(arguments):
    vmm, signal = arguments.vmm, arguments.signal
    if vmm == "cloud-hypervisor":
        if not arguments.vmm_bin:
            raise LabError(
                "--vmm cloud-hypervisor needs --vmm-bin PATH: no package that the lab may use "
                "ships one",
                USAGE,
            )
        if signal:
            raise LabError(
                f"--signal {signal}: Cloud Hypervisor has neither VMGenID nor VMClock, so its "
                f"guests get no resume signal. "
                "Leave --signal out (the guest then polls its mailbox) and end with first-tx, "
                "tcp: or pio:",
                USAGE,
            )
    if vmm == "firecracker" and signal in ("vmclock", "vmclock-spin"):
        version = firecracker_version(arguments.vmm_bin) if arguments.vmm_bin else (1, 12)
        if version is None or version < VMCLOCK_FIRECRACKER:
            known = "reports no version" if version is None else f"is {version[0]}.{version[1]}"
            raise LabError(
                f"--signal {signal}: VMClock came with Firecracker 1.15 and this one {known}, "
                f"which has VMGenID only. "
                "Use --signal vmgenid or auto, or give a newer one with --vmm-bin PATH",
                USAGE,
            )


def _check_one_vmm_only(arguments):
    if arguments.kaslr and arguments.vmm != "qemu":
        raise LabError(
            f"--kaslr is for --vmm qemu: {arguments.vmm} starts the kernel's ELF file, which is "
            f"not moved",
            USAGE,
        )
    if arguments.restore_mode and arguments.vmm != "cloud-hypervisor":
        raise LabError(
            f"--restore-mode is for --vmm cloud-hypervisor; {arguments.vmm} has no such thing",
            USAGE,
        )
    if arguments.vmm == "firecracker":
        return
    for name in ("--uffd", "--resume-vm"):
        if value_of(arguments, name):
            raise LabError(
                f"{name} is for --vmm firecracker; {arguments.vmm} has no such thing", USAGE
            )


def _check_emulated(arguments):
    if arguments.at_once and arguments.count > AT_ONCE_EMULATED:
        raise LabError(
            f"--at-once --count {arguments.count}: emulated KVM takes at most {AT_ONCE_EMULATED} "
            f"resumed at once (25 made L1's kernel panic). "
            "Resume fewer, or one after the other, or run on a host with hardware KVM",
            USAGE,
        )
    if arguments.guest_mem > GUEST_MEM_EMULATED:
        raise LabError("--guest-mem: L1 has 3 GiB of memory, its guests at most 1GiB", USAGE)


def workload_words(arguments):
    """The workload as words of the guest's kernel command line."""
    words = []
    for pair in arguments.workload:
        key, equals, value = pair.partition("=")
        if not equals or key not in WORKLOAD or not re.fullmatch(r"[A-Za-z0-9]+", value):
            raise LabError(
                f"--workload {pair}: give KEY=VALUE with a key of {', '.join(WORKLOAD)}", USAGE
            )
        words.append(f"{WORKLOAD[key]}={value}")
    return words


def complete(arguments):
    """Fills in what was left open and depends on something else."""
    foreign = arguments.workload or arguments.vmm == "cloud-hypervisor"
    arguments.agent = arguments.agent or (WAITER if foreign else FORKSCOPE)
    arguments.arm = not arguments.no_arm and (
        arguments.arm or bool(arguments.arm_arg) or arguments.agent == FORKSCOPE
    )
    if arguments.linger is None:
        arguments.linger = 1.0 if arguments.arm else 0.2


def _check_agent(arguments):
    if arguments.agent != WAITER and arguments.workload:
        raise LabError(
            f"--workload says what the tests' guest program does, and --agent {arguments.agent} "
            f"is another: leave one out",
            USAGE,
        )
    if arguments.agent == FORKSCOPE and arguments.vmm == "cloud-hypervisor":
        raise LabError(
            "--agent forkscope waits for a resume signal, and Cloud Hypervisor has none: use "
            "--agent waiter, which looks at the mailbox",
            USAGE,
        )
    if arguments.no_arm and arguments.arm_arg:
        raise LabError("--no-arm and --arm-arg contradict each other: leave one out", USAGE)
    if any(not re.fullmatch(r"[!-+.-~-]+", each) or '"' in each for each in arguments.arm_arg):
        raise LabError(
            "--arm-arg goes over the guest's kernel command line: no spaces, commas or quotes",
            USAGE,
        )


def check(arguments, emulated):
    """Refuses what cannot work, with the reason."""
    complete(arguments)
    _check_agent(arguments)
    _check_files(arguments)
    _check_signal(arguments)
    _check_one_vmm_only(arguments)
    workload_words(arguments)
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,30}", arguments.token):
        raise LabError(f"--token {arguments.token}: 1 to 30 letters, digits and . _ : -", USAGE)
    if arguments.guest_mem % (1 << 20) or arguments.guest_mem < 128 << 20:
        raise LabError("--guest-mem: whole MiB, at least 128MiB", USAGE)
    if arguments.vmm == "qemu" and arguments.guest_mem > QEMU_MOST:
        raise LabError(
            "--guest-mem: with QEMU at most 3GiB (one memory file without a hole)", USAGE
        )
    if arguments.memfile_on and arguments.dm_delay is not None:
        raise LabError(
            "--memfile-on and --dm-delay both say where the memory file is: give one", USAGE
        )
    if arguments.uffd and arguments.dm_delay is not None:
        raise LabError(
            "--uffd and --dm-delay do not go together: with Uffd the handler reads the memory file",
            USAGE,
        )
    if emulated:
        _check_emulated(arguments)
