# SPDX-License-Identifier: BSD-2-Clause
"""The judge must be able to say no: made-up paths, one thing wrong in each. TAP."""

import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import checks  # noqa: E402
import crowd  # noqa: E402
import fanoutchecks  # noqa: E402
import ftrace  # noqa: E402
import judge  # noqa: E402
import skips  # noqa: E402
import verdicts  # noqa: E402

MS = 1_000_000
CASES = []


def case(function):
    CASES.append(function)
    return function


def path(*pieces):
    """A fork from pieces (milliseconds, cause), in order."""
    now, segs = 0, []
    for length, cause in pieces:
        segs.append([now, now + int(length * MS), "guest", cause, -1])
        now += int(length * MS)
    return {"start_ns": 0, "end_ns": now, "segs": segs}


def ms(*pairs):
    return [(int(a * MS), int(b * MS)) for a, b in pairs]


@case
def accepts_a_path_in_the_right_cell():
    fork = path((10, "guest.run"), (50, "sched.delay"), (10, "guest.run"))
    return judge.judge(fork, ms((12, 58)), ms((10, 60)), "sched.delay")["ok"]


@case
def refuses_three_percent_in_another_cell():
    fork = path((48.5, "sched.delay"), (1.5, "sched.blocked"))
    found = judge.judge(fork, ms((0, 50)), ms((0, 50)), "sched.delay")
    return not found["ok"] and "97.00%" in found["why"]


@case
def leaves_guest_mode_out():
    fork = path((20, "guest.run"), (30, "fault.uffd"), (20, "guest.run"))
    return judge.judge(fork, ms((0, 70)), ms((0, 70)), "fault.uffd")["ok"]


@case
def refuses_the_cell_outside_the_intervals():
    fork = path((50, "sched.delay"), (10, "guest.run"), (5, "sched.delay"))
    return not judge.judge(fork, ms((0, 50)), ms((0, 50)), "sched.delay")["ok"]


@case
def allows_outside_what_is_usual():
    fork = path((50, "sched.delay"), (10, "guest.run"), (5, "sched.delay"))
    return judge.judge(fork, ms((0, 50)), ms((0, 50)), "sched.delay", usual_ns=5 * MS)["ok"]


@case
def refuses_when_nothing_was_injected():
    found = judge.judge(path((50, "sched.delay")), [], [], "sched.delay")
    return not found["ok"] and "nothing was tested" in found["why"]


@case
def refuses_when_the_fork_ended_before_the_delay():
    return not judge.judge(path((50, "sched.delay")), ms((60, 90)), ms((60, 90)), "sched.delay")[
        "ok"
    ]


@case
def a_fault_is_all_of_its_exit():
    fork = path(
        (10, "guest.run"),
        (5, "fault.major"),
        (1, "sched.delay"),
        (15, "fault.major"),
        (10, "guest.run"),
    )
    return judge.judge(fork, ms((18, 30)), ms((18, 30)), "fault.major", by_exit=True)["ok"]


@case
def an_exit_that_no_interval_touches_is_outside():
    fork = path((20, "fault.major"), (10, "guest.run"), (9, "fault.major"))
    return not judge.judge(fork, ms((1, 19)), ms((1, 19)), "fault.major", by_exit=True)["ok"]


@case
def overlapping_intervals_count_once():
    return (
        judge.judge(path((40, "fault.uffd")), ms((0, 30), (10, 40)), ms((0, 40)), "fault.uffd")[
            "injected_ns"
        ]
        == 40 * MS
    )


@case
def takes_holes_out():
    return judge.without(ms((0, 10), (20, 30)), ms((5, 6), (8, 25))) == ms((0, 5), (6, 8), (25, 30))


def _file(text):
    handle = tempfile.NamedTemporaryFile("w", suffix=".trace", delete=False)
    with handle:
        handle.write(text)
    return handle.name


