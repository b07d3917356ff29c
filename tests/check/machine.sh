#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is reported on a machine that lacks something: pkg-config and the packages, root, sudo. TAP.
# And what the compiler must refuse.
. tests/check/tap

# A folder with every program of this machine but those named.
without() {
	local folder=$1 name

	shift
	mkdir "$folder"
	ln -s /usr/sbin/* /sbin/* /usr/bin/* /bin/* "$folder" 2>/dev/null
	for name in "$@"; do rm -f "$folder/$name"; done
}
without "$tmp/bare" pkg-config pkgconf x86_64-linux-gnu-pkg-config sudo
bare() { env -u MAKEFLAGS -u MAKELEVEL PATH="$tmp/bare" "$@"; }

lines() { wc -l <"$tmp/err"; }
expect 0 'install what is missing' 'make help, before the packages' bare make O="$tmp/o" help
is 'and not a word else' test "$(lines)" = 0
expect 2 'tools/deps build' 'make, before the packages: what to do' bare make -j2 O="$tmp/o" all
is 'once' test "$(grep -c 'tools/deps build' "$tmp/err")" = 1
is 'and no wall of text' test "$(lines)" -lt 4

# As a user who is not root: by another copy of the scripts, which that user may read.
chmod 755 "$tmp"
cp -r tools "$tmp/tools"
if [ "$(id -u)" = 0 ]; then
	user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
else
	user() { "$@"; }
fi
printf '#!/bin/sh\n' >"$tmp/sudo"
chmod 755 "$tmp/sudo"
without "$tmp/rich" sudo
cp "$tmp/sudo" "$tmp/rich/sudo"
for tool in demo demo-bench; do
	expect 1 "run .sudo make $tool." "$tool without root: by sudo" user env PATH="$tmp/rich" "$tmp/tools/$tool"
	expect 1 "become root (.su -.), then run .make $tool." "$tool without root or sudo" \
		user env PATH="$tmp/bare" "$tmp/tools/$tool"
done
printf '#!/bin/sh\nexit 1\n' >"$tmp/dpkg-query" # nothing is installed
chmod 755 "$tmp/dpkg-query"
rm -f "$tmp/rich/dpkg-query" "$tmp/bare/dpkg-query"
cp "$tmp/dpkg-query" "$tmp/rich"
cp "$tmp/dpkg-query" "$tmp/bare"
if [ -x "$tmp/rich/apt-get" ]; then
	expect 1 'run .sudo [^ ]*tools/deps build.' 'tools/deps without root: by sudo' \
		user env PATH="$tmp/rich" "$tmp/tools/deps" build
	expect 1 'become root (.su -.), then run .[^ ]*tools/deps build.' 'tools/deps without root or sudo' \
		user env PATH="$tmp/bare" "$tmp/tools/deps" build
fi

cat >"$tmp/push.c" <<'END'
#include "base/vec.h"
int main(void)
{
	FS_VEC(int) v = {0};
#ifdef LOOKS
	return fs_vec_push(&v, 1) ? 1 : 0;
#else
	fs_vec_push(&v, 1);
	return 0;
#endif
}
END
expect 0 '' 'a push that is looked at compiles' cc -Isrc -Werror -c -o "$tmp/push.o" -DLOOKS "$tmp/push.c"
expect 1 'warn_unused_result\|unused-result' 'one that is not does not' cc -Isrc -Werror -c -o "$tmp/push.o" "$tmp/push.c"
done_testing
