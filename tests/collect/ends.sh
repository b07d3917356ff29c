#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# However a recording ends: exit status, a readable file, no BPF program left.
. "$(dirname "$0")/common"

ended_by()
{
	says "END .*\"why\": ?\"$1\"" "$2.txt"
}

command_ends()
{
	start "$TMP/c.fsr" -- "$MINI" --vms 2 --pages 16 && finish 0 && readable "$TMP/c.fsr" &&
		ended_by 'command ended' "$TMP/c.fsr" && says 'VM_CREATE' "$TMP/c.fsr.txt" &&
		says 'FIRST_RUN' "$TMP/c.fsr.txt" && says 'RUN .*ts_start=' "$TMP/c.fsr.txt"
}
ok "when the command ends" command_ends

own_cost()
{
	python3 - "$TMP/c.fsr.txt" <<-'PY'
	import json, sys
	text = open(sys.argv[1]).read().splitlines()
	rows = [json.loads(l[6:]) for l in text if l.startswith("STATS ")]
	own = sum(" cpu=65535" in l for l in text)
	d, c = rows[-1], rows[-1]["cost"]
	assert d["final"] and 0 < c["user_ns"] + c["sys_ns"] < d["wall_ns"], c
	assert c["prepare_user_ns"] > 0 and c["prepare_sys_ns"] > 0, c
	assert d["probe_ns"] > 0 and (d["probe_ns"] == sum(p["run_ns"] for p in d["progs"]) or not sum(p["run_ns"] for p in d["progs"]))  # the kernel counts, or the programs do together
	assert d["events"] == sum(d["kinds"].values()) + own and own >= 2, (own, d["kinds"])  # marks, clocks: of its own
	PY
}
ok "it says what it cost" own_cost

mode()
{
	[ "$(stat -c %a "$TMP/c.fsr")" = 600 ]
}
ok "the recording is nobody else's to read" mode

quiet()
{
	"$FS" record -o "$TMP/q.fsr" -- sh -c 'exec true' >"$TMP/q.out" 2>"$TMP/q.err" &&
		[ ! -s "$TMP/q.out" ] && [ "$(grep -c '^forkscope: recording to ' "$TMP/q.err")" = 1 ]
}
ok "nothing on stdout, one line when it records" quiet

# The size that it says is the file's, headings and all, however few events there were.
size_of_the_file()
{
	python3 - "$TMP/q.err" "$TMP/q.fsr" <<-'PY'
	import os, re, sys
	said = re.search(r" events, (\S+) (\S+) written to ", open(sys.argv[1]).read())
	unit = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}[said[2]]
	size = os.path.getsize(sys.argv[2])
	assert abs(float(said[1]) * unit - size) <= unit / 10, (said[0], size)
	PY
}
ok "the size that it says is the file's" size_of_the_file

without()
{
	start "$TMP/w.fsr" --without INVALIDATE,PIO -- "$MINI" --vms 1 --pages 4 && finish 0 &&
		readable "$TMP/w.fsr" && ! grep -q '^ts=[0-9]* PIO' "$TMP/w.fsr.txt" &&
		says '"want": ?"PIO","got":"","why":"tp_btf/kvm_pio: ECANCELED' "$TMP/w.fsr.txt" &&
		says 'cannot attach PIO: .*no end at a port write' "$TMP/w.fsr.err"
}
ok "without hooks that the user does not want: said, and stored" without

# Orphans of the command are part of it.
descendants()
{
	start "$TMP/d.fsr" -- sh -c "(sleep 1; exec $MINI --vms 1 --pages 4) & exit 0" && finish 0 &&
		readable "$TMP/d.fsr" && says 'VM_CREATE' "$TMP/d.fsr.txt"
}
ok "not before all that the command started has ended" descendants

status_of_command()
{
	start "$TMP/s.fsr" -- sh -c 'exit 7' && finish 0 && says 'ended with status 7' "$TMP/s.fsr.err" &&
		readable "$TMP/s.fsr" && says '"exit": ?7' "$TMP/s.fsr.txt"
}
ok "the command's own status is reported and stored" status_of_command

timeout_ends()
{
	local began=$EPOCHREALTIME

	start "$TMP/t.fsr" --timeout 700ms -- sleep 30 && finish 0 && readable "$TMP/t.fsr" &&
		ended_by timeout "$TMP/t.fsr" && says 'sleep .*still runs' "$TMP/t.fsr.err"
}
ok "at its time-out; the command goes on" timeout_ends
pkill -P $$ -x sleep 2>/dev/null

by_signal()
{
	start "$TMP/$1.fsr" --comm no-such-vmm && kill -"$1" $REC && finish 0 &&
		readable "$TMP/$1.fsr" && ended_by "signal SIG$1" "$TMP/$1.fsr"
}
for s in INT TERM HUP QUIT; do
	ok "at SIG$s" by_signal $s
done

vmm_dies()
{
	local vmm

	sleep 60 &
	vmm=$!
	start "$TMP/v.fsr" --vmm-pid $vmm || return 1
	kill -9 $vmm
	finish 0 && readable "$TMP/v.fsr" && ended_by 'targets ended' "$TMP/v.fsr" &&
		says "EXIT_TASK .*tgid=$vmm" "$TMP/v.fsr.txt" && says "VMM $vmm has ended" "$TMP/v.fsr.err"
}
ok "when the VMM given by its pid dies" vmm_dies

