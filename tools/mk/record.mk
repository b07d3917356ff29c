# SPDX-License-Identifier: BSD-2-Clause
# Tools around recordings.

## mkrec           build .output/tools/mkrec: text to recording (language: docs/format.md)
.PHONY: mkrec
mkrec: $(O)/tools/mkrec

RECORD_OBJ := $(patsubst %.c,$(O)/%.o,$(wildcard src/base/*.c src/record/*.c))

$(O)/tools/mkrec: $(O)/tools/mkrec.o $(RECORD_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(O)/tools/mkrec.d
