// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the judges of the end-to-end tests look at: the critical path of each fork piece by piece,
 * and counts of raw records. Links the same pure objects as `forkscope report`.
 *
 * dump RUN.fsr [END [TIMEOUT_MS]]      prints one JSON object
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attribute/attribute.h"
#include "guest_events.h"
#include "record/reader.h"

#define MAX_VMS    1024
#define MAX_SLOTS  8
#define PFERR_RSVD (1u << 3)

struct vm_counts {
	uint32_t tgid;
	uint64_t vmexits, n_pf, mmio_pf, apf, uffd, runs, pios, halts, memfaults, wrong;
	uint64_t first_ns, last_ns;
	struct slot { /* of guest memory, in the VMM's addresses */
		uint64_t hva, size;
	} slots[MAX_SLOTS];
	unsigned int nslots;
};

struct counts {
	struct vm_counts vm[MAX_VMS];
	uint64_t kinds[64];
};

static const char *const kind_names[] = {
#define X(num, name, type, doc) [num] = #name,
	FS_EVENT_KINDS(X)
#undef X
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "dump: %s: %s\n", what, why);
	exit(1);
}

/* The VM whose process this is, or 0. */
static uint32_t vm_of(const struct counts *c, uint32_t tgid)
{
	if (!tgid)
		return 0;
	for (uint32_t i = 1; i < MAX_VMS; i++)
		if (c->vm[i].tgid == tgid)
			return i;
	return 0;
}

/* Whose event it is by itself: of a wake-up or signal the target's, else who emitted it. */
static uint32_t tgid_of(const struct fs_ev *ev)
{
	if (ev->kind == FS_EV_WAKE)
		return ((const struct fs_ev_wake *)(const void *)ev)->target_tgid;
	if (ev->kind == FS_EV_SIGNAL)
		return ((const struct fs_ev_signal *)(const void *)ev)->target_tgid;
	return ev->flags & FS_F_IRQCTX ? 0 : ev->tgid;
}

static bool in_memory(const struct vm_counts *vm, uint64_t addr)
{
	for (unsigned int i = 0; i < vm->nslots; i++)
		if (addr - vm->slots[i].hva < vm->slots[i].size)
			return true;
	return false;
}

static void count_vm(struct counts *c, const struct fs_ev *ev)
{
	struct vm_counts *vm = &c->vm[ev->vm];
	uint32_t owner = vm_of(c, tgid_of(ev));

	/* A VMM's own thread that acts for another VM: the event was given to the wrong fork. */
	if (owner && owner != ev->vm)
		vm->wrong++;
	if (!vm->first_ns)
		vm->first_ns = ev->ts;
	vm->last_ns = ev->ts;
	switch (ev->kind) {
	case FS_EV_VMEXIT: {
		const struct fs_ev_vmexit *x = (const void *)ev;

		vm->vmexits++;
		vm->n_pf += x->n_pf;
		vm->mmio_pf += x->n_pf && (x->error_code & PFERR_RSVD);
		break;
	}
	case FS_EV_APF:
		vm->apf++;
		break;
	case FS_EV_UFFD:
		vm->uffd++;
		break;
	case FS_EV_RUN:
		vm->runs++;
		break;
	case FS_EV_PIO:
		vm->pios++;
		break;
	case FS_EV_HALT:
		vm->halts++;
		break;
	case FS_EV_MEMSLOT: {
		const struct fs_ev_memslot *m = (const void *)ev;

		if (vm->nslots < MAX_SLOTS)
			vm->slots[vm->nslots++] = (struct slot){.hva = m->hva, .size = m->size};
		break;
	}
	case FS_EV_MMFAULT:
		vm->memfaults += in_memory(vm, ((const struct fs_ev_mmfault *)ev)->addr);
		break;
	}
}

