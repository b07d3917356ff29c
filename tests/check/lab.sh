#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The lab's own rules, without a VM.
exec python3 "$(dirname "$0")/../lab/test_lab.py"
