#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""forkscope-guest agent without a VM (root): network namespaces for host and guest, a pipe for
/dev/kmsg, files for /dev/vmclock0, and the agent's memory written from outside as a hypervisor's
file would be."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
# pylint: disable=wrong-import-position
import peer_patcher
from fuse_clock import FuseClock
from environment import FORK_LINE, GATEWAY, Acks, ClockFile, Guest, Kmsg, Memory, Process, run_cases

TOP = Path(__file__).resolve().parents[2]
OUT = Path(os.environ.get("O", ".output"))
OUT = OUT if OUT.is_absolute() else TOP / OUT
AGENT, FORKSCOPE, RINGDUMP = (
    str(OUT / "forkscope-guest"),
    str(OUT / "forkscope"),
    str(OUT / "tests/guest/ringdump"),
)
STAGES = ["ARMED", "SIGNAL_SEEN", "MAILBOX_SEEN", "ACK", "NETLINK_START", "NETLINK_DONE", "DONE"]
PEER_AGENT = [sys.executable, str(Path(__file__).parent / "peer_agent.py")]
TOKEN = "token-1"
ARMED = {"HYPEMAN_RESUME_NETWORK_MAILBOX": "1", "HYPEMAN_RESUME_NETWORK_MAILBOX_TOKEN": TOKEN}


def payload(acks, **more):
    fields = {
        "interface_name": "eth0",
        "mac": "06:00:ac:10:00:22",
        "ipv4": "172.16.0.2",
        "prefix": 29,
        "gateway": GATEWAY,
        "ack_port": acks.port,
    }
    fields.update(more)
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


