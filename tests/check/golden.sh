#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tests/golden/NAME.txt is a recording as text; NAME.FORM is what report must say of it. TAP.
# tools/bless writes the expected files anew (look at the difference before committing it).
. tests/check/tap
G=tests/golden

# The time at which the recording was made is the test's, not the recording's.
undated() {
	sed -e 's/, [0-9]\{4\}-[0-9][0-9]-[0-9][0-9] [0-9:]* UTC$/, DATE/' \
		-e 's/"created_realtime_ns": [0-9]*/"created_realtime_ns": 0/' -e "s|$tmp/||"
}

same() { # expected, what it is
	if [ -n "$BLESS" ]; then
		cp "$tmp/got" "$1"
	fi
	diff -u "$1" "$tmp/got" >"$tmp/diff" 2>&1
	verdict $? "$2" || sed 's/^/# /' "$tmp/diff" | head -60
}

for text in "$G"/*.txt; do
	name=$(basename "$text" .txt)
	rec=$tmp/$name.fsr
	if ! "$O/tools/mkrec" "$text" "$rec"; then
		verdict 1 "$name: mkrec"
		continue
	fi
	symbols=
	[ -e "$G/$name.map" ] && symbols="--guest-symbols $G/$name.map"
	# shellcheck disable=SC2086 # no symbols are no words
	report() { "$O/forkscope" report $symbols "$@" "$rec" 2>"$tmp/err"; }

	report | undated >"$tmp/got"
	same "$G/$name.report" "$name: text"
	report --json | undated >"$tmp/got"
	same "$G/$name.json" "$name: JSON"
	report --folded >"$tmp/got"
	same "$G/$name.folded" "$name: folded"
	report --svg - --fork 1 >"$tmp/got"
	same "$G/$name.svg" "$name: SVG of fork 1"
	report --svg - >"$tmp/got"
	same "$G/$name.cohort.svg" "$name: SVG of the cohort"

	report --svg-dir "$tmp/svg"
	python3 - "$tmp"/svg/*.svg <<'EOF'
import sys, xml.dom.minidom
assert len(sys.argv) > 1
for path in sys.argv[1:]:
    xml.dom.minidom.parse(path)
EOF
	verdict $? "$name: every SVG is XML"
	[ "$(stat -c %a "$tmp"/svg/*.svg | sort -u)" = 600 ]
	verdict $? "$name: SVG files are for their owner only"
	rm -rf "$tmp/svg"
done
[ "$n" -gt 0 ] || verdict 1 "there are golden files"
done_testing
