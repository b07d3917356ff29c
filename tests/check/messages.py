#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints the messages of C sources in a normal form, one a line: FILE:LINE, a tab, the message.

    messages.py SOURCE...

A message is the format string of a call of fs_errf(), fs_error() and the like. In the normal form
each part that varies is "..." and each run of spaces is one.
"""

import re
import sys

# name: which argument is the format
CALLS = {
    "fs_errf": 3,
    "fs_err_say": 2,
    "fs_error": 0,
    "fs_warn": 0,
    "fs_info": 0,
    "fs_opts_bad": 1,
    "snprintf": 2,
}
CALL = re.compile(r"\b(%s)\s*\(" % "|".join(CALLS))
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|/\*.*?\*/|//[^\n]*|.', re.S)
CONVERSION = re.compile(
    r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?" r"(?:hh|h|ll|l|j|z|t)?[diouxXeEfgGcspm]"
)


def arguments(text, at):
    """The arguments of the call whose opening parenthesis stands before @at, as lists of tokens."""
    depth, args = 0, [[]]
    for token in TOKEN.finditer(text, at):
        t = token[0]
        if t.startswith(("/*", "//")):
            continue
        if t in ("(", "[", "{"):
            depth += 1
        elif t in (")", "]", "}"):
            if depth == 0:
                return args
            depth -= 1
        if t == "," and depth == 0:
            args.append([])
        else:
            args[-1].append(t)
    raise ValueError("a call without an end")


def texts(tokens):
    """The strings that the tokens of one argument may be: both sides of a ?: are."""
    parts = "".join(tokens)
    if "?" in [t for t in tokens if not t.startswith('"')]:
        found, current = [], ""
        for t in tokens:
            if t.startswith('"'):
                current += t[1:-1]
            elif t in "?:" and current:
                found.append(current)
                current = ""
        return found + [current] if current else found
    if not any(t.startswith('"') for t in tokens):
        return []
    parts = [t if t.startswith('"') else t.strip() for t in tokens]
    joined, word = "", ""
    for t in parts + [""]:
        if t.startswith('"') or not t:
            if word:
                joined += "..."  # a macro that stands for a conversion: PRIu64
                word = ""
            joined += t[1:-1]
        else:
            word += t
    return [joined]


def normal(text):
    text = re.sub(r'%" *\w+ *"', "...", text)
    text = CONVERSION.sub("...", text.replace("%%", "\0"))
    text = text.replace("\0", "%").replace('\\"', '"').replace("\\n", " ").replace("\\\\", "\\")
    text = re.sub(r"%?\.\.\.(?:\.\.\.)*", "...", text)
    return re.sub(r"\s+", " ", text).strip()


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as f:
            source = f.read()
        for call in CALL.finditer(source):
            args = arguments(source, call.end())
            index = CALLS[call[1]]
            if index >= len(args):
                continue
            if call[1] == "snprintf" and "".join(args[0]).strip() != "why":
                continue  # not why an option's argument is refused
            for text in texts(args[index]):
                form = normal(text)
                if re.search(r"[A-Za-z]{2}", form):
                    print(f"{path}:{source.count(chr(10), 0, call.start()) + 1}\t{form}")


if __name__ == "__main__":
    main()
