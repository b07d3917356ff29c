#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A guest's recorder is read out of its VMM's memory: exactly its records, and nothing that could
# hang or change what the fork does. The guest is a mini VM whose memory file holds a recorder with
# 10 records of each VM's past; each fork writes more of them into its own copy.
. "$(dirname "$0")/common"
chmod 755 "$TMP"
VMS=3
NEW=200

# Of each VM with a READ guest: its records, which must be numbers 10 to 10 + $NEW - 1, one of the
# agent, and what describes them.
exact()
{
	python3 - "$1" "$2" "$NEW" <<-'PY'
	import json, subprocess, sys
	path, vms, new = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
	lines = [json.loads(l) for l in open(path)]
	heads = [l["guest"] for l in lines if "guest" in l]
	assert len(heads) == vms and len({h["vm"] for h in heads}) == vms, heads
	blobs = [l for l in lines if "guest_meta" in l or "guest_symbols" in l]
	assert len(blobs) == 2, blobs
	assert blobs[0]["guest_meta"]["kernel"] == "mini"
	assert blobs[1]["guest_symbols"]["bytes"] == 64, blobs
	runs = {l["tgid"]: l["ts"] for l in lines if l.get("event") == "FIRST_RUN"}
	for h in heads:
	    mine = lambda what: [l[what] for l in lines if what in l and l[what]["vm"] == h["vm"]]
	    assert h["state"] == 0 and h["why"] == "" and h["id"] == "5a" * 16, h
	    assert h["at_ns"] < h["done_ns"]
	    rings, recs, dirs = mine("guest_ring"), mine("guest_record"), mine("guest_dir")
	    assert len(dirs) == 1 and dirs[0]["ncpus"] == 1 and len(dirs[0]["parts"]) == 4
	    assert [(r["lost"], r["torn"]) for r in rings] == [(0, 0)] * 2, rings
	    cpu = [r for r in recs if r["ring"] == "cpu"]
	    agent = [r for r in recs if r["ring"] == "agent"]
	    assert [r["n"] for r in cpu] == list(range(10, 10 + new))
	    assert all(r["x"] == r["n"] and r["kind"] == "IRQ" for r in cpu)
	    assert [r["n"] for r in agent] == [1] and agent[0]["kind"] == "STAGE"
	    start = runs[h["tgid"]]
	    assert all(start - 1e9 < r["ts"] < h["at_ns"] for r in recs), "another fork's records"
	assert len({tuple(r["guest_record"]["ts"] for r in lines if "guest_record" in r and
	    r["guest_record"]["vm"] == h["vm"]) for h in heads}) == vms, "forks share records"
	clocks = [l for l in lines if l.get("event") == "CLOCK"]
	assert len(clocks) >= 2 + vms, len(clocks)
	assert all(c["tsc_width"] > 0 and c["mono_ns"] == c["ts"] for c in clocks)
	PY
}

# dumped FILE: as JSON lines
dumped()
{
	"$FS" dump --json "$1" >"$1.json" && readable "$1"
}

state_is()
{
	says "^GUEST vm=[0-9]+ .* state=$1( |\$)" "$2.txt"
}

at_the_end()
{
	start "$TMP/a.fsr" --end pio:0xf4 -- "$MINI" --vms $VMS --pages 16 --file "$TMP/mem" \
		--recorder $NEW --hold 500 && finish 0 && dumped "$TMP/a.fsr" &&
		exact "$TMP/a.fsr.json" $VMS &&
		says "recorders of $VMS of $VMS guests read: $((VMS * (NEW + 1))) records, 0 lost" "$TMP/a.fsr.err"
}
ok "each fork's own records, once its end has come" at_the_end

