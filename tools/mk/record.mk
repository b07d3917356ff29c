# SPDX-License-Identifier: BSD-2-Clause
# Tools around recordings.

## mkrec           build .output/tools/mkrec: text to recording (language: docs/format.md)
.PHONY: mkrec
mkrec: $(O)/tools/mkrec

RECORD_OBJ := $(patsubst %.c,$(O)/%.o,$(call sources,base record))

# Its objects are in a folder of their own: the program has the name of the folder of its sources.
MKREC_OBJ := $(patsubst tools/mkrec/%.c,$(O)/mkrec/%.o,$(wildcard tools/mkrec/*.c))

$(O)/mkrec/%.o: tools/mkrec/%.c | $(PKGS_THERE)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(O)/tools/mkrec: $(MKREC_OBJ) $(RECORD_OBJ)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/tools/fmtdoc: $(O)/tools/fmtdoc.o $(RECORD_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

## format-doc      make the tables of docs/format.md anew from the headers
.PHONY: format-doc
format-doc: $(O)/tools/fmtdoc
	$(Q)$< docs/format.md > $(O)/format.md && cp $(O)/format.md docs/format.md

## docs-samples    make the samples of the documents anew from the kept recording (docs/samples/README.md)
.PHONY: docs-samples
docs-samples: all $(O)/tools/mkrec
	$(Q)tools/docs-samples --output $(O)

-include $(MKREC_OBJ:.o=.d) $(O)/tools/fmtdoc.d

# Every allocation of attribution fails once.
UNIT_LINK_test_attr_hostile := -Wl,--wrap=calloc,--wrap=malloc,--wrap=reallocarray,--wrap=strndup,--wrap=strdup
