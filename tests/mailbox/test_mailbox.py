#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""forkscope mailbox find | show | patch on real files, held against a peer written from the
protocol alone."""

import ctypes
import fcntl
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "agent"))
# pylint: disable=wrong-import-position
import peer_patcher
import volumes
from environment import Tap

TOP = HERE.parents[1]
OUT = Path(os.environ.get("O", ".output"))
OUT = OUT if OUT.is_absolute() else TOP / OUT
FORKSCOPE = str(OUT / "forkscope")
MIB = 1 << 20
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
    "--ack-port",
    "9797",
]
CONTENT = {
    "interface_name": "eth0",
    "mac": "06:00:ac:10:00:22",
    "ipv4": "172.16.0.2",
    "prefix": 29,
    "gateway": "172.16.0.1",
    "ack_port": 9797,
}
folder = None  # of this run


def path_of(name):
    return os.path.join(folder, name)


def memory(*boxes, size=16 * MIB, name="memory", mode=0o640):
    """A sparse memory file with mailboxes: (offset, token[, name of a fork mailbox])."""
    path = path_of(name)
    if os.path.exists(path):
        os.unlink(path)
    with open(path, "wb") as out:
        out.truncate(size)
        for at, token, *fork in boxes:
            out.seek(at)
            out.write(peer_patcher.arm(token, *fork)[: max(0, size - at)])
    os.chmod(path, mode)
    return path


def call(*words, stdin=b"", **more):
    env = {**os.environ, "XDG_CACHE_HOME": path_of("cache"), **more.pop("env", {})}
    return subprocess.run(
        [FORKSCOPE, "mailbox", *words],
        input=stdin,
        capture_output=True,
        check=False,
        env=env,
        **more,
    )


def good(*words, **more):
    done = call(*words, **more)
    assert done.returncode == 0, (words, done.returncode, done.stderr.decode())
    return done.stdout.decode()


def refused(*words, says, status=1, **more):
    done = call(*words, **more)
    output = done.stderr.decode()
    assert done.returncode == status, (words, done.returncode, output)
    assert says in output, (says, output)
    return done


def found(path, *more, token="tok"):
    return json.loads(good("find", path, "--token", token, "--json", *more))


def page(path, at, size=4096):
    with open(path, "rb") as handle:
        handle.seek(at)
        return handle.read(size)


# --- find -------------------------------------------------------------------------------------


def any_alignment():
    for at in (0, 1, 7, 0x1000, 0x1003, 0x12E00, 5 * MIB + 4000, 16 * MIB - 4096, 16 * MIB - 73):
        assert found(memory((at, b"tok")))["offset"] == at
        assert found(memory((at, b"tok")), "--no-remember")["offset"] == at
    for at in (0, 3, 0x7001, 16 * MIB - 4096):
        out = found(memory((at, b"tok", b"net-0")))
        assert (out["offset"], out["kind"], out["name"]) == (at, "fork", "net-0"), out


def whole_token():
    path = memory((0x3000, b"abcdef"), (0x5000, b"abc"), (0x7000, b"ab"))
    assert found(path, token="abc")["offset"] == 0x5000
    refused("find", path, "--token", "abcd", says="no mailbox with this token")
    longest = b"x" * 30
    assert found(memory((0x3000, longest)), token=longest.decode())["offset"] == 0x3000
    fork = b"y" * 128
    assert found(memory((0x3000, fork, b"n" * 64)), token=fork.decode())["offset"] == 0x3000


def two_or_none():
    path = memory((0x3000, b"tok"), (0x9001, b"tok"))
    done = refused("find", path, "--token", "tok", "--json", says="0x9001")
    assert "0x3000" in done.stderr.decode()
    out = json.loads(done.stdout)
    assert out["error"] == "several" and [match["offset"] for match in out["matches"]] == [
        0x3000,
        0x9001,
    ]
    refused("patch", path, "--token", "tok", *FIELDS, says="2 mailboxes")
    path = memory((0x3000, b"other"))
    done = refused("find", path, "--token", "tok", "--json", says="0x3000")
    assert json.loads(done.stdout)["error"] == "none"
    refused("find", memory(), "--token", "tok", says="no mailbox at all")
    refused(
        "find",
        memory(size=0),
        "--token",
        "tok",
        says="it is empty: give the snapshot's memory file",
    )


def kinds_and_names():
    path = memory((0x3000, b"tok"), (0x5000, b"tok", b"a"), (0x7000, b"tok", b"b"))
    refused("find", path, "--token", "tok", says="3 mailboxes")
    assert found(path, "--kind", "resume-network")["offset"] == 0x3000
    refused("find", path, "--token", "tok", "--kind", "fork", says="2 mailboxes")
    assert found(path, "--name", "b")["offset"] == 0x7000
    assert found(path, "--kind", "fork", "--name", "a")["offset"] == 0x5000


def wrong_use():
    path = memory((0x3000, b"tok"))
    for words in (
        [],
        ["find"],
        ["find", path],
        ["search", path],
        ["find", path, "--token", ""],
        ["find", path, path, "--token", "t"],
        ["find", path, "--token", "t", "--kind", "x"],
        ["find", path, "--token", "x" * 31, "--kind", "resume-network"],
        ["find", path, "--token", "x" * 129],
        ["find", path, "--token", "t", "--name", "a b"],
        ["find", path, "--token", "t", "--name", "a", "--kind", "resume-network"],
        ["patch", path, "--token", "tok"],
        ["patch", path, "--token", "tok", *FIELDS, "--payload", "-"],
        ["patch", path, "--token", "tok", *FIELDS[2:]],
        ["patch", path, "--token", "tok", *FIELDS, "--prefix", "33"],
        ["patch", path, "--token", "tok", *FIELDS, "--mac", "x"],
    ):
        done = call(*words)
        assert done.returncode == 2 and done.stderr and not done.stdout, (words, done)
    for words in (["--help"], ["find", "--help"], ["show", "-h"], ["patch", "--help"]):
        assert "usage:" in good(*words)


def no_memory_file():
    refused("find", "/nonexistent", "--token", "t", says="No such file")
    refused("find", folder, "--token", "t", says="regular")
    refused("find", "/dev/zero", "--token", "t", says="regular")
    os.mkfifo(path_of("pipe"))
    refused("find", path_of("pipe"), "--token", "t", says="regular", timeout=5)
    os.symlink(memory((0x3000, b"tok")), path_of("link"))
    assert found(path_of("link"))["offset"] == 0x3000


# --- the remembered offset --------------------------------------------------------------------


def resident_pages(path):
    """How many pages of the file are in the page cache."""
    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_long,
        ]
        libc.mincore.argtypes = libc.munmap.argtypes = None
        at = libc.mmap(None, size, 1, 1, handle.fileno(), 0)
        pages = (ctypes.c_ubyte * (size // 4096))()
        assert libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(size), pages) == 0
        libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(size))
        return sum(value & 1 for value in pages)


def forget_pages(path):
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())
        os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def one_page_read():
    path = memory((9 * MIB, b"tok"))
    with open(path, "r+b") as handle:  # no holes: a search would read it all
        for at in range(0, 9 * MIB, MIB):
            handle.seek(at)
            handle.write(b"\1" * MIB)
    first = found(path)
    assert first["found_by"] == "search" and first["searched"] >= 9 * MIB, first
    forget_pages(path)
    if resident_pages(path):
        return "SKIP this file system keeps its pages"
    second = found(path)
    assert second["found_by"] == "offset" and second["offset"] == 9 * MIB, second
    assert resident_pages(path) == 1, resident_pages(path)
    return None


def never_trusted():
    path = memory((0x3000, b"tok"))
    assert found(path)["found_by"] == "search"
    assert found(path)["found_by"] == "offset"
    before = os.stat(path)
    with open(path, "r+b") as handle:  # moved, and made to look as if nothing had happened
        handle.seek(0x3000)
        handle.write(bytes(4096))
        handle.seek(0x8000)
        handle.write(peer_patcher.arm(b"tok"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    out = found(path)
    assert out["found_by"] == "search" and out["offset"] == 0x8000, out
    with open(path, "r+b") as handle:  # written into: searched anew, for there may be two now
        handle.seek(0xC000)
        handle.write(peer_patcher.arm(b"tok"))
    refused("find", path, "--token", "tok", says="2 mailboxes")


def offset_file():
    path, kept = memory((0x3000, b"tok")), path_of("kept")
    assert found(path, "--offset-file", kept)["found_by"] == "search"
    assert found(path, "--offset-file", kept)["found_by"] == "offset"
    text = Path(kept).read_text(encoding="ascii")
    assert "tok" not in text
    Path(kept).write_text(text.replace("offset 12288", "offset 99999999999"), encoding="ascii")
    assert found(path, "--offset-file", kept)["found_by"] == "search"
    assert found(path, "--offset-file", kept, "--no-remember")["found_by"] == "search"
    assert found(path, "--offset-file", "/nonexistent/kept")["offset"] == 0x3000
    before = Path(path).read_bytes()
    assert found(path, "--offset-file", path)["offset"] == 0x3000  # named by mistake
    assert Path(path).read_bytes() == before, "it wrote its line over the memory file"


# --- patch ------------------------------------------------------------------------------------


def patch_is_exact():
    for at in (0x3000, 0x3001, 0x3E00):
        path = memory((at, b"tok"))
        before = Path(path).read_bytes()
        good("patch", path, "--token", "tok", *FIELDS)
        after = Path(path).read_bytes()
        sequence, body = peer_patcher.read(after[at : at + 4096])
        assert sequence == 1 and json.loads(body) == CONTENT, body
        expected = bytearray(before)
        expected[at + 64 : at + 72 + len(body)] = (
            b"\1\0\0\0" + len(body).to_bytes(4, "little") + body
        )
        assert after == bytes(expected), "it wrote something else"
        assert found(path)["found_by"] == "offset", "its own write made it forget"


def patch_order():
    shim, log = path_of("pwrites.so"), path_of("pwrites.log")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", shim, str(HERE / "pwrites.c"), "-ldl"], check=True
    )
    path = memory((0x3000, b"tok"))
    good("patch", path, "--token", "tok", *FIELDS, env={"LD_PRELOAD": shim, "PWRITES_LOG": log})
    size = len(peer_patcher.read(page(path, 0x3000))[1])
    writes = [
        tuple(map(int, line.split())) for line in Path(log).read_text(encoding="ascii").splitlines()
    ]
    assert writes == [(0x3000 + 72, size), (0x3000 + 68, 4), (0x3000 + 64, 4)], writes


def peers_see_it():
    path = memory((0x3000, b"tok"))
    body = json.dumps(CONTENT).encode()
    peer_patcher.patch(path, b"tok", body)
    out = json.loads(good("show", path, "--token", "tok", "--json"))
    assert (
        out["state"] == "full"
        and out["payload"]["json"] == CONTENT
        and out["payload"]["agent"] == "ok"
    )
    assert bytes.fromhex(out["payload"]["hex"]) == body
    assert "172.16.0.2/29" in good("show", path, "--token", "tok")
    path = memory((0x3000, b"tok", b"net"))
    good("patch", path, "--token", "tok", "--payload", "-", stdin=b"\0any bytes\xff")
    assert peer_patcher.read(page(path, 0x3000), b"net") == (1, b"\0any bytes\xff")
    assert "\\x00any bytes\\xff" in good("show", path, "--token", "tok")


def payload_sizes():
    room = 4024
    fill = (
        b'{"interface_name":"eth0","mac":"06:00:ac:10:00:22","ipv4":"172.16.0.2","prefix":29,'
        b'"gateway":"172.16.0.1","x":"%s"}'
    )
    longest = fill % (b"y" * (room - len(fill) + 2))
    assert len(longest) == room
    path = memory((0x3000, b"tok"))
    refused(
        "patch",
        path,
        "--token",
        "tok",
        "--payload",
        "-",
        stdin=longest + b" ",
        says="1 to 4024 bytes",
    )
    refused(
        "patch",
        path,
        "--token",
        "tok",
        "--payload",
        "-",
        stdin=longest * 3,
        says="1 to 4024 bytes, this one has more",
    )
    refused("patch", path, "--token", "tok", "--payload", "-", stdin=b"", says="refuse")
    refused("patch", path, "--token", "tok", "--payload", "/nonexistent", says="No such file")
    assert page(path, 0x3040, 8) == bytes(8)
    Path(path_of("payload")).write_bytes(longest)
    good("patch", path, "--token", "tok", "--payload", path_of("payload"))
    assert peer_patcher.read(page(path, 0x3000)) == (1, longest)
    path = memory((0x3001, b"tok"))  # one byte would be on the next page
    refused(
        "patch", path, "--token", "tok", "--payload", "-", stdin=longest, says="end of its page"
    )
    path = memory((0x3FD0, b"tok"))  # sequence and length would be
    refused("find", path, "--token", "tok", says="crosses the end of its page")


def what_the_agent_would_refuse():
    path = memory((0x3000, b"tok"))
    for body in (
        b"{",
        b"[]",
        b'{"mac":1}',
        json.dumps({**CONTENT, "prefix": 0}).encode(),
        json.dumps({**CONTENT, "mac": "no"}).encode(),
    ):
        refused(
            "patch",
            path,
            "--token",
            "tok",
            "--payload",
            "-",
            stdin=body,
            says="the agent would refuse",
        )
    assert page(path, 0x3040, 8) == bytes(8)


def gateway_outside():
    """The agent's route to it is "onlink" then: filled all the same, with a warning, unless the
    host is alone in its network."""
    for prefix, gateway, warns in (
        ("29", "172.16.0.9", True),
        ("29", "172.16.0.1", False),
        ("32", "172.16.0.1", False),
    ):
        path = memory((0x3000, b"tok"))
        fields = [*FIELDS, "--prefix", prefix, "--gateway", gateway]
        done = call("patch", path, "--token", "tok", *fields)
        assert (
            done.returncode == 0 and (b"is outside of 172.16.0.2/29" in done.stderr) == warns
        ), done


def full_already():
    path = memory((0x3000, b"tok"))
    good("patch", path, "--token", "tok", *FIELDS)
    before = Path(path).read_bytes()
    refused("patch", path, "--token", "tok", *FIELDS, says="full already")
    refused(
        "patch",
        path,
        "--token",
        "tok",
        *FIELDS,
        "--private-copy",
        path_of("never"),
        says="full already",
    )
    assert Path(path).read_bytes() == before and not os.path.exists(path_of("never"))
    with open(path, "r+b") as handle:
        handle.seek(0x3040)
        handle.write((77).to_bytes(4, "little"))
    refused("patch", path, "--token", "tok", *FIELDS, says="neither empty nor full (sequence 77)")


class Mapper:
    """Another process that maps the file, without keeping it open."""

    def __init__(self, path, flags="MAP_PRIVATE", protection="PROT_READ", mode="r+b"):
        code = (
            f"import mmap,sys\nf=open(sys.argv[1],'{mode}')\n"
            f"m=mmap.mmap(f.fileno(),4096,flags=mmap.{flags},prot=mmap.{protection})\nf.close()\n"
            f"print('ready',flush=True)\n"
            "sys.stdin.read()"
        )
        self.popen = subprocess.Popen(
            [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.popen.stdout.readline()

    def __enter__(self):
        return self.popen.pid

    def __exit__(self, *_):
        self.popen.communicate()


def mapped_files():
    path = memory((0x3000, b"tok"))
    before = Path(path).read_bytes()
    for words in ({}, {"flags": "MAP_SHARED"}, {"flags": "MAP_SHARED", "protection": "PROT_WRITE"}):
        with Mapper(path, **words) as pid:
            refused("patch", path, "--token", "tok", *FIELDS, says=f"process {pid}")
            refused("patch", path, "--token", "tok", *FIELDS, "--unseen-ok", says=f"process {pid}")
            os.link(path, path_of("name2"))  # the path does not matter
            refused("patch", path_of("name2"), "--token", "tok", *FIELDS, says=f"process {pid}")
            os.unlink(path_of("name2"))
    assert Path(path).read_bytes() == before
    with mmap.mmap(os.open(path, os.O_RDONLY), 4096, prot=mmap.PROT_READ):  # this test itself
        refused("patch", path, "--token", "tok", *FIELDS, says=f"process {os.getpid()}")


def unnamed_files():
    """Memory that was never opened by a name (a memfd, of huge pages too): the kernel gives a lease
    on it whoever maps it."""
    for flags in (0, os.MFD_HUGETLB):
        try:
            fd = os.memfd_create("memory", flags)
            os.ftruncate(fd, 4 * MIB)
            seen = mmap.mmap(fd, 4 * MIB)
        except OSError as why:  # no huge page is free
            print(f"# {flags}: {why}")
            continue
        seen[0x3000 : 0x3000 + 4096] = peer_patcher.arm(b"tok").ljust(4096, b"\0")
        os.fchmod(fd, 0o600)
        path = f"/proc/{os.getpid()}/fd/{fd}"
        for words in ([], ["--unseen-ok"], ["--private-copy", path_of("out")]):
            refused(
                "patch",
                path,
                "--token",
                "tok",
                "--no-remember",
                *FIELDS,
                *words,
                says=f"process {os.getpid()}",
            )
        assert seen[0x3000:0x4000] == peer_patcher.arm(b"tok").ljust(
            4096, b"\0"
        ) and not os.path.exists(path_of("out"))
        seen.close()
        refused(
            "patch",
            path,
            "--token",
            "tok",
            "--no-remember",
            *FIELDS,
            says=f"is open in process {os.getpid()}",
        )
        good("patch", path, "--token", "tok", "--no-remember", *FIELDS, "--unseen-ok")
        os.close(fd)


def first_thread_ended():
    """A process whose first thread has ended: /proc shows what the others use by their numbers
    alone."""
    code = (
        "import ctypes,mmap,os,sys,threading\nfd=os.memfd_create('m')\nos.ftruncate(fd,1<<20)\n"
        "os.write(fd,bytes(0x3000)+sys.stdin.buffer.read(4096))\n"
        "os.fchmod(fd,0o600)\nseen=mmap.mmap(fd,1<<20)\n"
        "def rest():\n    first.join()\n    print(threading.get_native_id(),fd,flush=True)\n    "
        "sys.stdin.buffer.read(1)\n    print(seen[0x3040],flush=True)\n"
        "    os._exit(0)\nfirst=threading.Thread(target=int)\nfirst.start()\n"
        "threading.Thread(target=rest).start()\nctypes.CDLL(None).syscall(60,0)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as popen:
        popen.stdin.write(peer_patcher.arm(b"tok").ljust(4096, b"\0"))
        popen.stdin.flush()
        thread, fd = popen.stdout.readline().split()
        while "(zombie)" not in Path(f"/proc/{popen.pid}/status").read_text():
            time.sleep(0.01)
        path = f"/proc/{popen.pid}/task/{int(thread)}/fd/{int(fd)}"
        refused(
            "patch",
            path,
            "--token",
            "tok",
            "--no-remember",
            *FIELDS,
            "--unseen-ok",
            says=f"is mapped by process {popen.pid}",
        )
        assert popen.communicate(b"x")[0] == b"0\n"


class Holder(Mapper):
    """Another process that only has the file open, as a pager has."""

    def __init__(self, path, user=None, maps=False):  # pylint: disable=super-init-not-called
        code = (
            "import mmap,sys\nf=open(sys.argv[1],'rb')\n"
            + (
                "m=mmap.mmap(f.fileno(),0,flags=mmap.MAP_PRIVATE,prot=mmap.PROT_READ)\n"
                if maps
                else ""
            )
            + "print('ready',flush=True)\nsys.stdin.read()"
        )
        become = (
            []
            if user is None
            else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        )
        self.popen = subprocess.Popen(
            [*become, "/usr/bin/python3", "-c", code, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.popen.stdout.readline() == b"ready\n"


def unharmed(path, *words, says, **more):
    """The patch is refused, and the file is as it was."""
    before = Path(path).read_bytes()
    done = refused(
        "patch", path, "--token", "tok", "--no-remember", *FIELDS, *words, says=says, **more
    )
    assert Path(path).read_bytes() == before
    return done


def only_open():
    """Open elsewhere but not mapped: a VM's memory may be served from it."""
    path = memory((0x3000, b"tok"))
    with Holder(path) as pid:
        unharmed(path, says=f"is open in process {pid}")
        good("patch", path, "--token", "tok", *FIELDS, "--unseen-ok")


