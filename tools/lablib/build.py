# SPDX-License-Identifier: BSD-2-Clause
"""Everything that a run of the lab needs, built in order or taken from the cache."""

import os
from pathlib import Path

from . import busybox, cache, guestparts, kernels, needs, rootfs
from .proc import run
from .say import step

TOP = Path(__file__).resolve().parents[2]
GUEST_PROGRAM = TOP / ".output/forkscope-guest"
WAITER_SOURCE = TOP / "tests/guest/waiter.c"


def waiter():
    """The static guest program of the tests."""

    def make(folder):
        run(
            [
                "gcc",
                "-std=gnu11",
                "-O2",
                "-Wall",
                "-Wextra",
                "-static",
                "-o",
                str(folder / "waiter"),
                str(WAITER_SOURCE),
            ],
            f"compiling {WAITER_SOURCE}",
        )

    return (
        cache.get(
            "waiter",
            {"source": cache.file_digest(WAITER_SOURCE, WAITER_SOURCE.with_name("mark.h"))},
            make,
        )
        / "waiter"
    )


def parts(kernel, refresh=False):
    """Folder of L1's kernel, image of its root, folder of the guest's parts, and the guest
    program."""
    if refresh or needs.missing() or (needs.qemu_version() or (0, 0)) < needs.QEMU_OLDEST:
        needs.install()
    shell, release = busybox.get(refresh)
    return {
        "kernel": kernels.l1(kernel, refresh, shell),
        "root": rootfs.get(release) / "root.img",
        "guest": guestparts.get(refresh, shell),
        "waiter": waiter(),
    }


def build(kernel):
    made = parts(kernel, refresh=True)
    cache.prune()
    version = (made["kernel"] / "version").read_text(encoding="ascii").strip()
    step(
        f"the lab is built: L1 runs {version}; everything is under {cache.root()} ({used_mib()} "
        f"MiB)"
    )


def used_mib():
    total = 0
    for base, _, files in os.walk(cache.root()):
        total += sum(os.lstat(os.path.join(base, name)).st_blocks * 512 for name in files)
    return total >> 20
