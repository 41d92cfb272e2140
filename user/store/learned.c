/* SPDX-License-Identifier: GPL-2.0-only */
#include "learned.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "saver.h"
#include "state_file.h"

enum { VERSION = 1 };

/* ---- reading ---- */

static bool get_number(const json_t *object, const char *name, double *number)
{
	const json_t *value = json_object_get(object, name);

	*number = json_number_value(value);
	return json_is_number(value);
}

static void get_services(const json_t *services, struct spw_learned_all *all, char *message)
{
	const char *name;
	json_t *value;
	u32 left_out = 0;

	json_object_foreach((json_t *)services, name, value)
	{
		struct spw_learned learned = {0};
		bool right = get_number(value, "capacity_per_s", &learned.capacity_per_s) &&
			     get_number(value, "served_peak_per_s", &learned.served_peak_per_s) &&
			     get_number(value, "idle_wait_ns", &learned.idle_wait_ns) &&
			     (!json_object_get(value, "reads_per_work") || /* missing in files of earlier versions */
			      get_number(value, "reads_per_work", &learned.reads_per_work)) &&
			     spw_learned_check(&learned) && strlen(name) < SPW_NAME_MAX;

		/* At most the peak that was seen: a wrong number in the file must not admit everything. */
		if (right && learned.served_peak_per_s > 0 && learned.capacity_per_s > 2 * learned.served_peak_per_s)
			learned.capacity_per_s = 2 * learned.served_peak_per_s;
		if (!right || all->count == SPW_SERVICES_MAX) {
			left_out++;
			continue;
		}
		all->services[all->count].learned = learned;
		snprintf(all->services[all->count++].name, SPW_NAME_MAX, "%s", name);
	}
	if (left_out)
		snprintf(message, SPW_MESSAGE_MAX,
			 "%u services in " SPW_LEARNED_FILE " have impossible numbers and are learned again", left_out);
}

/* Returns why the text is not a valid file; NULL: it was read into @all. */
static const char *take(const char *text, size_t bytes, struct spw_learned_all *all, char *message)
{
	json_t *object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
	const json_t *version = json_object_get(object, "version"), *services = json_object_get(object, "services");
	const char *wrong = NULL;

	if (!object)
		wrong = "it is damaged";
	else if (!json_is_integer(version) || !json_is_object(services))
		wrong = "it is not a spillway file";
	else if (json_integer_value(version) != VERSION)
		wrong = "it is of another version";
	else
		get_services(services, all, message);
	json_decref(object);
	return wrong;
}

static int put_aside(const char *state_dir, const char *wrong, char *message)
{
	char path[SPW_STATE_PATH_BYTES], aside[SPW_STATE_PATH_BYTES];
	bool moved = spw_state_put_aside(state_dir, SPW_LEARNED_FILE);

	spw_state_path(path, state_dir, SPW_LEARNED_FILE, "");
	spw_state_path(aside, state_dir, SPW_LEARNED_FILE, ".bad");
	snprintf(message, SPW_MESSAGE_MAX, "%.200s is not used: %s; capacities are learned again%s%.200s", path, wrong,
		 moved ? ", the file was moved to " : "", moved ? aside : "");
	return -EINVAL;
}

int spw_learned_load(const char *state_dir, struct spw_learned_all *all, char message[SPW_MESSAGE_MAX])
{
	_cleanup_free_ char *text = malloc(SPW_LEARNED_BYTES_MAX + 1);
	_cleanup_fd_ int fd = -1;
	char path[SPW_STATE_PATH_BYTES];
	struct stat status;
	const char *wrong;
	ssize_t got;

	memset(all, 0, sizeof(*all));
	*message = '\0';
	spw_state_path(path, state_dir, SPW_LEARNED_FILE, "");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (!text || fd < 0 || fstat(fd, &status)) {
		int err = text ? errno : ENOMEM;

		snprintf(message, SPW_MESSAGE_MAX, "cannot read %.200s: %s; capacities are learned again", path,
			 err == ELOOP ? "it is a symbolic link" : strerror(err));
		return -err;
	}
	if (!S_ISREG(status.st_mode))
		return put_aside(state_dir, "it is no regular file", message);
	got = read(fd, text, SPW_LEARNED_BYTES_MAX + 1);
	if (got < 0 || got > (ssize_t)SPW_LEARNED_BYTES_MAX)
		return put_aside(state_dir, got < 0 ? strerror(errno) : "it is too large", message);
	wrong = take(text, (size_t)got, all, message);
	return wrong ? put_aside(state_dir, wrong, message) : 0;
}

const struct spw_learned *spw_learned_find(const struct spw_learned_all *all, const char *name)
{
	for (u32 i = 0; i < all->count; i++)
		if (!strcmp(all->services[i].name, name))
			return &all->services[i].learned;
	return NULL;
}

/* ---- writing ---- */

static char *make_text(const struct spw_learned_all *all)
{
	json_t *services = json_object(), *object;
	time_t now = time(NULL);
	char at[32] = "";
	struct tm parts;
	char *text;

	if (gmtime_r(&now, &parts))
		strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &parts);
	for (u32 i = 0; i < all->count; i++) {
		const struct spw_learned *learned = &all->services[i].learned;

		json_object_set_new(services, all->services[i].name,
				    json_pack("{s:f,s:f,s:f,s:f}", "capacity_per_s", learned->capacity_per_s,
					      "served_peak_per_s", learned->served_peak_per_s, "idle_wait_ns",
					      learned->idle_wait_ns, "reads_per_work", learned->reads_per_work));
	}
	object = json_pack("{s:i,s:s,s:o}", "version", VERSION, "saved_at", at, "services", services);
	text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	json_decref(object);
	return text;
}

static int write_text(FILE *out, void *text)
{
	return fputs(text, out) < 0 ? -EIO : 0;
}

static int save(const char *state_dir, const struct spw_learned_all *all, char *message)
{
	_cleanup_free_ char *text = make_text(all);
	int err = text ? spw_state_replace(state_dir, SPW_LEARNED_FILE, write_text, text) : -ENOMEM;

	*message = '\0';
	if (err)
		snprintf(message, SPW_MESSAGE_MAX, "what was learned could not be saved in %.200s: %s", state_dir,
			 err == -ELOOP ? SPW_LEARNED_FILE " is a symbolic link" : strerror(-err));
	return err;
}

/* ---- in a thread ---- */

struct job {
	char state_dir[SPW_STATE_PATH_BYTES];
	struct spw_learned_all all;
};

static struct spw_saver saver;

static int save_job(const void *context, char message[SPW_MESSAGE_MAX])
{
	const struct job *job = context;

	return save(job->state_dir, &job->all, message);
}

int spw_learned_save_soon(const char *state_dir, const struct spw_learned_all *all)
{
	struct job *job = malloc(sizeof(*job));

	if (job) {
		snprintf(job->state_dir, sizeof(job->state_dir), "%s", state_dir);
		job->all = *all;
	}
	return spw_saver_start(&saver, save_job, job);
}

int spw_learned_save(const char *state_dir, const struct spw_learned_all *all, char message[SPW_MESSAGE_MAX])
{
	spw_saver_wait(&saver);
	return save(state_dir, all, message);
}
