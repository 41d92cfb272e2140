/* SPDX-License-Identifier: GPL-2.0-only */
#include "light.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "kernel/light.h"
#include "kernel/snapshot_reader.h"
#include "signals/scope.h"

#define OWN_NAMESPACE "/proc/self/ns/net"
#define SEARCH_NS     1000000000ull
#define STAY_S	      10 /* from a SYN to the ACK, with SYN cookies */
#define BURST_S	      0.1
#define BURST_MIN     8.0

/* A network namespace with light listeners. */
struct place {
	struct spw_namespace namespace;
	struct spw_light_space *space; /* NULL: not in use */
	bool wanted;		       /* by the configuration in force */
};

struct light {
	const struct in_force *in_force;
	int sockets_fd;
	struct place places[SPW_NAMESPACES_MAX];
	u32 places_count;
	u8 ready[SPW_SERVICES_MAX]; /* enum spw_light_ready, by index of the service */
	u64 searched_ns;
	u64 orphans;   /* of spaces that were closed */
	bool detached; /* links that earlier agents left */
	char problem[SPW_MESSAGE_MAX];
};

struct light *light_new(const struct in_force *in_force)
{
	struct light *light = calloc(1, sizeof(*light));

	if (light) {
		light->in_force = in_force;
		light->sockets_fd = -1;
	}
	return light;
}

/* ---- namespaces ---- */

static void leave(struct light *light, struct place *place, bool detach)
{
	if (place->space)
		light->orphans += spw_light_orphans(place->space);
	spw_light_close(place->space, detach);
	place->space = NULL;
	spw_close_fd(&place->namespace.fd);
	place->namespace.fd = -1;
}

void light_abandon(struct light *light)
{
	for (u32 i = 0; light && i < light->places_count; i++)
		leave(light, &light->places[i], true);
}

void light_free(struct light *light)
{
	if (!light)
		return;
	for (u32 i = 0; i < light->places_count; i++) {
		leave(light, &light->places[i], false);
		free(light->places[i].namespace.path);
	}
	free(light);
}

/* A namespace that does not exist (yet) holds no service either. */
static void enter(struct light *light, struct place *place)
{
	struct spw_light_place where = {
		.pins = light->in_force->pins,
		.sockets_fd = light->sockets_fd,
		.stay_jiffies = STAY_S * light->in_force->datapath->jiffies_per_second,
	};

	spw_namespace_open(&place->namespace);
	if (place->namespace.fd < 0)
		return;
	where.netns_fd = place->namespace.fd;
	where.netns_inode = place->namespace.inode;
	if (spw_light_open(&where, &place->space, light->problem))
		spw_log(LOG_ERR, "%s; what is refused is dropped, 'refuse: light' has no effect", light->problem);
}

static int want(struct light *light, const char *path)
{
	struct place *place = light->places;

	while (place < light->places + light->places_count && strcmp(place->namespace.path, path))
		place++;
	if (place == light->places + light->places_count) {
		if (light->places_count == SPW_NAMESPACES_MAX)
			return -E2BIG;
		*place = (struct place){.namespace = {.path = strdup(path), .fd = -1}};
		if (!place->namespace.path)
			return -ENOMEM;
		light->places_count++;
	}
	place->wanted = true;
	return 0;
}

static void drop_unwanted(struct light *light)
{
	u32 kept = 0;

	for (u32 i = 0; i < light->places_count; i++) {
		if (light->places[i].wanted) {
			light->places[kept++] = light->places[i];
			continue;
		}
		leave(light, &light->places[i], true);
		free(light->places[i].namespace.path);
	}
	light->places_count = kept;
}

/* A container that was started again has another namespace at the same path. */
static void refresh(struct light *light, struct place *place)
{
	struct spw_namespace now = {.path = place->namespace.path};

	spw_namespace_open(&now);
	spw_close_fd(&now.fd);
	if (place->namespace.fd >= 0 && now.inode == place->namespace.inode)
		return;
	leave(light, place, true);
	if (now.inode)
		enter(light, place);
}

static bool is_in(const struct spw_config_service *service, const char *path)
{
	for (size_t i = 0; i < service->netns_count; i++)
		if (!strcmp(service->netns[i], path))
			return true;
	return !service->netns_count && !strcmp(path, OWN_NAMESPACE);
}

