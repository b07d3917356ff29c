// SPDX-License-Identifier: BSD-2-Clause
/* The trust block's lines about hooks, of the host and of the guests: which were not seen at best.
 */
#include "guestsyms/ownsyms.h"
#include "render/text/term.h"
#include "render/text/text_parts.h"

static void one_hook(const json_t *h, FILE *out)
{
	json_int_t rank = json_integer_value(json_object_get(h, "rank"));
	const char *want = json_string_value(json_object_get(h, "want"));
	const char *got = json_string_value(json_object_get(h, "got"));
	const char *why = json_string_value(json_object_get(h, "why"));
	const char *lost = json_string_value(json_object_get(h, "lost"));

	if (rank > 1)
		fsv_para(out, 4, 6, "%s: by way %d, %s%s%s", want ? want : "?", (int)rank,
			 got ? got : "?", why && *why ? "; " : "", why ? why : "");
	else
		fsv_para(out, 4, 6, "%s: NOT SEEN%s%s%s%s", want ? want : "?",
			 lost && *lost ? ": " : "", lost ? lost : "", why && *why ? "; " : "",
			 why ? why : "");
}

void fsv_text_hooks(const char *whose, const json_t *all, FILE *out)
{
	size_t i, best = 0, n = 0;
	json_t *h;

	if (!all) {
		fprintf(out, "  %s: not recorded\n", whose);
		return;
	}
	json_array_foreach ((json_t *)all, i, h) {
		n++;
		best += json_integer_value(json_object_get(h, "rank")) == 1;
	}
	fprintf(out, "  %s: %zu of %zu by their best way\n", whose, best, n);
	json_array_foreach ((json_t *)all, i, h)
		if (json_integer_value(json_object_get(h, "rank")) != 1)
			one_hook(h, out);
}

void fsv_text_guest_hooks(const struct fsv_view *v, FILE *out)
{
	for (size_t i = 0; v->own && i < v->own->n; i++) {
		const struct fsy_own_table *t = &v->own->v[i];
		char whose[80];

		snprintf(whose, sizeof(whose), "hooks in the guest (%zu fork%s)", t->forks,
			 t->forks == 1 ? "" : "s");
		fsv_text_hooks(whose, fsy_own_hooks(t), out);
	}
}