@case
def reads_block_intervals_of_one_device():
    name = _file(
        "  qemu-1 [001] .....  10.000100: block_bio_queue: 253,0 RA 800 + 8 [qemu]\n"
        "  qemu-1 [001] .....  10.000200: block_bio_queue: 7,0 RA 800 + 8 [qemu]\n"
        "  kw-9 [000] .....  10.004100: block_bio_complete: 253,0 RA 800 + 8 [0]\n"
    )
    found = ftrace.block_intervals(name, 253, 0)
    os.unlink(name)
    return found == [(1, 10_000_100_000, 10_004_100_000)]


@case
def reads_throttle_intervals():
    switches = _file(
        "  vm-5 [001] .....  1.000000: fs_throttled: (throttle_cfs_rq_work+0x4/0x1c0)\n"
        "  vm-5 [001] d....  1.000010: sched_switch: prev_comm=vm prev_pid=5 prev_prio=120 "
        "prev_state=R ==> next_comm=x next_pid=0 next_prio=120\n"
        "  x-0 [001] d....  1.080000: sched_switch: prev_comm=x prev_pid=0 prev_prio=120 "
        "prev_state=R ==> next_comm=vm next_pid=5 next_prio=120\n"
    )
    freed = _file("  x-0 [001] d....  1.079000: fs_unthrottled: (unthrottle_cfs_rq+0x4/0x1c0)\n")
    found = ftrace.throttle_intervals(switches, freed, {5})
    os.unlink(switches)
    os.unlink(freed)
    return found == [(5, 1_000_000_000, 1_000_010_000, 1_079_000_000, 1_080_000_000)]


@case
def reads_blocked_intervals():
    name = _file(
        "  vm-5 [001] d....  1.000010: sched_switch: prev_comm=vm prev_pid=5 prev_prio=120 "
        "prev_state=K ==> next_comm=x next_pid=0 next_prio=120\n"
        "  k-7 [000] d....  1.050000: sched_waking: comm=vm pid=5 prio=120 target_cpu=001\n"
        "  vm-5 [001] d....  1.070000: sched_switch: prev_comm=vm prev_pid=5 prev_prio=120 "
        "prev_state=R+ ==> next_comm=x next_pid=0 next_prio=120\n"
    )
    found = ftrace.blocked_intervals(name, {5})
    os.unlink(name)
    return found == [(1_000_010_000, 1_050_000_000)]


@case
def reads_runnable_intervals():
    name = _file(
        "  vm-5 [001] d....  1.000010: sched_switch: prev_comm=vm prev_pid=5 prev_prio=120 "
        "prev_state=R+ ==> next_comm=x next_pid=0 next_prio=120\n"
        "  x-0 [001] d....  1.020000: sched_switch: prev_comm=x prev_pid=0 prev_prio=120 "
        "prev_state=R ==> next_comm=vm next_pid=5 next_prio=120\n"
        "  vm-5 [001] d....  1.030000: sched_switch: prev_comm=vm prev_pid=5 prev_prio=120 "
        "prev_state=S ==> next_comm=x next_pid=0 next_prio=120\n"
        "  k-7 [000] d....  1.050000: sched_waking: comm=vm pid=5 prio=120 target_cpu=001\n"
        "  x-0 [001] d....  1.060000: sched_switch: prev_comm=x prev_pid=0 prev_prio=120 "
        "prev_state=R ==> next_comm=vm next_pid=5 next_prio=120\n"
    )
    found = ftrace.runnable_intervals(name, {5})
    os.unlink(name)
    return found == [(1_000_010_000, 1_020_000_000), (1_050_000_000, 1_060_000_000)]


def staged(*pieces):
    """A fork from pieces (milliseconds, stage, cause), in order."""
    fork = path(*((length, cause) for length, _, cause in pieces))
    for seg, (_, stage, _) in zip(fork["segs"], pieces):
        seg[2] = stage
        seg += ["", ""]
    return fork


HELD = [
    (10, "inject", "guest.signal"),
    (30, "notify", "guest.other"),
    (10, "notify", "fault.major"),
    (20, "notify", "guest.other"),
    (9, "wakeup", "guest.signal"),
]


