# SPDX-License-Identifier: BSD-2-Clause
# make check: everything that needs neither root nor a VM, in under a minute.
#
# Unit tests are tests/unit/test_NAME.c (cmocka), each a program of its own, built with the address
# and undefined-behaviour sanitizers and linked with all PURE sources and with those of tools/mkrec. One that needs
# more says so in a fragment of its own: UNIT_EXTRA_test_NAME := src/hooks/plan.c, or as options
# of the linker: UNIT_LINK_test_NAME := -Wl,--wrap=calloc
# Scripts are tests/check/*.sh; both speak TAP and are run and summed by tools/tap-sum.

SAN        := $(O)/san
SAN_FLAGS  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1
# the sanitizers' own code sets off these two where the plain build, which keeps them, is silent
SAN_FLAGS  += -Wno-format-truncation -Wno-maybe-uninitialized
SAN_CFLAGS := -std=c11 $(WARN) $(SAN_FLAGS) $(call pkg,--cflags $(PKGS))
SAN_OBJ    := $(PURE_SRC:%.c=$(SAN)/%.o) $(MKREC_SRC:%.c=$(SAN)/%.o)
SAN_LIB    := $(SAN)/pure.a
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT_BIN   := $(UNIT_SRC:%.c=$(SAN)/%)
FORMAT_SRC := $(wildcard tests/format/test_*.c)
FORMAT_BIN := $(FORMAT_SRC:%.c=$(SAN)/%)
CHECK_SH   := $(wildcard tests/check/*.sh)
SAN_ENV    := ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
JOBS       := $(shell nproc)

.PHONY: check-programs check-unit fuzz-programs fuzz-short fuzz

## check           all tests that need neither root nor a VM (under a minute)
check:
	@$(MAKE) --no-print-directory -j$(JOBS) all mkrec $(O)/tools/fmtdoc check-programs
	@$(SAN_ENV) O=$(O) tools/tap-sum -n check -j$(JOBS) $(UNIT_BIN) $(FORMAT_BIN) $(CHECK_SH)

## check-unit      the unit tests alone: T=NAME for one of them (tests/unit/test_NAME.c)
T ?=
check-unit:
	@$(MAKE) --no-print-directory -j$(JOBS) $(if $(T),$(SAN)/tests/unit/test_$(T),$(UNIT_BIN))
	@$(SAN_ENV) tools/tap-sum -n check-unit $(if $(T),-v $(SAN)/tests/unit/test_$(T),-j$(JOBS) $(UNIT_BIN))

check-programs: $(UNIT_BIN) $(FORMAT_BIN)

$(SAN)/%.o: %.c | $(PKGS_THERE)
	$(call say,CC-SAN,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(SAN_CFLAGS) -MMD -MP -c -o $@ $<

$(SAN_LIB): $(SAN_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# One program per test file, with what its own fragment adds.
.SECONDEXPANSION:
$(UNIT_BIN) $(FORMAT_BIN): $(SAN)/%: $(SAN)/%.o $$(addprefix $(SAN)/,$$(addsuffix .o,$$(basename $$(UNIT_EXTRA_$$(@F))))) $(SAN_LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN_CFLAGS) -o $@ $^ $(UNIT_LINK_$(@F)) -lcmocka $(LIBS)

# --- fuzzing ---------------------------------------------------------------------------------

FUZZ       := $(O)/fuzz
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN   := $(FUZZ_SRC:tests/fuzz/%.c=$(FUZZ)/%)
FUZZ_FLAGS := -std=c11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	      -DFORKSCOPE_FUZZ $(call pkg,--cflags $(PKGS))

FUZZ_OBJ   := $(PURE_SRC:%.c=$(FUZZ)/%.o) $(MKREC_SRC:%.c=$(FUZZ)/%.o)

fuzz-programs:
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZ_BIN)

$(FUZZ)/%.o: %.c | $(PKGS_THERE)
	$(call say,FUZZ,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(FUZZ)/pure.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(FUZZ_BIN): $(FUZZ)/%: $(FUZZ)/tests/fuzz/%.o $(FUZZ)/pure.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

## fuzz-short      each fuzz target for a few seconds, about 20 s in all (CI)
fuzz-short: fuzz-programs
	@O=$(O) tools/tap-sum -v -n fuzz-short "tests/fuzz/run 20 $(FUZZ_BIN)"

## fuzz            each fuzz target in turn, 10 minutes each (nightly; FUZZ_SECONDS= of each)
FUZZ_SECONDS ?= 600
FUZZ_TOTAL   = $$(($(FUZZ_SECONDS) * $(words $(FUZZ_BIN))))
fuzz: fuzz-programs
	@O=$(O) tools/tap-sum -v -n fuzz -t $$(($(FUZZ_TOTAL) + 600)) \
		"tests/fuzz/run $(FUZZ_TOTAL) $(FUZZ_BIN)"

## format          clang-format on all C files
format:
	$(Q)clang-format -i $$(find src bpf tests tools -name '*.[ch]')

# --- static analysis -------------------------------------------------------------------------

ANALYSE_SRC := $(PURE_SRC) $(HOOKS_SRC) $(COLLECT_SRC) $(CLI_SRC) $(call sources,guest) $(wildcard tools/mkrec/*.c)
ANALYSE_OK  := $(ANALYSE_SRC:%.c=$(O)/analyse/%.ok)

## analyse         the clang static analyser and clang-tidy over src; must be clean
analyse: $(SKEL) $(O)/guest.skel.h
	@$(MAKE) --no-print-directory -k -j$(JOBS) $(ANALYSE_OK)

$(O)/analyse/%.ok: %.c .clang-tidy $(shell find src bpf -name '*.h')
	$(call say,ANALYSE,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(CFLAGS_ALL) --analyze -Xclang -analyzer-output=text \
		-Xclang -analyzer-werror $<
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- $(CPPFLAGS) $(CFLAGS_ALL) 2>$@.log \
		|| { cat $@.log; exit 1; }
	@touch $@

-include $(shell find $(SAN) $(FUZZ) -name "*.d" 2>/dev/null)
