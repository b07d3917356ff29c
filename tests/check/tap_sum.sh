#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The runner itself: whatever goes wrong in a test program must be counted as failed.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
fail=0

expect() { # NAME STATUS LAST_LINES PROGRAM_TEXT...
	n=$((n + 1))
	name=$1 status=$2 last=$3
	shift 3
	set_of=
	i=0
	for text in "$@"; do
		i=$((i + 1))
		printf '#!/bin/sh\n%s\n' "$text" > "$tmp/p$i"
		chmod +x "$tmp/p$i"
		set_of="$set_of $tmp/p$i"
	done
	tools/tap-sum -t 1 $set_of > "$tmp/out"
	got=$?
	lines=$(grep -E '^[0-9]+ (passed|skipped)' "$tmp/out" | tr '\n' /)
	if [ $got -eq "$status" ] && [ "$lines" = "$last/" ] &&
		[ "$(tail -n 1 "$tmp/out")" = "${last#*/}" ]; then
		echo "ok $n - $name"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $n - $name (status $got)"
		fail=1
	fi
}

expect "cases are counted over programs" 0 "3 passed, 0 failed" \
	'echo 1..2; echo "ok 1 - a"; echo "ok 2 - b"' 'echo "ok 1 - c"'
expect "not ok is a failure" 1 "1 passed, 1 failed" 'echo "ok 1 - a"; echo "not ok 2 - b"'
expect "a skip is neither" 0 "1 skipped/1 passed, 0 failed" \
	'echo "ok 1 - a"; echo "ok 2 - b # SKIP no root"'
expect "a skip may be said of a not ok, as cmocka does" 0 "1 skipped/0 passed, 0 failed" \
	'echo "not ok 1 # SKIP a"'
expect "a whole program may be skipped" 0 "1 skipped/0 passed, 0 failed" 'echo "1..0 # SKIP no kvm"'
expect "a plan that is not kept is a failure" 1 "1 passed, 1 failed" 'echo 1..2; echo "ok 1 - a"'
expect "no case is a failure" 1 "0 passed, 1 failed" 'exit 0'
expect "an exit status is a failure" 1 "1 passed, 1 failed" 'echo "ok 1 - a"; exit 3'
expect "it is not counted twice" 1 "0 passed, 1 failed" 'echo "not ok 1 - a"; exit 1'
expect "a crash is a failure" 1 "1 passed, 1 failed" 'echo "ok 1 - a"; kill -ABRT $$'
expect "a hang is a failure" 1 "1 passed, 1 failed" 'echo "ok 1 - a"; sleep 20'
tools/tap-sum "$tmp/none" > "$tmp/out"
got=$?
n=$((n + 1))
if [ $got -eq 1 ] && tail -n 1 "$tmp/out" | grep -q '^0 passed, 1 failed$'; then
	echo "ok $n - a program that is not there is a failure"
else
	echo "not ok $n - a program that is not there is a failure"
	fail=1
fi
for text in 'echo "not ok 1 - x"' 'echo "ok 1 - x"; echo "ok 2 - y"'; do
	printf '#!/bin/sh\n%s\n' "$text" > "$tmp/p1"
	FORKSCOPE_TOTALS=$tmp/totals tools/tap-sum -n one "$tmp/p1" > "$tmp/out"
done
n=$((n + 1))
if [ "$(tools/tap-sum --total "$tmp/totals" | tail -n 1)" = "2 passed, 1 failed" ]; then
	echo "ok $n - suites are summed"
else
	echo "not ok $n - suites are summed"
	fail=1
fi
printf '#!/bin/sh\necho "not ok 1 - x"; echo "#  for a reason"; echo "ok 2 - y"; echo "#  none"\n' > "$tmp/p1"
FORKSCOPE_TOTALS=$tmp/totals tools/tap-sum -n one "$tmp/p1" > "$tmp/out"
n=$((n + 1))
if tools/tap-sum --total "$tmp/totals" | grep -A 2 "^FAILED: $tmp/p1: x\$" | tr '\n' '+' | grep -q '+    for a reason+one: 1 passed'; then
	echo "ok $n - the sum of all reports what failed, and why"
else
	echo "not ok $n - the sum of all reports what failed, and why"
	fail=1
fi
n=$((n + 1))
printf '~95.0\tlab\n~94.0\tlab\tlong\n~1.0\tlab\tshort\nlab\t1\t0\t0\n' > "$tmp/times"
tools/tap-sum --total "$tmp/times" > "$tmp/out"
if grep -q '^~[0-9.]*	one$' "$tmp/totals" && grep -qx '  lab  *1.6' "$tmp/out" && grep -qx '    long  *1.6' "$tmp/out" &&
	! grep -q short "$tmp/out" && [ "$(tail -n 1 "$tmp/out")" = "1 passed, 0 failed" ]; then
	echo "ok $n - the minutes of each suite are printed, and of what takes long in it"
else
	sed 's/^/# /' "$tmp/out"
	echo "not ok $n - the minutes of each suite are printed, and of what takes long in it"
	fail=1
fi
printf '#!/bin/sh\necho $$ >%s\nsleep 300\n' "$tmp/pid" > "$tmp/p1"
tools/tap-sum "$tmp/p1" > "$tmp/out" &
sum=$!
for _ in $(seq 200); do
	[ -s "$tmp/pid" ] && break
	sleep 0.05
done
kill -TERM $sum
wait $sum
got=$?
n=$((n + 1))
if [ $got -eq 143 ] && [ -s "$tmp/pid" ] && ! kill -0 "$(cat "$tmp/pid")" 2>"$tmp/out"; then
	echo "ok $n - whoever ends it ends what it runs"
else
	echo "not ok $n - whoever ends it ends what it runs"
	fail=1
fi
echo "1..$n"
exit $fail
