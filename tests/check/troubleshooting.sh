#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every message of doctor, record and bench stands in docs/troubleshooting.md. TAP.
. tests/check/tap

page=docs/troubleshooting.md
# What these commands are made of; that a file is missing here is seen by its messages.
sources=$(find src/collect src/hooks src/bench src/vmm src/net src/mailbox src/base src/cli -name '*.c' |
	grep -vE '^src/cli/(prefetch/|variants|recording|mailbox/mailbox_(find|patch|show)|cmd_(diff|dump|mailbox|mark|prefetch|report))' | sort)

# missing PAGE: the messages that do not stand there between backquotes, with their places
missing() {
	# shellcheck disable=SC2086 # a list of files
	python3 tests/check/messages.py $sources >"$tmp/messages"
	grep -oE '`[^`]+`' "$1" | tr -d '`' | sort -u >"$tmp/there"
	awk -F '\t' 'NR == FNR { there[$0] = 1; next } !($2 in there) { print $1 ": " $2 }' "$tmp/there" "$tmp/messages"
}

report "each message stands in $page: why, and what to do" "$(missing $page)"
is "there are messages" [ "$(cut -f 2 "$tmp/messages" | sort -u | wc -l)" -gt 200 ]

# A page's message may say what a source's leaves open: "cannot record to ...: it is a symbolic link".
cat >"$tmp/known.py" <<'EOF'
import re, sys
known = {line.rstrip("\n").split("\t")[1] for line in open(sys.argv[1])}
forms = [re.compile(".+".join(map(re.escape, k.split("...")))) for k in known if "..." in k]
rows = open(sys.argv[2]).read().split("\n## Rights", 1)[1]
for row in re.findall(r"^\| (`.*?`) \|", rows, re.M):
    for message in re.findall(r"`([^`]+)`", row):
        if message not in known and not any(f.fullmatch(message) for f in forms):
            print(message)
EOF
report "each message of $page is one of the sources" "$(python3 "$tmp/known.py" "$tmp/messages" $page)"

# It would be noticed: one that is not there.
grep -v 'what is to be traced' $page >"$tmp/page.md"
is "a message that is missing is noticed" [ "$(missing "$tmp/page.md" | wc -l)" -eq 1 ]
printf '| `no such message` | why |\n' >>"$tmp/page.md"
is "a message that no source has is noticed" [ "$(python3 "$tmp/known.py" "$tmp/messages" "$tmp/page.md")" = "no such message" ]
done_testing
