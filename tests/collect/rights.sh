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

# The process that reads guests' memory: what privs.h lists, no more, and gone with the recorder.
reader=$(pgrep -P $REC -x forkscope-guest)
grep -E '^(Cap|NoNewPrivs)' "/proc/$reader/status" >"$TMP/status"
for set in CapPrm CapEff; do # CAP_DAC_READ_SEARCH 2, CAP_SYS_PTRACE 19, CAP_CHECKPOINT_RESTORE 40
	ok "the reader of guests: $set is what is documented" says "^$set:[[:space:]]+0000010000080004\$" "$TMP/status"
done
for set in CapInh CapBnd CapAmb; do
	ok "the reader of guests: $set is empty" none $set
done
ok "the reader of guests: no new privileges" says '^NoNewPrivs:[[:space:]]+1$' "$TMP/status"
few_files()
{
	ls -l "/proc/$reader/fd"
	[ "$(ls "/proc/$reader/fd" | wc -l)" = 2 ]
}
ok "the reader of guests: a socket and standard error, nothing else is open" few_files

disown $vmm
kill -9 $vmm
ok "and it still ends well" finish 0
reader_ends()
{
	local state

	state=$(awk '/^State/ { print $2 }' "/proc/$reader/status" 2>/dev/null)
	[ -z "$state" ] || [ "$state" = Z ] # nobody may have waited for it yet
}
ok "the reader of guests ends with it" reader_ends

without_reader()
{
	start "$TMP/o.fsr" --guest off -- sleep 1 || return 1
	pgrep -P $REC -x forkscope-guest && return 1
	finish 0 || return 1
	readable "$TMP/o.fsr" && says '"guest": ?\{"mode": ?"off"' "$TMP/o.fsr.txt"
}
ok "--guest off: there is none" without_reader

killed_with_it()
{
	sleep 30 &
	vmm=$!
	disown $vmm
	start "$TMP/k.fsr" --vmm-pid $vmm || return 1
	reader=$(pgrep -P $REC -x forkscope-guest)
	disown $REC
	kill -9 $REC
	sleep 0.3
	kill -9 $vmm
	[ -n "$reader" ] && reader_ends
}
ok "and killed, too" killed_with_it
stored()
{
	readable "$TMP/a.fsr" && says '"kept_capabilities": ?\[\]' "$TMP/a.fsr.txt" &&
		says '"reader_capabilities": ?"CAP_SYS_PTRACE,CAP_CHECKPOINT_RESTORE,CAP_DAC_READ_SEARCH"' "$TMP/a.fsr.txt"
}
ok "the recording says the same" stored
documented()
{
	"$FS" record --help | tr '\n' ' ' | grep -q 'holds no capability at all' &&
	grep -A2 'from then on a running' -i "$(dirname "$0")/../../src/collect/privs.h" |
		grep -q 'no capability at all' &&
		"$FS" record --help | tr -s '\n ' '  ' |
		grep -q 'keeps CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE and CAP_DAC_READ_SEARCH'
}
ok "and so does the documentation" documented
ok "no program is left" no_leak
done_testing
