#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""forkscope mailbox on hugetlbfs: it takes no huge page of the host, and fills a mailbox all the
same. TAP; root.

It sets vm.nr_hugepages, so it runs in the lab alone:

    tools/lab run [--kernel K] tests/lab/hugetlb.py
"""

import json
import mmap
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(os.environ.get("FORKSCOPE_TOP", Path(__file__).resolve().parents[2]))
OUT = TOP / os.environ.get("O", ".output")
sys.path.insert(0, str(TOP / "tests/agent"))
# pylint: disable=wrong-import-position
import peer_patcher
from environment import Tap

HUGE, MIB = 2 << 20, 1 << 20
SIZE, PAGES = 64 * MIB, 24  # the file is larger than what is free, and mostly holes
AT = 13 * HUGE + 0x12E00  # of a mailbox that is not aligned to a page
FIELDS = [
    "--interface",
    "eth0",
    "--mac",
    "06:00:ac:10:00:22",
    "--ip",
    "172.16.0.2",
    "--prefix",
    "29",
    "--gateway",
    "172.16.0.1",
]
folder = None


def free():
    return int(Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").read_text())


def memory(name, *boxes):
    """A sparse file of huge pages, with data in the pages of the mailboxes and in one more."""
    path = f"{folder}/huge/{name}"
    with open(path, "w+b") as out:
        out.truncate(SIZE)
        for at, box in [*((at, peer_patcher.arm(token)) for at, token in boxes), (7 * HUGE, b"x")]:
            base, end = at // HUGE * HUGE, -(-(at + len(box)) // HUGE) * HUGE
            with mmap.mmap(out.fileno(), end - base, offset=base) as pages:
                pages[at - base : at - base + len(box)] = box
    os.chmod(path, 0o640)
    return path


def page(path, at, size=4096):
    with open(path, "rb") as handle:
        return os.pread(handle.fileno(), size, at)


def mailbox(*words, status=0):
    done = subprocess.run(
        [str(OUT / "forkscope"), "mailbox", *words, "--token", "tok", "--no-remember"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, (words, done)
    return done


def finds():
    path = memory("found", (AT, b"tok"))
    before = free()
    out = json.loads(mailbox("find", path, "--json").stdout)
    assert out["offset"] == AT and out["searched"] == 2 * HUGE, out
    border = memory("border", (4 * HUGE - 20, b"tok"))  # across two of the search's reads
    assert json.loads(mailbox("find", border, "--json").stdout)["offset"] == 4 * HUGE - 20
    os.unlink(border)
    assert "no mailbox" in mailbox("find", memory("none"), status=1).stderr
    os.unlink(f"{folder}/huge/none")
    assert free() == before, f"{before - free()} huge pages are used up"
    os.unlink(path)
    return f"{before} of {PAGES} huge pages free before and after"


def fills():
    path = memory("filled", (AT, b"tok"))
    before, free_before = page(path, 0, SIZE), free()
    mailbox("patch", path, *FIELDS)
    after = page(path, 0, SIZE)
    sequence, body = peer_patcher.read(after[AT : AT + 4096])
    assert sequence == 1 and json.loads(body)["ipv4"] == "172.16.0.2", (sequence, body)
    expected = bytearray(before)
    expected[AT + 64 : AT + 72 + len(body)] = b"\1\0\0\0" + len(body).to_bytes(4, "little") + body
    assert after == bytes(expected), "it wrote something else"
    assert free() == free_before, f"{free_before - free()} huge pages are used up"
    assert "full already" in mailbox("patch", path, *FIELDS, status=1).stderr
    os.unlink(path)


def is_guarded():
    path = memory("mapped", (AT, b"tok"))
    before = page(path, 0, SIZE)
    for flags in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
        with open(path, "rb") as handle:
            with mmap.mmap(
                handle.fileno(),
                SIZE,
                flags=flags | getattr(mmap, "MAP_NORESERVE", 0x4000),
                prot=mmap.PROT_READ,
            ):
                handle.close()
                assert (
                    f"mapped by process {os.getpid()}"
                    in mailbox("patch", path, *FIELDS, "--unseen-ok", status=1).stderr
                )
    assert page(path, 0, SIZE) == before
    os.unlink(path)


def copies():
    path, copy = memory("copied", (AT, b"tok")), f"{folder}/copy"
    before, free_before = page(path, 0, SIZE), free()
    output = mailbox(
        "patch", path, *FIELDS, "--private-copy", f"{folder}/huge/copy", status=1
    ).stderr
    assert "copies are not made" in output and "another file system" in output, output
    assert os.listdir(f"{folder}/huge") == ["copied"], os.listdir(f"{folder}/huge")
    mailbox("patch", path, *FIELDS, "--private-copy", copy)
    after = bytearray(Path(copy).read_bytes())
    assert peer_patcher.read(bytes(after[AT : AT + 4096]))[0] == 1
    after[AT + 64 : AT + 4096] = before[AT + 64 : AT + 4096]
    assert after == before and page(path, 0, SIZE) == before
    assert os.stat(copy).st_blocks * 512 <= 4 * MIB, "holes became data"
    assert free() == free_before, f"{free_before - free()} huge pages are used up"


def main():
    global folder
    if os.environ.get("FORKSCOPE_LAB") != "1":
        print("1..0 # SKIP it sets a kernel parameter, so it runs in the lab alone")
        return
    Path("/proc/sys/vm/nr_hugepages").write_text(str(PAGES))
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="forkscope-huge-") as folder:
        os.mkdir(f"{folder}/huge")
        subprocess.run(["mount", "-t", "hugetlbfs", "none", f"{folder}/huge"], check=True)
        for name, case in (
            ("find takes no huge page", finds),
            ("patch fills a mailbox there", fills),
            ("patch is guarded there", is_guarded),
            ("private copies", copies),
        ):
            tap.case(name, case)
        subprocess.run(["umount", f"{folder}/huge"], check=False)
    Path("/proc/sys/vm/nr_hugepages").write_text("0")
    tap.end()


main()
