// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guest's own reader of ELF objects (src/guest/recorder/elfmem.c), against libelf itself on the
 * objects that the guest's binary carries; and libbpf on it, which needs no right to open an
 * object.
 */
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <gelf.h>
#include <libelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const objects[] = {"typed", "plain"};

/* libelf's functions of the same names: this program's own are found first by all others. */
static struct {
	unsigned int (*version)(unsigned int);
	Elf *(*memory)(char *, size_t);
	int (*end)(Elf *);
	int (*shdrnum)(Elf *, size_t *);
	int (*shdrstrndx)(Elf *, size_t *);
	Elf_Scn *(*nextscn)(Elf *, Elf_Scn *);
	size_t (*ndxscn)(Elf_Scn *);
	Elf_Data *(*rawdata)(Elf_Scn *, Elf_Data *);
	char *(*strptr)(Elf *, size_t, size_t);
	Elf64_Shdr *(*shdr)(Elf_Scn *);
} theirs;

static int find_libelf(void **state)
{
	void *lib = dlopen("libelf.so.1", RTLD_NOW | RTLD_LOCAL);

	(void)state;
	assert_non_null(lib);
	*(void **)&theirs.version = dlsym(lib, "elf_version");
	*(void **)&theirs.memory = dlsym(lib, "elf_memory");
	*(void **)&theirs.end = dlsym(lib, "elf_end");
	*(void **)&theirs.shdrnum = dlsym(lib, "elf_getshdrnum");
	*(void **)&theirs.shdrstrndx = dlsym(lib, "elf_getshdrstrndx");
	*(void **)&theirs.nextscn = dlsym(lib, "elf_nextscn");
	*(void **)&theirs.ndxscn = dlsym(lib, "elf_ndxscn");
	*(void **)&theirs.rawdata = dlsym(lib, "elf_rawdata");
	*(void **)&theirs.strptr = dlsym(lib, "elf_strptr");
	*(void **)&theirs.shdr = dlsym(lib, "elf64_getshdr");
	assert_non_null(theirs.shdr);
	assert_true((void *)theirs.shdr != (void *)elf64_getshdr);
	theirs.version(EV_CURRENT);
	return 0;
}

/* In memory of exactly its size, so that a step past its end is seen. */
static char *load(const char *name, size_t *size)
{
	const char *out = getenv("O");
	char path[512], *image;
	FILE *f;

	snprintf(path, sizeof(path), "%s/bpf/guest/%s.linked.o", out ? out : ".output", name);
	f = fopen(path, "re");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*size = (size_t)ftell(f);
	rewind(f);
	image = malloc(*size);
	assert_non_null(image);
	assert_int_equal(fread(image, 1, *size, f), *size);
	fclose(f);
	return image;
}

static void same_section(Elf *a, Elf_Scn *sa, Elf *b, Elf_Scn *sb, size_t names)
{
	Elf_Data *da = elf_rawdata(sa, NULL), *db = theirs.rawdata(sb, NULL);
	Elf64_Shdr *head = elf64_getshdr(sa);

	assert_int_equal(elf_ndxscn(sa), theirs.ndxscn(sb));
	assert_memory_equal(head, theirs.shdr(sb), sizeof(*head));
	assert_string_equal(elf_strptr(a, names, head->sh_name),
			    theirs.strptr(b, names, head->sh_name));
	assert_non_null(da);
	assert_non_null(db);
	assert_int_equal(da->d_size, db->d_size);
	assert_int_equal(da->d_align, db->d_align);
	if (head->sh_type == SHT_NOBITS)
		assert_null(da->d_buf);
	else if (da->d_size)
		assert_memory_equal(da->d_buf, db->d_buf, da->d_size);
	assert_null(elf_rawdata(sa, da));
}

