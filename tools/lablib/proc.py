# SPDX-License-Identifier: BSD-2-Clause
"""Running other programs: quietly when they work, with all they said when they fail."""

import ctypes
import os
import shlex
import signal
import subprocess

from .say import LabError

_PR_SET_PDEATHSIG = 1
# Loaded now: between fork and exec nothing may be loaded any more.
_LIBC = ctypes.CDLL(None, use_errno=True)


def run(command, why, advice="", **options):
    """Runs a command; on failure raises with its last output, what it was for, and what to do."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            **options,
        )
    except FileNotFoundError as error:
        raise LabError(
            f"{why}: cannot run {command[0]}: it is not installed. {advice}".strip()
        ) from error
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise LabError(
            f"{why}: `{shlex.join(map(str, command))}` ended with status {done.returncode}:\n"
            f"{tail}\n{advice}".strip()
        )
    return done.stdout


def die_with_parent():
    """For preexec_fn: the child is killed when the lab dies, however it dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def path_with_sbin():
    """An environment whose PATH finds mke2fs and the like for ordinary users too."""
    env = dict(os.environ)
    env["PATH"] = env.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return env
