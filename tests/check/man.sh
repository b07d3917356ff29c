#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The manual pages say what --help says. TAP.
O=${O:-.output}
echo 1..1
if out=$(tools/gen-man --check "$O/forkscope" 2>&1); then
	echo "ok 1 - manual pages are those of --help"
else
	echo "not ok 1 - manual pages are those of --help"
	echo "$out" | sed 's/^/# /'
fi
