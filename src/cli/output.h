/* SPDX-License-Identifier: BSD-2-Clause */
/* Where reports go: files for their owner only, a terminal's colours and width, failing writes. */
#ifndef FORKSCOPE_OUTPUT_H
#define FORKSCOPE_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Opens @path for writing with mode 0600: what was traced is nobody else's business. "-" is stdout,
 * and so are /dev/stdout and /dev/fd/1; other names of descriptors that are open (/dev/stderr,
 * /dev/fd/N) mean these, as they are. A file that is there is replaced, not written into, and only
 * if it is empty or begins with one of the texts @begins (fs_fresh_file()); no other symbolic link
 * is followed; terminals and pipes are written to, disks are not. NULL after saying what failed.
 */
FILE *fs_out_open(const char *path, const char *const *begins);

/* For what is written late: may the file be made, or replaced? 0, or -errno after saying why not.
 */
int fs_out_check(const char *path, const char *const *begins);

/* How the files begin that are written here. */
#define FS_OUT_JSON_BEGINS "{\n \"format\": "
extern const char *const fs_out_svg[], *const fs_out_json[];

/* Does @path (NULL: no) mean stdout, by any of its names? */
bool fs_out_is_stdout(const char *path);

/* Ends what fs_out_open() gave: 0, or a negative errno of anything that failed on it. */
int fs_out_close(FILE *f);

/*
 * Ends a report on stdout, of which the renderer returned @err. Returns an enum fs_exit; a reader
 * that has left is no error that anyone could read.
 */
int fs_out_stdout(int err);

/* Parser of the name of a recording to write (opts.h, const char **): no stream, which "-" is. */
int fs_out_opt_recording(const char *text, void *dst, char *why, size_t len);

/* Parser of --color (opts.h): *dst (const char *) is set to always, never or auto. */
int fs_out_opt_colour(const char *text, void *dst, char *why, size_t len);
/* Whether @when (always, never, auto or NULL) means colours. */
bool fs_out_colour(const char *when, bool to_file);
/* Columns for text: those of $COLUMNS, else of the terminal that stdout is; 0 = not known. */
unsigned int fs_out_columns(void);

#endif
