/* SPDX-License-Identifier: GPL-2.0-only */
#include "interfaces.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "net/device.h"

/* Bytes of the shortest frame on the wire: 64, preamble and gap. */
#define FRAME_BITS_MIN (84.0 * 8)

int spw_interfaces_check(const struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	u32 indices[SPW_INTERFACES_MAX];
	int err = 0;

	for (size_t i = 0; i < config->interfaces_count; i++) {
		indices[i] = spw_device_index(config->interfaces[i].name);
		for (size_t j = 0; indices[i] && j < i; j++) {
			char name[IF_NAMESIZE] = "";

			if (indices[j] != indices[i])
				continue;
			if_indextoname(indices[i], name);
			spw_error(diagnostics, config->interfaces[i].place,
				  "interface '%s': it is given twice: '%s' at line %u is another name of the same "
				  "device, %s; remove one of them",
				  config->interfaces[i].name, config->interfaces[j].name,
				  config->interfaces[j].place.line, name);
			err = -EINVAL;
			break;
		}
	}
	return err;
}

/* Of all interfaces together; 0: unknown. */
static u64 read_speed(const struct spw_config *config)
{
	u64 sum = 0;

	for (size_t i = 0; i < config->interfaces_count; i++) {
		struct spw_device device;

		spw_device_look(spw_device_index(config->interfaces[i].name), &device);
		if (!device.bits_per_s)
			return 0;
		sum += device.bits_per_s;
	}
	return sum;
}

static void check_scope(const struct spw_config *config, const struct spw_config_class *class, int scope, u64 speed,
			struct spw_diagnostics *diagnostics)
{
	static const char *const scopes[SPW_SCOPES] = {
		[SPW_SCOPE_SOURCE] = "per_source", [SPW_SCOPE_PREFIX] = "per_prefix", [SPW_SCOPE_CLASS] = "total"};
	static const char *const kinds[SPW_KINDS] = {
		[SPW_KIND_NEW] = "new", [SPW_KIND_PACKETS] = "packets", [SPW_KIND_BITS] = "bits"};

	for (int kind = 0; kind < SPW_KINDS; kind++) {
		double most = (double)speed / (kind == SPW_KIND_BITS ? 1 : FRAME_BITS_MIN);
		char frames[64] = "";

		if (class->limits.rates[scope][kind].per_s <= most)
			continue;
		if (kind != SPW_KIND_BITS)
			snprintf(frames, sizeof(frames), ", which is %.0f packets/s at most", most);
		spw_warning(
			diagnostics, class->limit_places[scope],
			"class '%s': %s.%s can never be reached: the speed of %s is %gGbit/s%s; write a lower rate, "
			"or remove it",
			class->name, scopes[scope], kinds[kind],
			config->interfaces_count > 1 ? "all interfaces together" : config->interfaces[0].name,
			(double)speed / 1e9, frames);
	}
}

void spw_interfaces_check_limits(const struct spw_config *config, struct spw_diagnostics *diagnostics)
{
	u64 speed = read_speed(config);

	for (size_t i = 0; speed && i < config->classes_count; i++)
		for (int scope = 0; scope < SPW_SCOPES; scope++)
			check_scope(config, &config->classes[i], scope, speed, diagnostics);
}
