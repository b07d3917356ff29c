#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The BPF programs fit into the stack of kernels up to 6.12 (tests/bpf/stack.py), and what does not fit is found. TAP.
. tests/check/tap

for object in "$O/host.bpf.o" "$O"/bpf/guest/*.linked.o; do
	expect 0 '^ok 1 .* most: [1-9]' "$(basename "$object") fits" tests/bpf/stack.py "$object"
	sed -n 's/^ok 1 -/#/p' "$tmp/out"
done

# judged STATUS PATTERN NAME: what is said of the program on standard input
judged() {
	{
		cat <<-'END'
			static long (*fill)(void *dst, unsigned size, const void *src) = (void *)113;
			static long (*loop)(unsigned n, void *fn, void *ctx, unsigned long flags) = (void *)181;
			#define BODY(size, more) { char own[size]; fill(own, size, p); int n = more; fill(own, size, p); return n + own[0]; }
			#define FN(name, size, more) static __attribute__((noinline)) int name(void *p) BODY(size, more)
			#define PROGRAM(size, more) __attribute__((section("raw_tp"), used)) int program(void *p) BODY(size, more)
		END
		cat
	} >"$tmp/planted.c"
	"${CLANG:-clang}" -O2 -g -target bpf -c -o "$tmp/planted.o" "$tmp/planted.c" || exit 1
	expect "$1" "$2" "$3" tests/bpf/stack.py "$tmp/planted.o"
}
judged 1 '^# 512 bytes: program 192, a 320' 'one that calls another: both together' <<'END'
FN(a, 300, 1) PROGRAM(190, a(p))
END
judged 1 '^# 512 bytes: program 192, a 160, b 160' 'three, of which any two fit' <<'END'
FN(b, 160, 1) FN(a, 160, b(p)) PROGRAM(192, a(p))
END
judged 0 'most: 352 bytes: program 192, . 160' 'two that are called one after the other: the larger' <<'END'
FN(b, 160, 1) FN(a, 160, 2) PROGRAM(192, a(p) + b(p))
END
judged 1 '^# 512 bytes: program 288, each 224' 'a callback is a call, and the loop has its own' <<'END'
static long each(unsigned i, void *p) BODY(220, i)
PROGRAM(260, loop(9, each, p, 0))
END
judged 1 '^# 9 frames: ' 'frames that are too many, however small' <<'END'
FN(a, 4, 1) FN(b, 4, a(p)) FN(c, 4, b(p)) FN(d, 4, c(p)) FN(e, 4, d(p)) FN(f, 4, e(p)) FN(g, 4, f(p)) FN(h, 4, g(p)) PROGRAM(4, h(p))
END
judged 0 'most: 480 bytes: program 480' 'exactly as much as may be' <<'END'
PROGRAM(480, 1)
END
judged 1 'there is no program in it' 'an object without programs shows nothing' <<'END'
int n = 1;
END
done_testing
