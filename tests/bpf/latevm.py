#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes a VM with a memory slot and a vCPU, says so, and runs the vCPU once asked to on standard
input.

latevm.py [N]: with N memory slots, of a page each.
"""

import fcntl
import json
import mmap
import os
import struct
import sys

KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_RUN, KVM_SET_USER_MEMORY_REGION = (
    0xAE01,
    0xAE41,
    0xAE80,
    0x4020AE46,
)
BYTES = 1 << 20


def main():
    vm = fcntl.ioctl(os.open("/dev/kvm", os.O_RDWR), KVM_CREATE_VM, 0)
    memory = mmap.mmap(-1, BYTES)
    # the address of the mapping: the last one made, as the process' own map says
    with open("/proc/self/maps", encoding="ascii") as maps:
        found = [line.split("-") for line in maps]
    hva = next(
        int(a, 16)
        for a, rest in ((line[0], line[1]) for line in found)
        if int(rest.split()[0], 16) - int(a, 16) == BYTES
    )
    fcntl.ioctl(vm, KVM_SET_USER_MEMORY_REGION, struct.pack("<IIQQQ", 3, 0, 0x10000, BYTES, hva))
    for slot in range(4, 3 + int(sys.argv[1]) if sys.argv[1:] else 0):
        fcntl.ioctl(
            vm, KVM_SET_USER_MEMORY_REGION, struct.pack("<IIQQQ", slot, 0, slot << 24, 4096, hva)
        )
    vcpu = fcntl.ioctl(vm, KVM_CREATE_VCPU, 0)
    print(json.dumps({"pid": os.getpid(), "hva": hva, "bytes": BYTES}), flush=True)
    sys.stdin.readline()
    for _ in range(2):
        try:
            fcntl.ioctl(vcpu, KVM_RUN, 0)
        except OSError:
            pass  # there is no code to run: the call is what counts
    memory.close()


if __name__ == "__main__":
    main()
