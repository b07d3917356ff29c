# SPDX-License-Identifier: BSD-2-Clause
"""VMClock under QEMU: a page of guest memory that the lab writes, and the ACPI table that announces
it to the guest."""

import struct
import uuid

from ..say import LabError
from .. import cpio

GUID = uuid.UUID(
    "324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87"
)  # of the template; each fork gets a new one
BELOW_TOP = 16 << 20  # where the page is: this far below the end of memory
_MAGIC, _PAGE, _FLAGS = 0x4B4C4356, 0x1000, (1 << 8) | (1 << 9)
_SEQUENCE, _DISRUPTION, _GENERATION = 12, 16, 104
# The values in vmclock.asl that stand for the two addresses.
_GENID_MARK, _FIRST_MARK, _LAST_MARK = 0x51DE0000, 0x52DE0000, 0x52DE0FFF
GENID_OFFSET = 0x28  # of the id in its page


def address(memory):
    return memory - BELOW_TOP


def assumed_genid_page(memory):
    """Where the firmware puts the generation id's page; checked once the template runs."""
    return memory - _PAGE


def _replace(table, mark, value):
    at = table.find(struct.pack("<I", mark))
    if at < 0 or table.find(struct.pack("<I", mark), at + 1) >= 0:
        raise LabError(
            f"filling in the ACPI table: expected the value {mark:#x} in it exactly once"
        )
    table[at : at + 4] = struct.pack("<I", value)


def acpi(compiled, genid_page, memory):
    """An uncompressed cpio archive with the table, to stand first in the initramfs."""
    table = bytearray(compiled)
    _replace(table, _GENID_MARK, genid_page)
    _replace(table, _FIRST_MARK, address(memory))
    _replace(table, _LAST_MARK, address(memory) + _PAGE - 1)
    table[9] = 0
    table[9] = -sum(table) & 0xFF
    image = cpio.Writer()
    for folder in ("kernel", "kernel/firmware", "kernel/firmware/acpi"):
        image.folder(folder)
    image.file("kernel/firmware/acpi/vmclock.aml", bytes(table))
    return image.bytes()


def write_page(path, memory):
    page = bytearray(112)
    struct.pack_into("<IIHBBIQQ", page, 0, _MAGIC, _PAGE, 1, 0xFF, 0, 2, 1, _FLAGS)
    struct.pack_into("<Q", page, _GENERATION, 1)
    with open(path, "r+b") as handle:
        handle.seek(address(memory))
        handle.write(page)


def bump(path, memory):
    """What a restore does to the page; only while no VM maps the file."""
    with open(path, "r+b") as handle:
        handle.seek(address(memory))
        page = bytearray(handle.read(112))
        if struct.unpack_from("<I", page)[0] != _MAGIC:
            raise LabError(
                f"bumping VMClock in {path}: there is no VMClock page at {address(memory):#x}"
            )
        for offset, form, by in (
            (_SEQUENCE, "<I", 2),
            (_DISRUPTION, "<Q", 1),
            (_GENERATION, "<Q", 1),
        ):
            struct.pack_into(form, page, offset, struct.unpack_from(form, page, offset)[0] + by)
        handle.seek(address(memory))
        handle.write(page)


def genid_pages(path):
    """Pages of the memory file that hold the template's generation id where the firmware puts
    it."""
    with open(path, "rb") as handle:
        memory = handle.read()
    found, at = [], memory.find(GUID.bytes_le)
    while at >= 0:
        if at % _PAGE == GENID_OFFSET:
            found.append(at - GENID_OFFSET)
        at = memory.find(GUID.bytes_le, at + 1)
    return found
