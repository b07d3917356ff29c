# SPDX-License-Identifier: BSD-2-Clause
"""The lab's own rules, without a VM: tiers, silent guests, what is said while something is waited
for, and what runs again. TAP."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tools")]
# pylint: disable=wrong-import-position
import progress  # noqa: E402
import scenarios  # noqa: E402
from lablib import l1state, l1vm, say, slots, tsc  # noqa: E402
from lablib.forks import console, template  # noqa: E402

CASES = []
# Kinds of check that only make sense on long series; their rules are tested on made-up verdicts
# (test_judge.py).
FULL_ALONE = {"percentiles", "reaches_ceiling", "no_ceiling", "needs_more"}


def case(function):
    CASES.append(function)
    return function


def program(name):
    """A script without .py, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


class Clock:
    """Instead of the module time: sleeping takes no time."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Guest:
    """A VMM whose guest says these words on its console, each at its second of a clock."""

    def __init__(self, folder, clock, *words):
        self.console, self.words, self.clock, self.looked = (
            Path(folder) / "console",
            list(words),
            clock,
            False,
        )
        self.process, self.returncode = self, None
        self.console.write_bytes(b"Linux\n")

    def poll(self):
        while self.words and self.clock.now > self.words[0][0]:
            with open(self.console, "ab") as out:
                out.write(self.words.pop(0)[1])
        return None

    def look(self):
        self.looked = True
        return "it stands still"


@contextlib.contextmanager
def quickly(module, name, value):
    kept = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, kept)


def _kinds(boots):
    return {check[0] for boot in boots for scenario in boot.scenarios for check in scenario.checks}


def _words(boots, option):
    """Values of an option of `lab forks`, and a bench's VMM."""
    found = set()
    for scenario in (each for boot in boots for each in boot.scenarios):
        found |= {
            value for word, value in zip(scenario.words, scenario.words[1:]) if word == option
        }
    return found


def _causes(boots):
    """Injected causes: by host, by a handler, by a slow device, in the guest."""
    found = set()
    for scenario in (each for boot in boots for each in boot.scenarios):
        found |= {check[1] for check in scenario.checks if check[0] in ("injected", "uffd", "disk")}
        found |= {
            amount.partition(":")[0] for amount in scenario.env.get("INJECT_AMOUNTS", "").split()
        }
    return found


@case
def the_quick_tier_has_every_kind_of_check():
    quick, full = scenarios.TIERS["quick"], scenarios.TIERS["full"]
    missing = _kinds(full) - _kinds(quick) - FULL_ALONE
    print(f"# not in the quick tier: {sorted(missing)}")
    return not missing


@case
def the_quick_tier_has_each_kernel_signal_vmm_and_cause():
    quick, full = scenarios.TIERS["quick"], scenarios.TIERS["full"]
    return (
        {boot.kernel for boot in quick} == {"trixie", "bookworm", "backports"}
        and _causes(quick) == _causes(full)
        and all(
            _words(quick, option) >= _words(full, option)
            for option in ("--signal", "--vmm", "--cache")
        )
    )


@case
def the_quick_tier_has_a_burst_of_8_and_both_verdicts():
    every = [scenario for boot in scenarios.TIERS["quick"] for scenario in boot.scenarios]
    burst = any(
        "--at-once" in scenario.words and scenario.words[scenario.words.index("--count") + 1] == "8"
        for scenario in every
    )
    return burst and {
        check[1] for scenario in every for check in scenario.checks if check[0] == "verdict"
    } == {"supported", "refuted"}


@case
def a_boot_has_one_name():
    names = [
        boot.name
        for boot in {
            id(boot): boot
            for boot in [*scenarios.QUICK_BOOTS, *scenarios.BOOTS, *scenarios.OTHER_BOOTS]
        }.values()
    ]
    return (
        len(names) == len(set(names))
        and scenarios.boot_named("quick-chain") is not None
        and scenarios.boot_named("none") is None
    )


