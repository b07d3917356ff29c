#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every path that docs/architecture.md names is there, and every folder of src has its place on it. TAP.
. tests/check/tap

# absent PAGE: what stands between backquotes and looks like a path of this tree, and is not there
absent() {
	grep -oE '`(\.\./)?(src|bpf|tests|tools|docs|vmlinux)/[^` ]*`' "$1" | tr -d '`' | sort -u |
		while read -r path; do
			# shellcheck disable=SC2086 # a pattern such as bpf/*.bpf.c
			ls -d ${path%[,.]} >/dev/null 2>&1 || echo "$path"
		done
}

report "every path that docs/architecture.md names is there" "$(absent docs/architecture.md)"
report "every folder of src has its place in docs/architecture.md" "$(
	find src -type d | sed 1d | while read -r folder; do
		grep -qF "\`$folder\`" docs/architecture.md || echo "$folder"
	done)"

# It would be noticed.
{ cat docs/architecture.md; echo '`src/attribute/no_such_file.c`'; } >"$tmp/page.md"
is "a path that is not there is noticed" [ "$(absent "$tmp/page.md")" = src/attribute/no_such_file.c ]
done_testing
