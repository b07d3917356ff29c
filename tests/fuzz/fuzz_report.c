// SPDX-License-Identifier: BSD-2-Clause
/*
 * libFuzzer target: two restored VMs, then whatever records the input says, through attribution
 * and all renderers. However senseless the records: no crash, every ledger sums to its gap, and
 * its pieces follow each other without a hole.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "attribute/attribute.h"
#include "record/kinds.h"
#include "record/text/fields.h"
#include "record/writer.h"
#include "render/view.h"
#include "tests/fuzz/check.h"
#include "tools/mkrec/event_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p, *end;
};

static uint8_t byte(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

/* Two forks up to their resume, so that the input begins where it matters. */
static const char *const prologue[] = {
	"ts=100 PROC_ADD tgid=10 tid=10 start_ns=50 comm=vmm",
	"ts=110 FORK tgid=10 tid=10 start_ns=105 child_tid=11 child_tgid=10 comm=\"CPU 0\"",
	"ts=120 VM_CREATE tgid=10 tid=10 vm=1 ts_start=115 fd=5",
	"ts=130 VCPU_CREATE tgid=10 tid=10 vm=1 ts_start=125 fd=6",
	"ts=140 MEMSLOT tgid=10 tid=10 vm=1 ts_start=135 size=0x10000000 hva=0x7f0000000000",
	"ts=150 PROC_ADD tgid=20 tid=20 start_ns=60 comm=vmm",
	"ts=160 VM_CREATE tgid=20 tid=20 vm=2 ts_start=155 fd=5",
	"ts=170 VCPU_CREATE tgid=20 tid=21 vm=2 ts_start=165 fd=6",
	"ts=900 WAKE tgid=10 tid=10 vm=1 target_tid=11 target_tgid=10",
	"ts=1000 FIRST_RUN tgid=10 tid=11 vm=1 rip=0xffffffff81000000 cr0=0x80050033 cr4=0x3006f0 "
	"efer=0xd01 cr3=0x2000 valid=0x1f",
	"ts=1010 FIRST_RUN tgid=20 tid=21 vm=2 rip=0xffffffff81000000 cr0=0x80050033 cr4=0x3006f0 "
	"efer=0xd01 cr3=0x2000 valid=0x1f",
};

static uint64_t number(struct input *in, const char *name, uint64_t now)
{
	static const uint32_t tids[] = {11, 10, 21, 20, 12, 77, 0, 22};
	static const uint64_t addrs[] = {0x1000, 0x7f0000001000, 0xffffffff81000010, 0xdead0000};
	uint8_t v = byte(in);
	uint64_t wide = v;

	if (v == 255) { /* anything at all */
		for (int i = 0; i < 8; i++)
			wide = wide << 8 | byte(in);
		return wide;
	}
	if (!strncmp(name, "ts_", 3))
		return v ? now - (uint64_t)(v - 1) * 7 : 0;
	if (strstr(name, "tid"))
		return tids[v % 8];
	if (strstr(name, "tgid"))
		return tids[(v % 2) * 2 + 1];
	if (strstr(name, "hints") || strstr(name, "flags"))
		return v ? 1u << v % 27 | 1u << (v / 27) * 3 : 0;
	if (strstr(name, "gpa") || strstr(name, "addr") || !strcmp(name, "work") ||
	    !strcmp(name, "bio") || !strcmp(name, "a"))
		return addrs[v % 4] + (v / 4 % 4) * 4096;
	return v % 64;
}

static void text(struct input *in, char *p, size_t size)
{
	static const char *const texts[] = {"",
					    "stage=mailbox mac=02:00:00:00:00:01 ip=10.0.0.2\n",
					    "stage=applied mac=x ip=y\n",
					    "ready",
					    "a;b\"<c>&\n\x1b[31m",
					    "\xff\xfe\x80",
					    "stage=",
					    "CPU 0/KVM"};
	const char *t = texts[byte(in) % 8];
	size_t n = strlen(t);

	memset(p, 0, size);
	memcpy(p, t, n < size ? n : size);
}

static void fill(struct input *in, uint8_t *rec, const struct fsr_field *f, uint64_t now)
{
	for (; f->name; f++) {
		uint8_t *p = rec + f->offset;
		uint64_t v;

		if (f->form == FSR_FORM_PAD)
			continue;
		if (f->form == FSR_FORM_TEXT) {
			text(in, (char *)p, f->size);
			continue;
		}
		v = number(in, f->name, now);
		memcpy(p, &v, f->size < 8 ? f->size : 8);
	}
}

