/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsers of the options about forks (opts.h): dst is the struct bench_asked, or as said. */
#ifndef FORKSCOPE_CLI_BENCH_OPT_PARSERS_H
#define FORKSCOPE_CLI_BENCH_OPT_PARSERS_H

#include "cli/bench/bench_opts.h"

int bench_opt_signals(const char *text, void *dst, char *why, size_t len);
int bench_opt_prefetch(const char *text, void *dst, char *why, size_t len);
int bench_opt_mechanism(const char *text, void *dst, char *why, size_t len); /* enum fs_mechanism */
int bench_opt_workingset(const char *text, void *dst, char *why, size_t len); /* struct fs_ranges */
int bench_opt_seed(const char *text, void *dst, char *why, size_t len);       /* uint64_t */

/* The place of @text in the NULL-terminated @names, at most @n of them: *@dst, an int. */
int bench_opt_pick(const char *text, const char *const *names, size_t n, void *dst, char *why,
		   size_t len);

/* How a snapshot is loaded (bench_opt_load.c). */
int bench_opt_restore(const char *text, void *dst, char *why, size_t len); /* struct fs_vmm_load */
int bench_opt_version(const char *text, void *dst, char *why, size_t len); /* const char * */
int bench_opt_jailer_arg(const char *text, void *dst, char *why, size_t len);
int bench_opt_load_json(const char *text, void *dst, char *why, size_t len);

#endif
