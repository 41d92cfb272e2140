/* SPDX-License-Identifier: GPL-2.0-only */
#include "saver.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define STACK_BYTES (256 << 10)

struct work {
	struct spw_saver *saver;
	spw_save *save;
	void *job;
};

static void *run(void *context)
{
	struct work *work = context;
	struct spw_saver *saver = work->saver;
	char message[SPW_MESSAGE_MAX] = "";
	int err = work->save(work->job, message);

	if (err && !saver->failed)
		spw_log(LOG_ERR, "%s", message);
	saver->failed = err;
	free(work->job);
	free(work);
	atomic_store(&saver->busy, false);
	return NULL;
}

static int start_thread(struct work *work)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int err;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	err = pthread_create(&thread, &attributes, run, work);
	pthread_attr_destroy(&attributes);
	return -err;
}

int spw_saver_start(struct spw_saver *saver, spw_save *save, void *job)
{
	_cleanup_free_ void *owned_job = job;
	_cleanup_free_ struct work *work = malloc(sizeof(*work));
	int err;

	if (!job || !work)
		return -ENOMEM;
	if (atomic_exchange(&saver->busy, true))
		return -EBUSY;
	*work = (struct work){saver, save, job};
	err = start_thread(work);
	if (err) {
		atomic_store(&saver->busy, false);
		return err;
	}
	owned_job = NULL;
	work = NULL;
	return 0;
}

void spw_saver_wait(struct spw_saver *saver)
{
	while (atomic_load(&saver->busy))
		usleep(1000);
}
