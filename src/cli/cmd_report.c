// SPDX-License-Identifier: BSD-2-Clause
/* forkscope report: a recording in, the ledger of its forks out. Needs no root and no kernel. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "record/guest.h"
#include "render/kaslr.h"
#include "render/ownsyms.h"
#include "render/symbols.h"
#include "render/trust.h"
#include "render/view.h"

#define ERR_LEN 256

struct asked {
	const char *start, *end, *svg, *svg_dir, *symbols, *cohort, *colour;
	uint64_t timeout_ns;
	unsigned int fork;
	bool brief, json, folded, no_guest;
};

static const struct fs_usage usage = {
	.command = "report",
	.synopsis = "[OPTIONS] RECORDING",
	.what = "Says for each fork of a recording where the time between its resume and its end "
		"went.\n"
		"Needs no root, and not the host that made the recording.\n",
	.notes = "END is ack:STAGE, first-tx, tcp:PORT, pio:PORT, mark:NAME or after:TIME; the "
		 "default is\n"
		 "what record was asked, else ack:mailbox.\n\n"
		 "Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, but events were lost, the\n"
		 "recording is cut short, no fork was found, or a fork has no end.\n",
	.min_pos = 1,
	.max_pos = 1,
};

/* The end that record was asked, where the user asks for none. */
static int window(const struct asked *a, const json_t *meta, struct fsa_opts *o, char *err,
		  size_t len)
{
	const char *end = json_string_value(json_object_get(meta, "end"));
	int ret;

	memset(o, 0, sizeof(*o));
	ret = fsa_parse_start(a->start ? a->start : "resume", o, err, len);
	if (ret)
		return ret;
	if (a->end)
		end = a->end;
	ret = fsa_parse_end(end && *end ? end : "ack:mailbox", o, err, len);
	if (ret)
		return ret;
	o->timeout_ns = a->timeout_ns;
	o->no_guest = a->no_guest;
	return 0;
}

static bool want_colour(const char *asked, bool to_file)
{
	const char *no = getenv("NO_COLOR");

	if (asked && !strcmp(asked, "always"))
		return true;
	if (asked && !strcmp(asked, "never"))
		return false;
	return !to_file && isatty(STDOUT_FILENO) && !(no && *no);
}

/* Of the terminal that the text goes to; 0 = it goes elsewhere. */
static unsigned int columns(void)
{
	struct winsize w;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w))
		return 0;
	return w.ws_col;
}

/* Ends a stream: 0, or a negative errno of anything that failed on it. */
static int finish(FILE *f, bool close)
{
	int err = 0;

	errno = 0;
	if (fflush(f) || ferror(f))
		err = errno ? -errno : -EIO;
	if (close && fclose(f) && !err)
		err = errno ? -errno : -EIO;
	return err;
}

/* What was traced is nobody else's business: mode 0600 whatever the umask is. */
static FILE *create(const char *path)
{
	struct stat st;
	FILE *f;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fstat(fd, &st))
		goto failed;
	if (S_ISREG(st.st_mode) && fchmod(fd, 0600))
		goto failed;
	f = fdopen(fd, "w");
	if (f)
		return f;
failed:
	fs_error("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int write_svg(const struct fsv_view *v, const struct fsa_fork *f, const struct fsa_cohort *c,
		     const char *path)
{
	bool to_stdout = !strcmp(path, "-");
	FILE *out = to_stdout ? stdout : create(path);
	int err, io;

	if (!out)
		return FS_EXIT_FAILED;
	err = fsv_svg(v, f, c, out);
	io = finish(out, !to_stdout);
	if (!err)
		err = io;
	if (err) {
		fs_error("cannot write %s: %s", to_stdout ? "the flame graph" : path,
			 strerror(-err));
		return FS_EXIT_FAILED;
	}
	return FS_EXIT_OK;
}

/* The cohort to draw: the one named, else the first with a fork that reached its end. */
static const struct fsa_cohort *main_cohort(const struct fsv_view *v)
{
	if (v->cohort)
		return fsv_cohort(v, v->cohort);
	for (size_t i = 0; i < v->res->ncohorts; i++)
		if (v->res->cohorts[i].n > v->res->cohorts[i].timed_out)
			return &v->res->cohorts[i];
	return NULL;
}

static int one_svg(const struct fsv_view *v, const char *path)
{
	const struct fsa_cohort *c;
	const struct fsa_fork *f = NULL;
	size_t shown = 0;

	for (size_t i = 0; i < v->res->nforks; i++)
		if (fsv_shows(v, &v->res->forks[i])) {
			f = &v->res->forks[i];
			shown++;
		}
	if (shown == 1)
		return write_svg(v, f, NULL, path);
	c = main_cohort(v);
	if (!c) {
		fs_error("nothing to draw: no fork of this recording reached its end; choose one "
			 "with --fork N to see what it did until then");
		return FS_EXIT_FAILED;
	}
	fs_info("the flame graph is the mean of cohort \"%s\" (--cohort NAME and --fork N choose "
		"others)",
		c->name);
	return write_svg(v, NULL, c, path);
}

