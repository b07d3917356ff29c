# SPDX-License-Identifier: BSD-2-Clause
# forkscope: everything is built into $(O). `make help` lists the targets.

O       ?= .output
PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= 0
CLANG   ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
VERSION := 0.1.0

PKGS    := libbpf libelf zlib libcurl jansson libcap
# Quiet, as not every target needs them; what is built needs $(PKGS_THERE), which says what is missing.
pkg     = $(shell pkg-config $(1) 2>/dev/null)
PKGS_THERE := $(if $(shell pkg-config --exists $(PKGS) 2>/dev/null && echo yes),,packages-missing)
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla
CPPFLAGS += -D_GNU_SOURCE -DFORKSCOPE_VERSION='"$(VERSION)"' -Isrc -I. -I$(O)
CFLAGS_ALL := -std=c11 $(WARN) $(CFLAGS) $(call pkg,--cflags $(PKGS))
LIBS    := $(call pkg,--libs $(PKGS)) -lm -lpthread
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_x86 -Wall -Wextra -Werror \
	      -Wno-unused-parameter -Wno-missing-declarations -Ivmlinux -I. -Ibpf

# Pure code (no libbpf, no skeleton): what reads recordings. Hooks, collect and cli come on top.
# A part of src has folders of its own: sources PART...
sources      = $(sort $(shell find $(1:%=src/%) -name '*.c'))
PURE_SRC    := $(call sources,base record align attribute guestsyms render mailbox stats experiment vmm net bench)
HOOKS_SRC   := $(call sources,hooks)
COLLECT_SRC := $(call sources,collect)
CLI_SRC     := $(call sources,cli)
# Text to recording: of tools/mkrec and of tests, not of the program.
MKREC_SRC   := $(filter-out %/main.c,$(wildcard tools/mkrec/*.c))
PURE_OBJ    := $(PURE_SRC:%.c=$(O)/%.o)
ALL_OBJ     := $(PURE_OBJ) $(patsubst %.c,$(O)/%.o,$(HOOKS_SRC) $(COLLECT_SRC) $(CLI_SRC))
# What defines the maps that all programs share is linked first.
BPF_SRC     := bpf/core.bpf.c $(filter-out bpf/core.bpf.c,$(wildcard bpf/*.bpf.c))
BPF_OBJ     := $(BPF_SRC:bpf/%.bpf.c=$(O)/bpf/%.bpf.o)
SKEL        := $(O)/host.skel.h

ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
else
say = @:
endif

.DELETE_ON_ERROR:
.PHONY: all help clean install check check-bpf check-lab check-vmm test demo bench format analyse deps

all: $(O)/forkscope

help:
	@sed -n 's/^## //p' Makefile tools/mk/*.mk

.PHONY: packages-missing
packages-missing:
	@echo "make: this machine lacks packages that the build needs: install them by \`tools/deps build\` (root)" >&2; exit 1

$(O)/forkscope: $(ALL_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/%.o: %.c | $(PKGS_THERE)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(O)/bpf/%.bpf.o: bpf/%.bpf.c | $(PKGS_THERE)
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@.tmp $<
	$(Q)sed -i 's|$@.tmp|$@|' $(@:.o=.o.d) 2>/dev/null || true
	$(Q)mv $@.tmp $@

$(O)/host.bpf.o: $(BPF_OBJ)
	$(call say,GENOBJ,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(O)/host.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name host_bpf > $@.tmp && mv $@.tmp $@

$(COLLECT_SRC:%.c=$(O)/%.o): $(SKEL)

clean:
	rm -rf $(O)

-include $(wildcard tools/mk/*.mk)
-include $(ALL_OBJ:.o=.d) $(wildcard $(O)/bpf/*.d)
