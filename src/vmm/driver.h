/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver of a VMM (struct fs_vmm_ops) is made from: for src/vmm alone. */
#ifndef FORKSCOPE_VMM_DRIVER_H
#define FORKSCOPE_VMM_DRIVER_H

#include <stdbool.h>
#include <jansson.h>
#include "vmm/vmm.h"

/*
 * Starts @argv with its output in v->log, or adopts whoever listens at plan->socket, and waits
 * until a connection to v->socket is taken. v->socket and v->log are set by the caller before.
 */
int fs_vmm_launch(struct fs_vmm *v, char *const argv[]);

struct fs_http;
struct fs_http_answer;

/*
 * One HTTP request to the VMM; @body is taken over. Returns 0 when it answered 204, or 200 with the
 * answer in @a; -EREMOTEIO with the body shown when it refused; or what fs_http_ask() says.
 */
int fs_vmm_http(struct fs_vmm *v, struct fs_http *h, const char *method, const char *path,
		json_t *body, struct fs_http_answer *a);

/* After a call failed with @ret: if the VMM has ended meanwhile, says that too. Returns the code.
 */
int fs_vmm_explain(struct fs_vmm *v, int ret);

/* Sets v->is from plan->version, or else from v->version. */
void fs_vmm_parse_version(struct fs_vmm *v);
/* Is it known to be @major.@minor or later? */
bool fs_vmm_since(const struct fs_vmm_version *is, unsigned int major, unsigned int minor);

/* @path for a request. NULL, with a sentence in v->err: it is not UTF-8, as JSON must be. */
json_t *fs_vmm_path(struct fs_vmm *v, const char *path);

/*
 * Adds plan->load_json to @body, with the names in braces replaced in its strings, as fs_vmm_word()
 * does. Returns 0 or a negative errno with a sentence in v->err.
 */
int fs_vmm_more_fields(struct fs_vmm *v, json_t *body);

/*
 * One word of the user's command with {memory}, {state}, {snapshot}, {signal}, {tap}, {folder},
 * {fork}, {socket} and {uffd} replaced. Returns the text (to free), or NULL with the reason in
 * v->err: a name in braces that is none of these, or one that has no value here.
 */
char *fs_vmm_word(struct fs_vmm *v, const char *word);

/*
 * @head, then the words of plan->command with the names replaced, then @tail (NULL-terminated
 * arrays; any may be NULL). Returns the array (to free with fs_vmm_argv_free) or NULL, v->err.
 */
char **fs_vmm_argv(struct fs_vmm *v, const char *const *head, const char *const *tail);
void fs_vmm_argv_free(char **argv);

#endif
