# SPDX-License-Identifier: BSD-2-Clause
"""Where the forks find the memory file: beside the template, in a folder of the user's, or on a slow device."""
import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from ..proc import path_with_sbin, run
from ..say import LabError, step

DEVICE = "fs-delay"


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
    sectors = int(run(["blockdev", "--getsz", loop], f"asking the size of {loop}", env=path_with_sbin()))
    # Reads are delayed, writes are not.
    return f"0 {sectors} delay {loop} 0 {milliseconds} {loop} 0 0"


def _fill_device(image, template, mount_point):
    """Puts the memory file onto a new file system in the image, before the device becomes slow."""
    with open(image, "wb") as handle:
        handle.truncate((template / "mem").stat().st_size + (96 << 20))
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", str(image)], f"making a file system on {image}", env=path_with_sbin())
    run(["mount", "-o", "loop", str(image), str(mount_point)], f"mounting {image}")
    try:
        shutil.copy(template / "mem", mount_point / "mem")
    finally:
        run(["umount", str(mount_point)], f"unmounting {mount_point}")


@contextlib.contextmanager
def _on_slow_device(template, scratch, milliseconds):
    if os.path.exists(f"/dev/mapper/{DEVICE}"):
        raise LabError(f"/dev/mapper/{DEVICE} exists already: another run with --dm-delay is under way (dmsetup remove {DEVICE} if it is not)")
    image, mount_point = scratch / "slow.img", scratch / "slow"
    mount_point.mkdir(exist_ok=True)
    step(f"putting the memory file on a device that delays each read by {milliseconds} ms")
    run(["modprobe", "-a", "loop", "dm-delay"], "loading loop and dm-delay", env=path_with_sbin())
    run(["modprobe", "-a", "loop", "dm-delay"], "loading loop and dm-delay", env=path_with_sbin())
    _fill_device(image, template, mount_point)
    loop = run(["losetup", "-f", "--show", str(image)], f"attaching {image}", env=path_with_sbin()).strip()
    device = f"/dev/mapper/{DEVICE}"
    try:
        # Buffered reads of the image below would be read ahead behind the delay's back, and be fast the second time.
        subprocess.run(["losetup", "--direct-io=on", loop], env=path_with_sbin(), stderr=subprocess.DEVNULL, check=False)
        run(["dmsetup", "create", "--noudevsync", DEVICE, "--table", _table(loop, milliseconds)], f"making the device {DEVICE}", env=path_with_sbin())
        if not os.path.exists(device):
            run(["dmsetup", "mknodes", DEVICE], f"making the node of {DEVICE}", env=path_with_sbin())
        run(["blockdev", "--setra", "0", device], f"turning off readahead of {DEVICE}", env=path_with_sbin())
        run(["mount", "-o", "noatime", device, str(mount_point)], f"mounting {DEVICE}")
        yield mount_point / "mem"
    finally:
        for command in (["umount", str(mount_point)], ["dmsetup", "remove", "--noudevsync", "--retry", DEVICE], ["losetup", "-d", loop]):
            subprocess.run(command, env=path_with_sbin(), stderr=subprocess.DEVNULL, check=False)
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
