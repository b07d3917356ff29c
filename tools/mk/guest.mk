# SPDX-License-Identifier: BSD-2-Clause
# forkscope-guest, the static binary for guests, and the tests and benchmark of the mailbox.

GUEST      := $(O)/forkscope-guest
# Objects whose code runs between the resume signal and the last ack: linked side by side.
GUEST_HOT  := src/guest/resume/serve.c src/guest/resume/signal.c src/guest/resume/ack.c \
	      src/guest/net/net_apply.c src/guest/net/net_change.c src/guest/net/net_batch.c \
	      src/guest/net/net_neigh.c src/guest/net/net_watch.c src/guest/resume/stage.c \
	      src/guest/common/mem.c src/mailbox/payload.c src/mailbox/payload_json.c
GUEST_COLD := $(filter-out $(GUEST_HOT),$(call sources,guest)) src/mailbox/mbox_layout.c \
	      src/base/units.c src/base/maps.c src/base/err.c src/base/vec.c src/base/log.c \
	      src/base/opts.c src/base/json.c src/base/kallsyms.c $(HOOKS_SRC)
GUEST_OBJ  := $(GUEST_HOT:%.c=$(O)/guest/%.o) $(GUEST_COLD:%.c=$(O)/guest/%.o)
# No stack protector and no position independence: each would add a page to those that are read.
GUEST_FLAGS := -std=c11 $(WARN) -O2 -g -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
	       -ffunction-sections -fdata-sections
# No libelf: src/guest/recorder/elfmem.c has what libbpf needs of it.
GUEST_LIBS := $(call pkg,--libs libbpf zlib jansson)
GUEST_SKEL := $(O)/guest.skel.h
$(GUEST_HOT:%.c=$(O)/guest/%.o): GUEST_FLAGS += -Os -fno-tree-loop-distribute-patterns -fno-function-sections
# Hot code has string functions of its own, next to it (mem.c); all else keeps the C library's.
GUEST_OWN  := memcpy memset memcmp strlen strchr

all: $(GUEST)

