// SPDX-License-Identifier: BSD-2-Clause
/* A whole recording into a result. */
#include "attribute/attribute.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/evaluate.h"
#include "attribute/feed.h"
#include "attribute/records/skipped.h"
#include "attribute/result/cohorts.h"
#include "attribute/result/retire.h"
#include "base/err.h"

#define DEFAULT_TIMEOUT_NS 60000000000ull

static uint64_t meta_number(const struct fsr_info *info, const char *key)
{
	json_t *v = info->meta ? json_object_get(info->meta, key) : NULL;

	return json_is_integer(v) && json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v)
							       : 0;
}

static int by_resume(const void *x, const void *y)
{
	const struct at_made *a = x, *b = y;

	if (a->f->resume_ns != b->f->resume_ns)
		return a->f->resume_ns < b->f->resume_ns ? -1 : 1;
	return a->f->vm < b->f->vm ? -1 : a->f->vm > b->f->vm;
}

static uint64_t unknown_of(const struct fsa_fork *f)
{
	uint64_t sum = 0;

	for (int s = 0; s < FSA_NSTAGES; s++)
		sum += f->cells[s][FSA_C_UNKNOWN].ns;
	return sum;
}

static int make_result(struct at *a, struct fsa_result *res)
{
	int ret;

	if (a->forks.n)
		qsort(a->forks.v, a->forks.n, sizeof(*a->forks.v), by_resume);
	ret = at_mark_first(a);
	res->forks = calloc(a->forks.n + 1, sizeof(*res->forks));
	if (!res->forks || ret)
		return -ENOMEM;
	for (size_t i = 0; i < a->forks.n; i++) {
		struct fsa_fork *f = a->forks.v[i].f;

		f->id = (unsigned int)i + 1;
		if (a->o.only_fork && f->id != (unsigned int)a->o.only_fork) {
			fsa_fork_free(f);
		} else {
			res->forks[res->nforks++] = *f;
			res->unknown_ns += unknown_of(f);
		}
		free(f);
	}
	a->forks.n = 0;
	res->opts = a->o;
	res->vms_seen = a->vms_seen;
	res->vms = a->listed.v; /* handed over */
	res->nvms = a->listed.n;
	a->listed.v = NULL;
	a->listed.n = a->listed.cap = 0;
	res->events = a->events;
	res->texts = a->texts.v;
	res->ntexts = a->texts.n;
	a->texts.v = NULL;
	a->texts.n = 0;
	res->odd_events = a->odd;
	return at_cohorts(res);
}

/*
 * Losses that the recorder counted for each VM. A hole in a CPU's sequence may be any VM's: where
 * the counts say that it was another's, and nothing of this fork became unknown, it is not noted.
 */
static int note_losses(struct at *a)
{
	const struct fsr_info *info = fsr_info(a->r);
	bool counted = info->stats && json_is_array(json_object_get(info->stats, "lost_vm"));
	struct at_losses l;

	if (at_lost_load(info->stats, &l))
		return -ENOMEM;
	for (size_t i = 0; i < a->forks.n; i++) {
		struct fsa_fork *f = a->forks.v[i].f;

		f->lost = at_lost_of(&l, f->vm);
		if (f->lost)
			f->notes |= 1u << FSA_N_LOST_EVENTS;
		else if (counted && f->complete && !at_lost_of(&l, 0) && !unknown_of(f))
			f->notes &= ~(1u << FSA_N_LOST_EVENTS);
	}
	fs_vec_free(&l.v);
	return 0;
}

static int run(struct at *a)
{
	const struct fs_ev *ev;
	int got = 0, ret = at_missed_load(a);

	while (!ret && (got = fsr_next(a->r, &ev)) > 0)
		ret = at_feed(a, ev);
	if (!ret && got < 0)
		return fs_errf(a->err, a->err_len, got, "reading the recording: %s",
			       strerror(-got));
	return ret ? ret : at_finish(a);
}

int fsa_attribute(struct fsr_reader *r, const struct fsa_opts *o, struct fsa_result **out,
		  char *err, size_t err_len)
{
	struct at a = {.r = r, .o = *o, .next_due = UINT64_MAX, .err = err, .err_len = err_len};
	struct fsa_result *res = calloc(1, sizeof(*res));
	int ret = -ENOMEM;

	*out = NULL;
	if (err_len)
		err[0] = '\0';
	if (a.o.end == FSA_END_ACK && !a.o.end_name[0])
		strcpy(a.o.end_name, "mailbox");
	a.timeout = o->timeout_ns ? o->timeout_ns : meta_number(fsr_info(r), "timeout_ns");
	if (!a.timeout)
		a.timeout = DEFAULT_TIMEOUT_NS;
	a.o.timeout_ns = a.timeout;
	a.cpus = calloc(AT_CPUS, sizeof(*a.cpus));
	if (res && a.cpus)
		ret = run(&a);
	if (!ret) {
		while (a.all_procs.n) /* hands the late acks over to their forks */
			at_proc_retire(&a, a.all_procs.v[a.all_procs.n - 1]);
		ret = note_losses(&a) || a.no_memory ? -ENOMEM : make_result(&a, res);
	}
	at_free(&a);
	if (ret) {
		fsa_free(res);
		if (err_len && !err[0])
			fs_errf(err, err_len, ret, "attributing the recording: %s", strerror(-ret));
		return ret;
	}
	*out = res;
	return 0;
}
