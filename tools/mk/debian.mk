# SPDX-License-Identifier: BSD-2-Clause
# The releases of Debian that the project builds on, each fresh, with what tools/deps names alone.

DEBIAN ?= bookworm trixie

## check-debian    build and make check in fresh chroots of Debian 12 and 13 (root; DEBIAN=trixie for one)
.PHONY: check-debian
check-debian:
	@O=$(O) FORKSCOPE_PROGRESS=$${FORKSCOPE_PROGRESS-/proc/$$$$/fd/2} tools/tap-sum -n check-debian -t 1800 \
		$(DEBIAN:%="tools/check-debian %")
