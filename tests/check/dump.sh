#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# forkscope dump, the program as users run it: forms, round trip, exit codes, damaged input.
O=${O:-.output}
fs=$O/forkscope
kept=tests/format/v1.0.fsr
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
fail=0

check() { # NAME CONDITION...
	n=$((n + 1))
	name=$1
	shift
	if "$@"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		fail=1
	fi
}
status_is() { # STATUS COMMAND...
	want=$1
	shift
	"$@" > "$tmp/out" 2> "$tmp/err"
	got=$?
	[ $got -eq "$want" ] || { echo "# status $got, not $want"; sed 's/^/# /' "$tmp/err"; return 1; }
}

check "dump --text prints the kept recording" status_is 0 "$fs" dump --text $kept
check "as ever" cmp -s "$tmp/out" tests/format/v1.0.txt
check "nothing on stderr" test ! -s "$tmp/err"
check "mkrec takes it back" "$O/tools/mkrec" "$tmp/out" "$tmp/again.fsr"
check "which dumps" status_is 0 "$fs" dump --text "$tmp/again.fsr"
check "to the same text" cmp -s "$tmp/out" tests/format/v1.0.txt
check "dump lists chunks" status_is 0 "$fs" dump $kept
check "with their bytes" grep -q '^# chunk 0 at byte 40: META, ' "$tmp/out"
check "dump is itself the text form" "$O/tools/mkrec" "$tmp/out" "$tmp/again.fsr"
check "dump --json" status_is 0 "$fs" dump --json $kept
check "is JSON, line by line" python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert sum("event" in line for line in lines) == 32
assert lines[0]["header"]["major"] == 1
assert lines[-1]["summary"]["complete"] is True
exits = [line for line in lines if line.get("event") == "VMEXIT"]
assert exits[0]["gpa"] == 4096 and exits[0]["rip"] == "0xffffffff82000010"
' "$tmp/out"
head -c 2000 $kept > "$tmp/cut.fsr"
check "a cut recording: status 3" status_is 3 "$fs" dump --text "$tmp/cut.fsr"
check "says where" grep -q 'incomplete: cut short at byte 2000, inside chunk' "$tmp/err"
check "prints what is there" grep -q '^ts=1000 PROC_ADD' "$tmp/out"
check "without END" grep -q '^NOEND$' "$tmp/out"
echo something else > "$tmp/other"
check "no recording: status 1" status_is 1 "$fs" dump "$tmp/other"
check "says so" grep -q 'other: not a recording: it does not begin with FSRECORD' "$tmp/err"
check "no such file: status 1" status_is 1 "$fs" dump "$tmp/none"
check "no file given: status 2" status_is 2 "$fs" dump
check "unknown option: status 2" status_is 2 "$fs" dump --nope $kept
check "--help: status 0" status_is 0 "$fs" dump --help
full() { "$fs" dump $kept > /dev/full 2> "$tmp/err"; [ $? -eq 1 ]; }
check "a full output: status 1" full
check "says so" grep -q 'standard output' "$tmp/err"
echo "1..$n"
exit $fail