def other_namespaces():
    """The kernel says that somebody has it open, and nobody can be named: refused all the same."""
    if os.geteuid():
        return "SKIP needs root"
    inside = [FORKSCOPE, "mailbox", "patch"]
    for holds, namespace in (
        (Mapper, ["unshare", "--pid", "--fork", "--mount-proc"]),
        (Holder, ["unshare", "--pid", "--fork", "--mount-proc"]),
        (Mapper, ["unshare", "--user", "--map-root-user"]),
    ):
        path = memory((0x3000, b"tok"))
        before = Path(path).read_bytes()
        words = [*namespace, *inside, path, "--token", "tok", "--no-remember", *FIELDS]
        with holds(path):
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if "unshare" in done.stderr:
                return "SKIP no such namespace here"
            assert done.returncode == 1 and "who cannot be seen from here" in done.stderr, (
                words,
                done,
            )
            assert Path(path).read_bytes() == before
            done = subprocess.run(
                [*words, "--unseen-ok"], capture_output=True, text=True, check=False
            )  # the only way on
            assert done.returncode == 0, (words, done)
        path = memory((0x3000, b"tok"))
        done = subprocess.run(
            words, capture_output=True, text=True, check=False
        )  # nobody has it open: the lease suffices from there too
        assert done.returncode == 0, (words, done)
    return None


def nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def subvolumes():
    """btrfs: maps shows another device than stat() does, one for all subvolumes, in which inode
    numbers come again."""
    try:
        place = volumes.btrfs(folder)
    except volumes.Unavailable as why:
        return f"SKIP {why}"
    os.chmod(folder, 0o755)
    path, twin = memory((0x3000, b"tok"), name="btrfs/one/memory"), memory(
        (0x3000, b"tok"), name="btrfs/two/memory"
    )
    assert os.stat(path).st_ino == os.stat(twin).st_ino, "the twins were to have one inode number"
    for each in (path, twin):
        os.chown(each, 65534, 65534)
    with Mapper(path) as pid:
        unharmed(path, "--unseen-ok", says=f"is mapped by process {pid}")
        with Holder(path) as opener, Holder(
            twin, maps=True
        ) as other:  # whose mapping is of the other subvolume's file
            assert f"process {other}" not in unharmed(path, says=f"process {pid}").stderr.decode()
            assert (
                f"process {opener}" not in unharmed(path, says=f"process {pid}").stderr.decode()
            )  # mappers first
    with Holder(
        path, user=65534, maps=True
    ) as pid:  # its owner may not follow the link that would tell
        unharmed(path, "--unseen-ok", says=f"is mapped by process {pid}", preexec_fn=nobody)
    # root of a user namespace may not either, though the mapper is in there with it
    os.chown(path, 0, 0)
    inside = (
        "import mmap,subprocess,sys\nf=open(sys.argv[1],'rb')\nm=mmap.mmap(f.fileno(),4096,"
        "flags=mmap.MAP_PRIVATE,prot=mmap.PROT_READ)\nf.close()\n"
        "sys.exit(subprocess.run(sys.argv[2:],check=False).returncode)"
    )
    before = Path(path).read_bytes()
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "/usr/bin/python3",
            "-c",
            inside,
            path,
            FORKSCOPE,
            "mailbox",
            "patch",
            path,
            "--token",
            "tok",
            "--no-remember",
            *FIELDS,
            "--unseen-ok",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        done.returncode == 1
        and "is mapped by process" in done.stderr
        and "may be seen from here" in done.stderr
    ), done
    assert Path(path).read_bytes() == before
    os.chown(path, 65534, 65534)
    good("patch", path, "--token", "tok", "--no-remember", *FIELDS, preexec_fn=nobody)
    subprocess.run(["rm", "-f", path, twin], check=True)
    assert place
    return None


