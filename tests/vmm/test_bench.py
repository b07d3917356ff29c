#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""forkscope bench from end to end, on VMMs that the fixture plays: orders, counts, messages, and
that nothing is left behind.

Root. Runs in namespaces of its own (network and mounts), with a temporary folder of its own:
recorders of others are not seen."""

import csv
import hashlib
import io
import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "agent"), str(HERE.parent / "mailbox")]
# pylint: disable=wrong-import-position
import peer_patcher
import volumes
from environment import Tap

TOP = HERE.parents[1]
OUT = Path(os.environ.get("O", ".output"))
OUT = OUT if OUT.is_absolute() else TOP / OUT
FORKSCOPE, FIXTURE = str(OUT / "forkscope"), str(HERE / "fixture.py")
MIB = 1 << 20
SOCKETS = "/run/forkscope"  # of recorders
SIZE, MAILBOX = 16 * MIB, 5 * MIB + 0x3000
folder = None  # of this run; bench's own temporary folders are in folder/tmp


def snapshot(name="snap", *, token=b"tok", full=False):
    path = os.path.join(folder, name)
    os.makedirs(path, exist_ok=True)
    with open(path + "/mem", "wb") as out:
        out.write(os.urandom(SIZE))  # no holes: residency is to be seen
        out.seek(MAILBOX)
        out.write(peer_patcher.arm(token))
    Path(path + "/state").write_bytes(b"state")
    os.chmod(path + "/mem", 0o640)
    os.sync()
    if full:
        subprocess.run(
            [
                FORKSCOPE,
                "mailbox",
                "patch",
                path + "/mem",
                "--token",
                "tok",
                "--interface",
                "eth0",
                "--mac",
                "06:00:ac:10:00:33",
                "--ip",
                "172.16.0.5",
                "--prefix",
                "29",
                "--gateway",
                "172.16.0.1",
                "--ack-port",
                "1234",
                "--no-remember",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return path


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def environment(**more):
    env = {
        **os.environ,
        "TMPDIR": folder + "/tmp",
        "FIXTURE_GUEST": "mailbox,applied",
        "FIXTURE_LOG": folder + "/requests",
    }
    for name in ("FIXTURE_FAULT", "FIXTURE_VERSION"):
        env.pop(name, None)
    env.update(more)
    return env


def command(words, vmm="firecracker"):
    words = [str(word) for word in words]
    own = (
        []
        if "--vmm-bin" in words or "--" in words or vmm in ("qemu", "attach")
        else ["--vmm-bin", FIXTURE]
    )
    return [FORKSCOPE, "bench", "--vmm", vmm, *own, "--seed", "7", *words]


def left_behind():
    """Whatever a run must not leave: its folders, its VMMs, TAPs in this namespace."""
    found = os.listdir(folder + "/tmp")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = (
                Path(f"/proc/{pid}/cmdline")
                .read_bytes()
                .decode(errors="replace")
                .replace("\0", " ")
            )
        except OSError:
            continue
        if folder in words and int(pid) != os.getpid():
            found.append(words)
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    return found + re.findall(r"\b(?:fsb|tap)\w+", links)


def nothing_left():
    """What was killed may need a moment to be gone."""
    until = time.monotonic() + 10
    while rest := left_behind():
        assert time.monotonic() < until, rest
        time.sleep(0.05)


def bench(*words, status=0, says=(), vmm="firecracker", record=False, **env):
    done = subprocess.run(
        command(
            (
                [*words, *([] if record else ["--no-record"])]
                if "--" not in words
                else [*words[: words.index("--")], "--no-record", *words[words.index("--") :]]
            ),
            vmm,
        ),
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
        env=environment(**env),
        timeout=250,
        cwd=TOP,
    )
    output = done.stderr
    assert done.returncode == status, (words, done.returncode, output, done.stdout)
    for each in [says] if isinstance(says, str) else says:
        assert each in output + done.stdout, (each, output, done.stdout)
    nothing_left()
    return done


def result(*words, **more):
    done = bench("--json", *words, **more)
    return json.loads(done.stdout)


def ends(run):
    return [fork["end"] for fork in run["forks"]]


# --- the experiment -----------------------------------------------------------------------------


def arms_and_residency():
    path = snapshot()
    before = digest(path + "/mem")
    run = result(
        "--snapshot",
        path,
        "--signal",
        "vmgenid",
        "--prefetch",
        "none,mailbox:4MiB,all",
        "--iters",
        "3",
        "--token",
        "tok",
    )
    assert ends(run) == ["done"] * 9, run
    assert digest(path + "/mem") == before, "the mailbox was not emptied again"
    for fork in run["forks"]:
        assert [ack["stage"] for ack in fork["acks"]] == ["mailbox", "applied"]
        assert fork["resume_ns"] < fork["acks"][0]["at_ns"] <= fork["acks"][1]["at_ns"]
        assert fork["reconfigure_ns"] == fork["mailbox_ns"] + fork["apply_ns"]
        # the arms really differ: none has at most what the load itself touched
        low, high = {
            "vmgenid:none": (0, MIB // 4),
            "vmgenid:mailbox:4MiB": (3.9 * MIB, 5 * MIB),
            "vmgenid:all": (0.95 * SIZE, SIZE),
        }[fork["arm"]]
        assert low <= fork["resident_bytes"] <= high, fork
        if fork["arm"] == "vmgenid:mailbox:4MiB":
            # the kernel may take a page back at any time
            assert 3.9 * MIB <= fork["resident_range_bytes"] <= 4 * MIB == fork["prefetched_bytes"]
    ranges = next(arm for arm in run["arms"] if arm["prefetch"] == "mailbox:4MiB")["ranges"]
    assert (
        len(ranges) == 1
        and ranges[0][0] <= MAILBOX - MIB
        and ranges[0][0] + ranges[0][1] >= MAILBOX + MIB
    )
    # the first fork of each arm is marked, and rounds hold every arm once
    arms = [fork["arm"] for fork in run["forks"]]
    assert [fork["first"] for fork in run["forks"]] == [True] * 3 + [False] * 6
    assert all(len(set(arms[at : at + 3])) == 3 for at in (0, 3, 6))
    again = result(
        "--snapshot",
        path,
        "--signal",
        "vmgenid",
        "--prefetch",
        "none,mailbox:4MiB,all",
        "--iters",
        "3",
        "--token",
        "tok",
    )
    assert [
        fork["arm"] for fork in again["forks"]
    ] == arms, "the same seed must give the same order"


def warm():
    run = result("--snapshot", snapshot(), "--token", "tok", "--iters", "2", "--cache", "warm")
    assert all(fork["resident_bytes"] >= 0.95 * SIZE for fork in run["forks"]), run


def clamped():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        "--prefetch",
        "head:1GiB,range:0xF00000:8MiB",
        says="1.0 GiB are asked for, but the guest has only 16.0 MiB",
    )
    assert [arm["clamped"] for arm in run["arms"]] == [True, True] and run["arms"][0][
        "range_bytes"
    ] == SIZE
    assert run["arms"][1]["range_bytes"] == MIB
    bench(
        "--snapshot", snapshot(), "--prefetch", "all,none,all", status=2, says='names "all" twice'
    )
    bench(
        "--snapshot",
        snapshot(),
        "--signal",
        "vmgenid,vmgenid",
        status=2,
        says='names "vmgenid" twice',
    )
    bench(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--prefetch",
        "range:0x2000000:1MiB",
        status=1,
        says="no byte of it is in the memory file",
    )


def workingset():
    ranges = Path(folder, "ranges")
    ranges.write_text("# exported\n0x100000 8192\n2097152 4096\n")
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        "--prefetch",
        "workingset",
        "--workingset",
        ranges,
    )
    assert (
        run["arms"][0]["ranges"] == [[0x100000, 8192], [2097152, 4096]]
        and run["forks"][0]["resident_range_bytes"] == 12288
    )
    ranges.write_text("0x100000 -3\n")
    bench(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--prefetch",
        "workingset",
        "--workingset",
        ranges,
        status=2,
        says="--workingset",
    )


def populate():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        "--prefetch",
        "none,range:0:2MiB",
        "--mechanism",
        "populate",
    )
    for fork in run["forks"]:
        if fork["arm"] != "auto:none":
            assert fork["prefetched_bytes"] == 2 * MIB and fork["prefetch_missed_bytes"] == 0
            assert (
                fork["load_end_ns"]
                <= fork["prefetch_start_ns"]
                < fork["prefetch_end_ns"]
                <= fork["resume_ns"]
            )
            assert fork["resident_range_bytes"] >= 1.9 * MIB
            assert (
                fork["total_ns"] < fork["acks"][-1]["at_ns"] - fork["spawn_ns"]
            )  # its own work is no part of the total


def populate_on_btrfs():
    """Its maps show another device than stat() does."""
    try:
        volumes.btrfs(folder)
    except volumes.Unavailable as why:
        return f"SKIP {why}"
    run = result(
        "--snapshot",
        snapshot("btrfs/one/snap"),
        "--token",
        "tok",
        "--iters",
        "1",
        "--prefetch",
        "range:0:2MiB",
        "--mechanism",
        "populate",
    )
    (fork,) = run["forks"]
    assert (
        fork["end"] == "done"
        and fork["prefetched_bytes"] == 2 * MIB
        and fork["prefetch_missed_bytes"] == 0
    ), fork
    return None


def beside_with_a_rate():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        "--prefetch",
        "all",
        "--moment",
        "beside",
        "--prefetch-rate",
        "64MiB",
        "--linger",
        "1500ms",
    )
    for fork in run["forks"]:
        assert (
            fork["prefetch_start_ns"] <= fork["resume_ns"] + 50_000_000
            and fork["prefetched_bytes"] == SIZE
        )
        # 16 MiB at 64 MiB a second
        assert fork["prefetch_end_ns"] - fork["prefetch_start_ns"] >= 0.24e9, fork


def csv_and_table():
    path = snapshot()
    rows = list(
        csv.DictReader(
            io.StringIO(
                bench(
                    "--csv",
                    "--snapshot",
                    path,
                    "--token",
                    "tok",
                    "--iters",
                    "2",
                    "--prefetch",
                    "none,all",
                ).stdout
            )
        )
    )
    assert (
        len(rows) == 4
        and {row["prefetch"] for row in rows} == {"none", "all"}
        and all(int(row["total_ns"]) > 0 for row in rows)
    )
    table = bench(
        "--snapshot", path, "--token", "tok", "--iters", "2", "--prefetch", "none,all"
    ).stdout.splitlines()
    assert (
        table[0].endswith("seed 7")
        and len(table) == 4
        and re.match(r"auto:none +1 +[\d.]+ / \d+ / \d+", table[2])
    ), table


def full_mailbox():
    path = snapshot(full=True)
    before = digest(path + "/mem")
    run = result(
        "--snapshot", path, "--token", "tok", "--iters", "1", says="acks go to 172.16.0.1:1234"
    )
    assert (
        ends(run) == ["done"]
        and run["forks"][0]["acks"][0]["ip"] == "172.16.0.5"
        and digest(path + "/mem") == before
    )


def does_not_wait():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        "--wait-for-network",
        "false",
        "--timeout",
        "500ms",
        FIXTURE_GUEST="mailbox",
    )
    assert (
        ends(run) == ["done"]
        and run["forks"][0]["total_ns"]
        <= run["forks"][0]["resumed_ns"] - run["forks"][0]["spawn_ns"]
    )


def many_at_once():
    run = result("--snapshot", snapshot(), "--token", "tok", "--iters", "12", "-c", "6")
    assert ends(run) == ["done"] * 12 and len({fork["pid"] for fork in run["forks"]}) == 12


def one_namespace():
    path = snapshot()
    before = digest(path + "/mem")
    run = result(
        "--snapshot",
        path,
        "--token",
        "tok",
        "--iters",
        "6",
        "-c",
        "3",
        "--network",
        "host",
        "--override",
        "eth0",
        "--addresses",
        "172.16.0.0/28",
        "--prefetch",
        "none,all",
    )
    assert ends(run) == ["done"] * 12 and digest(path + "/mem") == before
    together = [fork["acks"][0]["ip"] for fork in run["forks"][:3]]
    assert len(set(together)) == 3, "forks of one namespace need addresses of their own"
    assert os.listdir(path) == ["mem", "state"] or sorted(os.listdir(path)) == ["mem", "state"]


class Reader:
    """What a recorder is to the bench: asked whether it has read the guest of a VMM, it says no at
    first, and then yes."""

    def __init__(self):
        self.asked, self.dead, self.unheard, self.released = set(), [], [], set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = f"{SOCKETS}/record-{os.getpid()}.sock"
        self.socket.bind(self.path)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            question, sender = self.socket.recvfrom(200)
            if not question:
                return
            magic, pid = struct.unpack_from("<8s8xI", question)
            assert magic == b"FSREAD1\0", question
            if not os.path.exists(f"/proc/{pid}"):
                self.dead.append(pid)
            try:
                self.socket.sendto(bytes([pid in self.asked]), sender)
            except OSError as error:
                self.unheard.append((pid, str(error)))
            else:
                self.released |= {pid} & self.asked
            self.asked.add(pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        os.unlink(self.path)


def lives_until_it_was_read():
    """Forks are in network namespaces of their own, which answers to abstract addresses do not
    cross: each is to be heard nevertheless."""
    with Reader() as reader:
        run = result(
            "--snapshot",
            snapshot(),
            "--token",
            "tok",
            "--iters",
            "4",
            "-c",
            "2",
            "--record-arg",
            "--memfile",
            "--record-arg",
            folder + "/snap/mem",
        )
    assert ends(run) == ["done"] * 4 and run["network"] != "host", run
    assert not reader.unheard, f"no answer reached the bench: {reader.unheard}"
    assert reader.released == {fork["pid"] for fork in run["forks"]}, (
        reader.released,
        run["forks"],
    )
    assert not reader.dead, f"forks were ended before they were read: {reader.dead}"


# --- what goes wrong ----------------------------------------------------------------------------


def never_acks():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        "--timeout",
        "700ms",
        status=1,
        FIXTURE_GUEST="",
    )
    assert ends(run) == ["fell-back"] * 2 and all(fork["total_ns"] is None for fork in run["forks"])
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        "--timeout",
        "700ms",
        status=1,
        FIXTURE_GUEST="garbage",
    )
    assert ends(run) == ["fell-back"] * 2 and all(
        fork["refused_acks"] == 1 and not fork["acks"] for fork in run["forks"]
    )


def no_token():
    """Nobody fills the mailbox then: a run without a single network says so."""
    hint = "no fork had its network, and no --token was given"
    bench(
        "--snapshot",
        snapshot(),
        "--iters",
        "1",
        "--timeout",
        "700ms",
        status=1,
        FIXTURE_GUEST="",
        says=hint,
    )
    done = bench(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        "--timeout",
        "700ms",
        status=1,
        FIXTURE_GUEST="",
    )
    assert hint not in done.stderr, done
    # what is filled here is looked at as mailbox patch does
    bench(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        "--gateway",
        "172.16.9.1",
        "--timeout",
        "700ms",
        status=1,
        FIXTURE_GUEST="",
        says="the gateway 172.16.9.1 is outside of 172.16.0.2/29",
    )


def one_memory_file():
    """Of two snapshots: it is filled once, for both, and emptied again."""
    one, two = snapshot("one"), snapshot("two")
    os.remove(two + "/mem")
    os.link(one + "/mem", two + "/mem")
    before = digest(one + "/mem")
    for other in (two, one):
        run = result(
            "--signal",
            "none,vmgenid",
            "--snapshot",
            f"none={one}",
            "--snapshot",
            f"vmgenid={other}",
            "--token",
            "tok",
            "--iters",
            "2",
        )
        assert ends(run) == ["done"] * 4, run
        assert digest(one + "/mem") == before, "the mailbox was not emptied again"


def paths_that_are_not_utf8():
    """An API of JSON has no words for them: said before anything is asked for, let alone for
    something else."""
    odd, says = "odd-\udcff", "is not UTF-8, and the VMM's API takes nothing else"
    path = snapshot(odd)
    words = ("--signal", "none", "--token", "tok", "--iters", "1")
    bench("--snapshot", path, *words, status=1, says=says)
    bench(
        "--snapshot",
        path,
        *words,
        "--",
        FIXTURE,
        "-object",
        "memory-backend-file,id=m,mem-path={memory},share=off",
        vmm="qemu",
        status=1,
        says=says,
    )
    # Cloud Hypervisor gets links in a folder of the bench's: the template's console must not be
    # taken instead
    os.makedirs(folder + "/tmp/" + odd)
    console = Path(folder, "console")
    console.write_text("the template's")
    path = ch_snapshot("chodd", serial={"mode": "File", "file": str(console)})
    done = subprocess.run(
        command(["--snapshot", path, *words, "--no-record"], "cloud-hypervisor"),
        capture_output=True,
        check=False,
        env=environment(TMPDIR=folder + "/tmp/" + odd),
        timeout=120,
        cwd=TOP,
    )
    assert done.returncode == 1 and says.encode() in done.stderr and b"odd-" in done.stderr, done
    assert console.read_text() == "the template's"
    os.rmdir(folder + "/tmp/" + odd)
    # nor is a VM paused for a snapshot that cannot be asked for
    listens, path = folder + "/template.sock", snapshot(odd)
    with subprocess.Popen(
        [FIXTURE, "--api-sock", listens, "--id", "template"],
        env=environment(FIXTURE_GUEST=""),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as vmm:
        try:
            while not os.path.exists(listens):
                time.sleep(0.05)
            requests("")
            done = subprocess.run(
                command(
                    ["--snapshot", path, "--iters", "1", "--no-record", "--take-snapshot", listens]
                ),
                capture_output=True,
                check=False,
                env=environment(),
                timeout=60,
            )
            assert done.returncode == 1 and says.encode() in done.stderr, done
            assert not requests("PATCH /vm .*|PUT /snapshot/create .*")
        finally:
            vmm.kill()
            os.path.exists(listens) and os.unlink(listens)


def agent_says_error():
    """The agent waits for another payload then: so does nobody, and what it said is kept."""
    began = time.monotonic()
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        "--timeout",
        "60s",
        status=1,
        FIXTURE_GUEST="fork-1=mailbox,"
        "error+reason=netlink+what=route+errno=22+undone=yes;error-+reason=payload+what=mac",
        says="failed, load ",
    )
    assert time.monotonic() - began < 50, ("the time was waited out", run)
    first, second = run["forks"]
    assert ends(run) == ["failed"] * 2, run
    assert first["agent_error"] == {
        "reason": "netlink",
        "what": "route",
        "errno": 22,
        "undone": "yes",
    }, first
    assert (
        second["agent_error"] == {"reason": "payload", "what": "mac"}
        and second["acks"][-1]["mac"] == "-"
        and not second["refused_acks"]
    ), second
    assert first["acks"][-1]["stage"] == "error" and first["acks"][-1]["errno"] == 22, first
    assert (
        "the agent reported stage=error: reason=netlink what=route errno=22 (Invalid argument) "
        "undone=yes" in first["why"]
    ), first
    rows = list(
        csv.DictReader(
            io.StringIO(
                bench(
                    "--csv",
                    "--snapshot",
                    snapshot(),
                    "--token",
                    "tok",
                    "--iters",
                    "1",
                    "--timeout",
                    "60s",
                    status=1,
                    FIXTURE_GUEST="error+reason=netlink+what=route+errno=22",
                ).stdout
            )
        )
    )
    assert (
        rows[0]["error_reason"],
        rows[0]["error_what"],
        rows[0]["error_errno"],
        rows[0]["end"],
    ) == ("netlink", "route", "22", "failed"), rows
    # who does not wait for the network has a fork when it is resumed
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        "--wait-for-network",
        "false",
        "--timeout",
        "60s",
        FIXTURE_GUEST="error+reason=netlink+what=route",
    )
    assert ends(run) == ["done"] and run["forks"][0]["agent_error"] == {
        "reason": "netlink",
        "what": "route",
    }, run


def many_acks():
    """However many stages an agent sends: those that the table needs are kept, the rest is
    counted."""
    stages = ",".join(f"step{at}" for at in range(30))
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        FIXTURE_GUEST=stages + ",mailbox," + stages + ",applied",
    )
    (fork,) = run["forks"]
    assert (
        fork["total_ns"] and fork["mailbox_ns"] and fork["apply_ns"] and fork["end"] == "done"
    ), fork
    assert fork["acks_not_kept"] + len(fork["acks"]) == 62 and len(fork["acks"]) < 20, fork


def flooding_guest():
    """It sends faster than anybody reads, and never the last ack: the time-out holds."""
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        "--timeout",
        "2s",
        status=1,
        FIXTURE_GUEST="mailbox,flood",
    )
    (fork,) = run["forks"]
    assert fork["end"] == "fell-back" and fork["acks_not_kept"] > 1000, fork
    assert fork["end_ns"] - fork["resume_ns"] < 30e9, "the time-out did not end the wait"


def load_is_refused():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        status=1,
        FIXTURE_FAULT="refuse PUT /snapshot/load",
        says="refused PUT /snapshot/load with 400: {\"fault_message\": \"refused by the fixture: "
        "no such luck\"}",
    )
    assert ends(run) == ["failed"] * 2 and "no such luck" in run["forks"][0]["why"]


def vmm_dies():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        status=1,
        FIXTURE_GUEST="mailbox,die",
    )
    assert ends(run) == ["failed"] * 2, run
    assert (
        "ended with status 7" in run["forks"][0]["why"]
        and "the guest's last words" in run["forks"][0]["why"]
    )
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        status=1,
        FIXTURE_FAULT="tear PUT /snapshot/load",
    )
    assert "was killed by signal 9" in run["forks"][0]["why"], run


def vmm_hangs():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "1",
        "--call-timeout",
        "3s",
        status=1,
        FIXTURE_FAULT="hang PATCH /vm",
    )
    assert ends(run) == ["failed"] and "no answer within 3" in run["forks"][0]["why"], run


def each_counted_for_what_it_is():
    """Of eight forks one is refused, one hangs, one dies, two never finish: each is reported with
    its reason, and the others stand."""
    words = [
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "8",
        "-c",
        "4",
        "--timeout",
        "6s",
        "--call-timeout",
        "15s",
    ]
    refused, guests = (
        "refuse PUT /snapshot/load@fork-2",
        "fork-4=mailbox,die;fork-5=mailbox;fork-6=;mailbox,applied",
    )
    run = result(
        *words, status=3, FIXTURE_FAULT=refused + ";hang PATCH /vm@fork-3", FIXTURE_GUEST=guests
    )
    assert ends(run) == [
        "done",
        "failed",
        "failed",
        "failed",
        "fell-back",
        "fell-back",
        "done",
        "done",
    ], [(fork["end"], fork.get("why")) for fork in run["forks"]]
    assert run["arms"][0]["ends"] == {"done": 3, "fell-back": 2, "failed": 3, "stopped": 0}
    for fork, why in (
        (2, "refused PUT /snapshot/load with 400"),
        (3, "no answer within 15"),
        (4, "ended with status 7"),
    ):
        assert why in run["forks"][fork - 1]["why"], run["forks"][fork - 1]
    for fork in run["forks"]:
        assert all(
            (fork[column] is not None) == (fork["end"] == "done")
            for column in ("total_ns", "reconfigure_ns", "mailbox_ns", "apply_ns")
        ), fork
        assert ("why" in fork) == (fork["end"] == "failed"), fork
    done = bench(
        *words,
        status=3,
        FIXTURE_FAULT=refused,
        FIXTURE_GUEST=guests,
        says=(
            "fork 2 of 8, auto:none: failed, load ",
            "fork 5 of 8, auto:none: fell-back, load ",
            "firecracker ended with status 7. Its last output: the guest's last words",
        ),
    )
    # those that were resumed are in the table, endless where they did not come to an end
    assert re.match(
        r"auto:none +6 +[\d.]+ / \d+ / no end ", done.stdout.splitlines()[2]
    ), done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "2 of 8 forks fell back (no ack within the time-out): 2 in auto:none",
        "2 of 8 forks failed: 2 in auto:none",
    ], done.stdout


def vmm_never_starts():
    words = ["--snapshot", snapshot(), "--token", "tok", "--iters", "1"]
    bench(
        *words,
        "--vmm-bin",
        folder + "/nowhere",
        status=1,
        says=("starting " + folder + "/nowhere", "No such file"),
    )
    bench(
        *words,
        "--vmm-bin",
        HERE / "deaf.sh",
        "--call-timeout",
        "1s",
        status=1,
        says="runs but does not listen",
    )
    bench(
        *words,
        status=1,
        FIXTURE_FAULT="die GET /version",
        says=("ended with status 3", "a fault of the fixture"),
    )
    bench(*words, status=1, FIXTURE_FAULT="garbage GET /version", says="GET /version")


def wrong_snapshots():
    path = snapshot()
    bench(
        "--snapshot",
        folder + "/nowhere",
        "--token",
        "tok",
        status=1,
        says="nowhere: No such file or directory",
    )
    bench("--snapshot", path + "/state", "--token", "tok", status=1, says="is not a folder")
    bench(
        "--snapshot",
        folder,
        "--token",
        "tok",
        status=1,
        says="has no file state in it (state, vmstate, snapshot, ",
    )
    bench("--snapshot", snapshot(), "--token", "other", status=1, says="token not found")
    path = snapshot("two")
    with open(path + "/mem", "r+b") as memory:
        memory.seek(MAILBOX + MIB)
        memory.write(peer_patcher.arm(b"tok"))
    bench("--snapshot", path, "--token", "tok", status=1, says="has 2 mailboxes of this token")


class User:
    """Another process that maps the memory file, or only holds it open."""

    def __init__(self, path, maps=True):
        code = (
            "import mmap,sys\nf=open(sys.argv[1],'rb')\n"
            + ("m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)\nf.close()\n" if maps else "")
            + "print(1,flush=True)\nsys.stdin.read()"
        )
        self.popen = subprocess.Popen(
            [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.popen.stdout.readline()

    def __enter__(self):
        return self.popen.pid

    def __exit__(self, *_):
        self.popen.communicate()


def refused(path, *words, prefix=(), says):
    """The bench fails before it makes a fork, and the memory file is as it was."""
    before = digest(path + "/mem")
    done = subprocess.run(
        [
            *prefix,
            *command(["--snapshot", path, "--token", "tok", "--iters", "1", "--no-record", *words]),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=60,
    )
    assert done.returncode == 1 and says in done.stderr and "fork 1 of" not in done.stderr, (
        says,
        done,
    )
    assert digest(path + "/mem") == before


def memory_is_in_use():
    path = snapshot()
    with User(path + "/mem") as pid:
        refused(path, says=f"is mapped by process {pid}")
        refused(path, "--unseen-ok", says=f"is mapped by process {pid}")
    with User(path + "/mem", maps=False) as pid:  # it may serve a VM's memory
        refused(path, says=f"is open in process {pid}")
        done = subprocess.run(
            command(
                ["--snapshot", path, "--token", "tok", "--iters", "1", "--no-record", "--unseen-ok"]
            ),
            capture_output=True,
            check=False,
            env=environment(),
            timeout=60,
        )
        assert done.returncode == 0, done
        # from here the process cannot be named
        refused(
            path,
            prefix=("unshare", "--pid", "--fork", "--mount-proc"),
            says="who cannot be seen from here",
        )


def two_benches():
    """The second one on a snapshot is refused before it does anything, and the lock goes with its
    holder, however that ends."""
    path = snapshot()
    os.makedirs(folder + "/other", exist_ok=True)
    os.path.lexists(folder + "/other/link") or os.symlink(path, folder + "/other/link")
    words = command(
        ["--snapshot", path, "--iters", "1", "--timeout", "300s", "--no-record"]
    )  # it has no token: nothing but the lock is in the way
    with subprocess.Popen(
        words,
        env=environment(FIXTURE_GUEST="", FIXTURE_LOG=folder + "/first"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as first:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and not (
                os.path.exists(folder + "/first")
                and "resume" in Path(folder + "/first").read_text().lower()
            ):
                time.sleep(0.05)
            Path(folder + "/requests").unlink(missing_ok=True)
            refused(path, says="is in use: another bench")
            refused(folder + "/other/link", "--network", "none", says="is in use: another bench")
            assert not os.path.exists(folder + "/requests"), "it started a VMM"
        finally:
            first.kill()
            first.wait()
    time.sleep(0.5)
    only_a_folder_is_left()
    run = result("--snapshot", path, "--token", "tok", "--iters", "1")
    assert ends(run) == ["done"], run


def api(path, method, url, body):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        text = json.dumps(body)
        sock.sendall(
            f"{method} {url} HTTP/1.1\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
        )
        answer = sock.recv(4096)
    assert answer.startswith(b"HTTP/1.1 20"), answer


def taken_over_itself():
    """--take-snapshot would write over the very file on which the VM runs."""
    path, listens = snapshot(), folder + "/template.sock"
    before = digest(path + "/mem")
    with subprocess.Popen(
        [FIXTURE, "--api-sock", listens, "--id", "template"],
        env=environment(FIXTURE_LOG="", FIXTURE_GUEST=""),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as vmm:
        try:
            while not os.path.exists(listens):
                time.sleep(0.05)
            api(
                listens,
                "PUT",
                "/snapshot/load",
                {
                    "snapshot_path": path + "/state",
                    "resume_vm": True,
                    "mem_backend": {"backend_type": "File", "backend_path": path + "/mem"},
                },
            )
            done = subprocess.run(
                command(
                    ["--snapshot", path, "--iters", "1", "--no-record", "--take-snapshot", listens]
                ),
                capture_output=True,
                text=True,
                check=False,
                env=environment(),
                timeout=60,
            )
            assert (
                done.returncode == 1
                and "would write over" in done.stderr
                and f"is mapped by process {vmm.pid}" in done.stderr
            ), done
            assert digest(path + "/mem") == before
        finally:
            vmm.kill()
            os.path.exists(listens) and os.unlink(listens)


def taken_where_the_vmm_is():
    """The VMM writes where the path leads it, which is not into a folder of the same name that it
    has, with a memory file that is in use."""
    path, source, listens = snapshot(), snapshot("source"), folder + "/template.sock"
    other = folder + "/elsewhere/snap"
    os.makedirs(other, exist_ok=True)
    for prefix, status, says in (
        ((), 0, "is paused, its snapshot is in " + os.path.realpath(path)),
        (
            (
                "unshare",
                "-m",
                "sh",
                "-c",
                'mount --bind "$1" "$2"; shift 2; exec "$@"',
                "sh",
                other,
                path,
            ),
            1,
            "has another file system",
        ),
    ):
        Path(other + "/mem").write_bytes(b"of another VM" * 1000)
        Path(other + "/state").write_bytes(b"state")
        before, mine = digest(other + "/mem"), digest(path + "/mem")
        with User(other + "/mem"), subprocess.Popen(
            [*prefix, FIXTURE, "--api-sock", listens, "--id", "template"],
            cwd=folder + "/elsewhere",
            env=environment(FIXTURE_LOG="", FIXTURE_GUEST=""),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as vmm:
            try:
                while not os.path.exists(listens):
                    time.sleep(0.05)
                api(
                    listens,
                    "PUT",
                    "/snapshot/load",
                    {
                        "snapshot_path": source + "/state",
                        "resume_vm": True,
                        "mem_backend": {"backend_type": "File", "backend_path": source + "/mem"},
                    },
                )
                done = subprocess.run(
                    command(
                        [
                            "--snapshot",
                            "snap",
                            "--iters",
                            "1",
                            "--no-record",
                            "--network",
                            "none",
                            "--take-snapshot",
                            listens,
                        ]
                    ),
                    capture_output=True,
                    text=True,
                    check=False,
                    env=environment(),
                    timeout=60,
                    cwd=folder,
                )
                assert says in done.stderr, done
                assert digest(other + "/mem") == before, "another VM's memory file was written"
                assert (digest(path + "/mem") == mine) == bool(status), done
                assert done.returncode in (status, 3), done
            finally:
                vmm.kill()
                os.path.exists(listens) and os.unlink(listens)


def outputs_are_new_files():
    """FILE.json and FILE.log: a file that is there is replaced, not written into, and no link is
    followed."""
    out, victim = folder + "/out.fsr", folder + "/victim"
    for suffix in (".json", ".log"):
        Path(victim).write_bytes(b'{\n "format": memory')
        os.path.lexists(out + suffix) and os.unlink(out + suffix)
        os.link(victim, out + suffix)
        words = command(["--snapshot", snapshot(), "--token", "tok", "--iters", "1", "-o", out])
        subprocess.run(words, capture_output=True, check=False, env=environment(), timeout=120)
        assert Path(victim).read_bytes() == b'{\n "format": memory', suffix
        assert os.stat(out + suffix).st_ino != os.stat(victim).st_ino, suffix
        os.unlink(victim)


LATE = """#!{python}
import mmap, os, shutil, subprocess, sys, time
how, path, pid = sys.argv[1:]
if how == "moves":
    shutil.copy(path, path + "2")
    os.replace(path + "2", path)
