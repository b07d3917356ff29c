# SPDX-License-Identifier: BSD-2-Clause
"""File systems that show other devices in /proc/PID/maps than stat() does, mounted for a test:
btrfs and overlayfs.

Root. The caller is in a mount namespace of its own, so that nothing stays mounted, and calls
unmount() before its folder goes."""

import os
import subprocess
import sys

mounted = []


class Unavailable(Exception):
    """This machine has no such file system, or may not mount it."""


def run(*words):
    try:
        done = subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        raise Unavailable(f"{words[0]}: {done.stderr.strip()[-200:]}")


def plain_folder():
    """A folder for temporary files that is not of an overlay or FUSE, where the guard refuses; None
    = there is only the usual one."""
    for each in (os.environ.get("TMPDIR", "/tmp"), "/var/tmp", "/dev/shm"):
        kind = subprocess.run(
            ["stat", "-f", "-c", "%T", each], capture_output=True, text=True, check=False
        ).stdout.strip()
        if kind and kind not in ("overlayfs", "fuseblk", "fuse") and os.access(each, os.W_OK):
            return each
    return None


def mount(place, *words):
    run("mount", *words, place)
    mounted.append(place)


def unmount():
    """All of them."""
    while mounted:
        subprocess.run(["umount", "-l", mounted.pop()], check=False)


def own_mounts():
    """Runs this program again in a mount namespace of its own, when it is root; returns in
    there."""
    if os.geteuid() == 0 and os.environ.get("FORKSCOPE_TEST_MOUNTNS") != "1":
        os.environ["FORKSCOPE_TEST_MOUNTNS"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, "-B", *sys.argv])


def btrfs(folder):
    """A btrfs at folder/btrfs, with the subvolumes one and two; returns its path. Once for each
    folder."""
    place = os.path.join(folder, "btrfs")
    if os.path.isdir(os.path.join(place, "two")):
        return place
    image = os.path.join(folder, "btrfs.image")
    with open(image, "wb") as out:
        out.truncate(128 << 20)
    os.makedirs(place, exist_ok=True)
    run("mkfs.btrfs", "-q", image)
    mount(place, "-o", "loop", image)
    for name in ("one", "two"):
        run("btrfs", "subvolume", "create", os.path.join(place, name))
        os.chmod(os.path.join(place, name), 0o777)
    return place


def overlay(folder):
    """An overlay at folder/merged, of folder/lower and folder/upper; returns folder/."""
    for name in ("lower", "upper", "work", "merged"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    if not os.path.ismount(os.path.join(folder, "merged")):
        mount(
            os.path.join(folder, "merged"),
            "-t",
            "overlay",
            "overlay",
            "-o",
            f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work",
        )
    return folder
