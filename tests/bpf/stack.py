#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How much stack the programs of BPF objects need, as the verifier of kernels up to 6.12 counts it.
TAP, a case for each object.

    tests/bpf/stack.py OBJECT...

There a program and all functions it calls, one in the other, share 512 bytes, in at most 8 frames:
check_max_stack_depth() of kernel/bpf/verifier.c, where each frame counts as a multiple of 32, a
function without any as 32, and a callback as a call. Here also what the verifier adds to a function
when it makes a loop of a bpf_loop() in it. Later kernels give most programs more, so what is too
deep may load on the machine of whoever wrote it."""

import struct
import sys
from collections import namedtuple

MOST = 512 - 32  # one compiler's frames are another's plus some
FRAMES = 8
BPF_LOOP, LOOP_BYTES = 181, 24
FRAME_POINTER = 10
SHT_SYMTAB, SHT_REL, SHF_EXECINSTR, STT_FUNC = 2, 9, 4, 2
LD_IMM64, CALL, MOV64_REG, ADD64_IMM, EXIT, JA = 0x18, 0x85, 0xBF, 0x07, 0x95, 0x05
LD, LDX, ST, STX, ALU, JMP, JMP32, ALU64 = range(8)

Insn = namedtuple("Insn", "code dst src off imm")
Function = namedtuple("Function", "name section first insns")
Symbol = namedtuple("Symbol", "name section value size kind")


class Object:
    """The functions of an object: {(section, first instruction): Function}, and what the
    relocations of each section point at."""

    def __init__(self, data):
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("no ELF object of 64 bits, little endian")
        self.data = data
        (table,) = struct.unpack_from("<Q", data, 40)
        size, count, names = struct.unpack_from("<HHH", data, 58)
        self.heads = [
            struct.unpack_from("<IIQQQQIIQQ", data, table + size * i) for i in range(count)
        ]
        self.section_names = [self._text(names, head[0]) for head in self.heads]
        self.symbols = [
            symbol
            for i, head in enumerate(self.heads)
            if head[1] == SHT_SYMTAB
            for symbol in self._symbols(i)
        ]
        self.functions = {
            (s.section, s.value // 8): self._function(s)
            for s in self.symbols
            if s.kind == STT_FUNC and self._holds_code(s.section)
        }
        self.points_at = {
            head[7]: self._relocations(i) for i, head in enumerate(self.heads) if head[1] == SHT_REL
        }

    def _bytes(self, section):
        offset, size = self.heads[section][4:6]
        return self.data[offset : offset + size]

    def _text(self, section, at):
        return self._bytes(section)[at:].split(b"\0", 1)[0].decode("ascii", "replace")

    def _holds_code(self, section):
        return section < len(self.heads) and bool(self.heads[section][2] & SHF_EXECINSTR)

    def _symbols(self, section):
        strings = self.heads[section][6]
        for name, info, _, place, value, size in struct.iter_unpack(
            "<IBBHQQ", self._bytes(section)
        ):
            yield Symbol(self._text(strings, name), place, value, size, info & 15)

    def _function(self, symbol):
        code = self._bytes(symbol.section)[symbol.value : symbol.value + symbol.size]
        insns = [
            Insn(code, regs & 15, regs >> 4, off, imm)
            for code, regs, off, imm in struct.iter_unpack("<BBhi", code)
        ]
        return Function(symbol.name, symbol.section, symbol.value // 8, insns)

    def _relocations(self, section):
        return {
            at // 8: self.symbols[info >> 32]
            for at, info in struct.iter_unpack("<QQ", self._bytes(section))
        }

    def callees(self, function):
        """The functions that it calls or passes on as callbacks, found as libbpf finds them."""
        points_at = self.points_at.get(function.section, {})
        for i, insn in enumerate(function.insns, function.first):
            symbol = points_at.get(i)
            if symbol and not symbol.section:  # of the kernel
                continue
            if insn.code == CALL and insn.src == 1:
                place = (
                    (symbol.section, symbol.value // 8 + insn.imm + 1)
                    if symbol
                    else (function.section, i + insn.imm + 1)
                )
            elif insn.code == LD_IMM64 and symbol and self._holds_code(symbol.section):
                place = symbol.section, (symbol.value + insn.imm) // 8
            else:
                continue
            yield self.functions[place]

    def programs(self):
        return [
            each for each in self.functions.values() if self.section_names[each.section] != ".text"
        ]


def follow(insn, known):
    """What registers hold after an instruction: {register: offsets from the frame pointer that it
    may have}."""
    after = dict(known)
    if insn.code == CALL:
        for register in range(6):
            after.pop(register, None)
    elif insn.code == MOV64_REG and insn.src in known:
        after[insn.dst] = known[insn.src]
    elif insn.code == ADD64_IMM and insn.dst in known:
        after[insn.dst] = frozenset(
            each + insn.imm for each in known[insn.dst] if -1024 < each + insn.imm < 1024
        )
    elif insn.code & 7 in (LD, LDX, ALU, ALU64):
        after.pop(insn.dst, None)
    return after


def nexts(i, insn):
    if insn.code == EXIT:
        return []
    if insn.code == JA:
        return [i + 1 + insn.off]
    if insn.code == JA | 1:  # BPF_JMP32 | BPF_JA
        return [i + 1 + insn.imm]
    jumps = insn.code & 7 in (JMP, JMP32) and insn.code != CALL
    return [i + (2 if insn.code == LD_IMM64 else 1)] + ([i + 1 + insn.off] if jumps else [])


def lowest(insn, known, after):
    """The lowest offset from the frame pointer that an instruction reaches, or makes a pointer
    to."""
    base = insn.src if insn.code & 7 == LDX else insn.dst if insn.code & 7 in (ST, STX) else None
    reached = [each + insn.off for each in known.get(base, ())]
    return min([0, *reached, *(after.get(insn.dst, ()) if insn.code == ADD64_IMM else ())])


def frame(function):
    """Bytes of stack of one function: the lowest place that it reaches. (A pointer to the stack
    that it keeps on the stack is not followed.)"""
    held, todo, low = {0: {FRAME_POINTER: frozenset([0])}}, [0], 0
    while todo:
        i = todo.pop()
        if i >= len(function.insns):
            continue
        insn = function.insns[i]
        after = follow(insn, held[i])
        low = min(low, lowest(insn, held[i], after))
        for there in nexts(i, insn):
            old = held.get(there)
            new = {
                reg: after.get(reg, frozenset()) | (old or {}).get(reg, frozenset())
                for reg in {*after, *(old or {})}
            }
            if new != old:
                held[there] = new
                todo.append(there)
    loops = any(
        insn.code == CALL and not insn.src and insn.imm == BPF_LOOP for insn in function.insns
    )
    return -low + (LOOP_BYTES if loops else 0)


def ways(functions, most):
    """{function's place: [(name, counted bytes)] of the way from it down that is the greatest by
    most()}; the verifier refuses recursion."""
    found = {}

    def down(function):
        place = function.section, function.first
        if place not in found:
            own = (function.name, (max(frame(function), 1) + 31) // 32 * 32)
            found[place] = [own, *max(map(down, functions.callees(function)), key=most, default=[])]
        return found[place]

    for each in functions.functions.values():
        down(each)
    return found


def total(way):
    return sum(size for _, size in way)


def describe(way):
    return f"{total(way)} bytes: {', '.join(f'{name} {size}' for name, size in way)}"


def judge(path):
    """(good, name of the case, what is wrong)"""
    with open(path, "rb") as file:
        functions = Object(file.read())
    programs = [(each.section, each.first) for each in functions.programs()]
    deepest, longest = ways(functions, total), ways(functions, len)
    wrong = [describe(deepest[each]) for each in programs if total(deepest[each]) > MOST]
    wrong += [
        f"{len(longest[each])} frames: {describe(longest[each])}"
        for each in programs
        if len(longest[each]) > FRAMES
    ]
    if not programs:
        wrong = ["there is no program in it"]
    worst = max((deepest[each] for each in programs), key=total, default=[])
    return (
        not wrong,
        f"{path}: {len(programs)} programs, at most {MOST} bytes of stack in {FRAMES} frames; "
        f"most: {describe(worst)}",
        wrong,
    )


def main(paths):
    failed = 0
    for number, path in enumerate(paths, 1):
        good, name, wrong = judge(path)
        failed += not good
        print(f"{'' if good else 'not '}ok {number} - {name}", *wrong, sep="\n# ")
    print(f"1..{len(paths)}")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