class Scene:
    """A guest with an agent in it, and the host's patcher and acks."""

    def __init__(
        self,
        *options,
        signal="vmgenid",
        environment=None,
        program=None,
        clock=None,
        address="172.16.0.3/29",
        device="platform",
    ):
        self.guest, self.kmsg, self.acks, self.clock = Guest(address), Kmsg(), Acks(), clock
        self.folder = tempfile.TemporaryDirectory(prefix="snapshot-")
        clock_path = clock.path if clock else "/nonexistent/vmclock0"
        if device:  # a VMGenID device that has its driver
            drivers = Path(self.folder.name, "sys/bus", device, "drivers/vmgenid")
            drivers.mkdir(parents=True)
            (drivers / "VMGENCTR:00").symlink_to("/nonexistent")
        words = program or [
            AGENT,
            "agent",
            "--kmsg",
            self.kmsg.path,
            "--vmclock-device",
            clock_path,
            "--sysfs",
            os.path.join(self.folder.name, "sys"),
            *(["--signal", signal] if signal else []),
            *options,
        ]
        if program:
            words = [*program, self.kmsg.path]
        self.agent = Process(
            self.guest,
            words,
            {**ARMED, "HYPEMAN_RESUME_NETWORK_ACK_STAGES": "1", **(environment or {})},
        )
        self.memory = Memory(self.agent.pid)

    def __enter__(self):
        try:
            self.first = self.agent.armed()
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.ended = self.agent.end()
        for part in (self.guest, self.kmsg, self.acks, self.clock):
            if part:
                part.close()
        self.folder.cleanup()

    def snapshot(self):
        paths = [os.path.join(self.folder.name, name) for name in ("memory", "as-it-was")]
        self.memory.save(paths[0])
        with open(paths[0], "rb") as new, open(paths[1], "wb") as old:
            old.write(new.read())
        return paths

    def peer_patches(self, body):
        """Their patcher: into a snapshot of the agent's memory, which then becomes its memory."""
        memory, before = self.snapshot()
        peer_patcher.patch(memory, TOKEN.encode(), body)
        assert (
            self.memory.restore_changes(memory, before) == 1
        ), "it wrote into more than the mailbox's page"

    def we_patch(self, *words):
        memory, before = self.snapshot()
        done = subprocess.run(
            [FORKSCOPE, "mailbox", "patch", memory, "--token", TOKEN, "--no-remember", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (
            self.memory.restore_changes(memory, before) == 1
        ), "it wrote into more than the mailbox's page"

    def fork(self, body=None, last="applied"):
        """A payload, the signal, the acks."""
        self.peer_patches(payload(self.acks) if body is None else body)
        self.kmsg.write(FORK_LINE)
        return self.acks.until(last)


def stages(acks):
    return [ack["stage"] for ack in acks]


NEW = {
    "mac": "06:00:ac:10:00:22",
    "up": True,
    "addresses": ["172.16.0.2/29"],
    "routes": [
        "172.16.0.0/29 dev eth0 proto kernel scope link src 172.16.0.2",
        f"default via {GATEWAY} dev eth0",
    ],
}


# --- interoperation ---------------------------------------------------------------------------


def their_patcher_our_agent():
    with Scene() as scene:
        acks = scene.fork()
        assert stages(acks) == ["mailbox", "applied"], acks
        assert all(ack["mac"] == "06:00:ac:10:00:22" and ack["ip"] == "172.16.0.2" for ack in acks)
        assert set(acks[0]) == {"stage", "mac", "ip"}, acks[0]
        assert scene.guest.state() == NEW, scene.guest.state()


def our_patcher_their_agent():
    with Scene(program=PEER_AGENT) as scene:
        scene.we_patch(
            "--interface",
            "eth0",
            "--mac",
            "06:00:ac:10:00:22",
            "--ip",
            "172.16.0.2",
            "--prefix",
            "29",
            "--gateway",
            GATEWAY,
            "--ack-port",
            str(scene.acks.port),
        )
        scene.kmsg.write(FORK_LINE)
        assert stages(scene.acks.until("applied")) == ["mailbox", "applied"]
        assert scene.guest.state() == NEW, scene.guest.state()


def our_patcher_our_agent():
    with Scene() as scene:
        for number in (2, 4):  # the second time from the re-armed page
            scene.we_patch(
                "--interface",
                "eth0",
                "--mac",
                "06:00:ac:10:00:22",
                "--ip",
                f"172.16.0.{number}",
                "--prefix",
                "29",
                "--gateway",
                GATEWAY,
                "--ack-port",
                str(scene.acks.port),
            )
            scene.kmsg.write(FORK_LINE)
            assert scene.acks.until("applied")[-1]["ip"] == f"172.16.0.{number}"
            scene.agent.armed()
        assert scene.guest.state()["addresses"] == ["172.16.0.4/29"]


# --- signals ----------------------------------------------------------------------------------


def environment_alone():
    more = {
        "HYPEMAN_RESUME_NETWORK_SIGNAL": " VMGenID ",
        "HYPEMAN_RESUME_NETWORK_DEBUG_STAGES": "1",
    }
    with Scene(signal=None, environment=more) as scene:
        assert scene.first["signal"] == "vmgenid"
        acks = scene.fork()
    assert stages(acks) == [
        "signal_seen",
        "mailbox_seen",
        "mailbox",
        "netlink_start",
        "netlink_done",
        "applied",
    ], acks
    assert "guest_signal_to_mailbox_us" in acks[0] and "guest_signal_to_mailbox_us" in acks[1]
    us = [
        int(acks[i][f"guest_signal_to_{name}_us"])
        for i, name in ((1, "mailbox"), (3, "netlink_start"), (4, "netlink_done"), (5, "applied"))
    ]
    assert us == sorted(us), us


def no_page_faults():
    with Scene("--debug-stages") as scene:
        for _ in range(3):
            last = scene.fork()[-1]
            assert (last["minor_faults"], last["major_faults"]) == ("0", "0"), last
            scene.agent.armed()


def only_the_kernels_line():
    with Scene() as scene:
        scene.peer_patches(payload(scene.acks))
        scene.kmsg.write(
            b"12,99,1,-;crng reseeded due to virtual machine fork\n"
        )  # a process wrote it: facility 1
        scene.kmsg.write(b"6,100,1,-;eth0: renamed\n SUBSYSTEM=net crng reseeded\n")
        assert scene.acks.quiet(), "it took a line that the kernel did not write"
        scene.kmsg.write(b"4,101,1,-;something\n" + FORK_LINE[:30])  # in pieces
        assert scene.acks.quiet(0.1)
        scene.kmsg.write(FORK_LINE[30:])
        scene.acks.until("applied")


def poll_signal():
    with Scene(signal="auto", clock=FuseClock(generation=4, seq=2)) as scene:
        assert scene.first["signal"] == "vmclock"
        reads = scene.clock.reads
        for generation in (5, 6):
            scene.peer_patches(payload(scene.acks))
            scene.clock.bump()  # a disruption that is no fork: same generation
            assert scene.acks.quiet(), "it took a disruption for a fork"
            scene.clock.bump(generation)
            scene.acks.until("applied")
            scene.agent.armed()
        assert scene.clock.reads - reads == 4, "one read for each notification"


def spin_signal():
    with Scene(signal="vmclock-spin", clock=ClockFile(generation=7)) as scene:
        scene.peer_patches(payload(scene.acks))
        os.pwrite(scene.clock.fd, b"\x01\0\0\0", 12)  # the host is changing the page
        os.pwrite(scene.clock.fd, b"\x08", 104)
        assert scene.acks.quiet(), "it took a page that is being changed"
        os.pwrite(scene.clock.fd, b"\x02\0\0\0", 12)
        scene.acks.until("applied")


def cpu_ticks(pid):
    return sum(
        int(field)
        for field in Path(f"/proc/{pid}/stat")
        .read_text(encoding="ascii")
        .rsplit(")", 1)[1]
        .split()[11:13]
    )


def always_ready_poll():
    """A regular file polls as a driver without a poll does: the agent must neither spin nor miss
    the fork."""
    with Scene(signal="vmclock", clock=ClockFile(generation=7)) as scene:
        used = cpu_ticks(scene.agent.pid)
        time.sleep(0.5)
        assert cpu_ticks(scene.agent.pid) - used <= 10, "it spins"
        scene.peer_patches(payload(scene.acks))
        scene.clock.bump(8)
        scene.acks.until("applied")
    assert "always ready" in scene.ended[1], scene.ended


def auto_falls_back():
    for clock, reason in (
        (None, "No such file"),
        (ClockFile(flags=0), "bit 8"),
        (ClockFile(flags=0x100), "bit 9"),
        (ClockFile(), "always ready"),
        (ClockFile(magic=1), "does not begin"),
        (FuseClock(flags=0x100), "bit 9"),
    ):
        with Scene(signal="auto", clock=clock) as scene:
            assert scene.first["signal"] == "vmgenid", (scene.first, reason)
            seen = scene.fork()
            assert stages(seen) == ["mailbox", "applied"], (reason, seen)
        assert "auto takes vmgenid" in scene.ended[1] and reason in scene.ended[1], (
            reason,
            scene.ended,
        )


def auto_needs_a_device():
    """A kernel without a VMGenID device writes no line, ever: the next best is taken, and
    reported."""
    with Scene(signal="auto", device="acpi") as scene:
        assert scene.first["signal"] == "vmgenid"
    with Scene(signal="auto", device=None, clock=ClockFile(generation=7)) as scene:
        assert scene.first["signal"] == "vmclock", scene.first
        scene.peer_patches(payload(scene.acks))
        scene.clock.bump(8)
        scene.acks.until("applied")
    assert (
        "auto reads VMClock every 1 ms" in scene.ended[1] and "no VMGenID device" in scene.ended[1]
    ), scene.ended
    with Recorder() as recorder, Scene(
        "--ring-dir", recorder.dir, signal="auto", device=None
    ) as scene:
        assert scene.first["signal"] == "mailbox", scene.first
        used = cpu_ticks(scene.agent.pid)
        time.sleep(0.5)
        assert cpu_ticks(scene.agent.pid) - used <= 10, "it spins"
        for _ in range(2):
            scene.peer_patches(payload(scene.acks))
            assert stages(scene.acks.until("applied")) == ["mailbox", "applied"]
            scene.agent.armed()
        assert [s[3:] for s in recorder.stages()][:2] == [
            ("ARMED", 5),
            ("SIGNAL_SEEN", 5),
        ], recorder.stages()
        assert recorder.status()["watchers"] == []
    assert (
        "auto looks into the mailbox every 1 ms" in scene.ended[1]
        and "/nonexistent/vmclock0" in scene.ended[1]
    ), scene.ended
    with Scene(device=None) as scene:  # demanded: it is taken, but not without a word
        assert scene.first["signal"] == "vmgenid"
    assert "no VMGenID device" in scene.ended[1], scene.ended


def more_cpus_than_rings():
    """What the recorder leaves out of a guest with more than 64 CPUs is reported when it arms, and
    stays in the snapshot."""
    with tempfile.TemporaryDirectory(prefix="armed-") as folder:
        online, run = os.path.join(folder, "online"), os.path.join(folder, "run")
        Path(online).write_text("0-63,70-79\n", encoding="ascii")
        words = [AGENT, "arm", "--no-bpf", "--no-symbols", "--run-dir", run]
        output = subprocess.run(
            [
                "unshare",
                "-m",
                "sh",
                "-c",
                f"mount --bind {online} /sys/devices/system/cpu/online && exec \"$@\"",
                "sh",
                *words,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            shown = [
                subprocess.run(
                    [AGENT, "status", "--run-dir", run, *more],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
                for more in ([], ["--json"])
            ]
        finally:
            os.kill(int(re.search(r"pid=(\d+)", output.stdout)[1]), signal.SIGTERM)
    assert "CPUs 64 to 79" in output.stderr and "CPUs 64 to 79" in shown[0], (output, shown[0])
    meta = json.loads(shown[1])["meta"]
    assert (meta["cpus"], meta["cpus_without_ring"]) == (64, 16), meta


def refuses_to_arm():
    def status(*words, **environment):
        done = subprocess.run(
            [AGENT, "agent", *words],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
        return done.returncode, done.stderr

    assert status()[0] == 2 and "not armed" in status()[1]
    assert status(HYPEMAN_RESUME_NETWORK_MAILBOX="1")[0] == 2
    assert status("--token", "x" * 31)[0] == 2
    assert status("--token", "x", "--signal", "smoke")[0] == 2
    assert status("--token", "x", "--payload-wait", "3")[0] == 2
    assert status("--token", "x", "stray")[0] == 2
    code, output = status("--token", "x", "--signal", "vmclock", "--vmclock-device", "/nonexistent")
    assert code == 1 and "/nonexistent" in output, output
    clock = ClockFile(flags=0x200)
    code, output = status(
        "--token", "x", "--signal", "vmclock-spin", "--vmclock-device", clock.path
    )
    clock.close()
    assert code == 1 and "bit 8" in output, output


# --- bad payloads, and what cannot be applied -------------------------------------------------


def refused_whole():
    bad = [
        ({"mac": "01:00:5e:00:00:01"}, "mac"),
        ({"mac": "zz"}, "mac"),
        ({"ipv4": "172.16.0.300"}, "ipv4"),
        ({"ipv4": "172.16.0.0"}, "ipv4"),
        ({"ipv4": "172.16.0.7"}, "ipv4"),
        ({"prefix": 33}, "prefix"),
        ({"prefix": "29"}, "type"),
        ({"prefix": 29.5}, "prefix"),
        ({"interface_name": "../eth0"}, "interface_name"),
        ({"interface_name": None}, "missing"),
        ({"ipv4": GATEWAY}, "gateway"),
    ]
    with Scene() as scene:
        before = scene.guest.state()
        for fields, word in bad:
            acks = scene.fork(payload(scene.acks, **fields), last="error")
            assert (
                stages(acks) == ["error"]
                and acks[0]["reason"] == "payload"
                and acks[0]["what"] == word
            ), (fields, acks)
            assert scene.guest.state() == before, fields
            scene.agent.armed()
        scene.fork(
            b'{"gateway":"172.16.0.1","ack_port":%d,"mac":"06:00:ac:10:00:22"}' % scene.acks.port,
            last="error",
        )
        scene.agent.armed()
        for nonsense in (
            b"{",
            b"\0" * 100,
            b"[]",
            b'{"ack_port":1,}',
            b"x" * 4024,
        ):  # nobody knows where to complain
            scene.peer_patches(nonsense)
            scene.kmsg.write(FORK_LINE)
            scene.agent.armed()
        assert scene.guest.state() == before
        assert stages(scene.fork()) == ["mailbox", "applied"], "it serves the next fork"


def no_such_interface():
    with Scene() as scene:
        before = scene.guest.state()
        acks = scene.fork(payload(scene.acks, interface_name="eth7"), last="error")
        assert acks[-1]["what"] == "interface" and acks[-1]["undone"] == "yes", acks
        assert scene.guest.state() == before


def rolled_back():
    """The kernel refuses the last step (the gateway is an address of the guest itself, which only
    the kernel can know): everything before it must be undone."""
    with Scene() as scene:
        guest = scene.guest
        for words in (
            "addr add 172.16.0.4/29 dev eth0",
            "addr add 10.9.9.1/24 dev eth0 label eth0:x",
            "route add 10.8.0.0/16 via 10.9.9.2",
            "route add 10.7.0.0/16 dev eth0 metric 7",
            "route add default via 10.9.9.3 metric 500",
            "addr add 172.30.0.9/24 dev lo",
        ):
            guest.ip(*words.split())
        before = guest.state()
        for _ in range(2):
            scene.peer_patches(payload(scene.acks, gateway="172.30.0.9"))
            scene.kmsg.write(FORK_LINE)
            scene.agent.armed()
            assert guest.state() == before, (before, guest.state())
        assert stages(scene.fork()) == ["mailbox", "applied"]
        assert guest.state()["addresses"] == ["172.16.0.2/29"]
    assert (
        "not applied: route" in scene.ended[1] and "the old network is back" in scene.ended[1]
    ), scene.ended


def first_step_fails():
    """A device that takes no MAC at all: the kernel goes on with the other requests, and they are
    undone."""
    with Scene() as scene:
        scene.guest.ip("link", "add", "x0", "type", "ifb")
        scene.guest.ip("addr", "add", "10.4.0.1/24", "dev", "x0")
        scene.guest.ip("link", "set", "x0", "up")
        before = scene.guest.ip("-4", "addr", "show"), scene.guest.ip("-4", "route", "show")
        acks = scene.fork(payload(scene.acks, interface_name="x0"), last="error")
        assert (
            acks[-1]["reason"] == "netlink"
            and acks[-1]["what"] == "mac"
            and acks[-1]["undone"] == "yes"
        ), acks
        assert before == (
            scene.guest.ip("-4", "addr", "show"),
            scene.guest.ip("-4", "route", "show"),
        )


# --- the network ------------------------------------------------------------------------------


def link_that_was_down():
    with Scene(address=None) as scene:
        assert scene.guest.state()["up"] is False
        acks = scene.fork(payload(scene.acks))
        assert stages(acks) == ["applied"], acks  # `mailbox` had no route
        assert scene.guest.state() == NEW
    assert "the ack mailbox could not be sent" in scene.ended[1]


def old_network_goes():
    with Scene() as scene:
        for words in (
            "addr add 172.16.0.4/29 dev eth0",
            "addr add 10.9.9.1/24 dev eth0",
            "route add default via 10.9.9.3 metric 500",
        ):
            scene.guest.ip(*words.split())
        scene.fork()
        assert scene.guest.state() == NEW, scene.guest.state()


def other_routes_stay():
    """What is not asked to change is there afterwards, as it was; a source that was the old address
    is the new one."""
    for address in (
        "172.16.0.3/29",
        "172.16.0.3/24",
    ):  # in the network of the new one, and outside it
        with Scene(address=address) as scene:
            for words in (
                "route add 169.254.169.254 dev eth0",
                f"route add 10.8.0.0/16 via {GATEWAY}",
                f"route add default via {GATEWAY} table 100",
                "route add 10.7.0.0/16 dev eth0 metric 7 mtu 1300",
                f"route add 10.6.0.0/16 via {GATEWAY} src 172.16.0.3 proto dhcp",
                "route add 10.5.0.0/16 dev eth0 src 172.16.0.3 table 7",
                "-6 addr add fd00::7/64 dev eth0 nodad",
                "-6 route add fd00:8::/32 dev eth0 pref high",
            ):
                scene.guest.ip(*words.split())
            before = scene.guest.ip("-6", "route")
            acks = scene.fork()
            assert "lost" not in acks[-1], acks
            shown = scene.guest.ip("route", "show", "table", "all").splitlines()
            for line in (
                "169.254.169.254 dev eth0 scope link",
                f"10.8.0.0/16 via {GATEWAY} dev eth0",
                f"default via {GATEWAY} dev eth0 table 100",
                "10.7.0.0/16 dev eth0 scope link metric 7 mtu 1300",
                f"10.6.0.0/16 via {GATEWAY} dev eth0 proto dhcp src 172.16.0.2",
                "10.5.0.0/16 dev eth0 table 7 scope link src 172.16.0.2",
            ):
                assert line in [shown_line.strip() for shown_line in shown], (line, shown)
            assert scene.guest.ip("-6", "route") == before
            assert scene.guest.state()["addresses"] == ["172.16.0.2/29"]


def default_through_a_nexthop_object():
    with Scene() as scene:
        guest = scene.guest
        guest.ip("route", "del", "default")
        guest.ip(*f"nexthop add id 7 via {GATEWAY} dev eth0".split())
        guest.ip(*"route add default nhid 7 mtu 1400".split())
        guest.ip(*"addr add 172.30.0.9/24 dev lo".split())
        before = guest.ip("route"), guest.ip("nexthop")
        scene.peer_patches(
            payload(scene.acks, gateway="172.30.0.9")
        )  # an address of its own: refused, and put back
        scene.kmsg.write(FORK_LINE)
        scene.agent.armed()
        assert before == (guest.ip("route"), guest.ip("nexthop")), (
            before,
            guest.ip("route"),
            guest.ip("nexthop"),
        )
        assert stages(scene.fork()) == ["mailbox", "applied"]
        assert f"default via {GATEWAY} dev eth0 mtu 1400" in guest.ip("route").replace(
            "  ", " "
        ), guest.ip("route")
        assert guest.ip("nexthop") == before[1]


def prefix_routes_with_a_metric():
    """The kernel's route of the network has its address's metric: so it has before, after an
    undoing, and after a fork."""
    with Scene(address=None) as scene:
        guest = scene.guest
        for words in (
            "link set eth0 up",
            "addr add 172.16.0.3/29 dev eth0 metric 600",
            f"route add default via {GATEWAY}",
            "addr add 172.30.0.9/24 dev lo",
        ):
            guest.ip(*words.split())
        before = guest.state()
        scene.peer_patches(payload(scene.acks, gateway="172.30.0.9"))
        scene.kmsg.write(FORK_LINE)
        scene.agent.armed()
        assert guest.state() == before, (before, guest.state())
        scene.fork()
        assert (
            "172.16.0.0/29 dev eth0 proto kernel scope link src 172.16.0.2 metric 600"
            in guest.state()["routes"]
        ), guest.state()


def other_names():
    with Scene() as scene:
        scene.guest.ip(*"link property add dev eth0 altname enp0s7".split())
        time.sleep(0.1)
        acks = scene.fork(payload(scene.acks, interface_name="enp0s7"))
        assert acks[-1]["stage"] == "applied" and scene.guest.state() == NEW, acks


def configured_neighbours_stay():
    """A new MAC makes the kernel flush all neighbours of the link; what somebody configured comes
    back."""
    with Scene() as scene:
        for words in (
            "neigh add 172.16.0.6 lladdr 02:00:00:00:00:06 dev eth0 nud permanent",
            "neigh add 172.16.0.5 lladdr 02:00:00:00:00:05 dev eth0 nud stale",
            "neigh add fd00::6 lladdr 02:00:00:00:00:16 dev eth0 nud permanent",
            "neigh add 172.16.0.7 lladdr 02:00:00:00:00:07 dev eth0 extern_learn",
        ):
            scene.guest.ip(*words.split())
        assert "lost" not in scene.fork()[-1]
        shown = scene.guest.ip("neigh", "show", "dev", "eth0")
        assert all(
            word in shown
            for word in (
                "02:00:00:00:00:06 PERMANENT",
                "02:00:00:00:00:16 PERMANENT",
                "02:00:00:00:00:07 extern_learn",
            )
        ), shown
        assert "172.16.0.5" not in shown, shown


def neighbours(scene, count, state):
    """So many neighbours of eth0, in 10.200.0.0/16."""
    lines = [
        f"neigh add 10.200.{i // 250}.{i % 250 + 1} lladdr "
        f"02:00:00:00:{i // 250:02x}:{i % 250:02x} dev eth0 nud {state}"
        for i in range(count)
    ]
    subprocess.run(
        scene.guest.inside("ip", "-batch", "-"), input="\n".join(lines), text=True, check=True
    )


def many_neighbours_go():
    """More than fit into one message (192 requests)."""
    with Scene(address="172.16.0.2/29") as scene:
        neighbours(scene, 500, "stale")
        ack = scene.fork(payload(scene.acks, mac=scene.guest.state()["mac"]))[-1]
        scene.agent.armed()
        left = scene.guest.ip("neigh", "show", "dev", "eth0").count("10.200.")
        assert left == 0 and "flush_errno" not in ack, (left, ack)


def what_is_lost_is_reported():
    """There is room for some 700 configured neighbours: the others are counted, in the ack and in
    the log."""
    with Scene() as scene:
        neighbours(scene, 900, "permanent")
        ack = scene.fork()[-1]
        scene.agent.armed()
        left = scene.guest.ip("neigh", "show", "dev", "eth0").count("10.200.")
        assert (
            0 < left < 900 and ack["lost"] == str(900 - left) and ack["lost_what"] == "neighbour"
        ), (left, ack)
    assert (
        f"{900 - left} of the network could not be put back, the first a neighbour"
        in scene.ended[1]
    ), scene.ended


def may_not_change_the_network():
    """Without CAP_NET_ADMIN each fork would fail: it says so before the snapshot."""
    with Scene() as scene:
        words = [AGENT, "agent", "--kmsg", scene.kmsg.path, "--signal", "vmgenid"]
        for limit in (
            ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"],
            ["unshare", "-U", "-r"],
        ):
            done = subprocess.run(
                scene.guest.inside(*limit, *words),
                env={**os.environ, **ARMED},
                capture_output=True,
                text=True,
                check=False,
                timeout=10,
            )
            assert done.returncode == 1 and "CAP_NET_ADMIN" in done.stderr and not done.stdout, (
                limit,
                done,
            )


def neighbours_go():
    """Same MAC, same address: the kernel flushes nothing by itself."""
    with Scene(address="172.16.0.2/29") as scene:
        for words in (
            "neigh add 172.16.0.5 lladdr 02:00:00:00:00:05 dev eth0 nud stale",
            "neigh add 172.16.0.6 lladdr 02:00:00:00:00:06 dev eth0 nud permanent",
            f"neigh replace {GATEWAY} lladdr 02:00:00:00:00:09 dev eth0 nud reachable",
        ):  # a gateway of another life
            scene.guest.ip(*words.split())
        acks = scene.fork(payload(scene.acks, mac=scene.guest.state()["mac"]))
        assert stages(acks) == ["applied"], acks  # `mailbox` went to the old gateway's MAC
        shown = scene.guest.ip("neigh", "show", "dev", "eth0")
        assert (
            "172.16.0.5" not in shown and "172.16.0.6" in shown and "02:00:00:00:00:09" not in shown
        ), shown


def gateway_elsewhere():
    with Scene() as scene:
        scene.peer_patches(payload(scene.acks, prefix=32, ipv4="10.1.1.1"))
        scene.kmsg.write(FORK_LINE)
        scene.agent.armed()
        state = scene.guest.state()
        assert state["addresses"] == ["10.1.1.1/32"], state
        assert state["routes"] == [f"default via {GATEWAY} dev eth0 onlink"], state


def changed_while_armed():
    """What it knows of the network must be what the network is when the fork comes, spinning or
    not."""
    for signal, clock in (("vmgenid", None), ("vmclock-spin", ClockFile())):
        with Scene(signal=signal, clock=clock) as scene:
            scene.guest.ip("addr", "add", "172.16.0.5/29", "dev", "eth0")
            scene.guest.ip("link", "set", "eth0", "down")
            scene.guest.ip("link", "set", "eth0", "name", "net7")
            time.sleep(0.2)
            scene.peer_patches(payload(scene.acks, interface_name="net7"))
            scene.kmsg.write(FORK_LINE)
            if clock:
                clock.bump(9)
            scene.acks.until("applied")
            shown = scene.guest.ip("-4", "addr", "show", "dev", "net7")
            assert (
                "172.16.0.2/29" in shown and "172.16.0.5" not in shown and "172.16.0.3" not in shown
            ), shown


# --- payloads that are late, and the end ------------------------------------------------------


def late_payload():
    with Scene("--payload-wait", "3s") as scene:
        scene.kmsg.write(FORK_LINE)
        assert scene.acks.quiet()
        scene.peer_patches(payload(scene.acks))
        scene.acks.until("applied")


def no_payload():
    with Scene("--payload-wait", "50ms") as scene:
        before = scene.guest.state()
        scene.kmsg.write(FORK_LINE)
        scene.agent.armed()
        assert scene.guest.state() == before
    assert "stayed empty" in scene.ended[1]


def ends_clean():
    with Scene() as scene:
        memory, _ = scene.snapshot()
        assert (
            Path(memory).read_bytes().count(b"HYPEMAN_RESUME_NETWORK_MAILBOX_V1\0" + TOKEN.encode())
            == 1
        )
    assert scene.ended[0] == 0, scene.ended
    with Scene("--once") as scene:
        scene.fork()
        assert scene.agent.popen.wait(5) == 0


def small_and_static():
    size = os.path.getsize(AGENT)
    assert size <= 4 << 20, size
    headers = subprocess.run(
        ["readelf", "-lW", AGENT], capture_output=True, text=True, check=True
    ).stdout
    assert "INTERP" not in headers and "DYNAMIC" not in headers


def few_pages():
    """Pages of its own that it touches from the signal to the last ack: in a fork each of them is a
    fault of the VM. The agent is stopped as soon as that ack is there: it shares a CPU with us, and
    we go first. The bound is a guard against growth; docs/agent.md has the number."""
    mine, cpu = os.sched_getaffinity(0), min(os.sched_getaffinity(0))
    with Scene() as scene:
        scene.peer_patches(payload(scene.acks))
        time.sleep(0.2)
        os.sched_setaffinity(scene.agent.pid, {cpu})
        os.sched_setaffinity(0, {cpu})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        try:
            Path(f"/proc/{scene.agent.pid}/clear_refs").write_text("1", encoding="ascii")
            scene.kmsg.write(FORK_LINE)
            scene.acks.until("applied")
            os.kill(scene.agent.pid, signal.SIGSTOP)
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            os.sched_setaffinity(0, mine)
        smaps = Path(f"/proc/{scene.agent.pid}/smaps").read_text(encoding="ascii", errors="replace")
        os.kill(scene.agent.pid, signal.SIGCONT)
        pages = (
            sum(
                int(line.split()[1])
                for line in smaps.splitlines()
                if line.startswith("Referenced:")
            )
            // 4
        )
        print(f"# {pages} pages touched")
        assert 5 <= pages <= 20, pages


class Recorder:
    """A recorder without programs: the ring of the agent's stages alone."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="armed-")
        self.dir = os.path.join(self.folder.name, "run")
        output = subprocess.run(
            [AGENT, "arm", "--no-bpf", "--no-symbols", "--run-dir", self.dir],
            capture_output=True,
            text=True,
            check=True,
        )
        assert output.stdout.startswith("armed directory=0x") and not output.stderr, output

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pid = self.status()["pid"]
        os.kill(pid, signal.SIGTERM)
        for _ in range(500):
            if not os.path.exists(self.dir) and not os.path.exists(f"/proc/{pid}"):
                break
            time.sleep(0.01)
        assert not os.path.exists(self.dir), "it left its folder behind"
        self.folder.cleanup()

    def status(self):
        return json.loads(
            subprocess.run(
                [AGENT, "status", "--json", "--run-dir", self.dir], capture_output=True, check=True
            ).stdout
        )

    def stages(self):
        """(number, time, tid, stage, argument) of all records of the agent's ring."""
        dump = subprocess.run(
            [RINGDUMP, self.dir], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert "hole" not in " ".join(dump) and dump[0].startswith("ring agent 0 "), dump
        records = [line.split() for line in dump[1:]]
        assert all(record[2] == "STAGE" for record in records), records
        return [
            (int(r[0]), int(r[1]), int(r[4]), STAGES[int(r[5]) - 1], int(r[6], 16)) for r in records
        ]


def name8(stage):
    return int.from_bytes(stage.encode()[:8].ljust(8, b"\0"), "little")


def stages_recorded():
    """One fork, no page fault, and all that the agent says of it in the recorder's ring."""
    with Recorder() as recorder, Scene("--debug-stages", "--ring-dir", recorder.dir) as scene:
        watchers = recorder.status()["watchers"]
        assert (
            len(watchers) == 1 and watchers[0]["own"] and watchers[0]["how"] == "KMSG_READ"
        ), watchers
        assert watchers[0]["tgid"] == scene.agent.pid, watchers
        last = scene.fork()[-1]
        assert (last["minor_faults"], last["major_faults"]) == ("0", "0"), last
        scene.agent.armed()
        stages = recorder.stages()
        assert [s[0] for s in stages] == list(range(len(stages))), stages
        assert [s[1] for s in stages] == sorted(s[1] for s in stages) and {
            s[2] for s in stages
        } == {scene.agent.pid}, stages
        acks = [
            ("ACK", name8(ack))
            for ack in ("signal_seen", "mailbox_seen", "mailbox", "netlink_start")
        ]
        assert [s[3:] for s in stages] == [
            ("ARMED", 2),
            ("SIGNAL_SEEN", 2),
            ("MAILBOX_SEEN", 0),
            *acks,
            ("NETLINK_START", 0),
            ("NETLINK_DONE", 0),
            ("ACK", name8("netlink_done")),
            ("ACK", name8("applied")),
            ("DONE", 0),
            ("ARMED", 2),
        ], stages


def refusals_recorded():
    with Recorder() as recorder, Scene("--ring-dir", recorder.dir) as scene:
        scene.peer_patches(payload(scene.acks, prefix=99))
        scene.kmsg.write(FORK_LINE)
        scene.acks.until("error")
        scene.agent.armed()
        stages = [s[3:] for s in recorder.stages()]
        assert [s[0] for s in stages] == [
            "ARMED",
            "SIGNAL_SEEN",
            "MAILBOX_SEEN",
            "ACK",
            "DONE",
            "ARMED",
        ], stages
        assert stages[2][1] != 0 and stages[3][1] == name8("error"), stages


def one_agent_per_ring():
    with Recorder() as recorder, Scene("--ring-dir", recorder.dir) as scene:
        twin = Process(
            scene.guest,
            [
                AGENT,
                "agent",
                "--kmsg",
                scene.kmsg.path,
                "--signal",
                "vmgenid",
                "--ring-dir",
                recorder.dir,
            ],
            ARMED,
        )
        twin.armed()
        twin.end()
        assert [s[2] for s in recorder.stages()] == [
            scene.agent.pid
        ], "two agents wrote into one ring"
        again = subprocess.run(
            [AGENT, "arm", "--no-bpf", "--run-dir", recorder.dir],
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 1 and "armed already, by process" in again.stderr, again


def not_armed():
    with tempfile.TemporaryDirectory() as folder:
        output = subprocess.run(
            [AGENT, "status", "--run-dir", folder], capture_output=True, text=True, check=False
        )
        assert (
            output.returncode == 1 and not output.stdout and "no recorder is armed" in output.stderr
        ), output
    for words in (
        ["arm", "--ring-size", "3KiB"],
        ["arm", "--without", "NOTHING"],
        ["arm", "more"],
        ["status", "--never"],
    ):
        output = subprocess.run([AGENT, *words], capture_output=True, text=True, check=False)
        assert output.returncode == 2 and not output.stdout and output.stderr, output


def manual_page():
    page = (TOP / "docs/man/forkscope-guest.1").read_text(encoding="utf-8").replace("\\", "")
    for command, count in (("agent", 11), ("arm", 7), ("status", 3)):
        output = subprocess.run(
            [AGENT, command, "--help"], capture_output=True, text=True, check=True
        ).stdout
        options = {word for word in re.split(r"[\s,():]+", output) if word.startswith("--")}
        assert len(options) == count and not [
            option for option in options if option not in page
        ], options


CASES = [
    ("their patcher, our agent", their_patcher_our_agent),
    ("our patcher, their agent", our_patcher_their_agent),
    ("our patcher, our agent, twice", our_patcher_our_agent),
    ("configured by the environment; debug stages", environment_alone),
    ("no page fault between signal and last ack", no_page_faults),
    ("few pages are touched", few_pages),
    ("vmgenid: only the kernel's own line", only_the_kernels_line),
    ("vmclock: poll, re-armed by read, generation compared", poll_signal),
    ("vmclock-spin: waits for an even count", spin_signal),
    ("vmclock: a poll that is always ready", always_ready_poll),
    ("auto: falls back and says why", auto_falls_back),
    ("auto: looks for the device", auto_needs_a_device),
    ("more CPUs than rings", more_cpus_than_rings),
    ("bad use is refused", refuses_to_arm),
    ("a bad payload is refused whole, with an error ack", refused_whole),
    ("an interface that is not there", no_such_interface),
    ("a failed change is rolled back", rolled_back),
    ("a failed first step is rolled back", first_step_fails),
    ("a link that was down comes up", link_that_was_down),
    ("old addresses and routes go", old_network_goes),
    ("stale neighbours go", neighbours_go),
    ("many of them", many_neighbours_go),
    ("other routes stay", other_routes_stay),
    ("a default route through a nexthop object", default_through_a_nexthop_object),
    ("prefix routes with a metric", prefix_routes_with_a_metric),
    ("an interface's other names", other_names),
    ("configured neighbours stay", configured_neighbours_stay),
    ("what is lost is reported", what_is_lost_is_reported),
    ("without CAP_NET_ADMIN it does not arm", may_not_change_the_network),
    ("a gateway outside of the prefix", gateway_elsewhere),
    ("the network changed while armed", changed_while_armed),
    ("a payload after the signal", late_payload),
    ("no payload at all", no_payload),
    ("ends clean, and leaves one mailbox", ends_clean),
    ("one small static binary", small_and_static),
    ("stages in the recorder's ring, and no page fault", stages_recorded),
    ("a refusal in the recorder's ring", refusals_recorded),
    ("one agent for a ring, one recorder for a guest", one_agent_per_ring),
    ("status of nothing, bad use of arm", not_armed),
    ("the manual page has every option", manual_page),
]


run_cases(CASES)
