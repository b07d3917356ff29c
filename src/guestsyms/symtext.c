// SPDX-License-Identifier: BSD-2-Clause
/* Guest symbols out of the text of a System.map or of /proc/kallsyms. */
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "base/kallsyms.h"
#include "guestsyms/symtable_impl.h"

#define LINK_ADDR 0xffffffff81000000ull /* where x86-64 kernels are linked */

static bool is_name(const struct fs_kallsym *l, const char *name)
{
	return l->len == strlen(name) && !memcmp(l->name, name, l->len);
}

static int take_line(struct fsy_syms *s, const struct fs_kallsym *l)
{
	if (l->module)
		s->modules = true;
	else if (is_name(l, "_stext") || (is_name(l, "_text") && !s->text_first))
		s->text_first = l->addr;
	else if (is_name(l, "_etext"))
		s->text_end = l->addr;
	if (is_name(l, "_text") && !l->module && l->addr)
		s->moved = l->addr != LINK_ADDR;
	if (!l->addr || !fs_kallsym_is_text(l))
		return 0;
	return fsy_syms_add(s, l->addr, 0, l->name, l->len);
}

int fsy_syms_text_file(struct fsy_syms *s, const char *data, size_t bytes, const char *name,
		       char *err, size_t err_len)
{
	const char *p = data, *end = data + bytes;
	size_t good = 0, zero = 0, bad = 0;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		struct fs_kallsym l;
		int ret;

		if (fs_kallsym_parse(p, stop, &l)) {
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
			"every address in %s is 0: kernel.kptr_restrict hid them; read /proc/kallsyms as root in the guest, with kernel.kptr_restrict=1 or 0",
			name);
	if (!s->syms.n || bad > good)
		return fs_errf(
			err, err_len, -EINVAL,
			"%s is not a symbol file: give the guest's vmlinux ELF, its System.map, or its /proc/kallsyms",
			name);
	return 0;
}
