# SPDX-License-Identifier: BSD-2-Clause
"""Debian releases with what tools/deps asks for and nothing else, as folders to chroot into."""

import os
import re
from pathlib import Path

from . import archive, cache
from .build import TOP
from .proc import path_with_sbin, run
from .rootfs import EXCLUDE
from .say import LabError

GROUPS = ["build", "check"]
SOURCES = [__file__, TOP / "tools/deps"]


def _packages(box, suite):
    """The packages of tools/deps, as this release has them: of a|b the first that it has."""
    wanted = [
        line.split("|")
        for line in run(
            [str(TOP / "tools/deps"), "--list", *GROUPS], "asking tools/deps for its packages"
        ).split()
    ]
    policy = run(
        ["apt-cache", *box.options, "policy", *(name for names in wanted for name in names)],
        f"looking for packages in {suite}",
    )
    there = set(
        re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: (?!\(none\))", policy, re.MULTILINE)
    )
    chosen = [next((name for name in names if name in there), None) for names in wanted]
    for names, name in zip(wanted, chosen):
        if not name:
            raise LabError(
                f"{suite} has no package named {' or '.join(names)}, which tools/deps asks for"
            )
    return sorted(set(chosen))


def get(suite):
    """The folder of a release's whole tree; made anew when the archive or tools/deps has
    changed."""
    box = archive.Archive(f"chroot-{suite}", [suite])
    box.update()
    packages = _packages(box, suite)

    def make(folder):
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--aptopt=Apt::Install-Recommends false",
            f"--include={','.join(packages)}",
        ]
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDE]
        command += [f"--keyring={archive.KEYRING}", suite, str(folder / "tree"), archive.mirror()]
        run(command, f"making a chroot of {suite}", env=path_with_sbin())
        (folder / "tree/src").mkdir()

    return (
        cache.get(
            f"chroot-{suite}",
            {
                "release": box.release_digest(),
                "packages": packages,
                "maker": cache.file_digest(*SOURCES),
            },
            make,
        )
        / "tree"
    )


def copy_project(into):
    """The project's own files as they stand, without what was built."""
    Path(into).mkdir(parents=True)
    run(
        [
            "cp",
            "-a",
            *(
                str(TOP / name)
                for name in sorted(os.listdir(TOP))
                if name != ".git" and not name.startswith(".output")
            ),
            str(into),
        ],
        "copying the project",
    )


# In namespaces of its own: nothing is left mounted or running, however it ends. The tree is
# read-only.
_ENTER = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount --bind "$2" "$1/src"
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
for place in tmp run root var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$1/$place"; done
exec chroot "$1" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
\tPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
\tsh -c "cd /src && $3"
"""


def inside(tree, project, command):
    """The words that run a shell command in the tree, with the project at /src."""
    return [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        _ENTER,
        "enter",
        str(tree),
        str(project),
        command,
    ]
