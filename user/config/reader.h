/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Common to the readers of configuration parts: nodes of a tree -> checked values, and error messages. Private to
 * config/. A reader reports an error and goes on, so that one run finds all.
 */
#ifndef SPW_CONFIG_READER_H
#define SPW_CONFIG_READER_H

#include "config.h"
#include "item.h"
#include "tree.h"

/* Inline prefixes of a whole configuration; ranges count as their prefixes. */
#define SPW_INLINE_PREFIXES_MAX (1u << 18)

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

/* The service that has a port, and where that was configured. */
struct spw_port_use {
	struct spw_place place; /* line 0: none */
	u16 service;		/* index */
};

struct spw_reader {
	struct spw_config *config;
	struct spw_diagnostics *diagnostics;
	/* While services are read: by local address (0: any), 65536 each; NULL: not named yet. */
	struct spw_port_use *tcp_uses[SPW_LOCALS_MAX + 1];
	struct spw_port_use *udp_uses[SPW_LOCALS_MAX + 1];
	size_t inline_prefixes;
	bool lists_incomplete; /* a list was refused, so unknown lists are not reported */
	bool no_memory;	       /* reported once, at the end */
};

/* A key of a mapping and the reader of its value. */
struct spw_key {
	const char *name;
	void (*read)(struct spw_reader *reader, const struct spw_node *value, void *into);
};

/**
 * spw_find_keys() - match the keys of mapping @node with @keys; unknown and duplicate ones are errors.
 * @what: for messages: "a service such as { tcp: [443] }"
 * @found: one per key in @keys: the node of the key (followed by its value), NULL if it is missing
 * Returns false if @node is no mapping.
 */
bool spw_find_keys(struct spw_reader *reader, const struct spw_node *node, const char *what, const struct spw_key *keys,
		   size_t count, const struct spw_node **found);

/** spw_read_found() - read the values of @found, in the sequence of @keys. */
void spw_read_found(struct spw_reader *reader, const struct spw_key *keys, size_t count,
		    const struct spw_node *const *found, void *into);

/**
 * spw_read_names() - read each pair of a mapping of names, at most @max; names are checked and unique.
 * Returns false if any was refused; the error is reported.
 */
bool spw_read_names(struct spw_reader *reader, const struct spw_node *node, const char *what, size_t max,
		    void (*read)(struct spw_reader *reader, const struct spw_node *name));

/** spw_check_name() - whether @node is a valid name of a @what ("list"); reports the error. */
bool spw_check_name(struct spw_reader *reader, const struct spw_node *node, const char *what);

/** spw_check_reserved() - the same, and not "none", which lists and classes cannot be called. */
bool spw_check_reserved(struct spw_reader *reader, const struct spw_node *node, const char *what);

/** spw_read_text() - the text of a non-empty scalar, or NULL; @what as above. */
const char *spw_read_text(struct spw_reader *reader, const struct spw_node *node, const char *what);

/** spw_read_sequence() - whether @node is a sequence. */
bool spw_read_sequence(struct spw_reader *reader, const struct spw_node *node, const char *what);

/** spw_read_word() - one of @words; @words_text lists them for messages: "enforce or observe". */
bool spw_read_word(struct spw_reader *reader, const struct spw_node *node, const char *const *words, size_t count,
		   const char *words_text, u32 *index);

/** spw_read_duration() - from @min_ns to @max_ns; @bounds is their text for messages: "1s to 60s". */
bool spw_read_duration(struct spw_reader *reader, const struct spw_node *node, u64 min_ns, u64 max_ns,
		       const char *bounds, u64 *ns);

/** spw_read_percent() - from @min to @max, as fractions; @bounds is their text for messages: "50% to 100%". */
bool spw_read_percent(struct spw_reader *reader, const struct spw_node *node, double min, double max,
		      const char *bounds, double *share);

/** spw_read_path() - an absolute path. */
bool spw_read_path(struct spw_reader *reader, const struct spw_node *node, char **into);

