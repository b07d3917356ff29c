#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Text for narrow and wide terminals: no line is wider, what leaves does so in the stated order
# (docs/report.md), and nothing is lost where the width is not known. TAP.
. tests/check/tap

chain=$tmp/chain.fsr
three=$tmp/three.fsr
arms=$tmp/arms.fsr
"$O/tools/mkrec" tests/golden/guest-chain.txt "$chain" && "$O/tools/mkrec" tests/golden/three-forks.txt "$three" || exit 1
tests/experiment/forks.py vmclock:none/11/50/8 vmgenid:none/11/50/8 vmclock:all/11/0/8/100/30 \
	vmgenid:all/11/0/8/100/30 slow:none/11/50/8/130 >"$tmp/arms.txt" && "$O/tools/mkrec" "$tmp/arms.txt" "$arms" || exit 1

two=$tmp/two.fsr
tests/experiment/forks.py sig:none/13/50/20 sig:all/13/0/20/100/40 >"$tmp/two.txt" && "$O/tools/mkrec" "$tmp/two.txt" "$two" || exit 1

# Everything that is printed as text, without the line that names the file (a path stays whole).
all() {
	for recording in "$chain" "$three" "$arms"; do
		"$F" report "$recording"
		"$F" report --arms "$recording"
		"$F" prefetch ceiling "$recording"
	done
	"$F" diff "$chain" "$three"
	"$F" diff "$arms" "$arms"
	"$F" prefetch test --from "$two" --ranges 0x100000+32KiB,0x200000+12KiB
} 2>/dev/null
wider() { # COLUMNS: the lines that are wider
	COLUMNS=$1 all | grep -v "$tmp" | awk -v most="$1" 'length($0) > most { print length($0) ": " $0 }' | head -20
}
for columns in 80 81 87 92 99 100 133 200; do
	report "nothing is wider than $columns columns" "$(wider $columns)"
done
report "less than 80 columns count as 80" "$(COLUMNS=40 all >"$tmp/a"; COLUMNS=80 all | cmp - "$tmp/a")"
all >"$tmp/unknown"
COLUMNS=nonsense all >"$tmp/nonsense"
is 'a width that is no number is none' cmp "$tmp/unknown" "$tmp/nonsense"
is 'more columns than there are is no failure' sh -c "COLUMNS=99999999999999999999 '$F' report '$chain' >'$tmp/out'"

# heads COLUMNS FIRST-WORDS COMMAND...: the heads of the table that begins so
heads() {
	columns=$1 first=$2
	shift 2
	COLUMNS=$columns "$@" 2>/dev/null | grep -m 1 "^ *$first" | tr -s ' ' | sed 's/^ //'
}
shows() { # WHAT COLUMNS FIRST-WORD HEADS COMMAND...
	what=$1 columns=$2 first=$3 want=$4
	shift 4
	got=$(heads "$columns" "$first" "$@")
	[ "$got" = "$want" ]
	verdict $? "$what at $columns: $want" || echo "# it has: $got"
}
shows forks 100 'fork  *[Vg]' 'fork VMM pid gap verdict memory vCPU signal guest' "$F" report "$chain"
shows forks 90 'fork  *[Vg]' 'fork VMM gap verdict memory vCPU signal guest' "$F" report "$chain"
shows forks 80 'fork  *[Vg]' 'fork gap verdict memory vCPU signal guest' "$F" report "$chain"
shows chain 100 'stage  *length' 'stage length share gap ended +- by' "$F" report "$chain"
shows chain 90 'stage  *length' 'stage length share ended +- by' "$F" report "$chain"
shows chain 80 'stage  *length' 'stage length ended +- by' "$F" report "$chain"
shows faults 100 'length  *class' 'length class at guest page disk I/O guest RIP' "$F" report "$chain"
shows faults 80 'length  *class' 'length class at guest page guest RIP' "$F" report "$chain"
shows exits 100 'reason' 'reason count time mean most frequent guest RIP' "$F" report "$three"
shows exits 80 'reason' 'reason count time most frequent guest RIP' "$F" report "$three"
shows cohort 100 'n  *avg' 'n avg of gap p50 p95 max' "$F" report "$chain"
shows cohort 80 'n  *avg' 'n avg of gap p50 p95' "$F" report "$chain"
shows diff 100 'n A/B\|^  *B - A' 'n A/B median A median B B - A 95 % interval of it' "$F" diff "$arms" "$arms"
shows diff 80 'n A/B\|^  *B - A' 'n A/B B - A 95 % interval of it' "$F" diff "$arms" "$arms"
shows ceiling 110 'hypothesis' 'hypothesis bytes helped their time left outside gain p50 of gap gap p50 to' "$F" prefetch ceiling "$arms"
shows ceiling 100 'hypothesis' 'hypothesis bytes helped their time left gain p50 of gap gap p50 to' "$F" prefetch ceiling "$arms"
shows ceiling 80 'hypothesis' 'hypothesis bytes helped gain p50 of gap gap p50 to' "$F" prefetch ceiling "$arms"

shows 'prefetch test' 100 'medians' 'medians without with difference' "$F" prefetch test --from "$two"
shows 'prefetch test' 80 'medians' 'medians with difference' "$F" prefetch test --from "$two"

# What goes on below: all columns of all arms are still there.
COLUMNS=80 "$F" report --arms "$arms" >"$tmp/narrow"
COLUMNS=200 "$F" report --arms "$arms" >"$tmp/wide"
numbers() { tr -cs '0-9.' '\n' <"$1" | grep '[0-9]' | sort -u; }
report 'arms at 80: no number is lost' "$(numbers "$tmp/wide" >"$tmp/w"; numbers "$tmp/narrow" | comm -23 "$tmp/w" -)"
is 'arms at 80: four columns in two parts' test "$(grep -c '^variant ' "$tmp/narrow")" = 2
is 'arms at 200: one part' test "$(grep -c '^variant ' "$tmp/wide")" = 1
done_testing
