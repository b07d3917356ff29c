#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Would record work here, and if not, why? doctor, record and bench give one answer, and the true reason, wherever they run.
. "$(dirname "$0")/common"

# Each place runs the command that it is given.
plain() { "$@"; }
user_namespace() { unshare -Ur "$@"; }
pid_namespace() { unshare -pf --mount-proc "$@"; }
no_capabilities() { setpriv --bounding-set=-all --inh-caps=-all "$@"; }
no_sys_admin() { setpriv --bounding-set=-all,+bpf,+perfmon --inh-caps=-all "$@"; }
mounted() # WHAT IS DONE, COMMAND...: in a mount namespace of its own
{
	local prepare=$1

	shift
	unshare -m sh -c "$prepare && exec \"\$@\"" sh "$@"
}
no_device() { mounted 'mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9' "$@"; }
no_btf() { mounted 'mount -t tmpfs none /sys/kernel/btf' "$@"; }
no_kvm_btf() { mounted "mount -t tmpfs none /sys/kernel/btf && cp $TMP/other.btf /sys/kernel/btf/vmlinux" "$@"; }
locked_down() { mounted "mount -t tmpfs none /sys/kernel/security && echo 'none integrity [confidentiality]' >/sys/kernel/security/lockdown" "$@"; }
integrity() { mounted "mount -t tmpfs none /sys/kernel/security && echo 'none [integrity] confidentiality' >/sys/kernel/security/lockdown" "$@"; }
no_tracefs() { mounted 'mount -t tmpfs none /sys/kernel/tracing; mount -t tmpfs none /sys/kernel/debug; true' "$@"; }

# Types without KVM's tracepoints: the section of our own programs.
readelf -SW "$O/host.bpf.o" | sed 's/^ *\[ *[0-9]*\]//' | awk '$1 == ".BTF" { print $4, $5 }' | {
	read -r at size
	tail -c +$((16#$at + 1)) "$O/host.bpf.o" | head -c $((16#$size)) >"$TMP/other.btf"
}

doctor_in() # PLACE: its exit status in RC, its JSON in doctor.json, its words in doctor.text
{
	RC=0
	"$1" "$FS" doctor --json >"$TMP/doctor.json" 2>"$TMP/doctor.err" || RC=$?
	"$1" "$FS" doctor >"$TMP/doctor.text" 2>>"$TMP/doctor.err"
	[ ! -s "$TMP/doctor.err" ] || cat "$TMP/doctor.err"
}

field() # EXPRESSION of d
{
	python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$TMP/doctor.json" "$1"
}

# fit PLACE: both say that it works, and it does
fit()
{
	local rc=0

	doctor_in "$1"
	[ $RC = 0 ] && [ "$(field 'd["fit"] and d["bpf"]["error"] is None')" = True ] || { cat "$TMP/doctor.text"; return 1; }
	says '^fit: ' "$TMP/doctor.text" || return 1
	"$1" "$FS" record -o "$TMP/x.fsr" -- true 2>"$TMP/err" || rc=$?
	[ $rc = 0 ] || [ $rc = 3 ] || { cat "$TMP/err"; return 1; }
}

# unfit PLACE REASON: both say that it does not, and why, in the same words; and no verdict on KVM that nobody could have reached
unfit()
{
	local why rc=0

	doctor_in "$1"
	why=$(field 'd["bpf"]["error"]')
	WHY=$why
	echo "doctor: $why"
	[ $RC = 1 ] && [ "$(field 'd["fit"]')" = False ] || return 1
	echo "$why" | grep -qE "$2" && grep -qF "$why" "$TMP/doctor.text" || return 1
	field 'd["kvm"]["verdict"]' | grep -qE '^(untraced|untried|broken)$' || { field 'd["kvm"]["verdict"]'; return 1; }
	rm -f "$TMP/x.fsr"
	"$1" "$FS" record -o "$TMP/x.fsr" -- true >"$TMP/out" 2>"$TMP/err" || rc=$?
	cat "$TMP/err"
	[ $rc = 1 ] && [ ! -e "$TMP/x.fsr" ] && grep -qxF "forkscope: $why" "$TMP/err"
}

# bench_too PLACE: and bench refuses by the sentence that doctor last gave (WHY), before it looks for a snapshot
bench_too()
{
	local why=$WHY rc=0

	"$1" "$FS" bench --vmm firecracker --snapshot "$TMP/no-snapshot" -o "$TMP/b.fsr" 2>"$TMP/err" || rc=$?
	cat "$TMP/err"
	[ $rc = 1 ] && grep -qxF "forkscope: $why" "$TMP/err"
}

ok "here: fit" fit plain
ok "no tracefs: fit" fit no_tracefs
ok "lockdown of integrity: fit" fit integrity
while read -r place reason; do
	ok "$place: unfit, and why" unfit "$place" "$reason"
	[ "$place" = no_sys_admin ] || ok "$place: bench" bench_too "$place"
done <<-'END'
	user_namespace user namespace of its own
	pid_namespace PID namespace
	no_capabilities needs root.*CAP_BPF
	no_sys_admin CAP_SYS_ADMIN is missing.*modules
	no_device no /dev/kvm
	no_btf CONFIG_DEBUG_INFO_BTF
	no_kvm_btf not among the types|no types of it
	locked_down locked down .confidentiality
END
ok "no program is left" no_leak
done_testing