@case
def accepts_a_delay_in_its_stage_and_leaves_the_host_out():
    found = judge.judge_guest(staged(*HELD), ms((10, 70)), "notify", ["guest.other"], 0)
    return found["ok"] and found["path_ns"] == 50 * MS


@case
def refuses_a_delay_that_reaches_into_another_stage():
    found = judge.judge_guest(
        staged((40, "notify", "guest.other"), (10, "wakeup", "guest.other")),
        ms((0, 50)),
        "notify",
        ["guest.other"],
    )
    return not found["ok"] and "80.00%" in found["why"]


@case
def refuses_a_fault_of_another_stage_inside_a_delay():
    found = judge.judge_guest(
        staged((40, "notify", "guest.other"), (10, "wakeup", "fault.major")),
        ms((0, 50)),
        "notify",
        ["guest.other"],
    )
    return not found["ok"] and "wakeup/fault.major" in found["why"]


@case
def refuses_a_delay_of_another_cause():
    return not judge.judge_guest(
        staged((40, "raise", "guest.idle"), (10, "raise", "guest.run")),
        ms((0, 50)),
        "raise",
        ["guest.idle"],
    )["ok"]


@case
def refuses_the_cell_outside_a_delay_in_the_guest():
    fork = staged(
        (40, "notify", "guest.other"), (10, "notify", "guest.signal"), (9, "notify", "guest.other")
    )
    return (
        not judge.judge_guest(fork, ms((0, 40)), "notify", ["guest.other"], 0)["ok"]
        and judge.judge_guest(fork, ms((0, 40)), "notify", ["guest.other"], 9 * MS)["ok"]
    )


@case
def refuses_the_time_of_a_task_outside_its_delay_and_leaves_others_alone():
    fork = staged(
        (40, "notify", "guest.other"), (10, "notify", "guest.signal"), (9, "notify", "guest.other")
    )
    fork["segs"][2][-1] = "kworker"
    alone = judge.judge_guest(fork, ms((0, 40)), "notify", ["guest.other"], 0, who="beside")
    fork["segs"][2][-1] = "beside"
    return (
        alone["ok"]
        and not judge.judge_guest(fork, ms((0, 40)), "notify", ["guest.other"], 0, who="beside")[
            "ok"
        ]
    )


@case
def takes_what_comes_before_a_delay_for_a_part_of_it_where_it_is_said_to_be():
    fork = staged(
        (20, "raise", "guest.idle"), (40, "raise", "guest.idle"), (5, "raise", "guest.signal")
    )
    return (
        judge.judge_guest(fork, ms((20, 60)), "raise", ["guest.idle"], 0, outer=ms((0, 60)))["ok"]
        and not judge.judge_guest(fork, ms((20, 60)), "raise", ["guest.idle"], 0)["ok"]
    )


@case
def reads_intervals_between_marks():
    text = "rax 0 rbx 0 rcx 0 rdx 0, cpuid entry not found"
    name = _file(
        f"  vm-5 [001] .....  1.000010: kvm_cpuid: func 46530001 idx 0 {text}\n"
        f"  vm-6 [000] .....  1.000020: kvm_cpuid: func 46530001 idx 0 {text}\n"
        f"  vm-5 [001] .....  1.010000: kvm_cpuid: func d idx 1 {text}\n"
        f"  vm-5 [001] .....  1.050010: kvm_cpuid: func 46530002 idx 0 {text}\n"
    )
    found = ftrace.mark_intervals(name, 0x46530001, 0x46530002, {5})
    os.unlink(name)
    return found == [(1_000_010_000, 1_050_010_000)]


def tested(gap_a, gap_b, ceiling, resident=(100, 32000)):
    """A verdict's JSON of two arms (ms)."""
    return {
        "a": {"gap_p50_ns": gap_a * MS},
        "b": {"gap_p50_ns": gap_b * MS},
        "effect": {"gain_ns": (gap_a - gap_b) * MS},
        "proof": {
            "differ": True,
            "resident_pages": {"n_a": 6, "n_b": 6, "a": resident[0], "b": resident[1]},
        },
        "pages": {
            "ceiling_p50_ns": ceiling * MS,
            "pages": 32000,
            "used": 1000.5,
            "too_late": 0,
            "later": 10,
            "never": 30989.5,
        },
    }


