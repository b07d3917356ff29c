# SPDX-License-Identifier: BSD-2-Clause
"""The command line of tools/lab."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

from . import build, cache, kernels, l1vm, session, slots, units
from .proc import die_with_parent
from .say import FAILED, LabError, USAGE, say

OUT = ".output/lab/out"


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise LabError(
            f"{message}. See: tools/lab {self.prog.partition(' ')[2]} --help".replace("  ", " "),
            USAGE,
        )


def _kernel_option(parser):
    parser.add_argument(
        "--kernel",
        choices=list(kernels.SUITES),
        default=kernels.DEFAULT,
        help="L1's kernel (default: %(default)s)",
    )


def parser():
    top = _Parser(
        prog="lab",
        description="Builds and runs a host VM in which real KVM forks can be made and traced.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    make = commands.add_parser(
        "build", help="build everything (cached), from what the archive has now"
    )
    _kernel_option(make)
    make.add_argument(
        "--missing",
        action="store_true",
        help="only what is missing, without asking the archive for newer versions",
    )
    run = commands.add_parser("run", help="run a script in L1 as root")
    _kernel_option(run)
    run.add_argument(
        "--timeout",
        type=units.seconds,
        default=units.seconds("10m"),
        metavar="D",
        help="the script's time, as 90s or 10m (default: 10m)",
    )
    run.add_argument(
        "-o",
        "--out",
        default=None,
        metavar="DIR",
        help=f"where the files of the script's $OUT go (default: {OUT})",
    )
    run.add_argument(
        "--cpus",
        type=int,
        choices=(1, 2),
        default=l1vm.CPUS,
        help="L1's processors (default: %(default)s)",
    )
    run.add_argument("--once", action="store_true", help="do not try again if L1 breaks")
    run.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set in the script's environment",
    )
    run.add_argument(
        "--with",
        dest="files",
        action="append",
        default=[],
        metavar="FILE",
        help="a file of this host for the script: in $LAB_FILES/N/, N counted from 1",
    )
    run.add_argument("script", metavar="SCRIPT")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    shell = commands.add_parser("shell", help="open a shell in L1")
    _kernel_option(shell)
    shell.add_argument("-o", "--out", default=None, metavar="DIR")
    commands.add_parser("clean", help="remove everything that was built")
    commands.add_parser(
        "hold", help="keep one processor from L1s, for what else is tested, until this is ended"
    )
    commands.add_parser("where", help="say where forks would run: this host's KVM, or L1")
    _add_forks(commands)
    return top


def _add_forks(commands):
    from .forks import options  # pylint: disable=import-outside-toplevel

    forks = commands.add_parser(
        "forks",
        help="resume forks of one snapshot under forkscope record",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _kernel_option(forks)
    options.add(forks)


def _out(given):
    return Path(given).absolute() if given else build.TOP / OUT


def _variables(pairs):
    for pair in pairs:
        if "=" not in pair:
            raise LabError(f"--env {pair}: give NAME=VALUE", USAGE)
    return dict(pair.split("=", 1) for pair in pairs)


def _run(arguments):
    script = Path(arguments.script)
    if not script.is_file():
        raise LabError(f"there is no script {script}", USAGE)
    for file in arguments.files:
        if not Path(file).is_file():
            raise LabError(f"--with {file}: there is no such file", USAGE)
    extra = _variables(arguments.env)
    extra["LAB_FILES"] = f"{session.stage.INSIDE}/.lab/files"
    words = [0, *arguments.arguments]
    if not os.access(script, os.X_OK):
        words.insert(0, "/bin/sh")
    return session.run(
        arguments.kernel,
        words,
        _out(arguments.out),
        arguments.timeout,
        [script, *arguments.files],
        extra,
        tries=1 if arguments.once else session.TRIES,
        cpus=arguments.cpus,
    )


def _shell(arguments):
    if not os.isatty(0):
        raise LabError("shell: standard input is no terminal; use `tools/lab run SCRIPT`", USAGE)
    saved = termios.tcgetattr(0)
    say("a shell in L1 follows; leave it with `exit`")
    try:
        subprocess.run(["stty", "raw", "-echo"], check=False)
        return session.run(
            arguments.kernel, [], _out(arguments.out), extra=session.terminal(), shell=True
        )
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)


def _forks(arguments):
    from .forks import launch  # pylint: disable=import-outside-toplevel

    return launch.launch(arguments)


def _where(_arguments):
    from . import hostkvm  # pylint: disable=import-outside-toplevel

    fit, why = hostkvm.fit()
    print("this host's KVM" if fit else "the lab (L1, emulated)")
    say(why)
    return 0


def _build(arguments):
    if arguments.missing:
        build.parts(arguments.kernel)
    else:
        build.build(arguments.kernel)
    return 0


def _hold(_arguments):
    """Of a machine with one processor nothing is kept: L1 could not run then."""
    die_with_parent()
    with slots.take(1) if slots.COUNT > 1 else contextlib.nullcontext():
        print("held", flush=True)
        while True:
            signal.pause()


def _clean(_arguments):
    cache.clean()
    return 0


COMMANDS = {
    "build": _build,
    "run": _run,
    "shell": _shell,
    "clean": _clean,
    "forks": _forks,
    "hold": _hold,
    "where": _where,
}


def main(words):
    try:
        arguments = parser().parse_args(words)
        return COMMANDS[arguments.command](arguments)
    except LabError as error:
        say(str(error))
        return error.status
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
