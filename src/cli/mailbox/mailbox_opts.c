// SPDX-License-Identifier: BSD-2-Clause
/* The options of forkscope mailbox find, show and patch. */
#include "cli/mailbox/mailbox_opts.h"
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/opts.h"
#include "cli/cmds.h"

static int opt_kind(const char *text, void *dst, char *why, size_t len)
{
	for (unsigned int k = 0; k < FS_MBOX_KINDS; k++) {
		if (!strcmp(text, fs_mbox_layouts[k].name)) {
			*(unsigned int *)dst = 1u << k;
			return 0;
		}
	}
	if (!strcmp(text, "both")) {
		*(unsigned int *)dst = FS_MBOX_ALL;
		return 0;
	}
	snprintf(why, len, "is none of resume-network, fork, both");
	return -1;
}

/* One parser for each field of the payload: all go through the decoder's own rules. */
static int set_field(const char *text, void *dst, char *why, size_t len, enum fs_payload_field f)
{
	enum fs_payload_error e = fs_payload_set(dst, f, text, strlen(text));

	if (e)
		snprintf(why, len, "is not good: %s", fs_payload_error_text(e));
	return e ? -1 : 0;
}

#define X(parser, field, option, argument, help)                           \
	int parser(const char *text, void *dst, char *why, size_t len)     \
	{                                                                  \
		return set_field(text, dst, why, len, FS_PAYLOAD_##field); \
	}
MAILBOX_FIELD_OPTIONS(X)
#undef X

#define COMMON_OPTIONS(r)                                                               \
	FS_OPT("--token", "-t", "TOKEN", fs_opt_string, &(r)->query.token,              \
	       "the token next to the magic; the whole field must be equal"),           \
		FS_OPT("--kind", "-k", "KIND", opt_kind, &(r)->query.kinds,             \
		       "resume-network, fork or both (default: both)"),                 \
		FS_OPT("--name", NULL, "NAME", fs_opt_string, &(r)->query.name,         \
		       "only the fork mailbox of this name"),                           \
		FS_OPT("--offset-file", NULL, "FILE", fs_opt_string, &(r)->offset_file, \
		       "remember the offset there, not in the cache folder"),           \
		FS_OPT("--no-remember", NULL, NULL, fs_opt_flag, &(r)->forget,          \
		       "search anew, and leave no trace of the offset"),                \
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &(r)->json, "print one JSON object")

static const struct fs_usage find_usage = {
	.command = "mailbox find",
	.synopsis = "MEMFILE --token T",
	.what = "Finds the mailbox with this token in a snapshot's memory file, at any alignment. It must be there exactly once. The offset is remembered for the file as it is now; the next command reads one page to verify it.",
	.min_pos = 1,
	.max_pos = 1,
};

static const struct fs_usage show_usage = {
	.command = "mailbox show",
	.synopsis = "MEMFILE --token T",
	.what = "Finds the mailbox and prints what it holds.",
	.min_pos = 1,
	.max_pos = 1,
};

static const struct fs_usage patch_usage = {
	.command = "mailbox patch",
	.synopsis =
		"MEMFILE --token T (--payload FILE | --interface I --mac M --ip A --prefix N --gateway G)",
	.what = "Fills the empty mailbox in a memory file that no process maps: writes payload, length and sequence, in that order, inside of the page that was verified.",
	.notes =
		"Refused: a payload that does not fit or that the agent would refuse, a mailbox that is full, a file that anybody may write, and one on which a VM may run: a process maps it or has it open, or it cannot be seen that none does. Exit status 1 then, and nothing was written.",
	.min_pos = 1,
	.max_pos = 1,
};

/* What the parser cannot see option by option. Returns -1 to go on. */
static int check_query(const struct fs_usage *u, const struct mailbox_asked *r)
{
	size_t longest = 0, len = r->query.token ? strlen(r->query.token) : 0;

	if (!len)
		return fs_opts_bad(u, "--token is needed");
	for (unsigned int k = 0; k < FS_MBOX_KINDS; k++)
		if ((r->query.kinds & 1u << k) && fs_mbox_layouts[k].token_max > longest)
			longest = fs_mbox_layouts[k].token_max;
	if (len > longest)
		return fs_opts_bad(u, "the token has %zu bytes, but this kind of mailbox holds %zu",
				   len, longest);
	if (!r->query.name)
		return -1;
	if (!(r->query.kinds & 1u << FS_MBOX_FORK))
		return fs_opts_bad(u, "--name is for fork mailboxes");
	if (!fs_mbox_name_ok((const uint8_t *)r->query.name, strlen(r->query.name)))
		return fs_opts_bad(u, "\"%s\" is not a name of a mailbox", r->query.name);
	return -1;
}

static int check_payload(const struct mailbox_asked *r)
{
	enum fs_payload_error e;

	if (r->payload_file)
		return r->payload.have
			       ? fs_opts_bad(
					 &patch_usage,
					 "--payload is the whole payload: leave out --interface, --mac and the like")
			       : -1;
	e = fs_payload_check(&r->payload);
	if (e == FS_PAYLOAD_ERR_MISSING)
		return fs_opts_bad(
			&patch_usage,
			"give --payload FILE, or all of --interface, --mac, --ip, --prefix and --gateway");
	return e ? fs_opts_bad(&patch_usage, "%s", fs_payload_error_text(e)) : -1;
}

static int parse_reading(const struct fs_usage *u, struct mailbox_asked *r, int argc, char **argv)
{
	struct fs_opt opts[] = {COMMON_OPTIONS(r), FS_OPT_END};
	struct fs_args args;
	int ret = fs_opts_parse(u, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	r->file = args.pos[0];
	return check_query(u, r);
}

int mailbox_opts_patch(struct mailbox_asked *r, int argc, char **argv)
{
	struct fs_opt opts[] = {
		COMMON_OPTIONS(r),
		FS_OPT("--payload", "-p", "FILE", fs_opt_string, &r->payload_file,
		       "the payload, byte for byte; - is stdin"),
#define X(parser, field, option, argument, help) \
	FS_OPT(option, NULL, argument, parser, &r->payload, help),
		MAILBOX_FIELD_OPTIONS(X)
#undef X
			FS_OPT("--private-copy", NULL, "OUT", fs_opt_string, &r->copy_out,
			       "leave MEMFILE alone: make OUT, a copy (reflink if possible), and fill that"),
		FS_OPT("--unseen-ok", NULL, NULL, fs_opt_flag, &r->unseen_ok,
		       "you know that no VM runs on MEMFILE: go on though somebody has it open, or cannot be seen (who maps it is in the way all the same)"),
		FS_OPT_END,
	};
	struct fs_args args;
	int ret = fs_opts_parse(&patch_usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	r->file = args.pos[0];
	ret = check_query(&patch_usage, r);
	return ret >= 0 ? ret : check_payload(r);
}

void mailbox_warn_of_gateway(const struct fs_payload *p)
{
	if (fs_payload_gateway_outside(p))
		fs_warn("the gateway %s is outside of %s/%u: the agent's default route will reach it on the link all the same (onlink); if that is not meant, see to the addresses and the prefix",
			p->gateway_text, p->ip_text, p->prefix);
}

int mailbox_opts_find(struct mailbox_asked *r, int argc, char **argv)
{
	return parse_reading(&find_usage, r, argc, argv);
}

int mailbox_opts_show(struct mailbox_asked *r, int argc, char **argv)
{
	return parse_reading(&show_usage, r, argc, argv);
}
