/* SPDX-License-Identifier: BSD-2-Clause */
/* The subcommands. A row here is all that main needs; each lives in cmd_NAME.c. */
#ifndef FORKSCOPE_CMDS_H
#define FORKSCOPE_CMDS_H

/* What every command returns and forkscope exits with. */
enum fs_exit {
	FS_EXIT_OK = 0,
	FS_EXIT_FAILED = 1,
	FS_EXIT_USAGE = 2,
	FS_EXIT_INCOMPLETE = 3,   /* done, but events were lost or an end was not seen */
	FS_EXIT_NO = 4,           /* the answer is no */
	FS_EXIT_INCONCLUSIVE = 5, /* there is no answer */
};

/* X(name, "one line for the list of commands"): in the order in which help shows them */
#define FS_COMMANDS(X)                                                               \
	X(record, "trace the VM forks of this host into a recording")                \
	X(report, "say where the time of each fork of a recording went")             \
	X(diff, "say how much slower the forks of one recording are than another's") \
	X(dump, "print what a recording holds, event by event")                      \
	X(mark, "put a named moment into the running recordings")                    \
	X(prefetch, "say what a prefetch could gain, and whether it did")            \
	X(bench, "make forks in variants and time them: the whole experiment")       \
	X(mailbox, "find, show or fill the mailbox in a snapshot's memory")          \
	X(doctor, "say what this host and kernel let forkscope see")

/* argv[0] is the command's own name. Each returns an enum fs_exit. */
#define X(name, doc) int cmd_##name(int argc, char **argv);
FS_COMMANDS(X)
#undef X

#endif