/* ---- listeners ---- */

/* A search in one namespace. */
struct search {
	struct light *light;
	const struct place *place;
	u8 missing[SPW_SERVICES_MAX]; /* enum spw_light_ready: a listener is missing */
};

static void search_service(struct search *search, u32 index)
{
	const struct spw_config_service *service = &search->light->in_force->config->services[index];

	for (size_t i = 0; i < service->light_ports_count; i++) {
		for (u8 family = 4; family <= 6; family += 2) {
			struct spw_light_search asked = {
				.key = {service->tcp[i].port, search->light->in_force->identities->services[index],
					family},
				.listener = service->light_ports[i],
			};

			spw_light_find(search->place->space, &asked);
			if (!asked.found)
				search->missing[index] |= family == 4 ? SPW_LIGHT_IPV4 : SPW_LIGHT_IPV6;
		}
	}
}

/* Runs within the namespace. */
static void search_here(void *context)
{
	struct search *search = context;
	const struct spw_config *config = search->light->in_force->config;

	for (u32 i = 0; i < config->services_count && i < SPW_SERVICES_MAX; i++)
		if (config->services[i].light_ports_count && is_in(&config->services[i], search->place->namespace.path))
			search_service(search, i);
}

static void tell(const struct spw_config_service *service, u32 former, u32 ready)
{
	if (former == ready)
		return;
	if (!ready)
		spw_log(LOG_WARNING,
			"nobody listens on all light ports of service '%s' (from %u on), on every address or the loopback "
			"address: what is refused is dropped",
			service->name, service->light_ports[0]);
	else
		spw_log(LOG_NOTICE, "light listeners of service '%s' are in use for %s", service->name,
			ready == (SPW_LIGHT_IPV4 | SPW_LIGHT_IPV6) ? "IPv4 and IPv6"
			: ready == SPW_LIGHT_IPV4		   ? "IPv4 only"
								   : "IPv6 only");
}

/* A service is ready if no namespace lacks a listener. */
static void search_all(struct light *light, bool first)
{
	const struct spw_config *config = light->in_force->config;
	struct spw_light_rules *rules = light->in_force->datapath->light;
	u8 ready[SPW_SERVICES_MAX];
	bool any[SPW_SERVICES_MAX] = {0};

	memset(ready, SPW_LIGHT_IPV4 | SPW_LIGHT_IPV6, sizeof(ready));
	for (u32 i = 0; i < light->places_count; i++) {
		struct search search = {.light = light, .place = &light->places[i]};
		bool failed = light->places[i].space &&
			      spw_namespace_run(&light->places[i].namespace, search_here, &search);

		for (u32 j = 0; j < config->services_count && j < SPW_SERVICES_MAX; j++) {
			if (light->places[i].namespace.fd < 0 ||
			    !is_in(&config->services[j], light->places[i].namespace.path))
				continue;
			any[j] = true;
			ready[j] &= failed || !light->places[i].space ? 0 : (u8)~search.missing[j];
		}
	}
	for (u32 i = 0; i < config->services_count && i < SPW_SERVICES_MAX; i++) {
		const struct spw_config_service *service = &config->services[i];
		u8 now = any[i] && service->light_ports_count ? ready[i] : 0;

		if (service->light_ports_count)
			tell(service, first ? UINT32_MAX : light->ready[i], now);
		light->ready[i] = now;
		__atomic_store_n(&rules->services[light->in_force->identities->services[i]].ready, now,
				 __ATOMIC_RELAXED);
	}
}

void light_tick(struct light *light, u64 now_ns)
{
	if (!light->places_count || now_ns - light->searched_ns < SEARCH_NS)
		return;
	light->searched_ns = now_ns;
	for (u32 i = 0; i < light->places_count; i++)
		refresh(light, &light->places[i]);
	search_all(light, false);
}

/* ---- rules ---- */

static struct spw_light_service plan(const struct spw_config_service *service, u32 jiffies_per_second)
{
	double second = (double)jiffies_per_second * (1u << SPW_TICK_SHIFT);
	double per_s = (double)service->light_per_s, burst = per_s * BURST_S;

	if (!service->light_ports_count || !service->light_per_s)
		return (struct spw_light_service){0};
	if (burst < BURST_MIN)
		burst = BURST_MIN;
	return (struct spw_light_service){.interval_ticks = (u64)(second / per_s),
					  .tolerance_ticks = (u64)(second * burst / per_s)};
}

