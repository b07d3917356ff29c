# SPDX-License-Identifier: BSD-2-Clause
# Tests of the BPF programs; `make check-bpf` (main.mk) runs them.

BPF_TEST_BIN += $(O)/tests/bpf/loadall

$(O)/tests/bpf/loadall: tests/bpf/loadall.c src/collect/bpf/host_hooks.def $(O)/host.bpf.o
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -o $@ $< $(LIBS)

BPF_TEST_BIN += $(O)/tests/bpf/misses

$(O)/tests/bpf/misses: tests/bpf/misses.c $(O)/host.bpf.o
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -o $@ $< $(LIBS)

## check-vmlinux   hold vmlinux/vmlinux.h against the BTF of this kernel
.PHONY: check-vmlinux
check-vmlinux:
	@tools/check-vmlinux

# Of the guest's recorder (guest.mk builds its objects), linked as that is.
BPF_TEST_BIN += $(O)/tests/bpf/loadguest

$(O)/tests/bpf/loadguest: tests/bpf/loadguest.c bpf/guest_ring.h bpf/guest/guest_state.h \
		$(O)/guest/src/guest/recorder/elfmem.o $(O)/bpf/guest/typed.linked.o $(O)/bpf/guest/plain.linked.o
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -static -no-pie -o $@ $(filter %.c %/elfmem.o,$^) $(GUEST_LIBS)
