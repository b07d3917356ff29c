// SPDX-License-Identifier: BSD-2-Clause
/* META: what a recorder says about itself and its guest, as JSON. */
#include "guest/recorder/guest_meta.h"
#include <ctype.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Text of the kernel's or a program's: jansson wants UTF-8. */
static json_t *text(const char *s)
{
	char ascii[512];
	size_t n = 0;

	for (; s && *s && n < sizeof(ascii) - 1; s++)
		ascii[n++] = *s >= 0x20 && *s < 0x7f ? *s : '?';
	ascii[n] = 0;
	return json_string(ascii);
}

static json_t *hooks_json(const struct fs_plan *p)
{
	json_t *all = json_array();

	for (size_t w = 0; p && w < p->table->nwants; w++) {
		const struct fs_choice *c = &p->choices[w];
		json_t *o = json_object();

		json_object_set_new(o, "want", text(p->table->wants[w].name));
		json_object_set_new(o, "got", c->rank ? text(c->got) : json_null());
		json_object_set_new(o, "rank", json_integer(c->rank));
		json_object_set_new(o, "why", text(c->why));
		if (!c->rank)
			json_object_set_new(o, "lost", text(p->table->wants[w].lost));
		json_array_append_new(all, o);
	}
	return all;
}

static void add_task(json_t *tasks, const char *pid, const char *tid)
{
	char path[600], comm[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/comm", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(comm, sizeof(comm), f)) {
		comm[strcspn(comm, "\n")] = 0;
		json_object_set_new(tasks, tid, text(comm));
	}
	fclose(f);
}

/* The threads that there are now: tid -> comm. */
static json_t *tasks_json(void)
{
	json_t *tasks = json_object();
	DIR *proc = opendir("/proc");
	struct dirent *p, *t;

	while (proc && (p = readdir(proc))) {
		char path[300];
		DIR *d;

		if (!isdigit((unsigned char)p->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/task", p->d_name);
		d = opendir(path);
		while (d && (t = readdir(d)))
			if (isdigit((unsigned char)t->d_name[0]))
				add_task(tasks, p->d_name, t->d_name);
		if (d)
			closedir(d);
	}
	if (proc)
		closedir(proc);
	return tasks;
}

char *guest_meta_text(const struct guest_meta *m)
{
	json_t *o = json_object(), *options = json_object();
	struct utsname u;
	char *s;

	uname(&u);
	json_object_set_new(o, "format", json_integer(1));
	json_object_set_new(o, "forkscope", text(FORKSCOPE_VERSION));
	json_object_set_new(o, "kernel", text(u.release));
	json_object_set_new(o, "version", text(u.version));
	json_object_set_new(o, "machine", text(u.machine));
	json_object_set_new(o, "clocksource", text(m->clocksource));
	json_object_set_new(o, "cpus", json_integer(m->cpus));
	json_object_set_new(o, "cpus_without_ring", json_integer(m->cpus_out));
	json_object_set_new(o, "bpf", text(m->bpf));
	json_object_set_new(o, "symbols", text(m->symbols));
	json_object_set_new(o, "probe_ns", json_real(m->probe_ns_x16 / 16.0));
	json_object_set_new(o, "hooks", hooks_json(m->plan));
	json_object_set_new(options, "ring_bytes", json_integer((json_int_t)m->ring_bytes));
	json_object_set_new(options, "without", m->without ? text(m->without) : json_null());
	json_object_set_new(o, "options", options);
	json_object_set_new(o, "tasks", tasks_json());
	s = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return s;
}