static void count(struct fsr_reader *r, struct counts *c)
{
	const struct fs_ev *ev;

	while (fsr_next(r, &ev) == 1)
		if (ev->kind == FS_EV_VM_CREATE && ev->vm < MAX_VMS)
			c->vm[ev->vm].tgid = ev->tgid;
	if (fsr_rewind(r))
		fail("rewind", "the reader refused");
	while (fsr_next(r, &ev) == 1) {
		c->kinds[ev->kind < 64 ? ev->kind : 0]++;
		if (ev->vm && ev->vm < MAX_VMS)
			count_vm(c, ev);
	}
	if (fsr_rewind(r))
		fail("rewind", "the reader refused");
}

static void print_counts(const struct counts *c)
{
	const char *comma = "";

	printf("\"kinds\": {");
	for (size_t i = 1; i < sizeof(kind_names) / sizeof(*kind_names); i++) {
		if (kind_names[i] && c->kinds[i]) {
			printf("%s\"%s\": %" PRIu64, comma, kind_names[i], c->kinds[i]);
			comma = ", ";
		}
	}
	printf("},\n\"vms\": [");
	comma = "";
	for (uint32_t i = 1; i < MAX_VMS; i++) {
		const struct vm_counts *v = &c->vm[i];

		if (!v->tgid)
			continue;
		printf("%s{\"vm\": %u, \"pid\": %u, \"vmexits\": %" PRIu64 ", \"n_pf\": %" PRIu64
		       ", \"mmio_pf\": %" PRIu64 ", \"apf\": %" PRIu64 ", \"uffd\": %" PRIu64
		       ", \"runs\": %" PRIu64 ", \"pios\": %" PRIu64 ", \"halts\": %" PRIu64
		       ", \"memfaults\": %" PRIu64 ", \"wrong\": %" PRIu64
		       ", \"first_ns\": %" PRIu64 ", \"last_ns\": %" PRIu64 "}",
		       comma, i, v->tgid, v->vmexits, v->n_pf, v->mmio_pf, v->apf, v->uffd, v->runs,
		       v->pios, v->halts, v->memfaults, v->wrong, v->first_ns, v->last_ns);
		comma = ",\n ";
	}
	printf("],\n");
}

/* Text that came from a guest, as a JSON string. */
static void print_text(const char *text)
{
	putchar('"');
	for (; *text; text++)
		putchar(*text < ' ' || *text > '~' || *text == '"' || *text == '\\' ? '?' : *text);
	putchar('"');
}

static const char *label_of(const struct fsa_fork *f, uint32_t label)
{
	return label < f->nlabels ? f->labels[label] : "";
}

/* Each piece of the path: [t0, t1, stage, cause, exit reason, who on the host, who in the guest].
 */
static void print_segs(const struct fsa_fork *f)
{
	printf("\"segs\": [");
	for (size_t i = 0; i < f->nsegs; i++) {
		const struct fsa_seg *s = &f->segs[i];

		printf("%s[%" PRIu64 ", %" PRIu64 ", \"%s\", \"%s\", %d, ", i ? ",\n  " : "", s->t0,
		       s->t1, fsa_stage_name((enum fsa_stage)s->stage),
		       fsa_cause_name((enum fsa_cause)s->cause), (int)s->reason);
		print_text(label_of(f, s->label));
		printf(", ");
		print_text(label_of(f, s->guest));
		printf("]");
	}
	printf("]");
}

/* Each memory fault of the path: [guest-physical address of its page, moment, its time, cause]. */
static void print_faults(const struct fsa_fork *f)
{
	printf("\"faults\": [");
	for (size_t i = 0; i < f->npath_faults; i++) {
		const struct fsa_fault *x = &f->path_faults[i];

		printf("%s[%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", \"%s\"]", i ? ",\n  " : "",
		       x->gpa & ~(uint64_t)0xfff, f->start_ns + x->at_ns, x->ns,
		       fsa_cause_name(x->cause));
	}
	printf("],\n ");
}

