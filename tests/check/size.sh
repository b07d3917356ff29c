#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How long files and functions may be. A file that one page does not explain is two.
. tests/check/tap

# Files of the folders $1 with more lines than $2: "N FILE".
longer_files() {
	find $1 -name '*.[ch]' ! -name vmlinux.h -exec awk -v most="$2" '
		FNR == 1 && NR > 1 { if (lines > most) print lines, file }
		{ file = FILENAME; lines = FNR }
		END { if (lines > most) print lines, file }' {} + | sort -rn
}

# Functions of the folders $1 with more lines than $2. One begins at a brace that stands alone in the first column, and ends
# at the next closing one there.
longer_functions() {
	find $1 -name '*.[ch]' -exec awk -v most="$2" '
		FNR == 1 { start = 0 }
		/^\{$/ { start = FNR; head = before }
		/^\}/ && start { if (FNR - start + 1 > most) print FNR - start + 1, FILENAME ":" start, head; start = 0 }
		{ before = $0 }' {} + | sort -rn
}

report "no file of more than 500 lines" "$(longer_files 'src bpf tools' 500)"
many=$(longer_files 'src bpf tools' 400)
report "at most 5 files of more than 400 lines" "$([ "$(printf '%s\n' "$many" | grep -c .)" -le 5 ] || echo "$many")"
report "no function of more than 60 lines" "$(longer_functions 'src bpf tools' 60)"

# The check of this check: a file that is one line, and one function that is one line, too long.
{ echo 'static void f(void)'; echo '{'; yes '	;' | head -n 59; echo '}'; } >"$tmp/function.c"
yes '/* */' | head -n 501 >"$tmp/file.h"
report "a long function is found" "$(
	[ "$(longer_functions "$tmp" 60)" = "61 $tmp/function.c:2 static void f(void)" ] || echo "it is not: $(longer_functions "$tmp" 60)"
	longer_functions "$tmp" 61)"
report "a long file is found" "$(
	[ "$(longer_files "$tmp" 500)" = "501 $tmp/file.h" ] || echo "it is not: $(longer_files "$tmp" 500)"
	longer_files "$tmp" 501)"
done_testing
