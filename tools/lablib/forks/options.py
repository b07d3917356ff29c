# SPDX-License-Identifier: BSD-2-Clause
def add(parser):
    pass