# The first record of each is written 300 ms after the end: the reading waits for it, as long as a
# guest may be kept from it; what never comes is counted as partial (torn).
interrupted()
{
	start "$TMP/i.fsr" --end pio:0xf4 -- "$MINI" --vms $VMS --pages 16 --file "$TMP/mem" \
		--recorder $NEW --late "$1" --hold 4000 && finish 0 && dumped "$TMP/i.fsr" &&
		says "recorders of $VMS of $VMS guests read: $2 records, $3 lost" "$TMP/i.fsr.err"
}
on_time() { interrupted 300 $((VMS * (NEW + 1))) 0 && exact "$TMP/i.fsr.json" $VMS; }
never() { VMS=1 interrupted 60000 "$NEW" 1; }
ok "a record that an interrupted program ends late is waited for" on_time
ok "one that does not come is partial, and the others are there" never

text_again()
{
	make -s "$O/tools/mkrec" >/dev/null && "$FS" dump --text "$TMP/a.fsr" >"$TMP/a.text" &&
		"$O/tools/mkrec" "$TMP/a.text" "$TMP/again.fsr" &&
		"$FS" dump --text "$TMP/again.fsr" | diff "$TMP/a.text" - | head
}
ok "the recording survives its text form" text_again

at_the_stop()
{
	"$MINI" --vms 2 --pages 16 --file "$TMP/mem" --recorder $NEW --hold 2000 >/dev/null &
	vmm=$!
	start "$TMP/s.fsr" --all || return 1
	wait $vmm
	"$MINI" --vms 2 --pages 16 --file "$TMP/mem" --recorder $NEW --hold 60000 >/dev/null &
	vmm=$!
	disown $vmm
	sleep 1
	kill -INT $REC
	finish 0
	kill $vmm
	dumped "$TMP/s.fsr" || return 1
	[ "$(grep -c '^GRING' "$TMP/s.fsr.txt")" -ge 2 ] &&
		[ "$(grep -c '^GREC .* IRQ' "$TMP/s.fsr.txt")" -ge $((2 * NEW)) ]
}
ok "without an end: when the recording stops" at_the_stop

gone()
{
	start "$TMP/g.fsr" --end pio:0xf4 -- "$MINI" --vms 2 --pages 16 --file "$TMP/mem" \
		--recorder $NEW && finish 0 && dumped "$TMP/g.fsr" && state_is GONE "$TMP/g.fsr" &&
		says '"guests": ?\{"vms": ?2,"read": ?0,.*"gone": ?2' "$TMP/g.fsr.txt"
}
ok "a VMM that ends at once: said, and counted" gone

# Who ends a VMM can ask first. Of a process that is none the answer is no.
asked()
{
	start "$TMP/q.fsr" --end pio:0xf4 -- "$MINI" --vms 1 --pages 16 --file "$TMP/mem" --recorder $NEW --hold 4000 ||
		return 1
	python3 - "$REC" <<-'PY'
	import os, socket, struct, subprocess, sys, time
	def ask(pid):
	    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
	        s.bind("")
	        s.settimeout(20)
	        s.sendto(struct.pack("8sQII64s", b"FSREAD1", time.monotonic_ns(), pid, 0, b"read"), f"/run/forkscope/record-{sys.argv[1]}.sock")
	        return s.recv(9)
	assert ask(os.getpid()) == b"\0"
	def child(pid):
	    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
	    return int(found[0]) if found else None
	until, vmm = time.monotonic() + 20, None
	while not vmm and time.monotonic() < until:   # of the recorder the mini VMM, of that the one that has the VM
	    vmm = next(filter(None, (child(each) for each in subprocess.run(["pgrep", "-P", sys.argv[1], "mini"], capture_output=True, text=True).stdout.split())), None)
	answers = []
	while b"\1" not in answers and time.monotonic() < until:
	    answers.append(ask(vmm))
	    time.sleep(0.01)
	assert answers[-1] == b"\1" and set(answers[:-1]) <= {b"\0"}, answers
	PY
	local rc=$?

	finish 0 && dumped "$TMP/q.fsr" && says "recorders of 1 of 1 guests read" "$TMP/q.fsr.err" && return $rc
}
ok "whether it was read can be asked, before its VMM is ended" asked