/* Everything but what is ready, which search_all() adds. */
static void write_rules(struct light *light)
{
	const struct in_force *in_force = light->in_force;
	struct spw_light_rules *rules = in_force->datapath->light;
	bool used[SPW_SERVICE_IDENTITIES] = {0};
	u32 classes = 0, resets = 0;

	for (size_t i = 0; i < in_force->config->classes_count && i < SPW_CLASSES_MAX; i++) {
		classes |= (u32)in_force->config->classes[i].light << in_force->identities->classes[i];
		resets |= (u32)in_force->config->classes[i].reset << in_force->identities->classes[i];
	}
	for (size_t i = 0; i < in_force->config->services_count && i < SPW_SERVICES_MAX; i++) {
		u32 id = in_force->identities->services[i];
		struct spw_light_service planned =
			plan(&in_force->config->services[i], in_force->datapath->jiffies_per_second);

		used[id] = true;
		rules->services[id].ready = 0;
		rules->services[id].tolerance_ticks = planned.tolerance_ticks;
		rules->services[id].interval_ticks = planned.interval_ticks;
	}
	for (u32 id = 0; id < SPW_SERVICE_IDENTITIES; id++)
		if (!used[id])
			rules->services[id] = (struct spw_light_service){0};
	__atomic_store_n(&rules->classes, classes, __ATOMIC_RELEASE);
	__atomic_store_n(&rules->resets, resets, __ATOMIC_RELEASE);
}

/* Once: what a killed agent left, in namespaces that are no longer named. */
static void detach_others(struct light *light)
{
	u32 inodes[SPW_NAMESPACES_MAX];

	if (light->detached)
		return;
	for (u32 i = 0; i < light->places_count; i++)
		inodes[i] = light->places[i].namespace.inode;
	spw_light_detach_others(light->in_force->pins->dir, inodes, light->places_count);
	light->detached = true;
}

const char *light_follow(struct light *light, int sockets_fd)
{
	const struct spw_config *config = light->in_force->config;
	int err = 0;

	light->sockets_fd = sockets_fd;
	*light->problem = '\0';
	for (u32 i = 0; i < light->places_count; i++)
		light->places[i].wanted = false;
	for (size_t i = 0; i < config->services_count && !err; i++) {
		const struct spw_config_service *service = &config->services[i];

		if (!service->light_ports_count)
			continue;
		if (!service->netns_count)
			err = want(light, OWN_NAMESPACE);
		for (size_t j = 0; j < service->netns_count && !err; j++)
			err = want(light, service->netns[j]);
	}
	write_rules(light);
	drop_unwanted(light);
	for (u32 i = 0; i < light->places_count; i++)
		refresh(light, &light->places[i]);
	detach_others(light);
	search_all(light, true);
	light->searched_ns = spw_monotonic_ns();
	if (err)
		spw_message(light->problem, err, "not all namespaces of light listeners are in use: %s",
			    strerror(-err));
	return *light->problem ? light->problem : NULL;
}

void light_state(const struct light *light, struct spw_light_state *state)
{
	const struct in_force *in_force = light->in_force;

	*state = (struct spw_light_state){.orphans = light->orphans, .problem = light->problem};
	for (u32 i = 0; i < light->places_count; i++)
		if (light->places[i].space)
			state->orphans += spw_light_orphans(light->places[i].space);
	for (size_t i = 0; i < in_force->config->services_count && i < SPW_SERVICES_MAX; i++) {
		const struct spw_config_service *service = &in_force->config->services[i];
		struct spw_light_service_state *found = &state->services[state->count];
		struct spw_light_counter counters[SPW_CLASSES_MAX];

		if (!service->light_ports_count)
			continue;
		*found = (struct spw_light_service_state){.service = service->name,
							  .ports = service->light_ports,
							  .ports_count = service->light_ports_count,
							  .per_s = service->light_per_s,
							  .ready = light->ready[i]};
		spw_read_light(in_force->pins, in_force->identities->services[i], counters);
		for (u32 class = 0; class < SPW_CLASSES_MAX; class ++) {
			found->answered += counters[class].answered;
			found->over += counters[class].over;
		}
		state->count++;
	}
}
