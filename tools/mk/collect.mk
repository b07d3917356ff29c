# SPDX-License-Identifier: BSD-2-Clause
# Tests of collecting: what can be tested without a kernel is in tests/unit, the rest in tests/collect
# (root; run by make check-bpf).

UNIT_EXTRA_test_plan  := src/hooks/plan.c src/collect/bpf/host_hooks.c src/guest/recorder/guest_hooks.c
UNIT_EXTRA_test_targets := src/collect/host/targets.c
UNIT_EXTRA_test_ring  := src/collect/bpf/ring.c
UNIT_EXTRA_test_host  := src/collect/host/host.c
UNIT_EXTRA_test_marks := src/collect/mark_socket.c
UNIT_EXTRA_test_ksyms := src/collect/host/ksyms.c
UNIT_EXTRA_test_guestwatch := src/collect/guest/guestwatch.c
UNIT_EXTRA_test_guestmem  := src/collect/guest/guestmem.c src/collect/guest/guestmem_open.c
UNIT_EXTRA_test_guestring := src/collect/guest/guestring.c src/collect/guest/guestring_find.c src/collect/guest/guestmem.c \
			     src/collect/guest/guestmem_open.c

# What these programs add is no part of the pure sources: its dependencies are known here only.
-include $(shell find $(O)/san/src/hooks $(O)/san/src/collect $(O)/san/src/cli -name '*.d' 2>/dev/null)
