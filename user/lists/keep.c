/* SPDX-License-Identifier: GPL-2.0-only */
/* The last good content of lists in place of what cannot be used now. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "last_good.h"

static struct spw_place place_of(const struct spw_config_list *list)
{
	if (list->paths_count)
		return list->paths[0].place;
	if (list->url.text)
		return list->url.place;
	return list->path ? list->path_place : list->place;
}

/* Inline lists may shrink: a person wrote them. */
static bool has_shrunk(const struct spw_config_list *list, u64 before, u64 count)
{
	bool guarded = list->kind == SPW_LIST_FILE || list->kind == SPW_LIST_URL || list->kind == SPW_LIST_GEO ||
		       list->kind == SPW_LIST_MMDB;

	return guarded && !list->may_shrink && 2 * count < before;
}

int spw_lists_check_shrunk(const struct spw_config *config, const struct spw_lists *lists, const u64 *before,
			   struct spw_diagnostics *diagnostics)
{
	int err = 0;

	for (size_t i = 0; i < lists->count; i++) {
		const struct spw_config_list *named = &config->lists[i];

		if (!has_shrunk(named, before[i], lists->lists[i].count))
			continue;
		spw_error(
			diagnostics, place_of(named),
			"list '%s' went from %llu prefixes to %zu and is kept back, as its source was most likely cut "
			"off; if it is meant: spillway apply --shrunk, or write on_shrink: take",
			named->name, (unsigned long long)before[i], lists->lists[i].count);
		err = -EINVAL;
	}
	return err;
}

/* The last good content of a list that has shrunk since; NULL: it has not. */
static const struct spw_last_good_list *find_larger(const struct spw_last_good *good,
						    const struct spw_config_list *named, const struct spw_list *list)
{
	const struct spw_last_good_list *kept = spw_last_good_find(good, named);

	return kept && has_shrunk(named, (u64)kept->count4 + kept->count6, list->count) ? kept : NULL;
}

void spw_last_good_warn_shrunk(const struct spw_config *config, const struct spw_last_good *good,
			       const struct spw_lists *lists, struct spw_diagnostics *diagnostics)
{
	for (size_t i = 0; i < lists->count; i++) {
		const struct spw_config_list *named = &config->lists[i];
		const struct spw_last_good_list *kept = find_larger(good, named, &lists->lists[i]);

		if (kept)
			spw_warning(diagnostics, place_of(named),
				    "list '%s' has %zu prefixes, and had %llu when it was last good: an agent keeps it "
				    "back; if it is meant: spillway apply --shrunk, or write on_shrink: take",
				    named->name, lists->lists[i].count,
				    (unsigned long long)kept->count4 + kept->count6);
	}
}

/* At a start nobody can confirm, so a shrunk list gets its last good content. */
static int keep_back(const struct spw_config *config, const struct spw_last_good *good, u64 now_s,
		     struct spw_lists *lists, struct spw_diagnostics *diagnostics)
{
	char when[SPW_LAST_GOOD_WHEN];
	int err = 0;

	for (size_t i = 0; good && i < lists->count && !err; i++) {
		const struct spw_config_list *named = &config->lists[i];
		struct spw_list *list = &lists->lists[i];
		const struct spw_last_good_list *kept = list->kept_s ? NULL : find_larger(good, named, list);
		size_t count = list->count;

		if (!kept)
			continue;
		spw_list_free(list);
		err = spw_last_good_take(kept, named, list);
		spw_warning(
			diagnostics, place_of(named),
			"list '%s' has %zu prefixes now and is kept back, as its source was most likely cut off: its "
			"last good content stands, %zu prefixes of %s; if it is meant: spillway apply --shrunk, or "
			"write on_shrink: take",
			named->name, count, list->count, spw_last_good_when(kept->read_s, now_s, when));
	}
	return err;
}

/* False: there is no last good content, or no memory for it. */
static bool stand_in(const struct spw_config_list *named, const struct spw_last_good *good, u64 now_s,
		     struct spw_list *list, struct spw_diagnostics *diagnostics)
{
	const struct spw_last_good_list *kept = good ? spw_last_good_find(good, named) : NULL;
	char when[SPW_LAST_GOOD_WHEN];

	if (!kept)
		return false;
	spw_list_free(list);
	if (spw_last_good_take(kept, named, list))
		return false;
	spw_warning(diagnostics, place_of(named),
		    "list '%s' cannot be read now: its last good content stands, %zu prefix%s of %s; correct it, then "
		    "'spillway apply'",
		    named->name, list->count, list->count == 1 ? "" : "es",
		    spw_last_good_when(kept->read_s, now_s, when));
	return true;
}

int spw_last_good_load(const struct spw_config *config, const struct spw_last_good *good, u64 now_s,
		       struct spw_lists *lists, struct spw_diagnostics *diagnostics)
{
	_cleanup_free_ int *errs = calloc(config->lists_count + 1, sizeof(*errs));
	struct spw_diagnostics found = {0};
	int err;

	*lists = (struct spw_lists){0};
	if (!errs) {
		spw_error(diagnostics, (struct spw_place){config->path, 0, 0}, "out of memory");
		return -ENOMEM;
	}
	err = spw_lists_load_each(config, lists, errs, diagnostics);
	for (size_t i = 0; i < lists->count; i++)
		if (errs[i] && !stand_in(&config->lists[i], good, now_s, &lists->lists[i], &found))
			err = errs[i];
	if (!err)
		err = keep_back(config, good, now_s, lists, &found);
	if (err) {
		spw_lists_free(lists);
		spw_diagnostics_free(&found);
	} else {
		spw_diagnostics_soften(diagnostics);
		spw_diagnostics_move(&found, diagnostics);
	}
	return err;
}

int spw_last_good_restore(const struct spw_last_good *good, const struct spw_config *config, struct spw_lists *lists)
{
	int err = 0;

	*lists = (struct spw_lists){.lists = calloc(config->lists_count + 1, sizeof(*lists->lists))};
	if (!lists->lists)
		return -ENOMEM;
	lists->count = config->lists_count;
	for (size_t i = 0; i < lists->count && !err; i++) {
		size_t at = 0;

		while (at < good->lists_count && strcmp(good->lists[at].name, config->lists[i].name))
			at++;
		err = at < good->lists_count ? spw_last_good_take(&good->lists[at], &config->lists[i], &lists->lists[i])
					     : -ENOENT;
	}
	if (err)
		spw_lists_free(lists);
	return err;
}
