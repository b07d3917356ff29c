// SPDX-License-Identifier: BSD-2-Clause
/*
 * fmtdoc FILE: prints docs/format.md with its generated parts made anew from the headers, so that
 * the page cannot drift from the program: make check compares, make format-doc rewrites.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "record/text/fields.h"
#include "record/format.h"
#include "record/kinds.h"

#define BEGIN "<!-- generated: "
#define END   "<!-- end -->"

static void print_layout(void)
{
#define FIELD(T, member, note)                                              \
	printf("| `%s` | %zu | %zu | %s |\n", #member, offsetof(T, member), \
	       sizeof(((T *)0)->member), note);
	printf("| file header | offset | bytes | |\n|---|---|---|---|\n");
	FIELD(struct fsr_file_header, magic, "`" FSR_MAGIC "`")
	FIELD(struct fsr_file_header, major, "a reader needs the same")
	FIELD(struct fsr_file_header, minor, "")
	FIELD(struct fsr_file_header, header_bytes, "of this header; the chunks begin there")
	FIELD(struct fsr_file_header, created_ns, "CLOCK_REALTIME")
	FIELD(struct fsr_file_header, flags, "none yet")
	FIELD(struct fsr_file_header, crc, "CRC-32 of the bytes before it")
	FIELD(struct fsr_file_header, pad, "")
	printf("\n| chunk header | offset | bytes | |\n|---|---|---|---|\n");
	printf("| `magic` | %zu | 4 | `0x%08x`, in the file the bytes `FSCK` |\n",
	       offsetof(struct fsr_chunk_header, magic), FSR_CHUNK_MAGIC);
	FIELD(struct fsr_chunk_header, type, "see below")
	FIELD(struct fsr_chunk_header, flags, "none yet")
	FIELD(struct fsr_chunk_header, seq, "0, 1, 2, ...")
	FIELD(struct fsr_chunk_header, bytes, "of the payload, before its padding")
	FIELD(struct fsr_chunk_header, crc, "CRC-32 of the payload")
	FIELD(struct fsr_chunk_header, hcrc, "CRC-32 of the fields before it")
	printf("\nThe format is %u.%u. A payload has at most %u bytes.\n", FSR_MAJOR, FSR_MINOR,
	       FSR_MAX_CHUNK);
#undef FIELD
}

static void print_chunks(void)
{
	printf("| type | name | payload |\n|---|---|---|\n");
#define X(num, name, doc) printf("| %u | %s | %s |\n", num, #name, doc);
	FSR_CHUNK_TYPES(X)
#undef X
}

static void print_kinds(void)
{
	printf("| kind | name | bytes | what it is and when it is emitted |\n|---|---|---|---|\n");
	for (uint16_t kind = 0; kind <= FSR_KIND_MAX; kind++)
		if (fsr_kind_name(kind))
			printf("| %u | %s | %u | %s |\n", kind, fsr_kind_name(kind),
			       fsr_kind_bytes(kind), fsr_kind_doc(kind));
}

static const char *type_of(const struct fsr_field *f, char *buf, size_t size)
{
	switch (f->form) {
	case FSR_FORM_TEXT:
		snprintf(buf, size, "char[%u]", f->size);
		break;
	case FSR_FORM_IPV4:
		return "u8[4]";
	case FSR_FORM_BYTES:
		snprintf(buf, size, "u8[%u]", f->size);
		break;
	case FSR_FORM_U64S:
		snprintf(buf, size, "u64[%u]", f->size / 8);
		break;
	case FSR_FORM_PAD:
		if (f->size > 8) {
			snprintf(buf, size, "(%u bytes)", f->size);
			break;
		}
		/* fallthrough */
	default:
		snprintf(buf, size, "%c%u", f->form == FSR_FORM_SIGNED ? 's' : 'u', f->size * 8u);
	}
	return buf;
}

static void print_row_fields(const struct fsr_field *f)
{
	char type[16];

	for (; f->name; f++)
		if (strncmp(f->name, "pad", 3))
			printf(" `%s` %u %s;", f->name, f->offset, type_of(f, type, sizeof(type)));
	printf(" |\n");
}

static void print_row(const char *name, const struct fsr_field *f)
{
	printf("| %s |", name);
	print_row_fields(f);
}

static void print_fields(void)
{
	printf("| kind | field, offset, type |\n|---|---|\n");
	print_row("(header)", fsr_header_fields);
	for (uint16_t kind = 0; kind <= FSR_KIND_MAX; kind++)
		if (fsr_kind_name(kind))
			print_row(fsr_kind_name(kind), fsr_fields(kind));
}

static void print_names(void)
{
	printf("| field | names |\n|---|---|\n");
	for (uint16_t kind = 0; kind <= FSR_KIND_MAX; kind++) {
		const struct fsr_field *f = kind ? fsr_fields(kind) : fsr_header_fields;

		for (; f && f->name; f++) {
			int flags;
			const struct fsr_name *n = fsr_names(f->form, &flags);

			if (!n)
				continue;
			printf("| %s `%s` |", kind ? fsr_kind_name(kind) : "(header)", f->name);
			for (; n->name; n++)
				printf(flags ? " %s 0x%x;" : " %s %u;", n->name, n->value);
			printf(" |\n");
		}
	}
}

static void print_states(void)
{
	printf("| state | name | meaning |\n|---|---|---|\n");
#define X(num, name, doc) printf("| %u | %s | %s |\n", num, #name, doc);
	FSR_GUEST_STATES(X)
#undef X
}

static void print_guest_structs(void)
{
	printf("| struct | bytes | field, offset, type |\n|---|---|---|\n");
#define X(rows, type)                                       \
	printf("| %s | %zu |", #type, sizeof(struct type)); \
	print_row_fields(fsr_fields_##rows);
	FS_GUEST_STRUCTS(X)
#undef X
}

static void print_guest_numbers(void)
{
	printf("| of | number | name | |\n|---|---|---|---|\n");
#define X(num, name, doc) printf("| kind | %u | %s | %s |\n", num, #name, doc);
	FSG_KINDS(X)
#undef X
#define X(num, name, doc) printf("| step | %u | %s | `%s` |\n", num, #name, doc);
	FSG_STEPS(X)
#undef X
#define X(num, name, doc) printf("| stage | %u | %s | a: %s |\n", num, #name, doc);
	FSG_STAGES(X)
#undef X
}

static int print_part(const char *name)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} parts[] = {
		{"layout", print_layout},
		{"chunks", print_chunks},
		{"kinds", print_kinds},
		{"fields", print_fields},
		{"names", print_names},
		{"states", print_states},
		{"guest structs", print_guest_structs},
		{"guest numbers", print_guest_numbers},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!strncmp(name, parts[i].name, strlen(parts[i].name))) {
			parts[i].print();
			return 0;
		}
	}
	fprintf(stderr, "fmtdoc: there is no part %s", name);
	return 1;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
	char line[4096];
	int inside = 0, bad = 0;

	if (!f) {
		fprintf(stderr, "usage: fmtdoc docs/format.md\n");
		return 2;
	}
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, END, strlen(END)))
			inside = 0;
		if (!inside)
			fputs(line, stdout);
		if (!strncmp(line, BEGIN, strlen(BEGIN))) {
			inside = 1;
			bad |= print_part(line + strlen(BEGIN));
		}
	}
	fclose(f);
	return bad || inside || fflush(stdout) ? 1 : 0;
}
