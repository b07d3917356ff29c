/* SPDX-License-Identifier: BSD-2-Clause */
/* What libbpf says: shown with -v, and read for the program that failed and the reason. */
#ifndef FORKSCOPE_LIBBPF_LOG_H
#define FORKSCOPE_LIBBPF_LOG_H

struct fs_libbpf_log {
	char prog[64]; /* the last program that a warning was about, "" */
	char map[64];  /* likewise a map */
	char why[128]; /* the verifier's last words about it, or the warning itself, "" */
};

/* Takes over libbpf's messages and forgets what came so far. */
void fs_libbpf_log_reset(void);
const struct fs_libbpf_log *fs_libbpf_log_get(void);

#endif