elif how == "maps" and os.fork():
    while not os.path.exists(pid):
        time.sleep(0.01)
elif how == "maps":
    os.setsid()
    with open(path, "rb") as handle:
        kept = mmap.mmap(handle.fileno(), 0, prot=mmap.PROT_READ)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    with open(pid + ".new", "w") as out:
        out.write(str(os.getpid()))
    os.rename(pid + ".new", pid)
    time.sleep(300)
"""


def emptied_as_it_was_filled():
    """Who maps the file at the end is in the way then too, and another file of that name is left
    alone: a warning says that it stays full."""
    guest, pid = folder + "/late", folder + "/late.pid"
    Path(guest).write_text(LATE.replace("{python}", sys.executable), encoding="ascii")
    os.chmod(guest, 0o755)
    for how, says in (("maps", "is mapped by process"), ("moves", "is another file by now")):
        path = snapshot()
        before = digest(path + "/mem")
        try:
            done = subprocess.run(
                command(
                    [
                        "--snapshot",
                        path,
                        "--token",
                        "tok",
                        "--iters",
                        "1",
                        "--no-record",
                        "--",
                        guest,
                        how,
                        path + "/mem",
                        pid,
                    ],
                    vmm="attach",
                ),
                capture_output=True,
                text=True,
                check=False,
                env=environment(),
                timeout=120,
            )
            assert done.returncode == 0 and "stays full" in done.stderr and says in done.stderr, (
                how,
                done,
            )
            assert digest(path + "/mem") != before
        finally:
            if os.path.exists(pid):
                os.kill(int(Path(pid).read_text()), signal.SIGKILL)
                os.unlink(pid)


def tap_exists():
    subprocess.run(["ip", "tuntap", "add", f"fsb{(16 << 16) + 2}", "mode", "tap"], check=True)
    try:
        done = subprocess.run(
            command(
                [
                    "--snapshot",
                    snapshot(),
                    "--token",
                    "tok",
                    "--iters",
                    "1",
                    "--network",
                    "host",
                    "--override",
                    "eth0",
                    "--no-record",
                    "--json",
                ]
            ),
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            timeout=60,
        )
        assert done.returncode == 1 and "exists already" in done.stderr, done
        (fork,) = json.loads(done.stdout)["forks"]
        assert (
            fork["end"] == "failed" and "exists already" in fork["why"] and fork["pid"] == 0
        ), fork
    finally:
        subprocess.run(
            ["ip", "link", "del", f"fsb{(16 << 16) + 2}"], check=True
        )  # not ours, so bench has left it
    assert not left_behind()


def no_address():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "3",
        "-c",
        "3",
        "--network",
        "host",
        "--override",
        "eth0",
        "--addresses",
        "172.16.0.0/30",
        status=3,
        says="no free address is left",
    )
    assert sorted(ends(run)) == ["done", "failed", "failed"], ends(run)
    assert all(
        "no free address" in fork["why"] and fork["pid"] == 0
        for fork in run["forks"]
        if fork["end"] == "failed"
    ), run["forks"]


def signals_that_are_not_there():
    bench(
        "--snapshot",
        snapshot(),
        "--signal",
        "vmclock",
        status=1,
        says="no VMClock: it came with 1.15",
    )
    path = snapshot()
    done = bench(
        "--snapshot",
        f"vmclock={path}",
        "--snapshot",
        f"vmgenid={snapshot('b')}",
        "--signal",
        "vmclock,vmgenid",
        "--token",
        "tok",
        "--iters",
        "1",
        FIXTURE_VERSION="1.15.1",
    )
    assert "vmclock:none" in done.stdout and "vmgenid:none" in done.stdout
    bench(
        "--snapshot",
        path,
        "--signal",
        "vmclock,vmgenid",
        status=2,
        says="each needs a snapshot of its own",
    )


def interrupt(*words, until, again=False, **env):
    """(status, forks, what was said) of a bench that is asked to end once it has said `until`."""
    with subprocess.Popen(
        command(
            [
                "--snapshot",
                snapshot(),
                "--token",
                "tok",
                "--json",
                "--no-record",
                "--timeout",
                "60s",
                *words,
            ]
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**env),
    ) as run:
        output = ""
        for line in run.stderr:
            output += line
            if until in line:
                break
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)
        if again:
            time.sleep(0.2)
            run.send_signal(signal.SIGINT)
        out, rest = run.communicate(timeout=60)
    return run.returncode, json.loads(out)["forks"] if out else None, output + rest


def interrupted_while_a_guest_is_awaited():
    """None is done: what ran is counted as stopped, and is no failure."""
    status, forks, _ = interrupt(
        "--iters", "4", "-c", "2", until="4 forks each", FIXTURE_GUEST="mailbox"
    )
    assert (
        status == 3 and [fork["end"] for fork in forks] == ["stopped"] * 2 and not left_behind()
    ), (status, forks, left_behind())


def interrupted_twice():
    """At once, whatever hangs: only the folder of sockets stays, as after SIGKILL."""
    began = time.monotonic()
    status, forks, _ = interrupt(
        "--iters", "4", until="4 forks each", again=True, FIXTURE_FAULT="hang PUT /snapshot/load"
    )
    assert status == -signal.SIGINT and forks is None and time.monotonic() - began < 20, (
        status,
        forks,
    )
    time.sleep(0.5)
    only_a_folder_is_left()


def interrupted():
    with subprocess.Popen(
        command(
            [
                "--snapshot",
                snapshot(),
                "--token",
                "tok",
                "--iters",
                "50",
                "--json",
                "--no-record",
                "--timeout",
                "60s",
            ]
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as run:
        for line in run.stderr:
            if line.startswith("forkscope: fork 2 "):
                break
        time.sleep(0.2)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=60)
    got = json.loads(out)
    assert run.returncode == 3, run.returncode
    assert 2 <= len(got["forks"]) < 50 and ends(got).count("done") >= 2 and not left_behind(), (
        ends(got),
        left_behind(),
    )


def only_a_folder_is_left():
    rest = left_behind()
    assert all(re.fullmatch(r"forkscope-bench-\w+", each) for each in rest) and len(rest) <= 1, rest
    subprocess.run(["rm", "-rf", *[f"{folder}/tmp/{each}" for each in rest]], check=True)


def killed():
    """Even then VMMs, TAPs and namespaces are gone; only the folder of sockets stays."""
    with subprocess.Popen(
        command(
            ["--snapshot", snapshot(), "--token", "tok", "--iters", "50", "-c", "3", "--no-record"]
        ),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment(FIXTURE_GUEST=""),
    ) as run:
        time.sleep(3)
        run.kill()
    time.sleep(0.5)
    only_a_folder_is_left()


# --- the other VMMs -----------------------------------------------------------------------------


def qemu():
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        "--prefetch",
        "none,all",
        "--",
        FIXTURE,
        "-object",
        "memory-backend-file,id=m,mem-path={memory},share=off",
        vmm="qemu",
    )
    assert ends(run) == ["done"] * 4, run
    bench("--snapshot", snapshot(), vmm="qemu", status=2, says="needs the command")


def ch_snapshot(name, **config):
    """One of Cloud Hypervisor's, as it saves it: config.json, state.json and memory-ranges."""
    path = snapshot(name)
    os.remove(path + "/state")
    Path(path, "state.json").write_text("{}")
    Path(path, "config.json").write_text(
        json.dumps({"serial": {"mode": "Off"}, "net": [{"tap": "tap0"}], **config})
    )
    os.rename(path + "/mem", path + "/memory-ranges")
    return path


