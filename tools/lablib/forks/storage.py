# SPDX-License-Identifier: BSD-2-Clause
"""Where the forks find the memory file: next to the template, in a folder of the user's, or on a
slow device."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from ..proc import path_with_sbin, run
from ..say import say, step

UNDO_SECONDS = 20  # a VMM that was just killed holds its file for a while


@contextlib.contextmanager
def _copy_in(template, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"mem-{template.name}"
    shutil.copy(template / "mem", copy)
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _table(loop, milliseconds):
    sectors = int(
        run(["blockdev", "--getsz", loop], f"asking the size of {loop}", env=path_with_sbin())
    )
    # Reads are delayed, writes are not.
    return f"0 {sectors} delay {loop} 0 {milliseconds} {loop} 0 0"


def _fill_device(image, template, mount_point):
    """Puts the memory file onto a new file system in the image, before the device becomes slow."""
    with open(image, "wb") as handle:
        handle.truncate((template / "mem").stat().st_size + (96 << 20))
    run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", str(image)],
        f"making a file system on {image}",
        env=path_with_sbin(),
    )
    run(["mount", "-o", "loop", str(image), str(mount_point)], f"mounting {image}")
    try:
        shutil.copy(template / "mem", mount_point / "mem")
    finally:
        run(["umount", str(mount_point)], f"unmounting {mount_point}")


def _undo(*command):
    """Tries until it works, or says that it did not."""
    until = time.monotonic() + UNDO_SECONDS
    while True:
        done = subprocess.run(
            command, env=path_with_sbin(), capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        if time.monotonic() > until:
            say(f"{' '.join(command)} failed for {UNDO_SECONDS} s: {done.stderr.strip()}")
            return
        time.sleep(0.2)


@contextlib.contextmanager
def _on_slow_device(template, scratch, milliseconds):
    name = f"fs-delay-{os.getpid()}"
    image, mount_point = scratch / f"{name}.img", scratch / name
    mount_point.mkdir(exist_ok=True)
    step(f"putting the memory file on a device that delays each read by {milliseconds} ms")
    run(["modprobe", "-a", "loop", "dm-delay"], "loading loop and dm-delay", env=path_with_sbin())
    run(["modprobe", "-a", "loop", "dm-delay"], "loading loop and dm-delay", env=path_with_sbin())
    _fill_device(image, template, mount_point)
    loop = run(
        ["losetup", "-f", "--show", str(image)], f"attaching {image}", env=path_with_sbin()
    ).strip()
    device, made, mounted = f"/dev/mapper/{name}", False, False
    try:
        # Buffered reads of the image below would be read ahead behind the delay's back, and be fast
        # the second time.
        subprocess.run(
            ["losetup", "--direct-io=on", loop],
            env=path_with_sbin(),
            stderr=subprocess.DEVNULL,
            check=False,
        )
        run(
            ["dmsetup", "create", "--noudevsync", name, "--table", _table(loop, milliseconds)],
            f"making the device {name}",
            env=path_with_sbin(),
        )
        made = True
        if not os.path.exists(device):
            run(["dmsetup", "mknodes", name], f"making the node of {name}", env=path_with_sbin())
        run(
            ["blockdev", "--setra", "0", device],
            f"turning off readahead of {name}",
            env=path_with_sbin(),
        )
        run(["mount", "-o", "noatime", device, str(mount_point)], f"mounting {name}")
        mounted = True
        yield mount_point / "mem"
    finally:
        if mounted:
            _undo("umount", str(mount_point))
        if made:
            _undo("dmsetup", "remove", "--noudevsync", name)
        _undo("losetup", "-d", loop)
        image.unlink(missing_ok=True)


@contextlib.contextmanager
def memory_file(arguments, template, scratch):
    """The path of the memory file that the forks map."""
    if arguments.memfile_on:
        with _copy_in(template, arguments.memfile_on) as path:
            yield path
    elif arguments.dm_delay is not None:
        with _on_slow_device(template, scratch, arguments.dm_delay) as path:
            yield path
    else:
        yield template / "mem"
