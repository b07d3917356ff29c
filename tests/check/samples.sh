#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The samples in the documents are what the program prints of the kept recording. TAP.
. tests/check/tap

samples() { tools/docs-samples --check --output "$O" "$@" 2>&1; }

report "samples are what the program prints (make docs-samples writes them anew)" "$(samples)"

# It would be noticed: a number of a sample that is another, a sample that is gone, a picture of before.
mkdir -p "$tmp/docs"
cp README.md "$tmp/page.md"
cp -r docs/samples "$tmp/docs/"
is "a copy of README.md is as good" samples "$tmp/page.md"
sed 's/^\(gap [0-9.]*\)[0-9] \(m\{0,1\}s\)$/\1x \2/' README.md >"$tmp/page.md"
expect 1 'page.md:[0-9]*: .*: stale$' "a number that is another is noticed" samples "$tmp/page.md"
sed '/^gap [0-9.]* m\{0,1\}s$/d' README.md >"$tmp/page.md"
expect 1 'page.md:[0-9]*: .*: stale$' "a line that is missing is noticed" samples "$tmp/page.md"
sed '/^<!-- sample: .* from ^gap/d' README.md >"$tmp/page.md"
expect 1 'output without a mark' "output without a mark is noticed" samples "$tmp/page.md"
cp README.md "$tmp/page.md"
echo >>"$tmp/docs/samples/flame.svg"
expect 1 'flame.svg: stale$' "a picture that is another is noticed" samples "$tmp/page.md"
done_testing