def requests(pattern):
    """What the VMMs noted since the last time."""
    log = Path(folder, "requests")
    found = re.findall(pattern, log.read_text()) if log.exists() else []
    log.write_text("")
    return found


def cloud_hypervisor():
    path = ch_snapshot("ch")
    bench(
        "--snapshot",
        path,
        "--signal",
        "vmgenid",
        vmm="cloud-hypervisor",
        status=1,
        says="config.json has no VMGenID",
    )
    bench(
        "--snapshot",
        path,
        "--signal",
        "vmclock",
        vmm="cloud-hypervisor",
        status=1,
        says="has no VMClock",
    )
    run = result(
        "--snapshot",
        path,
        "--signal",
        "none",
        "--token",
        "tok",
        "--iters",
        "2",
        "--restore-mode",
        "ondemand",
        vmm="cloud-hypervisor",
    )
    assert ends(run) == ["done"] * 2 and run["vmm_version"] == "v53.0.0", run


def ch_signal_of_the_config():
    path = ch_snapshot("chgen", platform={"vmgenid": True})
    for each in ("vmgenid", "auto"):
        run = result(
            "--snapshot",
            path,
            "--signal",
            each,
            "--token",
            "tok",
            "--iters",
            "1",
            vmm="cloud-hypervisor",
            FIXTURE_VERSION="v54.0",
        )
        assert ends(run) == ["done"], run
    bench(
        "--snapshot",
        path,
        "--signal",
        "vmclock",
        vmm="cloud-hypervisor",
        status=1,
        says="has no VMClock",
    )


