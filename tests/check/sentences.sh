#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# No buffer cuts a sentence: whatever names and numbers are in it, it is there to its end. TAP.
. tests/check/tap

part=$(printf '%0200d' 0)
deep=$tmp
for _ in 1 2 3 4 5 6 7 8; do deep=$deep/$part; done

expect 1 'No such file or directory$' 'a long path: the reason stands behind it' "$F" report "$deep/none"
expect 2 'all forks of a variant are)$' 'an option that is nonsense, at length' \
	"$F" report --population "$part$part$part$part$part" tests/format/v1.0.fsr
expect 2 '--0\{800\} (see forkscope report --help)$' 'an unknown option, at length' "$F" report "--$part$part$part$part" x

mkdir -p "$deep" && cp tests/format/v1.0.fsr "$deep/x.fsr" || exit 1
is 'JSON: a long path' python3 -c 'import json, subprocess, sys
run = subprocess.run([sys.argv[1], "report", "--json", sys.argv[2]], capture_output=True)
sys.exit(json.loads(run.stdout)["recording"]["path"] != sys.argv[2])' "$F" "$deep/x.fsr"

# Guest mode from 1.05 to 20 and 22 to 40 ms; 36 records of the guest fill it, three lie between.
python3 - >"$tmp/outside.txt" <<'PY'
V = "cpu=1 tgid=10 tid=11 vm=1"
print(f"""ts=100000 PROC_ADD cpu=0 tgid=10 tid=10 start_ns=90000 comm="vmm"
ts=110000 VM_CREATE cpu=0 tgid=10 tid=10 vm=1 ts_start=105000 fd=5
ts=120000 MEMSLOT cpu=0 tgid=10 tid=10 vm=1 ts_start=118000 size=0x10000000 hva=0x7f0000000000
ts=130000 VCPU_CREATE cpu=0 tgid=10 tid=10 vm=1 ts_start=125000 fd=6
ts=140000 FORK cpu=0 tgid=10 tid=10 vm=1 child_tid=11 child_tgid=10 comm="vcpu"
ts=1020000 FIRST_RUN {V} rip=0xffffffff81000000 cr0=0x80050033 cr4=0x3006f0 efer=0xd01 valid=0x1f
ts=1050000 VMEXIT {V} run_ns=30000
ts=22000000 VMEXIT {V} ts_exit=20000000 reason=0x400 isa=SVM hints=PF gpa=0x5000
ts=45000000 NET_TX {V} what=STAGE payload_len=20 payload="stage=mailbox mac=xx\\n"
ts=50000000 VMEXIT {V} ts_exit=40000000 reason=0x400 isa=SVM hints=MMIO
GUEST vm=1 tgid=10 at_ns=100000000 id=00112233445566778899aabbccddeeff
GDIR flags=BPF|SPLIT|SIGNAL|FAULTS ncpus=1 probe_ns_x16=1600
GRING""")
base = 18_000_000_000_000_000_000       # a clock that is far away: its numbers are long
times = [1_051_000 + i * 1_114_600 for i in range(18)] + [22_001_000 + i * 1_058_700 for i in range(18)]
for t in sorted(times + [20_500_000, 21_000_000, 21_500_000]):
    print(f'GREC ts={base + t} WAKING tid=0 x=71 a="agent"')
PY
"$O/tools/mkrec" "$tmp/outside.txt" "$tmp/outside.fsr" || exit 1
"$F" report "$tmp/outside.fsr" 2>/dev/null | tr '\n' ' ' | tr -s ' ' >"$tmp/out"
is 'why a guest recording is refused' grep -q \
	'guest recording: read, but NOT USED: .* a partial or forged record, or a span that is missing: its time is one sum' "$tmp/out"
done_testing
