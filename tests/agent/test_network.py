#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The agent's change of the network, on random networks (root; network namespaces): what was not
asked to change is there afterwards, and after a step that failed everything is as it was before.
The change is the agent's own code, with one request broken on its way to the kernel
(tests/agent/netapply.c). FORKSCOPE_SEED=N gives the seed; it is printed."""

import errno
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
# pylint: disable=wrong-import-position
from environment import Guest, run_cases

TOP = Path(__file__).resolve().parents[2]
OUT = Path(os.environ.get("O", ".output"))
OUT = OUT if OUT.is_absolute() else TOP / OUT
NETAPPLY = str(OUT / "tests/agent/netapply")
SEED = int(os.environ.get("FORKSCOPE_SEED") or random.SystemRandom().randrange(1 << 32))
NETWORKS = int(os.environ.get("FORKSCOPE_NETWORKS") or 12)
OLD_MAC, NEW_MAC = "06:00:ac:10:00:11", "06:00:ac:10:00:22"


# --- networks ---------------------------------------------------------------------------------


class Net:
    """A namespace with eth0, which a fork changes, and eth1, which it has nothing to do with."""

    def __init__(self):
        self.guest = Guest(None)
        self.setup = []
        self.ip(
            "link set eth0 up address " + OLD_MAC,
            "link add eth1 type veth peer name eth1p",
            "link set eth1 up",
            "link set eth1p up",
        )
        for name in (
            "all/accept_dad",
            "default/accept_dad",
            "eth0/accept_dad",
            "eth1/accept_dad",
            "eth1p/accept_dad",
        ):
            self.sysctl(
                f"ipv6/conf/{name}", 0
            )  # else what is compared changes by itself for a second
        for name in ("eth0", "eth1", "eth1p"):
            self.sysctl(f"ipv6/conf/{name}/router_solicitations", 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.guest.close()

    def sysctl(self, name, value):
        subprocess.run(
            self.guest.inside("sh", "-c", f"echo {value} > /proc/sys/net/{name}"), check=True
        )

    def ip(self, *lines, check=True):
        done = subprocess.run(
            self.guest.inside("ip", "-force", "-batch", "-"),
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or not done.returncode, done.stderr
        self.setup += lines

    def show(self, *words):
        return self.guest.ip(*words).splitlines()

    def apply(self, payload, *words):
        done = subprocess.run(
            self.guest.inside(NETAPPLY, json.dumps(payload), *words),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (done.returncode, done.stderr)
        return json.loads(done.stdout)

    def addresses(self, ages, link):
        """With the lifetimes; those of a link's own scope behind the others and sorted: the kernel
        makes its own when it sees a carrier."""
        lines = [ages(link(line)) for line in self.show("addr", "show")]
        lines = re.sub(r"\n(valid_lft)", r" \1", "\n".join(lines)).splitlines()
        found = []
        for block in re.split(r"\n(?=\d+: )", "\n".join(lines)):
            own = [line for line in block.splitlines() if "inet6 fe80:" in line]
            found += [line for line in block.splitlines() if line not in own] + sorted(own)
        return found

    def dump(self):
        """Everything, as lines to compare: lists where the order says something, else sorted."""
        joined = lambda text: re.sub(r"\n\s+", " ", "\n".join(text)).splitlines()
        ages = (
            lambda line: re.sub(
                r" (tentative|dead|linkdown)\b",
                "",
                re.sub(r"(_lft|expires) \d+sec", r"\1 some", line),
            )
            .replace("  ", " ")
            .strip()
        )
        # of a link: its name, whether it is up, its MAC; the rest follows in the kernel's own time
        link = lambda line: re.sub(
            r"^(\d+: \S+) <(?:[^>]*,)?(UP|)(?:,[^>]*)?>.*?(link/\S+ \S+|$).*", r"\1 \2 \3", line
        )
        seen = {"links": [link(line) for line in joined(self.show("link", "show"))]}
        seen["addresses"] = self.addresses(ages, link)
        for name, words in (
            ("routes", ["-4", "route", "show", "table", "all"]),
            ("routes6", ["-6", "route", "show", "table", "all"]),
            ("rules", ["rule"]),
            ("rules6", ["-6", "rule"]),
            ("nexthops", ["nexthop"]),
            ("proxies", ["neigh", "show", "proxy"]),
            ("proxies6", ["-6", "neigh", "show", "proxy"]),
        ):
            seen[name] = sorted(ages(line) for line in joined(self.show(*words)))
        # each IPv6 address gets its local route once it is no longer tentative
        seen["routes6"] = [
            line for line in seen["routes6"] if " table local proto kernel " not in line
        ]
        # states of those that were learnt change with time
        seen["neighbours"] = sorted(
            re.sub(r" (REACHABLE|STALE|DELAY|PROBE)$", " learnt", line.strip())
            for line in self.show("neigh", "show", "nud", "all")
            if "NOARP" not in line and "FAILED" not in line and "INCOMPLETE" not in line
        )
        return seen


def random_addresses(rng):
    pool = [
        "172.16.0.3/29",
        "172.16.0.4/29",
        "172.16.0.2/29",
        "172.16.0.3/32",
        "172.16.0.2/32",
        "10.9.9.1/24",
        "10.9.9.2/24",
        "192.168.7.9/16",
        "10.50.0.1 peer 10.50.0.2/32",
        "172.16.0.5/28",
    ]
    for address in rng.sample(pool, rng.choice((0, 1, 1, 2, 3, 4))):
        words = []
        if rng.random() < 0.2:
            words.append("noprefixroute")
        elif rng.random() < 0.3:
            words.append(f"metric {rng.choice((50, 100, 600))}")
        if rng.random() < 0.2:
            words.append(f"label eth0:{rng.choice('abc')}")
        if rng.random() < 0.2:
            words.append("valid_lft 4000 preferred_lft 2000")
        if rng.random() < 0.1:
            words.append("scope link")
        yield f"addr add {address} dev eth0 {' '.join(words)}"
    if rng.random() < 0.7:
        yield "addr add fd00:1::5/64 dev eth0 " + rng.choice(
            ("", "noprefixroute", "metric 77", "preferred_lft 0", "nodad")
        )
    if rng.random() < 0.3:
        yield "addr add fe80::77/64 dev eth0"
    if rng.random() < 0.7:
        yield "addr add " + rng.choice(
            ("172.31.0.9/24", "172.16.0.6/29", "172.16.0.3/29")
        ) + " dev eth1"
    if rng.random() < 0.4:
        yield "addr add fd00:2::5/64 dev eth1"


def random_nexthops(rng):
    if rng.random() < 0.4:
        return
    yield "nexthop add id 1 via 172.16.0.1 dev eth0 onlink"
    yield "nexthop add id 2 dev eth1"
    yield rng.choice(
        (
            "nexthop add id 3 group 1/2",
            "nexthop add id 3 group 1,3/2,5 type resilient buckets 8 idle_timer 60",
            "nexthop add id 3 group 1",
        )
    )
    yield "nexthop add id 4 blackhole"
    yield "nexthop add id 5 via fe80::9 dev eth0"
    yield "nexthop add id 6 dev eth0 proto 42"


def random_route(rng):
    source = rng.choice(("", "", " src 172.16.0.3", " src 10.9.9.1", " src 172.16.0.2"))
    table = rng.choice(("", "", " table 100", " table 7000"))
    more = rng.choice(
        (
            "",
            " metric 7",
            " proto static",
            " proto dhcp metric 1024",
            " mtu 1400",
            " mtu lock 1300 advmss 1200",
            " tos 0x10",
            " proto kernel",
            " initcwnd 20 proto bird",
        )
    )
    way = rng.choice(
        (
            "dev eth0",
            "dev eth0",
            "via 172.16.0.1 dev eth0",
            "via 172.16.0.1 dev eth0 onlink",
            "via 10.9.9.9 dev eth0",
            "dev eth1",
            "nhid 1",
            "nhid 3",
            "nhid 6",
            "via inet6 fe80::9 dev eth0",
            "nexthop via 172.16.0.1 dev eth0 onlink weight 2 nexthop dev eth1",
        )
    )
    what = rng.choice(
        (
            "10.8.0.0/16",
            "169.254.169.254",
            "default",
            "10.77.1.0/24",
            "172.16.0.0/29",
            "192.0.2.0/24",
            "unreachable 10.66.0.0/16",
            "blackhole 10.67.0.0/16",
            "multicast 239.0.0.0/8",
            "10.8.0.0/17",
        )
    )
    if what.startswith(("unre", "black")):
        way = ""
    return f"route {rng.choice(('add', 'append'))} {what} {way}{table}{more}{source}"


def random_route6(rng):
    what = rng.choice(
        ("fd00:8::/32", "default", "fd00:9::1", "unreachable fd00:66::/32", "fd00:8::/33")
    )
    way = rng.choice(
        (
            "dev eth0",
            "via fd00:1::1 dev eth0",
            "via fe80::9 dev eth0",
            "dev eth1",
            "nhid 5",
            "nexthop via fe80::9 dev eth0 nexthop via fe80::8 dev eth1",
        )
    )
    more = rng.choice(
        (
            "",
            " metric 77",
            " proto static",
            " mtu 1400",
            " table 100",
            " pref high",
            " pref low metric 5",
            " expires 3000",
        )
    )
    return f"-6 route add {what} {'' if what.startswith('unre') else way}{more}"


def random_neighbours(rng):
    for line in (
        "172.16.0.1 lladdr 02:00:00:00:00:01 nud permanent",
        "172.16.0.5 lladdr 02:00:00:00:00:05 nud stale",
        "172.16.0.6 lladdr 02:00:00:00:00:06 nud permanent",
        "fd00:1::9 lladdr 02:00:00:00:00:09 nud permanent",
        "fe80::9 lladdr 02:00:00:00:00:0a nud reachable router",
        "10.9.9.9 lladdr 02:00:00:00:00:0b nud permanent extern_learn",
        "10.9.9.8 lladdr 02:00:00:00:00:0c nud noarp",
    ):
        if rng.random() < 0.4:
            yield f"neigh replace {line} dev eth0"
    if rng.random() < 0.3:
        yield "neigh add proxy 10.8.8.8 dev eth0"
    if rng.random() < 0.3:
        yield "neigh add proxy fd00:8::8 dev eth0"


def build(net, rng, busy):
    """Lines that the kernel refuses are left out: what it takes is a network."""
    net.sysctl("ipv4/conf/eth0/promote_secondaries", rng.randrange(2))
    net.sysctl("ipv6/conf/eth0/keep_addr_on_down", rng.randrange(2))
    up = rng.random() < 0.85
    lines = list(
        random_addresses(rng)
    )  # the links are up, if only to go down: one that never was has states that never come again
    if (
        rng.random() < 0.2 and not busy
    ):  # a link that comes up gets it again, whenever the kernel sees its carrier
        lines.append("addr del fe80::400:acff:fe10:11/64 dev eth0")
    lines += random_nexthops(rng)
    lines += [random_route(rng) for _ in range(rng.randrange(12))]
    lines += [random_route6(rng) for _ in range(rng.randrange(6))]
    if rng.random() < 0.2:
        lines.append("route del 172.16.0.0/29 dev eth0 proto kernel")
    lines += [
        "rule add from 172.16.0.3 table 100 pref 500",
        "rule add iif eth0 table 7000 pref 600",
        "-6 rule add oif eth0 table 100 pref 700",
    ]
    lines += random_neighbours(rng)
    if not up:
        lines.append("link set eth0 down")
    net.ip(*lines, check=False)


def random_payload(rng):
    ip, prefix, gateway = rng.choice(
        (
            ("172.16.0.2", 29, "172.16.0.1"),
            ("172.16.0.2", 29, "172.16.0.1"),
            ("10.1.1.1", 32, "172.16.0.1"),
            ("10.9.9.7", 24, "10.9.9.9"),
            ("172.16.0.3", 29, "172.16.0.1"),
            ("172.16.0.2", 31, "172.16.0.1"),
        )
    )
    return {
        "interface_name": "eth0",
        "mac": rng.choice((OLD_MAC, NEW_MAC, NEW_MAC)),
        "ipv4": ip,
        "prefix": prefix,
        "gateway": gateway,
    }


# --- what must hold ---------------------------------------------------------------------------


def differences(before, after):
    found = []
    for name, old in before.items():
        new = after[name]
        if old != new:
            found += [f"{name}: gone: {line}" for line in old if line not in new]
            found += [f"{name}: more: {line}" for line in new if line not in old]
            if not found:
                found.append(f"{name}: another order or number: {old} -> {new}")
    return found


def addresses_of(lines, link):
    """(address, whether it is a secondary one) of a link's IPv4 addresses."""
    found, name = [], ""
    for line in lines:
        name = (re.match(r"\d+: ([^:@]+)", line) or [0, name])[1]
        if name == link and line.startswith("inet "):
            found.append(line.split()[1].split("/")[0])
    return found


