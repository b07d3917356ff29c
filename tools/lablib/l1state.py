# SPDX-License-Identifier: BSD-2-Clause
"""What L1's emulated CPUs do, as QEMU's monitor has it: asked for when L1 is silent, for whoever
wants to know why."""

import json
import socket

ASKED = ("info cpus", "info registers -a", "info lapic")
SECONDS = 5  # a QEMU that hangs too is not waited for


def _ask(stream, command, **arguments):
    stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    stream.flush()
    for line in stream:
        answer = json.loads(line)
        if "event" not in answer:
            return answer.get("return", answer)
    return "QEMU has ended"


def look(path):
    """Text, from the QMP socket `path`; twice, so that it can be seen what moves."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(SECONDS)
            sock.connect(str(path))
            with sock.makefile("rw", encoding="utf-8") as stream:
                stream.readline()
                _ask(stream, "qmp_capabilities")
                return "\n".join(
                    f"## {command}\n"
                    f"{_ask(stream, 'human-monitor-command', **{'command-line': command})}"
                    for command in ASKED * 2
                )
    except (OSError, ValueError) as error:
        return f"QEMU's monitor does not answer: {error}"