@case
def measures_a_prefetch_against_warm_forks():
    test = tested(3000, 1500, 0)
    test["ledger"] = {
        "causes": {
            "fault.major": {"a_ns": 1000, "b_ns": 20},
            "fault.uffd": {"a_ns": 1000, "b_ns": 60},
            "fault.cached": {"a_ns": 1, "b_ns": 1000},
        }
    }
    nothing = tested(3000, 1500, 0)
    nothing["ledger"] = {"causes": {}}
    return (
        verdicts.over_warm(test, tested(900, 1100, 0), verdicts.gap) == 1.5
        and verdicts.fetching_left(test) == 0.04
        and verdicts.fetching_left(nothing) is None
    )


@case
def measures_a_gain_against_its_ceiling():
    test = tested(3000, 1000, 2500)
    test["ledger"] = {"causes": {"fault.major": {"a_ns": 2000 * MS, "b_ns": 500 * MS}}}
    none = tested(3000, 1000, 0)
    none["ledger"] = test["ledger"]
    return verdicts.of_ceiling(test) == (0.6, 0.8) and verdicts.of_ceiling(none) is None


@case
def allows_no_gain_above_the_ceiling_but_what_guest_mode_explains():
    test = tested(3000, 1000, 2000)
    test["ledger"] = {"buckets": {"guest_unsplit": {"a_ns": 900 * MS, "b_ns": 700 * MS}}}
    test["pages"] |= {"above_ceiling": True, "ceiling_max_ns": 2000 * MS}
    test["effect"]["lo_ns"] = 2100 * MS
    explained = not verdicts.beyond_ceiling(test)
    test["effect"]["lo_ns"] = 2201 * MS
    return explained and verdicts.beyond_ceiling(test)


@case
def leaves_out_what_the_guest_does_while_a_read_goes_on():
    segs = [
        (0, 10, 0, "fault.major"),
        (10, 20, 0, "guest.run"),
        (20, 30, 0, "exit.kernel"),
        (30, 40, 0, "fault.major"),
        (50, 60, 0, "exit.kernel"),
        (60, 70, 0, "guest.run"),
        (70, 80, 0, "exit.kernel"),
    ]
    return judge.gone_on(segs, [(0, 35), (50, 80)], "fault.major") == [(20, 30), (70, 80)]


@case
def refuses_arms_that_were_resident_alike():
    unlike = tested(3, 1, 1)
    unlike["proof"]["differ"] = False
    return (
        not verdicts.wrong_evidence(tested(3, 1, 1))
        and verdicts.wrong_evidence(tested(3, 1, 1, (16000, 32000)))
        and verdicts.wrong_evidence(tested(3, 1, 1, (32000, 32000)))
        and verdicts.wrong_evidence(unlike)
    )


@case
def refuses_pages_that_do_not_add_up():
    lost = tested(3, 1, 1)
    lost["pages"]["never"] -= 1
    return not verdicts.wrong_counts(tested(3, 1, 1)) and verdicts.wrong_counts(lost)


class Skipping:
    """A scenario of one fork of 100 ms, of which so much is unknown; the kernel skipped runs of
    probes, and they are charged to it or not."""

    def __init__(self, unknown, runs, charged, **more):
        notes = [f"{skips.NOTE}: its unknown time is larger"] if charged else []
        buckets = {"unknown_ns": unknown * MS, "rest_ns": (100 - unknown) * MS}
        cells = [
            {"cause": "unknown", "ns": unknown * MS, "count": 1},
            {"cause": "exit.io", "ns": (100 - unknown) * MS, "count": 1},
        ]
        self.fork = {
            "vmm": {"pid": 7},
            "id": 1,
            "kind": "restore",
            "complete": True,
            "gap_ns": 100 * MS,
            "window_ns": 100 * MS,
            "start_ns": 0,
            "resume_ns": 0,
            "buckets": buckets,
            "cells": cells,
            "notes": notes,
            "acks": [],
            **more,
        }
        self.trust = {"lost_host": 0, "skipped_runs": runs}
        self.findings, self.made = {}, {
            "pid": 7,
            "acks": [],
            "end": "done",
            "resumed_ns": 1,
            "resume_ns": 0,
        }

    def report(self):
        return {"forks": [self.fork], "trust": self.trust}

    def dump(self):
        return {"vms": [{"pid": 7, "wrong": 0}], "forks": [{"pid": 7, "segs": []}]}

    def forks(self):
        return [self.made]

    def dead(self):
        return set()

    def status(self):
        return 0