def overlays():
    """A file under its names in an overlay and below it."""
    try:
        top = volumes.overlay(folder)
    except volumes.Unavailable as why:
        return f"SKIP {why}"
    for layer in ("upper", "lower"):
        below = memory((0x3000, b"tok"), name=f"{layer}/{layer}-memory")
        merged = f"{top}/merged/{layer}-memory"
        with Holder(merged, maps=True) as pid:
            unharmed(below, "--unseen-ok", says=f"is mapped by process {pid}")
            unharmed(merged, "--unseen-ok", says=f"is mapped by process {pid}")
        with Holder(below, maps=True) as pid:
            unharmed(below, "--unseen-ok", says=f"is mapped by process {pid}")
            unharmed(merged, "--unseen-ok", says=f"is mapped by process {pid}")
        unharmed(merged, says="a file of an overlay")  # nobody is seen, which shows nothing
        assert layer == "upper" or not os.path.exists(
            f"{top}/upper/lower-memory"
        ), "a refusal has copied the file up"
        good("patch", below, "--token", "tok", "--no-remember", *FIELDS)
    fresh = memory((0x3000, b"tok"), name="merged/fresh")
    good("patch", fresh, "--token", "tok", "--no-remember", *FIELDS, "--unseen-ok")
    return None


def holes_of_huge_pages():
    """A sparse file of hugetlbfs, on a machine that need not have a huge page free: it is read, and
    none is asked for."""
    try:
        place = path_of("huge")
        os.makedirs(place, exist_ok=True)
        volumes.mount(place, "-t", "hugetlbfs", "none")
    except volumes.Unavailable as why:
        return f"SKIP {why}"
    path = memory(size=64 * MIB, name="huge/memory")
    refused("find", path, "--token", "tok", says="no mailbox at all")
    assert os.stat(path).st_blocks == 0, "its holes were filled"
    out = memory((0x3000, b"tok"))
    refused(
        "patch",
        out,
        "--token",
        "tok",
        *FIELDS,
        "--private-copy",
        path_of("huge/copy"),
        says="give a path on another file system",
    )
    assert os.listdir(place) == ["memory"], os.listdir(place)
    os.unlink(path)
    return None


