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
	return list->path ? list->path_place : list->place;
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
