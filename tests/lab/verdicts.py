# SPDX-License-Identifier: BSD-2-Clause
"""The checks of hypotheses about a prefetch whose truth is planted, on what `forkscope prefetch
test --json` says. Ratios only.

Each check takes a scenario's context and gives (good, name, why); the functions without one are the
rules, on verdicts alone."""

import json
import re
import subprocess

import skips
from checks import PROGRAM, TIMEOUT_S, Missing

NEAR_WARM = (
    0.4,
    2.5,
    # the time for memory faults over that of warm forks, which were made at another time, under
    # another load
)
# times that of warm forks: the guest itself runs slower in parallel with cold forks, emulated
GAP_AT_MOST = 3.0
FETCHING_LEFT = 0.05  # of the time that forks without the prefetch spend on fetching pages
NEAR_CEILING = (0.7, 1.3)  # time for fetching that is gone, over the ceiling
GAIN_OF_CEILING = (0.3, 1.5)  # gain over the ceiling: what forks vary by besides is in it
RESIDENT_MORE = 0.7  # of the prefetched pages, than without: the VMM's load reads some, too


def _of(context):
    path = context.folder / "verdict.json"
    if not path.exists():
        raise Missing(f"there is no verdict: see {context.folder / 'forks.log'}")
    return json.loads(path.read_text(encoding="utf-8"))


def _ms(ns):
    return "none" if ns is None else f"{ns / 1e6:.0f} ms"


def _fetching(test):
    """Mean time of a fork for faults that had to fetch their page, without the prefetch and with
    it."""
    return [
        sum(
            test["ledger"]["causes"].get(cause, {}).get(arm, 0)
            for cause in ("fault.major", "fault.uffd")
        )
        for arm in ("a_ns", "b_ns")
    ]


def fetching_left(test):
    """Of the time for fetching pages, how much is left with the prefetch; None: there was none."""
    without, with_it = _fetching(test)
    return with_it / without if without else None


def over_warm(test, warm, value):
    """A value of the forks with the prefetch over that of warm forks, which both arms of `warm`
    are. value(test, arm)"""
    return value(test, "b") * 2 / (value(warm, "a") + value(warm, "b"))


def gap(test, arm):
    return test[arm]["gap_p50_ns"]


def faults(test, arm):
    return test["ledger"]["buckets"]["memory_faults"][f"{arm}_ns"]


def of_ceiling(test):
    """(time for fetching pages that is gone, gain) over the ceiling; None: there is none."""
    ceiling = test["pages"]["ceiling_p50_ns"]
    without, with_it = _fetching(test)
    return ((without - with_it) / ceiling, test["effect"]["gain_ns"] / ceiling) if ceiling else None


def beyond_ceiling(test):
    """Whether the gain's interval lies above the ceiling by more than guest mode has become
    shorter. A ceiling is of faults alone; emulated, guest mode is slower in a cold fork too, and
    that is no gain of the prefetch's."""
    guest = test["ledger"]["buckets"]["guest_unsplit"]
    return (
        test["pages"]["above_ceiling"]
        and test["effect"]["lo_ns"] - max(guest["a_ns"] - guest["b_ns"], 0)
        > test["pages"]["ceiling_max_ns"]
    )


def wrong_evidence(test, ranked=True):
    """Sentences about what does not show that the prefetched pages were resident in the one arm and
    not in the other: by medians, and by the rank test."""
    resident, pages = test["proof"]["resident_pages"], test["pages"]["pages"]
    wrong = [] if test["proof"]["differ"] or not ranked else ["the arms did not differ"]
    if not resident["n_a"] or not resident["n_b"]:
        return wrong + ["what was resident was not marked"]
    if resident["b"] - resident["a"] < RESIDENT_MORE * pages:
        wrong.append(
            f"for {pages} prefetched pages {resident['a']} were resident without, {resident['b']} "
            f"with"
        )
    return wrong


def wrong_counts(test):
    """Pages used, too late, later and never are all pages of the ranges."""
    pages = test["pages"]
    parts = [pages[key] for key in ("used", "too_late", "later", "never")]
    return (
        []
        if min(parts) >= 0 and abs(sum(parts) - pages["pages"]) < 1e-6 * max(pages["pages"], 1)
        else [f"{parts} are not {pages['pages']} pages"]
    )


def verdict(context, wanted):
    test = _of(context)
    effect, attempts = test["effect"], int(
        (context.folder / "attempts").read_text(encoding="ascii")
    )
    wrong = (
        []
        if test["verdict"] in wanted.split(",")
        else [f"it is {test['verdict']}: {test['reason']}"]
    )
    wrong += wrong_counts(test)
    if test["verdict"] == "supported" and not test["proof"]["differ"]:
        wrong.append("nothing shows that the arms differed")
    if beyond_ceiling(test):
        wrong.append(
            f"its interval from {_ms(effect['lo_ns'])} on lies above the ceiling of "
            f"{_ms(test['pages']['ceiling_max_ns'])}"
        )
    if test["a"]["endless"] or test["b"]["endless"]:
        wrong.append("forks never reached their end")
    context.findings["prefetch"] = {
        "verdict": test["verdict"],
        "n": [test["a"]["n"], test["b"]["n"]],
        "gap_p50_ns": [test["a"]["gap_p50_ns"], test["b"]["gap_p50_ns"]],
        "gain_ns": effect["gain_ns"],
        "lo_ns": effect["lo_ns"],
        "hi_ns": effect["hi_ns"],
        "p": effect["p"],
        "needed": effect["forks_needed"],
        "ceiling_ns": test["pages"]["ceiling_p50_ns"],
        "attempts": attempts,
    }
    name = (
        f"{test['verdict']}, as planted: gain {_ms(effect['gain_ns'])} ({_ms(effect['lo_ns'])} to "
        f"{_ms(effect['hi_ns'])}) of {_ms(test['a']['gap_p50_ns'])}, "
        + (
            "above the ceiling by less than guest mode is shorter"
            if test["pages"]["above_ceiling"]
            else "not above the ceiling"
        )
        + ("" if attempts == 1 else f" (at attempt {attempts})")
    )
    return not wrong, name, "\n".join(wrong)


