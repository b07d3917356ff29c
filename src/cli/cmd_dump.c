// SPDX-License-Identifier: BSD-2-Clause
/* forkscope dump: what a recording holds, one line each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/opts.h"
#include "cli/cmds.h"
#include "record/guest/guest_data.h"
#include "record/inspect.h"
#include "record/reader.h"
#include "record/text/event_text.h"
#include "record/text/guest_text.h"

enum form { FORM_ALL, FORM_TEXT, FORM_JSON };

static const struct fs_usage usage = {
	.command = "dump",
	.synopsis = "[--text | --json] FILE",
	.what = "Prints what a recording holds: header and chunks as comments, then META, stacks, symbols, what was read of guests' recorders, and every event in the order of time, one line each.",
	.notes = "Exit status: 0 done, 1 failed, 2 wrong usage, 3 the recording is incomplete.",
	.min_pos = 1,
	.max_pos = 1,
};

static void print_json_line(const char *key, json_t *value)
{
	json_t *line = json_object();
	char *text;

	json_object_set(line, key, value);
	text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (text)
		puts(text);
	free(text);
	json_decref(line);
}

static int print_chunk(const struct fsr_chunk_info *i, void *arg)
{
	const struct fsr_chunk *c = &i->chunk;

	(void)arg;
	printf("# chunk %u at byte %" PRIu64 ": ", c->seq, c->offset);
	if (i->name)
		printf("%s, %u bytes", i->name, c->bytes);
	else
		printf("unknown type %u, %u bytes (skipped)", c->type, c->bytes);
	if (c->type == FSR_EVENTS)
		printf(", cpu %u, %u records", i->events.cpu, i->events.count);
	if (c->type == FSR_ROUND)
		printf(", horizon %" PRIu64, i->round.horizon_ns);
	putchar('\n');
	return 0;
}

static void print_header(const struct fsr_reader *r)
{
	const struct fsr_info *i = fsr_info(r);
	time_t at = (time_t)(i->created_ns / 1000000000);
	char when[64] = "?";
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("# recording, format %u.%u, created %s, %" PRIu64 " chunks, %s\n", i->major,
	       i->minor, when, i->chunks, i->truncated ? i->why : "complete");
	fsr_each_chunk(r, print_chunk, NULL);
}

static void print_json_header(const struct fsr_info *i)
{
	json_t *header =
		json_pack("{s:i, s:i, s:I, s:I}", "major", i->major, "minor", i->minor,
			  "created_ns", (json_int_t)i->created_ns, "chunks", (json_int_t)i->chunks);

	print_json_line("header", header);
	json_decref(header);
}

/* A chunk that is a JSON object: META, STATS, END. */
static void print_object(enum form form, const char *text_name, const char *json_name, json_t *obj)
{
	char *text;

	if (!obj)
		return;
	if (form == FORM_JSON) {
		print_json_line(json_name, obj);
		return;
	}
	text = json_dumps(obj, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (text)
		printf("%s %s\n", text_name, text);
	free(text);
}

static void print_stacks(enum form form, const struct fsr_reader *r)
{
	const uint64_t *addrs;
	uint32_t id;
	int depth;

	for (size_t i = 0; (depth = fsr_stack_at(r, i, &id, &addrs)) >= 0; i++) {
		printf(form == FORM_JSON ? "{\"stack\":{\"id\":%u,\"addrs\":[" : "STACK %u", id);
		for (int k = 0; k < depth; k++)
			if (form == FORM_JSON)
				printf("%s\"0x%" PRIx64 "\"", k ? "," : "", addrs[k]);
			else
				printf(" %" PRIx64, addrs[k]);
		puts(form == FORM_JSON ? "]}}" : "");
	}
}

static void print_symbols(enum form form, const struct fsr_reader *r)
{
	const char *name, *module;
	uint64_t addr;

	for (size_t i = 0; (name = fsr_symbol_at(r, i, &addr, &module)); i++) {
		char hex[24];
		json_t *sym;

		if (form != FORM_JSON) {
			printf("SYM %016" PRIx64 " %s%s%s\n", addr, name, *module ? " " : "",
			       module);
			continue;
		}
		snprintf(hex, sizeof(hex), "0x%" PRIx64, addr);
		sym = json_pack("{s:s, s:o, s:o}", "addr", hex, "name", fs_json_text(name),
				"module", fs_json_text(module));
		print_json_line("symbol", sym);
		json_decref(sym);
	}
}

static void print_line(const char *text, void *arg)
{
	(void)arg;
	puts(text);
}

static void print_json(const json_t *o, void *arg)
{
	char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);

	(void)arg;
	if (text)
		puts(text);
	free(text);
}

/* Each reading of a guest's recorder, as it stands in the file. */
static void print_guests(enum form form, const struct fsr_reader *r)
{
	for (size_t i = 0; i < fsr_guest_readings(r); i++) {
		size_t bytes;
		void *payload = fsr_guest_payload(r, i, &bytes);
		int ret = !payload            ? -1
			  : form == FORM_JSON ? fsr_guest_json(payload, bytes, print_json, NULL)
					      : fsr_guest_print(payload, bytes, print_line, NULL);

		if (ret)
			fs_warn("a reading of the guest of VM %u does not add up",
				fsr_guest_reading_vm(r, i));
		free(payload);
	}
}