/* One record of the input: a kind, a CPU and a thread, a step of time, then its fields. */
static size_t make_record(struct input *in, uint8_t *rec, uint64_t *now, uint32_t *seq)
{
	static const uint8_t often[] = {FS_EV_VMEXIT, FS_EV_OFFCPU, FS_EV_NET_TX, FS_EV_RUN};
	uint8_t k = byte(in), step = byte(in);
	uint16_t kind = k < 128 ? often[k % 4] : (uint16_t)(1 + k % 32);
	struct fs_ev *h = (void *)rec;

	memset(rec, 0, FSR_MAX_REC);
	if (!fsr_kind_bytes(kind))
		return 0;
	*now += step < 200 ? step : (uint64_t)(step - 199) * 100000;
	fill(in, rec, fsr_fields(kind), *now);
	h->ts = *now;
	h->kind = kind;
	h->len = fsr_kind_bytes(kind);
	h->seq = (*seq)++;
	h->tid = (uint32_t)number(in, "tid", 0);
	h->tgid = h->tid > 10 ? h->tid / 10 * 10 : 10;
	h->vm = step % 8 == 7 ? 0 : h->tgid / 10 % 4;
	h->flags = k == 200 ? FS_F_LATE : 0;
	return h->len;
}

static void write_recording(struct input *in, const char *path)
{
	static uint8_t bytes[1 << 20];
	uint64_t now = 1020;
	uint32_t seq = 0;
	size_t n = 0;
	struct fsr_writer *w;

	for (size_t i = 0; i < sizeof(prologue) / sizeof(prologue[0]); i++) {
		struct fsr_parsed p;
		int len = fsr_text_parse(prologue[i], &p, NULL, 0);

		check(len > 0);
		((struct fs_ev *)(void *)p.rec)->seq = seq++;
		memcpy(bytes + n, p.rec, (size_t)len);
		n += (size_t)len;
	}
	while (in->p < in->end && n + FSR_MAX_REC < sizeof(bytes))
		n += make_record(in, bytes + n, &now, &seq);
	check(!fsr_create(path, &w));
	check(!fsr_write(w, FSR_META, "{\"timeout_ns\":50000000}", 23));
	check(!fsr_write_events(w, 0, bytes, n, seq));
	check(!fsr_write(w, FSR_END, "{}", 2));
	check(!fsr_close(w));
}

static void check_fork(const struct fsa_fork *f)
{
	uint64_t sum = 0, at = f->start_ns;

	for (int s = 0; s < FSA_NSTAGES; s++)
		for (int c = 0; c < FSA_NCAUSES; c++)
			sum += f->cells[s][c].ns;
	check(sum == f->gap_ns);
	check(f->end_ns - f->start_ns == f->gap_ns && f->end_ns >= f->start_ns);
	for (size_t i = 0; i < f->nsegs; i++) {
		check(f->segs[i].t0 == at && f->segs[i].t1 >= f->segs[i].t0);
		check(f->segs[i].label < f->nlabels);
		at = f->segs[i].t1;
	}
	check(!f->nsegs || at == f->end_ns);
}

static void render_all(const struct fsv_view *v)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	json_t *json;

	check(!fsv_json(v, f));
	fclose(f);
	json = json_loadb(out, size, 0, NULL);
	check(json_is_object(json));
	json_decref(json);
	free(out);
	f = fopen("/dev/null", "w");
	check(!fsv_text(v, f) && !fsv_folded(v, f));
	for (size_t i = 0; i < v->res->nforks; i++)
		check(!fsv_svg(v, &v->res->forks[i], NULL, f));
	for (size_t i = 0; i < v->res->ncohorts; i++)
		check(!fsv_svg(v, NULL, &v->res->cohorts[i], f));
	fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const ends[] = {"ack:mailbox", "first-tx",  "tcp:22",     "pio:0x1",
					   "mark:ready",  "after:1ms", "ack:applied"};
	struct input in = {data, data + size};
	struct fsa_opts o = {0};
	struct fsa_result *res;
	struct fsr_reader *r;
	char path[64], err[300];

	snprintf(path, sizeof(path), "/dev/shm/fuzz-report-%d.fsr", getpid());
	check(!fsa_parse_end(ends[byte(&in) % 7], &o, err, sizeof(err)));
	o.start = byte(&in) % 3;
	write_recording(&in, path);
	check(!fsr_open(path, &r, err, sizeof(err)));
	unlink(path);
	if (fsa_attribute(r, &o, &res, err, sizeof(err))) {
		check(*err); /* nonsense may be refused, with a sentence */
		fsr_free(r);
		return 0;
	}
	for (size_t i = 0; i < res->nforks; i++)
		check_fork(&res->forks[i]);
	render_all(&(struct fsv_view){.res = res, .info = fsr_info(r), .reader = r, .path = "x"});
	fsa_free(res);
	fsr_free(r);
	return 0;
}
