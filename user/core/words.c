/* SPDX-License-Identifier: GPL-2.0-only */
/* The names behind the numbers of maps/types.h. */
#include "words.h"

#include <string.h>

#include "core/control/facts.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const levels[SPW_LEVELS] = {
	[SPW_GREEN] = "green",
	[SPW_YELLOW] = "yellow",
	[SPW_ORANGE] = "orange",
	[SPW_RED] = "red",
};

static const char *const modes[] = {[SPW_ENFORCE] = "enforce", [SPW_OBSERVE] = "observe"};

static const char *const verdicts[] = {[SPW_PASS] = "pass", [SPW_DROP] = "drop"};

static const char *const anomalies[SPW_ANOMALIES] = {
	[SPW_ANOMALY_MALFORMED] = "malformed",	     [SPW_ANOMALY_FRAGMENT] = "fragment",
	[SPW_ANOMALY_EXT_LIMIT] = "ext_limit",	     [SPW_ANOMALY_VLAN_LIMIT] = "vlan_limit",
	[SPW_ANOMALY_EXEMPT_LIMIT] = "exempt_limit",
};

static const char *const tunnels[SPW_TUNNELS] = {"ipip", "gue", "geneve", "vxlan"};

static const char *const shadows[SPW_SHADOWS] = {
	[SPW_SHADOW_ENFORCED] = "enforced",
	[SPW_SHADOW_NEXT_LEVEL] = "next_level",
};

static const char *const signals[SPW_HOST_SIGNALS] = {
	[SPW_SIGNAL_CPU] = "cpu",
	[SPW_SIGNAL_SOFTIRQ] = "softirq",
	[SPW_SIGNAL_SOFTNET_DROPS] = "softnet_drops",
	[SPW_SIGNAL_OVERFLOWS] = "listen_overflows",
	[SPW_SIGNAL_PSI_CPU] = "psi_cpu",
	[SPW_SIGNAL_PSI_IO] = "psi_io",
	[SPW_SIGNAL_PSI_MEMORY] = "psi_memory",
};

static const struct {
	const char *name;
	u8 rule;
	u8 verdict; /* enum spw_verdict */
} reasons[SPW_REASONS] = {
	[SPW_REASON_NOT_IP] = {"not_ip", 1, SPW_PASS},
	[SPW_REASON_ARP] = {"arp", 1, SPW_PASS},
	[SPW_REASON_LLDP] = {"lldp", 1, SPW_PASS},
	[SPW_REASON_NEIGHBOUR] = {"neighbour", 1, SPW_PASS},
	[SPW_REASON_DHCP] = {"dhcp", 1, SPW_PASS},
	[SPW_REASON_MALFORMED] = {"malformed", 2, SPW_PASS},
	[SPW_REASON_MANAGEMENT] = {"management", 3, SPW_PASS},
	[SPW_REASON_NO_LEASE] = {"no_lease", 4, SPW_PASS},
	[SPW_REASON_OBSERVE] = {"observe", 4, SPW_PASS},
	[SPW_REASON_CUT] = {"cut", 5, SPW_DROP},
	[SPW_REASON_SOURCE_PACKETS] = {"source_packets", 6, SPW_DROP},
	[SPW_REASON_PREFIX_PACKETS] = {"prefix_packets", 6, SPW_DROP},
	[SPW_REASON_CLASS_PACKETS] = {"class_packets", 6, SPW_DROP},
	[SPW_REASON_ESTABLISHED] = {"established", 7, SPW_PASS},
	[SPW_REASON_SOURCE_NEW] = {"source_new", 8, SPW_DROP},
	[SPW_REASON_SHARE] = {"share", 9, SPW_DROP},
	[SPW_REASON_BUDGET] = {"budget", 10, SPW_DROP},
	[SPW_REASON_ADMITTED] = {"admitted", 10, SPW_PASS},
	[SPW_REASON_MALFORMED_DROP] = {"malformed", 2, SPW_DROP},
	[SPW_REASON_PREFIX_NEW] = {"prefix_new", 8, SPW_DROP},
	[SPW_REASON_CLASS_NEW] = {"class_new", 8, SPW_DROP},
	[SPW_REASON_SOURCE_BITS] = {"source_bits", 6, SPW_DROP},
	[SPW_REASON_PREFIX_BITS] = {"prefix_bits", 6, SPW_DROP},
	[SPW_REASON_CLASS_BITS] = {"class_bits", 6, SPW_DROP},
	[SPW_REASON_MULTICAST] = {"multicast", 1, SPW_PASS},
	[SPW_REASON_PATH_MTU] = {"path_mtu", 1, SPW_PASS},
	[SPW_REASON_FORWARDED] = {"forwarded", 1, SPW_PASS},
	[SPW_REASON_BRIDGED] = {"bridged", 1, SPW_PASS},
	[SPW_REASON_OVERHEARD] = {"overheard", 1, SPW_PASS},
	[SPW_REASON_LIGHT] = {"light", 10, SPW_PASS},
};

static const char *const scopes[SPW_SCOPES] = {
	[SPW_SCOPE_SOURCE] = "source",
	[SPW_SCOPE_PREFIX] = "prefix",
	[SPW_SCOPE_CLASS] = "class",
};

