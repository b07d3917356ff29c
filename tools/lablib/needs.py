# SPDX-License-Identifier: BSD-2-Clause
"""What the lab itself needs on this machine, installed by apt when missing."""

import os
import re
import shutil
import subprocess

from .archive import Archive
from .proc import path_with_sbin, run
from .say import LabError, say, step

# program -> the package that has it
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "iasl": "acpica-tools",
    "cpio": "cpio",
    "zstd": "zstd",
    "xz": "xz-utils",
    "lz4": "lz4",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "depmod": "kmod",
    "gcc": "gcc",
    "ip": "iproute2",
    "pip3": "python3-pip",
}
FILES = {
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    "/usr/lib/x86_64-linux-gnu/libc.a": "libc6-dev",
}
QEMU = "qemu-system-x86_64"
QEMU_OLDEST = (8, 2)


def qemu_version():
    program = shutil.which(QEMU)
    if not program:
        return None
    text = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False
    ).stdout
    match = re.search(r"version (\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def missing():
    path = path_with_sbin()["PATH"]
    lost = {
        package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)
    }
    lost |= {package for file, package in FILES.items() if not os.path.exists(file)}
    return sorted(lost)


def _apt_install(packages, options=()):
    if os.geteuid() != 0:
        raise LabError(
            f"this machine lacks {' '.join(packages)}, and only root can install packages. "
            f"Run as root: apt-get install {' '.join(packages)}"
        )
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    run(
        [
            "apt-get",
            *options,
            "-q",
            "-y",
            "-o",
            "DPkg::Lock::Timeout=600",
            "--no-install-recommends",
            "install",
            *packages,
        ],
        f"installing {' '.join(packages)}",
        "Run `apt-get update` and try again.",
        env=env,
    )


def _codename():
    with open("/etc/os-release", encoding="utf-8") as release:
        match = re.search(r"^VERSION_CODENAME=(\w+)", release.read(), re.MULTILINE)
    return match[1] if match else ""


def _install_qemu():
    """From the machine's own release if new enough there, else from that release's backports, by a
    private apt configuration."""
    codename = _codename()
    if codename != "bookworm":
        _apt_install(["qemu-system-x86"])
        return
    backports = Archive(
        "qemu", [codename, f"{codename}-backports"], installed="/var/lib/dpkg/status"
    )
    backports.update()
    _apt_install(["qemu-system-x86"], [*backports.options, "-t", f"{codename}-backports"])


def install():
    lost = missing()
    if lost:
        step(f"installing {' '.join(lost)}")
        if os.geteuid() == 0:
            run(["apt-get", "-q", "update"], "reading the package lists")
        _apt_install(lost)
    version = qemu_version()
    if version is None or version < QEMU_OLDEST:
        step(
            "installing QEMU"
            + (f" (found {version[0]}.{version[1]}, too old: 8.2 is needed)" if version else "")
        )
        _install_qemu()
        version = qemu_version()
    if version is None or version < QEMU_OLDEST:
        raise LabError(
            f"QEMU 8.2 or newer is needed and this machine has {version}. Debian 13, or Debian 12 "
            f"with backports, has it"
        )
    if version < (10, 0):
        say(f"QEMU {version[0]}.{version[1]} is older than the 10.0 that the lab was tried with")
