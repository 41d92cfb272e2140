/* SPDX-License-Identifier: GPL-2.0-only */
#include "config.h"

#include <stdlib.h>

const struct spw_config_class *spw_config_list_class(const struct spw_config *config, size_t list)
{
	for (size_t i = 0; i < config->classes_count; i++)
		for (size_t j = 0; j < config->classes[i].lists_count; j++)
			if (config->classes[i].lists[j] == list)
				return &config->classes[i];
	return NULL;
}

static void free_lists(struct spw_config *config)
{
	for (size_t i = 0; i < config->lists_count; i++) {
		free(config->lists[i].name);
		for (size_t j = 0; j < config->lists[i].paths_count; j++)
			free(config->lists[i].paths[j].text);
		free(config->lists[i].paths);
		free(config->lists[i].path);
		free(config->lists[i].countries);
		free(config->lists[i].asns);
		free(config->lists[i].prefixes);
	}
	free(config->lists);
}

static void free_classes(struct spw_config *config)
{
	for (size_t i = 0; i < config->classes_count; i++) {
		free(config->classes[i].name);
		free(config->classes[i].lists);
		free(config->classes[i].list_places);
	}
	free(config->classes);
}

static void free_services(struct spw_config *config)
{
	for (size_t i = 0; i < config->services_count; i++) {
		free(config->services[i].name);
		free(config->services[i].tcp);
		free(config->services[i].quic);
		free(config->services[i].udp);
		free(config->services[i].wait_at);
		free(config->services[i].probe.target);
		free(config->services[i].probe.sample);
		for (size_t j = 0; j < config->services[i].netns_count; j++)
			free(config->services[i].netns[j]);
		free(config->services[i].netns);
	}
	free(config->services);
}

void spw_config_free(struct spw_config *config)
{
	for (size_t i = 0; i < config->interfaces_count; i++)
		free(config->interfaces[i].name);
	free(config->interfaces);
	free_services(config);
	free_lists(config);
	free_classes(config);
	for (size_t i = 0; i < config->file_names_count; i++)
		free(config->file_names[i]);
	free(config->file_names);
	free(config->management_prefixes);
	free(config->management_ports);
	free(config->metrics_host);
	free(config->expectations);
	free(config->hooks_dir);
	free(config->pin_dir);
	free(config->run_dir);
	free(config->state_dir);
	free(config->text);
	free(config->path);
	*config = (struct spw_config){0};
}
