/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot that forks are made of: its files, and the mailbox in its memory. */
#ifndef FORKSCOPE_BENCH_TEMPLATE_H
#define FORKSCOPE_BENCH_TEMPLATE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "mailbox/locate.h"
#include "mailbox/payload.h"

/* Names of a snapshot's files that were given: in its folder, or elsewhere. NULL = the usual ones.
 */
struct fs_template_files {
	const char *state, *memory;
	bool is_folder; /* Cloud Hypervisor: the state is the folder of state.json */
};

struct fs_template {
	const char *signal; /* that its agent waits for */
	const char *folder; /* as given */
	char state[PATH_MAX], memory[PATH_MAX];
	int fd;          /* the memory file, for reading; -1 = none */
	int lock;        /* of the state: this snapshot is ours; -1 = none */
	uint64_t size;   /* of the memory file */
	size_t others;   /* memory files besides it, in which nothing is searched or read */
	bool mailbox;    /* found and verified */
	uint64_t offset; /* of the mailbox in the file */
	bool filled;     /* by us; emptied again at the end */
	uint32_t before; /* bytes in `was` */
	uint8_t was[FS_MBOX_SIZE];
	dev_t dev; /* the file that was filled */
	ino_t ino;
	bool unseen_ok;            /* see fs_guard_open() */
	struct fs_payload payload; /* what every fork of the file finds */
};

/* The usual names, as the program's help names them. */
#define FS_TEMPLATE_STATES \
	"state, vmstate, snapshot, snapshot_file, snap_file, state_file, vmstate.bin, state.bin, snapshot.bin, vm.state, vm.snap"
#define FS_TEMPLATE_MEMORIES \
	"mem, memory, memory-ranges, mem_file, memory_file, mem.bin, memory.bin, vm.mem, memory.img, mem.img"

/*
 * Finds the files in @folder, under the names that are given or one of the usual ones: two of these
 * are one too many. Cloud Hypervisor's memory may be the file of a zone in config.json that is
 * shared; t->others says how many such files there are besides. Neither is opened before it is
 * known to be a regular file. Returns 0 or a negative errno with a sentence in @err.
 */
int fs_template_open(struct fs_template *t, const char *signal, const char *folder,
		     const struct fs_template_files *files, char *err, size_t len);

/*
 * Takes the snapshot for this bench alone: its state is locked until fs_template_close(), or until
 * this process ends, however it does. The @n templates @before it are ours too, and may share it.
 * Returns 0, or -EBUSY and the like with a sentence in @err. (Where the file system has no locks, a
 * warning says so.)
 */
int fs_template_lock(struct fs_template *t, const struct fs_template *before, size_t n, char *err,
		     size_t len);

/*
 * Finds the mailbox of @token, and fills it with @payload if it is empty. One that is full stays as
 * it is: its payload is what the forks will find, so it is decoded into t->payload. Refused while
 * a VM may run on the file (fs_guard_open), and so while a template has it open: all are let go of
 * before (fs_template_let_go). Returns 0 or a negative errno with a sentence in @err.
 */
int fs_template_fill(struct fs_template *t, const char *token, const struct fs_payload *payload,
		     char *err, size_t len);

/*
 * Closes t->fd: a descriptor of the memory file would be in the way when another template that has
 * the same one is filled, or emptied.
 */
void fs_template_let_go(struct fs_template *t);
/* Opens it again. Returns 0 or a negative errno with a sentence in @err. */
int fs_template_take(struct fs_template *t, char *err, size_t len);

/*
 * Makes a copy of the memory file at @out for one fork alone, with @payload in its mailbox.
 * fs_template_fill() must not have filled the file itself.
 */
int fs_template_copy(const struct fs_template *t, const char *token, const char *out,
		     const struct fs_payload *payload, char *err, size_t len);

/* Only finds the mailbox, for forks that get copies. Refused while somebody writes into the file.
 */
int fs_template_find(struct fs_template *t, const char *token, char *err, size_t len);

/*
 * Empties a mailbox that fs_template_fill() filled, and closes the file. A VM that still runs on it
 * is in the way, as when it was filled: then a warning says so, and the mailbox stays full.
 */
void fs_template_close(struct fs_template *t);

#endif
