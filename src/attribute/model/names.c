// SPDX-License-Identifier: BSD-2-Clause
/* Causes, stages, buckets and notes by name, and the options that name the ends of a window. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/model/model.h"
#include "base/err.h"
#include "base/units.h"

static const struct {
	const char *name, *key, *title;
} buckets[] = {
#define X(e, name, key, title) [FSA_B_##e] = {name, key, title},
	FSA_BUCKETS(X)
#undef X
};

static const char *const stages[] = {
#define X(e, name) [FSA_S_##e] = name,
	FSA_STAGES(X)
#undef X
};

static const struct {
	const char *name, *doc;
	enum fsa_bucket bucket;
} causes[] = {
#define X(e, name, bucket, doc) [FSA_C_##e] = {name, doc, FSA_B_##bucket},
	FSA_CAUSES(X)
#undef X
};

static const char *const notes[] = {
#define X(e, text) [FSA_N_##e] = text,
	FSA_NOTES(X)
#undef X
};

const char *fsa_cause_name(enum fsa_cause c)
{
	return (unsigned int)c < FSA_NCAUSES ? causes[c].name : "?";
}

const char *fsa_cause_doc(enum fsa_cause c)
{
	return (unsigned int)c < FSA_NCAUSES ? causes[c].doc : "?";
}

const char *fsa_stage_name(enum fsa_stage s)
{
	return (unsigned int)s < FSA_NSTAGES ? stages[s] : "?";
}

const char *fsa_bucket_name(enum fsa_bucket b)
{
	return (unsigned int)b < FSA_NBUCKETS ? buckets[b].name : "?";
}

const char *fsa_bucket_key(enum fsa_bucket b)
{
	return (unsigned int)b < FSA_NBUCKETS ? buckets[b].key : "?";
}

const char *fsa_bucket_title(enum fsa_bucket b)
{
	return (unsigned int)b < FSA_NBUCKETS ? buckets[b].title : "?";
}

const char *fsa_note_text(enum fsa_note n)
{
	return (unsigned int)n < FSA_NNOTES ? notes[n] : "?";
}

/*
 * Idle time is signal delivery while the signal is on its path, vCPU progress after that. In the
 * one stage of a host-only report it is not known which of the two it was: it is not split, as
 * guest.run is not.
 */
enum fsa_bucket fsa_bucket_of(enum fsa_stage s, enum fsa_cause c)
{
	if ((unsigned int)c >= FSA_NCAUSES)
		return FSA_B_UNKNOWN;
	if (c != FSA_C_GUEST_IDLE)
		return causes[c].bucket;
	if (s <= FSA_S_WAKEUP)
		return FSA_B_SIGNAL;
	return s == FSA_S_GUEST ? FSA_B_GUEST : FSA_B_VCPU;
}

uint64_t fsa_huge_bytes(enum fsa_huge h)
{
	static const uint64_t bytes_of[FSA_NHUGE] = {
#define X(e, bytes, hint) [FSA_HUGE_##e] = (bytes),
		FSA_HUGE_SIZES(X)
#undef X
	};

	return h < FSA_NHUGE ? bytes_of[h] : 0;
}

static const char *const start_names[] = {
	[FSA_START_RESUME] = "resume",
	[FSA_START_LOAD] = "load",
	[FSA_START_SPAWN] = "spawn",
};

int fsa_parse_start(const char *text, struct fsa_opts *o, char *err, size_t err_len)
{
	for (size_t i = 0; i < sizeof(start_names) / sizeof(*start_names); i++)
		if (!strcmp(text, start_names[i])) {
			o->start = (enum fsa_start_kind)i;
			return 0;
		}
	return fs_errf(err, err_len, -EINVAL, "'%s' is not a start: use spawn, load or resume",
		       text);
}

/* A name of an ack stage or a mark: what a `stage=` datagram may carry as one word. */
static int parse_name(const char *kind, const char *v, struct fsa_opts *o, char *err, size_t len)
{
	size_t n = strlen(v);

	if (!n || n >= sizeof(o->end_name))
		return fs_errf(err, len, -EINVAL, "'%s:' needs a name of 1 to %zu characters", kind,
			       sizeof(o->end_name) - 1);
	for (size_t i = 0; i < n; i++)
		if (v[i] <= ' ' || v[i] > '~')
			return fs_errf(
				err, len, -EINVAL,
				"the name after '%s:' may hold printable characters only, no spaces",
				kind);
	memcpy(o->end_name, v, n + 1);
	return 0;
}

