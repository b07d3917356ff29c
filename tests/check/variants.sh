#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# forkscope report --variants from the outside. TAP.
. tests/check/tap

status() { # STATUS COMMAND...
	want=$1
	shift
	"$@" >"$tmp/out" 2>"$tmp/err"
	[ $? = "$want" ]
}
says() { # what it said, with lines joined
	tr '\n' ' ' <"$tmp/out" | tr -s ' ' | grep -q -- "$1"
}
key_names() {
	python3 -c 'import json, sys
def walk(x):
    for k, v in x.items() if isinstance(x, dict) else []:
        print(k)
        if k not in ("mean_buckets", "mean_causes"):
            walk(v)
    for v in x if isinstance(x, list) else []:
        walk(v)
walk(json.load(sys.stdin))' | sort -u
}

tests/experiment/forks.py vmclock:none/11/50/8 vmgenid:none/11/50/8 vmclock:all/11/0/8/100/30 \
	vmgenid:all/11/0/8/100/30 slow:none/11/50/8/130 >"$tmp/r.txt" &&
	tests/experiment/forks.py one/6/0/1 --no-end 2 >"$tmp/o.txt" || exit 1
"$O/tools/mkrec" "$tmp/r.txt" "$tmp/r.fsr" && "$O/tools/mkrec" "$tmp/o.txt" "$tmp/o.fsr" || exit 1

is 'variants' status 0 "$F" report --variants "$tmp/r.fsr"
cp "$tmp/out" "$tmp/variants"
is 'the columns' says 'variant n fork total reconfigure mailbox ack apply after mailbox'
is 'the first fork apart' grep -q '^  its first fork ' "$tmp/out"
is 'ten steady forks' grep -q '^vmgenid:none  *10 ' "$tmp/out"
is 'apply takes what was planted' grep -q '^vmgenid:none .* 3.0 / 3 / 3$' "$tmp/out"
is 'the ledger knows the major faults' grep -q 'fault.major  *50.0 ms .* 0.0 ms ' "$tmp/out"
is 'signals that are alike' says 'vmgenid:none against vmclock:none: alike'
is 'two signals are two snapshots' says 'forks of two snapshots. Whatever else these differ by is in the difference'
is 'a slow one' says 'vmclock:none against slow:none: shorter; difference -3'
is 'host-only, what the signal takes is not known' says 'What signal delivery takes is not known'
is 'prefetches that help' says 'vmclock:all against vmclock:none: shorter; difference -4'
is '--arms, the older word, prints the same' sh -c '"$1" report --arms "$2" 2>/dev/null | cmp - "$3"' sh "$F" "$tmp/r.fsr" "$tmp/variants"
is 'a fork that falls back' status 3 "$F" report --variants "$tmp/o.fsr"
is 'is counted' says '2 of 5 sent no applied ack within the time-out'
is 'JSON' status 0 "$F" report --variants --json "$tmp/r.fsr"
missing=$(key_names <"$tmp/out" | while read -r key; do grep -q "\`$key\`" docs/variants.md || echo "$key"; done)
is "docs/variants.md describes every key: $missing" test -z "$missing"
is 'CSV' status 0 "$F" report --csv "$tmp/r.fsr"
is 'a line for each fork' test "$(wc -l <"$tmp/out")" = 56
is 'as many fields as names' test "$(awk -F, '{ print NF }' "$tmp/out" | sort -u)" = 15
# one whose mailbox ack is lost, one whose acks leave in the wrong order, one that the end cuts
tests/experiment/forks.py one/6/0/1 --no-end 1 >"$tmp/all.txt" &&
	awk '/NET_TX .*tgid=130 .*stage=mailbox/ { next }
		/NET_TX .*tgid=140 / { sub(/stage=mailbox/, "stage=later"); sub(/stage=applied/, "stage=mailbox"); sub(/stage=later/, "stage=applied") }
		{ print }' "$tmp/all.txt" >"$tmp/odd.txt" &&
	"$O/tools/mkrec" "$tmp/odd.txt" "$tmp/odd.fsr" || exit 1
"$F" report --csv "$tmp/odd.fsr" >"$tmp/out" 2>/dev/null
kinds() {
	tail -n +2 "$tmp/out" | cut -d, -f1,3 | sort -n | tr '\n' ';'
}
is "each fork has its line, whatever became of its acks: $(kinds)" \
	test "$(kinds)" = '1,first;2,steady;3,mailbox ack lost;4,mailbox ack late;5,steady;6,steady;'
is 'with what is known of it' test "$(awk -F, '$1 == 3 { print ($4 != "") ($6 != "") ($8 > 0) }' "$tmp/out")" = 101
"$F" report --variants "$tmp/odd.fsr" >"$tmp/out" 2>/dev/null
is 'the late one is left out of the table' says '1 with a mailbox ack that came too late are left out'
"$F" report --fork 4 "$tmp/odd.fsr" >"$tmp/out" 2>/dev/null
is 'a mailbox ack that is shown was not "never seen"' sh -c "grep -q 'ack:mailbox' '$tmp/out' && ! grep -q 'never seen' '$tmp/out'"
# each fork has memory of its own, and no file that it shares with another is known
awk '/ MMAP / { sub(/ino=7/, "ino=" 100 + ++n) } { print }' "$tmp/all.txt" >"$tmp/own.txt" &&
	"$O/tools/mkrec" "$tmp/own.txt" "$tmp/own.fsr" || exit 1
firsts() { # OPTIONS...: how many forks are the first of a snapshot
	"$F" report --json "$@" "$tmp/own.fsr" 2>/dev/null | python3 -c 'import json, sys
print(sum("first fork of its snapshot" in fork["notes"] for fork in json.load(sys.stdin)["forks"]))'
}
is 'memory of each its own: all are first' test "$(firsts)" = 6
is '--population variant: one of them is' test "$(firsts --population variant)" = 1
is '--population arm, the older word, is the same' test "$(firsts --population arm)" = 1
tests/experiment/forks.py vmclock-spin:mailbox:64MiB/6/0/1 vmclock-spin:mailbox:128MiB/6/0/2 >"$tmp/n.txt" &&
	"$O/tools/mkrec" "$tmp/n.txt" "$tmp/n.fsr" || exit 1
is 'long names' status 0 "$F" report --variants "$tmp/n.fsr"
is 'stand whole above the ledger' grep -q '^  .*:mailbox:128MiB .*:mailbox:64MiB$' "$tmp/out"
is 'forks without variants are one' status 0 "$F" report --variants tests/format/v1.0.fsr
is 'not of one fork' status 2 "$F" report --variants --fork 1 "$tmp/r.fsr"
is 'not both on stdout' status 2 "$F" report --csv --json "$tmp/r.fsr"
done_testing
