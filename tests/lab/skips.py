# SPDX-License-Identifier: BSD-2-Clause
"""
Runs of the recorder's probes that the kernel skipped (from Linux 7.0 on it may, where a thread is
preempted in one). The recorder counts them and charges them: the forks that ran there carry a note,
what they did meanwhile is `unknown`, and the exit status is 3. That is no failure of a test, but it
is reported; a fork that is not charged is judged as ever."""

INCOMPLETE = 3
NO_CAUSE = (
    "fs_kvm_pio",
    "fs_net",
    "fs_tsc_offset",
    "fs_pvclock",
    "fs_signal",
)  # programs of ends, of milestones and of the guest's clock
NOTE = "events of this fork were lost"  # FSA_N_LOST_EVENTS of src/attribute/model/model.h


def runs(report):
    """How many runs were skipped, by `report --json`."""
    return report["trust"]["skipped_runs"] or 0


def status_fits(status, report):
    """Is it the status of a command that went well, with what was skipped?"""
    return status == (INCOMPLETE if runs(report) else 0)


def charged(report):
    """Pids of the forks that what was skipped is charged to."""
    return (
        {
            fork["vmm"]["pid"]
            for fork in report["forks"]
            if any(str(note).startswith(NOTE) for note in fork["notes"])
        }
        if runs(report)
        else set()
    )


def unknown(fork):
    """[(begin, end)] on the path of a fork of the dump."""
    return [(begin, end) for begin, end, _, cause, *_ in fork["segs"] if cause == "unknown"]


def reported(report):
    """For the name of a case."""
    return (
        f" ({runs(report)} runs of probes skipped, charged to {len(charged(report))} forks)"
        if runs(report)
        else ""
    )
