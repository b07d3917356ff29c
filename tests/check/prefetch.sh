#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# forkscope prefetch from the outside: verdicts by exit status, formats, messages. TAP.
. tests/check/tap

rec() { # NAME ARM...: a recording
	name=$1
	shift
	tests/experiment/forks.py "$@" >"$tmp/$name.txt" && "$O/tools/mkrec" "$tmp/$name.txt" "$tmp/$name.fsr"
}
rec ab sig:none/13/50/20 sig:all/13/0/20/100/40 && rec same none/13/50/2 all/13/50/2 &&
	rec noisy none/9/0/90 all/9/0/90 && rec few none/4/50/2 all/4/0/2 &&
	rec one /62/50/30 && rec cold /13/50/20 && rec warm /13/0/20 &&
	rec open none/12/50/5 all/12/0/5 --no-end 11 && rec three a/6/0/1 b/6/0/1 c/6/0/1 &&
	rec two a/6/0/1 b/6/0/1 || exit 1
P="$F prefetch"

# --- the verdicts, each planted
expect 0 'verdict: supported' 'a prefetch that helps' $P test --from "$tmp/ab.fsr"
is 'its gain is that of the faults' grep -q 'fault.major  *50.0 ms  *0 ns  *-50.0 ms' "$tmp/out"
is 'the reading is moved work' grep -q 'Work was moved out of the window' "$tmp/out"
expect 0 'supported' 'the same from two recordings' $P test --from "$tmp/cold.fsr" "$tmp/warm.fsr"
expect 4 'verdict: refuted' 'one that changes nothing' $P test --from "$tmp/same.fsr"
is 'and that the arms did not differ is said' grep -q 'do not show that the variants differed' "$tmp/out"
expect 4 'refuted' 'the wrong way round' $P test --from "$tmp/warm.fsr" "$tmp/cold.fsr"
expect 5 'verdict: inconclusive' 'noise' $P test --from "$tmp/noisy.fsr"
is 'with the forks that would decide' grep -q 'would decide: .*forks in each variant' "$tmp/out"
expect 5 'too few' 'too few forks' $P test --from "$tmp/few.fsr"
expect 4 'without an end' 'forks that never arrive are endless' $P test --from "$tmp/open.fsr"
expect 0 '8 used before the end' 'what became of the pages' $P test --from "$tmp/ab.fsr" \
	--ranges 0x100000+32KiB,0x200000+12KiB
is 'used later' grep -q ' 2 used later' "$tmp/out"
is 'never used' grep -q ' 1 never used' "$tmp/out"
is 'the ceiling holds' sh -c "! grep -q 'above the ceiling' '$tmp/out'"
$P test --from "$tmp/ab.fsr" >"$tmp/again" 2>/dev/null
$P test --from "$tmp/ab.fsr" >"$tmp/again2" 2>/dev/null
is 'the same twice' cmp -s "$tmp/again" "$tmp/again2"
expect 0 'of the 61 forks .*supported' 'the null test' $P test --from --null 2000 "$tmp/one.fsr"
expect 0 'delta:  *10.0 ms' '--delta as a time' $P test --from --delta 10ms "$tmp/ab.fsr"
expect 2 'share or a time' 'a bad --delta' $P test --from --delta often "$tmp/ab.fsr"
expect 2 'more than two variants' 'which two of three arms?' $P test --from "$tmp/three.fsr"
expect 2 'which is without' 'which of two is the baseline?' $P test --from "$tmp/two.fsr"
expect 4 'refuted' 'two of three arms' $P test --from --arms a,b "$tmp/three.fsr"
expect 1 'no steady fork' 'no such arm' $P test --from --arms a,x "$tmp/three.fsr"
expect 2 'not hold two variants' 'one arm alone' $P test --from "$tmp/one.fsr"
expect 2 'tested with --from' 'a recording without --from' $P test --prefetch all "$tmp/one.fsr"
expect 1 'at least 10 forks' 'a null test of few' $P test --from --null 10 "$tmp/few.fsr"

