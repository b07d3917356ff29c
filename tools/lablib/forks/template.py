# SPDX-License-Identifier: BSD-2-Clause
"""The template of a series: booted once, saved, its mailbox patched; kept for the runs that ask for
the same.

Not kept across boots of L1: each boot measures its own TSC frequency, and emulated KVM cannot scale
a guest's TSC, so a snapshot of another boot would run on a wrong clock.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from .. import cpio
from ..build import GUEST_PROGRAM
from ..say import LabError, say, step
from . import console, mailbox, netns, options

KALLSYMS_PORT = 9798
TRIES_EMULATED = 3  # of booting a template
GUEST_INIT = Path(__file__).resolve().parents[1] / "guest-init"


class Spec:
    """What a template is made from, and how."""

    boot_seconds = 500
    settle_seconds = 1.5

    def __init__(self, arguments, place):
        self.guest = place.guest
        self.vmm = arguments.vmm
        self.program = arguments.vmm_bin
        self.restore_mode = arguments.restore_mode
        self.own = arguments.agent == options.FORKSCOPE
        self.armed, self.beside = arguments.arm, (
            Path(arguments.beside) if arguments.beside else None
        )
        self.programs = _programs(arguments, place)
        # The ELF starts faster and without KASLR; only QEMU can start the other.
        self.kernel = self.guest / ("bzImage" if arguments.kaslr else "vmlinux")
        self.vcpus, self.memory = arguments.vcpus, arguments.guest_mem
        self.symbols = arguments.with_guest_symbols
        self.token = arguments.token
        self.signal = _signal(arguments)
        self.command_line = " ".join(_command_line(arguments, self.signal))
        self.initrd = None
        self.listener = None
        self.folder = None
        self.fast = None  # a folder in memory, in huge pages, while the template is made

    def key(self):
        """Changes with everything that the template depends on."""
        parts = [
            self.vmm,
            self.vcpus,
            self.memory,
            self.command_line,
            self.symbols,
            self.token,
            _identity(GUEST_INIT),
            *(f"{name} {_identity(path)}" for name, path in self.programs.items()),
            _identity(self.guest / "initramfs.base"),
            _identity(self.kernel),
            _identity(Path(self.program)) if self.program else "",
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    def build_initrd(self, path, first):
        agent = cpio.Writer()
        agent.file("init", GUEST_INIT.read_bytes(), executable=True)
        for name, program in self.programs.items():
            agent.file(name, program.read_bytes(), executable=True)
        path.write_bytes(first + (self.guest / "initramfs.base").read_bytes() + agent.bytes())
        self.initrd = path

    def wait_armed(self, machine):
        """Waits until the snapshot may be taken; receives the guest's symbols, if asked for."""
        if self.listener:
            threading.Thread(target=self._receive_symbols, daemon=True).start()
        # The guest's own init starts them in this order: arm, what runs in parallel, the agent.
        words = (
            ([b"armed directory="] if self.armed else [])
            + [b"armed signal=" if self.own else b"L2READY"]
            + ([b"L2BESIDE"] if self.beside else [])
        )
        for word in words:
            console.wait_for(machine, word, self.boot_seconds, "booting the template")
            step(f"the guest said: {word.decode()}")
        time.sleep(self.settle_seconds)

    def directory(self):
        """Where forkscope-guest arm said that its directory is, or None."""
        output = re.search(
            rb"^armed directory=(0x[0-9a-f]+)", (self.folder / "console").read_bytes(), re.MULTILINE
        )
        return output[1].decode() if output else None

    def _receive_symbols(self):
        self.listener.settimeout(self.boot_seconds)
        try:
            connection, _ = self.listener.accept()
            with open(self.folder / "kallsyms", "wb") as out:
                while body := connection.recv(1 << 16):
                    out.write(body)
            connection.close()
        except OSError:
            return  # its absence is noticed when it is looked for


def _programs(arguments, place):
    """{name in the guest: file}"""
    programs = {}
    if arguments.arm or arguments.agent == options.FORKSCOPE:
        if not GUEST_PROGRAM.exists():
            raise LabError(
                f"the guest's program is not built ({GUEST_PROGRAM}): run `make`, or use --agent "
                f"waiter --no-arm"
            )
        programs["forkscope-guest"] = GUEST_PROGRAM
    if arguments.agent != options.FORKSCOPE:
        programs["agent"] = (
            place.waiter if arguments.agent == options.WAITER else Path(arguments.agent)
        )
    if arguments.beside:
        programs["beside"] = Path(arguments.beside)
    return programs


