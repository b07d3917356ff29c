# SPDX-License-Identifier: BSD-2-Clause
"""Forks under Firecracker: its own snapshots, through its API on a unix socket."""

import http.client
import json
import os
import subprocess
from pathlib import Path

from ..proc import die_with_parent
from ..say import LabError
from . import console, netns, still
from .qemu import connect

NAME = "firecracker"


class Api(http.client.HTTPConnection):
    """HTTP on a unix socket, connected at once and kept."""

    def __init__(self, path, process, what):
        super().__init__("localhost", timeout=120)
        self.path, self.process, self.what = path, process, what
        self.connect()

    def connect(self):
        self.sock = connect(self.path, self.process)
        self.sock.settimeout(120)

    def ask(self, method, url, body=None):
        try:
            self.request(
                method,
                url,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json"} if body is not None else {},
            )
            answer = self.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise LabError(
                f"{self.what}: {method} {url}: no answer ({error}); is it still running?"
            ) from error
        if answer.status not in (200, 204):
            raise LabError(
                f"{self.what} refused {method} {url} with {answer.status}: {text.strip()}"
            )
        return json.loads(text) if text else None


class Machine:
    """One Firecracker process."""

    def __init__(self, spec, folder, network, name):
        self.folder = Path(folder)
        self.console = self.folder / "console"
        program = spec.program or str(spec.guest / "firecracker")
        if not os.path.exists(program):
            raise LabError(
                "the lab has no Firecracker (its package could not be had when the lab was "
                "built): give one with --vmm-bin PATH, "
                "or run `tools/lab build` again"
            )
        with open(self.console, "wb") as log:
            self.process = subprocess.Popen(
                network.prefix()
                + [
                    program,
                    "--api-sock",
                    str(self.folder / "api.sock"),
                    "--id",
                    name,
                ],  # pylint: disable=consider-using-with
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        try:
            self.api = Api(self.folder / "api.sock", self.process, "Firecracker")
        except LabError as error:
            self.kill()
            raise LabError(f"{error}. It said: {console.tail(self.console, 5)}") from error

    def look(self):
        """What a guest that stands still looks like."""
        return still.look(self.process.pid)

    def kill(self):
        self.process.kill()
        self.process.wait()


def make_template(spec, folder, network):
    spec.build_initrd(folder / "initrd", b"")
    machine = Machine(spec, folder, network, "template")
    try:
        api = machine.api
        api.ask(
            "PUT", "/machine-config", {"vcpu_count": spec.vcpus, "mem_size_mib": spec.memory >> 20}
        )
        api.ask(
            "PUT",
            "/boot-source",
            {
                "kernel_image_path": str(spec.guest / "vmlinux"),
                "initrd_path": str(spec.initrd),
                "boot_args": spec.command_line,
            },
        )
        api.ask(
            "PUT",
            "/network-interfaces/eth0",
            {"iface_id": "eth0", "host_dev_name": netns.TAP, "guest_mac": netns.GUEST_MAC},
        )
        api.ask("PUT", "/actions", {"action_type": "InstanceStart"})
        spec.wait_armed(machine)
        api.ask("PATCH", "/vm", {"state": "Paused"})
        api.ask(
            "PUT",
            "/snapshot/create",
            {
                "snapshot_type": "Full",
                "snapshot_path": str(folder / "state"),
                "mem_file_path": str(folder / "mem"),
            },
        )
    finally:
        machine.kill()


class Fork:
    """One fork: spawn, load, resume. Its vCPU threads exist once it is loaded."""

    def __init__(self, spec, template, memfile, folder, network, uffd):
        self.machine = Machine(spec, folder, network, "fork")
        self.state, self.memfile, self.uffd = template / "state", memfile, uffd
        self.pid = self.machine.process.pid
        self.process = self.machine.process
        self.console = self.machine.console

    def load(self, resume):
        backend = (
            {"backend_type": "Uffd", "backend_path": str(self.uffd)}
            if self.uffd
            else {"backend_type": "File", "backend_path": str(self.memfile)}
        )
        try:
            self.machine.api.ask(
                "PUT",
                "/snapshot/load",
                {"snapshot_path": str(self.state), "mem_backend": backend, "resume_vm": resume},
            )
        except LabError as error:
            raise LabError(f"{error}. It said: {console.tail(self.console, 5)}") from error

    def vcpu_tids(self):
        found = []
        for tid in sorted(map(int, os.listdir(f"/proc/{self.pid}/task"))):
            name = Path(f"/proc/{self.pid}/task/{tid}/comm").read_text(encoding="utf-8")
            if name.startswith("fc_vcpu"):
                found.append(tid)
        return found

    def resume(self):
        self.machine.api.ask("PATCH", "/vm", {"state": "Resumed"})

    def pause(self):
        self.machine.api.ask("PATCH", "/vm", {"state": "Paused"})

    def kill(self):
        self.machine.kill()
