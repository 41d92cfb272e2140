/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A configuration as a value, with the location of everything that an error may be about. Made by spw_config_load()
 * from YAML; constant afterwards. Lists are only named here; lists/ reads them.
 */
#ifndef SPW_CONFIG_CONFIG_H
#define SPW_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/control/expect.h"
#include "core/control/parameters.h"
#include "core/limits/limits.h"
#include "core/table/locals.h"
#include "core/table/prefix.h"
#include "diagnostics.h"

#define SPW_CONFIG_DEFAULT_PATH	 "/etc/spillway/spillway.yaml"
#define SPW_PIN_DIR_DEFAULT	 "/sys/fs/bpf/spillway"
#define SPW_RUN_DIR_DEFAULT	 "/run/spillway"
#define SPW_STATE_DIR_DEFAULT	 "/var/lib/spillway"
#define SPW_PIN_DIR_BYTES_MAX	 199
#define SPW_INTERFACE_NAME_BYTES 128 /* of an altname, with its NUL: the kernel's ALTIFNAMSIZ */
#define SPW_ALSO_MINE_MAX	 128
#define SPW_RUN_DIR_BYTES_MAX	 94 /* "/control.sock" behind it fills a socket's path (tests/unit/test_control.c) */
#define SPW_LAST_GOOD_FILE	 "last_good" /* in state_dir: lists/last_good.h */
#define SPW_CONFIG_BYTES_MAX	 (1u << 20)  /* a larger configuration is refused before it is parsed */

struct spw_config_prefix {
	struct spw_prefix prefix;
	struct spw_place place;
};

struct spw_config_balancer {
	struct spw_prefix prefix;
	u32 tunnels; /* enum spw_tunnel */
};

enum spw_list_kind {
	SPW_LIST_FILE,	  /* files in any format that lists/format.h knows */
	SPW_LIST_GEO,	  /* countries of tor's geoip and geoip6 in one folder */
	SPW_LIST_MMDB,	  /* countries or AS numbers of a MaxMind database */
	SPW_LIST_URL,	  /* the copy of what a server has (url_copy.h) */
	SPW_LIST_INLINE,  /* prefixes in the configuration itself */
	SPW_LIST_ENTRIES, /* none: filled by `list add` only */
};

struct spw_config_country {
	char code[3]; /* two upper case letters, or "??" (the tables' code for unknown) */
	bool negated; /* "!US" */
	struct spw_place place;
};

struct spw_config_path {
	char *text;
	struct spw_place place;
};

/* Where the content of a list comes from, and when. */
struct spw_config_url {
	char *text; /* https:// or http://, below SPW_URL_BYTES; NULL: the list is not by URL */
	struct spw_place place;
	char *sha256;	/* URL of the SHA-256 of the content; NULL: none */
	char *ca;	/* file of certificates to trust, PEM; NULL: those of the host */
	u64 every_ns;	/* default 1 h; 1 s to 30 d */
	u64 max_age_ns; /* older content is reported; default 4 * every_ns, at least a day */
	u64 timeout_ns; /* of a whole fetch; default 60 s; 1 s to 10 min */
	u64 min;	/* prefixes; content with fewer is refused; default 1 */
	bool trial;	/* set by the reloader: the content is what was fetched last, not the copy */
};

#define SPW_LIST_ASNS_MAX 4096u

struct spw_config_asn {
	u32 number;
	struct spw_place place;
};

struct spw_config_list {
	char *name;
	struct spw_place place; /* of the name */
	enum spw_list_kind kind;
	/* Paths are absolute or relative to the working directory, no longer to the configuration's folder. */
	struct spw_config_path *paths; /* FILE: files, or patterns of glob(7) */
	size_t paths_count;
	struct spw_config_url url;
	bool strict;	 /* FILE, URL, INLINE: host bits are an error */
	bool skip;	 /* FILE, URL: unreadable lines are skipped */
	bool may_shrink; /* FILE, URL, GEO, MMDB: accepted even if emptied or less than half is left (fault 49) */
	char *path;	 /* MMDB: the file; GEO: the folder */
	struct spw_place path_place;
	struct spw_config_country *countries; /* GEO, MMDB */
	size_t countries_count;
	struct spw_config_asn *asns; /* MMDB, instead of countries */
	size_t asns_count;
	struct spw_config_prefix *prefixes; /* INLINE; ranges as their CIDR prefixes */
	size_t prefixes_count;
};

