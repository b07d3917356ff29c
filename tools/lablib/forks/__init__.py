# SPDX-License-Identifier: BSD-2-Clause
"""tools/lab forks: a template, and N forks of its one memory file. Runs wherever KVM is: in L1, or
on a host with a fit one."""
