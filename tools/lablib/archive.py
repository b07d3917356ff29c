# SPDX-License-Identifier: BSD-2-Clause
"""Debian's archive through apt, in a private configuration: nothing of the machine's own apt is
changed.

The mirror is the one that the machine's own apt configuration names.
"""

import hashlib
import os
import re
import subprocess
from pathlib import Path

from . import cache
from .proc import run
from .say import LabError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror():
    """URI of the Debian mirror of this machine; FORKSCOPE_MIRROR overrides it."""
    given = os.environ.get("FORKSCOPE_MIRROR")
    if given:
        return given
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(LABEL)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    rows = [line.partition("|") for line in listed.splitlines()]
    for uri, _, label in rows:
        if label == "Debian":
            return uri.rstrip("/")
    for uri, _, _ in rows:
        if re.search(r"/debian/?$", uri):
            return uri.rstrip("/")
    raise LabError(
        "finding a Debian mirror: this machine's apt configuration names none. "
        "Set FORKSCOPE_MIRROR to the URI of one (the part before dists/)"
    )


class Archive:
    """One or more suites of the archive, apart from the packages installed on this machine."""

    def __init__(self, name, suites, installed="/dev/null"):
        self.suites = suites
        self.folder = cache.root() / "apt" / name
        lists = self.folder / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        sources = self.folder / "sources.list"
        uri = mirror()
        sources.write_text(
            "".join(f"deb [signed-by={KEYRING}] {uri} {suite} main\n" for suite in suites),
            encoding="ascii",
        )
        self.options = [
            "-o",
            f"Dir::Etc::sourcelist={sources}",
            "-o",
            "Dir::Etc::sourceparts=/dev/null",
            "-o",
            f"Dir::State::lists={lists}",
            "-o",
            f"Dir::State::status={installed}",
            "-o",
            "APT::Sandbox::User=root",
            "-o",
            f"Dir::Cache::pkgcache={self.folder}/pkgcache.bin",
            "-o",
            f"Dir::Cache::srcpkgcache={self.folder}/srcpkgcache.bin",
        ]

    def update(self):
        run(
            ["apt-get", *self.options, "-q", "update"],
            f"reading the package lists of {', '.join(self.suites)}",
            "Check the network and the machine's apt sources.",
        )

    def release_digest(self):
        """Changes whenever a suite's release file does."""
        files = sorted((self.folder / "lists").glob("*InRelease"))
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    def closure(self, package, suite, keep):
        """[(name, version)] of a package and what it depends on, as far as keep (a pattern)
        matches."""
        text = run(
            [
                "apt-get",
                *self.options,
                "-s",
                "-q",
                "--no-install-recommends",
                "-t",
                suite,
                "install",
                package,
            ],
            f"resolving {package} in {suite}",
        )
        rows = re.findall(r"^Inst (\S+) \(([^ )]+)", text, re.MULTILINE)
        found = [(name, version) for name, version in rows if re.fullmatch(keep, name)]
        if not found:
            raise LabError(
                f"resolving {package} in {suite}: the archive offers none of the packages wanted "
                f"({keep})"
            )
        return found

    def unpack(self, packages, into, scratch):
        """Downloads [(name, version)] and unpacks their files under `into`."""
        Path(scratch).mkdir(parents=True, exist_ok=True)
        run(
            [
                "apt-get",
                *self.options,
                "-q",
                "download",
                *(f"{name}={version}" for name, version in packages),
            ],
            "downloading " + ", ".join(name for name, _ in packages),
            cwd=scratch,
        )
        for package in sorted(Path(scratch).glob("*.deb")):
            run(["dpkg-deb", "-x", str(package), str(into)], f"unpacking {package.name}")
            package.unlink()
