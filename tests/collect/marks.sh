#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# forkscope mark, and who may send one.
. "$(dirname "$0")/common"

sleep 60 &
vmm=$!
start "$TMP/a.fsr" --vmm-pid $vmm --end mark:ready || exit 1
sock=/run/forkscope/record-$REC.sock

ok "a mark is sent" "$FS" mark ready
ok "a mark for one VMM is sent" "$FS" mark later --pid $vmm
bad_name()
{
	"$FS" mark 'no spaces' 2>"$TMP/err"
	[ $? = 2 ] && says 'is not a name for a mark' "$TMP/err"
}
ok "a bad name is refused" bad_name
# What comes from another clock is refused where it is sent: "within the last second" may hold there.
other_time()
{
	unshare -fT --monotonic "$1" "$FS" mark shifted 2>"$TMP/err"
	[ $? = 1 ] && says 'time namespace' "$TMP/err"
}
marks=3
if [ -e /proc/self/timens_offsets ]; then
	marks=4
	ok "a time namespace behind is refused" other_time -1
	ok "one ahead is refused" other_time 1000
	ok "one without an offset is heard" unshare -fT "$FS" mark same
fi
no_vmm()
{
	"$FS" mark x --pid 4194300 2>"$TMP/err"
	[ $? = 1 ] && says 'no such process' "$TMP/err"
}
ok "a VMM that is not there is refused" no_vmm

cp "$FS" "$TMP/forkscope"
stranger()
{
	setpriv --reuid 65534 --regid 65534 --clear-groups "$TMP/forkscope" mark evil 2>"$TMP/err"
	[ $? = 1 ] && says 'Permission denied' "$TMP/err"
}
ok "another user cannot send one" stranger

# Even through a socket that is open to all, another user's marks are refused; so are lies.
send()
{
	python3 - "$sock" "$@" <<-'PY'
	import os, socket, struct, sys, time
	path, name, shift, user = sys.argv[1:5]
	if int(user):
	    os.setgroups([])
	    os.setgid(int(user))
	    os.setuid(int(user))
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	ts = time.clock_gettime_ns(time.CLOCK_MONOTONIC) + int(shift)
	s.sendto(struct.pack("<8sQII64s", b"FSMARK1\0", ts, 0, 0, name.encode()), path)
	s.sendto(b"x" * 500, path)
	PY
}
chmod 666 "$sock"
chmod 755 /run/forkscope
ok "(send as another user)" send evil 0 65534
ok "(send one of the past)" send past -2000000000 0
ok "(send one of the future)" send future 1000000000 0
ok "(send a right one)" send right 0 0

disown $vmm
kill -9 $vmm
ok "the end asked for was seen" finish 0
stored()
{
	readable "$TMP/a.fsr" && says 'MARK .*name="?ready' "$TMP/a.fsr.txt" &&
		says "MARK .*tgid=$vmm .*name=\"?later" "$TMP/a.fsr.txt" &&
		says 'MARK .*name="?right' "$TMP/a.fsr.txt" && says "\"marks\": ?$marks" "$TMP/a.fsr.txt" &&
		says '"marks_refused": ?7' "$TMP/a.fsr.txt"
}
ok "the right marks are stored, seven others refused" stored
nothing_else()
{
	! grep -E 'MARK .*(evil|past|future)' "$TMP/a.fsr.txt"
}
ok "nothing that was refused is in the recording" nothing_else
gone()
{
	[ ! -e "$sock" ]
}
ok "the socket is gone" gone
alone()
{
	# Recorders of others may be running on this machine: then there is nothing to test.
	ls /run/forkscope/*.sock >/dev/null 2>&1 && return 0
	"$FS" mark ready 2>"$TMP/err"
	[ $? = 1 ] && says 'no recorder is running' "$TMP/err"
}
ok "no recorder, no mark" alone
done_testing
