# SPDX-License-Identifier: BSD-2-Clause
# The commands for people, and what they are made of.
#
#   sudo make demo        real forks, recorded and explained
#   sudo make test        every kind of check once; ends with "N passed, N failed"
#   sudo make test-full   everything that can be tested; the same last line

LAB_TIMEOUT := 2400
# Boots at once: as many as tools/lablib/slots.py lets run, each on one processor; who waits for its turn is timed too.
LAB_JOBS    := $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))

## test            install what is missing, build, every kind of check once (root); last line: N passed, N failed
test:
	@tools/test-all

## test-full       the same with everything: every size, sweep, long series and fan-out (root; about an hour)
.PHONY: test-full
test-full:
	@tools/test-all --full

## demo            make real forks, record them, print their ledgers (root); results in .output/demo
demo:
	@tools/demo

# Scripts and programs of tests/bpf and tests/collect speak TAP; the latter are built by their own
# fragments, which name them in BPF_TEST_BIN and COLLECT_TEST_BIN.
## check-bpf       load, attach and fall back: every BPF program on this kernel (root)
check-bpf: all $(BPF_TEST_BIN) $(COLLECT_TEST_BIN) test-programs
	@O=$(O) tools/tap-sum -n check-bpf -t 300 $(BPF_TEST_BIN) $(COLLECT_TEST_BIN) \
		$(wildcard tests/bpf/*.sh tests/collect/*.sh)

## check-host      real VMs on this machine's own /dev/kvm, recorded and reported (root)
check-host: all test-programs
	@O=$(O) tools/tap-sum -n check-host -t 600 $(wildcard tests/host/test_*)

## check-lab       real forks in the lab: injected truth, bursts, fan-out, prefetches, three kernels (BOOTS= for some,
##                 TIER=quick for every kind of check once)
TIER  ?= full
BOOTS ?= $(shell tests/lab/run --list $(TIER))
check-lab: all test-programs
	@O=$(O) FORKSCOPE_PROGRESS=$${FORKSCOPE_PROGRESS-/proc/$$$$/fd/2} tools/tap-sum -n check-lab \
		-j $(LAB_JOBS) -t $(LAB_TIMEOUT) $(BOOTS:%="tests/lab/run %")

## check-lab-guest of these the guest's half: chains of all signals, delays injected in the guest
GUEST_BOOTS := guest-chain guest-injected
.PHONY: check-lab-guest
check-lab-guest:
	@$(MAKE) --no-print-directory check-lab BOOTS="$(GUEST_BOOTS)"
