/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A list is downloaded and checked by a process of its own: this program, executed again with the verb fetch-list. The
 * request is its standard input, the result its standard output, the content its descriptor 3. The event loop never
 * waits for it.
 */
#ifndef SPW_HOST_DOWNLOAD_JOB_H
#define SPW_HOST_DOWNLOAD_JOB_H

#include <systemd/sd-event.h>

#include "base/error.h"
#include "config/url_copy.h"

#define SPW_DOWNLOAD_VERB    "fetch-list"
#define SPW_DOWNLOAD_BODY_FD 3

/* As sent to the process: the same program, so the same layout. */
struct spw_download_request {
	u32 agent; /* its process */
	u32 reserved;
	u64 timeout_ns; /* of each of the two URLs */
	u64 min;	/* prefixes; fewer are refused */
	u64 before;	/* prefixes that are there; less than half of them is refused; 0: any number is taken */
	u8 strict;	/* as in struct spw_list_options */
	u8 skip;
	char url[SPW_URL_BYTES];
	char sha256_url[SPW_URL_BYTES]; /* "": none */
	char ca[SPW_URL_COPY_PATH];	/* "": the certificates of the host */
	char etag[SPW_ETAG_BYTES];
	char last_modified[SPW_HTTP_DATE_BYTES];
};

enum spw_download_outcome {
	SPW_DOWNLOAD_CHANGED,
	SPW_DOWNLOAD_UNCHANGED,
	SPW_DOWNLOAD_FAILED,
	SPW_DOWNLOAD_OUTCOMES,
};

/* As sent back. Texts are terminated, but may hold anything. */
struct spw_download_result {
	u32 outcome;	   /* enum spw_download_outcome */
	u32 shrunk;	   /* FAILED because of request.before */
	u64 prefixes;	   /* CHANGED */
	u64 retry_after_s; /* FAILED: not before that, says the server; 0: it says nothing */
	char etag[SPW_ETAG_BYTES];
	char last_modified[SPW_HTTP_DATE_BYTES];
	char sha256[SPW_SHA256_TEXT];  /* CHANGED */
	char message[SPW_MESSAGE_MAX]; /* FAILED: why */
};

struct spw_download_job;

/** The process has ended. @body: the content, from its start; owned by the callee */
typedef void spw_download_done(void *context, const struct spw_download_result *result, int body);

/** spw_download_job_start() - returns 0 or -errno. @done is called once, from the loop, unless the job is stopped. */
int spw_download_job_start(sd_event *loop, const struct spw_download_request *request, spw_download_done *done,
			   void *context, struct spw_download_job **job);

/** spw_download_most_ns() - how long the process of @request may take. */
u64 spw_download_most_ns(const struct spw_download_request *request);

/** spw_download_job_tick() - kill a process that takes longer than its request allows; @done then follows. */
void spw_download_job_tick(struct spw_download_job *job, u64 now_ns);

/** spw_download_job_stop() - kill it; @done is not called. NULL is a no-op. */
void spw_download_job_stop(struct spw_download_job *job);

#endif
