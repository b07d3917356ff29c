#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What style.md of the project asks and a program can see: formatting, licences (size.sh: sizes).
. tests/check/tap

# Not git's list: root testing another user's checkout is refused by git, and an archive has none.
c_files=$(find src bpf tests tools -name '*.[ch]' | sort)
scripts=$(grep -lsE '^#!' $(find tests tools .ci -type f ! -name '*.[ch]' ! -name '*.pyc'))
all_code="$c_files $scripts Makefile $(find tools tests -name '*.mk' -o -name '*.py')"

version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
if [ "$version" = 14 ]; then
	report "clang-format" "$(clang-format --dry-run $c_files 2>&1 |
		sed -n 's/^\([^:]*\):[0-9]*:.*clang-format-violations.*/\1/p' | sort | uniq -c |
		sed 's/^ *\([0-9]*\) \(.*\)/\2: \1 places (make format)/')"
else
	n=$((n + 1))
	echo "# clang-format 14 decides; here is ${version:-none}, which breaks lines differently"
	echo "ok $n - clang-format # SKIP version ${version:-none}, not 14"
fi

report "every file carries its licence" "$(
	for f in $all_code; do
		[ -s "$f" ] && ! head -n 5 "$f" | grep -q SPDX-License-Identifier && echo "$f"
	done)"

# The .c files of the folders $@ in which no comment of a sentence, four words at least, follows the licence.
jobless() {
	find "$@" -name '*.c' -exec awk '
		function judge() { if (!(text ~ /[.?]( |$)/ && split(text, words, " ") >= 4)) print file }
		FNR == 1 { if (NR > 1) judge(); file = FILENAME; text = ""; open = 0; next }
		FNR == 2 && /^\/\*/ { open = 1 }
		open { open = !/\*\//; gsub(/^ *\/?\*+|\*\/.*/, ""); text = text " " $0; sub(/ +$/, "", text) }
		END { judge() }' {} + | sort
}

# Files of the folders $@ whose name, without its ending, stands in two folders: a backtrace names the file alone.
namesakes() {
	find "$@" -name '*.[ch]' | sed 's/\.[ch]$//' | sort -u |
		awk -F/ '{ seen[$NF]++; paths[$NF] = paths[$NF] " " $0 }
			END { for (name in seen) if (seen[name] > 1) print name ":" paths[name] }' | sort
}

report "each .c file begins with a sentence that says its job" "$(jobless src bpf tools)"
report "no two files of src and bpf have one name" "$(namesakes src bpf)"

# Both would notice.
mkdir -p "$tmp/some/a" "$tmp/some/b"
for text in '#include <stdio.h>' '/* forkscope prefetch ceiling */' '/* Reads the clocks of a guest. */'; do
	printf '// SPDX-License-Identifier: BSD-2-Clause\n%s\n/* Adds one to what it is given. */\n' "$text"
	echo 'int f(int i) { return i + 1; }'
done | split -l 4 --additional-suffix=.c - "$tmp/some/a/"
cp "$tmp/some/a/ac.c" "$tmp/some/b/ab.c"
cp "$tmp/some/a/ac.c" "$tmp/some/a/ac.h"
is "a .c file without such a sentence is found" [ "$(echo $(jobless "$tmp/some"))" = "$tmp/some/a/aa.c $tmp/some/a/ab.c" ]
is "a name in two folders is found" [ "$(namesakes "$tmp/some")" = "ab: $tmp/some/a/ab $tmp/some/b/ab" ]

# A file that includes both of two headers with one guard loses the second without a word.
shared_guards() { # FOLDER...
	find "$@" -name '*.h' -exec grep -hoE '^#ifndef [A-Z0-9_]+_H$' {} + | sort | uniq -d
}
report "no two headers have one include guard" "$(shared_guards src bpf tests tools)"
printf '#ifndef SOME_H\n' | tee "$tmp/some/a/one.h" >"$tmp/some/b/other.h"
is "two headers with one guard are noticed" [ "$(shared_guards "$tmp/some")" = "#ifndef SOME_H" ]

# (int)(ns / 1000000) makes an endless wait, or none, of a long one: fs_poll_ms() does not.
report "milliseconds to wait come from fs_poll_ms()" "$(
	grep -nE '\((int|long)\).*/ ?(1000000|MS|NS_PER_MS)\b' $(find src -name '*.c') | grep -v '^src/base/clock.c')"

report "Python within 100 columns" "$(
	awk 'length($0) > 100 { print FILENAME ":" FNR }' \
		$(grep -lsE '^#!.*python' $scripts) $(find tests tools -name '*.py'))"

# So that a message can be searched for as it is printed.
cut_messages() { # FILE...
	awk 'FNR > 1 && before ~ /[^\\] "$/ && /^[ \t]*"/ { print FILENAME ":" FNR ": " $0 }
		{ before = $0 }' "$@"
}
report "messages and help are not cut in mid-sentence" "$(
	cut_messages $(find src tools -name '*.[ch]' ! -path 'src/render/svg/*'))"
printf '\tfs_warn("it was cut "\n\t\t"here");\n' >"$tmp/cut.c"
is "a message that is cut is noticed" [ "$(cut_messages "$tmp/cut.c" | wc -l)" -eq 1 ]

report "no trailing space" "$(
	grep -InE '[ 	]+$' $all_code)"
done_testing