def ch_restore_modes():
    path = ch_snapshot("chmode")
    words = ("--snapshot", path, "--signal", "none", "--token", "tok", "--iters", "1")
    for version, mode, field in (
        ("v54.0", "copyonwrite", '"memory_restore_mode":"CopyOnWrite"'),
        ("v53.0", "prefault", '"prefault":true'),
        ("v53.0", "ondemand", '"memory_restore_mode":"OnDemand"'),
        ("v53.0", "copy", ""),
    ):
        requests("")
        assert ends(
            result(*words, "--restore-mode", mode, vmm="cloud-hypervisor", FIXTURE_VERSION=version)
        ) == ["done"]
        (sent,) = requests("PUT /api/v1/vm.restore (.*)")
        assert field in sent and (field or "memory_restore_mode" not in sent), sent
    # an older one would read over the field, and make another experiment
    bench(
        *words,
        "--restore-mode",
        "ondemand",
        vmm="cloud-hypervisor",
        status=1,
        FIXTURE_VERSION="v51.1",
        says="v51.1 does not know it, it came with 52",
    )
    bench(
        *words,
        "--restore-mode",
        "copyonwrite",
        vmm="cloud-hypervisor",
        status=1,
        FIXTURE_VERSION="v53.0",
        says="unknown variant",
    )
    requests("")
    for version, resumes in (("v53.0", 0), ("v51.1", 1)):
        assert ends(
            result(*words, "--resume-in-load", vmm="cloud-hypervisor", FIXTURE_VERSION=version)
        ) == ["done"]
        assert len(requests("PUT /api/v1/vm.resume")) == resumes, version


