#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A VMM that has no VM: speaks Firecracker, Cloud Hypervisor or QMP, strict about methods, paths,
fields and order.

Which of them follows from the arguments, as the real ones take them: `--api-sock PATH --id ID`
(Firecracker), `--api-socket path=PATH` (Cloud Hypervisor), `-qmp unix:PATH,server=on,wait=off ...
-incoming defer -S` (QEMU). `--uid U --exec-file F ... -- ARGS` is Firecracker's jailer: it becomes
F inside of its chroot's folder (without chroot).

    FIXTURE_FAULT="KIND METHOD PATH" (QMP: "KIND COMMAND"), several divided by ";"; with "@fork-2"
                     behind it of that fork alone (Firecracker, by its --id). KIND: refuse; hang;
                     die (before it answers); tear (dies in the middle of the answer); garbage; big
                     (an endless body); deep (JSON of 100,000 levels); drip (a byte each 50 ms);
                     QMP: mute (no greeting), late (answers after 100 ms)
    FIXTURE_LOG=FILE     each request on a line: METHOD PATH BODY
    FIXTURE_VERSION=V    what it says it is (1.12.1; Cloud Hypervisor: v53.0.0)
    FIXTURE_GUEST=STAGES acts as a guest once it is resumed: reads the mailbox out of the memory
                         file, sends these acks ("mailbox,applied"); an ack "die" ends the VMM,
                         "garbage" is no ack, "flood" sends acks without end.
                         "error+reason=payload+what=mac" has more words, "error-+..." neither MAC
                         nor address. "fork-2=STAGES;STAGES" is for that fork, and for the others
"""

import ctypes
import fcntl
import json
import mmap
import os
import re
import signal
import socket
import struct
import sys
import threading
import time

MAGIC = b"HYPEMAN_RESUME_NETWORK_MAILBOX_V1\0"
faults = [
    tuple(each.split(" ", 1)) for each in os.environ.get("FIXTURE_FAULT", "").split(";") if each
]
version = os.environ.get("FIXTURE_VERSION", "1.12.1")


def since(major, minor=0):
    """Is what it says it is so new? Fields that came later are refused, as by the real ones."""
    found = re.search(r"(\d+)\.(\d+)", version)
    return bool(found) and (int(found[1]), int(found[2])) >= (major, minor)


def bind_vsock(path):
    """As the real ones: bound at the load, nothing is removed before it, and the file stays when
    they are killed."""
    bind_vsock.kept = socket.socket(socket.AF_UNIX)
    try:
        bind_vsock.kept.bind(path)
    except OSError as error:
        raise Refused(
            f"Load snapshot error: Failed to restore from snapshot: Error restoring vsock "
            f"backend: Error binding to the host-side "
            f"Unix socket: {error.strerror} (os error {error.errno})"
        ) from error
    bind_vsock.kept.listen(1)
    note(f"vsock: {path}")


def fault_of(request):
    return next(
        (kind for kind, what in faults if what in (request, f"{request}@{Firecracker.id}")), None
    )


def stages_of_guest():
    """Those of this fork, or of all."""
    choices = [
        each.split("=", 1) if re.match(r"fork-\d+=", each) else [None, each]
        for each in os.environ.get("FIXTURE_GUEST", "").split(";")
    ]
    return next((stages for fork, stages in choices if fork in (None, Firecracker.id)), "")


def note(line):
    path = os.environ.get("FIXTURE_LOG")
    if path:
        with open(path, "a", encoding="utf-8") as log:
            log.write(line + "\n")


def last_words(words, status=1):
    sys.stderr.write(words + "\n")
    sys.stderr.flush()
    os._exit(status)


# --- the guest ----------------------------------------------------------------------------------


def guest(memory):
    """What the agent would do, through the TAP."""
    stages = stages_of_guest()
    if not stages:
        return
    with open(memory, "rb") as handle:
        body = handle.read()
    at = body.find(MAGIC)
    sequence, length = struct.unpack_from("<II", body, at + 64)
    if at < 0 or sequence != 1:
        note("guest: no payload")
        return
    payload = json.loads(body[at + 72 : at + 72 + length])
    tap = open_tap(
        os.environ.get("FIXTURE_TAP", "tap0") if not Firecracker.tap else Firecracker.tap
    )
    for stage in stages.split(","):
        time.sleep(0.01)
        if stage == "die":
            last_words("the guest's last words", 7)
        if stage == "flood":
            flood(payload)
        os.write(tap, frame(payload, ack(stage, payload)))
    note("guest: " + stages)


def ack(stage, payload):
    if stage == "garbage":
        return b"\x1b[2Jstage=\0" + b"x" * 1200
    stage, *words = stage.split("+")
    mac, address = ("-", "-") if stage.endswith("-") else (payload["mac"], payload["ipv4"])
    return (
        " ".join([f"stage={stage.rstrip('-')}", f"mac={mac}", f"ip={address}", *words]).encode()
        + b"\n"
    )


def flood(payload):
    """More than anybody can read: two processes that do nothing else, from the gateway's side of
    the TAP."""
    many = 1024
    text = ctypes.create_string_buffer(ack("noise", payload))
    vector = struct.pack("PN", ctypes.addressof(text), len(text.value))
    vectors = ctypes.create_string_buffer(vector)
    head = struct.pack("PIPNPNi4xI4x", 0, 0, ctypes.addressof(vectors), 1, 0, 0, 0, 0)
    messages = ctypes.create_string_buffer(head * many)
    for _ in range(2):
        os.fork()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((payload["gateway"], payload["ack_port"]))
        while True:
            ctypes.CDLL(None).sendmmsg(sock.fileno(), messages, many, 0)


def open_tap(name):
    """As a VMM does: the guest's packets come out of the TAP."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))
    return tap