# A guest that does not answer is noticed by its reader, which stands still: others are read by another.
hangs()
{
	local own=$TMP/mini$$ reader slow

	cp "$MINI" "$own" # a name of its own: nobody else's VMs are traced
	start "$TMP/h.fsr" --comm "mini$$" --end pio:0xf4 || return 1
	reader=$(pgrep -P "$REC" forkscope-guest | sort -n | head -1)
	kill -STOP "$reader"
	"$own" --pages 16 --file "$TMP/mem" --recorder $NEW --hold 60000 >/dev/null &
	slow=$!
	disown $slow
	for _ in $(seq 1200); do
		grep -q 'is not read: ' "$TMP/h.fsr.err" && break
		kill -0 $REC || return 1
		sleep 0.05
	done
	"$own" --vms 2 --pages 16 --file "$TMP/mem" --recorder $NEW --hold 2000 >/dev/null
	kill -INT $REC
	finish 0
	kill $slow
	dumped "$TMP/h.fsr" && state_is DENIED "$TMP/h.fsr" &&
		says 'why="the guest.s memory did not answer"' "$TMP/h.fsr.txt" &&
		says 'recorders of 2 of 3 guests read' "$TMP/h.fsr.err" &&
		says '"stalled": ?1' "$TMP/h.fsr.txt" &&
		[ "$(grep -c '^GREC .* IRQ' "$TMP/h.fsr.txt")" = $((2 * NEW)) ]
}
ok "a guest that does not answer ends no other's reading" hangs

none_there()
{
	start "$TMP/n.fsr" --end pio:0xf4 -- "$MINI" --vms 2 --pages 16 --file "$TMP/plain" --hold 500 &&
		finish 0 && dumped "$TMP/n.fsr" && state_is ABSENT "$TMP/n.fsr" && ! grep -q '^GREC' "$TMP/n.fsr.txt"
}
ok "a guest without a recorder" none_there

off()
{
	start "$TMP/o.fsr" --guest off --end pio:0xf4 -- "$MINI" --pages 16 --file "$TMP/mem" --recorder $NEW \
		--hold 300 && finish 0 && dumped "$TMP/o.fsr" && ! grep -q '^G' "$TMP/o.fsr.txt"
}
ok "--guest off" off

# A fault that a reader caused would be served as any other, only late.
no_uffd_fault()
{
	start "$TMP/u.fsr" --end pio:0xf4 -- "$MINI" --vms 1 --pages 20 --uffd 20000 --hold 1000 &&
		finish 0 && dumped "$TMP/u.fsr" && says '"uffd_served": 20,' "$TMP/u.fsr.out" &&
		state_is ABSENT "$TMP/u.fsr"
}
ok "pages behind userfaultfd that the guest did not touch are not touched" no_uffd_fault

# Another user, with the group that may open the device, if there is one.
KVM=$(stat -c %g /dev/kvm)
may_use_kvm()
{
	setpriv --reuid nobody --regid "$KVM" --clear-groups test -w /dev/kvm
}

# Another user's VMM, whose memory file others cannot even name.
other_user()
{
	local home=$TMP/other

	mkdir -p "$home" && chown nobody "$home" && chmod 700 "$home"
	cp "$MINI" "$TMP/mini" && chmod 755 "$TMP/mini"
	start "$TMP/w.fsr" --end pio:0xf4 -- setpriv --reuid nobody --regid "$KVM" --clear-groups \
		"$TMP/mini" --vms $VMS --pages 16 --file "$home/mem" --recorder $NEW --hold 500 &&
		finish 0 && dumped "$TMP/w.fsr" && exact "$TMP/w.fsr.json" $VMS
}
if may_use_kvm; then
	ok "a VMM of another user" other_user
fi

