# SPDX-License-Identifier: BSD-2-Clause
# make bench: the cost of one recorded event and the speed of reports, compared with other tools.

BENCH     := $(O)/bench
BENCH_BIN := $(BENCH)/faulter $(BENCH)/grow $(BENCH)/emit
RECORD_OBJ := $(filter $(O)/src/base/% $(O)/src/record/%,$(PURE_OBJ))

## bench           cost per event and speed of reports, against ftrace, bpftrace and perf (root)
bench: all $(BENCH_BIN)
	@tools/bench/run $(BENCH)

$(BENCH)/faulter: tools/bench/faulter.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $<

$(BENCH)/grow: tools/bench/grow.c $(RECORD_OBJ)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -o $@ $^ $(LIBS)

$(BENCH)/emit.bpf.o: tools/bench/emit.bpf.c $(wildcard bpf/*.h)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

# The object that defines what the programs share comes first (bpf/core.bpf.c).
$(BENCH)/bench.bpf.o: $(O)/bpf/core.bpf.o $(BENCH)/emit.bpf.o
	$(call say,GENOBJ,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(BENCH)/bench.skel.h: $(BENCH)/bench.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name bench_bpf > $@.tmp && mv $@.tmp $@

$(BENCH)/emit: tools/bench/emit.c $(BENCH)/bench.skel.h $(O)/src/collect/bpf/ring.o $(RECORD_OBJ)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) -I$(BENCH) $(CFLAGS_ALL) -o $@ $(filter %.c %.o,$^) $(LIBS)
