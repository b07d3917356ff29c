# SPDX-License-Identifier: BSD-2-Clause
"""Debian's cloud kernels, in the versions that the archive has now: for L1, and for the guests."""

import lzma
import re
import shutil
import subprocess
from pathlib import Path

from . import archive, cache, cpio, disks
from .proc import path_with_sbin, run
from .say import LabError, USAGE, say

# --kernel NAME -> the suite it comes from, and those needed to resolve it
SUITES = {
    "trixie": ["trixie"],
    "backports": ["trixie", "trixie-backports"],
    "bookworm": ["bookworm"],
}
DEFAULT = "backports"
META = "linux-image-cloud-amd64"
WANTED = r"linux-(?:image|binary|modules|base)-[0-9].*"
L1_MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "ext4"]


def _archive(kernel):
    if kernel not in SUITES:
        raise LabError(f"there is no kernel '{kernel}': --kernel takes {', '.join(SUITES)}", USAGE)
    return archive.Archive(f"kernel-{kernel}", SUITES[kernel])


def resolve(kernel, refresh):
    """What the archive has of this kernel: asked now if `refresh` or never asked before."""
    known = cache.load(f"kernel-{kernel}")
    if known and not refresh:
        return known
    box = _archive(kernel)
    box.update()
    packages = box.closure(META, SUITES[kernel][-1], WANTED)
    known = {"kernel": kernel, "packages": packages, "release": box.release_digest()}
    cache.store(f"kernel-{kernel}", known)
    say(f"kernel {kernel} is {packages[0][1]}")
    return known


def version_of(tree):
    """The release string of an unpacked kernel (its module folder's name)."""
    folders = [path for path in (Path(tree) / "usr/lib/modules").iterdir() if path.is_dir()]
    if len(folders) != 1:
        raise LabError(
            f"unpacking a kernel: expected one module folder in {tree}, found {len(folders)}"
        )
    return folders[0].name


def unpack(kernel, packages, folder):
    tree = folder / "tree"
    tree.mkdir()
    for path in ("usr/lib", "boot"):
        (tree / path).mkdir(parents=True)
    (tree / "lib").symlink_to(
        "usr/lib"
    )  # dpkg-deb -x then puts /lib/modules where it is on a merged system
    box = _archive(kernel)
    if not any((box.folder / "lists").glob("*InRelease")):
        box.update()
    box.unpack(packages, tree, folder / "debs")
    shutil.rmtree(folder / "debs")
    if not (tree / "lib").is_symlink():  # older dpkg-deb puts a folder in the link's place
        shutil.copytree(tree / "lib", tree / "usr/lib", dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(tree / "lib")
        (tree / "lib").symlink_to("usr/lib")
    version = version_of(tree)
    run(
        ["depmod", "-b", str(tree), version],
        f"indexing the modules of {version}",
        env=path_with_sbin(),
    )
    vmlinuz = next(
        (
            path
            for path in (
                tree / f"usr/lib/modules/{version}/vmlinuz",
                tree / f"boot/vmlinuz-{version}",
            )
            if path.exists()
        ),
        None,
    )
    if not vmlinuz:
        raise LabError(
            f"unpacking kernel {version}: no vmlinuz in {', '.join(name for name, _ in packages)}"
        )
    shutil.copy(vmlinuz, folder / "bzImage")
    (folder / "version").write_text(version + "\n", encoding="ascii")
    return tree, version


def module_order(tree, version, names):
    """Paths of these modules and what they depend on, in the order to load them; those built in or
    absent are left out."""
    base = Path(tree) / "usr/lib/modules" / version
    depends = {}
    for line in (base / "modules.dep").read_text(encoding="ascii").splitlines():
        path, _, needs = line.partition(":")
        stem = re.sub(r"\.ko(\.\w+)?$", "", path.rsplit("/", 1)[-1]).replace("-", "_")
        depends[stem] = (path, needs.split())
    order = []
    for name in names:
        if name in depends:
            path, needs = depends[name]
            order += [each for each in [*reversed(needs), path] if each not in order]
    return [base / path for path in order]


def module_bytes(path):
    raw = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(raw)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", str(path)], stdout=subprocess.PIPE, check=True).stdout
    return raw


def add_modules(image, tree, version, names):
    """Puts the modules into an initramfs, with the list of what to load in which order."""
    order = module_order(tree, version, names)
    image.folder("modules")
    listed = []
    for path in order:
        name = re.sub(r"\.(xz|zst)$", "", path.name)
        image.file(f"modules/{name}", module_bytes(path))
        listed.append(name)
    image.file("modules/order", ("\n".join(listed) + "\n").encode())


APPLETS = """sh mount insmod cat echo ip ls mkdir sleep switch_root poweroff nc hexdump uname
    mknod""".split()


def add_busybox(image, busybox):
    for name in ("bin", "dev", "proc", "sys", "tmp", "root"):
        image.folder(name)
    image.file("bin/busybox", Path(busybox).read_bytes(), executable=True)
    for applet in APPLETS:
        image.link(f"bin/{applet}", "busybox")
    image.character_device("dev/console", 5, 1)


def _make_l1(kernel, packages, busybox):
    def make(folder):
        tree, version = unpack(kernel, packages, folder)
        image = cpio.Writer()
        add_busybox(image, busybox)
        add_modules(image, tree, version, L1_MODULES)
        image.file(
            "init", (Path(__file__).parent / "l1/initramfs-init").read_bytes(), executable=True
        )
        (folder / "initrd").write_bytes(image.bytes())
        disks.from_folder(
            tree / "usr/lib/modules", folder / "modules.img", "modules", spare=16 << 20
        )
        shutil.rmtree(tree)

    return make


def l1(kernel, refresh, busybox):
    """The folder with bzImage, initrd, modules.img and version of L1's kernel."""
    known = resolve(kernel, refresh)
    maker = cache.file_digest(
        __file__, Path(__file__).parent / "l1/initramfs-init", Path(__file__).parent / "cpio.py"
    )
    return cache.get(
        f"kernel-{kernel}",
        {"packages": known["packages"], "maker": maker},
        _make_l1(kernel, known["packages"], busybox),
    )
