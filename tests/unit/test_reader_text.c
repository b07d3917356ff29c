// SPDX-License-Identifier: BSD-2-Clause
/* The text form of records: every field of every kind goes there and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tools/mkrec/compile.h"
#include "record/text/fields.h"
#include "record/inspect.h"
#include "record/kinds.h"
#include "record/reader.h"
#include "record/text/event_text.h"
#include "tools/mkrec/event_line.h"
#include "tmp.h"

static uint64_t rnd(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* A value of its form: of any size, sometimes all ones, zero, or its sign bit alone. */
static void fill(uint8_t *rec, const struct fsr_field *f)
{
	uint8_t *p = rec + f->offset;

	memset(p, 0, f->size);
	if (f->form == FSR_FORM_PAD)
		return;
	switch (rnd() % 5) {
	case 0:
		break;
	case 1:
		memset(p, 0xff, f->size);
		break;
	case 2:
		p[f->size - 1] = 0x80;
		break;
	default:
		for (uint16_t i = 0; i < f->size; i++)
			p[i] = (uint8_t)(rnd() >> 20);
		if (f->form == FSR_FORM_TEXT)
			p[f->size - 1 - rnd() % f->size] = 0;
	}
}

static void fill_all(uint8_t *rec, const struct fsr_field *f)
{
	for (; f->name; f++)
		fill(rec, f);
}

static void every_kind_goes_there_and_back(void **state)
{
	char line[FSR_MAX_LINE], again[FSR_MAX_LINE], err[300] = "";
	struct fsr_parsed parsed;

	(void)state;
	for (uint16_t kind = 0; kind <= FSR_KIND_MAX; kind++) {
		uint16_t bytes = fsr_kind_bytes(kind);

		for (int round = 0; bytes && round < 300; round++) {
			_Alignas(8) uint8_t rec[FSR_MAX_REC] = {0};
			struct fs_ev *ev = (void *)rec;
			size_t len;

			fill_all(rec, fsr_header_fields);
			fill_all(rec, fsr_fields(kind));
			ev->kind = kind;
			ev->len = bytes;
			len = fsr_text_print(ev, line);
			assert_int_equal(len, strlen(line));
			assert_true(len < FSR_MAX_LINE / 2);
			for (size_t i = 0; i < len; i++)
				assert_true(line[i] >= 0x20 && line[i] < 0x7f);
			if (fsr_text_parse(line, &parsed, err, sizeof(err)) != bytes)
				fail_msg("%s: %s", line, err);
			assert_true(parsed.has_seq);
			assert_memory_equal(parsed.rec, rec, bytes);
			fsr_text_print((const void *)parsed.rec, again);
			assert_string_equal(again, line);
		}
	}
}

static void every_kind_becomes_json(void **state)
{
	(void)state;
	for (uint16_t kind = 0; kind <= FSR_KIND_MAX; kind++) {
		uint16_t bytes = fsr_kind_bytes(kind);

		for (int round = 0; bytes && round < 50; round++) {
			_Alignas(8) uint8_t rec[FSR_MAX_REC] = {0};
			struct fs_ev *ev = (void *)rec;
			json_t *obj, *back;
			char *text;

			fill_all(rec, fsr_header_fields);
			fill_all(rec, fsr_fields(kind));
			ev->kind = kind;
			ev->len = bytes;
			obj = fsr_text_json(ev);
			assert_non_null(obj);
			for (const struct fsr_field *f = fsr_fields(kind); f->name; f++)
				if (f->form != FSR_FORM_PAD)
					assert_non_null(json_object_get(obj, f->name));
			text = json_dumps(obj, 0);
			assert_non_null(text);
			back = json_loads(text, 0, NULL);
			assert_true(json_equal(obj, back));
			json_decref(obj);
			json_decref(back);
			free(text);
		}
	}
}

static void defaults_and_units(void **state)
{
	struct fsr_parsed p;
	const struct fs_ev_vmexit *x = (const void *)p.rec;
	const struct fs_ev_mark *m = (const void *)p.rec;
	const struct fs_ev_net_tx *tx = (const void *)p.rec;

	(void)state;
	assert_int_equal(
		fsr_text_parse("VMEXIT ts=1.5ms hints=PF|MAJOR|0x80000000 isa=SVM", &p, NULL, 0),
		sizeof(*x));
	assert_int_equal(x->h.ts, 1500000);
	assert_int_equal(x->h.kind, FS_EV_VMEXIT);
	assert_int_equal(x->h.len, sizeof(*x));
	assert_int_equal(x->hints, 0x80000000u | FS_H_PF | FS_H_MAJOR);
	assert_int_equal(x->isa, FS_ISA_SVM);
	assert_int_equal(x->stack, FS_NO_STACK);
	assert_false(p.has_seq);
	assert_true(fsr_text_parse("ts=3 MARK name=\"a b\\\"\\\\\\x41\\n\"", &p, NULL, 0) > 0);
	assert_int_equal(m->h.cpu, 0xffff);
	assert_string_equal(m->name, "a b\"\\A\n");
	assert_true(fsr_text_parse("NET_TX payload=\"stage=x ip=1\" len=50", &p, NULL, 0) > 0);
	assert_int_equal(tx->payload_len, 12);
	assert_int_equal(tx->len, 50);
	assert_true(fsr_text_parse("NET_TX payload_len=0 payload=\"ack\"", &p, NULL, 0) > 0);
	assert_int_equal(tx->payload_len, 0);
	assert_memory_equal(tx->payload, "ack", 3);
	assert_int_equal(tx->h.len, sizeof(*tx));
}

