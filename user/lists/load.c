/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads every list of a configuration from its source. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config/file.h"
#include "countries.h"
#include "lists.h"
#include "url_copy.h"

/* @sha256: what its content must have; NULL: anything */
static int read_file(const char *path, const char *sha256, struct spw_file *file)
{
	char found[SPW_SHA256_TEXT];
	int err = spw_file_read(path, SPW_LIST_FILE_BYTES_MAX, true, file);

	if (err || !sha256 || !strcmp(spw_sha256(file->text, file->length, found), sha256))
		return err;
	snprintf(file->problem, sizeof(file->problem), "it is damaged");
	return -EBADMSG;
}

/* Append one file to the list. @sha256: as above */
static int append_file(const struct spw_config_list *named, const char *path, const char *sha256,
		       struct spw_place place, struct spw_list *list, struct spw_diagnostics *diagnostics)
{
	const struct spw_list_options options = {named->strict, named->skip};
	struct spw_list_file *files;
	struct spw_file file;
	int err;

	if (list->files_count == SPW_LIST_FILES_MAX) {
		spw_error(diagnostics, place, "list '%s' has more than %u files", named->name, SPW_LIST_FILES_MAX);
		return -E2BIG;
	}
	files = reallocarray(list->files, list->files_count + 1, sizeof(*files));
	if (files)
		list->files = files;
	if (!files || !(files[list->files_count].name = strdup(path))) {
		spw_error(diagnostics, place, "out of memory");
		return -ENOMEM;
	}
	files += list->files_count++;
	files->first = list->count;
	err = read_file(path, sha256, &file);
	if (err)
		spw_error(diagnostics, place, "cannot read '%s': %s", path, file.problem);
	else
		err = spw_list_parse(file.text, file.length, files->name, &options, list, diagnostics);
	files->format = list->format;
	spw_file_free(&file);
	return err;
}

/* An existing file whose name has such characters is meant literally. */
static bool is_pattern(const char *path)
{
	return strpbrk(path, "*?[") && access(path, F_OK);
}

static int append_pattern(const struct spw_config_list *named, const struct spw_config_path *path,
			  struct spw_list *list, struct spw_diagnostics *diagnostics)
{
	glob_t found = {0};
	int status = glob(path->text, 0, NULL, &found), err = 0;

	if (status) {
		err = status == GLOB_NOSPACE ? -ENOMEM : -ENOENT;
		spw_error(diagnostics, path->place, status == GLOB_NOSPACE ? "out of memory" : "no file matches '%s'",
			  path->text);
	}
	for (size_t i = 0; !status && i < found.gl_pathc; i++) {
		int failed = append_file(named, found.gl_pathv[i], NULL, path->place, list, diagnostics);

		err = err ? err : failed;
		if (failed == -E2BIG || failed == -ENOMEM)
			break;
	}
	globfree(&found);
	return err;
}

static int load_files(const struct spw_config_list *named, struct spw_list *list, struct spw_diagnostics *diagnostics)
{
	int err = 0;

	for (size_t i = 0; i < named->paths_count; i++) {
		const struct spw_config_path *path = &named->paths[i];
		int failed = is_pattern(path->text)
				     ? append_pattern(named, path, list, diagnostics)
				     : append_file(named, path->text, NULL, path->place, list, diagnostics);

		err = err ? err : failed;
		if (failed == -E2BIG || failed == -ENOMEM)
			break;
	}
	return err;
}

/* What was fetched last, before it becomes the copy. */
static int load_trial(const struct spw_config *config, const struct spw_config_list *named,
		      const struct spw_url_copy *copy, struct spw_list *list, struct spw_diagnostics *diagnostics)
{
	char path[SPW_URL_COPY_PATH];

	spw_url_copy_path(path, config->state_dir, named->name, spw_url_copy_suffix(copy, true));
	return append_file(named, path, NULL, named->url.place, list, diagnostics);
}

/* Without a copy the list is empty until the agent has fetched it, so that nobody waits for a server. */
static int load_url(const struct spw_config *config, const struct spw_config_list *named, struct spw_list *list,
		    struct spw_diagnostics *diagnostics)
{
	char path[SPW_URL_COPY_PATH], problem[SPW_MESSAGE_MAX];
	struct spw_diagnostics found = {0};
	struct spw_url_copy copy;
	int err = spw_url_copy_read(config->state_dir, named->name, named->url.text, &copy, problem);

