// SPDX-License-Identifier: BSD-2-Clause
/* The user's own words for a VMM, with the names in braces replaced: its command, more fields of
 * its load request. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "vmm/driver.h"

static const char *value_of(const struct fs_vmm *v, const char *name, size_t n)
{
	const struct {
		const char *name, *value;
	} names[] = {{"memory", v->at->memory}, {"state", v->at->state},
		     {"tap", v->at->tap},       {"folder", v->at->folder},
		     {"fork", v->at->id},       {"socket", v->socket},
		     {"uffd", v->at->uffd},     {"snapshot", v->at->snapshot},
		     {"signal", v->at->signal}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == n && !strncmp(names[i].name, name, n))
			return names[i].value && *names[i].value ? names[i].value : NULL;
	return NULL;
}

/* A word in braces of small letters only; anything else (JSON, say) stays as it is. */
static size_t braced(const char *at)
{
	size_t n = *at == '{' ? strspn(at + 1, "abcdefghijklmnopqrstuvwxyz") : 0;

	return n && at[n + 1] == '}' ? n : 0;
}

char *fs_vmm_word(struct fs_vmm *v, const char *word)
{
	char *out = NULL;
	size_t size = 0, n;
	FILE *f = open_memstream(&out, &size);

	if (!f) {
		snprintf(v->err, sizeof(v->err), "out of memory");
		return NULL;
	}
	for (const char *at = word; *at; at++) {
		const char *value;

		n = braced(at);
		if (!n) {
			fputc(*at, f);
			continue;
		}
		value = value_of(v, at + 1, n);
		if (!value) {
			fclose(f);
			free(out);
			snprintf(
				v->err, sizeof(v->err),
				"in \"%.200s\": {%.*s} is nothing that is known here (there are memory, state, snapshot, signal, tap, folder, fork, socket, uffd)",
				word, (int)n, at + 1);
			return NULL;
		}
		fputs(value, f);
		at += n + 1;
	}
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}

static size_t count(const char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

char **fs_vmm_argv(struct fs_vmm *v, const char *const *head, const char *const *tail)
{
	const char *const *middle = (const char *const *)v->plan->command;
	char **argv = calloc(count(head) + count(middle) + count(tail) + 1, sizeof(*argv));
	size_t n = 0;
	bool ok = argv;

	for (size_t i = 0; ok && i < count(head); i++)
		ok = (argv[n++] = strdup(head[i]));
	for (size_t i = 0; ok && i < count(middle); i++)
		ok = (argv[n++] = fs_vmm_word(v, middle[i]));
	for (size_t i = 0; ok && i < count(tail); i++)
		ok = (argv[n++] = strdup(tail[i]));
	if (ok)
		return argv;
	if (!*v->err)
		snprintf(v->err, sizeof(v->err), "out of memory");
	fs_vmm_argv_free(argv);
	return NULL;
}

void fs_vmm_argv_free(char **argv)
{
	for (char **a = argv; a && *a; a++)
		free(*a);
	free(argv);
}

/* A copy of @o with the names in braces replaced. NULL: v->err. */
static json_t *replaced(struct fs_vmm *v, const json_t *o)
{
	json_t *copy = NULL, *value;
	const char *key;
	size_t i;

	if (json_is_string(o)) {
		char *text = fs_vmm_word(v, json_string_value(o));

		copy = text ? json_string(text) : NULL;
		free(text);
	} else if (json_is_object(o)) {
		copy = json_object();
		json_object_foreach ((json_t *)o, key, value)
			if (json_object_set_new(copy, key, replaced(v, value)))
				goto fail;
	} else if (json_is_array(o)) {
		copy = json_array();
		json_array_foreach ((json_t *)o, i, value)
			if (json_array_append_new(copy, replaced(v, value)))
				goto fail;
	} else {
		copy = json_deep_copy(o);
	}
	return copy;
fail:
	json_decref(copy);
	return NULL;
}

int fs_vmm_more_fields(struct fs_vmm *v, json_t *body)
{
	json_t *more;

	if (!v->plan->load_json)
		return 0;
	v->err[0] = '\0';
	more = replaced(v, v->plan->load_json);
	if (!more || json_object_update(body, more)) {
		json_decref(more);
		return *v->err ? -EINVAL
			       : fs_errf(v->err, sizeof(v->err), -EINVAL,
					 "--load-json cannot be put into the load request");
	}
	json_decref(more);
	return 0;
}
