/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Privileges. Loading and attaching BPF programs needs CAP_BPF, CAP_PERFMON and (for their run
 * time, for the types of modules, and for kernels that have only that) CAP_SYS_ADMIN; looking at
 * the file descriptors of existing VMMs needs CAP_SYS_PTRACE; kernel addresses need CAP_SYSLOG.
 * All of that is over once the programs are attached. From then on a running `forkscope record`
 * holds:
 *
 *	no capability at all
 *
 * (permitted, effective, inheritable, ambient and bounding sets empty, no_new_privs set). Maps and
 * programs are used through descriptors that are open, and so is /proc/kallsyms. A kernel that
 * refuses those to a process without capabilities is found by trying: there CAP_BPF, or where that
 * is not enough CAP_SYS_ADMIN, is kept, printed and stored in the recording.
 *
 * The process that reads guests' memory (guestproc.h; none with --guest off) holds, of what there
 * was at the start:
 *
 *	CAP_SYS_PTRACE          process_vm_readv and /proc/PID of VMMs of other users, and of root's
 *	CAP_CHECKPOINT_RESTORE  /proc/PID/map_files: the memory file, whatever its path
 *	CAP_DAC_READ_SEARCH     /proc/PID/pagemap and the memory file of another user's VMM
 *
 * and nothing else, no_new_privs set; it never writes to another process.
 */
#ifndef FORKSCOPE_PRIVS_H
#define FORKSCOPE_PRIVS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * May this process load programs? (In a user namespace of its own it may not, whatever it seems to
 * hold.) Returns 0, or -EPERM with the sentence to print in @err.
 */
int fs_privs_check(char *err, size_t len);

/* May it read the types of the kernel's modules? That takes more: CAP_SYS_ADMIN. */
bool fs_privs_modules(void);

/* Raises the limits on locked memory and open files; fs_privs_child() undoes that. */
void fs_privs_limits(void);
void fs_privs_child(void);

/*
 * Drops everything that @works(@arg) does not need; @works returns true when what the recording
 * does from now on works. @kept gets the names of what had to stay, "" when nothing.
 * Returns 0 or a negative errno.
 */
int fs_privs_drop(bool (*works)(void *arg), void *arg, char *kept, size_t len);

/*
 * In the process that reads guests' memory: keeps what is listed above. @kept gets the names of
 * what there was, "CAP_SYS_PTRACE,...". Returns 0 or a negative errno.
 */
int fs_privs_reader(char *kept, size_t len);

#endif