/* A cohort's name as part of a file name. */
static void file_name(const char *dir, const struct fsa_cohort *c, const struct fsa_cohort *first,
		      char *path, size_t len)
{
	char name[sizeof(c->name)];
	size_t i;

	for (i = 0; c->name[i] && i + 1 < sizeof(name); i++) {
		char x = c->name[i];
		bool plain =
			(x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9');

		name[i] = plain ? x : '-';
	}
	name[i] = '\0';
	if (c == first)
		snprintf(path, len, "%s/cohort.svg", dir);
	else
		snprintf(path, len, "%s/cohort-%s.svg", dir, name);
}

static int many_svgs(const struct fsv_view *v, const char *dir)
{
	const struct fsa_cohort *first = main_cohort(v);
	char path[PATH_MAX];
	int ret = FS_EXIT_OK;

	if (mkdir(dir, 0700) && errno != EEXIST) {
		fs_error("cannot make the directory %s: %s", dir, strerror(errno));
		return FS_EXIT_FAILED;
	}
	for (size_t i = 0; i < v->res->nforks && !ret; i++) {
		const struct fsa_fork *f = &v->res->forks[i];

		if (!fsv_shows(v, f))
			continue;
		snprintf(path, sizeof(path), "%s/fork-%u.svg", dir, f->id);
		ret = write_svg(v, f, NULL, path);
	}
	for (size_t i = 0; i < v->res->ncohorts && !ret && !v->only_fork; i++) {
		const struct fsa_cohort *c = &v->res->cohorts[i];

		if (c->n == c->timed_out || (v->cohort && c != first))
			continue;
		file_name(dir, c, first, path, sizeof(path));
		ret = write_svg(v, NULL, c, path);
	}
	return ret;
}

static int to_stdout(const struct asked *a, const struct fsv_view *v)
{
	int err = a->json     ? fsv_json(v, stdout)
		  : a->folded ? fsv_folded(v, stdout)
			      : fsv_text(v, stdout);
	int io = finish(stdout, false);

	if (io == -EPIPE)
		return FS_EXIT_FAILED; /* the reader has left: nobody to tell */
	if (io)
		err = io;
	if (err) {
		fs_error("cannot write the report: %s", strerror(-err));
		return FS_EXIT_FAILED;
	}
	return FS_EXIT_OK;
}

static int render(const struct asked *a, const struct fsv_view *v)
{
	int ret = FS_EXIT_OK;

	if (a->svg)
		ret = one_svg(v, a->svg);
	if (a->svg_dir && !ret)
		ret = many_svgs(v, a->svg_dir);
	if ((!a->svg && !a->svg_dir) || a->json || a->folded)
		ret = ret ? ret : to_stdout(a, v);
	return ret;
}

/* Done, but does the report lack something? Says so on stderr as well. */
static int completeness(const struct fsv_view *v)
{
	struct fsv_trust t;
	size_t open = 0, shown = 0;

	fsv_trust_read(v, &t);
	for (size_t i = 0; i < v->res->nforks; i++) {
		if (!fsv_shows(v, &v->res->forks[i]))
			continue;
		shown++;
		open += !v->res->forks[i].complete;
	}
	if (v->info->truncated)
		fs_warn("%s: %s; what stands before it was used", v->path, v->info->why);
	else if (!v->info->complete)
		fs_warn("%s has no end mark: the recorder did not finish", v->path);
	if (t.lost_records != FSV_NOT_RECORDED && t.lost_records)
		fs_warn("%llu records were lost while recording",
			(unsigned long long)t.lost_records);
	if (open)
		fs_warn("%zu of %zu forks did not reach their end", open, shown);
	if (!shown)
		fs_warn("no restored VM was found in %s", v->path);
	return t.host_incomplete || open || !shown ? FS_EXIT_INCOMPLETE : FS_EXIT_OK;
}

static int choices_ok(const struct fsv_view *v)
{
	bool found = !v->only_fork;

	for (size_t i = 0; i < v->res->nforks; i++)
		found |= v->res->forks[i].id == v->only_fork;
	if (!found) {
		fs_error("no fork %u: this recording has %zu", v->only_fork, v->res->nforks);
		return FS_EXIT_FAILED;
	}
	if (!v->cohort || fsv_cohort(v, v->cohort))
		return FS_EXIT_OK;
	fs_error("no cohort \"%s\" in this recording, but these%s", v->cohort,
		 v->res->ncohorts ? ":" : ": none");
	for (size_t i = 0; i < v->res->ncohorts; i++)
		fs_info("  \"%s\" (%zu forks)", v->res->cohorts[i].name, v->res->cohorts[i].n);
	return FS_EXIT_FAILED;
}

static const char *symbols_of(void *arg, const uint8_t id[16], size_t *len)
{
	return fsr_guest_symbols(arg, id, len);
}

static int report(const struct asked *a, struct fsr_reader *r, const char *path)
{
	struct fsv_view v = {.reader = r, .info = fsr_info(r), .path = path};
	struct fsa_result *res = NULL;
	struct fsv_syms *syms = NULL;
	struct fsv_own *own = NULL;
	char err[ERR_LEN] = "";
	struct fsa_opts o;
	int ret = FS_EXIT_FAILED;

	if (window(a, v.info->meta, &o, err, sizeof(err))) {
		fs_error("%s", err);
		return FS_EXIT_USAGE;
	}
	/* flames are drawn from the pieces of the path */
	o.drop_segs = !a->folded && !a->svg && !a->svg_dir;
	if (a->symbols && fsv_syms_load(a->symbols, &syms, err, sizeof(err))) {
		fs_error("%s", err);
		return FS_EXIT_FAILED;
	}
	if (fsa_attribute(r, &o, &res, err, sizeof(err))) {
		fs_error("%s: %s", path, err);
		goto out;
	}
	if (syms)
		fsv_kaslr_find(syms, res, a->fork);
	else if (fsv_own_load(res, a->fork, symbols_of, r, &own))
		fs_warn("no memory for the snapshots' symbols: guest addresses stay numbers");
	v.res = res;
	v.own = own;
	v.guest = syms;
	v.brief = a->brief;
	v.columns = columns();
	v.only_fork = a->fork;
	v.cohort = a->cohort;
	v.colour = want_colour(a->colour, a->json || a->folded);
	ret = choices_ok(&v);
	if (!ret)
		ret = render(a, &v);
	if (!ret)
		ret = completeness(&v);
out:
	fsa_free(res);
	fsv_own_free(own);
	fsv_syms_free(syms);
	return ret;
}

int cmd_report(int argc, char **argv)
{
	struct asked a = {0};
	struct fs_opt opts[] = {
		FS_OPT("--fork", NULL, "N", fs_opt_uint, &a.fork, "only this fork"),
		FS_OPT("--cohort", NULL, "NAME", fs_opt_string, &a.cohort,
		       "only this set of forks"),
		FS_OPT("--start", NULL, "START", fs_opt_string, &a.start,
		       "where the window begins: resume (default), load or spawn"),
		FS_OPT("--end", NULL, "END", fs_opt_string, &a.end, "where it ends"),
		FS_OPT("--timeout", NULL, "TIME", fs_opt_ns, &a.timeout_ns,
		       "how long to wait for a fork's end"),
		FS_OPT("--brief", NULL, NULL, fs_opt_flag, &a.brief,
		       "a line for each fork instead of a page"),
		FS_OPT("--json", NULL, NULL, fs_opt_flag, &a.json, "one JSON object"),
		FS_OPT("--folded", NULL, NULL, fs_opt_flag, &a.folded,
		       "folded stacks, weights in ns of the gap"),
		FS_OPT("--svg", NULL, "FILE", fs_opt_string, &a.svg,
		       "a flame graph of the fork, or of the cohort's mean; - is stdout"),
		FS_OPT("--svg-dir", NULL, "DIR", fs_opt_string, &a.svg_dir,
		       "fork-N.svg of each fork, cohort.svg and cohort-NAME.svg"),
		FS_OPT("--no-guest", NULL, NULL, fs_opt_flag, &a.no_guest,
		       "leave out what was recorded inside the guests: the host-only ledger"),
		FS_OPT("--guest-symbols", NULL, "FILE", fs_opt_string, &a.symbols,
		       "the guest's vmlinux, System.map or kallsyms, instead of its own"),
		FS_OPT("--color", NULL, "WHEN", fs_opt_string, &a.colour,
		       "auto (default: on a terminal, unless NO_COLOR is set), always, never"),
		FS_OPT_END,
	};
	struct fsr_reader *r = NULL;
	struct fs_args args;
	char err[ERR_LEN] = "";
	int ret = fs_opts_parse(&usage, opts, argc, argv, &args);

	if (ret >= 0)
		return ret;
	if (a.json && a.folded)
		return fs_opts_bad(&usage, "--json and --folded both want stdout: choose one");
	if (a.svg && !strcmp(a.svg, "-") && (a.json || a.folded))
		return fs_opts_bad(&usage, "--svg - and %s both want stdout: choose one",
				   a.json ? "--json" : "--folded");
	if (a.colour && strcmp(a.colour, "auto") && strcmp(a.colour, "always") &&
	    strcmp(a.colour, "never"))
		return fs_opts_bad(&usage, "--color is auto, always or never, not \"%s\"",
				   a.colour);
	/* a reader that leaves (head, less) is an error of write(), not the end of this process */
	signal(SIGPIPE, SIG_IGN);
	if (fsr_open(args.pos[0], &r, err, sizeof(err))) {
		fs_error("%s: %s", args.pos[0], err);
		return FS_EXIT_FAILED;
	}
	ret = report(&a, r, args.pos[0]);
	fsr_free(r);
	return ret;
}
