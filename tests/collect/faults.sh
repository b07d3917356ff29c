#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Calls of the recorder that the system refuses: each is said by its name and with its own reason.
. "$(dirname "$0")/common"

# A library that lets calls fail as $FAIL says: socketpair, epoll_ctl:N (from the Nth on).
cat >"$TMP/fail.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

int socketpair(int domain, int type, int protocol, int fd[2])
{
	int (*real)(int, int, int, int[2]) = dlsym(RTLD_NEXT, "socketpair");

	if (strcmp(getenv("FAIL"), "socketpair"))
		return real(domain, type, protocol, fd);
	errno = EMFILE;
	return -1;
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *e)
{
	int (*real)(int, int, int, struct epoll_event *) = dlsym(RTLD_NEXT, "epoll_ctl");
	static int calls;

	if (strncmp(getenv("FAIL"), "epoll_ctl:", 10) || ++calls < atoi(getenv("FAIL") + 10))
		return real(epoll, op, fd, e);
	errno = ENOSPC;
	return -1;
}
END
cc -shared -fPIC -o "$TMP/fail.so" "$TMP/fail.c" || exit 1

sleep 60 &
vmm=$!
disown $vmm
trap 'kill -9 $vmm; rm -rf "$TMP"' EXIT

no_reader()
{
	LD_PRELOAD=$TMP/fail.so FAIL=socketpair timeout -s INT 60 "$FS" record -o "$TMP/a.fsr" \
		--vmm-pid $vmm --timeout 100ms 2>"$TMP/err"
	says 'socketpair: Too many open files' "$TMP/err" && ! grep 'allocate memory' "$TMP/err"
}
ok "no pair of sockets: the true reason, by name" no_reader
# The calls in their order: signals, marks, the process that reads guests, the VMM.
no_marks()
{
	LD_PRELOAD=$TMP/fail.so FAIL=epoll_ctl:2 timeout -s INT 60 "$FS" record -o "$TMP/b.fsr" \
		--guest off --all --timeout 100ms 2>"$TMP/err"
	says 'mark will not reach this recording.*No space left' "$TMP/err"
}
ok "marks that cannot be waited for are said to be missing" no_marks
no_target()
{
	local rc=0

	LD_PRELOAD=$TMP/fail.so FAIL=epoll_ctl:3 timeout -s INT 60 "$FS" record -o "$TMP/c.fsr" \
		--guest off --vmm-pid $vmm --timeout 100ms 2>"$TMP/err" || rc=$?
	[ $rc = 1 ] && says 'cannot wait for what is traced .*No space left' "$TMP/err"
}
ok "a VMM whose end cannot be waited for ends the recording at once" no_target

# Bytes that are no UTF-8 (é in Latin 1) cannot be JSON as they are, and META is JSON.
no_utf8()
{
	local name=$'m\351' rc=0

	timeout -s INT 60 "$FS" record -o "$TMP/$name.fsr" --comm "$name" --timeout 100ms 2>"$TMP/err" || rc=$?
	[ $rc = 0 ] || [ $rc = 3 ] || {
		echo "exit status $rc"
		cat "$TMP/err"
		return 1
	}
	"$FS" dump "$TMP/$name.fsr" >"$TMP/d.txt" 2>/dev/null
	says '"comm": ?"m\\\\xe9"' "$TMP/d.txt" && says '/m\\\\xe9.fsr"' "$TMP/d.txt"
}
ok "a name and a path that are no UTF-8" no_utf8
ok "no program is left" no_leak
done_testing
