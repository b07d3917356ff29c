# SPDX-License-Identifier: BSD-2-Clause
"""Makes the forks: template, memory file, recorder, then each fork's spawn, load, hook, resume and
acks."""

import json
import os
import platform
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ..say import FAILED, LabError, say, step
from . import cloudhv, firecracker, onefork, pagecache, qemu, recorder, storage, template

DRIVERS = {"qemu": qemu, "firecracker": firecracker, "cloud-hypervisor": cloudhv}
SETTLE_SECONDS = 0.3  # between arming or the last fork's end and the next thing


@dataclass
class Place:
    """Where the forks run, and what they run from."""

    name: str
    emulated: bool
    guest: Path
    waiter: Path
    scratch: Path


class Series:
    """N forks of one template."""

    def __init__(self, arguments, place, out):
        self.arguments, self.place, self.out = arguments, place, out
        self.driver = DRIVERS[arguments.vmm]
        self.spec = template.Spec(arguments, place)
        self.template = template.get(self.spec, self.driver, place)
        self.memfile = None

    def prepare_cache(self):
        files = [self.memfile] + [
            path for path in self.template.iterdir() if path.name.startswith("state")
        ]
        if self.arguments.cache == "warm":
            pagecache.fill(self.memfile)
        elif self.place.emulated:
            pagecache.drop_all()
        else:
            for path in files:
                pagecache.drop(path)

    def fork(self, number):
        return onefork.OneFork(self, number)

    def go(self, fork):
        if self.arguments.resume_vm:
            fork.load_and_resume()
        else:
            fork.resume()

    def one_after_the_other(self):
        done = []
        for number in range(1, self.arguments.count + 1):
            self.prepare_cache()
            fork = self.fork(number)
            try:
                fork.start()
                if not self.arguments.resume_vm:
                    fork.load()
                fork.run_hook()
                self.go(fork)
                fork.wait()
            finally:
                fork.end()
            done.append(fork)
            step(fork.line())
        return done

    def at_once(self):
        forks = [self.fork(number) for number in range(1, self.arguments.count + 1)]
        try:
            self.prepare_cache()
            for fork in forks:
                fork.start()
            if not self.arguments.resume_vm:
                for fork in forks:
                    fork.load()
                if self.arguments.cache == "cold":
                    self.prepare_cache()
            for fork in forks:
                fork.run_hook()
            _all(forks, self.go)
            for fork in forks:
                fork.wait()
        finally:
            for fork in forks:
                fork.end()
        for fork in forks:
            step(fork.line())
        return forks

    def run(self):
        return self.at_once() if self.arguments.at_once else self.one_after_the_other()


def _all(forks, action):
    """The same action on all forks, at the same time."""
    barrier = threading.Barrier(len(forks))
    failures = []

    def body(fork):
        try:
            barrier.wait()
            action(fork)
        except LabError as error:
            failures.append(error)

    threads = [threading.Thread(target=body, args=(fork,)) for fork in forks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _options(arguments):
    return {
        name: value for name, value in vars(arguments).items() if name not in ("command", "out")
    }


def _write_json(series, forks, status):
    arguments = series.arguments
    out = series.out.with_name(series.out.stem + ".forks.json")
    body = {
        "format": 1,
        "where": series.place.name,
        "emulated": series.place.emulated,
        "host_kernel": platform.release(),
        "guest_kernel": (series.place.guest / "version").read_text(encoding="ascii").strip(),
        "options": _options(arguments),
        "signal": series.spec.signal,
        "command_line": series.spec.command_line,
        "token": arguments.token,
        "armed": {"directory": series.spec.directory()} if series.spec.armed else None,
        "recording": series.out.name if status is not None else None,
        "record_status": status,
        "guest_symbols": None,
        "forks": [fork.result() for fork in forks],
    }
    if arguments.with_guest_symbols:
        body["guest_symbols"] = series.out.stem + ".kallsyms"
        shutil.copy(series.template / "kallsyms", series.out.with_name(body["guest_symbols"]))
    out.write_text(json.dumps(body, indent=1, default=str) + "\n", encoding="utf-8")


def run(arguments, place, out):
    """The whole of `lab forks` on this machine. Returns the exit status."""
    series = Series(arguments, place, out)
    with storage.memory_file(arguments, series.template, place.scratch) as memfile:
        series.memfile = memfile
        os.sync()
        recording = recorder.start(arguments, out, memfile)
        status = None
        try:
            time.sleep(SETTLE_SECONDS)
            forks = series.run()
            time.sleep(SETTLE_SECONDS)
        finally:
            if recording:
                status = recording.stop()
    _write_json(series, forks, status)
    late = [fork.number for fork in forks if fork.timed_out]
    if late:
        say(f"forks without their last ack: {', '.join(map(str, late))} of {len(forks)}")
    dead = [fork.number for fork in forks if fork.died is not None]
    if dead:
        say(
            f"forks whose VMM ended by itself: {', '.join(map(str, dead))} of {len(forks)}; their "
            f"consoles are in {out.stem}.forks"
        )
    say(f"{len(forks)} forks done on {place.name}")
    return FAILED if dead or status not in (None, *recorder.FINE) else 0