static int parse_port(const char *kind, const char *v, struct fsa_opts *o, char *err, size_t len)
{
	char *rest;
	unsigned long p;

	errno = 0;
	p = strtoul(v, &rest, 0);
	if (*v < '0' || *v > '9' || *rest || errno || p > 65535)
		return fs_errf(err, len, -EINVAL, "'%s' is not a port: use %s:NUMBER, 0 to 65535",
			       v, kind);
	o->end_port = (uint32_t)p;
	return 0;
}

int fsa_parse_end(const char *text, struct fsa_opts *o, char *err, size_t err_len)
{
	static const struct {
		const char *kind;
		enum fsa_end_kind end;
	} kinds[] = {{"ack", FSA_END_ACK},
		     {"tcp", FSA_END_TCP},
		     {"pio", FSA_END_PIO},
		     {"mark", FSA_END_MARK},
		     {"after", FSA_END_AFTER}};
	const char *colon = strchr(text, ':');

	if (!strcmp(text, "first-tx")) {
		o->end = FSA_END_FIRST_TX;
		return 0;
	}
	for (size_t i = 0; colon && i < sizeof(kinds) / sizeof(*kinds); i++) {
		const char *kind = kinds[i].kind, *v = colon + 1;

		if (strlen(kind) != (size_t)(colon - text) || strncmp(text, kind, strlen(kind)))
			continue;
		o->end = kinds[i].end;
		if (o->end == FSA_END_ACK || o->end == FSA_END_MARK)
			return parse_name(kind, v, o, err, err_len);
		if (o->end == FSA_END_TCP || o->end == FSA_END_PIO)
			return parse_port(kind, v, o, err, err_len);
		switch (fs_parse_duration(v, &o->end_after_ns)) {
		case 0:
			if (o->end_after_ns)
				return 0;
			break;
		case -ERANGE:
			return fs_errf(err, err_len, -EINVAL, "'%s' is too long (100 years)", v);
		}
		return fs_errf(err, err_len, -EINVAL,
			       "'%s' is not a duration: use after:250ms or the like", v);
	}
	return fs_errf(
		err, err_len, -EINVAL,
		"'%s' is not an end: use ack:STAGE, first-tx, tcp:PORT, pio:PORT, mark:NAME or after:DURATION",
		text);
}

const char *fsa_end_text(const struct fsa_opts *o, char *buf, size_t len)
{
	char ns[FS_UNITS_LEN];

	switch (o->end) {
	case FSA_END_ACK:
		snprintf(buf, len, "ack:%s", o->end_name);
		break;
	case FSA_END_FIRST_TX:
		snprintf(buf, len, "first-tx");
		break;
	case FSA_END_TCP:
		snprintf(buf, len, "tcp:%u", o->end_port);
		break;
	case FSA_END_PIO:
		snprintf(buf, len, "pio:0x%x", o->end_port);
		break;
	case FSA_END_MARK:
		snprintf(buf, len, "mark:%s", o->end_name);
		break;
	case FSA_END_AFTER:
		snprintf(buf, len, "after:%s", fs_fmt_ns_exact(o->end_after_ns, ns, sizeof(ns)));
		break;
	}
	return buf;
}

static const struct {
	enum fsa_vm_kind kind;
	const char *text;
} whys[] = {
#define X(e, kind, text) [FSA_W_##e] = {FSA_K_##kind, text},
	FSA_VM_WHYS(X)
#undef X
};

const char *fsa_vm_why(const struct fsa_vm *vm)
{
	return (unsigned int)vm->why < FSA_NWHYS ? whys[vm->why].text : "?";
}

enum fsa_vm_kind fsa_vm_kind(const struct fsa_vm *vm)
{
	return (unsigned int)vm->why < FSA_NWHYS ? whys[vm->why].kind : FSA_K_NONE;
}