def checksum(body):
    total = sum(struct.unpack(f"!{len(body) // 2}H", body))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(payload, text):
    """Ethernet (to everybody: the TAP's address is not known here), IPv4, UDP."""
    source, gateway = (socket.inet_aton(payload[key]) for key in ("ipv4", "gateway"))
    udp = struct.pack("!HHHH", 40000, payload["ack_port"], 8 + len(text), 0) + text
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0x4000, 64, 17, 0, source, gateway
    )
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return b"\xff" * 6 + bytes.fromhex(payload["mac"].replace(":", "")) + b"\x08\0" + head + udp


def resume(vm):
    vm["state"] = "Running"
    if vm.get("memory"):
        threading.Thread(target=guest, args=(vm["memory"],), daemon=True).start()


# --- HTTP ---------------------------------------------------------------------------------------


class Refused(Exception):
    pass


def fields(body, needed, allowed=()):
    """Unknown fields are refused, as the real ones do, and so are missing ones."""
    for key in body:
        if key not in needed and key not in allowed:
            raise Refused(
                f"unknown field `{key}`, expected one of {', '.join([*needed, *allowed])}"
            )
    for key in needed:
        if key not in body:
            raise Refused(f"missing field `{key}`")
    return [body.get(key) for key in needed]


def must_be_file(path, what):
    if not isinstance(path, str) or not os.path.isfile(path):
        raise Refused(
            f"Load snapshot error: Failed to open {what}: No such file or directory (os error 2)"
        )


