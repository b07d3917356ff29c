# SPDX-License-Identifier: BSD-2-Clause
"""Forks under QEMU: a shared memory file and a state file; each fork maps the memory privately,
loads the state, continues."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from ..proc import die_with_parent
from ..say import LabError, Waiting, step
from . import console, netns, still, vmclock

NAME = "qemu"
PROGRAM = "qemu-system-x86_64"


def connect(path, process, seconds=120):
    until = time.monotonic() + seconds
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(path))
            return sock
        except OSError as error:
            sock.close()
            if process.poll() is not None or time.monotonic() > until:
                raise LabError(
                    f"connecting to the VMM at {path}: {error}; the VMM "
                    + (
                        "runs but does not answer"
                        if process.poll() is None
                        else f"ended with status {process.returncode}"
                    )
                ) from error
            time.sleep(0.01)


class Monitor:
    """QEMU's QMP."""

    ANSWER_SECONDS = 240  # within which QEMU answers, or hangs

    def __init__(self, path, process):
        self.events = []
        self._sock = connect(path, process)
        self._sock.settimeout(1)
        self._rest = b""
        self._line("its greeting")
        self.ask("qmp_capabilities")

    def _line(self, what):
        """The next line; empty: QEMU has ended."""
        waiting = Waiting(f"QEMU's answer to {what}")
        while b"\n" not in self._rest:
            try:
                more = self._sock.recv(1 << 16)
            except TimeoutError:
                waiting.look()
                if waiting.seconds() > self.ANSWER_SECONDS:
                    raise LabError(
                        f"QEMU did not answer {what} within {self.ANSWER_SECONDS} s"
                    ) from None
                continue
            except OSError:
                more = b""
            if not more:
                return ""
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace") + "\n"

    def ask(self, command, **arguments):
        try:
            self._sock.sendall(
                json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
            )
        except OSError as error:
            raise LabError(f"asking QEMU for {command}: {error}") from error
        while True:
            line = self._line(command)
            if not line:
                raise LabError(f"QEMU ended while it was asked for {command}")
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(line)
            if "error" in answer:
                raise LabError(f"QEMU refused {command}: {answer['error'].get('desc')}")
            if "return" in answer:
                return answer["return"]

    def last_events(self):
        """All that it sent unasked; only once QEMU has ended."""
        while line := self._line("its last events"):
            self.events += [line] if '"event"' in line else []
        return self.events

    def ignore_shared(self):
        self.ask(
            "migrate-set-capabilities",
            capabilities=[{"capability": "x-ignore-shared", "state": True}],
        )

    def wait_migrated(self, seconds):
        waiting = Waiting("QEMU to save the template's state")
        while True:
            state = self.ask("query-migrate")
            if state.get("status") == "completed":
                return
            if state.get("status") in ("failed", "cancelled") or waiting.seconds() > seconds:
                raise LabError(
                    f"QEMU's migration of the template: {state.get('status')} "
                    f"{state.get('error-desc', '')}"
                )
            waiting.look()
            time.sleep(0.01)


def words(spec, console_file, memory, guid):
    """The command of one QEMU but for its monitor: what a template and its forks share, and where
    they differ."""
    mib = spec.memory >> 20
    return [
        spec.program or PROGRAM,
        "-name",
        "fork",
        "-accel",
        "kvm",
        "-cpu",
        "host",
        "-smp",
        str(spec.vcpus),
        "-m",
        str(mib),
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-no-user-config",
        "-kernel",
        str(spec.kernel),
        "-initrd",
        str(spec.initrd),
        "-append",
        spec.command_line,
        "-object",
        f"memory-backend-file,id=m,size={mib}M,{memory}",
        "-machine",
        "pc,memory-backend=m",
        "-serial",
        f"file:{console_file}",
        "-netdev",
        f"tap,id=n0,ifname={netns.TAP},script=no,downscript=no",
        "-device",
        f"virtio-net-pci,netdev=n0,mac={netns.GUEST_MAC},romfile=,guest_announce=off",
        "-device",
        f"vmgenid,guid={guid}",
    ]


def bench_command(spec):
    """A fork's command as forkscope bench takes it: the same for the templates of all signals."""
    each = {
        str(spec.initrd): "{snapshot}/initrd",
        spec.command_line: spec.command_line.replace(f"SIGNAL={spec.signal}", "SIGNAL={signal}"),
    }
    return [
        each.get(word, word)
        for word in words(spec, "{folder}/console", "mem-path={memory},share=off", "auto")
    ]