# Without the right to look into others: the host's half stands.
denied()
{
	local mini=mini-d-$$ # --comm is about every process of that name: one of its own

	cp "$MINI" "$TMP/$mini" && chmod 755 "$TMP/$mini"
	capsh --drop=cap_sys_ptrace,cap_checkpoint_restore,cap_dac_read_search,cap_dac_override -- -c \
		"$FS record -o $TMP/d.fsr --end pio:0xf4 --comm $mini" 2>"$TMP/d.fsr.err" &
	REC=$!
	for _ in $(seq 300); do
		grep -q '^forkscope: recording to ' "$TMP/d.fsr.err" && break
		sleep 0.05
	done
	setpriv --reuid nobody --regid "$KVM" --clear-groups "$TMP/$mini" --pages 16 --file "$TMP/other/mem" \
		--recorder $NEW --hold 1000 >/dev/null
	kill -INT "$(pgrep -P $REC -x forkscope || echo $REC)"
	finish 0 && dumped "$TMP/d.fsr" && state_is DENIED "$TMP/d.fsr" &&
		says 'why=".* may not be read: ' "$TMP/d.fsr.txt" && says '^ts=[0-9]* FIRST_RUN' "$TMP/d.fsr.txt" &&
		says 'warning: 1 guests were not read: .* may not be read' "$TMP/d.fsr.err"
}
if may_use_kvm; then
	ok "no right to read it: said, the host's half stands" denied
fi

# The guest was armed twice, and the first recorder's pages are still there.
two_recorders()
{
	start "$TMP/t.fsr" --end pio:0xf4 -- "$MINI" --vms 2 --pages 16 --file "$TMP/two" --recorder $NEW \
		--recorders 2 --hold 500 && finish 0 && dumped "$TMP/t.fsr" && state_is BAD "$TMP/t.fsr" &&
		says 'why="2 recorders in one guest: which is the last is not known"' "$TMP/t.fsr.txt" &&
		! grep -q '^GREC' "$TMP/t.fsr.txt" &&
		says 'warning: 2 guests were not read: .*2 recorders in one guest' "$TMP/t.fsr.err" &&
		host_only "$TMP/t.fsr" 2 '2 recorders in one guest'
}

# host_only RECORDING FORKS WHY: complete ledgers without a guest recording, and the report says why
host_only()
{
	"$FS" report --json --end pio:0xf4 "$1" >"$1.report.json" || return 1
	python3 - "$1.report.json" "$2" "$3" <<-'PY'
	import json, sys
	forks = json.load(open(sys.argv[1]))["forks"]
	assert len(forks) == int(sys.argv[2]) and all(f["complete"] for f in forks), forks
	for f in forks:
	    assert not f["guest"]["used"] and sys.argv[3] in f["guest"]["why"], f["guest"]
	    assert {c["cause"] for c in f["cells"] if c["cause"].startswith("guest.")} <= {"guest.run"}, f["cells"]
	    assert f["gap_ns"] > 0 and sum(c["ns"] for c in f["cells"]) == f["gap_ns"], f
	PY
}
ok "two recorders in one guest: said, none is believed, the host's half stands" two_recorders

# A VMM that reads its snapshot in: what was in the rings at the snapshot is not to be seen in its memory.
no_snapshot()
{
	start "$TMP/c.fsr" --end pio:0xf4 "${@:3}" -- "$MINI" --vms $VMS --pages 16 --file "$TMP/mem" \
		--recorder $NEW --copy --hold 500 && finish 0 && dumped "$TMP/c.fsr" &&
		state_is NO_SNAPSHOT "$TMP/c.fsr" && says "why=\"$1" "$TMP/c.fsr.txt" &&
		! grep -q '^GREC' "$TMP/c.fsr.txt" &&
		says "warning: $VMS guests were not read: .*$2" "$TMP/c.fsr.err" &&
		host_only "$TMP/c.fsr" $VMS "$2"
}
snapshot_named()
{
	start "$TMP/c.fsr" --memfile "$TMP/mem" --end pio:0xf4 -- "$MINI" --vms $VMS --pages 16 --file "$TMP/mem" \
		--recorder $NEW --copy --hold 500 && finish 0 && dumped "$TMP/c.fsr" &&
		exact "$TMP/c.fsr.json" $VMS
}
ok "memory that is no mapping of a file: the snapshot is not known, the host's half stands" \
	no_snapshot 'its memory is not mapped from a file: name it' 'is not mapped from a file'
