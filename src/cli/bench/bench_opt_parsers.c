// SPDX-License-Identifier: BSD-2-Clause
/* Parsers of the options about forks: names out of a list, the variants' signals and prefetches. */
#include "cli/bench/bench_opt_parsers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "experiment/range_lists.h"

int bench_opt_pick(const char *text, const char *const *names, size_t n, void *dst, char *why,
		   size_t len)
{
	size_t at = 0;

	why[0] = '\0';
	for (size_t i = 0; i < n && names[i]; i++) {
		if (!strcmp(names[i], text)) {
			*(int *)dst = (int)i;
			return 0;
		}
		at += (size_t)snprintf(why + at, at < len ? len - at : 0, "%s%s",
				       i ? ", " : "is none of ", names[i]);
	}
	return -1;
}

int bench_opt_mechanism(const char *text, void *dst, char *why, size_t len)
{
	return bench_opt_pick(text, fs_mechanism_names, FS_MECHANISM_COUNT, dst, why, len);
}

/* Number of words that "a,b,c" was cut into at its commas; more than BENCH_MAX is no list. */
static size_t cut(char *text, const char **words)
{
	size_t n = 0;

	for (char *next; text && n < BENCH_MAX; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = '\0';
		words[n++] = text;
		if (!next)
			return n;
	}
	return BENCH_MAX + 1;
}

/* Variants are distinguished by their names. */
static int twice(const char *const *words, size_t n, char *why, size_t len)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (words[i] && words[k] && !strcmp(words[i], words[k])) {
				snprintf(why, len, "names \"%s\" twice", words[i]);
				return -1;
			}
	return 0;
}

int bench_opt_signals(const char *text, void *dst, char *why, size_t len)
{
	static const char *const known[] = {"auto", "vmclock", "vmgenid", "vmclock-spin", "none"};
	struct bench_asked *a = dst;
	int at;

	free(a->words);
	a->words = strdup(text);
	a->nsignals = cut(a->words, a->signals);
	if (!a->words || a->nsignals > BENCH_MAX) {
		snprintf(why, len, "names too many signals");
		return -1;
	}
	for (size_t i = 0; i < a->nsignals; i++)
		if (bench_opt_pick(a->signals[i], known, sizeof(known) / sizeof(known[0]), &at, why,
				   len))
			return -1;
	return twice(a->signals, a->nsignals, why, len);
}

int bench_opt_prefetch(const char *text, void *dst, char *why, size_t len)
{
	struct bench_asked *a = dst;
	const char *words[BENCH_MAX] = {NULL};
	char *copy = strdup(text);
	size_t n = cut(copy, words);
	int ret = copy ? 0 : -1;

	if (n > BENCH_MAX) {
		snprintf(why, len, "names too many");
		ret = -1;
	}
	for (size_t i = 0; !ret && i < n; i++)
		ret = fs_prefetch_parse(words[i], &a->prefetch[i], why, len) ? -1 : 0;
	ret = ret ? ret : twice(words, n, why, len);
	a->nprefetch = n;
	free(copy);
	return ret;
}

int bench_opt_workingset(const char *text, void *dst, char *why, size_t len)
{
	/* in the order given: first-touch, if it was exported */
	return fsx_ranges_load(text, dst, why, len) ? -1 : 0;
}

int bench_opt_seed(const char *text, void *dst, char *why, size_t len)
{
	char *end;
	uint64_t v = strtoull(text, &end, 0);

	if (text[0] < '0' || text[0] > '9' || *end || v > INT64_MAX) {
		snprintf(why, len, "is not a whole number");
		return -1;
	}
	*(uint64_t *)dst = v;
	return 0;
}
