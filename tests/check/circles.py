#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Circles between files of src and bpf: who calls whom by the symbols of the objects, who includes
whom by the sources.

    tests/check/circles.py [FOLDER]     where the objects are (.output); a line for each circle
    tests/check/circles.py --uses FILE  what src/FILE.c uses of other files, and who uses it

Prints nothing if there is no circle.
"""

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
OBJECTS = (
    Path(sys.argv[1])
    if len(sys.argv) == 2 and not sys.argv[1].startswith("-")
    else TOP / os.environ.get("O", ".output")
)
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def symbols(paths):
    """{file: (defined, undefined)} of these objects"""
    found = {}
    out = subprocess.run(
        ["nm", "-A", "-g", *map(str, paths)], capture_output=True, text=True, check=True
    ).stdout
    for line in out.splitlines():
        path, _, rest = line.partition(".o:")
        kind, name = rest.split()[-2:]
        defined, undefined = found.setdefault(path, (set(), set()))
        (undefined if kind in "Uwv" else defined).add(name)
    return found


def calls(folder, sources):
    """{source: {other source: symbols of it that are used}}, of programs that are linked together;
    `sources` without their .c"""
    paths = [folder / f"{source}.o" for source in sources]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        sys.exit(f"circles: build first: there is no {missing[0]}")
    of = symbols(paths)
    home = {name: path for path, (defined, _) in of.items() for name in defined}
    uses = defaultdict(lambda: defaultdict(set))
    for path, (_, undefined) in of.items():
        for name in undefined:
            if name in home and home[name] != path:
                uses[os.path.relpath(path, folder)][os.path.relpath(home[name], folder)].add(name)
    return uses


def headers():
    """{header: {header that it includes: {the same}}}"""
    uses = defaultdict(lambda: defaultdict(set))
    for folder in ("src", "bpf"):
        for path in (TOP / folder).rglob("*.h"):
            for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                for where in (TOP / "src" / name, TOP / name, TOP / "bpf" / name):
                    if where.exists():
                        uses[str(path.relative_to(TOP))][str(where.relative_to(TOP))].add(name)
                        break
    return uses


def circles(uses):
    """Strongly connected parts of more than one file (Tarjan), or a file that uses itself."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in uses.get(node, {}):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = []
            while not part or part[-1] != node:
                part.append(stack.pop())
            if len(part) > 1 or node in uses.get(node, {}):
                found.append(sorted(part))

    sys.setrecursionlimit(10000)
    for node in list(uses):
        if node not in index:
            visit(node)
    return found


def groups():
    """What is linked together: forkscope, the guest's program."""

    def under(*folders):
        return [
            str(path.relative_to(TOP))[:-2]
            for folder in folders
            for path in sorted((TOP / "src" / folder).rglob("*.c"))
        ]

    parts = sorted(
        path.name for path in (TOP / "src").iterdir() if path.is_dir() and path.name != "guest"
    )
    yield OBJECTS, under(*parts)
    yield OBJECTS / "guest", under("guest")
    yield OBJECTS, [
        str(path.relative_to(TOP))[:-2] for path in sorted((TOP / "bpf").glob("*.bpf.c"))
    ]


def show(part, uses):
    print(f"{len(part)} files:")
    for one in part:
        for other, names in sorted(uses[one].items()):
            if other in part:
                print(
                    f"  {one} -> {other}: "
                    f"{', '.join(sorted(names)[:6])}{' ...' if len(names) > 6 else ''}"
                )


def uses_of(name):
    for folder, sources in groups():
        uses = calls(folder, sources)
        for one, others in sorted(uses.items()):
            for other, names in sorted(others.items()):
                if f"src/{name}" in (one, other):
                    print(f"{one} -> {other}: {', '.join(sorted(names))}")


def main():
    if sys.argv[1:2] == ["--uses"]:
        uses_of(sys.argv[2])
        return 0
    if sys.argv[1:2] == ["--objects"]:
        objects = [name.removesuffix(".o") for name in sys.argv[3:]]
        graphs = [calls(Path(sys.argv[2]), objects)]
    else:
        graphs = [calls(*group) for group in groups()] + [headers()]
    bad = [(part, uses) for uses in graphs for part in circles(uses)]
    for part, uses in bad:
        show(part, uses)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
