// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include "tests/unit/render_fixture.h"

static char *draw(struct fx *x, const struct fsa_fork *f, const struct fsa_cohort *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(fsv_svg(&x->view, f, c, out), 0);
	fclose(out);
	return text;
}

/* Every element is closed in order, every & begins an entity, all is ASCII: enough for XML here. */
static void well_formed(const char *p)
{
	char stack[32][16];
	int depth = 0;

	while (*p) {
		assert_true((unsigned char)*p < 0x7f && (*p >= ' ' || *p == '\n'));
		if (*p == '&') {
			size_t n = strcspn(p, ";<> \n");

			assert_true(n > 1 && n < 7 && p[n] == ';');
		} else if (!strncmp(p, "<![CDATA[", 9)) {
			p = strstr(p, "]]>");
			assert_non_null(p);
		} else if (!strncmp(p, "<?", 2)) {
			p = strchr(p, '>');
		} else if (!strncmp(p, "</", 2)) {
			assert_true(depth > 0);
			depth--;
			assert_true(!strncmp(p + 2, stack[depth], strlen(stack[depth])));
			p = strchr(p, '>');
		} else if (*p == '<') {
			const char *end = strchr(p, '>');
			size_t n = strcspn(p + 1, " />");

			assert_non_null(end);
			if (end[-1] != '/') {
				assert_true(depth < 32 && n < 16);
				snprintf(stack[depth++], 16, "%.*s", (int)n, p + 1);
			}
			p = end;
		}
		p++;
	}
	assert_int_equal(depth, 0);
}

static void forks_and_cohorts_are_well_formed(void **state)
{
	struct fx *x = fx_typical();

	(void)state;
	for (int i = 0; i < 5; i++) {
		char *svg = i < 3 ? draw(x, &x->forks[i], NULL) : draw(x, NULL, &x->cohorts[i - 3]);

		well_formed(svg);
		assert_null(strstr(svg, "<script>&"));
		assert_null(strstr(svg, "http://www.w3.org/1999/xlink"));
		free(svg);
	}
	free(x);
}

static void hostile_names_are_escaped(void **state)
{
	struct fx *x = fx_new();
	struct fsa_fork *f = fx_fork(x, "a<b>&\"'");
	char *svg;

	(void)state;
	fx_seg(f, 1000, FSA_S_GUEST, FSA_C_SCHED_DELAY)->label = 2;
	/* its share is printed as "<0.1 %" and it is wide enough to be drawn */
	fx_seg(f, 1000000, FSA_S_GUEST, FSA_C_EXIT_VMM)->label = 1;
	fx_seg(f, 400, FSA_S_GUEST, FSA_C_EXIT_KERNEL)->label = 1;
	fx_verdict(f, FSA_V_VCPU);
	svg = draw(x, f, NULL);
	well_formed(svg);
	assert_non_null(strstr(svg, "evil:name&lt;script&gt;&amp;&quot;&#39;"));
	assert_non_null(strstr(svg, "a&lt;b&gt;&amp;&quot;&#39;"));
	free(svg);
	free(x);
}

static void says_the_answer_without_a_mouse(void **state)
{
	struct fx *x = fx_typical();
	char *svg = draw(x, &x->forks[0], NULL);

	(void)state;
	assert_non_null(strstr(svg, ">fork 1: gap 36.8 ms</text>"));
	assert_non_null(strstr(svg, "verdict: memory faults: 90.2 %"));
	assert_non_null(strstr(svg, "n = 1 fork"));
	assert_non_null(strstr(svg, ">served from the page cache") ?: strstr(svg, "served from"));
	free(svg);
	svg = draw(x, &x->forks[2], NULL);
	assert_non_null(strstr(svg, "NOT reached"));
	free(svg);
	svg = draw(x, NULL, &x->cohorts[0]);
	assert_non_null(strstr(svg, "mean gap 9.2 ms of n = 1 fork"));
	assert_non_null(strstr(svg, "1 more never reached the end"));
	free(svg);
	free(x);
}

static void an_empty_window_is_drawn(void **state)
{
	struct fx *x = fx_new();
	struct fsa_fork *f = fx_fork(x, "vmm");
	char *svg = draw(x, f, NULL);

	(void)state;
	well_formed(svg);
	assert_non_null(strstr(svg, "the window is empty"));
	free(svg);
	free(x);
}

static void nothing_comes_from_elsewhere(void **state)
{
	struct fx *x = fx_typical();
	char *svg = draw(x, &x->forks[0], NULL), *p = svg;

	(void)state;
	assert_null(strstr(svg, "href"));
	assert_null(strstr(svg, "@import"));
	/* the only addresses are the name of the SVG format itself */
	while ((p = strstr(p, "http"))) {
		assert_true(!strncmp(p, "http://www.w3.org/2000/svg", 26));
		p++;
	}
	free(svg);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forks_and_cohorts_are_well_formed),
		cmocka_unit_test(hostile_names_are_escaped),
		cmocka_unit_test(says_the_answer_without_a_mouse),
		cmocka_unit_test(an_empty_window_is_drawn),
		cmocka_unit_test(nothing_comes_from_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
