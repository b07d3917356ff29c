#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# forkscope dump, the program as users run it: forms, round trip, exit codes, damaged input.
. tests/check/tap
kept=tests/format/v1.0.fsr

status_is() { # STATUS COMMAND...
	want=$1
	shift
	"$@" > "$tmp/out" 2> "$tmp/err"
	got=$?
	[ $got -eq "$want" ] || { echo "# status $got, not $want"; sed 's/^/# /' "$tmp/err"; return 1; }
}

is "dump --text prints the kept recording" status_is 0 "$F" dump --text $kept
is "as ever" cmp -s "$tmp/out" tests/format/v1.0.txt
is "nothing on stderr" test ! -s "$tmp/err"
is "mkrec takes it back" "$O/tools/mkrec" "$tmp/out" "$tmp/again.fsr"
is "which dumps" status_is 0 "$F" dump --text "$tmp/again.fsr"
is "to the same text" cmp -s "$tmp/out" tests/format/v1.0.txt
is "dump lists chunks" status_is 0 "$F" dump $kept
is "with their bytes" grep -q '^# chunk 0 at byte 40: META, ' "$tmp/out"
is "dump is itself the text form" "$O/tools/mkrec" "$tmp/out" "$tmp/again.fsr"
is "dump --json" status_is 0 "$F" dump --json $kept
is "is JSON, line by line" python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert sum("event" in line for line in lines) == 32
assert lines[0]["header"]["major"] == 1
assert lines[-1]["summary"]["complete"] is True
exits = [line for line in lines if line.get("event") == "VMEXIT"]
assert exits[0]["gpa"] == 4096 and exits[0]["rip"] == "0xffffffff82000010"
' "$tmp/out"
head -c 2000 $kept > "$tmp/cut.fsr"
is "a cut recording: status 3" status_is 3 "$F" dump --text "$tmp/cut.fsr"
is "says where" grep -q 'incomplete: cut short at byte 2000, inside chunk' "$tmp/err"
is "prints what is there" grep -q '^ts=1000 PROC_ADD' "$tmp/out"
is "without END" grep -q '^NOEND$' "$tmp/out"
echo something else > "$tmp/other"
is "no recording: status 1" status_is 1 "$F" dump "$tmp/other"
is "says so" grep -q 'other: not a recording: it does not begin with FSRECORD' "$tmp/err"
is "no such file: status 1" status_is 1 "$F" dump "$tmp/none"
is "no file given: status 2" status_is 2 "$F" dump
is "unknown option: status 2" status_is 2 "$F" dump --nope $kept
is "--help: status 0" status_is 0 "$F" dump --help
full() { "$F" dump $kept > /dev/full 2> "$tmp/err"; [ $? -eq 1 ]; }
is "a full output: status 1" full
is "says so" grep -q 'standard output' "$tmp/err"
done_testing