class Firecracker:
    success = b"204 "
    tap = None  # of the network override
    id = None

    def __init__(self):
        self.vm = {"state": "Not started"}
        self.metrics, self.boot = None, set()
        self.after = None  # what happens once the answer is sent

    def do(self, method, path, body):
        if method == "GET":
            if body is not None:
                raise Refused("GET request cannot have a body.")
            if path == "/version":
                return {"firecracker_version": version}
            if path == "/":
                return {
                    "id": self.id,
                    "state": self.vm["state"],
                    "vmm_version": version,
                    "app_name": "Firecracker",
                }
        name = {
            ("PUT", "/metrics"): "put_metrics",
            ("PUT", "/snapshot/load"): "load",
            ("PUT", "/snapshot/create"): "create",
            ("PATCH", "/vm"): "patch_vm",
            ("PUT", "/actions"): "actions",
            ("PUT", "/machine-config"): "configure",
            ("PUT", "/boot-source"): "configure",
        }.get((method, path))
        if not name:
            raise Refused(f"Invalid request method and/or path: {method} {path}.")
        if not isinstance(body, dict):
            raise Refused("The body of the request cannot be empty.")
        return getattr(self, name)(body)

    def configure(self, body):
        self.boot.update(body)

    def put_metrics(self, body):
        fields(body, ["metrics_path"])
        if self.metrics or self.vm["state"] != "Not started":
            raise Refused("The requested operation is not supported after starting the microVM.")
        path = inside(body["metrics_path"])
        if not os.path.exists(path):
            raise Refused("Cannot initialize logger: failed to open target")
        self.metrics = path

    def load(self, body):
        needed = ["snapshot_path"]
        fields(
            body,
            needed,
            (
                "mem_backend",
                "mem_file_path",
                "resume_vm",
                "track_dirty_pages",
                "enable_diff_snapshots",
                "network_overrides",
                *(["clock_realtime"] if since(1, 15) else []),
                *(["vsock_override"] if since(1, 16) else []),
            ),
        )
        if self.boot or self.vm["state"] != "Not started":
            raise Refused(
                "Loading a microVM snapshot not allowed after configuring boot-specific resources."
            )
        if ("mem_backend" in body) == ("mem_file_path" in body):
            raise Refused("one of mem_backend and mem_file_path")
        backend = body["mem_backend"]
        kind, path = fields(backend, ["backend_type", "backend_path"])
        if kind not in ("File", "Uffd"):
            raise Refused(f"unknown variant `{kind}`, expected `File` or `Uffd`")
        for each in body.get("network_overrides", []):
            iface, Firecracker.tap = fields(each, ["iface_id", "host_dev_name"])
            if iface != "eth0":
                self.after = lambda: last_words("the restore failed", 1)
                raise Refused("Load snapshot error: Unknown Network Device.")
        path = inside(path)
        try:
            must_be_file(inside(body["snapshot_path"]), "snapshot file")
            if kind == "File":
                must_be_file(path, "memory file")
            else:
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(path)
            self.restore_vsock(inside(body["snapshot_path"]), body.get("vsock_override"))
        except (Refused, OSError):
            self.after = lambda: last_words(
                "the restore failed", 1
            )  # as the real one: refused, and gone
            raise
        self.vm.update(state="Paused", memory=path if kind == "File" else None)
        if kind == "File":
            map_privately(path)
        if body.get("resume_vm"):
            resume(self.vm)

    @staticmethod
    def restore_vsock(state, override):
        """Its path is in the state: "vsock=PATH"."""
        with open(state, encoding="utf-8") as handle:
            saved = re.search(r"vsock=(\S+)", handle.read())
        if override is not None and not saved:
            raise Refused(
                "Load snapshot error: Failed to get snapshot state from file: Unknown Vsock Device."
            )
        if saved:
            bind_vsock(inside(override["uds_path"] if override else saved[1]))

    def create(self, body):
        _, state, memory = fields(body, ["snapshot_type", "snapshot_path", "mem_file_path"])
        if self.vm["state"] != "Paused":
            raise Refused("Create snapshot error: The VM is not paused.")
        for path in (state, memory):
            with open(inside(path), "wb") as out:
                out.write(b"\0" * 4096)

    def patch_vm(self, body):
        (state,) = fields(body, ["state"])
        if self.vm["state"] == "Not started":
            raise Refused("The requested operation is not supported before starting the microVM.")
        if state == "Resumed":
            resume(self.vm)
        elif state == "Paused":
            self.vm["state"] = "Paused"
        else:
            raise Refused(f"unknown variant `{state}`, expected `Paused` or `Resumed`")

    def actions(self, body):
        (action,) = fields(body, ["action_type"])
        if action != "FlushMetrics" or self.vm["state"] == "Not started":
            raise Refused("The requested operation is not supported before starting the microVM.")
        with open(self.metrics, "a", encoding="utf-8") as out:
            out.write(
                json.dumps(
                    {
                        "utc_timestamp_ms": 1,
                        "latencies_us": {"load_snapshot": 4321, "resume_vm": 17},
                    }
                )
                + "\n"
            )


