/* SPDX-License-Identifier: GPL-2.0-only */
/* Queries on a snapshot, for view/. */
#include "snapshot.h"

#include <stdlib.h>

const struct spw_class_snapshot *spw_snapshot_class(const struct spw_snapshot *snapshot, u32 id)
{
	for (size_t i = 0; i < snapshot->classes_count; i++)
		if (snapshot->classes[i].id == id)
			return &snapshot->classes[i];
	return NULL;
}

void spw_snapshot_free(struct spw_snapshot *snapshot)
{
	free(snapshot->lists);
	free(snapshot->services);
	snapshot->lists = NULL;
	snapshot->services = NULL;
	snapshot->lists_count = snapshot->services_count = 0;
}
