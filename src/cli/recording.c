// SPDX-License-Identifier: BSD-2-Clause
/* Reads and attributes a recording, and loads what names its addresses. */
#include "cli/recording.h"
#include <errno.h>
#include <string.h>
#include "attribute/attribute.h"
#include "base/err.h"
#include "base/log.h"
#include "cli/cmds.h"
#include "guestsyms/kaslr.h"
#include "guestsyms/symload.h"
#include "record/guest/guest_data.h"
#include "render/trust.h"

/* The end that record was asked, where the user asks for none. */
static int window(const struct fs_rec_opts *a, const json_t *meta, struct fsa_opts *o, char *err,
		  size_t len)
{
	const char *end = json_string_value(json_object_get(meta, "end"));
	int ret;

	memset(o, 0, sizeof(*o));
	ret = fsa_parse_start(a->start ? a->start : "resume", o, err, len);
	if (ret)
		return ret;
	if (a->end)
		end = a->end;
	ret = fsa_parse_end(end && *end ? end : "ack:mailbox", o, err, len);
	if (ret)
		return ret;
	/* "arm" is what a variant was called */
	o->one_snapshot = a->population &&
			  (!strcmp(a->population, "variant") || !strcmp(a->population, "arm"));
	if (a->population && !o->one_snapshot && strcmp(a->population, "files"))
		return fs_errf(
			err, len, -EINVAL,
			"--population \"%s\" is neither files (forks of one memory or state file are of one snapshot) nor variant (all forks of a variant are)",
			a->population);
	o->kind = a->kind;
	o->timeout_ns = a->timeout_ns;
	o->no_guest = a->no_guest;
	o->drop_segs = a->drop_segs;
	o->keep_faults = a->keep_faults;
	return 0;
}

static const char *symbols_of(void *arg, const uint8_t id[16], size_t *len)
{
	return fsr_guest_symbols(arg, id, len);
}

static int load(const char *path, const struct fs_rec_opts *o, struct fs_rec *rec)
{
	struct fsv_view *v = &rec->view;
	char err[FS_SENTENCE] = "";
	struct fsa_opts w;

	if (fsr_open(path, &rec->reader, err, sizeof(err))) {
		fs_error("%s: %s", path, err);
		return FS_EXIT_FAILED;
	}
	*v = (struct fsv_view){.reader = rec->reader, .info = fsr_info(rec->reader), .path = path};
	if (window(o, v->info->meta, &w, err, sizeof(err))) {
		fs_error("%s", err);
		return FS_EXIT_USAGE;
	}
	if (o->symbols && fsy_syms_load(o->symbols, &rec->syms, err, sizeof(err))) {
		fs_error("%s", err);
		return FS_EXIT_FAILED;
	}
	if (fsa_attribute(rec->reader, &w, &rec->res, err, sizeof(err))) {
		fs_error("%s: %s", path, err);
		return FS_EXIT_FAILED;
	}
	if (rec->syms)
		fsy_kaslr_find(rec->syms, rec->res, o->fork);
	if (fsy_own_load(rec->res, o->fork, symbols_of, rec->reader, &rec->own))
		fs_warn("no memory for the snapshots' symbols: guest addresses stay numbers");
	for (size_t i = 0; rec->own && i < rec->own->n; i++)
		rec->own->v[i].meta = fsr_guest_meta(rec->reader, rec->own->v[i].id);
	v->res = rec->res;
	v->guest = rec->syms;
	v->own = rec->own;
	return FS_EXIT_OK;
}

int fs_rec_open(const char *path, const struct fs_rec_opts *o, struct fs_rec *rec)
{
	int ret;

	memset(rec, 0, sizeof(*rec));
	ret = load(path, o, rec);
	if (ret)
		fs_rec_close(rec);
	return ret;
}

void fs_rec_close(struct fs_rec *rec)
{
	fsa_free(rec->res);
	fsy_own_free(rec->own);
	fsy_syms_free(rec->syms);
	fsr_free(rec->reader);
	memset(rec, 0, sizeof(*rec));
}

int fs_rec_opt_kind(const char *text, void *dst, char *why, size_t len)
{
	if (strcmp(text, "restore") && strcmp(text, "boot")) {
		snprintf(why, len, "is neither restore nor boot");
		return -1;
	}
	*(enum fsa_vm_kind *)dst = strcmp(text, "boot") ? FSA_K_RESTORE : FSA_K_BOOT;
	return 0;
}

/* Says what the VMs of the recording were taken for, each reason once. */
static void no_fork(const struct fsv_view *v)
{
	size_t n[FSA_NWHYS] = {0};

	fs_warn("no restored VM was found in %s", v->path);
	for (size_t i = 0; i < v->res->nvms; i++)
		n[v->res->vms[i].why]++;
	for (size_t i = 0; i < v->res->nvms; i++) {
		const struct fsa_vm *vm = &v->res->vms[i];

		if (!n[vm->why])
			continue;
		fs_info("  %zu VM%s, as number %u of process %u, %s: %s%s", n[vm->why],
			n[vm->why] == 1 ? "" : "s", vm->vm, vm->pid,
			fsa_vm_kind(vm) == FSA_K_BOOT ? "boots" : "is not a fork", fsa_vm_why(vm),
			fsa_vm_kind(vm) == FSA_K_BOOT ? "; --kind restore if it was restored" : "");
		n[vm->why] = 0;
	}
}

int fs_rec_complete(const struct fsv_view *v)
{
	struct fsv_trust t;
	size_t open = 0, shown = 0;

	fsv_trust_read(v, &t);
	for (size_t i = 0; i < v->res->nforks; i++) {
		if (!fsv_shows(v, &v->res->forks[i]))
			continue;
		shown++;
		open += !v->res->forks[i].complete;
	}
	if (v->info->truncated)
		fs_warn("%s: %s; what stands before it was used", v->path, v->info->why);
	else if (!v->info->complete)
		fs_warn("%s has no end mark: the recorder did not finish", v->path);
	if (t.lost_records != FSV_NOT_RECORDED && t.lost_records)
		fs_warn("%s: %llu records were lost while recording", v->path,
			(unsigned long long)t.lost_records);
	if (t.odd_events)
		fs_warn("%s: %llu records were left out: they contradict others, name what cannot be, or are too many",
			v->path, (unsigned long long)t.odd_events);
	if (open)
		fs_warn("%s: %zu of %zu forks did not reach their end", v->path, open, shown);
	if (!shown)
		no_fork(v);
	return t.host_incomplete || open || !shown ? FS_EXIT_INCOMPLETE : FS_EXIT_OK;
}
