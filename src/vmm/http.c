// SPDX-License-Identifier: BSD-2-Clause
/* Sends an HTTP request over a unix socket, and reads its answer within limits. */
#include "vmm/http.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "vmm/answer.h"

struct fs_http {
	CURL *curl;
	struct curl_slist *headers;
	char why[CURL_ERROR_SIZE];
	size_t n;
	char body[FS_ANSWER_MAX + 1];
};

void fs_http_setup(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* libcurl's callback: fewer bytes taken than given ends the transfer. */
static size_t take(char *data, size_t one, size_t n, void *arg)
{
	struct fs_http *h = arg;
	size_t bytes = one * n;

	if (bytes > FS_ANSWER_MAX - h->n)
		return 0;
	memcpy(h->body + h->n, data, bytes);
	h->n += bytes;
	return bytes;
}

struct fs_http *fs_http_open(const char *socket)
{
	struct fs_http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->curl = curl_easy_init();
	h->headers = curl_slist_append(NULL, "Content-Type: application/json");
	/* An empty Expect: no "100-continue", which not every VMM knows. */
	if (h->headers)
		curl_slist_append(h->headers, "Expect:");
	if (!h->curl || !h->headers) {
		fs_http_close(h);
		return NULL;
	}
	curl_easy_setopt(h->curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(h->curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->why);
	return h;
}

void fs_http_close(struct fs_http *h)
{
	if (!h)
		return;
	if (h->curl)
		curl_easy_cleanup(h->curl);
	curl_slist_free_all(h->headers);
	free(h);
}

static int code_of(CURLcode c)
{
	switch (c) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return -ECONNRESET;
	case CURLE_WRITE_ERROR:
		return -EMSGSIZE;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

static int perform(struct fs_http *h, const char *method, const char *path, const char *text,
		   uint64_t timeout_ns)
{
	char url[512];

	snprintf(url, sizeof(url), "http://localhost%s", path);
	h->n = 0;
	h->why[0] = '\0';
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	curl_easy_setopt(h->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers);
	if (text || strcmp(method, "GET")) { /* "Content-Length: 0" where there is no body */
		curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE, text ? (long)strlen(text) : 0l);
		curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, text ? text : "");
	}
	curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, method);
	/* 0 would mean "never" to curl */
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS,
			 (long)fs_poll_ms(timeout_ns ? timeout_ns : 1));
	return code_of(curl_easy_perform(h->curl));
}

int fs_http_ask(struct fs_http *h, const char *method, const char *path, const json_t *body,
		uint64_t timeout_ns, struct fs_http_answer *a, char *err, size_t len)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL, took[FS_UNITS_LEN];
	int ret;

	memset(a, 0, sizeof(*a));
	if (body && !text)
		return fs_errf(err, len, -ENOMEM, "%s %s: out of memory", method, path);
	ret = perform(h, method, path, text, timeout_ns);
	free(text);
	h->body[h->n] = '\0';
	if (ret == -ETIMEDOUT)
		return fs_errf(err, len, ret, "%s %s: no answer within %s", method, path,
			       fs_fmt_ns(timeout_ns, took, sizeof(took)));
	if (ret == -EMSGSIZE)
		return fs_errf(err, len, ret, "%s %s: an answer of more than %u bytes", method,
			       path, FS_ANSWER_MAX);
	if (ret)
		return fs_errf(err, len, ret, "%s %s: no answer: %s", method, path,
			       *h->why ? h->why : strerror(-ret));
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &a->status);
	a->body = h->body;
	a->len = h->n;
	return 0;
}