static void says_what_is_wrong_with_a_line(void **state)
{
	static const struct {
		const char *line, *err;
	} bad[] = {
		{"ts=1", "no event kind"},
		{"ts=1 VMEXITS", "there is no event kind \"VMEXITS\""},
		{"ts=1 RUN gpa=1", "RUN has no field \"gpa\""},
		{"ts=1 RUN pad=1", "RUN has no field \"pad\""},
		{"ts=1 RUN kind=1", "RUN has no field \"kind\""},
		{"ts=1 RUN len=8", "RUN has no field \"len\""},
		{"ts=x RUN", "ts: \"x\" does not fit"},
		{"ts= RUN", "ts: \"\" does not fit"},
		{"ts=1 RUN reason=4294967296", "reason: \"4294967296\" does not fit"},
		{"ts=1 RUN error=-2147483649", "error: \"-2147483649\" does not fit"},
		{"ts=1 VMEXIT hints=PF|NOPE", "hints: \"PF\" does not fit"},
		{"ts=1 MARK name=\"x", "name: the text is not closed by a \""},
		{"ts=1 MARK VMEXIT", "\"VMEXIT\": neither name=value nor a kind"},
		{"ts=1 NET_TX saddr=10.0.0", "saddr: \"10.0.0\" does not fit"},
		{"ts=1 SYSCALL arg=1,2,3,4,5", "arg: \"1\" does not fit"},
		{"ts=1 PROC_ADD comm=12345678901234567",
		 "comm: \"12345678901234567\" does not fit"},
	};
	struct fsr_parsed p;
	char err[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(fsr_text_parse(bad[i].line, &p, err, sizeof(err)), -EINVAL);
		assert_string_equal(err, bad[i].err);
	}
}

static void a_text_that_does_not_compile_names_its_line(void **state)
{
	char err[300];

	(void)state;
	assert_int_equal(
		fsr_compile("# x\n\nts=1 RUN\nts=2 RUNS\n", tmp_path("x"), err, sizeof(err)),
		-EINVAL);
	assert_string_equal(err, "line 4: there is no event kind \"RUNS\"");
	assert_int_equal(fsr_compile("META [1]\n", tmp_path("x"), err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "line 1: not a JSON object: it is another value");
	assert_int_equal(fsr_compile("ROUND x\n", tmp_path("x"), err, sizeof(err)), -EINVAL);
	assert_int_equal(fsr_compile("STACK 1 zz\n", tmp_path("x"), err, sizeof(err)), -EINVAL);
	assert_int_equal(fsr_compile("", "/no/such/dir/x", err, sizeof(err)), -ENOENT);
}

/* All that a recording says, as text of the language. */
static char *print_all(const char *path)
{
	char *out, line[FSR_MAX_LINE], err[300];
	const char *name, *module;
	const uint64_t *addrs;
	struct fsr_reader *r;
	const struct fs_ev *ev;
	uint64_t addr;
	uint32_t id;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	int depth;

	assert_non_null(f);
	assert_int_equal(fsr_open(path, &r, err, sizeof(err)), 0);
	for (size_t i = 0; (depth = fsr_stack_at(r, i, &id, &addrs)) >= 0; i++) {
		fprintf(f, "STACK %u", id);
		for (int k = 0; k < depth; k++)
			fprintf(f, " %llx", (unsigned long long)addrs[k]);
		fputc('\n', f);
	}
	for (size_t i = 0; (name = fsr_symbol_at(r, i, &addr, &module)); i++)
		fprintf(f, "SYM %llx %s %s\n", (unsigned long long)addr, name, module);
	while (fsr_next(r, &ev) == 1) {
		fsr_text_print(ev, line);
		fprintf(f, "%s\n", line);
	}
	fsr_free(r);
	fclose(f);
	return out;
}

static void a_recording_goes_to_text_and_back(void **state)
{
	static const char text[] =
		"STACK 5 ffffffff81000010\nSYM ffffffff81000000 f [kvm]\nSYM ffffffff82000000 g\n"
		"ts=10 VMEXIT cpu=1 tid=11 tgid=10 vm=1 ts_exit=9 hints=PF gpa=0x1000 stack=5\n"
		"ts=8 OFFCPU cpu=0 next_comm=\"CPU 0/KVM\"\nROUND 20\n"
		"ts=30 MARK name=ready\nts=25 PIO port=0xf4 value=7\n";
	char err[300], *first, *second;

	(void)state;
	assert_int_equal(fsr_compile(text, tmp_path("a.fsr"), err, sizeof(err)), 0);
	first = print_all(tmp_path("a.fsr"));
	assert_non_null(strstr(first, "gpa=0x1000"));
	assert_int_equal(fsr_compile(first, tmp_path("b.fsr"), err, sizeof(err)), 0);
	second = print_all(tmp_path("b.fsr"));
	assert_string_equal(first, second);
	free(first);
	free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_goes_there_and_back),
		cmocka_unit_test(every_kind_becomes_json),
		cmocka_unit_test(defaults_and_units),
		cmocka_unit_test(says_what_is_wrong_with_a_line),
		cmocka_unit_test(a_text_that_does_not_compile_names_its_line),
		cmocka_unit_test(a_recording_goes_to_text_and_back),
	};

	return cmocka_run_group_tests(tests, tmp_setup, tmp_teardown);
}
