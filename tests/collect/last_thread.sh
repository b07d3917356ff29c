#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Whichever of its threads ends last: each end is recorded, and one as that of the process.
cd "$(dirname "$0")/../.." || exit 1 # in the lab it begins elsewhere
. tests/collect/common

# ends_of WAY: records a process of two threads; $TMP/WAY.fsr.txt is what was recorded, PID and TID its numbers
ends_of()
{
	start "$TMP/$1.fsr" -- "$O/tests/last_thread" "$1" && finish 0 && readable "$TMP/$1.fsr" &&
		read -r PID TID <"$TMP/$1.fsr.out" && [ -n "$TID" ]
}

# Its ends in their order, as "tid group_dead": the name of the recording.
ends() { sed -n "s/.* EXIT_TASK .*tgid=$PID tid=\([0-9]*\) .*group_dead=1.*/\1 1/p; t
		s/.* EXIT_TASK .*tgid=$PID tid=\([0-9]*\) .*/\1 0/p" "$TMP/$1.fsr.txt"; }

each_ends_once()
{
	ends_of order && ends order
	[ "$(ends order | wc -l)" = 2 ] && [ "$(ends order | sort -u -k 1,1 | wc -l)" = 2 ] &&
		[ "$(ends order | cut -d ' ' -f 2 | tr '\n' ' ')" = "0 1 " ]
}
ok "two threads end, in whatever order: each is recorded, the last of them as the process's" each_ends_once

other_execs()
{
	ends_of exec && ends exec
	[ "$(ends exec | tail -n 1)" = "$PID 1" ]
}
ok "a process whose second thread called exec ends with it" other_execs

done_testing
