# SPDX-License-Identifier: BSD-2-Clause
"""KVM's own statistics of a VM, from debugfs, where the folder is named after the VMM's pid."""

import os

FOLDER = "/sys/kernel/debug/kvm"


def _numbers(folder):
    values = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            continue
        try:
            with open(path, encoding="ascii") as handle:
                values[name] = int(handle.read())
        except (OSError, ValueError):
            continue  # some files hold tables, some want more than reading
    return values


def read(pid):
    """{statistic: value, ..., "vcpus": {"vcpu0": {...}}}, or None if the kernel shows none."""
    try:
        folders = [name for name in os.listdir(FOLDER) if name.startswith(f"{pid}-")]
    except OSError:
        return None
    if len(folders) != 1:
        return None
    base = os.path.join(FOLDER, folders[0])
    values = _numbers(base)
    values["vcpus"] = {
        name: _numbers(os.path.join(base, name))
        for name in sorted(os.listdir(base))
        if name.startswith("vcpu")
    }
    return values
