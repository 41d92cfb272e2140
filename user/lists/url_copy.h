/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the description of the copy of a list by URL; config/url_copy.h has the layout. */
#ifndef SPW_LISTS_URL_COPY_H
#define SPW_LISTS_URL_COPY_H

#include "base/error.h"
#include "config/url_copy.h"

/**
 * spw_url_copy_read() - read lists/NAME.json. Its owner must be root or the current user, and nobody else may write it.
 * @copy: all zero after an error
 * @problem: describes an error
 * Returns 0, -ENOENT (there is none, or it is of another URL) or another -errno.
 */
int spw_url_copy_read(const char *state_dir, const char *list, const char *url, struct spw_url_copy *copy,
		      char problem[SPW_MESSAGE_MAX]);

#endif
