#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# No two files of src or of bpf use each other, also not by way of others, and no header includes itself so.
# `make check` has built all objects before.
. tests/check/tap

report "no circle between files" "$(tests/check/circles.py "$O" 2>&1)"

compile() { # NAME TEXT
	printf '%s\n' "$2" | ${CC:-cc} -x c -c -o "$tmp/$1.o" -
}
compile top 'int middle(void); int top(void); int top(void) { return middle(); }'
compile middle 'int bottom(void); int middle(void); int middle(void) { return bottom(); }'
compile bottom 'int bottom(void); int bottom(void) { return 1; }'
report "three files in a row are none" "$(tests/check/circles.py --objects "$tmp" top.o middle.o bottom.o 2>&1)"

compile bottom 'int top(void); int bottom(void); int bottom(void) { return top(); }'
tests/check/circles.py --objects "$tmp" top.o middle.o bottom.o >"$tmp/out" 2>&1
status=$?
report "a circle of three is found, and each step of it named" "$(
	[ $status -eq 1 ] || echo "status $status"
	for step in 'top -> middle: middle' 'middle -> bottom: bottom' 'bottom -> top: top'; do
		grep -q "$step" "$tmp/out" || echo "not said: $step"
	done)"
done_testing