struct spw_config_class {
	char *name;
	struct spw_place place;
	size_t *lists; /* indices into spw_config.lists */
	struct spw_place *list_places;
	size_t lists_count;
	u8 shed_from; /* enum spw_level; SPW_LEVEL_NEVER */
	u8 cut_from;
	double reserve;		     /* share of the burst tolerance left to higher classes; below 0: by rank */
	struct spw_place shed_place; /* of shed_from, or of the class */
	bool light;		     /* `refuse: light`: what rules 9 and 10 refuse is answered by light listeners */
	bool reset;		     /* `refuse: reset`: with a RST */
	struct spw_place refuse_place;
	bool gives_up;		       /* `established: end`: connections outside the share are ended */
	bool cut_all;		       /* `cut: all`; otherwise new work only */
	struct spw_class_rates limits; /* but for the identity */
	struct spw_place limit_places[SPW_SCOPES];
};

/* How the application is probed. */
enum spw_config_probe_kind {
	SPW_PROBE_NONE,
	SPW_PROBE_HTTP,	   /* seconds that a GET of `target` takes */
	SPW_PROBE_FILE,	   /* the number in the file `target` */
	SPW_PROBE_METRICS, /* metric `sample` of the Prometheus page at `target` */
};

struct spw_config_probe {
	enum spw_config_probe_kind kind;
	char *target;
	char *sample;
	double limit;	 /* above it the service is saturated; HTTP: seconds */
	u64 interval_ns; /* default 1 s; 100 ms to 60 s */
	u64 timeout_ns;	 /* default 1 s; 10 ms to 10 s */
	struct spw_place place;
};

/* A port of a service. */
struct spw_config_port {
	u16 port;
	u8 local; /* of this address only: 1 + index into spw_config.locals; 0: of every address */
};

struct spw_config_service {
	char *name;
	struct spw_place place;
	struct spw_config_port *tcp;
	size_t tcp_count;
	struct spw_config_port *quic;
	size_t quic_count;
	struct spw_config_port *wait_at; /* TCP, where its requests wait behind a proxy; none: those in tcp */
	size_t wait_at_count;
	struct spw_config_port *udp; /* the first datagram of a UDP session is new work */
	size_t udp_count;
	struct spw_config_port *udp_each; /* every datagram is */
	size_t udp_each_count;
	u64 capacity_per_s; /* 0: learn */
	u64 wait_target_ns;
	u64 answer_target_ns; /* 0: learn */
	u64 patience_ns;      /* connections that wait for longer are ended; 0: none */
	struct spw_config_probe probe;
	u16 *light_ports; /* TCP, of its light listeners; one for each of tcp, in sequence; NULL: none */
	size_t light_ports_count;
	u64 light_per_s;
	struct spw_place light_place;
	char **netns; /* network namespaces of its sockets, as paths; none: the agent's own */
	size_t netns_count;
};

enum spw_attach_mode {
	SPW_ATTACH_AUTO,   /* native, else generic with a warning */
	SPW_ATTACH_NATIVE, /* native or fail */
	SPW_ATTACH_GENERIC,
};

/* What happens to packets that are not for this host. */
enum spw_config_forwarded {
	SPW_FORWARDED_PASS,
	SPW_FORWARDED_JUDGE, /* by cuts and limits of their class */
	SPW_FORWARDED_HOST,  /* nothing is told apart: they count as for this host */
};

