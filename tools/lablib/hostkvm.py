# SPDX-License-Identifier: BSD-2-Clause
"""Is this host's /dev/kvm fit: does it enter guests with hardware support, fast? Found out by
running a tiny VM."""

import ctypes
import fcntl
import mmap
import os
import struct
import time

_CREATE_VM, _CREATE_VCPU, _GET_VCPU_MMAP_SIZE, _RUN = 0xAE01, 0xAE41, 0xAE04, 0xAE80
_SET_USER_MEMORY_REGION, _GET_SREGS, _SET_SREGS, _SET_REGS = (
    0x4020AE46,
    0x8138AE83,
    0x4138AE84,
    0x4090AE82,
)
_EXIT_HLT = 5
_LOOPS = 2_000_000
_SLOWEST_NS_PER_LOOP = 20  # hardware needs well under 2; what emulates each instruction, hundreds


def _vendor_module():
    for name in ("kvm_amd", "kvm_intel"):
        if os.path.isdir(f"/sys/module/{name}"):
            return name
    return None


def _code():
    """Real-mode code: mov ecx, _LOOPS; again: dec ecx; jnz again; hlt."""
    return b"\x66\xb9" + struct.pack("<I", _LOOPS) + b"\x66\x49\x75\xfc\xf4"


def _flat_real_mode(vcpu):
    sregs = bytearray(312)
    fcntl.ioctl(vcpu, _GET_SREGS, sregs)
    struct.pack_into("<Q", sregs, 0, 0)  # cs.base
    struct.pack_into("<H", sregs, 12, 0)  # cs.selector
    fcntl.ioctl(vcpu, _SET_SREGS, bytes(sregs))
    regs = bytearray(144)
    struct.pack_into("<QQ", regs, 128, 0x1000, 2)  # rip, rflags
    fcntl.ioctl(vcpu, _SET_REGS, bytes(regs))


def _loop_ns():
    """Nanoseconds per turn of a loop in a VM, or None if it did not end in HLT."""
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    handles = [kvm]
    try:
        vm = fcntl.ioctl(kvm, _CREATE_VM, 0)
        handles.append(vm)
        memory = mmap.mmap(-1, 0x4000)
        memory[0x1000 : 0x1000 + len(_code())] = _code()
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        fcntl.ioctl(vm, _SET_USER_MEMORY_REGION, struct.pack("<IIQQQ", 0, 0, 0, 0x4000, address))
        vcpu = fcntl.ioctl(vm, _CREATE_VCPU, 0)
        handles.append(vcpu)
        state = mmap.mmap(vcpu, fcntl.ioctl(kvm, _GET_VCPU_MMAP_SIZE, 0))
        _flat_real_mode(vcpu)
        start = time.perf_counter_ns()
        fcntl.ioctl(vcpu, _RUN, 0)
        took = time.perf_counter_ns() - start
        return took / _LOOPS if struct.unpack_from("<I", state, 8)[0] == _EXIT_HLT else None
    finally:
        for handle in reversed(handles):
            os.close(handle)


def fit():
    """(is it fit, why)"""
    if not os.path.exists("/dev/kvm"):
        return False, "this host has no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False, "this host has a /dev/kvm that this user may not open"
    module = _vendor_module()
    if not module:
        return (
            False,
            "this host's /dev/kvm has no hardware support behind it (neither kvm_amd nor "
            "kvm_intel is loaded)",
        )
    try:
        loop = _loop_ns()
    except OSError as error:
        return False, f"this host's /dev/kvm could not run a tiny VM: {error.strerror}"
    if loop is None or loop > _SLOWEST_NS_PER_LOOP:
        return (
            False,
            "this host's /dev/kvm did not run a tiny VM's loop as fast as hardware does: it "
            "emulates",
        )
    return True, f"{module} entered a tiny VM and ran it at {loop:.2f} ns a loop"