def near_warm(context, name):
    test, warm = _of(context), _of(context.other(name))
    wrong, ratio, of_faults, left = (
        wrong_evidence(test),
        over_warm(test, warm, gap),
        over_warm(test, warm, faults),
        fetching_left(test),
    )
    if not NEAR_WARM[0] <= of_faults <= NEAR_WARM[1]:
        wrong.append(f"the time for memory faults is {of_faults:.2f} times that of warm forks")
    if ratio > GAP_AT_MOST:
        wrong.append(f"the gap is {ratio:.2f} times that of warm forks")
    if left is None or left > FETCHING_LEFT:
        wrong.append(f"of the time for fetching pages {left} are left")
    cold = ratio * gap(test, "a") / gap(test, "b")
    context.findings["near_warm"] = {
        "over_warm": ratio,
        "faults_over_warm": of_faults,
        "fetching_left": left,
        "cold_over_warm": cold,
    }
    return (
        not wrong,
        (
            f"near warm forks: {ratio:.2f} times their gap (without: {cold:.2f}), {of_faults:.2f} "
            f"times their memory faults, "
            f"{left or 0:.1%} of the fetching is left"
        ),
        "\n".join(wrong),
    )


def moves(context):
    moved = _of(context)["moved"]
    took = moved["prefetch"]["b_ns"] or 0
    gain = _of(context)["effect"]["gain_ns"]
    good = moved["moved"] and took > 0 and moved["prefetch"]["a_ns"] == 0
    return (
        good,
        f"the reading is moved work: {_ms(took)} before the resume for {_ms(gain)} of gain",
        "" if good else json.dumps(moved),
    )


def reaches_ceiling(context):
    test = _of(context)
    found = of_ceiling(test)
    good = found is not None and all(
        low <= ratio <= high for ratio, (low, high) in zip(found, (NEAR_CEILING, GAIN_OF_CEILING))
    )
    context.findings["of_ceiling"] = found
    fetched, gain = found or (0, 0)
    return (
        good,
        (
            f"the effect is near the ceiling of {_ms(test['pages']['ceiling_p50_ns'])}: "
            f"{fetched:.2f} of it less for fetching pages, "
            f"a gain of {gain:.2f}"
        ),
        "" if good else json.dumps(test["pages"]),
    )


def no_ceiling(context):
    test = _of(context)
    pages = test["pages"]
    wrong = (
        []
        if pages["ceiling_p50_ns"] == 0 and pages["ceiling_max_ns"] == 0
        else [
            f"the ceiling is {_ms(pages['ceiling_p50_ns'])}, at most {_ms(pages['ceiling_max_ns'])}"
        ]
    )
    wrong += wrong_evidence(
        test, ranked=False
    )  # few pages of many: one fork that was not cold hides them from the rank test
    if pages["used"] or pages["too_late"]:
        wrong.append(f"{pages['used']} pages were used, {pages['too_late']} too late")
    return (
        not wrong,
        f"the ceiling is 0, {pages['never']:.0f} of {pages['pages']} prefetched pages were never "
        f"used",
        "\n".join(wrong),
    )


def alike(context):
    test = _of(context)
    good = not test["proof"]["differ"] and "did not differ" in test["reason"]
    return (
        good,
        "that the arms did not differ is the reason",
        "" if good else f"{test['reason']}; {json.dumps(test['proof'])}",
    )


def needs_more(context):
    test = _of(context)
    need, n = test["effect"]["forks_needed"], min(test["a"]["n"], test["b"]["n"])
    good = need is not None and need > n
    return (
        good,
        f"{n} forks an arm are too few, {need} would decide",
        "" if good else test["reason"],
    )


def null(context, forks, rounds):
    """Random halves of forks of one arm against each other: almost none may differ."""
    done = subprocess.run(
        [
            str(PROGRAM),
            "prefetch",
            "test",
            "--from",
            "--null",
            str(rounds),
            "--timeout",
            f"{TIMEOUT_S}s",
            str(context.folder / "run.fsr"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    output = done.stdout.strip()
    context.findings["null"] = output
    halved = re.search(r"of the (\d+) forks", output)
    good = (
        skips.status_fits(done.returncode, context.report())
        and bool(halved)
        and int(halved[1]) >= forks
    )
    return (
        good,
        output or "the null test",
        "" if good else f"status {done.returncode}: {done.stderr.strip()}",
    )


CHECKS = {
    "null": null,
    "verdict": verdict,
    "near_warm": near_warm,
    "moves": moves,
    "reaches_ceiling": reaches_ceiling,
    "no_ceiling": no_ceiling,
    "alike": alike,
    "needs_more": needs_more,
}
