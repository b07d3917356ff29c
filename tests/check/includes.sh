#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Which part of src may include which: cli -> render -> guestsyms -> attribute -> align -> record ->
# base and cli -> collect -> hooks, record(writer), base; bpf/event.h for all. And: only src/hooks,
# src/collect and src/guest touch libbpf and the skeletons, only src/cli exits, only src/base/log.c
# writes to stderr outside the cli.
. tests/check/tap

# Files of part $1 that include something outside of the pattern $2.
outside() {
	find src/"$1" -name '*.[ch]' -exec grep -Hn '^#include "' {} + | grep -vE "\"($2)[^\"]*\""
}

# order PART ROOM...: files of a room of the part (a folder, or a file without its .c and .h) include no
# room that stands after it here, nor what lies beside the rooms.
order() {
	part=$1 allowed=
	shift
	for room; do
		allowed="$allowed${allowed:+|}$room[/.]"
		grep -Hn "^#include \"$part/" $(find src/"$part/$room" src/"$part/$room".[ch] -name '*.[ch]' 2>/dev/null) |
			grep -vE "\"$part/($allowed)"
	done
}

# placed PART ROOM...: what of the part is none of the rooms.
placed() {
	part=$1
	shift
	for room in src/"$part"/*; do
		room=$(basename "${room%.[ch]}")
		case " $* " in
		*" $room "*) ;;
		*) echo "src/$part/$room has no place in the order: $*" ;;
		esac
	done
}

report "base includes base alone" "$(outside base 'base/')"
report "stats includes stats, base" "$(outside stats 'stats/|base/')"
report "record includes record, base, bpf/event.h" "$(outside record 'record/|base/|bpf/(event|guest_ring).h')"
report "align includes align, record, base" "$(outside align 'align/|record/|base/|bpf/(event|guest_ring).h')"
report "attribute includes what lies below it" \
	"$(outside attribute 'attribute/|align/|record/|base/|bpf/(event|guest_ring).h')"
attribute='model state records guest path result evaluate feed attribute'
report "rooms of attribute: $attribute, each above the one before" \
	"$(order attribute $attribute; placed attribute $attribute)"
report "guestsyms includes attribute and what lies below it" \
	"$(outside guestsyms 'guestsyms/|attribute/|align/|record/|base/|bpf/(event|guest_ring).h')"
report "experiment includes attribute, stats and what lies below them" \
	"$(outside experiment 'experiment/|attribute/|align/|record/|stats/|base/|bpf/(event|guest_ring).h')"
report "render includes what lies below it" \
	"$(outside render 'render/|guestsyms/|experiment/|attribute/|align/|record/|stats/|base/|bpf/(event|guest_ring).h')"
experiment='cells numbers range_lists groups contention workset ceiling hypothesis abtest variants diff diff_limits'
report "rooms of experiment: sums and groups, above them what compares" \
	"$(order experiment $experiment; placed experiment $experiment)"
render='view abtest_view ceiling_view variants_view workset_view diff_view format_values palette frames frame_tree trust trust_guest diff_doubts text json svg'
report "rooms of render: what all forms share, above it text, json, svg" "$(order render $render; placed render $render)"
report "rooms of render: text, json and svg do not include each other" "$(
	for room in text json svg; do
		grep -HnE '^#include "render/(text|json|svg)/' $(find src/render/$room -name '*.[ch]') | grep -v "\"render/$room/"
	done)"
report "rooms of cli: recordings and output, above them mailbox, bench, prefetch; the commands above them" \
	"$(order cli cmds output recording variants_out mailbox bench prefetch)"
report "hooks includes hooks, base" "$(outside hooks 'hooks/|base/')"
report "collect includes hooks, record's writer side, base, bpf" \
	"$(outside collect 'collect/|hooks/|record/(writer|format|crc|kinds|guest/ring_parse|guest/guest_chunk|text/event_text)\.h|base/|bpf/|host.skel.h')"
report "rooms of collect: host, above it bpf, guest; the session above them" "$(order collect host bpf guest)"
report "mailbox includes mailbox, base" "$(outside mailbox 'mailbox/|base/')"
report "vmm includes vmm, base" "$(outside vmm 'vmm/|base/')"
report "net includes net, base" "$(outside net 'net/|base/')"
report "bench includes bench, vmm, net, stats, mailbox, base, the experiment's columns" \
	"$(outside bench 'bench/|vmm/|net/|stats/|mailbox/|base/|experiment/variants.h')"
report "guest includes guest, hooks, mailbox, base, bpf's guest side" \
	"$(outside guest 'guest/|hooks/|mailbox/|base/|bpf/guest(_ring.h|/guest_state.h)|guest.skel.h')"
report "rooms of guest: common, above it recorder, net, resume; the commands above them" \
	"$(order guest common recorder net resume)"
report "every part of src has its rule here" "$(
	for part in src/*/; do
		[ "$part" = src/cli/ ] || grep -q "outside $(basename "$part") " "$0" || echo "$part"
	done)"
report "attribute and render read recordings by the reader alone" "$(
	grep -HnE '#include "record/(writer|chunks|merge|scan|pool|reader_impl)\.h"' \
		$(find src/attribute src/guestsyms src/render src/cli -name '*.[ch]'))"
report "libbpf and the skeletons are included in src/hooks, src/collect and src/guest alone" "$(
	grep -HnE '#include [<"](bpf/(libbpf|bpf|btf)\.h|(host|guest)\.skel\.h)' \
		$(find src -name '*.[ch]' ! -path 'src/hooks/*' ! -path 'src/collect/*' ! -path 'src/guest/*'))"
report "src/cli alone exits (but for _exit() in a child)" "$(
	grep -HnE '(^|[^_a-zA-Z.>])exit\(' $(find src -name '*.c' ! -path 'src/cli/*'))"
report "diagnostics go through base/log.h" "$(
	grep -HnE 'fprintf\(stderr|perror\(' \
		$(find src -name '*.c' ! -path 'src/cli/*' ! -path 'src/base/log.c'))"
report "recordings are read and written in src/record alone" "$(
	grep -HnE 'FSR_(CHUNK_)?MAGIC|fsr_(file|chunk)_header' \
		$(find src -name '*.c' ! -path 'src/record/*'))"
done_testing