# --- forks that are to be made: what is wrong is said before anything is done
M="$P test --vmm firecracker --snapshot $tmp -o $tmp/x.fsr"
expect 2 'which prefetch' 'no hypothesis' $M
expect 2 'which prefetch' 'none is no hypothesis' $M --prefetch none
expect 2 'which prefetch' 'two hypotheses' $M --prefetch head:1MiB,all
expect 2 'leave one out' 'a prefetch and ranges' $M --prefetch all --ranges 0x1000+4KiB
expect 1 'not a range' 'ranges that are none' $M --ranges 1+x
expect 2 '--ranges FILE' 'a working set without its ranges' $M --prefetch workingset
expect 2 'one --signal' 'two signals' $M --prefetch all --signal vmclock,vmgenid
expect 2 'not "pre-fault"' 'a mechanism that cannot be had' $M --prefetch all --mechanism pre-fault
expect 2 'not "hope"' 'no mechanism' $M --prefetch all --mechanism hope
expect 2 '--null is for recordings' 'a null test of forks to be made' $M --prefetch all --null 10
expect 2 '--variants is for recordings' 'arms of forks to be made' $M --prefetch all --arms a,b
expect 2 'share or a time' 'a bad --delta, before any fork' $M --prefetch all --delta often
expect 2 'x' 'a bad --end, before any fork' $M --prefetch all --end x
expect 2 'no recording is named' 'no recording' $P test --vmm firecracker --snapshot "$tmp" --prefetch all
expect 2 'which VMM' 'no VMM' $P test --snapshot "$tmp" -o "$tmp/x.fsr" --prefetch all
expect 2 'which snapshot' 'no snapshot' $P test --vmm firecracker -o "$tmp/x.fsr" --prefetch all
expect 2 'none of cold, warm' 'no state of the cache' $M --prefetch all --cache hot
expect 2 '--iters is about making them' 'from recordings, and made' $P test --from --iters 3 "$tmp/ab.fsr"
expect 2 '--prefetch is about making them' 'a prefetch of recordings' $P test --from --prefetch all "$tmp/ab.fsr"
expect 2 'no command after' 'a command with recordings' $P test --from "$tmp/ab.fsr" -- true
expect 2 'which recording' 'no recording to test' $P test --from
expect 0 '(page-cache' "the bench's name of a mechanism" $P test --from "$tmp/ab.fsr" --mechanism read --ranges 0x100000+32KiB
cp "$tmp/ab.fsr" "$tmp/given.fsr"
cat >"$tmp/given.fsr.json" <<'END'
{"mechanism": "populate", "arms": [{"name": "sig:none", "prefetch": "none", "ranges": []},
	{"name": "sig:all", "prefetch": "range:0x100000:32KiB", "ranges": [[1048576, 32768]]}]}
END
expect 0 '8 pages in the ranges' 'what was prefetched is known from the file of the bench' $P test --from "$tmp/given.fsr"
is 'and how' grep -q 'ceiling (populate)' "$tmp/out"
expect 0 '(page-cache, ' 'options count more' $P test --from --mechanism page-cache --ranges 0x100000+16KiB "$tmp/given.fsr"
is 'of both' grep -q '4 pages in the ranges' "$tmp/out"
echo '{"arms": [{"name": "sig:all", "prefetch": "all", "ranges": [[-1, 4096]]}]}' >"$tmp/given.fsr.json"
expect 0 'does not name what was prefetched' 'a file that lies' $P test --from "$tmp/given.fsr"
is 'is not believed' sh -c "! grep -q 'in the ranges' '$tmp/out'"
expect 2 'moment beside' 'populating before an attached command' $P test --vmm attach --snapshot "$tmp" \
	-o "$tmp/x.fsr" --prefetch all --mechanism populate -- true
expect 1 '' 'no snapshot there' $M --prefetch all --vmm-bin true
is 'and no recording was begun' test ! -e "$tmp/x.fsr"

