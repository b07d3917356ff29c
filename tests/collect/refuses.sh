#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Bad use: each time a clear message, the right exit status, no recording and no program left.
. "$(dirname "$0")/common"

# refused STATUS PATTERN COMMAND...: ends with the status, says what matches, records nothing
refused()
{
	local want=$1 pattern=$2 rc=0

	shift 2
	rm -f "$TMP/x.fsr"
	timeout 60 "$@" >"$TMP/out" 2>"$TMP/err" || rc=$?
	[ $rc = "$want" ] || {
		echo "exit status $rc, not $want"
		cat "$TMP/err"
		return 1
	}
	says "$pattern" "$TMP/err" && [ ! -s "$TMP/out" ] && [ ! -e "$TMP/x.fsr" ]
}

record="$FS record -o $TMP/x.fsr"

ok "no recording named" refused 2 'no recording is named' "$FS" record --all
ok "nothing to trace" refused 2 'what is to be traced' $record
ok "unknown option" refused 2 'unknown option --frob' $record --all --frob
ok "duration without a unit" refused 2 'timeout 5: .*unit' $record --all --timeout 5
ok "ring size no power of two" refused 2 'power of two' $record --all --ring-size 3MiB
ok "unknown end" refused 2 'end .*nonsense' $record --all --end nonsense
ok "unknown stacks" refused 2 'stacks' $record --all --stacks heap
ok "a hook that is none" refused 2 'is not a list of hooks' $record --all --without SWAPIN,frob
ok "no command after --" refused 2 'no command follows' $record --
ok "unknown command" refused 2 'unknown command "frob"' "$FS" frob
ok "unwanted argument" refused 2 'does not know what to do with "file"' $record --all file

cp "$FS" "$TMP/forkscope"
ok "not root" refused 1 'needs root.*sudo' setpriv --reuid 65534 --regid 65534 --clear-groups \
	--inh-caps=-all "$TMP/forkscope" record -o "$TMP/x.fsr" --all
ok "root without capabilities" refused 1 'CAP_BPF' setpriv --bounding-set=-all "$FS" record \
	-o "$TMP/x.fsr" --all

sleep 0 &
gone=$!
wait $gone
ok "no such process" refused 1 "VMM $gone: no such process" $record --vmm-pid $gone
ok "process number zero" refused 2 'is not a process number' $record --vmm-pid 0
python3 -c 'import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()' &
many=$!
for _ in $(seq 100); do
	thread=$(ls /proc/$many/task | grep -v "^$many\$")
	[ -n "$thread" ] && break
	sleep 0.05
done
ok "a thread is no process" refused 1 "VMM $thread: it is a thread" $record --vmm-pid "$thread"
disown $many
kill -9 $many

ok "no such directory" refused 1 'No such file or directory' "$FS" record -o "$TMP/no/x.fsr" --all
ok "a directory" refused 1 'Is a directory' "$FS" record -o "$TMP" --all
ln -s /tmp/elsewhere "$TMP/link"
ok "a symbolic link" refused 1 'a symbolic link' "$FS" record -o "$TMP/link" --all
ok "a device" refused 1 'not a regular file' "$FS" record -o /dev/null --all

ok "a kernel without BTF" refused 1 'CONFIG_DEBUG_INFO_BTF' unshare -m sh -c \
	"mount -t tmpfs none /sys/kernel/btf && exec $record --all"
ok "KVM is not loaded" refused 1 'modprobe kvm' unshare -m sh -c \
	"mount -t tmpfs none /dev && mknod /dev/null c 1 3 && exec $record --all"
ok "inside a PID namespace" refused 1 'PID namespace' unshare -pf --mount-proc $record --all
if [ -e /proc/self/timens_offsets ]; then
	ok "inside a time namespace" refused 1 'time namespace' unshare -fT --monotonic 1000 $record --all
fi

# Something else than a recording is there: it stays.
stays()
{
	local file=$1 rc=0

	shift
	cp "$file" "$TMP/before"
	timeout -s INT 60 "$FS" record -o "$file" "$@" 2>"$TMP/err" || rc=$?
	[ $rc = 1 ] && cmp "$file" "$TMP/before"
}
head -c 1M /dev/zero >"$TMP/mem"
ok "a VM's memory" stays "$TMP/mem" --all
ok "it is said why" says "cannot record to $TMP/mem: a file of another kind" "$TMP/err"

# The command is not there: known before anything is made.
"$FS" record -o "$TMP/old.fsr" -- true 2>"$TMP/err"
ok "a command that is not there: the old recording stays" stays "$TMP/old.fsr" -- "$TMP/nothing"
ok "it is said why, too" says 'cannot run .*/nothing: No such file' "$TMP/err"

# Its interpreter is not: known only once everything is armed, so there is a recording.
exec_fails()
{
	local rc=0

	echo '#!/no/such/interpreter' >"$TMP/script"
	chmod +x "$TMP/script"
	"$FS" record -o "$TMP/e.fsr" -- "$TMP/script" 2>"$TMP/err" || rc=$?
	[ $rc = 1 ] && says 'cannot run .*/script: No such file' "$TMP/err" && readable "$TMP/e.fsr"
}
ok "a command whose interpreter is not there" exec_fails
ok "no program is left" no_leak
done_testing