static const char *const kinds[SPW_KINDS] = {
	[SPW_KIND_NEW] = "new",
	[SPW_KIND_PACKETS] = "packets",
	[SPW_KIND_BITS] = "bits",
};

/* The reason if a limit refuses. */
static const u8 limit_reasons[SPW_SCOPES][SPW_KINDS] = {
	[SPW_SCOPE_SOURCE] = {SPW_REASON_SOURCE_NEW, SPW_REASON_SOURCE_PACKETS, SPW_REASON_SOURCE_BITS},
	[SPW_SCOPE_PREFIX] = {SPW_REASON_PREFIX_NEW, SPW_REASON_PREFIX_PACKETS, SPW_REASON_PREFIX_BITS},
	[SPW_SCOPE_CLASS] = {SPW_REASON_CLASS_NEW, SPW_REASON_CLASS_PACKETS, SPW_REASON_CLASS_BITS},
};

/* Sorted by rule: numbers are only ever added at the end. */
static const u8 judged[SPW_REASONS] = {
	SPW_REASON_NOT_IP,	   SPW_REASON_ARP,	   SPW_REASON_LLDP,	      SPW_REASON_NEIGHBOUR,
	SPW_REASON_DHCP,	   SPW_REASON_MULTICAST,   SPW_REASON_PATH_MTU,	      SPW_REASON_FORWARDED,
	SPW_REASON_BRIDGED,	   SPW_REASON_OVERHEARD,   SPW_REASON_MALFORMED,      SPW_REASON_MALFORMED_DROP,
	SPW_REASON_MANAGEMENT,	   SPW_REASON_NO_LEASE,	   SPW_REASON_OBSERVE,	      SPW_REASON_CUT,
	SPW_REASON_SOURCE_PACKETS, SPW_REASON_SOURCE_BITS, SPW_REASON_PREFIX_PACKETS, SPW_REASON_PREFIX_BITS,
	SPW_REASON_CLASS_PACKETS,  SPW_REASON_CLASS_BITS,  SPW_REASON_ESTABLISHED,    SPW_REASON_SOURCE_NEW,
	SPW_REASON_PREFIX_NEW,	   SPW_REASON_CLASS_NEW,   SPW_REASON_SHARE,	      SPW_REASON_BUDGET,
	SPW_REASON_LIGHT,	   SPW_REASON_ADMITTED,
};

static const char *name_of(const char *const *names, size_t count, u32 number)
{
	return number < count ? names[number] : "?";
}

const char *spw_level_name(u32 level)
{
	return level == SPW_LEVEL_NEVER ? "never" : name_of(levels, COUNT(levels), level);
}

const char *spw_mode_name(u32 mode)
{
	return name_of(modes, COUNT(modes), mode);
}

const char *spw_verdict_name(u32 verdict)
{
	return name_of(verdicts, COUNT(verdicts), verdict);
}

const char *spw_anomaly_name(u32 anomaly)
{
	return name_of(anomalies, COUNT(anomalies), anomaly);
}

const char *spw_tunnel_name(u32 tunnel)
{
	return name_of(tunnels, COUNT(tunnels), tunnel);
}

const char *spw_shadow_name(u32 shadow)
{
	return name_of(shadows, COUNT(shadows), shadow);
}

const char *spw_service_signal_name(u32 signal)
{
	static const char *const names[SPW_SERVICE_SIGNALS] = {
		[SPW_SIGNAL_READ_WAIT] = "read_wait",
		[SPW_SIGNAL_ACCEPT_QUEUE] = "accept_queue",
		[SPW_SIGNAL_PROBE] = "probe",
		[SPW_SIGNAL_ANSWER_WAIT] = "answer_wait",
	};

	return signal < SPW_SERVICE_SIGNALS ? names[signal] : "?";
}

const char *spw_signal_name(u32 signal)
{
	return name_of(signals, COUNT(signals), signal);
}

const char *spw_scope_name(u32 scope)
{
	return name_of(scopes, COUNT(scopes), scope);
}

const char *spw_kind_name(u32 kind)
{
	return name_of(kinds, COUNT(kinds), kind);
}

u32 spw_limit_reason(u32 scope, u32 kind)
{
	return limit_reasons[scope % SPW_SCOPES][kind % SPW_KINDS];
}

u32 spw_reason_in_turn(u32 place)
{
	return judged[place % SPW_REASONS];
}

const char *spw_reason_name(u32 reason)
{
	return reason < SPW_REASONS ? reasons[reason].name : "?";
}

u32 spw_reason_rule(u32 reason)
{
	return reason < SPW_REASONS ? reasons[reason].rule : 0;
}

enum spw_verdict spw_reason_verdict(u32 reason)
{
	return reason < SPW_REASONS ? reasons[reason].verdict : SPW_PASS;
}

int spw_level_parse(const char *name)
{
	for (u32 i = 0; i < SPW_LEVELS; i++)
		if (!strcmp(levels[i], name))
			return (int)i;
	return -1;
}

bool spw_reason_of_ip(u32 reason)
{
	return reason != SPW_REASON_NOT_IP && reason != SPW_REASON_ARP && reason != SPW_REASON_LLDP;
}