def _identity(path):
    """Of a file: templates live no longer than the boot or the run that made them, and emulated
    processors digest contents slowly."""
    found = os.stat(path)
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _signal(arguments):
    """What the guest is given: Cloud Hypervisor has no signal, so there the guest polls its
    mailbox."""
    return "none" if arguments.vmm == "cloud-hypervisor" else arguments.signal or "auto"


def _command_line(arguments, signal):
    words = [
        "console=ttyS0",
        "reboot=k",
        "panic=-1",
        "quiet",
        "net.ifnames=0",
        "cryptomgr.notests",
        "8250.nr_uarts=1",
        "HYPEMAN_RESUME_NETWORK_MAILBOX=1",
        f"HYPEMAN_RESUME_NETWORK_MAILBOX_TOKEN={arguments.token}",
        f"HYPEMAN_RESUME_NETWORK_SIGNAL={signal}",
        "HYPEMAN_RESUME_NETWORK_ACK_STAGES=1",
        *options.workload_words(arguments),
        *arguments.append,
    ]
    if arguments.arm:
        words.append("fs_arm=" + ",".join(["arm", *arguments.arm_arg]))
    if arguments.with_guest_symbols:
        words.append(f"fs_kallsyms_port={KALLSYMS_PORT}")
    return words


@contextlib.contextmanager
def _in_huge_pages(folder):
    """A file system in memory, of huge pages where the kernel has some: emulated KVM pays dearly
    for each small page."""
    mounted = next(
        (
            each
            for each in ("huge=always", "size=50%")
            if subprocess.run(
                ["mount", "-t", "tmpfs", "-o", each, "tmpfs", str(folder)],
                stderr=subprocess.DEVNULL,
                check=False,
            ).returncode
            == 0
        ),
        None,
    )
    if not mounted:
        raise LabError(
            f"mounting a tmpfs on {folder} for the template's memory failed; are you root?"
        )
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def _make(spec, driver, folder):
    shutil.rmtree(folder, ignore_errors=True)
    spec.fast = folder / "fast"
    spec.fast.mkdir(parents=True)
    step(
        f"booting the template: {spec.vmm}, {spec.vcpus} vCPU, {spec.memory >> 20} MiB, signal "
        f"{spec.signal}"
    )
    network = netns.Namespace("fs-template")
    try:
        spec.listener = network.tcp_listener(KALLSYMS_PORT) if spec.symbols else None
        with _in_huge_pages(spec.fast):
            driver.make_template(spec, folder, network)
    finally:
        if spec.listener:
            spec.listener.close()
        network.remove()
    if spec.symbols and not (folder / "kallsyms").exists():
        raise LabError("the guest sent no symbols while it booted (--with-guest-symbols)")


def _make_until_it_lives(spec, driver, folder, tries):
    """Emulated guests sometimes die, or stand still, while they boot."""
    for number in range(1, tries + 1):
        try:
            _make(spec, driver, folder)
            return
        except LabError as error:
            if number == tries:
                raise
            say(f"FAULT OF THE LAB: {error}")
            say(f"trying again at once ({number} of {tries} tries failed)")


def get(spec, driver, place):
    """The template's folder: made now, or by an earlier run with the same inputs."""
    folder = place.scratch / "templates" / spec.key()
    spec.folder = folder
    if (folder / "done").exists():
        step(f"reusing the template {folder.name}")
        spec.initrd = folder / "initrd"
        spec.command_line = (folder / "command_line").read_text(encoding="utf-8")
        return folder
    _make_until_it_lives(spec, driver, folder, TRIES_EMULATED if place.emulated else 1)
    at = mailbox.patch(folder / "mem", spec.token)
    (folder / "command_line").write_text(spec.command_line, encoding="utf-8")
    (folder / "done").write_text("", encoding="ascii")
    step(f"template saved; its mailbox is at {at:#x} of the memory file")
    return folder
