# SPDX-License-Identifier: BSD-2-Clause
# Tests of collecting: what can be tested without a kernel is in tests/unit, the rest in tests/collect
# (root; run by make check-bpf).

UNIT_EXTRA_test_plan  := src/collect/plan.c src/collect/hooks.c src/guest/hooks.c
UNIT_EXTRA_test_opts  := src/cli/opts.c
UNIT_EXTRA_test_ring  := src/collect/ring.c
UNIT_EXTRA_test_host  := src/collect/host.c
UNIT_EXTRA_test_marks := src/collect/marks.c
UNIT_EXTRA_test_ksyms := src/collect/ksyms.c
UNIT_EXTRA_test_guestwatch := src/collect/guestwatch.c
UNIT_EXTRA_test_guestmem  := src/collect/guestmem.c src/collect/guestmem_open.c
UNIT_EXTRA_test_guestring := src/collect/guestring.c src/collect/guestring_find.c src/collect/guestmem.c \
			     src/collect/guestmem_open.c

# What these programs add is no part of the pure sources: its dependencies are known here only.
-include $(shell find $(O)/san/src/collect $(O)/san/src/cli -name '*.d' 2>/dev/null)