.SECONDARY: $(O)/bpf/guest/typed.bpf.o $(O)/bpf/guest/plain.bpf.o
$(GUEST): $(GUEST_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(GUEST_FLAGS) -static -no-pie -Wl,--gc-sections -Wl,-z,norelro -Wl,--build-id -o $@.tmp $^ $(GUEST_LIBS)
	$(Q)strip --strip-debug $@.tmp && mv $@.tmp $@

$(O)/guest/%.o: %.c | $(PKGS_THERE)
	$(call say,CC-G,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(GUEST_FLAGS) -MMD -MP -c -o $@ $<

# The hot ones get a section name that the linker puts together, before all other code.
$(GUEST_HOT:%.c=$(O)/guest/%.o): $(O)/guest/%.o: %.c | $(PKGS_THERE)
	$(call say,CC-G,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(GUEST_FLAGS) -MMD -MP -c -o $@ $<
	$(Q)objcopy --rename-section .text=.text.hot $(foreach f,$(GUEST_OWN),--redefine-sym $(f)=hot_$(f)) $@

$(O)/guest/src/guest/recorder/guest_programs.o: $(GUEST_SKEL)

# Two objects: the programs that need the kernel's BTF, and those that do not.
$(GUEST_SKEL): $(O)/bpf/guest/typed.linked.o $(O)/bpf/guest/plain.linked.o
	$(call say,SKEL,$@)
	$(Q)for p in typed plain; do $(BPFTOOL) gen skeleton $(O)/bpf/guest/$$p.linked.o name fsg_$$p || exit 1; done > $@.tmp && mv $@.tmp $@

$(O)/bpf/guest/%.linked.o: $(O)/bpf/guest/%.bpf.o
	$(Q)$(BPFTOOL) gen object $@ $<

$(O)/bpf/guest/%.bpf.o: bpf/guest/%.bpf.c | $(PKGS_THERE)
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(O)/bpf/guest/*.d)
-include $(GUEST_OBJ:.o=.d)

# Tests of the recorder that run in the lab's L1 (tests/guest/arm_test.py).
RINGDUMP := $(O)/tests/guest/ringdump
test-programs: $(RINGDUMP)

$(RINGDUMP): tests/guest/ringdump.c $(O)/guest/src/guest/recorder/armed.o $(O)/guest/src/base/err.o
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 $(WARN) -O2 -g -static -no-pie -o $@ $^

# The agent's change of the network with a request broken on the way (tests/agent/test_network.py).
NETAPPLY     := $(O)/tests/agent/netapply
NETAPPLY_OBJ := $(filter-out $(O)/guest/src/guest/net/net_batch.o,$(filter $(O)/guest/src/guest/net/%.o,$(GUEST_OBJ))) \
		$(addprefix $(O)/guest/src/,base/err.o base/log.o guest/common/mem.o \
		mailbox/payload.o mailbox/payload_json.o)
test-programs: $(NETAPPLY)

$(NETAPPLY): tests/agent/netapply.c src/guest/net/net_batch.c $(NETAPPLY_OBJ)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 $(WARN) -O2 -g -static -no-pie -o $@ $< $(NETAPPLY_OBJ)

UNIT_EXTRA_test_guest_elf    := src/guest/recorder/elfmem.c
$(SAN)/tests/unit/test_guest_elf: | $(O)/bpf/guest/typed.linked.o $(O)/bpf/guest/plain.linked.o
UNIT_EXTRA_test_guest_layout := src/guest/recorder/layout.c src/guest/recorder/block.c
UNIT_EXTRA_test_guest_armed  := src/guest/recorder/armed.c src/guest/recorder/signal_waiters.c

.PHONY: guest check-agent check-mailbox bench-mailbox

## guest           build forkscope-guest, the static binary for guests
guest: $(GUEST)

## check-agent     the guest's agent in network namespaces, with peers of the protocol (root)
check-agent: all $(RINGDUMP) $(NETAPPLY)
	@O=$(O) tools/tap-sum -n check-agent -t 300 tests/agent/test_agent.py tests/agent/test_network.py

# Seeds of fuzz_mailbox: one for each thing that its first byte chooses.
MBOX_SEEDS := $(O)/fuzz/seeds/fuzz_mailbox
fuzz-programs: $(MBOX_SEEDS)/payload

$(MBOX_SEEDS)/payload: tools/mk/guest.mk
	@mkdir -p $(@D)
	@printf '\001HYPEMAN_FORK_MAILBOX_V1\0name\0t%0226d' 0 | tr 0 '\0' > $(@D)/head
	@printf '\002xxHYPEMAN_HYPEMAN_xxHYPEMAN%0200d' 0 > $(@D)/scan
	@printf '\003xHYPEMAN_RESUME_NETWORK_MAILBOX_V1\0t%029d\001\0\0\0\002\0\0\0{}' 0 | tr 0 '\0' > $(@D)/file
	@printf '\0{"interface_name":"eth0","mac":"06:00:ac:10:00:22","ipv4":"172.16.0.2","prefix":29,"gateway":"172.16.0.1","ack_port":9797}' > $@

## bench-mailbox   how fast a mailbox is found, compared with memmem and plain reading (BENCH_SIZE=1GiB)
BENCH_SIZE   ?= 1GiB
BENCH_ROUNDS ?= 40
MBOX_BENCH   := $(O)/tests/mailbox-bench

bench-mailbox: $(MBOX_BENCH)
	@$(MBOX_BENCH) $(BENCH_SIZE) $(BENCH_ROUNDS)

$(MBOX_BENCH): tests/mailbox/bench.c $(filter $(O)/src/base/% $(O)/src/mailbox/%,$(PURE_OBJ))
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -o $@ $^

## check-mailbox   the command on real files (root for the cases about other users)
check-mailbox: all
	@O=$(O) tools/tap-sum -n check-mailbox -t 120 tests/mailbox/test_mailbox.py
