# SPDX-License-Identifier: BSD-2-Clause
"""A host and a guest without a VM: two network namespaces, a pair of veth interfaces between them,
and a guest process whose memory can be written to a file (a snapshot) and put back (a fork)."""

import ctypes
import os
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

GATEWAY = "172.16.0.1"
FORK_LINE = b"6,1234,5678901,-;random: crng reseeded due to virtual machine fork\n"
CLONE_NEWNET = 0x40000000


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def own_namespace():
    """Moves this process into a network of its own, so that no test can touch the machine's."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare of the network")
    run("ip", "link", "set", "lo", "up")


class Guest:
    """The guest's network namespace: eth0, joined to the host's tap0."""

    def __init__(self, address="172.16.0.3/29"):
        self.keeper = subprocess.Popen(["unshare", "-n", "sleep", "1000"])
        mine = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.keeper.pid}/ns/net") == mine:
            time.sleep(0.005)
        run(
            "ip",
            "link",
            "add",
            "tap0",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            str(self.keeper.pid),
        )
        run("ip", "addr", "add", GATEWAY + "/29", "dev", "tap0")
        run("ip", "link", "set", "tap0", "up")
        self.ip("link", "set", "lo", "up")
        if address:
            self.ip("addr", "add", address, "dev", "eth0")
            self.ip("link", "set", "eth0", "up")
            self.ip("route", "add", "default", "via", GATEWAY)
            # Known, as in a guest that has run: a first ack that had to wait for ARP would be lost
            # when the address changes.
            gateway = re.search(r"link/ether (\S+)", run("ip", "link", "show", "tap0"))[1]
            self.ip(
                "neigh", "replace", GATEWAY, "lladdr", gateway, "dev", "eth0", "nud", "reachable"
            )

    def inside(self, *words):
        return ["nsenter", "-t", str(self.keeper.pid), "-n", *words]

    def ip(self, *words):
        return run(*self.inside("ip", *words))

    def state(self):
        """What the agent may change, as text to compare."""
        link = re.search(r"link/ether (\S+)", self.ip("link", "show", "eth0"))
        up = "UP" in re.search(r"<(.*?)>", self.ip("link", "show", "eth0"))[1].split(",")
        addresses = re.findall(r"inet (\S+)", self.ip("-4", "addr", "show", "dev", "eth0"))
        routes = sorted(line.strip() for line in self.ip("-4", "route", "show").splitlines())
        return {"mac": link[1], "up": up, "addresses": addresses, "routes": routes}

    def close(self):
        self.keeper.kill()
        self.keeper.wait()
        subprocess.run(["ip", "link", "del", "tap0"], check=False, capture_output=True)


class Acks:
    """The host's end of the acks."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("0.0.0.0", 0))
        self.port = self.socket.getsockname()[1]

    def until(self, last, seconds=10.0):
        """All acks up to the one of stage `last`, as dictionaries in order."""
        acks, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            text = self.socket.recv(4096).decode("ascii")
            assert text.endswith("\n"), text
            acks.append(dict(field.split("=", 1) for field in text.split()))
            if acks[-1]["stage"] == last:
                return acks
        raise TimeoutError(f"no ack {last} within {seconds} s; came: {acks}")

    def quiet(self, seconds=0.3):
        return not select.select([self.socket], [], [], seconds)[0]

    def close(self):
        self.socket.close()


class Memory:
    """A process's writable memory as a flat file, page by page: what a snapshot is to the
    patcher."""

    def __init__(self, pid):
        self.pid = pid
        self.pages = []  # (address, offset in the file)

    def _ranges(self):
        with open(f"/proc/{self.pid}/maps", encoding="ascii", errors="replace") as maps:
            for line in maps:
                found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw.. ", line)
                if found and "[v" not in line:
                    yield int(found[1], 16), int(found[2], 16)

    def save(self, path, most=64 << 20):
        self.pages = []
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory, open(path, "wb") as out:
            for start, end in self._ranges():
                if end - start > most:
                    continue
                memory.seek(start)
                body = memory.read(end - start)
                for at in range(0, len(body), 4096):
                    self.pages.append((start + at, out.tell() + at))
                out.write(body)

    def restore_changes(self, path, before):
        """Puts the pages of `path` that differ from those of `before` back; returns their
        number."""
        changed = 0
        with open(path, "rb") as new, open(before, "rb") as old, open(
            f"/proc/{self.pid}/mem", "r+b", buffering=0
        ) as memory:
            for address, offset in self.pages:
                new.seek(offset)
                old.seek(offset)
                body = new.read(4096)
                if body != old.read(4096):
                    memory.seek(address)
                    memory.write(body)
                    changed += 1
        return changed


