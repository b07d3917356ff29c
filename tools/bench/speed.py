# SPDX-License-Identifier: BSD-2-Clause
"""How fast a recording becomes a ledger on one core, compared with perf script on as many records,
and how much memory it takes."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

EVENT = "exceptions:page_fault_user"


def timed(command, cpu):
    """(seconds, peak resident bytes, exit status) of a command on one CPU, its output thrown
    away."""
    began = time.monotonic()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - began, usage.ru_maxrss * 1024, child.returncode


def perf_records(faulter, wanted, folder):
    """A perf.data with about as many samples, and how many; (None, 0) without perf."""
    data = Path(folder) / "speed.perf.data"
    try:
        child = subprocess.Popen(
            ["perf", "record", "-q", "-m", "64M", "-e", EVENT, "-o", str(data), "--", faulter, "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except FileNotFoundError:
        return None, 0
    _, _, faults = child.stdout.readline().split()
    left = wanted
    while left > 0:
        child.stdin.write("run 3\n")
        child.stdin.flush()
        child.stdout.readline()
        left -= 4 * int(faults)
    child.stdin.close()
    child.wait()
    text = subprocess.run(
        ["perf", "report", "-i", str(data), "--stats"], capture_output=True, text=True, check=False
    ).stdout
    match = re.search(r"SAMPLE events:\s+(\d+)", text)
    return (data, int(match[1])) if match else (None, 0)


def measure(program, grow, faulter, folder, sizes, turns, cpu):
    """{"report": [...], "perf_script": {...}, "ratio"}; the sizes are records, the first is the one
    to compare."""
    files = []
    for size in sizes:
        path = Path(folder) / f"speed-{size}.fsr"
        print(f"bench: writing a recording of {size} records", file=sys.stderr, flush=True)
        files.append(
            (
                path,
                int(
                    subprocess.run(
                        [grow, str(path), str(size)], capture_output=True, text=True, check=True
                    ).stdout
                ),
            )
        )
    data, samples = perf_records(faulter, sizes[0], folder)
    best = {path: None for path, _ in files}
    memory, script, errors = {}, None, []
    for turn in range(turns):
        for path, _ in files:
            seconds, peak, status = timed([program, "report", str(path)], cpu)
            if status not in (0, 3):
                errors.append(f"report of {path.name} ended with status {status}")
            best[path] = min(filter(None, (best[path], seconds)))
            memory[path] = max(memory.get(path, 0), peak)
        if data:
            seconds, _, status = timed(["perf", "script", "-i", str(data)], cpu)
            if status:
                errors.append(f"perf script ended with status {status}")
            script = min(filter(None, (script, seconds)))
        print(f"bench: speed of reports: turn {turn + 1} of {turns}", file=sys.stderr, flush=True)
    report = [
        {
            "records": count,
            "bytes": path.stat().st_size,
            "seconds": best[path],
            "records_per_s": count / best[path],
            "peak_rss_bytes": memory[path],
        }
        for path, count in files
    ]
    peer = (
        {"records": samples, "seconds": script, "records_per_s": samples / script}
        if script
        else None
    )
    for path, _ in files:
        path.unlink()
    return {
        "report": report,
        "perf_script": peer,
        "ratio": report[0]["records_per_s"] / peer["records_per_s"] if peer else None,
        "errors": errors,
    }
