/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of forkscope prefetch. Each returns an enum fs_exit; argv[0] is the verb. */
#ifndef FORKSCOPE_CLI_PREFETCH_VERBS_H
#define FORKSCOPE_CLI_PREFETCH_VERBS_H

int prefetch_ceiling(int argc, char **argv);
int prefetch_export(int argc, char **argv);
int prefetch_test(int argc, char **argv);

#endif