# --- ceilings
expect 0 'head:1GiB  *256.0 MiB' 'ceilings; what is larger than the guest is cut' $P ceiling "$tmp/ab.fsr"
is 'of the arms apart' grep -q '== sig:none, steady: 12 forks' "$tmp/out"
expect 0 'perfect  *- ' 'one group' $P ceiling --cohort 'sig:all, first' "$tmp/ab.fsr"
is 'and no other' sh -c "! grep -q 'sig:none' '$tmp/out'"
expect 1 '"sig:none, steady" (12 forks)' 'no such group: the others are named' $P ceiling --cohort x "$tmp/ab.fsr"
expect 0 'no fault of this run shows' 'no sample, no ceiling' $P ceiling --mechanism populate --brief "$tmp/cold.fsr"
expect 0 ' 0 ns ' 'pages that are never touched' $P ceiling --brief --mechanism page-cache \
	--ranges 0x5000000+1MiB "$tmp/cold.fsr"
expect 0 ' --ranges  *1.0 MiB' 'ranges that are larger than the guest are cut' $P ceiling --brief \
	--ranges 0xff00000+1GiB "$tmp/cold.fsr"
expect 2 'not known where the mailbox is: give --mailbox' 'a mailbox nobody knows of' $P ceiling --hypothesis mailbox:64MiB "$tmp/cold.fsr"
expect 0 'mailbox:1MiB  *1.0 MiB' 'one that is known' $P ceiling --hypothesis mailbox:1MiB --mailbox 0x101000 "$tmp/cold.fsr"
expect 2 'is not a hypothesis' 'no such hypothesis' $P ceiling --hypothesis fast "$tmp/cold.fsr"
expect 2 'not "x"' 'no such mechanism' $P ceiling --mechanism x "$tmp/cold.fsr"
expect 1 'not a range' 'bad ranges' $P ceiling --ranges 1+x "$tmp/cold.fsr"
expect 3 'never reached their end: no ceiling' 'forks without an end' $P ceiling --brief "$tmp/open.fsr"

# --- export
expect 0 '^0x100000 0x8000$' 'the working set' $P export "$tmp/cold.fsr"
cp "$tmp/out" "$tmp/set.txt"
is 'its stability' grep -q '^# pages by the number of forks that touched them: 12: 8' "$tmp/out"
expect 0 'workset\|--ranges' 'ceiling reads it' $P ceiling --ranges "$tmp/set.txt" "$tmp/cold.fsr"
expect 0 '' 'a hot-page list' $P export --format hpl -o "$tmp/set.hpl" "$tmp/cold.fsr"
is 'of eight pages' test "$(od -An -tx1 -N9 "$tmp/set.hpl" | tr -d ' ')" = 48504c310800808040
is 'for its owner only' test "$(stat -c %a "$tmp/set.hpl")" = 600
$P ceiling --brief --ranges "$tmp/set.txt" "$tmp/cold.fsr" >"$tmp/by_text"
$P ceiling --brief --ranges "$tmp/set.hpl" "$tmp/cold.fsr" >"$tmp/by_hpl"
is 'means the same' cmp -s "$tmp/by_text" "$tmp/by_hpl"
# a guest of 4 GiB, whose upper GiB lies at 4 GiB and in the file at 3 GiB: half of the pages are there
awk '/MMAP/ { sub("size=0x10000000", "size=0x100000000") }
	/ MEMSLOT / { sub("size=0x10000000", "size=0xc0000000"); print
		sub("size=0xc0000000 hva=0x7f0000000000", "slot=1 gpa=0x100000000 size=0x40000000 hva=0x7f00c0000000") }
	/VMEXIT/ && /gpa=0x10[4-7]000/ { sub("gpa=0x", "gpa=0x100") } { print }' "$tmp/cold.txt" >"$tmp/upper.txt"
is 'a guest above 3 GiB' "$O/tools/mkrec" "$tmp/upper.txt" "$tmp/upper.fsr"
expect 0 '^0xc0104000 0x4000$' 'its upper pages, in the file' $P export "$tmp/upper.fsr"
expect 0 '' 'its hot-page list' $P export --format hpl -o "$tmp/upper.hpl" "$tmp/upper.fsr"
is 'four pages of region 0, four of region 1, each from where it begins' test \
	"$(od -An -v -tx1 "$tmp/upper.hpl" | tr -d ' \n')" = "48504c3108$(
		for r in 0 1; do for p in 80 a0 c0 e0; do echo "0$r 80$p 4$r"; done; done | tr -d ' \n')"