def without_what_was_asked(seen, olds, elsewhere, payload, was_down):
    """The lines of a dump that the change may not touch, the same from before and after it."""
    new, left = payload["ipv4"], {name: list(lines) for name, lines in seen.items()}
    gone = {old for old in olds if old != new and old not in elsewhere}

    def keep_route(line):
        table_main = " table " not in line
        if (
            re.match(r"default ", line)
            and table_main
            and (" dev eth0" in line)
            and "nexthop" not in line
            and " tos " not in line
        ):
            return False
        if (
            re.match(r"default ", line)
            and table_main
            and " metric " not in line
            and " tos " not in line
        ):
            return False
        source = re.search(r" src (\S+)", line)
        if source and " proto kernel" in line and " dev eth0" in line and source[1] in {*olds, new}:
            return False
        return True

    routes = [line for line in left["routes"] if keep_route(line)]
    left["routes"] = sorted(
        re.sub(r" src (\S+)", lambda m: f" src {new if m[1] in gone else m[1]}", line)
        for line in routes
    )
    kept, name = [], ""
    for line in left["addresses"]:
        name = (re.match(r"\d+: ([^:@]+)", line) or [0, name])[1]
        if name != "eth0":
            kept.append(line)
        elif line.startswith("inet6 ") and "fe80::400:acff:fe10:" not in line:
            kept.append(line)
    left["addresses"] = kept
    left["neighbours"] = [
        line for line in left["neighbours"] if "learnt" not in line or "dev eth0" not in line
    ]
    # a link that comes up, and a new MAC, bring link-local things of their own
    left["routes6"] = [
        line
        for line in left["routes6"]
        if not (
            " dev eth0" in line
            and " proto kernel" in line
            and (" table local" in line or line.startswith("fe80::/64") or was_down)
        )
    ]
    left["links"] = [line for line in left["links"] if "eth0" not in line]
    return left


