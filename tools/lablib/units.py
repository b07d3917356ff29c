# SPDX-License-Identifier: BSD-2-Clause
"""Durations and sizes, with units, from the command line."""

import re

from .say import LabError, USAGE

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {
    "": 1,
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "K": 1 << 10,
    "M": 1 << 20,
    "G": 1 << 30,
}


def seconds(text):
    """'250ms', '30s', '10m' -> seconds; a bare number means seconds."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h)?", text)
    if not match:
        raise LabError(
            f"'{text}' is not a duration: give a number and us, ms, s, m or h, as in 250ms", USAGE
        )
    return float(match[1]) * _SECONDS[match[2] or "s"]


def size(text):
    """'256MiB', '4K' -> bytes."""
    match = re.fullmatch(r"([0-9]+)([KMG]iB|[KMGB])?", text)
    if not match:
        raise LabError(
            f"'{text}' is not a size: give a number and KiB, MiB or GiB, as in 256MiB", USAGE
        )
    return int(match[1]) * _BYTES[match[2] or ""]
