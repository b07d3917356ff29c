#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the pages point to must be there: files that they link, make targets that they name.
. tests/check/tap

pages="$(ls ./*.md) $(find docs tests tools -name '*.md')"

report "links lead to files" "$(
	for page in $pages; do
		{
			grep -oE '\]\([^)#:]+(#[^)]*)?\)' "$page" | sed 's/^](//; s/)$//; s/#.*//'
			grep -oE '(href|src)="[^"#:]+"' "$page" | sed 's/^[a-z]*="//; s/"$//'
		} |
			while read -r target; do
				[ -e "$(dirname "$page")/$target" ] || echo "$page: $target"
			done
	done)"

targets=$(cat Makefile tools/mk/*.mk | sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' | sort -u)
report "make targets exist" "$(
	for page in $pages; do
		grep -oE '`(sudo )?make [a-z][a-z-]*' "$page" | sed 's/.*make //' | sort -u |
			while read -r target; do
				echo "$targets" | grep -qx "$target" || echo "$page: make $target"
			done
	done)"

help=$(make -s help)
report "make help names the targets that people use" "$(
	for target in check check-unit analyse fuzz fuzz-short format; do
		echo "$help" | grep -q "^$target " || echo "$target"
	done)"
done_testing