$P export --format json "$tmp/upper.fsr" >"$tmp/upper.json"
is 'both regions in JSON' sh -c "grep -q '\"gpa\": 4294967296' '$tmp/upper.json' && grep -q '\"offset\": 3221225472' '$tmp/upper.json'"
awk '/MMAP/ { print; sub("addr=0x7f0000000000", "addr=0x7f8000000000 offset=0x20000000") }
	/ MEMSLOT / { print; sub("hva=0x7f0000000000", "slot=1 gpa=0x100000000 hva=0x7f8000000000") }
	/VMEXIT/ && /gpa=0x10[4-7]000/ { sub("gpa=0x", "gpa=0x100") } { print }' "$tmp/cold.txt" >"$tmp/beyond.txt"
is 'a file that is not all guest memory' "$O/tools/mkrec" "$tmp/beyond.txt" "$tmp/beyond.fsr"
expect 1 'in no memory region' 'what is in no region is refused' $P export --format hpl --merge-gap 3GiB "$tmp/beyond.fsr"

# a guest of two zones, each a file: what is not exported is said
awk '/MMAP/ { print; sub("addr=0x7f0000000000 size=0x10000000 ino=7", "addr=0x7f8000000000 size=0x8000000 ino=8") }
	/ MEMSLOT / { print; sub("size=0x10000000 hva=0x7f0000000000", "slot=1 gpa=0x100000000 size=0x8000000 hva=0x7f8000000000") }
	/VMEXIT/ && /gpa=0x10[4-7]000/ { sub("gpa=0x", "gpa=0x100") } { print }' "$tmp/cold.txt" >"$tmp/zones.txt"
is 'a guest of two memory files' "$O/tools/mkrec" "$tmp/zones.txt" "$tmp/zones.fsr"
left='left out: 1 other memory file of the guest with 128.0 MiB of its memory, and 48 touches'
expect 0 "# $left" 'what is left out is said in the ranges' $P export "$tmp/zones.fsr"
is 'and on stderr' grep -q "$left" "$tmp/err"
expect 0 "$left" 'and with JSON' $P export --format json "$tmp/zones.fsr"
is 'in it, too' sh -c "tr -d ' \n' <'$tmp/out' | grep -q '\"left_out\":{\"files\":1,\"bytes\":134217728,\"touches\":48}'"
expect 1 'of one memory file, and this guest has 2' 'a hot-page list is refused' $P export --format hpl \
	-o "$tmp/zones.hpl" "$tmp/zones.fsr"
is 'and none is left behind' test ! -e "$tmp/zones.hpl"
expect 0 'left out: 1 other memory file' 'ceilings say it, too' $P ceiling "$tmp/zones.fsr"
expect 1 'only 12 forks' 'more forks than there are' $P export --min-forks 99 "$tmp/cold.fsr"
expect 2 'ranges, hpl or json' 'no such format' $P export --format x "$tmp/cold.fsr"
expect 2 'none of ceiling, export, test' 'no such verb' $P guess
expect 1 'No space left' 'a full disk' sh -c "$P export '$tmp/cold.fsr' >/dev/full"
expect 1 'No space left' 'a full disk, a test' sh -c "$P test --from '$tmp/ab.fsr' >/dev/full"

# --- every key is described
keys() {
	python3 -c 'import json, sys
seen = set()
def walk(x):
    if isinstance(x, dict):
        for k, v in x.items():
            seen.add(k)
            if k not in ("buckets", "causes"):
                walk(v)
    elif isinstance(x, list):
        for v in x:
            walk(v)
walk(json.load(sys.stdin))
print("\n".join(seen))'
}
undescribed() {
	{
		$P ceiling --json "$tmp/ab.fsr" | keys
		$P export --format json "$tmp/ab.fsr" | keys
		$P test --json --from --ranges 0x100000+32KiB "$tmp/ab.fsr" | keys
	} | sort -u | while read -r key; do grep -q "\`$key\`" docs/prefetch.md || echo "$key"; done
}
missing=$(undescribed)
is "docs/prefetch.md describes every key: $missing" test -z "$missing"
done_testing