def ch_zones():
    """Memory that is a shared file is the template's own: forks map it privately, and nothing is in
    memory-ranges."""
    path = ch_snapshot("chzone")
    zone = folder + "/zone"
    os.rename(path + "/memory-ranges", zone)
    config = {
        "memory": {
            "size": 0,
            "shared": False,
            "zones": [{"id": "mem0", "size": SIZE, "file": zone, "shared": True}],
        },
        "net": [{"tap": "tap0"}],
    }
    Path(path, "config.json").write_text(json.dumps(config))
    before = digest(zone)
    words = ("--snapshot", path, "--signal", "none", "--token", "tok", "--iters", "2", "-c", "2")
    run = result(*words, "--prefetch", "none,all", vmm="cloud-hypervisor")
    assert ends(run) == ["done"] * 4 and digest(zone) == before, run
    assert all(
        fork["resident_bytes"] > 0.9 * SIZE for fork in run["forks"] if fork["arm"] == "none:all"
    ), run
    # a copy for each
    requests("")
    run = result(
        *words,
        "--network",
        "host",
        "--override",
        "eth0",
        "--addresses",
        "172.16.0.0/28",
        vmm="cloud-hypervisor",
    )
    used = {json.loads(each)["memory"]["zones"][0]["file"] for each in requests("config: (.*)")}
    assert (
        ends(run) == ["done"] * 2 and len(used) == 2 and zone not in used and digest(zone) == before
    ), (run, used)
    assert not [each for each in os.listdir(folder) if each.startswith("zone.")]
    # two of them: one has to be named
    Path(folder, "zone2").write_bytes(b"x" * MIB)
    config["memory"]["zones"].append(
        {"id": "mem1", "size": MIB, "file": folder + "/zone2", "shared": True}
    )
    Path(path, "config.json").write_text(json.dumps(config))
    bench(
        *words,
        vmm="cloud-hypervisor",
        status=1,
        says="has its memory in 2 files of zones: --memory-file FILE",
    )
    run = result(
        *words,
        "--memory-file",
        zone,
        vmm="cloud-hypervisor",
        says="has 1 more memory files than " + zone,
    )
    assert (
        ends(run) == ["done"] * 2
        and Path(folder, "zone2").read_bytes() == b"x" * MIB
        and digest(zone) == before
    ), run


