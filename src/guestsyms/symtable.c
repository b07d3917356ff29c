// SPDX-License-Identifier: BSD-2-Clause
#include "guestsyms/symtable_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"

#define MAX_TEXT_FILE (256u << 20)
#define LINK_ADDR     0xffffffff81000000ull /* where x86-64 kernels are linked */
#define LOOSE_SIZE    4096u /* how far a last function may reach when no size is given */

int fsy_syms_add(struct fsy_syms *s, uint64_t addr, uint64_t size, const char *name, size_t len)
{
	struct fsy_sym sym = {.addr = addr, .size = size, .name = (uint32_t)s->names.n};

	/* what the compiler put in front of functions is not where code runs */
	if (len > 6 && (!memcmp(name, "__pfx_", 6) || !memcmp(name, "__cfi_", 6)))
		return 0;
	if (len >= FSY_MAX_NAME)
		len = FSY_MAX_NAME - 1;
	if (s->syms.n >= FSY_MAX_SYMS || s->names.n + len + 1 > FSY_MAX_NAMES)
		return -E2BIG;
	if (fs_vec_reserve(&s->names, len + 1) || fs_vec_push(&s->syms, sym))
		return -ENOMEM;
	memcpy(s->names.v + s->names.n, name, len);
	s->names.v[s->names.n + len] = '\0';
	s->names.n += len + 1;
	return 0;
}

/* A line of System.map or kallsyms: "ffffffff81000000 T _text", then perhaps "\t[module]". */
struct map_line {
	uint64_t addr;
	char type;
	const char *name;
	size_t len;
	bool module;
};

static bool parse_line(const char *p, const char *end, struct map_line *l)
{
	unsigned int digits = 0;

	memset(l, 0, sizeof(*l));
	for (; p < end && digits < 17; p++, digits++) {
		int d = *p >= '0' && *p <= '9'   ? *p - '0'
			: *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
						 : -1;

		if (d < 0)
			break;
		l->addr = l->addr << 4 | (unsigned int)d;
	}
	if (!digits || digits > 16 || end - p < 4 || p[0] != ' ' || p[2] != ' ')
		return false;
	l->type = p[1];
	l->name = p + 3;
	for (p = l->name; p < end && *p != '\t' && *p != ' ' && *p != '\r'; p++)
		l->len++;
	l->module = p < end && memchr(p, '[', (size_t)(end - p));
	return l->len > 0;
}

static bool is_name(const struct map_line *l, const char *name)
{
	return l->len == strlen(name) && !memcmp(l->name, name, l->len);
}

static int take_line(struct fsy_syms *s, const struct map_line *l)
{
	if (l->module)
		s->modules = true;
	else if (is_name(l, "_stext") || (is_name(l, "_text") && !s->text_first))
		s->text_first = l->addr;
	else if (is_name(l, "_etext"))
		s->text_end = l->addr;
	if (is_name(l, "_text") && !l->module && l->addr)
		s->moved = l->addr != LINK_ADDR;
	if (!l->addr || !strchr("tTwW", l->type))
		return 0;
	return fsy_syms_add(s, l->addr, 0, l->name, l->len);
}

static int parse_text(struct fsy_syms *s, const char *data, size_t bytes, const char *name,
		      char *err, size_t err_len)
{
	const char *p = data, *end = data + bytes;
	size_t good = 0, zero = 0, bad = 0;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		struct map_line l;
		int ret;

		if (parse_line(p, stop, &l)) {
			good++;
			zero += !l.addr;
			ret = take_line(s, &l);
			if (ret)
				return fs_errf(err, err_len, ret, "too many symbols in %s", name);
		} else if (stop > p) {
			bad++;
		}
		p = stop + 1;
	}
	s->kind = s->moved || s->modules ? FSY_SYMS_KALLSYMS : FSY_SYMS_MAP;
	if (good && !s->syms.n && zero)
		return fs_errf(
			err, err_len, -EPERM,
			"every address in %s is 0: kernel.kptr_restrict hid them; read "
			"/proc/kallsyms as root in the guest, with kernel.kptr_restrict=1 or "
			"0",
			name);
	if (!s->syms.n || bad > good)
		return fs_errf(err, err_len, -EINVAL,
			       "%s is no symbol file: give the guest's vmlinux ELF, its "
			       "System.map, or its /proc/kallsyms",
			       name);
	return 0;
}

