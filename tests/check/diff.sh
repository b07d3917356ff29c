#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# forkscope diff from the outside: a difference that is there, one that is not, limits, files. TAP.
. tests/check/tap

# recording NAME FORKS FACTOR SEED [END]: eight page faults each, FACTOR times as long
recording() {
	python3 - "$@" >"$tmp/$1.txt" <<'PY' && "$O/tools/mkrec" "$tmp/$1.txt" "$tmp/$1.fsr"
import random, sys
forks, factor = int(sys.argv[2]), float(sys.argv[3])
chance = random.Random(int(sys.argv[4]))
end = sys.argv[5] if len(sys.argv) > 5 else "ack:mailbox"
print('META {"host":{"kernel":"6.12.0-test","cpus":2,"kvm":"hardware svm"},"end":"%s"}' % end)
for i in range(forks):
    t, g = (i + 1) * 10**9, 100 + i * 10
    v = g + 1

    def record(dt, kind, tid, rest):
        print(f"ts={t + dt} {kind} cpu=1 tgid={g} tid={tid} vm={i + 1} {rest}")

    print(f'ts={t} PROC_ADD cpu=0 tgid={g} tid={g} start_ns={t - 500000} comm="vmm"')
    record(1000, "VM_CREATE", g, f"ts_start={t + 900} fd=5")
    record(1200, "MEMSLOT", g, f"ts_start={t + 1100} size=0x10000000 hva=0x7f0000000000")
    record(1300, "VCPU_CREATE", g, f"ts_start={t + 1250} fd=6")
    record(1400, "FORK", g, f'child_tid={v} child_tgid={g} comm="fc_vcpu 0"')
    record(2020, "OFFCPU", v, f"ts_out={t + 1500} ts_wake={t + 2000} waker_tid={g} waker_tgid={g} "
           'prev_state=0x1 waker_comm="fc_api" prev_comm="other"')
    record(2025, "FIRST_RUN", v, "rip=0xffffffff9b800482 cr0=0x80050033 cr4=0x3006f0 efer=0xd01 "
           "valid=0x1f")
    record(2060, "VMEXIT", v, "run_ns=30")
    at = 2160
    for k in range(8):
        took = int(100000 * factor * chance.uniform(0.7, 1.4))
        record(at + took, "VMEXIT", v, f"ts_exit={t + at} reason=0x400 isa=SVM "
               f"rip=0x{0xffffffff9b800010 + k * 8:x} gpa=0x{0x1000000 + k * 4096:x} "
               "error_code=0x100000004 hints=PF|FILEMAP|MEMSLOT n_pf=1")
        at += took + int(50000 * chance.uniform(0.8, 1.2))
    record(at, "NET_TX", v, 'ifindex=5 netns=4026531840 what=FIRST|STAGE eth_proto=0x800 '
           'payload_len=13 ifname="tap0" payload="stage=mailbox"')
    record(at + 30000, "VMEXIT", v, f"ts_exit={t + at + 20000} reason=0x60 isa=SVM rip=0x401234")
print('END {"why":"the command ended","complete":true}')
PY
}

recording a 12 1 1 && recording same 13 1 2 && recording slow 14 1.5 3 && recording few 4 1.5 4 &&
	recording other 12 1 5 after:1ms
is 'recordings' test -s "$tmp/other.fsr"
cd "$tmp" || exit 1
case $F in /*) ;; *) F=$OLDPWD/$F ;; esac

expect 0 '^  gap .* 11/13 .*+.*us .. +.*us *longer$' 'longer is longer' "$F" diff a.fsr slow.fsr
expect 0 'fault.cached .*longer$' 'and where' "$F" diff a.fsr slow.fsr
expect 0 '^  gap .*shorter$' 'the other way round: shorter' "$F" diff slow.fsr a.fsr
"$F" diff a.fsr same.fsr >out
is 'the same: no finding' sh -c '! grep -qE "longer$|shorter$" out'
expect 0 'n<5$' 'four forks: no finding' "$F" diff a.fsr few.fsr

expect 4 'ABOVE *gap>5%' 'a limit that is exceeded: 4' "$F" diff --fail-on 'gap>5%' a.fsr slow.fsr
expect 0 'kept *gap>10ms' 'a limit that is kept: 0' "$F" diff --fail-on 'gap>10ms' a.fsr slow.fsr
expect 4 'ABOVE *fault.cached>1us' 'one of two limits' \
	"$F" diff --fail-on 'exit.vmm>1ms,fault.cached>1us' a.fsr slow.fsr
expect 5 'inconclusive *gap>38%' 'a limit inside the interval: 5' \
	"$F" diff --fail-on 'gap>38%' a.fsr slow.fsr
expect 5 'too few forks' 'too few forks for a limit: 5' "$F" diff --fail-on 'gap>5%' a.fsr few.fsr
expect 2 'nothing that a report measures' 'a limit of nothing' "$F" diff --fail-on 'gapp>5%' a.fsr a.fsr
expect 2 'is not an amount' 'a limit without a unit' "$F" diff --fail-on 'gap>5' a.fsr a.fsr
expect 2 'is not a limit' 'no limit at all' "$F" diff --fail-on 'gap' a.fsr a.fsr
expect 2 '' 'one recording' "$F" diff a.fsr
expect 1 'none.fsr' 'no such file' "$F" diff a.fsr none.fsr
expect 1 '"steady" (11 forks)' 'no such cohort: those there are, are named' \
	"$F" diff --cohort x a.fsr slow.fsr
expect 0 'DOUBT: the windows are not the same' 'windows that differ' "$F" diff a.fsr other.fsr
expect 0 '' 'unless they are asked for' "$F" diff --end ack:mailbox a.fsr other.fsr
is 'without a doubt' sh -c "! grep -q DOUBT out"

expect 0 '' 'a flame graph of the difference' "$F" diff --svg d.svg a.fsr slow.fsr
is 'is XML' python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("d.svg")'
is 'for its owner only' test "$(stat -c %a d.svg)" = 600
is 'red where B has more' grep -q 'fill="#ff' d.svg
expect 0 '"finding": "longer"' 'JSON' "$F" diff --json a.fsr slow.fsr
is 'is JSON' python3 -c 'import json; json.load(open("out"))'
"$F" diff a.fsr slow.fsr >one 2>&1
"$F" diff a.fsr slow.fsr >two 2>&1
is 'twice the same' cmp -s one two
done_testing
