#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The commands from the outside, where no recording is needed or any will do: help, outputs, names
# that are no UTF-8, compressed memory files. TAP.
. tests/check/tap

json() { # FILE EXPRESSION: holds for the JSON in the file (d)
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$@"
}
same() { # A B COMMAND-LINES: both say the same
	[ "$($1 2>&1)" = "$($2 2>&1)" ] && [ -n "$($1 2>&1)" ]
}

is 'help' same "$F help" "$F --help"
is 'help COMMAND' same "$F help report" "$F report --help"
is 'help COMMAND of two words' same "$F help prefetch test" "$F prefetch test --help"
expect 2 'unknown command "frob"' 'help about nothing' "$F" help frob
expect 2 'know what to do with "c"' 'help about too much' "$F" help a b c
is "the guest's help" same "$F-guest help" "$F-guest --help"
is "the guest's help COMMAND" same "$F-guest help arm" "$F-guest arm --help"
expect 2 'unknown command "frob"' "the guest's help about nothing" "$F-guest" help frob

R=$tmp/r.fsr
"$O/tools/mkrec" tests/golden/three-forks.txt "$R" || exit 1
"$F" report --fork 1 --svg "$tmp/file.svg" "$R" 2>/dev/null
svg() { # NAME: what --svg NAME writes to stdout is the picture alone
	"$F" report --fork 1 --svg "$1" "$R" 2>"$tmp/err" | cmp - "$tmp/file.svg"
}
is '--svg -' svg -
is '--svg /dev/stdout' svg /dev/stdout
is '--svg /dev/fd/1' svg /dev/fd/1
is '--svg /proc/self/fd/1' svg /proc/self/fd/1
"$F" report --fork 1 --svg /dev/fd/7 "$R" 7>"$tmp/seven.svg" >/dev/null 2>"$tmp/err"
is '--svg /dev/fd/7, as the shell gives >(COMMAND)' cmp "$tmp/seven.svg" "$tmp/file.svg"
expect 1 'Bad file descriptor' 'a descriptor that is not open' "$F" report --fork 1 --svg /dev/fd/77 "$R"
expect 2 'choose one' '--svg /dev/stdout and --json' "$F" report --json --svg /dev/stdout "$R"
expect 2 'choose one' 'diff --svg /dev/stdout and --json' "$F" diff --json --svg /dev/stdout "$R" "$R"
"$F" diff --svg "$tmp/diff.svg" "$R" "$R" >/dev/null 2>&1
"$F" diff --svg /dev/stdout "$R" "$R" >"$tmp/out" 2>"$tmp/err"
is 'diff --svg /dev/stdout is the picture alone' cmp "$tmp/out" "$tmp/diff.svg"

on_terminal() { # TERM: are there colours?
	TERM=$1 python3 - "$F" report --fork 1 "$R" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
try:
    while chunk := os.read(fd, 65536):
        seen += chunk
except OSError:
    pass
os.waitpid(pid, 0)
sys.exit(0 if b"\033[" in seen else 1 if b"fork 1" in seen else 2)
END
}
unset NO_COLOR
is 'colours on a terminal' on_terminal xterm
on_terminal dumb
is 'none with TERM=dumb' test $? = 1

# bytes that are no UTF-8: a name of é in Latin 1, next to a backslash
odd=$(printf 'm\351\\x')
mkdir "$tmp/$odd"
head -c 65536 /dev/zero >"$tmp/$odd/mem"
"$F" mailbox find --json --token t "$tmp/$odd/mem" >"$tmp/out" 2>/dev/null
is 'mailbox --json names a file that is no UTF-8' \
	json "$tmp/out" 'd["file"].endswith("/m\\xe9\\\\x/mem") and d["error"] == "none"'
cp "$R" "$tmp/$odd/r.fsr"
"$F" report --json "$tmp/$odd/r.fsr" >"$tmp/out" 2>/dev/null
is 'report --json does too' json "$tmp/out" 'd["recording"]["path"].endswith("/m\\xe9\\\\x/r.fsr")'
mkdir "$tmp/ü"
cp "$R" "$tmp/ü/r.fsr"
"$F" report --json "$tmp/ü/r.fsr" >"$tmp/out" 2>/dev/null
is 'and keeps one that is UTF-8' json "$tmp/out" 'd["recording"]["path"].endswith("/\u00fc/r.fsr")'

packed() { # NAME MAGIC
	{
		printf "$2"
		head -c 65536 /dev/zero
	} >"$tmp/mem.$1"
	expect 1 "compressed by $1" "a memory file compressed by $1" "$F" mailbox find --token t "$tmp/mem.$1"
}
packed gzip '\037\213\010'
packed zstd '\050\265\057\375'
packed lz4 '\004\042\115\030'
packed xz '\375\067\172\130\132\000'
head -c 65536 /dev/zero >"$tmp/mem"
expect 1 'no mailbox at all' 'one that is not' "$F" mailbox find --token t "$tmp/mem"
done_testing
