#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# forkscope doctor says what is so, in words and as JSON, and takes everything away again.
. "$(dirname "$0")/common"

"$FS" doctor >"$TMP/text" 2>"$TMP/err"
rc=$?
"$FS" doctor --json >"$TMP/json" 2>>"$TMP/err"
rc2=$?

ok "both forms agree" [ $rc = $rc2 ]
ok "it says nothing else" [ ! -s "$TMP/err" ]
json()
{
	python3 - "$TMP/json" "$1" <<-'PY'
	import json, sys
	d = json.load(open(sys.argv[1]))
	assert eval(sys.argv[2], {"d": d, "any": any, "all": all}), sys.argv[2]
	PY
}
ok "the JSON is an object of format 1" json 'd["format"] == 1'
ok "the exit status is the fitness" json "d['fit'] == ($rc == 0)"
ok "every hook has want, got and why" json \
	'len(d["hooks"]) > 20 and all({"want", "got", "why"} <= h.keys() for h in d["hooks"])'
ok "what is not seen says why and what is lost" json \
	'all(h["got"] or (h["why"] and h["lost"]) for h in d["hooks"])'
ok "the verdict's needs are met here" json 'd["fit"]'
ok "a tiny VM ran" json 'd["kvm"]["ran"] and d["kvm"]["runs_seen"] >= 1'
ok "what it says of KVM fits what was seen" json \
	'(d["kvm"]["verdict"] == "hardware") == (d["kvm"]["exits_seen"] > 0) == d["kvm"]["fit"]'
ok "it says what was never exercised" json 'len(d["never_exercised"]) > 0'
ok "in words too" says 'Intel' "$TMP/text"
ok "function probes: used, or the reason why not" json \
	'any("fentry/handle_mm_fault" in h["got"] or "fentry/handle_mm_fault: " in h["why"]
	     for h in d["hooks"] if h["want"] == "FAULT_CLASS")'

unprivileged()
{
	local rc=0

	cp "$FS" "$TMP/forkscope"
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$TMP/forkscope" doctor \
		>"$TMP/nobody" 2>&1 || rc=$?
	[ $rc = 1 ] && says 'NOT FIT' "$TMP/nobody" && says 'root' "$TMP/nobody" || return 1
	# a device that this user may not open says nothing of KVM
	setpriv --reuid 65534 --regid 65534 --clear-groups test -r /dev/kvm -a -w /dev/kvm ||
		says 'verdict  *untried: whether VMs run is not known' "$TMP/nobody"
}
ok "without root it says what it cannot try" unprivileged
ok "no program is left" no_leak
done_testing
