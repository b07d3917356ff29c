#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A running recorder holds what src/collect/privs.h says, and what its recording says: nothing.
. "$(dirname "$0")/common"

sleep 60 &
vmm=$!
start "$TMP/a.fsr" --vmm-pid $vmm || exit 1
grep -E '^(Cap|NoNewPrivs|VmLck|Uid)' /proc/$REC/status >"$TMP/status"

none()
{
	says "^$1:[[:space:]]+0+\$" "$TMP/status"
}
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	ok "$set is empty" none $set
done
ok "no new privileges" says '^NoNewPrivs:[[:space:]]+1$' "$TMP/status"

locked()
{
	[ "$(awk '/^VmLck/ { print $2 }' "$TMP/status")" -gt 1000 ]
}
ok "its memory is locked" locked

limits()
{
	"$FS" record -o "$TMP/l.fsr" -- sh -c 'ulimit -l; ulimit -n; grep CapEff /proc/self/status;
		grep -E "Sig(Blk|Ign)" /proc/self/status' >"$TMP/inside" 2>/dev/null &&
		sh -c 'ulimit -l; ulimit -n; grep CapEff /proc/self/status;
		grep -E "Sig(Blk|Ign)" /proc/self/status' >"$TMP/outside" && diff "$TMP/inside" "$TMP/outside"
}
ok "the command runs with the rights, limits and signals of its caller" limits

disown $vmm
kill -9 $vmm
ok "and it still ends well" finish 0
stored()
{
	readable "$TMP/a.fsr" && says '"kept_capabilities": ?\[\]' "$TMP/a.fsr.txt"
}
ok "the recording says the same" stored
documented()
{
	"$FS" record --help | tr '\n' ' ' | grep -q 'holds no capability at all' &&
	grep -A2 'from then on a running' -i "$(dirname "$0")/../../src/collect/privs.h" |
		grep -q 'no capability at all'
}
ok "and so does the documentation" documented
ok "no program is left" no_leak
done_testing