class Machine:
    """One QEMU process."""

    def __init__(self, spec, folder, network, extra, memory, guid):
        self.folder = Path(folder)
        self.console = self.folder / "console"
        self.log = self.folder / "vmm.log"
        line = words(spec, self.console, memory, guid) + [
            "-qmp",
            f"unix:{self.folder}/qmp.sock,server=on,wait=off",
        ]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                network.prefix() + line + extra,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,  # pylint: disable=consider-using-with
                preexec_fn=die_with_parent,
            )
        try:
            self.monitor = Monitor(self.folder / "qmp.sock", self.process)
        except LabError as error:
            self.kill()
            raise LabError(f"{error}. It said: {console.tail(self.log, 5)}") from error

    def look(self):
        """What a guest that stands still looks like."""

        def ask(command):
            return self.monitor.ask("human-monitor-command", **{"command-line": command})

        try:
            return still.look(self.process.pid, ask)
        except LabError as error:
            return str(error)

    def kill(self):
        self.process.kill()
        self.process.wait()


def _boot_and_save(spec, folder, network):
    """Boots the template and leaves memory and state; True if the ACPI table pointed at the right
    page."""
    memfile = spec.fast / "mem"
    with open(memfile, "wb") as handle:
        handle.truncate(spec.memory)
    vmclock.write_page(memfile, spec.memory)
    machine = Machine(
        spec, folder, network, [], f"mem-path={memfile},share=on,align=2M", vmclock.GUID
    )
    try:
        spec.wait_armed(machine)
        pages = vmclock.genid_pages(memfile)
        if spec.genid_page not in pages:
            if not pages:
                raise LabError(
                    "the template's generation id is nowhere in its memory: QEMU's firmware did "
                    "not place it"
                )
            step(
                f"the firmware put the generation id at {pages[0]:#x}, not {spec.genid_page:#x}: "
                f"booting once more"
            )
            spec.genid_page = pages[0]
            return False
        machine.monitor.ask("stop")
        machine.monitor.ignore_shared()
        machine.monitor.ask("migrate", uri=f"file:{folder}/state")
        machine.monitor.wait_migrated(240)
        machine.monitor.ask("quit")
        machine.process.wait(timeout=120)
        return True
    finally:
        machine.kill()


def make_template(spec, folder, network):
    spec.genid_page = vmclock.assumed_genid_page(spec.memory)
    for _ in range(2):
        compiled = (spec.guest / "vmclock.aml").read_bytes()
        spec.build_initrd(folder / "initrd", vmclock.acpi(compiled, spec.genid_page, spec.memory))
        spec.command_line += (
            f" memmap=4K${vmclock.address(spec.memory):#x}"
            if "memmap=" not in spec.command_line
            else ""
        )
        if _boot_and_save(spec, folder, network):
            shutil.copy(spec.fast / "mem", folder / "mem")
            vmclock.bump(folder / "mem", spec.memory)
            return
        (folder / "console").unlink()
    raise LabError(
        "the firmware puts the generation id at another page each time the template boots"
    )


class Fork:
    """One fork: spawn, load, resume."""

    def __init__(self, spec, template, memfile, folder, network, _uffd):
        self.machine = Machine(
            spec,
            folder,
            network,
            ["-incoming", "defer", "-S"],
            f"mem-path={memfile},share=off",
            "auto",
        )
        self.state = template / "state"
        self.pid = self.machine.process.pid
        self.process = self.machine.process
        self.console, self.log = self.machine.console, self.machine.log

    def load(self, resume):
        assert not resume
        monitor = self.machine.monitor
        monitor.ignore_shared()
        monitor.ask("migrate-incoming", uri=f"file:{self.state}")
        waiting = Waiting("QEMU to load the template's state")
        while monitor.ask("query-status")["status"] != "paused":
            if waiting.seconds() > 240 or self.process.poll() is not None:
                raise LabError(
                    f"QEMU did not load the template's state: {console.tail(self.machine.log, 5)}"
                )
            waiting.look()
            time.sleep(0.005)

    def vcpu_tids(self):
        return [cpu["thread-id"] for cpu in self.machine.monitor.ask("query-cpus-fast")]

    def resume(self):
        self.machine.monitor.ask("cont")

    def pause(self):
        self.machine.monitor.ask("stop")

    def kill(self):
        if self.process.poll() is not None:
            with open(self.log, "a", encoding="utf-8") as log:
                log.write(
                    f"QEMU ended by itself, with status {self.process.returncode}; its events:\n"
                    f"{''.join(self.machine.monitor.last_events())}"
                )
        self.machine.kill()
