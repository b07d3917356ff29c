#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Small workloads and the records that they must yield.
exec python3 "$(dirname "$0")/records.py"
