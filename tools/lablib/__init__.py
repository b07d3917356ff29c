# SPDX-License-Identifier: BSD-2-Clause
"""Parts of tools/lab. Python's standard library only."""
