/* SPDX-License-Identifier: GPL-2.0-only */
#include "config.h"

#include <stdlib.h>
#include <string.h>

const struct spw_config_class *spw_config_list_class(const struct spw_config *config, size_t list)
{
	for (size_t i = 0; i < config->classes_count; i++)
		for (size_t j = 0; j < config->classes[i].lists_count; j++)
			if (config->classes[i].lists[j] == list)
				return &config->classes[i];
	return NULL;
}

static bool same_text(const char *one, const char *other)
{
	return !strcmp(one ? one : "", other ? other : "");
}

bool spw_config_is_management_port(const struct spw_config *config, u16 port)
{
	for (size_t i = 0; i < config->management_ports_count; i++)
		if (config->management_ports[i] == port)
			return true;
	return false;
}

bool spw_config_same_source(const struct spw_config_list *one, const struct spw_config_list *other)
{
	bool same = same_text(one->name, other->name) && one->kind == other->kind &&
		    same_text(one->path, other->path) && same_text(one->url.text, other->url.text) &&
		    one->paths_count == other->paths_count && one->countries_count == other->countries_count &&
		    one->asns_count == other->asns_count;

	for (size_t i = 0; same && i < one->paths_count; i++)
		same = same_text(one->paths[i].text, other->paths[i].text);
	for (size_t i = 0; same && i < one->countries_count; i++)
		same = !memcmp(one->countries[i].code, other->countries[i].code, 2) &&
		       one->countries[i].negated == other->countries[i].negated;
	for (size_t i = 0; same && i < one->asns_count; i++)
		same = one->asns[i].number == other->asns[i].number;
	return same;
}

static void free_lists(struct spw_config *config)
{
	for (size_t i = 0; i < config->lists_count; i++) {
		free(config->lists[i].name);
		for (size_t j = 0; j < config->lists[i].paths_count; j++)
			free(config->lists[i].paths[j].text);
		free(config->lists[i].paths);
		free(config->lists[i].path);
		free(config->lists[i].url.text);
		free(config->lists[i].url.sha256);
		free(config->lists[i].url.ca);
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
		free(config->services[i].udp_each);
		free(config->services[i].wait_at);
		free(config->services[i].light_ports);
		free(config->services[i].probe.target);
		free(config->services[i].probe.sample);
		for (size_t j = 0; j < config->services[i].netns_count; j++)
			free(config->services[i].netns[j]);
		free(config->services[i].netns);
	}
	free(config->services);
	free(config->locals);
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
	free(config->also_mine);
	free(config->balancers);
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
