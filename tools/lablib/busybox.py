# SPDX-License-Identifier: BSD-2-Clause
"""A static busybox from the archive, for the initramfs of L1 and of the guests; not installed on
this machine."""

from . import archive, cache

SUITE = "trixie"


def resolve(refresh):
    known = cache.load("busybox")
    if known and not refresh:
        return known
    box = archive.Archive("busybox", [SUITE])
    box.update()
    known = {
        "packages": box.closure("busybox-static", SUITE, "busybox-static"),
        "release": box.release_digest(),
    }
    cache.store("busybox", known)
    return known


def get(refresh):
    """(path of the program, digest of the suite's release file)"""
    known = resolve(refresh)

    def make(folder):
        box = archive.Archive("busybox", [SUITE])
        if not any((box.folder / "lists").glob("*InRelease")):
            box.update()
        box.unpack(known["packages"], folder, folder / "debs")
        found = next(path for path in folder.glob("**/bin/busybox"))
        found.rename(folder / "busybox")

    return cache.get("busybox", {"packages": known["packages"]}, make) / "busybox", known["release"]
