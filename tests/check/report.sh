#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# forkscope report from the outside: exit status, messages, files, failing outputs. TAP.
. tests/check/tap
where=$tmp/err

to() { # FILE COMMAND...: stdout goes there
	file=$1
	shift
	"$@" >"$file"
}
to_nobody() { # stdout is a pipe that nobody reads any more
	python3 -c 'import os, subprocess, sys
r, w = os.pipe()
os.close(r)
sys.exit(subprocess.run(sys.argv[1:], stdout=w).returncode)' "$@"
}

R=$tmp/r.fsr
if ! "$O/tools/mkrec" tests/golden/three-forks.txt "$R"; then
	echo "1..1"
	echo "not ok 1 - mkrec"
	exit 1
fi

expect 3 '1 of 3 forks did not reach' 'a fork without an end: 3' "$F" report "$R"
expect 0 '' 'one complete fork: 0' "$F" report --fork 1 "$R"
expect 1 'no fork 9: this recording has 3' 'no such fork' "$F" report --fork 9 "$R"
expect 2 'is not a fork: they are counted from 1' 'fork 0 is none, and not all of them' "$F" report --fork 0 "$R"
expect 0 '' 'a start that was not seen' "$F" report --fork 1 --start load "$R"
is 'its fork says so' grep -q 'the start asked for was not seen' "$tmp/out"
expect 0 '' 'a start that was seen' "$F" report --fork 1 --start spawn "$R"
isnt_said() { ! grep -q 'the start asked for was not seen' "$tmp/out"; }
is 'has no such note' isnt_said
expect 1 '"steady" (2 forks)' 'no such cohort: the others are named' "$F" report --cohort x "$R"
expect 2 'is not an end: use' 'a bad end' "$F" report --end bogus "$R"
expect 2 'choose one' '--json and --folded' "$F" report --json --folded "$R"
expect 2 'choose one' '--svg - and --json' "$F" report --json --svg - "$R"
expect 2 'is none of auto, always or never' 'a bad --color' "$F" report --color purple "$R"
expect 2 '' 'no recording' "$F" report
expect 1 "$tmp/none" 'no such file: it is named' "$F" report "$tmp/none"
expect 1 'not a recording' 'no recording at all' "$F" report /etc/passwd
expect 1 'not a symbol file' 'bad symbols' "$F" report --guest-symbols /etc/passwd "$R"
expect 0 '' 'another end' "$F" report --fork 3 --end after:50ms "$R"
expect 0 '' 'the longest time-out' "$F" report --fork 1 --timeout 876000h "$R"
expect 2 'too long' 'a longer one, which would wrap' "$F" report --fork 1 --timeout 18446744073s "$R"
expect 2 'more than 0' 'no time at all is not the default' "$F" report --timeout 0s "$R"
expect 2 'more than 0' 'nor what is rounded to it' "$F" diff --timeout 0.1ns "$R" "$R"
expect 2 'more than 0' 'nor for ever' "$F" record --all -o "$tmp/no.fsr" --timeout 0s
expect 2 'too long' 'nor is an end that late' "$F" report --end after:18446744073s "$R"
expect 3 'did not reach' 'a short time-out' "$F" report --fork 1 --timeout 1ms "$R"

head -c 9000 "$R" >"$tmp/cut.fsr"
expect 3 'cut short' 'a recording cut short: 3, and what stands is used' "$F" report "$tmp/cut.fsr"
is 'its report says so' grep -q 'DAMAGED or cut short' "$tmp/out"

expect 1 'No space left' 'full disk: text' to /dev/full "$F" report "$R"
expect 1 'No space left' 'full disk: JSON' to /dev/full "$F" report --json "$R"
expect 1 'No space left' 'full disk: folded' to /dev/full "$F" report --folded "$R"
expect 1 'No space left' 'full disk: SVG' "$F" report --svg /dev/full "$R"
expect 1 'No such file' 'no such folder' "$F" report --svg "$tmp/none/x.svg" "$R"
ln -s "$tmp/elsewhere" "$tmp/link.svg"
expect 1 'symbolic link' 'a symbolic link is not written through' "$F" report --svg "$tmp/link.svg" "$R"
is 'nor is its target made' test ! -e "$tmp/elsewhere"
# a picture that somebody has mapped: what they see stays as it is (of what is replaced: outputs.sh)
cat >"$tmp/maps.py" <<'END'
import mmap, subprocess, sys
path, *words = sys.argv[1:]
with open(path, "wb") as out:
    out.write(b"<?xml " * 100000)
