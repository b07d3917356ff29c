#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A running recorder holds what src/collect/host/privs.h says, and what its recording says: nothing.
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

# The processes that read guests' memory (one, and those that stand by for it): what privs.h lists, no
# more, and gone with the recorder.
readers=$(pgrep -P $REC -x forkscope-guest)

# all_readers COMMAND...: true of each of them, by its status
all_readers()
{
	local pid

	[ -n "$readers" ] || return 1
	for pid in $readers; do
		grep -E '^(Cap|NoNewPrivs)' "/proc/$pid/status" >"$TMP/status" && "$@" || return 1
	done
}
for set in CapPrm CapEff; do # CAP_DAC_READ_SEARCH 2, CAP_SYS_PTRACE 19, CAP_CHECKPOINT_RESTORE 40
	ok "the readers of guests: $set is what is documented" \
		all_readers says "^$set:[[:space:]]+0000010000080004\$" "$TMP/status"
done
for set in CapInh CapBnd CapAmb; do
	ok "the readers of guests: $set is empty" all_readers none $set
done
ok "the readers of guests: no new privileges" all_readers says '^NoNewPrivs:[[:space:]]+1$' "$TMP/status"
few_files()
{
	local pid

	[ -n "$readers" ] || return 1
	for pid in $readers; do
		ls -l "/proc/$pid/fd"
		[ "$(ls "/proc/$pid/fd" | wc -l)" = 2 ] || return 1
	done
}
ok "the readers of guests: a socket and standard error, nothing else is open" few_files

disown $vmm
kill -9 $vmm
ok "and it still ends well" finish 0
readers_end()
{
	local pid state

	for pid in $readers; do
		state=$(awk '/^State/ { print $2 }' "/proc/$pid/status" 2>/dev/null)
		[ -z "$state" ] || [ "$state" = Z ] || return 1 # nobody may have waited for it yet
	done
}
ok "the readers of guests end with it" readers_end

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
	readers=$(pgrep -P $REC -x forkscope-guest)
	disown $REC
	kill -9 $REC
	sleep 0.3
	kill -9 $vmm
	[ -n "$readers" ] && readers_end
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
	grep -A3 'from then on a running' -i "$(dirname "$0")/../../src/collect/host/privs.h" |
		grep -q 'no capability at all' &&
		"$FS" record --help | tr -s '\n ' '  ' |
		grep -q 'keeps CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE and CAP_DAC_READ_SEARCH'
}
ok "and so does the documentation" documented
ok "no program is left" no_leak
done_testing
