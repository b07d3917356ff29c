# SPDX-License-Identifier: BSD-2-Clause
"""L1's root file system: Debian 13 by mmdebstrap, as one ext4 image."""

import os
import shutil

from . import archive, cache, disks
from .proc import path_with_sbin, run

SUITE = "trixie"
PACKAGES = """
    acl bpftool bpftrace busybox-static dmsetup e2fsprogs ethtool iproute2 iputils-ping jq kmod
    libbpf1 libcap2 libcap2-bin libcurl4t64 libelf1t64 libjansson4 linux-perf procps psmisc
    python3 qemu-system-x86 socat strace trace-cmd util-linux xxd xz-utils zlib1g
    """.split()
# Files that no test needs and that only make the image larger.
EXCLUDE = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/var/lib/apt/lists/*Packages*",
]


def _make(folder):
    tree = folder / "tree.tar"
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--aptopt=Apt::Install-Recommends false",
        f"--include={','.join(PACKAGES)}",
    ]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDE]
    command += [f"--keyring={archive.KEYRING}", SUITE, str(tree), archive.mirror()]
    run(
        command,
        "making L1's root file system",
        env=dict(path_with_sbin(), SOURCE_DATE_EPOCH="1700000000"),
    )
    unpacked = folder / "tree"
    unpacked.mkdir()
    # Device nodes are left out: L1 mounts devtmpfs, and an ordinary user could not make them.
    run(
        ["tar", "-x", "--exclude=./dev/*", "-f", str(tree), "-C", str(unpacked)],
        "unpacking L1's root file system",
    )
    tree.unlink()
    for name in ("lab", "out", "scratch", "forkscope", "proc", "sys", "dev", "run", "tmp"):
        (unpacked / name).mkdir(exist_ok=True)
    modules = unpacked / "usr/lib/modules"
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir(parents=True)
    (unpacked / "etc/hostname").write_text("forkscope-l1\n", encoding="ascii")
    disks.from_folder(unpacked, folder / "root.img", "l1root", spare=256 << 20)
    shutil.rmtree(unpacked, ignore_errors=True)


def get(release):
    """The folder with root.img; `release` changes when the archive's release file does."""
    sources = cache.file_digest(__file__, os.path.join(os.path.dirname(__file__), "disks.py"))
    return cache.get(
        "rootfs",
        {
            "suite": SUITE,
            "release": release,
            "packages": PACKAGES,
            "exclude": EXCLUDE,
            "maker": sources,
        },
        _make,
    )