static int by_addr(const void *a, const void *b)
{
	const struct fsy_sym *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	/* of aliases the first in the file; the name's offset also makes the order total */
	return x->name < y->name ? -1 : x->name > y->name;
}

static int finish(struct fsy_syms *s, const char *name, char *err, size_t err_len)
{
	if (!s->syms.n)
		return fs_errf(err, err_len, -ENOENT, "%s holds no function symbols", name);
	qsort(s->syms.v, s->syms.n, sizeof(*s->syms.v), by_addr);
	if (!s->text_first)
		s->text_first = s->code_len ? s->code_addr : s->syms.v[0].addr;
	if (!s->text_end && s->code_len)
		s->text_end = s->code_addr + s->code_len;
	if (s->text_end <= s->text_first)
		s->text_end = s->syms.v[s->syms.n - 1].addr + LOOSE_SIZE;
	fsy_syms_no_slide(s, "not looked for");
	return 0;
}

/* Kernels as they are booted are packed; say what to give instead. */
static int refuse_packed(const uint8_t *d, size_t n, const char *name, char *err, size_t len)
{
	static const struct {
		const char *magic;
		size_t bytes;
	} packers[] = {
		{"\x1f\x8b", 2},
		{"\x28\xb5\x2f\xfd", 4},
		{"\xfd"
		 "7zXZ",
		 5},
		{"BZh", 3},
		{"\x02\x21\x4c\x18", 4},
	};
	bool packed = n > 0x206 && !memcmp(d + 0x202, "HdrS", 4); /* boot protocol header */

	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++)
		packed |= n >= packers[i].bytes && !memcmp(d, packers[i].magic, packers[i].bytes);
	if (!packed)
		return 0;
	return fs_errf(err, len, -EINVAL,
		       "%s is compressed (a bzImage, or a packed file) and has no symbols that can "
		       "be read: give the vmlinux ELF of the same build, its System.map, or the "
		       "guest's /proc/kallsyms",
		       name);
}

static int parse_any(struct fsy_syms *s, int fd, const void *data, size_t bytes, const char *name,
		     char *err, size_t err_len)
{
	int ret = refuse_packed(data, bytes, name, err, err_len);

	if (ret)
		return ret;
	if (bytes >= 4 && !memcmp(data,
				  "\x7f"
				  "ELF",
				  4))
		ret = fsy_syms_elf(s, fd, data, bytes, name, err, err_len);
	else
		ret = parse_text(s, data, bytes, name, err, err_len);
	return ret ? ret : finish(s, name, err, err_len);
}

int fsy_syms_parse(const void *data, size_t bytes, const char *name, struct fsy_syms **out,
		   char *err, size_t err_len)
{
	struct fsy_syms *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return fs_errf(err, err_len, -ENOMEM, "no memory");
	ret = parse_any(s, -1, data, bytes, name, err, err_len);
	if (ret)
		fsy_syms_free(s);
	else
		*out = s;
	return ret;
}

/* Reads what there is (kallsyms has no size), up to @max bytes. */
static int read_all(int fd, size_t max, char **data, size_t *bytes)
{
	FS_VEC(char) v = {0};

	for (;;) {
		ssize_t n;

		if (fs_vec_reserve(&v, 1u << 20)) {
			fs_vec_free(&v);
			return -ENOMEM;
		}
		n = read(fd, v.v + v.n, 1u << 20);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || v.n + (size_t)n > max) {
			int err = n < 0 ? -errno : -EFBIG;

			fs_vec_free(&v);
			return err;
		}
		v.n += (size_t)n;
		if (!n)
			break;
	}
	*data = v.v;
	*bytes = v.n;
	return 0;
}

static int load_fd(int fd, const char *path, struct fsy_syms **out, char *err, size_t err_len)
{
	struct fsy_syms *s;
	char magic[4], *data = NULL;
	size_t bytes = 0;
	int ret;

	if (pread(fd, magic, 4, 0) == 4 && !memcmp(magic,
						   "\x7f"
						   "ELF",
						   4)) {
		s = calloc(1, sizeof(*s));
		ret = s ? parse_any(s, fd, magic, 4, path, err, err_len)
			: fs_errf(err, err_len, -ENOMEM, "no memory");
		if (ret)
			fsy_syms_free(s);
		else
			*out = s;
		return ret;
	}
	ret = read_all(fd, MAX_TEXT_FILE, &data, &bytes);
	if (ret)
		return fs_errf(err, err_len, ret, "cannot read %s: %s", path, strerror(-ret));
	ret = fsy_syms_parse(data, bytes, path, out, err, err_len);
	free(data);
	return ret;
}