static void hex_id(const uint8_t id[16], char text[33])
{
	for (int i = 0; i < 16; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
}

/* A kernel has some hundred thousand symbols: they are printed only where all is wanted. */
static void print_guest_symbols(enum form form, struct fsr_reader *r,
				const struct fsr_guest_blob *b, const char *id)
{
	size_t len;
	const char *text = fsr_guest_symbols(r, b->id, &len), *eol;
	json_t *o;

	if (form == FORM_JSON) {
		o = json_pack("{s:s, s:i, s:I}", "id", id, "deflated_bytes", (int)b->bytes, "bytes",
			      text ? (json_int_t)len : (json_int_t)-1);
		print_json_line("guest_symbols", o);
		json_decref(o);
		return;
	}
	if (!text || form == FORM_ALL)
		printf("# symbols of the guest %s: %u bytes deflated, %s\n", id, b->bytes,
		       text ? "not shown (--text does)" : "damaged");
	for (; text && form == FORM_TEXT && (eol = strchr(text, '\n')); text = eol + 1)
		printf("GSYM %.*s\n", (int)(eol - text), text);
}

static void print_guest_blobs(enum form form, struct fsr_reader *r)
{
	const struct fsr_guest_blob *b;

	for (size_t i = 0; (b = fsr_guest_blob_at(r, i)); i++) {
		json_t *meta = json_incref((json_t *)(uintptr_t)fsr_guest_meta(r, b->id));
		char id[33];

		hex_id(b->id, id);
		if (form != FORM_JSON)
			printf("GBLOB id=%s\n", id);
		if (b->kind == FSG_PART_SYMBOLS)
			print_guest_symbols(form, r, b, id);
		else if (b->kind == FSG_PART_META)
			print_object(form, "GMETA", "guest_meta", meta);
		json_decref(meta);
	}
}

static int print_events(enum form form, struct fsr_reader *r)
{
	char line[FSR_MAX_LINE], *text;
	const struct fs_ev *ev;
	json_t *obj;
	int got;

	while ((got = fsr_next(r, &ev)) > 0) {
		if (form != FORM_JSON) {
			fsr_text_print(ev, line);
			puts(line);
			continue;
		}
		obj = fsr_text_json(ev);
		text = obj ? json_dumps(obj, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
		if (text)
			puts(text);
		free(text);
		json_decref(obj);
	}
	return got;
}

static void print_end(enum form form, const struct fsr_info *i)
{
	json_t *sum;

	print_object(form, "STATS", "stats", i->stats);
	print_object(form, "END", "end", i->end);
	if (form != FORM_JSON && !i->end)
		puts("NOEND");
	if (form == FORM_ALL)
		printf("# %" PRIu64 " events, %" PRIu64 " missing by sequence, %" PRIu64
		       " of unknown kinds, %" PRIu64 " malformed or late\n",
		       i->events, i->seq_holes, i->unknown_events, i->bad_events);
	if (form != FORM_JSON)
		return;
	sum = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:s}", "events", (json_int_t)i->events,
			"seq_holes", (json_int_t)i->seq_holes, "unknown_events",
			(json_int_t)i->unknown_events, "unknown_chunks",
			(json_int_t)i->unknown_chunks, "bad_events", (json_int_t)i->bad_events,
			"complete", i->complete, "truncated", i->truncated, "why", i->why);
	print_json_line("summary", sum);
	json_decref(sum);
}

static int dump(enum form form, const char *path)
{
	char err[FS_SENTENCE];
	struct fsr_reader *r;
	const struct fsr_info *i;
	int ret;

	if (fsr_open(path, &r, err, sizeof(err))) {
		fs_error("%s: %s", path, err);
		return FS_EXIT_FAILED;
	}
	i = fsr_info(r);
	if (form == FORM_ALL)
		print_header(r);
	if (form == FORM_JSON)
		print_json_header(i);
	print_object(form, "META", "meta", i->meta);
	print_stacks(form, r);
	print_symbols(form, r);
	print_guests(form, r);
	print_guest_blobs(form, r);
	ret = print_events(form, r);
	print_end(form, i);
	if (ret < 0) {
		fs_error("%s: reading events: %s", path, strerror(-ret));
		ret = FS_EXIT_FAILED;
	} else if (i->truncated) {
		fs_warn("%s: incomplete: %s", path, i->why);
		ret = FS_EXIT_INCOMPLETE;
	} else if (i->bad_events || i->seq_holes) {
		ret = FS_EXIT_INCOMPLETE;
	}
	fsr_free(r);
	if (fflush(stdout) || ferror(stdout)) {
		fs_error("writing to standard output failed: %m");
		return FS_EXIT_FAILED;
	}
	return ret;
}

static int text_form(const char *text, void *dst, char *why, size_t len)
{
	(void)text, (void)why, (void)len;
	*(enum form *)dst = FORM_TEXT;
	return 0;
}

static int json_form(const char *text, void *dst, char *why, size_t len)
{
	(void)text, (void)why, (void)len;
	*(enum form *)dst = FORM_JSON;
	return 0;
}

int cmd_dump(int argc, char **argv)
{
	enum form form = FORM_ALL;
	struct fs_opt opts[] = {
		FS_OPT("--text", NULL, NULL, text_form, &form,
		       "without the comments: what tools/mkrec makes a recording from again"),
		FS_OPT("--json", NULL, NULL, json_form, &form, "one JSON object per line"),
		FS_OPT_END,
	};
	struct fs_args args;
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	return ret >= 0 ? ret : dump(form, args.pos[0]);
}