@case
def a_guest_that_says_nothing_for_long_is_dead():
    clock, output = Clock(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder, quickly(console, "time", clock), quickly(
        say, "time", clock
    ), contextlib.redirect_stderr(output):
        guest = Guest(folder, clock)
        try:
            console.wait_for(guest, b"L2READY", 500, "booting the template")
        except console.DeadGuest as dead:
            return (
                guest.looked
                and "no line on its console for 60 s" in str(dead)
                and "it stands still" in str(dead)
                and 60 < clock.now < 61
                and output.getvalue().count("waiting for the guest's 'L2READY'") >= 3
            )
    return False


@case
def a_guest_that_goes_on_saying_something_lives():
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, quickly(console, "time", clock), quickly(
        say, "time", clock
    ), contextlib.redirect_stderr(io.StringIO()):
        guest = Guest(
            folder, clock, *((5 * n, b"L2ALIVE\n") for n in range(1, 60)), (300, b"L2READY\n")
        )
        console.wait_for(guest, b"L2READY", 500, "booting the template")
        return clock.now > 300 and "L2ALIVE" not in console.tail(guest.console)


def _dead_at(*words):
    """(When a guest that says these words was called dead, why), or (None, "") if it got there."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, quickly(console, "time", clock), quickly(
        say, "time", clock
    ), contextlib.redirect_stderr(io.StringIO()):
        try:
            console.wait_for(
                Guest(folder, clock, *words), b"armed directory=", 500, "booting the template"
            )
        except console.DeadGuest as dead:
            return clock.now, str(dead)
    return None, ""


@case
def a_recorder_that_stands_still_in_a_living_guest_is_dead():
    beats = [(5 * n, b"L2ALIVE arming 34\n") for n in range(1, 99)]
    noise = [
        (5 * n + 1, b"rcu: INFO: rcu_sched self-detected stall on CPU\n") for n in range(1, 99)
    ]
    when, why = _dead_at(*sorted(beats + noise))
    print(f"# {when} s: {why.splitlines()[0] if why else why}")
    return when is not None and 60 <= when < 66 and "arming used no processor time" in why


@case
def a_recorder_that_works_for_ever_is_dead():
    when, why = _dead_at(*((5 * n, f"L2ALIVE arming {34 + n}\n".encode()) for n in range(1, 99)))
    return when is not None and 240 <= when < 246 and "arming was not done" in why


@case
def a_recorder_that_is_slow_lives():
    steps = [(5 * n, b"L2ALIVE starting ?\n") for n in range(1, 20)]
    steps += [(5 * n, b"L2ALIVE arming %d\n" % (n // 5)) for n in range(20, 60)]
    starved = [
        (40 * n, b"L2ALIVE arming 1\n") for n in range(1, 8)
    ]  # few lines of its own in a long time of ours
    return (
        _dead_at(*steps, (301, b"armed directory=0x1000\n"))[0] is None
        and _dead_at(*starved, (300, b"armed directory=0x1000\n"))[0] is None
    )


@case
def a_guests_line_has_the_processor_time_of_what_it_waits_for():
    init = HERE.parents[1] / "tools/lablib/guest-init"
    parent = (
        "import os, time\npid = os.fork()\nwhile not pid: pass\nprint(flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        process.stdout.readline()
        script = f"""eval "$(sed -n '/^used() {{/,/^}}/p' {init})"; used {2 ** 30}; echo "$ticks"
            first=
            while used {process.pid}; [ "$ticks" != '?' ] && first=${{first:-$ticks}} &&
                [ "$ticks" -eq "$first" ]; do sleep 0.1; done
            echo "$first $ticks" """
        output = subprocess.run(
            ["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=False
        ).stdout.splitlines()
        os.killpg(process.pid, signal.SIGKILL)
    if not os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children"):
        print("# this kernel does not list a process's children")
        return output[0] == "?"
    return (
        len(output) == 2
        and output[0] == "?"
        and int(output[1].split()[1]) > int(output[1].split()[0])
    )


@case
def a_dead_template_is_made_again_and_counted():
    made, output = [], io.StringIO()

    def make(*_):
        made.append(1)
        if len(made) < 3:
            raise console.DeadGuest("no line for long")

    with quickly(template, "_make", make), contextlib.redirect_stderr(output):
        template._make_until_it_lives(None, None, None, 3)  # pylint: disable=protected-access
    return len(made) == 3 and output.getvalue().count(progress.FAULT) == 2


@case
def a_template_that_dies_each_time_fails():
    def make(*_):
        raise console.DeadGuest("no line for long")

    with quickly(template, "_make", make), contextlib.redirect_stderr(io.StringIO()):
        try:
            template._make_until_it_lives(None, None, None, 3)  # pylint: disable=protected-access
        except say.LabError:
            return True
    return False


@case
def what_is_waited_for_is_said():
    output, clock = io.StringIO(), Clock()
    with quickly(say, "time", clock), contextlib.redirect_stderr(output):
        waiting = say.Waiting("the tide")
        for _ in range(31):
            waiting.look("; it is out")
            clock.sleep(1)
    return (
        output.getvalue().count("waiting for the tide, 15 s by now; it is out") == 1
        and output.getvalue().count("\n") == 2
    )


@case
def a_silent_program_is_followed():
    heard = []
    with tempfile.TemporaryDirectory() as folder, quickly(progress, "EVERY_SECONDS", 0.2):
        path = Path(folder) / "forks.log"
        with open(path, "w", encoding="utf-8", buffering=1) as log, progress.Watch(
            path, heard.append
        ):
            log.write("lab: booting\n")
            until = time.monotonic() + 60
            while not any("booting" in line for line in heard) and time.monotonic() < until:
                time.sleep(0.05)
            log.write("lab: FAULT OF THE LAB: it stands still\n")
    return any("last said: lab: booting" in line for line in heard) and any(
        "it stands still" in line for line in heard
    )


def _free(wanted):
    held = []
    enough = slots._add_slots(held, wanted, 2)  # pylint: disable=protected-access
    for handle in held:
        os.close(handle)
    return enough


@case
def l1s_have_no_more_processors_than_the_machine():
    with tempfile.TemporaryDirectory() as folder, quickly(slots, "FOLDER", folder):
        with slots.take(1, 2):
            one = _free(1) and not _free(2)
            with slots.take(1, 2):
                both = not _free(1)
        with slots.take(2, 2):
            large = not _free(1)
        with slots.take(2, 1):
            small = True  # of a machine with one it gets that one
        return one and both and large and small and _free(2)


def _holder(folder, through=()):
    """`lab hold` with its slots in this folder; through: words of a program that starts it."""
    code = (
        f"import sys; sys.path.insert(0, {str(HERE.parents[1] / 'tools')!r}); from lablib "
        f"import cli, slots; slots.FOLDER = {folder!r}; slots.COUNT = 2; cli.main(['hold'])"
    )
    return subprocess.Popen(
        [*through, sys.executable, "-B", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _soon(function):
    until = time.monotonic() + 60
    while not function() and time.monotonic() < until:
        time.sleep(0.02)
    return function()


def _killed(process):
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()


@case
def a_holder_that_is_killed_leaves_nothing():
    with tempfile.TemporaryDirectory() as folder, quickly(slots, "FOLDER", folder):
        holder = _holder(folder)
        held = holder.stdout.readline() == b"held\n" and not _free(2)
        with slots.take(1, 2):
            waits = _holder(folder)
            waiting = b"waiting for one to end" in waits.stderr.readline() and _soon(
                lambda: slots._lock("queue") is None
            )  # pylint: disable=protected-access
            _killed(waits)
        _killed(holder)
        queue = slots._lock("queue")  # pylint: disable=protected-access
        os.close(queue)
        return held and waiting and _free(2)


@case
def a_holder_ends_with_what_started_it():
    with tempfile.TemporaryDirectory() as folder, quickly(slots, "FOLDER", folder):
        # A child of another program, as it is of test-all.
        parent = _holder(
            folder,
            through=[sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"],
        )
        held = parent.stdout.readline() == b"held\n" and not _free(2)
        _killed(parent)
        return held and _soon(lambda: _free(2))


@case
def a_monitor_that_is_gone_raises_nothing():
    with tempfile.TemporaryDirectory() as folder:
        return "does not answer" in l1state.look(Path(folder) / "qmp.sock")


def _l1_words():
    """Of its kernel's command line."""
    line = l1vm.command(
        {name: "x" for name in ("kernel", "root", "guest", "top", "out", "scratch")}, "x", False, 1
    )
    return line[line.index("-append") + 1].split()


@case
def l1_is_given_the_frequency_of_its_tsc():
    with quickly(tsc, "khz", lambda: 2300000):
        known = _l1_words()
    with quickly(tsc, "khz", lambda: None):
        unknown = _l1_words()
    return {"tsc_early_khz=2300000", "no_timer_check", "loglevel=5"} <= set(known) and not [
        word for word in unknown if word.startswith("tsc")
    ]


@case
def the_frequency_of_the_tsc_is_measured():
    first, second = tsc.khz(), tsc.khz()
    print(f"# {first} and {second} kHz")
    if tsc._counter() is None:  # pylint: disable=protected-access
        return first is None and tsc.kernel_words() == []
    return 100_000 < first < 10_000_000 and abs(first - second) <= 2 * tsc.MOST_ERROR * first


@case
def an_l1_that_has_no_processor_is_not_silent():
    before, after = {"1": 5_000_000_000, "2": 0}, {
        "1": 45_000_000_000,
        "2": 1_000_000_000,
        "3": 90_000_000_000,
    }
    return (
        l1vm.silent_seconds(61, before, after) == 21
        and l1vm.silent_seconds(61, before, before) == 61
        and l1vm.silent_seconds(61, {}, {}) == 61
    )


@case
def what_a_thread_waits_for_a_processor_is_counted():
    found = l1vm.run_delays(os.getpid())
    return (
        str(os.getpid()) in found
        and all(ns >= 0 for ns in found.values())
        and not l1vm.run_delays(2**30)
    )


def _broken_once(folder, breaks):
    """tests/lab/run with an L1 that breaks after the first scenario. Returns (status, what ran in
    each L1, what is left in the folder)."""
    run, ran, out = program("run"), [], Path(folder) / "boot"

    def boot_lab(_boot, wanted, where):
        first = not ran
        ran.append(list(wanted))
        for name in (wanted or ["a", "b", "c"])[: 1 if first and breaks else None]:
            (where / name).mkdir(parents=True)
            (where / name / "status").write_text("0\n", encoding="ascii")
        if first and breaks:
            (where / "b").mkdir()
        return run.LAB_FAULT if first and breaks else 0

    with quickly(run, "boot_lab", boot_lab), quickly(run, "progress", lambda _: None):
        boot = scenarios.Boot(
            "made-up", "backports", [scenarios.Scenario(name) for name in "abc"], 1
        )
        status = run.run_boot(boot, [], out)
    return status, ran, sorted(path.parent.name for path in out.glob("*/status"))


@case
def only_what_was_not_reached_runs_again():
    with tempfile.TemporaryDirectory() as folder:
        broken = _broken_once(folder, True)
    with tempfile.TemporaryDirectory() as folder:
        whole = _broken_once(folder, False)
    return broken == (0, [[], ["b", "c"]], ["a", "b", "c"]) and whole == (0, [[]], ["a", "b", "c"])


@case
def a_break_is_counted():
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "breaks"
        os.environ["FORKSCOPE_BREAKS"] = str(place)
        lines = [
            "lab: FAULT OF THE LAB, not a result of the job: L1 hung",
            "batch: [1 s] fc: lab: FAULT OF THE LAB: a guest died",
            "lab: FAULT OF THE LAB: a guest died",
            "batch: [2 s] fc: status 0",
        ]
        for line in lines:
            program("run").count_break("quick-chain", line)
        del os.environ["FORKSCOPE_BREAKS"]
        return place.read_text(encoding="utf-8").splitlines() == [
            f"quick-chain: {line}" for line in lines[:2]
        ]


if __name__ == "__main__":
    failed = 0
    for number, function in enumerate(CASES, 1):
        good = function()
        failed += not good
        print(
            f"{'ok' if good else 'not ok'} {number} - lab: {function.__name__.replace('_', ' ')}",
            flush=True,
        )
    print(f"1..{len(CASES)}")
    sys.exit(1 if failed else 0)
