/* SPDX-License-Identifier: GPL-2.0-only */
/* A configuration from its file: defaults, parsing, reading, checks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "file.h"
#include "reader.h"

#define METRICS_HOST "127.0.0.1"
#define METRICS_PORT 10010
#define LEASE_NS     (3 * SPW_SECOND_NS)

/* Defaults, and the file name that locations point to. */
static int start_config(struct spw_config *config, const char *name)
{
	*config = (struct spw_config){
		.path = strdup(name),
		.reattach = true,
		.lease_ns = LEASE_NS,
		.metrics_host = strdup(METRICS_HOST),
		.metrics_port = METRICS_PORT,
		.source_bits = {SPW_SOURCE_BITS4, SPW_SOURCE_BITS6},
		.prefix_bits = {SPW_PREFIX_BITS4, SPW_PREFIX_BITS6},
		.pin_dir = strdup(SPW_PIN_DIR_DEFAULT),
		.run_dir = strdup(SPW_RUN_DIR_DEFAULT),
		.state_dir = strdup(SPW_STATE_DIR_DEFAULT),
		.hooks_timeout_ns = 10 * SPW_SECOND_NS,
		.file_names = calloc(1, sizeof(*config->file_names)),
	};
	spw_shedding_defaults(&config->shedding);
	if (!config->path || !config->metrics_host || !config->pin_dir || !config->run_dir || !config->state_dir ||
	    !config->file_names)
		return -ENOMEM;
	config->file_names[0] = strdup(name);
	if (!config->file_names[0])
		return -ENOMEM;
	config->file_names_count = 1;
	config->management_place.file = config->metrics_place.file = config->file_names[0];
	return 0;
}

static int read_tree(const struct spw_node *root, struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	struct spw_reader reader = {.config = config, .diagnostics = diagnostics};

	spw_read_config(&reader, root);
	return reader.no_memory ? -ENOMEM : spw_check_meaning(config, diagnostics);
}

int spw_config_parse(const char *text, size_t length, const char *name, struct spw_config *config,
		     struct spw_diagnostics *diagnostics)
{
	size_t first = diagnostics->count, errors = diagnostics->errors;
	struct spw_place start = {name, 1, 1};
	struct spw_node *root = NULL;
	int err;

	err = start_config(config, name);
	if (!err && length > SPW_CONFIG_BYTES_MAX) {
		spw_error(diagnostics, start, "it has %zu bytes; the maximum is %u", length, SPW_CONFIG_BYTES_MAX);
		return -EINVAL;
	}
	if (!err) {
		config->text = strndup(text, length);
		config->text_bytes = config->text ? strlen(config->text) : 0;
		err = config->text ? 0 : -ENOMEM;
	}
	if (!err)
		err = spw_tree_parse(text, length, config->file_names[0], &root, diagnostics);
	if (!err)
		err = read_tree(root, config, diagnostics);
	spw_tree_free(root);
	spw_diagnostics_sort(diagnostics, first);
	if (err == -ENOMEM)
		spw_error(diagnostics, start, "out of memory");
	else if (diagnostics->errors > errors)
		err = -EINVAL;
	return err;
}

int spw_config_load(const char *path, struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	struct spw_file file;
	int err = spw_file_read(path, SPW_CONFIG_BYTES_MAX, false, &file);

	if (err) {
		*config = (struct spw_config){0};
		spw_error(diagnostics, (struct spw_place){path, 1, 1}, "cannot read this file: %s", file.problem);
	} else {
		err = spw_config_parse(file.text, file.length, path, config, diagnostics);
	}
	spw_file_free(&file);
	return err;
}