ok "memory that is no mapping of a file, which is named: exactly its records" snapshot_named
ok "the memory file of another snapshot is not believed" \
	no_snapshot 'the memory file given is not that of its snapshot' 'not that of its snapshot' --memfile "$TMP/plain"

# Waits until the recording has so many readings.
readings_are()
{
	for _ in $(seq 400); do
		[ "$("$FS" dump "$1" 2>/dev/null | grep -c '^GUEST vm=')" = "$2" ] && return 0
		sleep 0.05
	done
	echo "never had $2 readings"
	return 1
}

# Lets the VM write once more; true when it has.
write_again()
{
	touch "$1"
	for _ in $(seq 400); do
		[ -e "$1" ] || return 0
		sleep 0.05
	done
	echo "the VM does not write"
	return 1
}

# Read at each end that is marked, and when the recording stops: each record once. Behind the end what has a gap is left out.
several()
{
	cp "$MINI" "$TMP/mini-ag-$$" # a name of its own: others may run VMs too, and a mark is for all that are traced
	start "$TMP/v.fsr" --comm mini-ag-$$ --end mark:read || return 1
	"$TMP/mini-ag-$$" --pages 16 --file "$TMP/mem" --recorder $NEW --again "$TMP/again" --hold 60000 --log "$TMP/v.log" &
	vmm=$!
	disown $vmm
	for _ in $(seq 400); do
		[ -s "$TMP/v.log" ] && break
		sleep 0.05
	done
	"$FS" mark read && readings_are "$TMP/v.fsr" 1 && write_again "$TMP/again" &&
		"$FS" mark read && readings_are "$TMP/v.fsr" 2 && write_again "$TMP/again" &&
		"$FS" mark read && readings_are "$TMP/v.fsr" 3 && write_again "$TMP/again" &&
		write_again "$TMP/again" && write_again "$TMP/again"
	good=$?
	kill -INT $REC
	finish 0 || good=1
	kill $vmm
	[ $good = 0 ] && dumped "$TMP/v.fsr" && python3 - "$TMP/v.fsr.json" $NEW <<-'PY'
	import json, sys
	new, lines = int(sys.argv[2]), [json.loads(l) for l in open(sys.argv[1])]
	mine = lambda what: [l[what] for l in lines if what in l]
	assert [h["state"] for h in mine("guest")] == [0, 0, 0, 0], mine("guest")
	assert len(mine("guest_dir")) == 1, "the directory is recorded once"
	cpu = [r["n"] for r in mine("guest_record") if r["ring"] == "cpu"]
	assert cpu == list(range(10, 10 + 3 * new)), (cpu[:3], len(cpu), cpu[-3:])   # the last ones have a gap: 3 * new do not fit into the ring
	agent = [r["n"] for r in mine("guest_record") if r["ring"] == "agent"]
	assert agent == [1, 2, 3, 4, 5, 6], agent
	assert not any(r["lost"] or r["torn"] for r in mine("guest_ring")), mine("guest_ring")
	PY
}
ok "several readings of one VM: each record once, in order, and none behind a gap" several

