#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# docs/format.md against the headers: its tables, and the names of flags.
O=${O:-.output}
make -s "$O/tools/fmtdoc" >/dev/null || exit 1
echo 1..4
if "$O/tools/fmtdoc" docs/format.md | diff -u docs/format.md - > "$O/format-doc.diff"; then
	echo "ok 1 - the tables are those of the headers"
else
	sed 's/^/# /' "$O/format-doc.diff"
	echo "not ok 1 - the tables are those of the headers (make format-doc)"
fi

# every named bit of event.h has its name in fields.h
missing=
for name in $(grep -oE '^\s*FS_(F|H|W|NET|WHY|ISA|APF)_[A-Z0-9_]+' bpf/event.h | sort -u) \
	$(sed -n 's/^enum.*{\(.*\)}.*/\1/p' bpf/event.h | grep -oE 'FS_(F|H|W|NET|WHY|ISA|APF)_[A-Z0-9_]+' | sort -u); do
	prefix=$(echo "$name" | grep -oE '^FS_(F|H|W|NET|WHY|ISA|APF)_')
	[ "$name" = FS_ISA_UNKNOWN ] && continue
	grep -q "N($prefix, ${name#"$prefix"})" src/record/text/fields.h || missing="$missing $name"
done
if [ -z "$missing" ]; then
	echo "ok 2 - every flag of event.h has its name in fields.h"
else
	echo "not ok 2 - every flag of event.h has its name in fields.h:$missing"
fi

# the page's example compiles
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
make -s "$O/tools/mkrec" >/dev/null || exit 1
sed -n '/^```$/,/^```$/p' docs/format.md | grep -v '^```' > "$tmp/example.txt"
if [ -s "$tmp/example.txt" ] && "$O/tools/mkrec" "$tmp/example.txt" "$tmp/example.fsr"; then
	echo "ok 3 - the page's example is a recording"
else
	echo "not ok 3 - the page's example is a recording"
fi

# every key that a recorder writes into STATS and END is on the page
keys()
{
	sed -n '/^static json_t \*missed_row/,/^json_t \*fs_hooks_json/p' src/collect/bpf/stats_json.c | grep -v 'fs_bpf_map(b, '
	sed -n '/^json_t \*fs_guests_json/,/^}/p' src/collect/guest/guests.c
	sed -n '/^json_t \*fs_clocks_json/,/^}/p' src/collect/host/host.c
	sed -n '/^static json_t \*command_json/,/^}/p; /FSR_END,$/,/;$/p' src/collect/session.c
}
there=$(keys | grep -oE '"[a-z][a-z_]+"' | tr -d '"' | sort -u)
missing=
for key in $there; do
	grep -q "\`$key\`" docs/format.md || missing="$missing $key"
done
if [ "$(echo "$there" | wc -l)" -gt 50 ] && [ -z "$missing" ]; then
	echo "ok 4 - the keys of STATS and END are on the page"
else
	echo "not ok 4 - the keys of STATS and END are on the page:$missing"
fi
