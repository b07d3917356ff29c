# SPDX-License-Identifier: BSD-2-Clause
"""What L1 sees of the project: a read-only image with the built project, the tests, the tools and
the job to run."""

import os
import shlex
import shutil
from pathlib import Path

from . import disks
from .build import TOP

INSIDE = "/forkscope"
# What of the project goes in. .output/lab holds what earlier runs brought back.
SHOWN = [".output", "tests", "tools"]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.o", ".git")


def _copy_project(into):
    for name in SHOWN:
        source = TOP / name
        if not source.exists():
            continue
        skip = (
            LEFT_OUT
            if name != ".output"
            else lambda base, names: (["lab"] if Path(base) == TOP / ".output" else [])
            + list(LEFT_OUT(base, names))
        )
        shutil.copytree(
            source,
            into / name,
            symlinks=True,
            ignore=skip,
            copy_function=_link_or_copy,
            ignore_dangling_symlinks=True,
        )


def _link_or_copy(source, target):
    """A hard link where the cache and the project share a disk: the image is made from it at once
    and it goes."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        try:
            shutil.copy2(source, target, follow_symlinks=False)
        except FileNotFoundError:
            pass  # gone since it was listed: a build may be going on


def _inside(path, folder, number):
    """Where L1 finds a file of the host: at its place in the project, or copied into .lab/files."""
    path = Path(path).resolve()
    for name in SHOWN:
        if path.is_relative_to(TOP / name) and not path.is_relative_to(TOP / ".output/lab"):
            return f"{INSIDE}/{path.relative_to(TOP)}"
    place = folder / ".lab/files" / str(number)
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, place / path.name)
    return f"{INSIDE}/.lab/files/{number}/{path.name}"


def environment(extra):
    values = {
        "FORKSCOPE_TOP": INSIDE,
        "FORKSCOPE_LAB": "1",
        "FORKSCOPE_GUEST": "/lab",
        "FORKSCOPE_WAITER": f"{INSIDE}/.lab/waiter",
        "OUT": "/out",
        "SCRATCH": "/scratch",
        "PYTHONPYCACHEPREFIX": "/tmp/pyc",
        "PATH": f"{INSIDE}/.output:{INSIDE}/tools:"
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    values.update(extra)
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def make(folder, image, waiter, words, files=(), extra=None):
    """Makes the image. words: the command to run, in which an integer n stands for files[n],
    wherever L1 finds it."""
    folder = Path(folder)
    (folder / ".lab").mkdir(parents=True)
    _copy_project(folder)
    shutil.copy2(waiter, folder / ".lab/waiter")
    places = [_inside(path, folder, number) for number, path in enumerate(files)]
    command = shlex.join(places[word] if isinstance(word, int) else word for word in words)
    (folder / ".lab/job").write_text(f"exec {command}\n" if words else "", encoding="utf-8")
    (folder / ".lab/environment").write_text(environment(extra or {}), encoding="utf-8")
    disks.from_folder(folder, image, "top", spare=4 << 20)
    shutil.rmtree(folder)
