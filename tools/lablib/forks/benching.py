# SPDX-License-Identifier: BSD-2-Clause
"""What `forkscope bench` and `prefetch test` need of the lab: templates, and the words that name
them. Runs where the forks run."""

import os
from pathlib import Path

from .. import cli
from . import engine, options, qemu, template


def here():
    """This machine, from the environment of `lab run`."""
    return engine.Place(
        "the lab",
        bool(os.environ.get("FORKSCOPE_LAB")),
        Path(os.environ["FORKSCOPE_GUEST"]),
        Path(os.environ["FORKSCOPE_WAITER"]),
        Path(os.environ["SCRATCH"]),
    )


def make(vmm, signal, words, place):
    """(arguments, spec, folder) of the template of one signal; words: options of `lab forks`."""
    words = [
        "forks",
        "--count",
        "1",
        "--vmm",
        vmm,
        *([] if signal == "none" else ["--signal", signal]),
        *words,
        "-o",
        "unused.fsr",
    ]
    arguments = cli.parser().parse_args(words)
    options.check(arguments, emulated=place.emulated)
    spec = template.Spec(arguments, place)
    folder = template.get(spec, engine.DRIVERS[vmm], place)
    for path in (folder / "snapshot").glob(
        "*.json"
    ):  # Cloud Hypervisor's state: the bench looks for it next to the memory
        link = folder / path.name
        if not link.exists():
            link.symlink_to(path)
    return arguments, spec, folder


def vmm_words(vmm, spec, place):
    """(options, what follows `--`) that say how a fork is made."""
    if vmm == "qemu":
        return ["--token", spec.token], ["--", *qemu.bench_command(spec)]
    return [
        "--token",
        spec.token,
        "--vmm-bin",
        str(spec.program or place.guest / "firecracker"),
    ], []