	if (named->url.trial)
		return load_trial(config, named, &copy, list, diagnostics);
	if (err == -ENOENT) {
		spw_warning(diagnostics, named->url.place,
			    "list '%s' was not fetched from this URL yet, and is empty until it is", named->name);
	} else if (err) {
		spw_warning(diagnostics, named->url.place,
			    "the copy of list '%s' cannot be used: %s; it is fetched again", named->name, problem);
	} else {
		spw_url_copy_path(path, config->state_dir, named->name, spw_url_copy_suffix(&copy, false));
		err = append_file(named, path, copy.sha256, named->url.place, list, &found);
	}
	if (err) {
		spw_diagnostics_soften(&found);
		spw_list_free(list);
	}
	spw_diagnostics_move(&found, diagnostics);
	return 0;
}

static int load_inline(const struct spw_config_list *named, struct spw_list *list, struct spw_diagnostics *diagnostics)
{
	int err = 0;

	list->file = named->place.file;
	for (size_t i = 0; i < named->prefixes_count && !err; i++)
		err = spw_list_append(list, &named->prefixes[i].prefix, named->prefixes[i].place.line,
				      named->prefixes[i].place.column);
	if (err)
		spw_error(diagnostics, named->place, "out of memory");
	return err;
}

/* The first list with the same table and purpose; all of them are read with it. */
static size_t first_reader(const struct spw_config *config, size_t index)
{
	const struct spw_config_list *list = &config->lists[index];
	size_t i = 0;

	while (i < index && (config->lists[i].kind != list->kind || !config->lists[i].asns_count != !list->asns_count ||
			     strcmp(config->lists[i].path, list->path)))
		i++;
	return i;
}

/* @errs: of the lists before @index */
static int load_table(const struct spw_config *config, size_t index, struct spw_lists *lists, const int *errs,
		      struct spw_diagnostics *diagnostics)
{
	const struct spw_config_list *named = &config->lists[index];
	size_t first = first_reader(config, index);

	lists->lists[index].file = named->path;
	if (first < index)
		return errs[first];
	return named->asns_count ? spw_asns_load(config, named, lists, diagnostics)
				 : spw_countries_load(config, named, lists, diagnostics);
}

static int load_list(const struct spw_config *config, size_t index, struct spw_lists *lists, const int *errs,
		     struct spw_diagnostics *diagnostics)
{
	const struct spw_config_list *named = &config->lists[index];
	struct spw_list *list = &lists->lists[index];

	switch (named->kind) {
	case SPW_LIST_FILE:
		return load_files(named, list, diagnostics);
	case SPW_LIST_URL:
		return load_url(config, named, list, diagnostics);
	case SPW_LIST_GEO:
	case SPW_LIST_MMDB:
		return load_table(config, index, lists, errs, diagnostics);
	default:
		return load_inline(named, list, diagnostics);
	}
}

/* Free unused capacity. */
static void shrink(struct spw_list *list)
{
	struct spw_list_entry *entries;

	if (!list->count || list->count == list->capacity)
		return;
	entries = reallocarray(list->entries, list->count, sizeof(*entries));
	if (!entries)
		return;
	list->entries = entries;
	list->capacity = list->count;
}

int spw_lists_load_each(const struct spw_config *config, struct spw_lists *lists, int *errs,
			struct spw_diagnostics *diagnostics)
{
	*lists = (struct spw_lists){.lists = calloc(config->lists_count + 1, sizeof(*lists->lists))};
	if (!lists->lists) {
		spw_error(diagnostics, (struct spw_place){config->path, 0, 0}, "out of memory");
		return -ENOMEM;
	}
	lists->count = config->lists_count;
	for (size_t i = 0; i < lists->count; i++)
		errs[i] = load_list(config, i, lists, errs, diagnostics);
	for (size_t i = 0; i < lists->count; i++)
		shrink(&lists->lists[i]);
	return 0;
}

int spw_lists_load(const struct spw_config *config, struct spw_lists *lists, struct spw_diagnostics *diagnostics)
{
	_cleanup_free_ int *errs = calloc(config->lists_count + 1, sizeof(*errs));
	int err;

	*lists = (struct spw_lists){0};
	if (!errs) {
		spw_error(diagnostics, (struct spw_place){config->path, 0, 0}, "out of memory");
		return -ENOMEM;
	}
	err = spw_lists_load_each(config, lists, errs, diagnostics);
	for (size_t i = 0; i < lists->count && !err; i++)
		err = errs[i];
	if (err)
		spw_lists_free(lists);
	return err;
}

void spw_lists_free(struct spw_lists *lists)
{
	for (size_t i = 0; i < lists->count; i++)
		spw_list_free(&lists->lists[i]);
	free(lists->lists);
	*lists = (struct spw_lists){0};
}
