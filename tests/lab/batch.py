#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs in L1: the scenarios of one boot, one after the other. Judges nothing; all it makes lands in
$OUT.

batch.py BOOT [SCENARIO...]
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(os.environ["FORKSCOPE_TOP"])
OUT = Path(os.environ["OUT"])
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import ftrace  # noqa: E402
import progress  # noqa: E402
import prefault  # noqa: E402
import scenarios  # noqa: E402

_START = time.monotonic()
BURST = 8  # forks at once


def say(text):
    print(f"batch: [{time.monotonic() - _START:5.1f} s] {text}", flush=True)


def words_here(words):
    """Paths of the project, as L1 has them."""
    return [
        str(TOP / word) if word.startswith(("tests/", "tools/", ".output/")) else word
        for word in words
    ]


def tool(name, words, env, log_path):
    """The status of a program that makes forks, whose words go to a file; what it waits for is said
    meanwhile."""
    with open(log_path, "w", encoding="utf-8") as log, progress.Watch(log_path, say):
        return subprocess.run(
            [*words_here(name.split()), *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, **env),
            check=False,
        ).returncode


def died(folder):
    """
    Did VMMs end by themselves? An emulated guest does that now and then, whatever runs in it: of a
    burst one may, of a long series one in twenty. One that ends while it is loaded or resumed ends
    the whole series; what the recorder does wrong is no fault of the lab."""
    path = folder / "run.forks.json"
    if not path.exists():
        output = (folder / "forks.log").read_text(encoding="utf-8", errors="replace")
        return not any(
            line.startswith("lab: ") and "forkscope record" in line for line in output.splitlines()
        )
    forks = json.loads(path.read_text(encoding="utf-8"))["forks"]
    return sum(fork["vmm_status"] is not None for fork in forks) > max(
        len(forks) // 20, len(forks) >= BURST
    )


def run(scenario):
    folder = OUT / scenario.name
    if scenario.script:
        _run_script(scenario, folder)
        return
    _run_once(scenario, folder)
    if scenario.tool == "tools/lab forks" and scenario.env.get("INJECT") != "die" and died(folder):
        kept = OUT / (scenario.name + scenarios.DIED)
        say(
            f"{scenario.name}: FAULT OF THE LAB: a guest died, which is kept as {kept.name}; "
            f"trying once more"
        )
        folder.rename(kept)
        with open(kept / "kernel.log", "wb") as log:
            subprocess.run(["dmesg"], stdout=log, check=False)
        _run_once(scenario, folder)


def _run_script(scenario, folder):
    """A test of its own that speaks TAP, instead of forks."""
    folder.mkdir(parents=True)
    with open(folder / "tap", "w", encoding="utf-8") as log:
        with progress.Watch(folder / "tap", say):
            status = subprocess.run(
                [str(TOP / scenario.script), *scenario.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
    (folder / "status").write_text(f"{status}\n", encoding="ascii")
    say(f"{scenario.name}: status {status}")


def _run_once(scenario, folder):
    folder.mkdir(parents=True)
    env = dict(OUT=str(folder), UFFD_LOG=str(folder / "injected.jsonl"), **scenario.env)
    with ftrace.instances(scenario.traces, folder):
        words = [*words_here(scenario.words), "-o", str(folder / "run.fsr")]
        status = tool(scenario.tool, words, env, folder / "forks.log")
    (folder / "status").write_text(f"{status}\n", encoding="ascii")
    say(f"{scenario.name}: status {status}")
    if status:
        print(
            "\n".join((folder / "forks.log").read_text(errors="replace").splitlines()[-8:]),
            flush=True,
        )


def doctor():
    with open(OUT / "doctor.json", "w", encoding="utf-8") as out:
        subprocess.run(
            [str(TOP / ".output/forkscope"), "doctor", "--json"], stdout=out, check=False
        )


def killed():
    """A tracer that is killed leaves no BPF program behind."""

    def programs():
        return json.loads(
            subprocess.run(
                ["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=False
            ).stdout
            or "[]"
        )

    def named():
        return sorted(each["name"] for each in programs() if each.get("name", "").startswith("fs_"))

    child = subprocess.Popen(
        [str(TOP / ".output/forkscope"), "record", "--all", "-o", "/tmp/killed.fsr"],
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in child.stderr:
        if line.startswith("forkscope: recording"):
            break
    during = named()
    child.kill()
    child.wait()
    time.sleep(1)
    (OUT / "killed.json").write_text(
        json.dumps({"during": during, "after": named()}), encoding="ascii"
    )


def main():
    boot = scenarios.boot_named(sys.argv[1])
    series = [
        scenario for scenario in boot.scenarios if not sys.argv[2:] or scenario.name in sys.argv[2:]
    ]
    if boot.probe:
        doctor()
        killed()
        say("doctor, and a tracer that was killed")
    if boot.name in prefault.BOOTS:
        prefault.run(TOP / ".output/forkscope", TOP / ".output/tests/mini", OUT)
    for scenario in series:
        began = time.monotonic()
        run(scenario)
        (OUT / scenario.name / "seconds").write_text(
            f"{time.monotonic() - began:.1f}\n", encoding="ascii"
        )
        os.sync()  # it counts as done, should L1 break later
    return 0


if __name__ == "__main__":
    sys.exit(main())
