# SPDX-License-Identifier: BSD-2-Clause
"""Decides where the forks run (this host's KVM, or L1), says so, and starts them there."""

import os
import shutil
from pathlib import Path

from .. import build, cache, hostkvm, session
from ..say import LabError, say
from . import engine, options


def _in_l1(arguments):
    out = Path(arguments.out).absolute()
    words, files = options.words_for_l1(arguments)
    seconds = arguments.timeout or 300 + arguments.count * (arguments.fork_timeout + 30)
    inside = ["/usr/bin/python3", "/forkscope/tools/lab", "forks", *words, "-o", f"/out/{out.name}"]
    return session.run(arguments.kernel, inside, out.parent, seconds, files)


def _here(arguments, place):
    out = Path(arguments.out).absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    if os.environ.get("FORKSCOPE_LAB"):
        return engine.run(
            arguments,
            engine.Place(
                place,
                True,
                Path(os.environ["FORKSCOPE_GUEST"]),
                Path(os.environ["FORKSCOPE_WAITER"]),
                Path(os.environ["SCRATCH"]),
            ),
            out,
        )
    if os.geteuid() != 0:
        raise LabError(
            "forks on this host's KVM need root (network namespaces, BPF): run it with sudo"
        )
    made = build.parts(arguments.kernel)
    scratch = cache.work_folder("forks")
    try:
        return engine.run(
            arguments,
            engine.Place(place, False, made["guest"] / "guest", made["waiter"], scratch),
            out,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def launch(arguments):
    if os.environ.get("FORKSCOPE_LAB"):
        options.check(arguments, emulated=True)
        return _here(arguments, "the lab (L1, emulated)")
    fit, why = hostkvm.fit()
    options.check(arguments, emulated=not fit)
    say(f"the forks run on {'this host' if fit else 'the lab (L1, emulated)'}: {why}")
    return _here(arguments, "this host's KVM") if fit else _in_l1(arguments)
