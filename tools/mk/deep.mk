# SPDX-License-Identifier: BSD-2-Clause
# The unit and format tests again, for what depends on compiler, processor and loader: under valgrind (no sanitizer, so that its
# own view of memory counts), built by clang with its sanitizers, and with all symbols bound at the start.

PLAIN       := $(O)/plain
CLANG_SAN   := $(O)/clang-san
PLAIN_FLAGS := -g -O1 -Wno-format-truncation -Wno-maybe-uninitialized
CLANG_FLAGS := -fsanitize=address,undefined,nullability,local-bounds,float-divide-by-zero -fno-sanitize-recover=all \
	       -fno-omit-frame-pointer -g -O1
UNIT_NAMES  := $(UNIT_SRC:%.c=%) $(FORMAT_SRC:%.c=%)
# They need pidfd_open(2) or cachestat(2), which Debian 12's valgrind does not know.
NO_VALGRIND := tests/unit/test_guestmem tests/unit/test_guestring tests/unit/test_vmm tests/unit/test_bench_parts
VALGRIND    := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite

## check-deep      all unit tests under valgrind, by clang's sanitizers, and with LD_BIND_NOW (minutes)
.PHONY: check-deep
check-deep:
	@$(MAKE) --no-print-directory -j$(JOBS) check-programs
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=$(PLAIN) SAN_FLAGS="$(PLAIN_FLAGS)" check-programs
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=$(CLANG_SAN) CC=$(CLANG) SAN_FLAGS="$(CLANG_FLAGS)" check-programs
	@$(SAN_ENV) O=$(O) tools/tap-sum -n check-deep -j$(JOBS) -t 900 $(patsubst %,"$(VALGRIND) $(PLAIN)/%",$(filter-out $(NO_VALGRIND),$(UNIT_NAMES))) \
		$(UNIT_NAMES:%="$(CLANG_SAN)/%") $(UNIT_NAMES:%="env LD_BIND_NOW=1 $(SAN)/%")