class CloudHypervisor:
    success = b"204 No Content"

    def __init__(self):
        self.vm = {"state": "none"}
        self.after = None

    def do(self, method, path, body):
        if (method, path) == ("GET", "/api/v1/vmm.ping"):
            return {
                "build_version": version,
                "version": version,
                "pid": os.getpid(),
                "features": [],
            }
        name = path.removeprefix("/api/v1/")
        if method != "PUT" or name not in ("vm.restore", "vm.resume", "vm.pause", "vm.snapshot"):
            raise Refused("Not found")
        return getattr(self, name.replace(".", "_"))(body)

    def vm_restore(self, body):
        # the real one does not refuse what it does not know: it reads over it
        (url,) = fields(
            body, ["source_url"], ("prefault", "memory_restore_mode", "resume", "net_fds")
        )
        if self.vm["state"] != "none":
            raise Refused("VM already exists")
        folder = url.removeprefix("file://")
        for name in ("config.json", "state.json"):
            if not os.path.isfile(f"{folder}/{name}"):
                raise Refused(f"Error restoring VM: no {name}")
        if body.get("memory_restore_mode", "Copy") not in (
            "Copy",
            "OnDemand",
            *(["CopyOnWrite"] if since(54) else []),
        ):
            raise Refused("unknown variant")
        with open(f"{folder}/config.json", encoding="utf-8") as handle:
            config = json.load(handle)
        self.vm.update(state="paused", memory=self.map_memory(folder, config))
        Firecracker.tap = (config.get("net") or [{}])[0].get("tap")
        for device in ("serial", "console", "debug_console"):
            if path := config.get(device, {}).get("file"):
                with open(path, "w", encoding="utf-8") as out:  # truncated, as by the real one
                    out.write(f"{device} of {folder}\n")
        if path := config.get("vsock", {}).get("socket"):
            bind_vsock(path)
        note("config: " + json.dumps(config))
        if body.get("resume") and since(52):
            resume(self.vm)

    @staticmethod
    def map_memory(folder, config):
        """Of zones that are shared files nothing is in memory-ranges; what is not shared there is
        mapped privately."""
        zones = [zone for zone in config.get("memory", {}).get("zones") or [] if zone.get("file")]
        for zone in zones:
            if zone.get("shared"):
                with open(zone["file"], "r+b") as handle:  # a VM that runs writes into it
                    handle.seek(0)
                    handle.write(b"the guest of a fork wrote this")
            map_privately(zone["file"])
        if zones:
            return zones[0]["file"]
        if not os.path.isfile(f"{folder}/memory-ranges"):
            raise Refused("Error restoring VM: no memory-ranges")
        return f"{folder}/memory-ranges"

    def vm_resume(self, body):
        if body is not None or self.vm["state"] != "paused":
            raise Refused("Error resuming VM: not paused")
        resume(self.vm)

    def vm_pause(self, body):
        if body is not None or self.vm["state"] != "Running":
            raise Refused("Error pausing VM: not running")
        self.vm["state"] = "paused"

    def vm_snapshot(self, body):
        (url,) = fields(body, ["destination_url"])
        if self.vm["state"] != "paused":
            raise Refused("Error taking a snapshot: not paused")
        for name in ("config.json", "state.json", "memory-ranges"):
            with open(f"{url.removeprefix('file://')}/{name}", "w", encoding="utf-8") as out:
                out.write("{}")


def map_privately(path):
    """So that the memory file is in /proc/PID/maps, and pages can be populated from outside."""
    with open(path, "rb") as handle:
        map_privately.kept = mmap.mmap(
            handle.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE
        )


def read_request(stream):
    line = stream.readline(8192).decode()
    match = re.fullmatch(r"([A-Z]+) (/\S*) HTTP/1\.1\r\n", line)
    if not match:
        raise ConnectionError(line)
    headers = {}
    while (line := stream.readline(8192)) not in (b"\r\n", b""):
        key, _, value = line.decode().partition(":")
        headers[key.lower()] = value.strip()
    size = int(headers.get("content-length", 0))
    if size > 51200:
        raise ConnectionError("too large")
    return *match.groups(), stream.read(size)