# While a reading waits for a record that does not come the ring goes round (512 records: 300 more do
# not fit): what was read stands.
lapped()
{
	start "$TMP/l.fsr" --end pio:0xf4 -- "$MINI" --pages 16 --file "$TMP/mem" --recorder 300 --late 60000 \
		--again "$TMP/again" --hold 10000 --log "$TMP/l.log" || return 1
	for _ in $(seq 400); do
		[ -s "$TMP/l.log" ] && break
		sleep 0.05
	done
	sleep 1.5 # the reading has begun by then, and waits for 3 s
	write_again "$TMP/again" && write_again "$TMP/again" && finish 0 && dumped "$TMP/l.fsr" &&
		says 'recorders of 1 of 1 guests read: [0-9]+ records, 1 lost' "$TMP/l.fsr.err" &&
		python3 - "$TMP/l.fsr.json" <<-'PY'
	import json, sys
	lines = [json.loads(l) for l in open(sys.argv[1])]
	ring = [l["guest_ring"] for l in lines if l.get("guest_ring", {}).get("ring") == "cpu"]
	assert (ring[0]["lost"], ring[0]["torn"]) == (0, 1), ring
	cpu = [l["guest_record"]["n"] for l in lines if l.get("guest_record", {}).get("ring") == "cpu"]
	assert cpu[:299] == list(range(11, 310)), (cpu[:3], len(cpu), cpu[-3:])   # 10 is the one that does not come
	PY
}
ok "a ring that goes round meanwhile: what was read stands" lapped

resident()
{
	fincore -b -n -o PAGES "$1" | tr -d ' '
}

# Found in the memory file before any fork; a cold file stays cold but for the recorder's pages.
memfile()
{
	"$MINI" --pages 16 --file "$TMP/cold" --recorder $NEW --cold >/dev/null
	python3 -c 'import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)' \
		"$TMP/cold"
	before=$(resident "$TMP/cold")
	start "$TMP/m.fsr" --memfile "$TMP/cold" "$@" -- sh -c "sleep 0.2; fincore -b -n -o PAGES $TMP/cold; exec $MINI \
		--vms $VMS --pages 16 --file $TMP/cold --recorder $NEW --hold 500" && finish 0
	after=$(head -n 1 "$TMP/m.fsr.out" | tr -d ' ')
	echo "resident pages: $before, then $after"
	dumped "$TMP/m.fsr" && says '"memory_files": ?\[\{"path": ?"[^"]*/cold","recorders": ?1\}\]' "$TMP/m.fsr.txt"
}
not_warmed()
{
	memfile && [ "$after" = "$before" ]
}
warmed()
{
	# directory, its list, two rings of a head and four pages
	memfile --warm-ring && [ $((after - before)) = 12 ] && says '"warmed_pages": ?12' "$TMP/m.fsr.txt"
}
# The bench makes the memory file cold before each fork, but for the same pages.
benched()
{
	local dir="$TMP/snapshot"

	mkdir "$dir" && echo state >"$dir/state"
	"$MINI" --pages 16 --file "$dir/mem" --recorder $NEW --cold >/dev/null
	"$FS" bench --vmm attach --snapshot "$dir" --signal none --iters 2 --cache cold -o "$TMP/bench.fsr" -- true >/dev/null || true
	python3 -c 'import json, sys
forks = json.load(open(sys.argv[1]))["forks"]
assert [fork["resident_bytes"] for fork in forks] == [12 * 4096] * 2, forks' "$TMP/bench.fsr.json"
}
if [ -n "$(command -v fincore)" ] && [ "$(stat -f -c %T "$TMP")" != tmpfs ]; then
	ok "--memfile leaves a cold file cold" not_warmed
	ok "--warm-ring reads the recorder's pages alone" warmed
	ok "the bench's cold forks find the recorder's pages, and no others" benched
fi

usage()
{
	local rc=0

	"$FS" record -o "$TMP/x.fsr" $1 -- true 2>"$TMP/x.err" || rc=$?
	[ $rc = "$2" ] && says "$3" "$TMP/x.err"
}
ok "--warm-ring without --memfile" usage --warm-ring 2 'needs --memfile'
ok "--guest of another word" usage '--guest on' 2 'neither auto nor off'
ok "a memory file that is not there" usage "--memfile $TMP/none" 1 'memory file .*/none: No such file'
ok "a memory file that is none" usage "--memfile $TMP" 1 'not a regular file'
ok "a memory file without a recorder" usage "--memfile $TMP/plain" 0 'holds no recorder: was forkscope-guest arm run'
ok "no program is left" no_leak
done_testing