def ch_files_of_the_template():
    """What the template's VM writes to or listens at is not the forks' to truncate or to bind."""
    names = ("serial", "console", "debug_console")
    path = ch_snapshot(
        "chfiles",
        vsock={"cid": 3, "socket": folder + "/ch.vsock"},
        **{name: {"mode": "File", "file": f"{folder}/{name}"} for name in names},
    )
    for name in names:
        Path(folder, name).write_text("the template's own words")
    with socket.socket(socket.AF_UNIX) as template:
        template.bind(folder + "/ch.vsock")
        run = result(
            "--snapshot",
            path,
            "--signal",
            "none",
            "--token",
            "tok",
            "--iters",
            "3",
            "-c",
            "3",
            vmm="cloud-hypervisor",
        )
    assert ends(run) == ["done"] * 3, run
    assert all(Path(folder, name).read_text() == "the template's own words" for name in names)


# --- what today's VMMs and snapshots need -------------------------------------------------------


def vsock():
    """The path of the device's socket is in the state: each fork has one of its own there, also at
    once, and whatever lies there already."""
    path, where = snapshot("vsock"), folder + "/v.sock"
    Path(path, "state").write_text(f"state vsock={where}\n")
    Path(folder, "requests").write_text("")
    words = ("--snapshot", path, "--token", "tok", "--iters", "4", "-c", "4")
    run = result(
        "--snapshot",
        path,
        "--token",
        "tok",
        "--iters",
        "2",
        status=3,
        says="with --vsock PATH each fork gets a socket of its own",
    )
    assert ends(run) == ["done", "failed"] and os.path.exists(
        where
    ), run  # the first one left it, as real ones do
    requests("")
    for version, alike in (("1.12.1", True), ("nightly", True), ("1.16.1", False)):
        run = result(*words, "--vsock", where, FIXTURE_VERSION=version)
        bound = requests("vsock: (.*)")
        assert (
            ends(run) == ["done"] * 4 and len(bound) == 4 and len(set(bound)) == (1 if alike else 4)
        ), (version, run, bound)
        assert not alike or bound[0] == where
    # pages are still populated through its mapping, which is one of another mount namespace
    run = result(
        "--snapshot",
        path,
        "--token",
        "tok",
        "--iters",
        "1",
        "--vsock",
        where,
        "--prefetch",
        "head:2MiB",
        "--mechanism",
        "populate",
    )
    assert ends(run) == ["done"] and run["forks"][0]["prefetch_missed_bytes"] == 0, run
    # copies of the memory lie next to it, and are removed
    Path(path, "state").write_text(f"state vsock={path}/v.sock\n")
    run = result(
        *words,
        "--vsock",
        path + "/v.sock",
        "--network",
        "host",
        "--override",
        "eth0",
        "--addresses",
        "172.16.0.0/28",
    )
    assert ends(run) == ["done"] * 4 and sorted(os.listdir(path)) == ["mem", "state"], (
        run,
        os.listdir(path),
    )
    run = result(
        "--snapshot",
        path,
        "--token",
        "tok",
        "--iters",
        "1",
        "--vsock",
        folder + "/nowhere/v.sock",
        status=1,
    )
    assert (
        "the folder of the socket" in run["forks"][0]["why"]
        and "No such file" in run["forks"][0]["why"]
    ), run
    bench(
        "--snapshot",
        path,
        "--vsock",
        where,
        vmm="cloud-hypervisor",
        status=2,
        says="each fork has its own",
    )
    assert not [
        line
        for line in Path("/proc/mounts").read_text().splitlines()
        if line.startswith("forkscope ")
    ]


