# SPDX-License-Identifier: BSD-2-Clause
# Installing what is missing (Debian 12 and 13).

## deps            install what building, testing and running need and this machine lacks (root)
deps:
	@tools/deps
