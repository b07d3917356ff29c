# SPDX-License-Identifier: BSD-2-Clause
"""One network namespace per fork, each with the same TAP: so that one patched memory file serves
all."""

import ctypes
import os
import socket
import subprocess
import threading

from ..say import LabError
from . import mailbox

TAP, TAP_MAC, GUEST_MAC = "tap0", "06:00:ac:10:00:01", "06:00:ac:10:00:02"
_CLONE_NEWNET = 0x40000000


def _ip(words, script=None):
    done = subprocess.run(["ip", *words], input=script, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"setting up a fork's network: ip {' '.join(words)}: {done.stderr.strip()}")


class Namespace:
    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        if os.path.exists(self.path):
            self.remove()
        _ip(["netns", "add", name])
        _ip(
            ["-n", name, "-batch", "-"],
            f"tuntap add {TAP} mode tap\nlink set {TAP} address {TAP_MAC}\naddr add "
            f"{mailbox.GATEWAY}/29 dev {TAP}\nlink set {TAP} up\nlink set lo up\n",
        )

    def remove(self):
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL, check=False)

    def prefix(self):
        """Words before a command that is to run inside; the command replaces them, so its pid is
        the one started."""
        return ["nsenter", f"--net={self.path}", "--"]

    def _inside(self, make):
        """Runs make() on a thread of its own that is in the namespace: sockets made there stay
        there."""
        result = []

        def body():
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                result.append(make())
            except OSError as error:
                result.append(error)
            finally:
                os.close(handle)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise LabError(f"opening a socket in the network namespace {self.name}: {result[0]}")
        return result[0]

    def udp(self, port):
        def make():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((mailbox.GATEWAY, port))
            return sock

        return self._inside(make)

    def tcp_listener(self, port):
        def make():
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.bind((mailbox.GATEWAY, port))
            sock.listen(1)
            return sock

        return self._inside(make)
