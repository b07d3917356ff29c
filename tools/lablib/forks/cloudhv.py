# SPDX-License-Identifier: BSD-2-Clause
"""Forks under Cloud Hypervisor, through its HTTP API. It has no resume signal: the guest polls its
mailbox."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from ..proc import die_with_parent
from ..say import LabError
from . import console, netns, still
from .firecracker import Api

NAME = "cloud-hypervisor"
URL = "/api/v1/"
# Its snapshot is a folder with these files; the guest's memory is the first.
MEMORY, CONFIG, STATE = "memory-ranges", "config.json", "state.json"


class Machine:
    """One Cloud Hypervisor process."""

    def __init__(self, spec, folder, network):
        self.folder = Path(folder)
        self.console = self.folder / "console"
        self.log = self.folder / "vmm.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                network.prefix()
                + [
                    spec.program,
                    "--api-socket",
                    f"path={self.folder}/api.sock",
                ],  # pylint: disable=consider-using-with
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        try:
            self.api = Api(self.folder / "api.sock", self.process, "Cloud Hypervisor")
        except LabError as error:
            self.kill()
            raise LabError(f"{error}. It said: {console.tail(self.log, 5)}") from error

    def put(self, name, body=None):
        return self.api.ask("PUT", URL + name, body)

    def look(self):
        """What a guest that stands still looks like."""
        return still.look(self.process.pid)

    def kill(self):
        self.process.kill()
        self.process.wait()


def _config(spec, console_file):
    return {
        "cpus": {"boot_vcpus": spec.vcpus, "max_vcpus": spec.vcpus},
        "memory": {"size": spec.memory},
        "payload": {
            "kernel": str(spec.guest / "vmlinux"),
            "initramfs": str(spec.initrd),
            "cmdline": spec.command_line,
        },
        "serial": {"mode": "File", "file": str(console_file)},
        "console": {"mode": "Off"},
        "net": [{"tap": netns.TAP, "mac": netns.GUEST_MAC}],
    }


def make_template(spec, folder, network):
    spec.build_initrd(folder / "initrd", b"")
    machine = Machine(spec, folder, network)
    snapshot = folder / "snapshot"
    snapshot.mkdir()
    try:
        machine.put("vm.create", _config(spec, machine.console))
        machine.put("vm.boot")
        spec.wait_armed(machine)
        machine.put("vm.pause")
        machine.put("vm.snapshot", {"destination_url": f"file://{snapshot}"})
    finally:
        machine.kill()
    (snapshot / MEMORY).rename(folder / "mem")
    if (folder / "mem").stat().st_size != spec.memory:
        raise LabError(
            f"Cloud Hypervisor's memory file has {(folder / 'mem').stat().st_size} bytes, not the "
            f"guest's {spec.memory}: "
            "this version's snapshots are not flat"
        )


class Fork:
    """One fork: its own folder with the template's state, the shared memory file, and its own
    console."""

    def __init__(self, spec, template, memfile, folder, network, _uffd):
        snapshot = Path(folder) / "snapshot"
        snapshot.mkdir()
        (snapshot / MEMORY).symlink_to(memfile)
        shutil.copy(template / "snapshot" / STATE, snapshot / STATE)
        config = json.loads((template / "snapshot" / CONFIG).read_text(encoding="utf-8"))
        config["serial"]["file"] = str(Path(folder) / "console")
        (snapshot / CONFIG).write_text(json.dumps(config), encoding="utf-8")
        self.snapshot = snapshot
        self.on_demand = spec.restore_mode == "ondemand"
        self.machine = Machine(spec, folder, network)
        self.pid = self.machine.process.pid
        self.process = self.machine.process
        self.console = self.machine.console

    def load(self, resume):
        assert not resume
        how = {"memory_restore_mode": "OnDemand"} if self.on_demand else {}
        self.machine.put("vm.restore", {"source_url": f"file://{self.snapshot}", **how})

    def vcpu_tids(self):
        found = []
        for tid in sorted(map(int, os.listdir(f"/proc/{self.pid}/task"))):
            name = Path(f"/proc/{self.pid}/task/{tid}/comm").read_text(encoding="utf-8").strip()
            if name.startswith("vcpu") and name[4:].isdigit():
                found.append(tid)
        return found

    def resume(self):
        self.machine.put("vm.resume")

    def pause(self):
        self.machine.put("vm.pause")

    def kill(self):
        self.machine.kill()