vm_dies()
{
	start "$TMP/m.fsr" -- "$MINI" --vms 3 --pages 64 --die && finish 0 && readable "$TMP/m.fsr" &&
		[ "$(grep -c '^ts=[0-9]* VM_CREATE' "$TMP/m.fsr.txt")" = 3 ]
}
ok "VMs that are killed in the middle" vm_dies

end_not_seen()
{
	start "$TMP/n.fsr" --end mark:never -- true && finish 3 && readable "$TMP/n.fsr" &&
		says 'mark:never.* was never seen' "$TMP/n.fsr.err"
}
ok "exit status 3 when the end asked for was not seen" end_not_seen

# The smallest rings and a storm of page faults: events are lost, and that is said.
lossy()
{
	start "$TMP/l.fsr" --ring-size 64KiB -- python3 -c '
import mmap
for turn in range(8):
    m = mmap.mmap(-1, 64 << 20)
    for at in range(0, 64 << 20, 4096):
        m[at] = 1
    m.close()' && finish 3 && readable "$TMP/l.fsr" 3 && says 'events were lost' "$TMP/l.fsr.err" &&
		says '"complete": ?false' "$TMP/l.fsr.txt" && says '"lost_cpu": ?\[\{' "$TMP/l.fsr.txt"
}
ok "exit status 3 when events were lost" lossy

disk_full()
{
	unshare -m sh -c "mkdir -p $TMP/small && mount -t tmpfs -o size=1m none $TMP/small &&
		$FS record -o $TMP/small/f.fsr -- python3 -c '
import mmap, time
while True:
    m = mmap.mmap(-1, 16 << 20)
    for at in range(0, 16 << 20, 4096):
        m[at] = 1
    m.close()
' 2>$TMP/small.err; echo \$? >$TMP/small.rc; cp $TMP/small/f.fsr $TMP/full.fsr"
	pkill -P 1 -f 'mmap.mmap\(-1, 16' 2>/dev/null
	[ "$(cat "$TMP/small.rc")" = 1 ] && says 'cannot write .*No space left' "$TMP/small.err" &&
		readable "$TMP/full.fsr" 3 && [ "$(stat -c %s "$TMP/full.fsr")" -gt 300000 ] &&
		says 'MMFAULT' "$TMP/full.fsr.txt"
}
ok "a full disk" disk_full

file_limit()
{
	(
		ulimit -f 256
		start "$TMP/u.fsr" --timeout 20s -- python3 -c '
import mmap
m = mmap.mmap(-1, 256 << 20)
for at in range(0, 256 << 20, 4096):
    m[at] = 1'
		finish 1
	) && says 'cannot write .*File too large' "$TMP/u.fsr.err" && readable "$TMP/u.fsr" 3
}
ok "a file size limit" file_limit

cut_short()
{
	local size

	size=$(stat -c %s "$TMP/l.fsr")
	head -c $((size / 2)) "$TMP/l.fsr" >"$TMP/cut.fsr"
	readable "$TMP/cut.fsr" 3 && says MMFAULT "$TMP/cut.fsr.txt" &&
		says 'incomplete: cut short at byte' "$TMP/cut.fsr.txt.err"
}
ok "a recording that is cut in the middle is read up to there" cut_short

killed()
{
	start "$TMP/k.fsr" -- sleep 30 || return 1
	sleep 0.$((RANDOM % 10))
	disown $REC
	kill -9 $REC
	no_leak
}
ok "SIGKILL leaves no program" killed
killed_file()
{
	readable "$TMP/k.fsr" 3 && says '^META' "$TMP/k.fsr.txt"
}
ok "and a file that can be read" killed_file

# Any moment: also while it loads, or before it has begun. Either there is no recording and status
# 1, or there is a readable one and status 0.
any_moment()
{
	local rc=0 f=$TMP/r.fsr

	rm -f "$f"
	"$FS" record -o "$f" -- "$MINI" --vms 1 --pages 64 --spin 100000 2>"$f.err" >/dev/null &
	REC=$!
	sleep "$1"
	kill -INT $REC 2>/dev/null
	wait $REC || rc=$?
	case $rc in
	0) readable "$f" ;;
	1) [ ! -e "$f" ] && says 'before the recording began' "$f.err" ;;
	130) [ ! -e "$f" ] && [ ! -s "$f.err" ] ;; # before it could catch the signal
	*)
		echo "exit status $rc"
		cat "$f.err"
		false
		;;
	esac
}
kill_any_moment()
{
	"$FS" record -o "$TMP/z.fsr" --comm no-such-vmm 2>/dev/null &
	REC=$!
	disown $REC
	sleep "$1"
	kill -9 $REC
	no_leak
}
for i in $(seq 5); do
	t=0.$((RANDOM % 900 + 100))
	ok "SIGKILL after $t s leaves no program" kill_any_moment $t
done
for i in $(seq 20); do
	t=$((RANDOM % 3)).$((RANDOM % 900 + 100))
	ok "SIGINT after $t s" any_moment $t
done
ok "no program is left" no_leak
done_testing
