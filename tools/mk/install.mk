# SPDX-License-Identifier: BSD-2-Clause
# make install DESTDIR= PREFIX=: the program, its manual pages, documents and licences.

BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
DOCDIR  ?= $(PREFIX)/share/doc/forkscope
MAN     := $(wildcard docs/man/*.[1-8])
DOC     := README.md $(wildcard CHANGELOG.md) $(wildcard docs/*.md)
LICENCE := $(wildcard LICENSE* LICENSES/*)

## install         program, manual pages, documents, licences: DESTDIR= PREFIX=
install: all
	install -D -m 755 $(O)/forkscope $(DESTDIR)$(BINDIR)/forkscope
	install -D -m 755 $(O)/forkscope-guest $(DESTDIR)$(BINDIR)/forkscope-guest
	@for page in $(MAN); do \
		install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; \
	done
	install -d $(DESTDIR)$(DOCDIR)
	install -m 644 $(DOC) $(LICENCE) $(DESTDIR)$(DOCDIR)