struct spw_config {
	char *path; /* as given */
	char *text; /* as read, NUL-terminated; may have to be restored (apply --confirm) */
	size_t text_bytes;
	struct {
		char *name;
		struct spw_place place;
	} * interfaces;
	size_t interfaces_count;
	u8 mode;	     /* enum spw_mode */
	bool malformed_drop; /* malformed: pass (default) or drop */
	enum spw_config_forwarded forwarded;
	struct spw_config_prefix *also_mine; /* counts as this host's own addresses */
	size_t also_mine_count;
	struct spw_config_balancer *balancers; /* decap: whose tunnels are judged by their inner source */
	size_t balancers_count;
	bool overlap_higher; /* overlap: error (default), or higher: of equal prefixes the higher class wins */
	enum spw_attach_mode attach;
	bool reattach; /* attach again after somebody detached us; default true */
	u64 lease_ns;  /* default 3 s; 1 s to 60 s */
	struct spw_config_prefix *management_prefixes;
	size_t management_prefixes_count;
	u16 *management_ports;
	size_t management_ports_count;
	struct spw_place management_place;
	struct spw_config_service *services;
	size_t services_count;
	struct spw_local *locals; /* addresses of this host that ports of services name */
	size_t locals_count;
	struct spw_config_list *lists;
	size_t lists_count;
	struct spw_config_class *classes; /* highest priority first; the last takes the rest and names no list */
	size_t classes_count;
	u8 source_bits[2];  /* IPv4, IPv6: bits of an address that make a source; default 32, 64 */
	u8 prefix_bits[2];  /* bits of the prefix around it; default 24, 48 */
	char *metrics_host; /* default 127.0.0.1; NULL: no metrics (`listen: off`) */
	u16 metrics_port;   /* default 10010 */
	struct spw_place metrics_place;
	bool page_sources;    /* page: the status page shows the heaviest sources; default false */
	char *hooks_dir;      /* NULL: none */
	u64 hooks_timeout_ns; /* default 10 s; 1 s to 60 s */
	struct spw_shedding shedding;
	struct spw_expectation *expectations; /* announced steps of demand */
	size_t expectations_count;
	char *pin_dir;	   /* default /sys/fs/bpf/spillway */
	char *run_dir;	   /* default /run/spillway: lock, control socket, level file */
	char *state_dir;   /* default /var/lib/spillway: what was learned, history, events */
	char **file_names; /* owned: what spw_place.file points to */
	size_t file_names_count;
};

/** spw_config_may_lock_out() - whether a class can be cut while no management prefix or port is exempt. */
bool spw_config_may_lock_out(const struct spw_config *config);

/**
 * spw_config_load() - read, parse and check @path.
 * @config: filled in; free with spw_config_free(), also after an error
 * @diagnostics: every error and warning found, sorted by position in the file
 *
 * Checks everything that the configuration alone can tell: keys, types, ranges, undefined names, one list or country in
 * two classes, one port in two services, prefixes in canonical form. Lists of classes that may be cut are checked by
 * spw_lists_check(), inline lists too.
 * Input is bounded: size, depth, number of nodes; aliases and anchors are refused.
 * Returns 0, or -EINVAL with at least one error in @diagnostics, or another -errno (file not readable; also there).
 */
int spw_config_load(const char *path, struct spw_config *config, struct spw_diagnostics *diagnostics);

/** spw_config_parse() - the same from memory; @name is the file name in messages. For tests and fuzzing. */
int spw_config_parse(const char *text, size_t length, const char *name, struct spw_config *config,
		     struct spw_diagnostics *diagnostics);

void spw_config_free(struct spw_config *config);

/** spw_config_is_management_port() - whether it is one of those listed. */
bool spw_config_is_management_port(const struct spw_config *config, u16 port);

/** spw_config_same_source() - whether two lists have the same name and source. */
bool spw_config_same_source(const struct spw_config_list *one, const struct spw_config_list *other);

/** spw_config_list_class() - the class that names @list; NULL: none. */
const struct spw_config_class *spw_config_list_class(const struct spw_config *config, size_t list);

#endif