static void test_as_libelf(void **state)
{
	(void)state;
	for (size_t o = 0; o < sizeof(objects) / sizeof(objects[0]); o++) {
		size_t size, n, m, names, seen = 0;
		char *image = load(objects[o], &size);
		Elf *a = elf_memory(image, size), *b = theirs.memory(image, size);
		Elf_Scn *sa = NULL, *sb = NULL;

		assert_non_null(a);
		assert_non_null(b);
		assert_int_equal(elf_kind(a), ELF_K_ELF);
		assert_int_equal(elf_getshdrnum(a, &n), theirs.shdrnum(b, &m));
		assert_int_equal(n, m);
		assert_int_equal(elf_getshdrstrndx(a, &names), theirs.shdrstrndx(b, &m));
		assert_int_equal(names, m);
		while ((sa = elf_nextscn(a, sa))) {
			sb = theirs.nextscn(b, sb);
			assert_non_null(sb);
			same_section(a, sa, b, sb, names);
			seen++;
		}
		assert_null(theirs.nextscn(b, sb));
		assert_int_equal(seen, n - 1);
		assert_true(seen > 20);
		elf_end(a);
		theirs.end(b);
		free(image);
	}
}

static void test_libbpf_opens(void **state)
{
	static const char *const of[] = {"fsg_switch", "fsg_calibrate"};

	(void)state;
	for (size_t o = 0; o < sizeof(objects) / sizeof(objects[0]); o++) {
		size_t size;
		char *image = load(objects[o], &size);
		struct bpf_object *obj = bpf_object__open_mem(image, size, NULL);

		assert_non_null(obj);
		assert_non_null(bpf_object__find_program_by_name(obj, of[o]));
		assert_non_null(bpf_object__find_map_by_name(obj, "fsg_rings"));
		assert_non_null(bpf_object__btf(obj));
		bpf_object__close(obj);
		free(image);
	}
}

/* Walks all that can be asked; the sanitizers see a step outside of the object. */
static unsigned int walk(char *image, size_t size)
{
	Elf *elf = elf_memory(image, size);
	size_t names = 0, sum = 0;
	Elf_Scn *s = NULL;

	if (!elf)
		return 0;
	elf_getshdrstrndx(elf, &names);
	while ((s = elf_nextscn(elf, s))) {
		Elf_Data *d = elf_getdata(s, NULL);
		char *name = elf_strptr(elf, names, elf64_getshdr(s)->sh_name);

		sum += name ? strlen(name) : 0;
		for (size_t i = 0; d && d->d_buf && i < d->d_size; i++)
			sum += ((unsigned char *)d->d_buf)[i];
	}
	elf_end(elf);
	return sum ? 1 : 0;
}

static void test_hostile(void **state)
{
	size_t size, opened = 0;
	char *image = load("plain", &size);
	Elf64_Ehdr *head = (void *)image;
	Elf64_Shdr *s = (void *)(image + head->e_shoff);

	(void)state;
	for (size_t cut = 0; cut < size; cut += cut < 256 ? 1 : 4093) {
		char *part = malloc(cut + 1); /* malloc(0) may be NULL */

		memcpy(part, image, cut);
		part = realloc(part, cut ? cut : 1);
		opened += walk(part, cut);
		free(part);
	}
	for (size_t i = 0; i < head->e_shnum; i++) {
		Elf64_Shdr was = s[i];

		s[i].sh_offset = UINT64_MAX - 8;
		walk(image, size);
		s[i] = was;
		s[i].sh_size = UINT64_MAX;
		walk(image, size);
		s[i] = was;
		s[i].sh_name = UINT32_MAX;
		assert_int_equal(walk(image, size), 1);
		s[i] = was;
	}
	head->e_shstrndx = UINT16_MAX;
	assert_int_equal(walk(image, size), 1);
	head->e_shoff = UINT64_MAX;
	assert_int_equal(walk(image, size), 0);
	head->e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(walk(image, size), 0);
	assert_int_equal(opened, 0); /* the section headers stand at the end */
	free(image);
}

static void test_no_files(void **state)
{
	(void)state;
	assert_null(elf_begin(0, ELF_C_READ, NULL));
	assert_null(bpf_object__open_file("/proc/self/exe", NULL));
	assert_string_equal(elf_errmsg(-1), "not an object that this program carries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_libelf),
		cmocka_unit_test(test_libbpf_opens),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_no_files),
	};

	libbpf_set_print(NULL);
	return cmocka_run_group_tests_name("guest_elf", tests, find_libelf, NULL);
}