def load_fields():
    path = snapshot()
    words = ("--snapshot", path, "--token", "tok", "--iters", "1")
    Path(folder, "requests").write_text("")
    run = result(
        *words,
        "--load-json",
        '{"clock_realtime": true}',
        "--load-json",
        '{"vsock_override": {"uds_path": "{folder}/x"}}',
        FIXTURE_VERSION="1.16.1",
        status=1,
    )
    (sent,) = map(json.loads, requests("PUT /snapshot/load (.*)"))
    assert "Unknown Vsock Device" in run["forks"][0]["why"] and sent["clock_realtime"] is True, (
        run,
        sent,
    )
    assert re.fullmatch(r"/.*/1/x", sent["vsock_override"]["uds_path"]), sent
    assert ends(
        result(*words, "--load-json", '{"clock_realtime": true}', FIXTURE_VERSION="1.15.1")
    ) == ["done"]
    run = result(
        *words, "--load-json", '{"clock_realtime": true}', status=1
    )  # this one does not know it
    assert "unknown field `clock_realtime`" in run["forks"][0]["why"], run
    run = result(*words, "--load-json", '{"x": "{nothing}"}', status=1)
    assert "{nothing} is nothing that is known here" in run["forks"][0]["why"], run
    for text, why in (
        ("[1]", "is not a JSON object"),
        ("{", "is not a JSON object"),
        ('{"resume_vm": true}', 'the bench sets "resume_vm" itself'),
    ):
        bench(*words, "--load-json", text, status=2, says=why)
    bench(
        "--iters",
        "1",
        "--load-json",
        "{}",
        "--",
        "true",
        vmm="attach",
        status=2,
        says="has no load request",
    )


def names_of_files():
    path = snapshot("names")
    words = ("--snapshot", path, "--token", "tok", "--iters", "1")
    os.rename(path + "/mem", path + "/mem_file")
    os.rename(path + "/state", path + "/snapshot_file")
    assert ends(result(*words)) == ["done"]
    Path(path, "mem").write_bytes(b"an older one")
    bench(*words, status=1, says="has both mem and mem_file: --memory-file NAME says which it is")
    assert ends(result(*words, "--memory-file", "mem_file")) == ["done"]
    os.rename(path + "/mem_file", folder + "/memory of another folder")
    os.rename(path + "/snapshot_file", path + "/my own name")
    bench(
        *words,
        "--memory-file",
        folder + "/memory of another folder",
        status=1,
        says="has no file state in it",
    )
    assert ends(
        result(
            *words,
            "--memory-file",
            folder + "/memory of another folder",
            "--state-file",
            "my own name",
        )
    ) == ["done"]
    bench(
        *words,
        "--memory-file",
        "nowhere",
        "--state-file",
        "my own name",
        status=1,
        says=f"--memory-file: there is no file {path}/nowhere",
    )


def fifos():
    """Whoever opens one waits for its other end."""
    for name in ("mem", "state"):
        path = snapshot("fifo" + name)
        os.remove(f"{path}/{name}")
        os.mkfifo(f"{path}/{name}")
        bench(
            "--snapshot",
            path,
            "--token",
            "tok",
            "--iters",
            "1",
            status=1,
            says=f"{path}/{name} is not a regular file",
        )
    path = ch_snapshot("fifoconfig")
    os.remove(path + "/config.json")
    os.mkfifo(path + "/config.json")
    bench(
        "--snapshot",
        path,
        "--signal",
        "none",
        "--iters",
        "1",
        vmm="cloud-hypervisor",
        status=1,
        says="config.json is not a regular file",
    )