def one_network(number, busy):
    rng = random.Random(f"{SEED} {number} {busy}")
    words = ["--busy"] if busy else []
    with Net() as net:
        build(net, rng, busy)
        payload, before = random_payload(rng), net.dump()
        olds, elsewhere = addresses_of(before["addresses"], "eth0"), addresses_of(
            before["addresses"], "eth1"
        )
        was_down = not any(re.match(r"\d+: eth0\S* UP", line) for line in before["links"])
        case = {"seed": SEED, "network": number, "payload": payload, "setup": net.setup}
        steps = 8 + len(olds)
        for step in sorted(rng.sample(range(steps), 3)):
            done = net.apply(payload, *words, "--fail", str(step))
            found = differences(before, net.dump())
            if done["error"] != errno.EOPNOTSUPP:
                # none of that number, or one that may fail; or the kernel refuses this change
                # anyway
                break
            assert done["undone"] and not found, ("undone", step, done, found, case)
        else:
            done = net.apply(payload, *words)
        # refused, and undone, unless it is the undoing whose request was broken: then it says so
        if done["error"]:
            found = differences(before, net.dump())
            assert not found if done["undone"] else done["undo_error"] == errno.EOPNOTSUPP, (
                "undone",
                done,
                found,
                case,
            )
            return "refused"
        found = differences(
            without_what_was_asked(before, olds, elsewhere, payload, was_down),
            without_what_was_asked(net.dump(), olds, elsewhere, payload, was_down),
        )
        # What the kernel refused to take back is reported. It refuses what was broken on the way,
        # and, where the link lost all its routes, one through a gateway that is in no network any
        # more.
        refused = (0, errno.EOPNOTSUPP, errno.ENETUNREACH) if busy else (0, errno.EOPNOTSUPP)
        assert done["lost_error"] in refused and done["flush_error"] in (0, errno.EOPNOTSUPP), (
            "done",
            done,
            case,
        )
        assert done["lost"] < 2 or done["lost_error"] == errno.ENETUNREACH, ("done", done, case)
        assert len(found) <= done["lost"], ("done", done, found, case)
        state = net.dump()
        assert (
            payload["ipv4"] in addresses_of(state["addresses"], "eth0")
            and len(addresses_of(state["addresses"], "eth0")) == 1
        ), (state["addresses"], case)
        return "lost" if done["lost"] else "done"


