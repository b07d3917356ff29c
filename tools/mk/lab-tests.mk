# SPDX-License-Identifier: BSD-2-Clause
# Programs of the tests that run on this host's KVM (tests/mini) or in the lab (tests/lab).

TEST_CFLAGS := -std=c11 -D_GNU_SOURCE -O2 -g $(WARN)
MINI_SRC    := $(wildcard tests/mini/*.c) tests/mini/guest.S
LAB_C       := $(wildcard tests/lab/*.c)
LAB_BIN     := $(LAB_C:tests/lab/%.c=$(O)/tests/%)
TEST_BIN    := $(O)/tests/mini $(O)/tests/dump $(O)/tests/inject $(O)/tests/last_thread $(LAB_BIN)

.PHONY: test-programs check-host

test-programs: $(TEST_BIN)

$(O)/tests/mini: $(MINI_SRC) $(wildcard tests/mini/*.h) tests/guest/craft_ring.h bpf/guest_ring.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -I. -o $@ $(MINI_SRC) -lpthread -lz

$(O)/tests/dump: $(wildcard tests/host/*.[ch]) $(PURE_OBJ)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests/host $(CFLAGS_ALL) -o $@ $(filter %.c %.o,$^) $(LIBS)

# In a guest.
$(O)/tests/inject: $(wildcard tests/guest/inject.c tests/guest/rtnl_hold.* tests/guest/mark.h)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -static -o $@ $(filter %.c,$^) -lpthread

$(O)/tests/last_thread: tests/collect/last_thread.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $< -lpthread

# Static, so that they run in L1 whatever its C library is.
$(LAB_BIN): $(O)/tests/%: tests/lab/%.c tests/lab/inject.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -static -o $@ $<