with open(path, "rb") as handle:
    seen = mmap.mmap(handle.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
with open(path, "rb") as handle:
    sys.exit(bytes(seen[:]) != b"<?xml " * 100000 or handle.read(12) == b"<?xml <?xml ")
END
is '--svg FILE replaces a file that is in use, it does not write into it' \
	python3 "$tmp/maps.py" "$tmp/used.svg" "$F" report --fork 1 --svg "$tmp/used.svg" "$R"
mkdir "$tmp/used"
is 'so does --svg-dir' \
	python3 "$tmp/maps.py" "$tmp/used/fork-1.svg" "$F" report --svg-dir "$tmp/used" "$R"
is 'and what diff --svg writes' \
	python3 "$tmp/maps.py" "$tmp/used.svg" "$F" diff --svg "$tmp/used.svg" "$R" "$R"
expect 0 '' 'a pipe is written to' "$F" report --fork 1 --svg /dev/null "$R"
expect 1 '' 'a reader that has left: 1, and no end by a signal' to_nobody "$F" report --fork 1 "$R"
is 'and nothing is reported' test ! -s "$tmp/err"

# three unikernels, which look like 64-bit kernels that a VMM starts
sed 's/rip=0xffffffff9b800482 cr0=0x80050033 cr4=0x3006f0 efer=0xd01/rip=0x100200 cr0=0x80000011 cr4=0x20 efer=0x500/' \
	tests/golden/three-forks.txt >"$tmp/uni.txt"
is 'unikernels' "$O/tools/mkrec" "$tmp/uni.txt" "$tmp/uni.fsr"
expect 3 'no restored VM was found' 'are taken for boots' "$F" report "$tmp/uni.fsr"
expect 3 'no restored VM was found' 'nor is there anything to compare' "$F" report --arms "$tmp/uni.fsr"
is 'no empty table' grep -q '^no fork to compare: no VM of this recording was restored from a snapshot$' "$tmp/out"
expect 3 'no restored VM was found' 'are taken for boots, again' "$F" report "$tmp/uni.fsr"
is 'on stderr: by what, and what to do' grep -q \
	'3 VMs, as number 1 of process 10, boots: its first entry is with paging at a low address.*--kind restore' "$tmp/err"
is 'in the text: for each, with its registers' grep -q 'VM 3 (firecracker, process 30): a boot: ' "$tmp/out"
is 'all that decided' grep -q 'EFER 0x500$' "$tmp/out"
"$F" report --json "$tmp/uni.fsr" >"$tmp/uni.json" 2>/dev/null
is 'in JSON' python3 - "$tmp/uni.json" <<'END'
import json, sys
vms = json.load(open(sys.argv[1]))["vms"]
assert [(v["vm"], v["kind"], v["fork"], v["efer"], v["rip"]) for v in vms] == [(n, "boot", None, "0x500", "0x100200") for n in (1, 2, 3)]
assert all("EFER.SCE" in v["why"] and v["first_run_ns"] > 0 for v in vms)
END
expect 3 '1 of 3 forks did not' '--kind restore' "$F" report --kind restore "$tmp/uni.fsr"
is 'they are forks' grep -q '^restore of a snapshot, VM 3' "$tmp/out"
expect 3 '1 of 3 forks did not' '--kind boot' "$F" report --kind boot "$tmp/uni.fsr"
is 'boots have windows, too' grep -q '^boot, VM 3' "$tmp/out"
expect 2 'is neither restore nor boot' 'no such kind' "$F" report --kind warm "$tmp/uni.fsr"
expect 3 '1 of 3 forks did not' 'diff takes it' "$F" diff --json --kind restore "$tmp/uni.fsr" "$tmp/uni.fsr"

# one record of a process that cannot be: it costs itself
{
	cat tests/golden/three-forks.txt
	echo 'ts=500 OFFCPU cpu=0 tgid=0 tid=0 vm=1 ts_out=400'
} >"$tmp/odd.txt"
is 'a recording with an odd record' "$O/tools/mkrec" "$tmp/odd.txt" "$tmp/odd.fsr"
expect 3 '1 records were left out' 'it is counted, and the report is incomplete' "$F" report --fork 1 "$tmp/odd.fsr"
is 'its text says so' grep -q 'left out: 1 records' "$tmp/out"
"$F" report --json --fork 1 "$tmp/odd.fsr" >"$tmp/odd.json" 2>/dev/null
is 'its JSON counts it' grep -q '"odd_events": 1,' "$tmp/odd.json"

# guests of more CPUs than the recorder has rings for
sed '/^GDIR/a GMETA {"cpus": 64, "cpus_without_ring": 16}' tests/golden/guest-chain.txt >"$tmp/many.txt"
is 'a recording of guests with many CPUs' "$O/tools/mkrec" "$tmp/many.txt" "$tmp/many.fsr"
"$F" report --fork 1 "$tmp/many.fsr" >"$tmp/out" 2>/dev/null
is 'the fork lacks what ran on those without a ring' grep -q "lacking: what ran on 16 of the guest's 80 CPUs" "$tmp/out"
"$F" report --json "$tmp/many.fsr" >"$tmp/many.json" 2>/dev/null
is 'JSON has both, or null' python3 - "$tmp/many.json" <<'END'
import json, sys
guests = [fork["guest"] for fork in json.load(open(sys.argv[1]))["forks"]]
assert [(guest["cpus"], guest["cpus_without_ring"]) for guest in guests] == [(80, 16), (80, 16), (None, None)], guests
END
for odd in '"cpus": 64, "cpus_without_ring": -16' '"cpus": 65, "cpus_without_ring": 15' '"cpus": 64, "cpus_without_ring": "x"' \
	'"cpus": 64, "cpus_without_ring": 4611686018427387904'; do
	sed "/^GDIR/a GMETA {$odd}" tests/golden/guest-chain.txt >"$tmp/many.txt"
	"$O/tools/mkrec" "$tmp/many.txt" "$tmp/many.fsr" 2>/dev/null
	"$F" report --fork 1 "$tmp/many.fsr" >"$tmp/out" 2>/dev/null
	is "a guest that says $odd is not believed" sh -c "grep -q 'guest recording: read' '$tmp/out' && ! grep -q 'they have no ring' '$tmp/out'"
done

# faults at huge pages: each class says how many, and of what size
sed -e '/hints=PF|HMM|COW/s/COW/COW|HUGETLB|HUGE_SEEN|HUGE_2M/' tests/golden/guest-chain.txt >"$tmp/huge.txt"
is 'a recording of faults at huge pages' "$O/tools/mkrec" "$tmp/huge.txt" "$tmp/huge.fsr"
"$F" report --fork 1 "$tmp/huge.fsr" >"$tmp/out" 2>/dev/null
is 'their number and size' grep -qE 'fault.cow: ([0-9]+) of \1 at huge pages of 2.0 MiB' "$tmp/out"
"$F" report --json --fork 1 "$tmp/huge.fsr" >"$tmp/huge.json" 2>/dev/null
is 'in JSON, by class and by fault' python3 - "$tmp/huge.json" <<'END'
import json, sys
fork, = json.load(open(sys.argv[1]))["forks"]
for kind in fork["faults"]:
    assert kind["huge_pages"] == ([{"bytes": 2 << 20, "count": kind["count"]}] if kind["class"] == "fault.cow" else []), kind
assert fork["top_faults"] and all(fault["huge_page_bytes"] == (2 << 20 if fault["class"] == "fault.cow" else None) for fault in fork["top_faults"])
END

umask 022
expect 3 '' 'SVG of a fork and of the cohorts' "$F" report --svg-dir "$tmp/d" "$R"
is 'all of them' test "$(cd "$tmp/d" && echo *)" = "cohort-first.svg cohort.svg fork-1.svg fork-2.svg fork-3.svg"
is 'for their owner only' test "$(stat -c %a "$tmp"/d/*.svg | sort -u)" = 600
is 'as is their folder' test "$(stat -c %a "$tmp/d")" = 700

"$F" report --color always "$R" >"$tmp/out" 2>/dev/null
is '--color always' grep -q "$(printf '\033')" "$tmp/out"
"$F" report "$R" >"$tmp/out" 2>/dev/null
is 'no colours in a file' sh -c "! grep -q '$(printf '\033')' '$tmp/out'"
sum() { # of the folded weights of a fork
	"$F" report --folded --fork "$1" "$R" 2>/dev/null | awk '{ s += $NF } END { print s }'
}
gap() {
	"$F" report --json --fork "$1" "$R" 2>/dev/null |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["forks"][0]["window_ns"])'
}
for fork in 1 2 3; do
	is "fork $fork: folded weights sum to the window" test "$(sum $fork)" = "$(gap $fork)"
done
done_testing
