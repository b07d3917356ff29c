#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# VMs are found by themselves: new ones, those that exist already, by name and by number.
. "$(dirname "$0")/common"

# A copy of our own name, so that nobody else's VMs are traced.
VMM_NAME=fs-vm-$$
cp "$MINI" "$TMP/$VMM_NAME"

by_name()
{
	start "$TMP/a.fsr" --comm "$VMM_NAME" || return 1
	"$TMP/$VMM_NAME" --vms 2 --vcpus 2 --pages 8 >/dev/null
	"$MINI" --vms 1 --pages 8 >/dev/null # of another name
	kill -INT $REC
	finish 0 && readable "$TMP/a.fsr"
}
count()
{
	local n

	n=$(grep -Ec "^ts=[0-9]* $2" "$1.txt")
	[ "$n" = "$3" ] || {
		echo "$2: $n, not $3"
		return 1
	}
}
ok "by the name of the VMM, made after the start" by_name
ok "two VMs, and not that of another name" count "$TMP/a.fsr" VM_CREATE 2
ok "with two vCPUs each" count "$TMP/a.fsr" VCPU_CREATE 4
ok "each of which ran a first time" count "$TMP/a.fsr" FIRST_RUN 4
ok "the processes are said to have become traced by their name" says 'PROC_ADD .*why=COMM ' \
	"$TMP/a.fsr.txt"

# One whose making was not recorded, as when the kernel skipped the program that would have: here, since it
# had another name. It is found by the next thing that is done with its VM, before its first run; its
# process is younger than the recording, and so is the VM.
skipped()
{
	start "$TMP/s.fsr" --comm "$VMM_NAME" || return 1
	python3 - "$VMM_NAME" <<-'PY'
	import ctypes, fcntl, os, sys
	vm = fcntl.ioctl(os.open("/dev/kvm", os.O_RDWR), 0xAE01, 0)
	ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
	vcpu = fcntl.ioctl(vm, 0xAE41, 0)
	try:
	    fcntl.ioctl(vcpu, 0xAE80, 0)
	except OSError:
	    pass   # there is no memory to run in
	PY
	kill -INT $REC
	finish 0 && readable "$TMP/s.fsr" && says 'PROC_ADD .*why=COMM ' "$TMP/s.fsr.txt" &&
		says 'VM_CREATE .*fd=-1' "$TMP/s.fsr.txt" && says ' VCPU_CREATE ' "$TMP/s.fsr.txt" &&
		says ' FIRST_RUN ' "$TMP/s.fsr.txt" && ! grep -E ' (VM_CREATE|VCPU_CREATE|FIRST_RUN) .*flags=LATE' "$TMP/s.fsr.txt"
}
ok "a VM whose making was not seen is there before its first run" skipped

# One that exists: its vCPU thread is in KVM_RUN, or its VM is kept open after it.
late()
{
	says "PROC_ADD .*tgid=$vmm .*flags=LATE .*comm=\"$VMM_NAME" "$TMP/b.fsr.txt" || return 1
	says "EXIT_TASK .*tgid=$vmm " "$TMP/b.fsr.txt"
}
start_time()
{
	# within two clock ticks of what /proc said of it
	python3 - "$TMP/b.fsr.txt" "$vmm" "$1" <<-'PY'
	import re, sys
	row = next(l for l in open(sys.argv[1]) if " PROC_ADD " in l and f"tgid={sys.argv[2]} " in l)
	start = int(re.search(r"start_ns=(\d+)", row)[1])
	assert abs(start - int(sys.argv[3])) < 500_000_000, (start, sys.argv[3])
	PY
}
now=$(awk '{ printf "%.0f", $1 * 1e9 }' /proc/uptime)
by_number()
{
	"$TMP/$VMM_NAME" --vms 1 --pages 8 --spin 3000000 --hold 4000 >/dev/null &
	mother=$!
	disown $mother
	for _ in $(seq 200); do
		vmm=$(pgrep -P $mother)
		[ -n "$vmm" ] && ls -l "/proc/$vmm/fd" 2>/dev/null | grep -q kvm-vcpu && break
		sleep 0.02
	done
	start "$TMP/b.fsr" --vmm-pid "$vmm" || return 1
	sleep 1
	kill -9 $mother "$vmm"
	finish 0 && readable "$TMP/b.fsr"
}
ok "by its number, one that exists already" by_number
ok "which is said" late
ok "with the time at which it began" start_time "$now"
ok "its VM was there before" says 'VM_CREATE .*flags=LATE' "$TMP/b.fsr.txt"
ok "and its vCPU" says 'VCPU_CREATE .*flags=LATE' "$TMP/b.fsr.txt"
ok "no program is left" no_leak
done_testing