def locked_files():
    path = memory((0x3000, b"tok"))
    with open(path, "rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        refused("patch", path, "--token", "tok", *FIELDS, says="locked")
    good("patch", path, "--token", "tok", *FIELDS)


def odd_files():
    path = memory((0x3000, b"tok"), mode=0o666)
    refused("patch", path, "--token", "tok", *FIELDS, says="any user may write it")
    os.chmod(path, 0o4755)
    refused("patch", path, "--token", "tok", *FIELDS, says="set-uid")
    os.chmod(path, 0o640)
    os.link(path, path_of("second-name"))
    done = call("patch", path, "--token", "tok", *FIELDS)
    assert done.returncode == 0 and b"2 names" in done.stderr, done
    os.unlink(path_of("second-name"))


def other_users():
    if os.geteuid():
        return "SKIP needs root"
    path = memory((0x3000, b"tok"), mode=0o664)
    os.chmod(folder, 0o755)
    os.chown(path, 0, 65534)

    refused(
        "patch",
        path,
        "--token",
        "tok",
        "--no-remember",
        *FIELDS,
        says="belongs to user 0",
        preexec_fn=nobody,
    )
    os.chown(path, 65534, 65534)
    good("find", path, "--token", "tok", "--no-remember", preexec_fn=nobody)
    good(
        "patch", path, "--token", "tok", "--no-remember", *FIELDS, preexec_fn=nobody
    )  # the lease alone suffices
    path = memory((0x3000, b"tok"), mode=0o660)
    os.chown(path, 65534, 65534)
    with open(path, "rb"):  # open elsewhere: no lease, and root's processes cannot be seen
        unharmed(path, says="who cannot be seen from here", preexec_fn=nobody)
        good(
            "patch",
            path,
            "--token",
            "tok",
            "--no-remember",
            "--unseen-ok",
            *FIELDS,
            preexec_fn=nobody,
        )
    return None


def private_copies():
    path, copy = memory((0x3001, b"tok"), (8 * MIB, b"other")), path_of("copy")
    before = Path(path).read_bytes()
    with Mapper(path, mode="rb"):  # a VM that runs on the file does no harm to a copy
        out = json.loads(
            good(
                "patch",
                path,
                "--token",
                "tok",
                *FIELDS,
                "--private-copy",
                copy,
                "--json",
                "--unseen-ok",
            )
        )
    assert out["patched"] == copy and out["copied_by"] in ("reflink", "copy"), out
    assert Path(path).read_bytes() == before
    after = bytearray(Path(copy).read_bytes())
    assert peer_patcher.read(after[0x3001 : 0x3001 + 4096])[0] == 1
    after[0x3001 + 64 : 0x3001 + 4096] = before[0x3001 + 64 : 0x3001 + 4096]
    assert bytes(after) == before
    assert os.stat(copy).st_blocks <= os.stat(path).st_blocks + 16, "holes became data"
    assert found(copy)["found_by"] == "offset"
    refused(
        "patch",
        path,
        "--token",
        "tok",
        *FIELDS,
        "--private-copy",
        copy,
        "--unseen-ok",
        says="exists already",
    )
    with Mapper(path, flags="MAP_SHARED", protection="PROT_WRITE") as pid:
        refused(
            "patch",
            path,
            "--token",
            "tok",
            *FIELDS,
            "--private-copy",
            path_of("c2"),
            says=f"process {pid}",
        )
    assert sorted(name for name in os.listdir(folder) if name.startswith(("c2", "copy"))) == [
        "copy"
    ]


def failed_writes():
    """A disk that is full: nothing stays of the copy, and a file that cannot be written stays as it
    is."""
    path = memory((0x3000, b"tok"))
    done = call(
        "patch",
        path,
        "--token",
        "tok",
        *FIELDS,
        "--private-copy",
        path_of("c3"),
        "--unseen-ok",
        preexec_fn=lambda: __import__("resource").setrlimit(
            __import__("resource").RLIMIT_FSIZE, (MIB, MIB)
        ),
    )
    assert done.returncode != 0
    assert not os.path.exists(path_of("c3"))
    done = subprocess.run(
        f"{FORKSCOPE} mailbox find {path} --token tok > /dev/full",
        shell=True,
        check=False,
        capture_output=True,
        env={**os.environ, "XDG_CACHE_HOME": path_of("cache")},
    )
    assert done.returncode == 1, done


def big_and_sparse():
    path = memory((64 << 30, b"tok"), size=(64 << 30) + MIB)
    began = time.monotonic()
    out = found(path)
    assert out["offset"] == 64 << 30 and out["searched"] <= MIB, out
    assert time.monotonic() - began < 5


CASES = [
    ("find: any alignment, both kinds", any_alignment),
    ("find: the whole token field", whole_token),
    ("find: two or none is an error that lists them", two_or_none),
    ("find: kinds and names", kinds_and_names),
    ("wrong use: exit status 2", wrong_use),
    ("what is no memory file", no_memory_file),
    ("a known offset costs one page read", one_page_read),
    ("a known offset is never trusted", never_trusted),
    ("an offset file of the user's", offset_file),
    ("patch: these bytes and no other", patch_is_exact),
    ("patch: payload, length, sequence", patch_order),
    ("patch and show: a peer agrees", peers_see_it),
    ("patch: sizes and pages", payload_sizes),
    ("patch: what the agent would refuse", what_the_agent_would_refuse),
    ("patch: a gateway outside of the network", gateway_outside),
    ("patch: a full mailbox", full_already),
    ("patch: a file that is mapped", mapped_files),
    ("patch: a memfd", unnamed_files),
    ("patch: of a process whose first thread has ended", first_thread_ended),
    ("patch: a file that is only open", only_open),
    ("patch: from other name spaces", other_namespaces),
    ("patch: btrfs and its subvolumes", subvolumes),
    ("patch: overlays", overlays),
    ("holes of huge pages", holes_of_huge_pages),
    ("patch: a file that is locked", locked_files),
    ("patch: odd files", odd_files),
    ("patch: other users' files", other_users),
    ("patch: private copies", private_copies),
    ("writes that fail", failed_writes),
    ("64 GiB of holes", big_and_sparse),
]


def main():
    global folder
    os.umask(0o022)
    volumes.own_mounts()
    with tempfile.TemporaryDirectory(
        prefix="forkscope-mailbox-", dir=volumes.plain_folder()
    ) as folder:
        tap = Tap()
        for name, function in CASES:
            if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
                for left in os.listdir(folder):
                    if (
                        os.path.isfile(path_of(left))
                        or os.path.islink(path_of(left))
                        or left == "pipe"
                    ):
                        os.unlink(path_of(left))
                tap.case(name, function)
        volumes.unmount()
    tap.end()


main()