def misbehave(kind, stream):
    if kind == "hang":
        time.sleep(3600)
    if kind == "die":
        last_words("a fault of the fixture", 3)
    if kind == "tear":
        stream.write(b"HTTP/1.1 200 \r\nContent-Length: 500\r\n\r\n{\"half")
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "garbage":
        stream.write(b"\xff\0 this is no HTTP\r\n\r\n" + os.urandom(4096))
        stream.flush()
        stream.close()
        raise ConnectionError
    if kind == "big":
        stream.write(b"HTTP/1.1 200 \r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            stream.write(b"x" * 65536)
    if kind == "deep":
        body = b"[" * 100000
        stream.write(b"HTTP/1.1 200 \r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        stream.flush()
        return True
    if kind == "drip":
        for each in b"HTTP/1.1 204 \r\n" + b"X-Slow: 1\r\n" * 1000:
            stream.write(bytes([each]))
            stream.flush()
            time.sleep(0.05)
    return False


def answer(vmm, stream, method, path, raw):
    kind = fault_of(f"{method} {path}")
    if kind and kind != "refuse" and misbehave(kind, stream):
        return
    try:
        if kind == "refuse":
            raise Refused("refused by the fixture: no such luck")
        result = vmm.do(method, path, json.loads(raw) if raw else None)
    except (Refused, OSError, ValueError, KeyError) as error:
        body = json.dumps({"fault_message": str(error)}).encode()
        stream.write(
            b"HTTP/1.1 400 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\nContent-Type: "
            b"application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
    else:
        if result is None:
            stream.write(
                b"HTTP/1.1 "
                + vmm.success
                + b"\r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n"
            )
        else:
            body = json.dumps(result).encode()
            stream.write(
                b"HTTP/1.1 200 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
                b"Content-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
    stream.flush()
    if vmm.after:
        time.sleep(0.05)
        vmm.after()


def serve_http(path, vmm):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    while True:
        connection, _ = listener.accept()
        stream = connection.makefile("rwb")
        try:
            while True:
                method, url, raw = read_request(stream)
                note(f"{method} {url} {raw.decode()}")
                answer(vmm, stream, method, url, raw)
        except (ConnectionError, OSError, ValueError):
            connection.close()


# --- QMP ----------------------------------------------------------------------------------------


class Qemu:
    def __init__(self, arguments):
        self.vm = {
            "state": "inmigrate" if "-S" in arguments and "defer" in arguments else "running"
        }
        self.negotiated, self.ignore_shared, self.migrated = False, False, None
        memory = re.search(r"mem-path=([^,\s]+)", " ".join(arguments))
        self.vm["memory"] = memory.group(1) if memory else None
        if self.vm["memory"]:
            map_privately(self.vm["memory"])

    def do(self, command, arguments):
        if command == "qmp_capabilities":
            self.negotiated = True
            return {}
        if not self.negotiated:
            raise Refused(
                f"Expecting capabilities negotiation with 'qmp_capabilities', not {command}"
            )
        name = {
            "migrate-set-capabilities": "capabilities",
            "migrate-incoming": "incoming",
            "query-status": "status",
            "cont": "cont",
            "stop": "stop",
            "migrate": "migrate",
            "query-migrate": "query_migrate",
        }.get(command)
        if not name:
            raise Refused(f"The command {command} has not been found")
        return getattr(self, name)(arguments)

    def capabilities(self, arguments):
        (asked,) = fields(arguments, ["capabilities"])
        self.ignore_shared = asked == [{"capability": "x-ignore-shared", "state": True}]
        if not self.ignore_shared:
            raise Refused("Invalid parameter")
        return {}

    def incoming(self, arguments):
        (uri,) = fields(arguments, ["uri"])
        if self.vm["state"] != "inmigrate" or not self.ignore_shared:
            raise Refused("'-incoming' was not specified on the command line")
        if not os.path.isfile(uri.removeprefix("file:")):
            last_words(f"qemu: failed to open {uri}", 1)
        threading.Timer(0.02, lambda: self.vm.update(state="paused")).start()
        return {}

    def status(self, _):
        return {"status": self.vm["state"], "running": self.vm["state"] == "running"}

    def cont(self, _):
        if self.vm["state"] == "inmigrate":
            raise Refused("the machine waits for a migration")
        resume(self.vm)
        self.vm["state"] = "running"
        return {}

    def stop(self, _):
        self.vm["state"] = "paused"
        return {}

    def migrate(self, arguments):
        (uri,) = fields(arguments, ["uri"])
        with open(uri.removeprefix("file:"), "wb") as out:
            out.write(b"state")
        self.migrated = "completed"
        return {}

    def query_migrate(self, _):
        return {"status": self.migrated} if self.migrated else {}


def answer_qmp(vmm, stream, line):
    request = json.loads(line)
    extra = set(request) - {"execute", "arguments"}
    command = request["execute"]
    note(f"{command} {json.dumps(request.get('arguments', {}))}")
    kind = fault_of(command)
    if kind == "hang":
        time.sleep(3600)
    if kind == "late":
        time.sleep(0.1)
    if kind == "die":
        last_words("a fault of the fixture", 3)
    if kind in ("garbage", "tear"):
        stream.write(b"{\"retu" if kind == "tear" else os.urandom(300) + b"\n")
        stream.flush()
        if kind == "tear":
            os.kill(os.getpid(), signal.SIGKILL)
        return
    if kind == "big":
        while True:
            stream.write(b"x" * 65536)
    if kind == "deep":
        stream.write(b'{"return": ' + b"[" * 100000 + b"\n")
        stream.flush()
        return
    try:
        if extra or kind == "refuse":
            raise Refused("refused by the fixture: no such luck")
        reply = {"return": vmm.do(command, request.get("arguments", {}))}
    except (Refused, OSError) as error:
        reply = {"error": {"class": "GenericError", "desc": str(error)}}
    event = {"event": "NOISE", "data": {}, "timestamp": {"seconds": 1, "microseconds": 2}}
    stream.write(json.dumps(event).encode() + b"\r\n" + json.dumps(reply).encode() + b"\r\n")
    stream.flush()


def serve_qmp(path, vmm):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    while True:
        connection, _ = listener.accept()
        stream = connection.makefile("rwb")
        if fault_of("greeting") == "mute":
            time.sleep(3600)
        try:
            stream.write(
                b'{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": '
                b'""}, "capabilities": []}}\r\n'
            )
            stream.flush()
            while line := stream.readline():
                answer_qmp(vmm, stream, line)
        except (OSError, ValueError):
            pass
        connection.close()


# --- who we are ---------------------------------------------------------------------------------

root = ""  # of the jail: the fixture does not chroot


def inside(path):
    return root + path


def value(arguments, name):
    return arguments[arguments.index(name) + 1]


def jailer(arguments):
    """Its options, then -- and those of the VMM, which it becomes."""
    global root
    cut = arguments.index("--")
    mine, rest = arguments[:cut], arguments[cut + 1 :]
    known, more = {"--id", "--exec-file", "--uid", "--gid", "--chroot-base-dir"}, {
        "--cgroup",
        "--resource-limit",
        "--parent-cgroup",
    }
    if set(mine[::2]) - more != known:
        last_words(f"jailer: needs exactly {sorted(known)}, not {mine[::2]}")
    note(f"jailer: {' '.join(mine)}")
    if "--id" in rest:
        last_words("firecracker: the argument '--id' was provided more than once")
    program = value(mine, "--exec-file")
    root = (
        f"{value(mine, '--chroot-base-dir')}/{os.path.basename(program)}/{value(mine, '--id')}/root"
    )
    os.setgid(int(value(mine, "--gid")))
    os.setuid(int(value(mine, "--uid")))
    return rest + ["--id", value(mine, "--id")]


def main(arguments):
    global version
    ctypes.CDLL(None).prctl(15, b"fixture", 0, 0, 0)
    if "--exec-file" in arguments:
        arguments = jailer(arguments)
    if "--api-sock" in arguments:
        vmm = Firecracker()
        Firecracker.id = value(arguments, "--id")
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", Firecracker.id):
            last_words("Invalid instance ID")
        serve_http(inside(value(arguments, "--api-sock")), vmm)
    elif "--api-socket" in arguments:
        version = os.environ.get("FIXTURE_VERSION", "v53.0.0")
        serve_http(value(arguments, "--api-socket").removeprefix("path="), CloudHypervisor())
    elif "-qmp" in arguments:
        serve_qmp(value(arguments, "-qmp").removeprefix("unix:").split(",")[0], Qemu(arguments))
    else:
        last_words(f"the fixture does not know what it is to be: {arguments}", 2)


main(sys.argv[1:])