def random_networks(busy):
    outcomes = {}
    for number in range(NETWORKS):
        outcome = one_network(number, busy)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes.get("done", 0) > NETWORKS // 4, outcomes
    return f"seed {SEED}: {outcomes}"


def many_neighbours():
    """More than one message has room for: one that the kernel does not take back is reported,
    whichever message it was in."""
    with Net() as net:
        net.ip(
            "addr add 172.16.0.3/29 dev eth0",
            *(
                f"neigh add 10.7.{i // 200}.{i % 200 + 1} lladdr 02:00:00:00:00:01 nud permanent "
                f"dev eth0"
                for i in range(400)
            ),
        )
        payload = {
            "interface_name": "eth0",
            "mac": NEW_MAC,
            "ipv4": "172.16.0.2",
            "prefix": 29,
            "gateway": "172.16.0.1",
        }
        whole = net.dump()["neighbours"]
        done = net.apply(
            payload, "--busy", "--fail", "150"
        )  # far behind the change's own requests, far before the last neighbour
        found = net.dump()["neighbours"]
        assert done["error"] == 0 and len(whole) - len(found) == 1, (done, len(whole), len(found))
        assert (done["lost"], done["lost_what"], done["lost_error"]) == (
            1,
            "neighbour",
            errno.EOPNOTSUPP,
        ), done


CASES = [
    ("random networks: nothing else goes, and undone is undone", lambda: random_networks(False)),
    ("the same with a device that must go down for a new MAC", lambda: random_networks(True)),
    ("one of very many neighbours that is lost is reported", many_neighbours),
]


run_cases(CASES)