/**
 * spw_url_problem() - why @text cannot be a URL of http:// or https:// without user; NULL: it can.
 * @clear: set if it is http://; may be NULL
 */
const char *spw_url_problem(const char *text, bool *clear);

/** spw_read_ports() - a port, or a range of ports "27015-27050". */
bool spw_read_ports(struct spw_reader *reader, const struct spw_node *node, u16 *first, u16 *last);

/** spw_read_local_ports() - the same, perhaps of one address: "192.0.2.1:443"; @local as in struct spw_config_port. */
bool spw_read_local_ports(struct spw_reader *reader, const struct spw_node *node, u16 *first, u16 *last, u8 *local);

/** spw_read_level() - a level, or "never". */
void spw_read_level(struct spw_reader *reader, const struct spw_node *value, u8 *level);

/* How many prefixes may be read, and the message for the next one. */
struct spw_prefixes_bound {
	size_t max;
	const char *beyond;
	bool strict; /* host bits are an error */
};

/** spw_read_prefixes() - a sequence of prefixes, addresses and ranges, converted to prefixes. */
void spw_read_prefixes(struct spw_reader *reader, const struct spw_node *node, const struct spw_prefixes_bound *bound,
		       struct spw_config_prefix **prefixes, size_t *count);

/** spw_replace_text() - store a copy of @text, after @folder if that is not NULL, in @into; false: no memory. */
bool spw_replace_text(struct spw_reader *reader, char **into, const char *folder, const char *text);

/** spw_grow() - @items with space for one more after @count; NULL: no memory, @items is unchanged. */
void *spw_grow(struct spw_reader *reader, void *items, size_t count, size_t size);

/* The larger parts of a configuration, each in its own file. */
void spw_read_services(struct spw_reader *reader, const struct spw_node *value, void *config);
void spw_read_decap(struct spw_reader *reader, const struct spw_node *value, void *config);
void spw_read_probe(struct spw_reader *reader, const struct spw_node *value, void *service);
void spw_read_expect(struct spw_reader *reader, const struct spw_node *value, void *config);
void spw_read_shedding(struct spw_reader *reader, const struct spw_node *value, void *config);
void spw_read_lists(struct spw_reader *reader, const struct spw_node *value, void *config);
void spw_read_classes(struct spw_reader *reader, const struct spw_node *value, void *config);

/* Lists by URL (struct spw_config_list); `url` is read before the others (read_url.c). */
void spw_read_list_url(struct spw_reader *reader, const struct spw_node *value, void *list);
void spw_read_every(struct spw_reader *reader, const struct spw_node *value, void *list);
void spw_read_min(struct spw_reader *reader, const struct spw_node *value, void *list);
void spw_read_max_age(struct spw_reader *reader, const struct spw_node *value, void *list);
void spw_read_url_timeout(struct spw_reader *reader, const struct spw_node *value, void *list);
void spw_read_sha256_url(struct spw_reader *reader, const struct spw_node *value, void *list);
void spw_read_ca(struct spw_reader *reader, const struct spw_node *value, void *list);

/* Limits of a class (struct spw_class_rates), and how addresses become sources and prefixes (read_limits.c). */
void spw_read_per_source(struct spw_reader *reader, const struct spw_node *value, void *rates);
void spw_read_per_prefix(struct spw_reader *reader, const struct spw_node *value, void *rates);
void spw_read_total(struct spw_reader *reader, const struct spw_node *value, void *rates);
void spw_read_fair(struct spw_reader *reader, const struct spw_node *value, void *rates);
void spw_read_limits(struct spw_reader *reader, const struct spw_node *value, void *config);

/** spw_read_config() - the whole tree (read.c). */
void spw_read_config(struct spw_reader *reader, const struct spw_node *root);

/** spw_check_meaning() - checks across keys (meaning.c). Returns 0, even after errors, or -ENOMEM. */
int spw_check_meaning(const struct spw_config *config, struct spw_diagnostics *diagnostics);

#endif
