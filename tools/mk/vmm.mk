# SPDX-License-Identifier: BSD-2-Clause
# VMM drivers and the bench: the fixture's tests, and the real VMMs that are there.

FIRECRACKER      ?=
CLOUD_HYPERVISOR ?=
DRIVE            := $(O)/tests/drive

## check-vmm       the bench on VMMs of a fixture (root), and real ones: FIRECRACKER= CLOUD_HYPERVISOR=
check-vmm: all test-programs $(DRIVE)
	@O=$(O) FIRECRACKER=$(FIRECRACKER) CLOUD_HYPERVISOR=$(CLOUD_HYPERVISOR) \
		tools/tap-sum -n check-vmm -t 600 tests/vmm/test_bench.py tests/vmm/test_real.py

$(DRIVE): tests/vmm/drive.c $(filter $(O)/src/base/% $(O)/src/vmm/%,$(PURE_OBJ))
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -o $@ $^ $(LIBS)

## demo-bench      the whole experiment in the lab: signals x prefetches (root); .output/demo-bench
.PHONY: demo-bench
demo-bench:
	@tools/demo-bench

VMM_SEEDS := $(O)/fuzz/seeds/fuzz_vmm
fuzz-programs: $(VMM_SEEDS)/ack

$(VMM_SEEDS)/ack: tools/mk/vmm.mk
	@mkdir -p $(@D)
	@printf '{"fault_message":"no [such] luck","a":[{"b":1}]}' > $(@D)/answer
	@printf 'mailbox:64MiB' > $(@D)/mailbox
	@printf 'range:0x1000:8KiB' > $(@D)/range
	@printf 'stage=applied mac=06:00:ac:10:00:22 ip=172.16.0.2 x=1\n' > $@