def whole(*words, **more):
    return checks.whole(Skipping(*words, **more))


@case
def tells_what_was_skipped_and_fails_only_where_it_is_not_charged():
    good, name, _ = whole(50, 3, True)
    return (
        good
        and "3 runs of probes skipped, charged to 1 forks" in name
        and whole(1, 0, False)[0]
        and whole(1, 3, False)[0]
        and not whole(2, 3, False)[0]
        and not whole(2, 0, False)[0]
        and not whole(2, 0, True)[0]
    )


@case
def lets_a_fork_have_no_end_only_where_one_may_have_been_skipped():
    return (
        whole(1, 3, True, complete=False)[0]
        and not whole(1, 3, False, complete=False)[0]
        and not whole(1, 0, True, complete=False)[0]
    )


@case
def refuses_lost_records_and_cells_that_do_not_sum_up_whatever_was_skipped():
    lost = Skipping(1, 3, True)
    lost.trust["lost_host"] = 1
    return not checks.whole(lost)[0] and not whole(1, 3, True, gap_ns=99 * MS)[0]


@case
def refuses_a_fork_without_a_ledger_whatever_was_skipped():
    def judged(*words, pid=7):
        context = Skipping(*words)
        context.made["pid"] = pid
        original, fanoutchecks._done = fanoutchecks._done, lambda of: [
            of.made
        ]  # pylint: disable=protected-access
        try:
            return fanoutchecks.ledgers(context)[0]
        finally:
            fanoutchecks._done = original  # pylint: disable=protected-access

    return (
        judged(1, 0, False)
        and judged(50, 3, True)
        and not judged(50, 3, False)
        and not judged(1, 3, True, pid=8)
    )


@case
def leaves_unknown_time_out_of_a_delay_only_where_it_is_charged():
    fork = path((50, "fault.major"), (50, "unknown"))
    kept = [
        checks.known(Skipping(50, *how), 7, fork, ms((0, 100)))
        for how in ((3, True), (3, False), (0, True))
    ]
    return kept == [ms((0, 50)), ms((0, 100)), ms((0, 100))]


@case
def holds_a_crowd_against_the_times_in_which_runs_were_skipped():
    def wrong(charged, begin, end, prog="fs_mn_invalidate", cpus="0", unknown=50):
        return crowd.charges_wrong(
            Skipping(unknown, 3, charged).report(),
            [{"ts_start": begin * MS, "ts": end * MS, "prog": prog}],
            cpus,
        )

    return (
        not wrong(True, -1, 101)
        and wrong(False, -1, 101)
        and wrong(True, -1, 101, unknown=0)
        and not wrong(False, 20, 101)
        and not wrong(False, -1, 101, "fs_kvm_pio_perf")
        and not wrong(False, -1, 101, cpus="0,1")
        and not wrong(False, 101, 200)
    )


@case
def knows_the_status_of_a_command_that_skipped():
    some, none = Skipping(1, 3, True).report(), Skipping(1, 0, False).report()
    return [
        skips.status_fits(status, report) for report in (some, none) for status in (0, 3, 1)
    ] == [False, True, False, True, False, False]


if __name__ == "__main__":
    failed = 0
    for number, function in enumerate(CASES, 1):
        good = function()
        failed += not good
        print(
            f"{'ok' if good else 'not ok'} {number} - judge: {function.__name__.replace('_', ' ')}"
        )
    print(f"1..{len(CASES)}")
    sys.exit(1 if failed else 0)