def versions():
    path = snapshot()
    words = ("--snapshot", path, "--signal", "vmclock", "--token", "tok", "--iters", "1")
    run = result(*words, FIXTURE_VERSION="fork-1.15.2")
    assert (
        ends(run) == ["done"]
        and run["vmm_version"] == "fork-1.15.2"
        and run["vmm_version_given"] is None
    ), run
    bench(
        *words,
        status=1,
        FIXTURE_VERSION="fc2-fork-1.10.1",
        says="has no VMClock: it came with 1.15",
    )
    bench(
        *words,
        status=1,
        FIXTURE_VERSION="nightly",
        says=(
            'it is "nightly", in which no version is to be read: --vmm-version N.N',
            "VMClock (from 1.15 on) is not known",
        ),
    )
    run = result(*words, "--vmm-version", "1.15", FIXTURE_VERSION="nightly")
    assert ends(run) == ["done"] and run["vmm_version_given"] == "1.15", run
    bench(*words, "--vmm-version", "new", status=2, says="is not a version such as 1.15.1")


def attach():
    run = result("--iters", "2", "--", "sh", "-c", "echo {fork}; sleep 0.1", vmm="attach")
    assert ends(run) == ["done"] * 2 and run["network"] == "none", run
    run = result(
        "--iters", "1", "--", "sh", "-c", "echo broken {fork}; exit 9", vmm="attach", status=1
    )
    assert (
        ends(run) == ["failed"]
        and "ended with status 9" in run["forks"][0]["why"]
        and "broken fork-1" in run["forks"][0]["why"]
    )
    run = result("--iters", "1", "--timeout", "300ms", "--", "sleep", "100", vmm="attach", status=1)
    assert ends(run) == ["failed"] and "did not end in time" in run["forks"][0]["why"]


def tun_for_all():
    """As udev leaves it: whoever owns a TAP may open it. Seen in this mount namespace alone."""
    if os.stat("/dev/net/tun").st_mode & 0o006 != 0o006:
        os.mknod(folder + "/tun", stat.S_IFCHR, os.makedev(10, 200))
        os.chmod(folder + "/tun", 0o666)
        subprocess.run(["mount", "--bind", folder + "/tun", "/dev/net/tun"], check=True)


def jailer():
    tun_for_all()
    base = os.path.join(folder, "jail")
    os.makedirs(base, exist_ok=True)
    for each in (folder, base):
        os.chmod(each, 0o755)
    path = snapshot()
    os.chmod(path + "/mem", 0o644)
    # a path in the jail, and in each a socket of its own
    Path(path, "state").write_text("state vsock=/run/fc/v.sock\n")
    os.chmod(path + "/state", 0o644)
    Path(folder, "requests").write_text("")
    os.chmod(folder + "/requests", 0o666)  # the jailed ones write there, too
    words = [
        "--snapshot",
        path,
        "--token",
        "tok",
        "--iters",
        "2",
        "-c",
        "2",
        "--jailer",
        FIXTURE,
        "--vmm-bin",
        FIXTURE,
        "--jail-base",
        base,
    ]
    for version, where in (("1.12.1", "/run/fc/v.sock"), ("1.16.0", "/vsock.sock")):
        run = result(
            *words,
            "--vsock",
            "/run/fc/v.sock",
            "--jailer-arg",
            "--cgroup",
            "--jailer-arg",
            "cpu.weight=100",
            FIXTURE_VERSION=version,
        )
        assert ends(run) == ["done"] * 2, run
        noted = Path(folder, "requests").read_text()
        assert (
            len(set(re.findall("vsock: (.*)", noted))) == 2 and noted.count(where + "\n") == 2
        ), noted
        assert len(re.findall("jailer: .* --cgroup cpu.weight=100", noted)) == 2, noted
        Path(folder, "requests").write_text("")
        assert not list(Path(base, "fixture.py").iterdir()), "the jails were not removed"
    for arg, why in (
        ("--uid", "the bench sets it: --jail-uid"),
        ("--new-pid-ns", "who the VMM is would not be known"),
    ):
        bench(*words, "--jailer-arg", arg, status=2, says=why)
    bench(
        "--snapshot", path, "--jailer-arg", "--cgroup", status=2, says="--jailer-arg needs --jailer"
    )


def recorded():
    if subprocess.run([FORKSCOPE, "doctor"], capture_output=True, check=False).returncode:
        return "SKIP this kernel records nothing"
    out = os.path.join(folder, "run.fsr")
    run = result(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        "--prefetch",
        "none,all",
        "-o",
        out,
        "--end",
        "after:50ms",
        record=True,
    )
    arms = run.pop("recorded")  # the fixture has no VM, so there are no forks in the recording
    assert (
        arms and ends(run) == ["done"] * 4 and json.loads(Path(out + ".json").read_text()) == run
    ), arms
    dump = subprocess.run(
        [FORKSCOPE, "dump", out], capture_output=True, text=True, check=True
    ).stdout
    marks = re.findall(r'MARK .*tgid=(\d+) .*name="arm:([^"]+)"', dump)
    reported = re.findall(r'MARK .*tgid=(\d+) .*name="(?:resident|prefetch):([^"]+)"', dump)
    assert (
        len(reported) == 8
        and (str(run["forks"][0]["pid"]), str(run["forks"][0]["resident_bytes"] // 4096))
        in reported
    ), reported
    assert marks == [(str(fork["pid"]), fork["arm"]) for fork in run["forks"]], (
        marks,
        run["forks"],
    )
    table = bench(
        "--snapshot",
        snapshot(),
        "--token",
        "tok",
        "--iters",
        "2",
        "-o",
        out,
        "--end",
        "after:50ms",
        record=True,
        says="no fork is in the recording",
    ).stdout
    assert re.search(r"^auto:none +1 +[\d.]+ / \d+ / \d+", table, re.M), table
    return None


def main():
    global folder
    if os.environ.get("FORKSCOPE_TEST_NETNS") != "1":
        if os.geteuid():
            print("1..0 # SKIP only root may make namespaces")
            return
        os.environ["FORKSCOPE_TEST_NETNS"] = "1"
        os.execvp("unshare", ["unshare", "-nm", sys.executable, "-B", *sys.argv])
    os.makedirs(SOCKETS, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", SOCKETS], check=True)
    tap = Tap()
    with tempfile.TemporaryDirectory(
        prefix="forkscope-test-", dir=volumes.plain_folder()
    ) as folder:
        os.mkdir(folder + "/tmp")
        os.chmod(folder + "/tmp", 0o755)
        chosen = sys.argv[1:]
        for case in (
            arms_and_residency,
            warm,
            clamped,
            workingset,
            populate,
            populate_on_btrfs,
            beside_with_a_rate,
            csv_and_table,
            full_mailbox,
            does_not_wait,
            many_at_once,
            one_namespace,
            lives_until_it_was_read,
            never_acks,
            no_token,
            one_memory_file,
            paths_that_are_not_utf8,
            agent_says_error,
            many_acks,
            flooding_guest,
            load_is_refused,
            vmm_dies,
            vmm_hangs,
            each_counted_for_what_it_is,
            vmm_never_starts,
            wrong_snapshots,
            memory_is_in_use,
            two_benches,
            taken_over_itself,
            taken_where_the_vmm_is,
            outputs_are_new_files,
            emptied_as_it_was_filled,
            tap_exists,
            no_address,
            signals_that_are_not_there,
            interrupted,
            interrupted_while_a_guest_is_awaited,
            interrupted_twice,
            killed,
            qemu,
            cloud_hypervisor,
            ch_signal_of_the_config,
            ch_restore_modes,
            ch_zones,
            ch_files_of_the_template,
            vsock,
            load_fields,
            names_of_files,
            fifos,
            versions,
            attach,
            jailer,
            recorded,
        ):
            if not chosen or case.__name__ in chosen:
                tap.case(case.__name__.replace("_", " "), case)
        volumes.unmount()
    tap.end()


main()