static void print_links(const struct fsa_fork *f)
{
	printf("\"links\": [");
	for (size_t i = 0; i < f->nstages; i++) {
		const struct fsa_path_stage *l = &f->stages[i];

		printf("%s{\"stage\": \"%s\", \"at_ns\": %" PRIu64 ", \"error_ns\": %" PRIu64
		       ", \"seen\": %s, \"who\": ",
		       i ? ",\n  " : "", fsa_stage_name(l->stage), l->at_ns, l->error_ns,
		       l->seen ? "true" : "false");
		print_text(l->who);
		printf(", \"why\": ");
		print_text(l->why ? l->why : "");
		printf("}");
	}
	printf("],\n ");
}

static void print_guest(const struct fsa_fork *f)
{
	const struct fsa_guest *g = &f->guest;

	printf("\"guest\": {\"read\": %s, \"used\": %s, \"flags\": %u, \"events\": %" PRIu64
	       ", \"lost\": %" PRIu64 ", \"torn\": %" PRIu64 ", \"probe_ns\": %" PRIu64
	       ", \"own\": %s, \"offset_ns\": %" PRId64 ", \"rate_ppb\": %" PRId64
	       ", \"ref_ns\": %" PRIu64 ", \"containment_error_ns\": %" PRIu64
	       ", \"outside\": %" PRIu64 ", \"clock_used\": %s, \"why\": ",
	       g->read ? "true" : "false", g->used ? "true" : "false", g->flags, g->events, g->lost,
	       g->partial, g->probe_ns, g->agent_forkscope ? "true" : "false", g->offset_ns,
	       g->rate_ppb, g->ref_ns, g->containment_error_ns, g->outside,
	       g->clock_used ? "true" : "false");
	print_text(g->why ? g->why : "");
	printf(", \"agent\": ");
	print_text(g->agent);
	printf(", \"limited_by\": ");
	print_text(g->limited_by);
	printf("},\n ");
}

static void print_fork(struct fsr_reader *r, const struct fsa_fork *f, const char *comma)
{
	printf("%s{\"id\": %u, \"pid\": %u, \"vm\": %u, \"complete\": %s, \"start_ns\": %" PRIu64
	       ", \"end_ns\": %" PRIu64 ", \"gap_ns\": %" PRIu64 ", \"clock_error_ns\": %" PRIu64
	       ", \"signal\": \"%s\",\n ",
	       comma, f->id, f->vmm_pid, f->vm, f->complete ? "true" : "false", f->start_ns,
	       f->end_ns, f->gap_ns, f->clock_error_ns, f->signal_kind);
	print_guest(f);
	guest_events_print(r, f);
	print_faults(f);
	print_links(f);
	print_segs(f);
	printf("}");
}

int main(int argc, char **argv)
{
	static struct counts c;
	struct fsa_opts o = {.keep_faults = true};
	struct fsa_result *res;
	struct fsr_reader *r;
	char err[256];

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: dump RUN.fsr [END [TIMEOUT_MS]]\n");
		return 2;
	}
	if (fsa_parse_end(argc > 2 ? argv[2] : "ack:mailbox", &o, err, sizeof(err)))
		fail(argv[2], err);
	if (argc > 3)
		o.timeout_ns = strtoull(argv[3], NULL, 10) * 1000000;
	if (fsr_open(argv[1], &r, err, sizeof(err)))
		fail(argv[1], err);
	count(r, &c);
	if (fsa_attribute(r, &o, &res, err, sizeof(err)))
		fail(argv[1], err);
	printf("{\"events\": %" PRIu64 ", \"seq_holes\": %" PRIu64 ", \"bad_events\": %" PRIu64
	       ",\n",
	       fsr_info(r)->events, fsr_info(r)->seq_holes, fsr_info(r)->bad_events);
	print_counts(&c);
	printf("\"forks\": [");
	for (size_t i = 0; i < res->nforks; i++)
		print_fork(r, &res->forks[i], i ? ",\n" : "");
	printf("]}\n");
	fsa_free(res);
	fsr_free(r);
	return 0;
}
