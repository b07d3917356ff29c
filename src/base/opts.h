/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options as tables: one row gives the parsing, the help and the record of what was asked.
 *
 *	static uint64_t timeout;
 *	struct fs_opt opts[] = {
 *		FS_OPT("--timeout", "-t", "TIME", fs_opt_ns, &timeout, "end after this long"),
 *		FS_OPT("--all", NULL, NULL, fs_opt_flag, &all, "trace every VM"),
 *		FS_OPT_END,
 *	};
 */
#ifndef FORKSCOPE_OPTS_H
#define FORKSCOPE_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

/*
 * Reads @text (NULL for an option without an argument) into @dst. Returns 0, or -1 with the reason
 * in @why ("is not a duration: give a unit, as in 250ms").
 */
typedef int (*fs_opt_parser)(const char *text, void *dst, char *why, size_t why_len);

struct fs_opt {
	const char *name;   /* "--timeout"; NULL ends the table */
	const char *letter; /* "-t" or NULL */
	const char *arg;    /* what the argument is called in the help; NULL = takes none */
	fs_opt_parser parse;
	void *dst;
	const char *help;   /* NULL: hidden, an older name that still works */
	const char *text;   /* set by parsing: the argument as it was given the last time */
	unsigned int given; /* set by parsing: how many times */
};

#define FS_OPT(n, l, a, p, d, h)                                                              \
	{                                                                                     \
		.name = (n), .letter = (l), .arg = (a), .parse = (p), .dst = (d), .help = (h) \
	}
/* The older name of an option: it works, and the help does not show it. */
#define FS_OPT_OLD(n, a, p, d) FS_OPT(n, NULL, a, p, d, NULL)
#define FS_OPT_END                     \
	{                              \
		.name = NULL, .arg = 0 \
	}

/* Exit codes that end a program after its arguments were read. */
enum { FS_OPTS_SHOWN = 0, FS_OPTS_WRONG = 2 };

struct fs_usage {
	const char *program;  /* NULL = "forkscope" */
	const char *command;  /* "record" */
	const char *synopsis; /* what follows the command's name in the usage line */
	const char *what;     /* a paragraph */
	const char *notes;    /* after the options; may be NULL */
	int min_pos, max_pos; /* positional arguments */
	bool takes_command;   /* whatever follows `--` is a command to run */
};

struct fs_args {
	char **pos; /* positional arguments, in the caller's argv */
	int npos;
	char **after; /* what follows `--`, NULL-terminated as argv is */
	int nafter;
};

/* Ready-made parsers; the type of *dst is in the comment. */
int fs_opt_flag(const char *text, void *dst, char *why, size_t len);    /* bool: set to true */
int fs_opt_no(const char *text, void *dst, char *why, size_t len);      /* bool: set to false */
int fs_opt_string(const char *text, void *dst, char *why, size_t len);  /* const char * */
int fs_opt_uint(const char *text, void *dst, char *why, size_t len);    /* unsigned int */
int fs_opt_ns(const char *text, void *dst, char *why, size_t len);      /* uint64_t, "250ms" */
int fs_opt_some_ns(const char *text, void *dst, char *why, size_t len); /* the same, but not 0 */
int fs_opt_bytes(const char *text, void *dst, char *why, size_t len);   /* uint64_t, "64MiB" */

/*
 * Parses argv[1..]. `--name value`, `--name=value`, `-l value`; `--help` and `-h` are always
 * there. Options may stand before, between and after the positional arguments, which are moved to
 * the front of argv. Returns -1 to go on, or the exit code to return at once: FS_OPTS_SHOWN after
 * printing the help on stdout, FS_OPTS_WRONG after a message on stderr.
 */
int fs_opts_parse(const struct fs_usage *u, struct fs_opt *opts, int argc, char **argv,
		  struct fs_args *args);

/* Reports on stderr what is wrong with the way @u was used; returns FS_OPTS_WRONG. */
int fs_opts_bad(const struct fs_usage *u, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What was asked: {"timeout": "250ms", "all": true, ...}; the caller owns it. NULL = no memory. */
json_t *fs_opts_asked(const struct fs_opt *opts);

#endif
