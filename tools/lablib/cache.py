# SPDX-License-Identifier: BSD-2-Clause
"""The cache: folders named after the hash of what they were made from, made whole or not at all."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from . import say

KEPT_SECONDS = 14 * 24 * 3600


def root():
    base = os.environ.get("FORKSCOPE_CACHE")
    if not base:
        base = os.path.join(
            os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "forkscope"
        )
    path = Path(base)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def lock(name):
    """One builder of one thing at a time; the others wait and say so."""
    with open(root() / f"{name}.lock", "w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say.say(f"another lab is building {name}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(inputs):
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def file_digest(*paths):
    total = hashlib.sha256()
    for path in paths:
        total.update(Path(path).read_bytes())
    return total.hexdigest()


def get(name, inputs, make):
    """The folder made by make(folder) from these inputs; made now if it is not there yet."""
    wanted = root() / f"{name}-{digest(inputs)}"
    if wanted.exists():
        os.utime(wanted)
        return wanted
    with lock(name):
        if wanted.exists():
            return wanted
        say.step(f"building {name}")
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root()))
        try:
            make(work)
            (work / "inputs.json").write_text(
                json.dumps(inputs, indent=1, sort_keys=True) + "\n", encoding="utf-8"
            )
            os.chmod(work, 0o755)
            os.rename(work, wanted)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        say.step(f"built {name}")
    return wanted


def load(name):
    """A small note kept between runs (what the archive had when we last asked), or None."""
    try:
        return json.loads((root() / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def store(name, value):
    temporary = root() / f".{name}.json.{os.getpid()}"
    temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    os.rename(temporary, root() / f"{name}.json")


def work_folder(purpose):
    """A folder for one run, named after its process; those of processes that are gone are
    removed."""
    for folder in root().glob(f".{purpose}-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f".{purpose}-{os.getpid()}-", dir=root()))


def prune():
    """Removes what was built and not used for a while."""
    for note in root().glob("*-*/inputs.json"):
        if time.time() - note.parent.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(note.parent, ignore_errors=True)


def clean():
    shutil.rmtree(root(), ignore_errors=True)
