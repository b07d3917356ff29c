// SPDX-License-Identifier: BSD-2-Clause
/* Parses options by their tables, and prints the help that the tables give. */
#include "base/opts.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/units.h"

#define HELP_COLUMN 26
#define HELP_WIDTH  96

int fs_opt_flag(const char *text, void *dst, char *why, size_t len)
{
	(void)text;
	(void)why;
	(void)len;
	*(bool *)dst = true;
	return 0;
}

int fs_opt_no(const char *text, void *dst, char *why, size_t len)
{
	(void)text;
	(void)why;
	(void)len;
	*(bool *)dst = false;
	return 0;
}

int fs_opt_string(const char *text, void *dst, char *why, size_t len)
{
	if (!*text) {
		snprintf(why, len, "is empty");
		return -1;
	}
	*(const char **)dst = text;
	return 0;
}

int fs_opt_uint(const char *text, void *dst, char *why, size_t len)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || v > UINT_MAX) {
		snprintf(why, len, "is not a whole number");
		return -1;
	}
	*(unsigned int *)dst = (unsigned int)v;
	return 0;
}

int fs_opt_ns(const char *text, void *dst, char *why, size_t len)
{
	switch (fs_parse_duration(text, dst)) {
	case 0:
		return 0;
	case -ERANGE:
		snprintf(why, len, "is too long: 100 years (876000h) is the most");
		return -1;
	default:
		snprintf(why, len,
			 "is not a duration: give a number with a unit, as in 250ms or 10s");
		return -1;
	}
}

int fs_opt_some_ns(const char *text, void *dst, char *why, size_t len)
{
	uint64_t ns;
	int ret = fs_opt_ns(text, &ns, why, len);

	if (!ret && !ns) {
		snprintf(why, len, "is not a time: give more than 0");
		return -1;
	}
	if (!ret)
		*(uint64_t *)dst = ns;
	return ret;
}

int fs_opt_bytes(const char *text, void *dst, char *why, size_t len)
{
	switch (fs_parse_bytes(text, dst)) {
	case 0:
		return 0;
	case -ERANGE:
		snprintf(why, len, "is too large");
		return -1;
	default:
		snprintf(why, len, "is not a size: give a number with a unit, as in 64MiB or 4KiB");
		return -1;
	}
}

static const char *program(const struct fs_usage *u)
{
	return u->program ? u->program : "forkscope";
}

int fs_opts_bad(const struct fs_usage *u, const char *fmt, ...)
{
	char *line;
	va_list ap;

	va_start(ap, fmt);
	line = fs_vsentence(fmt, ap);
	va_end(ap);
	fs_error("%s: %s (see %s %s --help)", u->command, line ? line : "out of memory", program(u),
		 u->command);
	free(line);
	return FS_OPTS_WRONG;
}

/* Prints @text from the column on, broken at spaces; @at is where the cursor stands. */
static void print_wrapped(const char *text, int at, int column)
{
	while (*text) {
		size_t room = (size_t)(HELP_WIDTH - column), n = strcspn(text, "\n");

		if (n > room) {
			n = room;
			while (n && text[n] != ' ')
				n--;
			if (!n)
				n = strcspn(text, " \n");
		}
		printf("%*s%.*s\n", column > at ? column - at : 0, "", (int)n, text);
		text += n;
		text += *text == ' ' || *text == '\n';
		at = 0;
	}
}

static void print_option(const char *name, const char *letter, const char *arg, const char *help)
{
	int at = printf("  %s%s%s%s%s", letter ? letter : "", letter ? ", " : "", name,
			arg ? " " : "", arg ? arg : "");

	if (at >= HELP_COLUMN - 1) {
		printf("\n");
		at = 0;
	}
	print_wrapped(help, at, HELP_COLUMN);
}

static void print_help(const struct fs_usage *u, const struct fs_opt *opts)
{
	printf("usage: %s %s %s\n\n", program(u), u->command, u->synopsis);
	print_wrapped(u->what, 0, 0);
	printf("\n");
	for (const struct fs_opt *o = opts; o->name; o++)
		if (o->help)
			print_option(o->name, o->letter, o->arg, o->help);
	print_option("--help", "-h", NULL, "print this");
	if (u->notes) {
		printf("\n");
		print_wrapped(u->notes, 0, 0);
	}
}

/* The option that @word (without a "=value") names, or NULL. */
static struct fs_opt *find(struct fs_opt *opts, const char *word, size_t len)
{
	for (struct fs_opt *o = opts; o->name; o++)
		if ((strlen(o->name) == len && !strncmp(o->name, word, len)) ||
		    (o->letter && strlen(o->letter) == len && !strncmp(o->letter, word, len)))
			return o;
	return NULL;
}

/* Handles the option at argv[*i]; moves *i to its last word. -1 = fine, else an exit code. */
static int take_option(const struct fs_usage *u, struct fs_opt *opts, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	struct fs_opt *o = find(opts, word, len);
	char why[FS_SENTENCE] = "";

	if (!o)
		return fs_opts_bad(u, "unknown option %s", word);
	if (!o->arg && eq)
		return fs_opts_bad(u, "%s takes no argument", o->name);
	if (o->arg && !eq && *i + 1 >= argc)
		return fs_opts_bad(u, "%s needs an argument: %s %s", o->name, o->name, o->arg);
	o->text = !o->arg ? NULL : eq ? eq + 1 : argv[++*i];
	o->given++;
	if (o->parse(o->text, o->dst, why, sizeof(why)))
		return fs_opts_bad(u, "%s %s: %s", o->name, o->text ? o->text : "", why);
	return -1;
}

int fs_opts_parse(const struct fs_usage *u, struct fs_opt *opts, int argc, char **argv,
		  struct fs_args *args)
{
	int npos = 0, i;

	memset(args, 0, sizeof(*args));
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			if (!u->takes_command)
				return fs_opts_bad(u, "takes no command after --");
			args->after = &argv[i + 1];
			args->nafter = argc - i - 1;
			break;
		}
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help(u, opts);
			return FS_OPTS_SHOWN;
		}
		if (argv[i][0] == '-' && argv[i][1]) {
			int ret = take_option(u, opts, argc, argv, &i);

			if (ret >= 0)
				return ret;
			continue;
		}
		if (npos == u->max_pos)
			return fs_opts_bad(u, "does not know what to do with \"%s\"", argv[i]);
		/* Only words before i are overwritten, and those have been dealt with. */
		argv[1 + npos++] = argv[i];
	}
	args->pos = argv + 1;
	args->npos = npos;
	if (npos < u->min_pos)
		return fs_opts_bad(u, "too few arguments: %s %s %s", program(u), u->command,
				   u->synopsis);
	return -1;
}

json_t *fs_opts_asked(const struct fs_opt *opts)
{
	json_t *asked = json_object();

	for (const struct fs_opt *o = opts; asked && o->name; o++) {
		json_t *v;

		if (!o->given)
			continue;
		v = o->text ? fs_json_text(o->text) : json_true();
		if (json_object_set_new(asked, o->name + 2, v)) {
			json_decref(asked);
			return NULL;
		}
	}
	return asked;
}
