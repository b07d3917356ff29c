#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A VMM that runs and never listens, whatever its arguments are.
exec sleep 1000
