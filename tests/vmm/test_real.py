#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The drivers on real VMMs: FIRECRACKER=PATH (default: the lab's, if it was built) and
CLOUD_HYPERVISOR=PATH.

The guest is a loop of two instructions, so that any /dev/kvm will do. What is not given is skipped,
and said."""

import errno
import glob
import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "agent"))
# pylint: disable=wrong-import-position
from environment import Tap

OUT = Path(os.environ.get("O", ".output"))
OUT = OUT if OUT.is_absolute() else HERE.parents[1] / OUT
MIB, ENTRY = 1 << 20, 0x1000000
folder = None


def kernel(path):
    """An ELF of one segment, `pause; jmp` in it, and the note that gives a PVH loader the entry."""
    code = b"\xf3\x90\xeb\xfc" + b"\x90" * 60
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", ENTRY)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, ENTRY, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0x1000, ENTRY, ENTRY, len(code), len(code), 0x1000)
    notes = struct.pack("<IIQQQQQQ", 4, 4, 0x200, 0, 0, len(note), len(note), 4)
    body = (head + load + notes).ljust(0x200, b"\0") + note
    Path(path).write_bytes(body.ljust(0x1000, b"\0") + code)
    return path


class Api(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        until = time.monotonic() + 20
        while True:
            try:
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.connect(path)
                return
            except OSError:
                self.sock.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def ask(self, method, url, body):
        self.request(
            method,
            url,
            json.dumps(body) if body else None,
            {"Content-Type": "application/json"} if body else {},
        )
        answer = self.getresponse()
        output = answer.read()
        assert answer.status in (200, 204), (url, answer.status, output)


def drive(vmm, *words, **names):
    """The operations' outcomes: {operation: (errno, text)}; of several equal ones the last."""
    where = tempfile.mkdtemp(dir=folder)
    done = subprocess.run(
        [
            str(OUT / "tests/drive"),
            vmm,
            where,
            *[f"{name.replace('_', '-')}={value}" for name, value in names.items()],
            *words,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done
    found = {}
    for line in done.stdout.splitlines():
        op, code, text = (line + "  ").split(" ", 2)
        found[op] = (0 if code == "ok" else int(code), text.strip())
    assert not os.path.exists(where + "/api.sock")
    return found


# --- Firecracker --------------------------------------------------------------------------------


def firecracker():
    given = os.environ.get("FIRECRACKER")
    if given:
        return given
    cache = os.environ.get("FORKSCOPE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "forkscope"
    )
    found = sorted(glob.glob(cache + "/guest-*/guest/firecracker"), key=os.path.getmtime)
    return found[-1] if found else None


def fc_snapshot(program, base, *devices):
    """Boots it with these devices ((path, body), ...), and lets the driver take the snapshot of
    what it did not start."""
    path = base + "/template.sock"
    with open(base + "/template.log", "wb") as log, subprocess.Popen(
        [program, "--api-sock", path, "--id", "t"], stdin=subprocess.PIPE, stdout=log, stderr=log
    ) as vmm:
        try:
            api = Api(path)
            for url, body in (
                ("/machine-config", {"vcpu_count": 1, "mem_size_mib": 64}),
                ("/boot-source", {"kernel_image_path": kernel(base + "/kernel"), "boot_args": "x"}),
                *devices,
                ("/actions", {"action_type": "InstanceStart"}),
            ):
                api.ask("PUT", url, body)
            got = drive(
                "firecracker",
                "start",
                "create",
                socket=path,
                state=base + "/state",
                memory=base + "/mem",
            )
            assert got["create"][0] == 0, got
            assert vmm.poll() is None, "a VMM that was not started here must not be ended"
        finally:
            vmm.kill()
    assert os.path.getsize(base + "/mem") == 64 * MIB


def fc_template(program):
    fc_snapshot(program, folder)


def fc(program, *words, **names):
    return drive(
        "firecracker",
        *words,
        **{"program": program, "state": folder + "/state", "memory": folder + "/mem", **names},
    )


def fc_load(program):
    got = fc(program, "start", "load", "resume", "pause", "resume", "metrics")
    assert all(code == 0 for code, _ in got.values()), got
    assert json.loads(got["metrics"][1])["load_snapshot"] > 0, got
    return None


def fc_load_and_resume(program):
    got = fc(program, "start", "load-resume", "pause")
    assert all(code == 0 for code, _ in got.values()), got


def fc_wrong_snapshot(program):
    Path(folder, "broken").write_bytes(b"\0" * 4096)
    got = fc(program, "start", "load", state=folder + "/broken")
    code, text = got["load"]
    assert (
        code == errno.ECHILD
        and "refused PUT /snapshot/load with 400" in text
        and "fault_message" in text
        and "ended with status" in text
    ), got
    got = fc(program, "start", "load", memory=folder + "/nowhere")
    assert got["load"][0] == errno.ECHILD and "No such file" in got["load"][1], got


def fc_short_memory(program):
    Path(folder, "short").write_bytes(b"\0" * MIB)
    got = fc(program, "start", "load", memory=folder + "/short")
    assert got["load"][0] == errno.ECHILD and "fault_message" in got["load"][1], got


def fc_order(program):
    got = fc(program, "start", "resume", "load", "load")
    assert (
        got["resume"][0] == errno.EREMOTEIO and "not supported before starting" in got["resume"][1]
    ), got
    assert (
        got["load"][0] == errno.EREMOTEIO and "fault_message" in got["load"][1]
    ), got  # the second: the VM is there already


def fc_override(program):
    got = fc(program, "start", "load", override="eth9", tap="tap0")
    assert (
        got["load"][0] in (errno.ECHILD, errno.EREMOTEIO)
        and "Unknown Network Device" in got["load"][1]
    ), got


def fc_signals(program):
    got = fc(program, "start", "signal:vmgenid", "signal:vmclock")
    version = tuple(int(each) for each in got["start"][1].lstrip("v").split(".")[:2])
    assert (got["signal:vmclock"][1] == "") == (version >= (1, 15)) and got["signal:vmgenid"][
        1
    ] == "", got


def fc_jailer(program):
    jailer = os.environ.get("JAILER") or os.path.join(os.path.dirname(program), "jailer")
    if os.geteuid() or not os.access(jailer, os.X_OK):
        return "SKIP no jailer next to it, or not root"
    # the jail's file system must allow programs and devices
    with tempfile.TemporaryDirectory(prefix="forkscope-jail-", dir="/var/tmp") as base:
        os.chmod(base, 0o755)
        for name in ("state", "mem"):
            subprocess.run(["cp", f"{folder}/{name}", f"{base}/{name}"], check=True)
            os.chmod(f"{base}/{name}", 0o644)
        try:
            got = fc(
                program,
                "start",
                "load-resume",
                "pause",
                "end",
                state=base + "/state",
                memory=base + "/mem",
                jailer=jailer,
                base=base + "/jails",
                uid=65534,
            )
        finally:
            rest = list(Path(base, "jails").glob("*/*"))
        assert all(code == 0 for code, _ in got.values()), got
        assert not rest, rest
    return None


def fc_vsock(program):
    """A snapshot with a vsock device: forks at once, each with a socket of its own where all of
    them have it baked in."""
    with tempfile.TemporaryDirectory(prefix="fs-vsock-", dir=folder) as base:
        where = base + "/v.sock"
        fc_snapshot(program, base, ("/vsock", {"guest_cid": 3, "uds_path": where}))
        words = [
            OUT / "forkscope",
            "bench",
            "--vmm",
            "firecracker",
            "--vmm-bin",
            program,
            "--snapshot",
            base,
            "--network",
            "none",
            "--iters",
            "3",
            "-c",
            "3",
            "--no-record",
            "--json",
        ]
        for more, good in (
            ([], 0),
            (["--vsock", where], 3),
        ):  # the template's socket still lies there
            done = subprocess.run(
                list(map(str, words + more)),
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert [fork["end"] for fork in json.loads(done.stdout)["forks"]].count(
                "done"
            ) == good, (more, done)
            assert (
                good or "with --vsock PATH each fork gets a socket of its own" in done.stderr
            ), done


def fc_bench(program):
    """`forkscope bench` with the jailer, a userfaultfd handler, and both, resumed inside of the
    load and after it; nothing is left."""
    handler, jailer = OUT / "tests/uffd_handler", os.path.join(os.path.dirname(program), "jailer")
    if os.geteuid() or not os.access(jailer, os.X_OK):
        return "SKIP no jailer next to it, or not root"
    with tempfile.TemporaryDirectory(prefix="forkscope-jail-", dir="/var/tmp") as base:
        os.chmod(base, 0o755)
        os.mkdir(base + "/tmp")
        for name in ("state", "mem"):
            subprocess.run(["cp", f"{folder}/{name}", f"{base}/{name}"], check=True)
            os.chmod(f"{base}/{name}", 0o644)
        jailed, served = ["--jailer", jailer, "--jail-base", base + "/jails"], ["--uffd", handler]
        for how in ([], jailed, served, jailed + served):
            for when in ([], ["--resume-in-load"]):
                words = [
                    OUT / "forkscope",
                    "bench",
                    "--vmm",
                    "firecracker",
                    "--vmm-bin",
                    program,
                    "--snapshot",
                    base,
                    "--network",
                    "none",
                    "--iters",
                    "3",
                    "-c",
                    "3",
                    "--no-record",
                    "--json",
                    *how,
                    *when,
                ]
                done = subprocess.run(
                    list(map(str, words)),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=120,
                    env={**os.environ, "TMPDIR": base + "/tmp", "UFFD_LOG": "/dev/null"},
                )
                assert done.returncode == 0, (how, when, done)
                run = json.loads(done.stdout)
                assert [fork["end"] for fork in run["forks"]] == ["done"] * 3 and all(
                    fork["vmm_us"]["load_snapshot"] > 0 for fork in run["forks"]
                ), run
                assert not os.listdir(base + "/tmp") and not list(
                    Path(base, "jails").glob("*/*")
                ), (how, when)
    return None


# --- Cloud Hypervisor ---------------------------------------------------------------------------


def ch_template(program):
    path, where = folder + "/ch.sock", folder + "/ch"
    os.mkdir(where)
    with open(folder + "/ch.log", "wb") as log, subprocess.Popen(
        [program, "--api-socket", f"path={path}"], stdout=log, stderr=log
    ) as vmm:
        try:
            api = Api(path)
            api.ask(
                "PUT",
                "/api/v1/vm.create",
                {
                    "cpus": {"boot_vcpus": 1, "max_vcpus": 1},
                    "memory": {"size": 64 * MIB},
                    "payload": {"kernel": kernel(folder + "/kernel")},
                    "serial": {"mode": "Off"},
                    "console": {"mode": "Off"},
                },
            )
            api.ask("PUT", "/api/v1/vm.boot", None)
            got = drive("cloud-hypervisor", "start", "create", socket=path, state=where)
            if "GetNestedState" in got["create"][1]:
                return (
                    "SKIP this machine's KVM cannot save a vCPU's nested state, so it cannot "
                    "be snapshotted: run this in the lab"
                )
            assert got["create"][0] == 0, got
        finally:
            vmm.kill()
    return None


def ch_restore(program):
    if not os.path.exists(folder + "/ch/config.json"):
        return "SKIP there is no snapshot"
    for mode in ("load", "load-resume"):
        got = drive(
            "cloud-hypervisor",
            "start",
            mode,
            *(["resume"] if mode == "load" else []),
            "pause",
            program=program,
            state=folder + "/ch",
            memory=folder + "/ch/memory-ranges",
        )
        assert all(code == 0 for code, _ in got.values()), got
    return None


def ch_refuses(program):
    got = drive("cloud-hypervisor", "start", "resume", "signal:vmgenid", program=program)
    assert got["resume"][0] == errno.EREMOTEIO and got["signal:vmgenid"][1], got


def main():
    global folder
    tap = Tap()
    program, hypervisor = firecracker(), os.environ.get("CLOUD_HYPERVISOR")
    kvm = os.access("/dev/kvm", os.R_OK | os.W_OK)
    with tempfile.TemporaryDirectory(prefix="fs-real-") as folder:
        os.chmod(folder, 0o755)
        for name, path, variable, cases in (
            (
                "Firecracker",
                program,
                "FIRECRACKER",
                (
                    fc_template,
                    fc_load,
                    fc_load_and_resume,
                    fc_wrong_snapshot,
                    fc_short_memory,
                    fc_order,
                    fc_override,
                    fc_signals,
                    fc_vsock,
                    fc_jailer,
                    fc_bench,
                ),
            ),
            (
                "Cloud Hypervisor",
                hypervisor,
                "CLOUD_HYPERVISOR",
                (ch_template, ch_restore, ch_refuses),
            ),
        ):
            if not path or not kvm:
                why = (
                    f"none is given: make check-vmm {variable}=PATH"
                    if not path
                    else "there is no /dev/kvm that may be opened"
                )
                tap.case(f"{name}, all of it", lambda why=why: f"SKIP {why}")
                continue
            for case in cases:
                tap.case(
                    f"{case.__name__.replace('_', ' ')} ({path})",
                    lambda case=case, path=path: case(path),
                )
    tap.end()


main()