class Kmsg:
    """A pipe in place of /dev/kmsg."""

    def __init__(self):
        self.path = tempfile.mktemp(prefix="kmsg-")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR)

    def write(self, body):
        os.write(self.fd, body)

    def close(self):
        os.close(self.fd)
        os.unlink(self.path)


def clock_page(generation, flags=0x300, seq=0, magic=0x4B4C4356):
    """The VMClock structure, 112 bytes, as the page's published layout has it."""
    body = struct.pack("<IIHBBIQQ", magic, 0x1000, 1, 255, 0, seq, generation, flags)
    return body.ljust(104, b"\0") + struct.pack("<Q", generation)


class ClockFile:
    """A regular file in place of /dev/vmclock0: can be read and mapped; poll() of it is always
    ready."""

    def __init__(self, generation=7, flags=0x300, **more):
        self.path = tempfile.mktemp(prefix="vmclock-", dir="/dev/shm")
        self.flags = flags
        self.seq = 0
        with open(self.path, "wb") as out:
            out.write(clock_page(generation, flags, **more).ljust(4096, b"\0"))
        self.fd = os.open(self.path, os.O_RDWR)

    def bump(self, generation):
        """As a host does: odd count, new values, even count."""
        os.pwrite(self.fd, struct.pack("<I", self.seq + 1), 12)
        os.pwrite(self.fd, struct.pack("<Q", generation), 104)
        self.seq += 2
        os.pwrite(self.fd, struct.pack("<I", self.seq), 12)

    def close(self):
        os.close(self.fd)
        os.unlink(self.path)


class Process:
    """An agent, ours or a peer, in the guest."""

    def __init__(self, guest, words, environment):
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("HYPEMAN_")
        }
        self.popen = subprocess.Popen(
            guest.inside(*words),
            env={**clean, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.out = b""

    @property
    def pid(self):
        return self.popen.pid  # nsenter becomes the program: one process

    def armed(self, seconds=10.0):
        """Waits for the next line that begins with armed; returns it as a dictionary."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            line, newline, rest = self.out.partition(b"\n")
            if newline:
                self.out = rest
                if line.startswith(b"armed"):
                    return dict(
                        field.split("=", 1) for field in line.decode().split() if "=" in field
                    )
                continue
            if self.popen.poll() is not None:
                raise RuntimeError(
                    f"it ended with {self.popen.returncode}: {self.popen.stderr.read().decode()}"
                )
            if select.select([self.popen.stdout], [], [], 0.1)[0]:
                self.out += os.read(self.popen.stdout.fileno(), 4096)
        raise TimeoutError("it did not arm")

    def end(self):
        """Ends it; returns (exit status, what it said on stderr)."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            _, output = self.popen.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            _, output = self.popen.communicate()
        return self.popen.returncode, output.decode()


class Tap:
    """Prints TAP; a case is a function whose assertions hold."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def case(self, name, function):
        self.number += 1
        try:
            note = function()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is the case's failure
            self.failed += 1
            import traceback

            for line in traceback.format_exc().splitlines():
                print("#", line)
            print(f"not ok {self.number} - {name}: {type(error).__name__}")
        else:
            print(f"ok {self.number} - {name}" + (f" # {note}" if note else ""))
        sys.stdout.flush()

    def end(self):
        print(f"1..{self.number}")
        sys.exit(1 if self.failed else 0)


def run_cases(cases):
    """Runs (name, function) in a network of their own; the words of the command line choose."""
    if os.geteuid():
        print("1..0 # SKIP needs root for network namespaces")
        return
    own_namespace()
    tap = Tap()
    for name, function in cases:
        if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
            tap.case(name, function)
    tap.end()
