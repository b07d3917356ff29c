#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The judge of the lab's injected delays, tested by itself.
exec python3 "$(dirname "$0")/../lab/test_judge.py"
