/* SPDX-License-Identifier: GPL-2.0-only */
/* The first configuration, for `init`: what was found on this host in, commented YAML out. */
#ifndef SPW_VIEW_FIRST_CONFIG_H
#define SPW_VIEW_FIRST_CONFIG_H

#include <jansson.h>
#include <stdio.h>

#include "maps/registry.h"
#include "core/table/prefix.h"

enum {
	SPW_SITE_INTERFACES = 64,
	SPW_SITE_USED = 16, /* interfaces in a configuration */
	SPW_SITE_SERVICES = 32,
	SPW_SITE_PORTS = 64, /* of a service and protocol */
	SPW_SITE_LEFT_OUT = 32,
	SPW_SITE_LOGINS = 16,
	SPW_SITE_LOGIN_PORTS = 16,
	SPW_SITE_HOME = 8,
	SPW_SITE_TABLES = 8,
};

struct spw_site_interface {
	char name[16];
	bool used;
	bool default_route;
	bool without_ethernet;
	char driver[32]; /* empty: unknown */
};

struct spw_site_ports {
	u16 ports[SPW_SITE_PORTS]; /* ascending */
	size_t count;
};

struct spw_site_service {
	char name[SPW_NAME_MAX]; /* letters, digits, '.', '_' and '-' */
	char process[16];	 /* empty: its owner cannot be read */
	struct spw_site_ports tcp, quic, udp, udp_each;
};

/* A port that somebody listens on and that is in no service. */
struct spw_site_left_out {
	bool udp;
	u16 port;
	char process[16]; /* empty: unknown */
	const char *why;
};

enum spw_site_by {
	SPW_SITE_NO_LOGIN,
	SPW_SITE_BY_SESSION,	 /* SSH_CONNECTION of this session */
	SPW_SITE_BY_CONNECTIONS, /* who is connected to the SSH server now */
};

/* A table of countries or AS numbers. */
struct spw_site_table {
	char path[256]; /* the folder of tor's geoip and geoip6, or an MMDB file */
	bool mmdb;
	bool asns;
};

/* What was found. Arrays of fixed size: what does not fit is left out. */
struct spw_site {
	struct spw_site_interface interfaces[SPW_SITE_INTERFACES];
	size_t interfaces_count;
	struct spw_site_service services[SPW_SITE_SERVICES];
	size_t services_count;
	struct spw_site_left_out left_out[SPW_SITE_LEFT_OUT];
	size_t left_out_count;
	size_t left_out_more;			   /* ports that did not fit into left_out */
	struct spw_prefix logins[SPW_SITE_LOGINS]; /* addresses; the network around each is exempt */
	size_t logins_count;
	enum spw_site_by logins_by;
	u16 login_ports[SPW_SITE_LOGIN_PORTS];
	size_t login_ports_count;
	struct spw_site_table tables[SPW_SITE_TABLES];
	size_t tables_count;
	char home[SPW_SITE_HOME][3]; /* countries that are home */
	size_t home_count;
	char time_zone[64]; /* that `home` was guessed from; empty: it was given */
	u16 metrics_port;
};

/** spw_view_first_config() - the configuration, in observe mode, with a comment on each part. */
void spw_view_first_config(FILE *out, const struct spw_site *found);

/** spw_view_first_config_json() - what was found. @file: where @text, the configuration, was written; NULL: nowhere. */
json_t *spw_view_first_config_json(const struct spw_site *found, const char *file, const char *text);

#endif
