#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tools/demo-summary: each share under its own heading. TAP.
. tests/check/tap

# Forks whose shares are memory 50, vCPU 20, signal 10, guest 5, tracer 12, unknown 3 %
python3 - "$tmp" <<'PY'
import json, sys
fork = {"complete": True, "gap_ns": 100_000_000, "verdict": "memory_faults", "cells": [{"cause": "fault.major", "ns": 100_000_000}],
        "buckets": {"memory_faults_ns": 50_000_000, "vcpu_progress_ns": 20_000_000, "signal_delivery_ns": 10_000_000,
                    "guest_unsplit_ns": 5_000_000, "tracer_ns": 12_000_000, "unknown_ns": 3_000_000},
        "guest": {"used": False, "why": ""}}
with open(sys.argv[1] + "/qemu-cold.json", "w") as out:
    json.dump({"forks": [fork] * 3}, out)
PY
tools/demo-summary "$tmp" >"$tmp/out"
column() { # HEADING: the share under it
	awk -v heading="$1" '
		/ verdicts$/ { for (i = 1; i <= NF; i++) if ($i == heading) at = NF - i }
		at && /qemu cold/ { sub(/ *[0-9]+ memory_faults$/, ""); n = split($0, f); print f[n - at + 1]; exit }' "$tmp/out"
}
is 'what is unknown is alone under its heading' test "$(column unkn.)" = 3.00%
is 'and so is the tracer' test "$(column tracer)" = 12.00%
is 'the buckets before them' test "$(column memory) $(column vCPU) $(column signal) $(column guest)" = '50.0% 20.0% 10.0% 5.0%'

# a signal that has no such stages: one sentence for all of them
python3 - "$tmp" <<'PY'
import json, sys
with open(sys.argv[1] + "/qemu-cold.json", encoding="utf-8") as file:
    fork = json.load(file)["forks"][0]
why = "the agent reads the page itself"
stages = [{"name": name, "seen": name not in ("raise", "inject"), "ns": 1000, "why": why if name in ("raise", "inject") else ""}
          for name in ("raise", "inject", "mailbox", "ack")]
fork.update(guest={"used": True, "why": ""}, clock_error_ns=100, signal={"kind": "vmclock-spin", "stages": stages})
with open(sys.argv[1] + "/qemu-cold.json", "w") as out:
    json.dump({"forks": [fork] * 3}, out)
PY
tools/demo-summary "$tmp" >"$tmp/out"
is 'stages that are not there for one reason share its line' grep -qx '    raise, inject: the agent reads the page itself' "$tmp/out"
done_testing
