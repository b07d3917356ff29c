# SPDX-License-Identifier: BSD-2-Clause
"""ext4 images: made from a folder, and read back into one, without mounting."""

import os

from .proc import path_with_sbin, run


def _create(image, size):
    with open(image, "wb") as handle:
        handle.truncate(size)


def from_folder(folder, image, label, spare=64 << 20):
    """An ext4 image that holds the folder's files and `spare` bytes of room."""
    used = entries = 0
    for base, folders, files in os.walk(folder):
        entries += len(folders) + len(files)
        used += sum(
            (os.lstat(os.path.join(base, name)).st_size + 4095) // 4096 * 4096 for name in files
        )
    _create(image, int(used * 1.15) + spare)
    run(
        [
            "mke2fs",
            "-q",
            "-F",
            "-t",
            "ext4",
            "-L",
            label,
            "-m",
            "0",
            "-N",
            str(entries * 2 + 1024),
            "-E",
            "root_owner=0:0,lazy_itable_init=1,nodiscard",
            "-d",
            str(folder),
            str(image),
        ],
        f"making the disk image {image}",
        env=path_with_sbin(),
    )


def empty(image, size, label):
    _create(image, size)
    run(
        [
            "mke2fs",
            "-q",
            "-F",
            "-t",
            "ext4",
            "-L",
            label,
            "-m",
            "0",
            "-E",
            "root_owner=0:0,lazy_itable_init=1,nodiscard",
            str(image),
        ],
        f"making the disk image {image}",
        env=path_with_sbin(),
    )


def to_folder(image, folder):
    """Copies an image's files into a folder, also after its VM was killed (the journal is replayed
    first)."""
    env = path_with_sbin()
    os.makedirs(folder, exist_ok=True)
    # e2fsck says 1 when it repaired something, which is what it is called for.
    run(
        ["sh", "-c", 'e2fsck -fy "$1" || [ $? -eq 1 ]', "sh", str(image)],
        f"repairing the disk image {image}",
        env=env,
    )
    run(
        ["debugfs", "-R", f'rdump / "{folder}"', str(image)],
        f"reading the disk image {image}",
        env=env,
    )
    lost = os.path.join(folder, "lost+found")
    if os.path.isdir(lost) and not os.listdir(lost):
        os.rmdir(lost)