int fsy_syms_load(const char *path, struct fsy_syms **out, char *err, size_t err_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), ret;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		ret = fs_errf(err, err_len, -errno, "cannot open %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		ret = fs_errf(err, err_len, -EINVAL, "%s is no regular file", path);
	} else {
		ret = load_fd(fd, path, out, err, err_len);
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

void fsy_syms_free(struct fsy_syms *s)
{
	if (!s)
		return;
	fs_vec_free(&s->syms);
	fs_vec_free(&s->names);
	free(s->code);
	free(s);
}

enum fsy_syms_kind fsy_syms_kind(const struct fsy_syms *s)
{
	return s->kind;
}

const char *fsy_syms_kind_text(const struct fsy_syms *s)
{
	return s->kind == FSY_SYMS_ELF   ? "vmlinux"
	       : s->kind == FSY_SYMS_MAP ? "System.map"
					 : "kallsyms";
}

size_t fsy_syms_count(const struct fsy_syms *s)
{
	return s->syms.n;
}

void fsy_syms_text(const struct fsy_syms *s, uint64_t *first, uint64_t *end)
{
	*first = s->text_first;
	*end = s->text_end;
}

bool fsy_syms_running(const struct fsy_syms *s)
{
	return s->moved || s->modules;
}

size_t fsy_syms_code(const struct fsy_syms *s, uint64_t addr, uint8_t *buf, size_t n)
{
	size_t off;

	if (!s->code || addr < s->code_addr || addr - s->code_addr >= s->code_len)
		return 0;
	off = (size_t)(addr - s->code_addr);
	if (n > s->code_len - off)
		n = s->code_len - off;
	memcpy(buf, s->code + off, n);
	return n;
}

const char *fsy_syms_raw(const struct fsy_syms *s, uint64_t addr, uint64_t *off)
{
	size_t lo = 0, hi = s->syms.n;
	const struct fsy_sym *x;
	uint64_t reach;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->syms.v[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	/* the first of several names of the same address */
	for (lo--; lo && s->syms.v[lo - 1].addr == s->syms.v[lo].addr; lo--)
		;
	x = &s->syms.v[lo];
	reach = x->size;
	if (!reach && hi < s->syms.n && s->syms.v[hi].addr - x->addr < (1u << 20))
		reach = s->syms.v[hi].addr - x->addr;
	else if (!reach)
		reach = LOOSE_SIZE;
	if (addr - x->addr >= reach)
		return NULL;
	*off = addr - x->addr;
	return s->names.v + x->name;
}

double fsy_syms_share(const struct fsy_syms *s, bool (*match)(const char *name, void *arg),
		      void *arg)
{
	uint64_t all = s->text_end - s->text_first, in = 0;

	for (size_t i = 0; i < s->syms.n; i++) {
		const struct fsy_sym *x = &s->syms.v[i];
		uint64_t end = i + 1 < s->syms.n ? s->syms.v[i + 1].addr : s->text_end;

		/* of aliases only the last has a length */
		if (x->addr < s->text_first || end > s->text_end || end <= x->addr)
			continue;
		if (match(s->names.v + x->name, arg))
			in += x->size && x->size < end - x->addr ? x->size : end - x->addr;
	}
	return all ? (double)in / (double)all : 0;
}

void fsy_syms_set_slide(struct fsy_syms *s, uint64_t slide, const char *why)
{
	s->slide_known = true;
	s->slide = slide;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

void fsy_syms_no_slide(struct fsy_syms *s, const char *why)
{
	s->slide_known = false;
	s->slide = 0;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

bool fsy_syms_slide(const struct fsy_syms *s, uint64_t *slide)
{
	*slide = s->slide;
	return s->slide_known;
}

const char *fsy_syms_why(const struct fsy_syms *s)
{
	return s->why;
}

const char *fsy_syms_find(const struct fsy_syms *s, uint64_t rip, uint64_t *off)
{
	uint64_t raw = rip - s->slide;

	if (!s->slide_known)
		return NULL;
	if (raw >= s->text_first && raw < s->text_end)
		return fsy_syms_raw(s, raw, off);
	/* modules do not move with the kernel: only a file of the very same boot has their
	 * addresses */
	return s->modules && !s->slide && rip >= s->text_end ? fsy_syms_raw(s, rip, off) : NULL;
}
