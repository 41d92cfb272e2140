/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * doctor: would `run` work here, and how well? One line per check, and for a problem a second line with the remedy.
 * Changes nothing.
 */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "host/probe.h"
#include "lists/last_good.h"
#include "lists/url_copy.h"
#include "net/control_address.h"
#include "net/control_client.h"
#include "net/metrics_server.h"
#include "kernel/snapshot_reader.h"
#include "view/downloads.h"
#include "view/nic.h"
#include "look.h"
#include "dry_run.h"
#include "served.h"

#define CHECK_COLUMNS  15
#define PAGE_BYTES_XDP 3506 /* a larger frame does not fit one page with XDP's headroom; some drivers need fragments */
#define WARNINGS_MAX   10   /* of the configuration, shown one by one */
#define GUESSED_MAX    8    /* interfaces looked at without a configuration */

enum outcome {
	OK,
	WARN, /* `run` works, but not optimally */
	FAIL, /* `run` would not work */
};

struct doctor {
	bool json;
	bool colour;
	json_t *checks; /* owned */
	size_t counts[FAIL + 1];
};

static void print_check(const struct doctor *doctor, enum outcome outcome, const char *check, const char *detail,
			const char *advice)
{
	static const char *const words[] = {[OK] = "ok", [WARN] = "warn", [FAIL] = "FAIL"};
	static const char *const colours[] = {[OK] = "\033[32m", [WARN] = "\033[33m", [FAIL] = "\033[1;31m"};

	printf("%s%-4s%s  %-*s %s\n", doctor->colour ? colours[outcome] : "", words[outcome],
	       doctor->colour ? "\033[0m" : "", CHECK_COLUMNS, check, detail);
	if (advice)
		printf("%*s-> %s\n", 4 + 2 + CHECK_COLUMNS + 1, "", advice);
}

/* Report one finding. @advice: what to do; NULL: nothing. */
__attribute__((format(printf, 5, 6))) static void find(struct doctor *doctor, enum outcome outcome, const char *check,
						       const char *advice, const char *format, ...)
{
	static const char *const words[] = {[OK] = "ok", [WARN] = "warn", [FAIL] = "fail"};
	_cleanup_free_ char *detail = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&detail, format, arguments);
	va_end(arguments);
	if (length < 0)
		detail = NULL;
	doctor->counts[outcome]++;
	if (doctor->json)
		json_array_append_new(doctor->checks, json_pack("{s:s, s:s, s:s?, s:s?}", "check", check, "outcome",
								words[outcome], "detail", detail, "advice", advice));
	else
		print_check(doctor, outcome, check, detail ? detail : "", advice);
}

/* ---- kernel and capabilities ---- */

static void check_capabilities(struct doctor *doctor)
{
	struct spw_capabilities have;

	spw_probe_capabilities(&have);
	if (!have.known)
		find(doctor, WARN, "capabilities", "mount /proc", "/proc/self/status cannot be read");
	else if (have.net_admin && have.bpf && have.perfmon)
		find(doctor, OK, "capabilities", NULL, "%s",
		     have.sys_admin ? "CAP_SYS_ADMIN and CAP_NET_ADMIN" : "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON");
	else
		find(doctor, FAIL, "capabilities",
		     "run as root, or give the service CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (AmbientCapabilities=)",
		     "missing:%s%s%s", have.bpf ? "" : " CAP_BPF", have.net_admin ? "" : " CAP_NET_ADMIN",
		     have.perfmon ? "" : " CAP_PERFMON");
}

static void check_kernel(struct doctor *doctor)
{
	char release[65];
	u32 version = spw_probe_kernel(release);

	if (version >= SPW_KERNEL(5, 18))
		find(doctor, OK, "kernel", NULL, "%s", release);
	else
		find(doctor, FAIL, "kernel", "use kernel 5.18 or newer, better a long-term one: 6.1, 6.6, 6.12",
		     "%s; the program handles frames larger than a page (xdp.frags), which 5.18 brought%s", release,
		     version < SPW_KERNEL(5, 15) ? "; below 5.15 much else is missing too" : "");
	if (version >= SPW_KERNEL(5, 11))
		find(doctor, OK, "memlock", NULL, "no limit: since 5.11 maps are charged to the cgroup");
	else
		find(doctor, FAIL, "memlock", "ulimit -l unlimited (LimitMEMLOCK=infinity), or kernel 5.11 or newer",
		     "this kernel charges maps to the limit of locked memory");
}

static void check_btf(struct doctor *doctor)
{
	if (spw_probe_btf())
		find(doctor, OK, "btf", NULL, "/sys/kernel/btf/vmlinux");
	else
		find(doctor, FAIL, "btf", "use a kernel with CONFIG_DEBUG_INFO_BTF=y, as large distributions have",
		     "/sys/kernel/btf/vmlinux is missing, and the program cannot be loaded without it");
}

static void check_jit(struct doctor *doctor)
{
	int enabled = spw_probe_jit();

	if (enabled > 0)
		find(doctor, OK, "jit", NULL, "net.core.bpf_jit_enable = %d", enabled);
	else if (!enabled)
		find(doctor, WARN, "jit", "sysctl -w net.core.bpf_jit_enable=1",
		     "off: the program is interpreted, and each packet costs several times as much");
	else
		find(doctor, OK, "jit", NULL, "cannot be seen from this network namespace, only from the host's");
}

/* ---- folders ---- */

static void check_bpffs(struct doctor *doctor, const char *pin_dir)
{
	static const char standard[] = "/sys/fs/bpf";
	struct spw_bpffs bpffs;

	spw_probe_bpffs(pin_dir, &bpffs);
	if (!bpffs.is_bpffs && !strncmp(pin_dir, standard, strlen(standard)))
		find(doctor, WARN, "bpffs", "'spillway run' mounts it; or: mount -t bpf bpf /sys/fs/bpf",
		     "none is mounted at %s", standard);
	else if (!bpffs.is_bpffs)
		find(doctor, FAIL, "bpffs", "set pin_dir to a folder below /sys/fs/bpf", "%s is not on a bpffs",
		     pin_dir);
	else if (bpffs.read_only)
		find(doctor, FAIL, "bpffs", "mount -o remount,rw /sys/fs/bpf", "%s is read-only", bpffs.path);
	else if (!bpffs.writable)
		find(doctor, FAIL, "bpffs", "run as root, or give the folder to the user of the service",
		     "%s cannot be written by this user", bpffs.path);
	else
		find(doctor, OK, "bpffs", NULL, "%s can be written", bpffs.path);
}

/* Whether files can be created in @dir, or @dir in its parent. 0 or -errno; @at: the folder concerned. */
static int probe_folder(const char *dir, char at[PATH_MAX])
{
	struct stat status;
	char *slash;

	snprintf(at, PATH_MAX, "%s", dir);
	while ((slash = strrchr(at, '/')) && slash != at && !slash[1])
		*slash = '\0';
	if (stat(at, &status) && errno == ENOENT && slash)
		slash[slash == at] = '\0';
	if (stat(at, &status))
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	return access(at, W_OK | X_OK) ? -errno : 0;
}

/* An obstacle to the control socket would stop `run` only at the end of its start. */
static bool check_socket(struct doctor *doctor, const char *run_dir)
{
	struct sockaddr_un address;
	char message[SPW_MESSAGE_MAX];
	struct stat status;
	bool blocked;

	if (spw_control_address(run_dir, &address, message)) {
		find(doctor, FAIL, "run_dir", "set run_dir to a shorter path", "%s", message);
		return false;
	}
	blocked = !lstat(address.sun_path, &status) && S_ISDIR(status.st_mode);
	if (blocked)
		find(doctor, FAIL, "run_dir", "remove it: the control socket goes there", "%s is a folder",
		     address.sun_path);
	return !blocked;
}

static void check_run_dir(struct doctor *doctor, const char *run_dir)
{
	char at[PATH_MAX];
	int err = probe_folder(run_dir, at);

	if (err)
		find(doctor, FAIL, "run_dir",
		     "set run_dir to a folder that can be written, or make it (RuntimeDirectory=)", "%s: %s", at,
		     strerror(-err));
	else if (check_socket(doctor, run_dir))
		find(doctor, OK, "run_dir", NULL, "%s can be written", at);
}

static void check_state_dir(struct doctor *doctor, const char *state_dir)
{
	char at[PATH_MAX];
	int err = probe_folder(state_dir, at);

	if (err)
		find(doctor, WARN, "state_dir",
		     "set state_dir to a folder that can be written, or make it (StateDirectory=)",
		     "%s: %s; no history, no events, and bans are lost in a reboot", at, strerror(-err));
	else
		find(doctor, OK, "state_dir", NULL, "%s can be written", at);
}

/* What a start falls back to when a list cannot be used. */
static void check_last_good(struct doctor *doctor, const char *state_dir)
{
	struct spw_last_good good;
	char problem[SPW_MESSAGE_MAX], when[SPW_LAST_GOOD_WHEN];
	int err = spw_last_good_read(state_dir, &good, problem);

	if (err == -ENOENT)
		find(doctor, OK, "last good", NULL, "no ruleset is kept in %s yet", state_dir);
	else if (err == -EACCES || err == -EPERM)
		find(doctor, WARN, "last good", "run as root", "the ruleset kept in %s cannot be read: %s", state_dir,
		     problem);
	else if (err)
		find(doctor, WARN, "last good", "'spillway apply' replaces it; look at the disk",
		     "the ruleset kept in %s cannot be used: %s", state_dir, problem);
	else
		find(doctor, OK, "last good", NULL, "a ruleset of %s is kept for a start with a damaged list",
		     spw_last_good_when(good.saved_s, spw_wall_ns() / 1000000000, when));
	spw_last_good_free(&good);
}

/* What a start would use of lists by URL. Without an agent: a running one knows more. */
static void check_copies(struct doctor *doctor, const struct spw_config *config)
{
	char problem[SPW_MESSAGE_MAX], when[SPW_LAST_GOOD_WHEN];

	for (size_t i = 0; i < config->lists_count; i++) {
		const struct spw_config_list *list = &config->lists[i];
		struct spw_url_copy copy;
		int err;

		if (list->kind != SPW_LIST_URL)
			continue;
		err = spw_url_copy_read(config->state_dir, list->name, list->url.text, &copy, problem);
		if (err == -ENOENT)
			find(doctor, WARN, "fetch", "the agent fetches it",
			     "list '%s' was not fetched yet; it is empty after a start until it is", list->name);
		else if (err)
			find(doctor, WARN, "fetch", "run as root; the agent fetches a damaged one again",
			     "the copy of list '%s' cannot be used: %s", list->name, problem);
		else
			find(doctor, OK, "fetch", NULL, "the copy of list '%s' was confirmed by its server at %s",
			     list->name, spw_last_good_when(copy.confirmed_s, spw_wall_ns() / 1000000000, when));
	}
}

/* A running agent occupies the port itself. */
static void check_metrics(struct doctor *doctor, const struct spw_config *config)
{
	char message[SPW_MESSAGE_MAX];

	if (!config->metrics_host)
		return;
	if (spw_metrics_server_try(config->metrics_host, config->metrics_port, message))
		find(doctor, WARN, "metrics", "set metrics.listen to a free address, or to off", "%s", message);
	else
		find(doctor, OK, "metrics", NULL, "%s port %u is free", config->metrics_host, config->metrics_port);
}

/* ---- configuration ---- */

/* What a start would do in spite of @error: not a failure if something is kept. */
static void report_error(struct doctor *doctor, const struct spw_dry_run *dry_run, const char *error)
{
	char when[SPW_LAST_GOOD_WHEN];
	bool whole;
	u64 kept_s;

	if (dry_run->lists_refused && spw_dry_run_falls_back(&dry_run->config, &whole, &kept_s))
		find(doctor, WARN, "configuration",
		     "'spillway check' shows all errors; correct them, then 'spillway apply'",
		     "%s; a start would use the last good %s, of %s", error, whole ? "ruleset" : "content of the list",
		     spw_last_good_when(kept_s, spw_wall_ns() / 1000000000, when));
	else if (dry_run->lists_refused)
		find(doctor, FAIL, "configuration", "'spillway check' shows all errors",
		     "%s; a start would fail, as no ruleset is kept that could replace it", error);
	else
		find(doctor, FAIL, "configuration", "'spillway check' shows all errors", "%s", error);
}

static void report_configuration(struct doctor *doctor, const struct spw_call *call, int err,
				 const struct spw_dry_run *dry_run, const struct spw_diagnostics *diagnostics)
{
	size_t first = 0;

	while (first < diagnostics->count && diagnostics->items[first].severity != SPW_ERROR)
		first++;
	if (err || diagnostics->errors) {
		report_error(doctor, dry_run,
			     first < diagnostics->count ? diagnostics->items[first].text : strerror(-err));
		return;
	}
	for (size_t i = 0; i < diagnostics->count && i < WARNINGS_MAX; i++)
		find(doctor, WARN, "configuration", NULL, "%s", diagnostics->items[i].text);
	if (diagnostics->warnings > WARNINGS_MAX)
		find(doctor, WARN, "configuration", "'spillway check' shows them", "%zu more warnings",
		     diagnostics->warnings - WARNINGS_MAX);
	if (!diagnostics->warnings)
		find(doctor, OK, "configuration", NULL, "%s", call->config_path);
}

/* Returns whether the configured folders are known. */
static bool check_configuration(struct doctor *doctor, const struct spw_call *call, struct spw_dry_run *dry_run)
{
	struct spw_diagnostics diagnostics = {0};

	if (spw_no_config(call)) {
		fprintf(stderr, "note: there is no %s; using a built-in configuration\n", call->config_path);
		spw_dry_run_builtin(dry_run, &diagnostics);
		find(doctor, WARN, "configuration", "write one: spillway init /etc/spillway/spillway.yaml",
		     "there is no %s yet, and 'spillway run' needs one", call->config_path);
	} else {
		int err = spw_dry_run_make(call->config_path, false, dry_run, &diagnostics);

		report_configuration(doctor, call, err, dry_run, &diagnostics);
	}
	spw_diagnostics_free(&diagnostics);
	return dry_run->config.pin_dir && dry_run->config.run_dir;
}

/* ---- interfaces ---- */

/* The texts of view/nic.h; NULL: nothing. */
static char *nic_why(const struct spw_nic *nic, const struct spw_nic_forecast *forecast)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	spw_view_nic_why(out, nic, forecast);
	fclose(out);
	if (!bytes) {
		free(text);
		text = NULL;
	}
	return text;
}

static char *nic_remedy(const char *name, const struct spw_nic_forecast *forecast)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	spw_view_nic_remedy(out, name, forecast);
	fclose(out);
	if (!bytes) {
		free(text);
		text = NULL;
	}
	return text;
}

/* Would the driver take the program? @below: a device below one that is configured. */
static void check_native(struct doctor *doctor, const char *check, const struct spw_interface *interface,
			 enum spw_attach_mode attach, bool below)
{
	const struct spw_nic_forecast forecast = spw_nic_forecast(&interface->nic);
	const struct spw_nic_driver *driver = forecast.driver;
	_cleanup_free_ char *why = nic_why(&interface->nic, &forecast);
	_cleanup_free_ char *remedy = nic_remedy(interface->device.name, &forecast);
	const char *what = below ? "below it" : "no XDP program is attached";

	if (!driver)
		find(doctor, OK, check, NULL, "%s; whether its driver has native mode shows only on attaching", what);
	else if (!forecast.obstacles)
		find(doctor, OK, check, NULL, "%s; native mode should work, by %s%s%s", what, driver->source,
		     driver->note ? "; " : "", driver->note ? driver->note : "");
	else
		find(doctor, attach == SPW_ATTACH_NATIVE ? FAIL : WARN, check,
		     remedy ? remedy
		     : !driver->since && driver->note
			     ? driver->note
			     : "generic mode works, but each packet costs some 3 times as much",
		     "%s; native mode would be refused, by %s: %s", what, driver->source, why ? why : "?");
}

/* A VLAN has no native mode, and a bond needs that of its devices. */
static void check_below(struct doctor *doctor, const struct spw_config *config, const char *check,
			const struct spw_interface *upper)
{
	bool vlan = strcmp(upper->nic.driver, "bonding") != 0;

	if (vlan && upper->below_count)
		find(doctor, WARN, check,
		     "list that device in 'interfaces' instead: its frames are judged with their tags",
		     "is a VLAN on %s", upper->below[0]);
	for (size_t i = 0; i < upper->below_count; i++) {
		struct spw_interface lower;

		spw_probe_interface(upper->below[i], config->pin_dir, &lower);
		if (lower.ifindex)
			check_native(doctor, upper->below[i], &lower, config->attach, true);
	}
}

/* Attached in generic mode: would native mode work now? */
static void check_generic(struct doctor *doctor, const char *check, const struct spw_interface *interface)
{
	const struct spw_nic_forecast forecast = spw_nic_forecast(&interface->nic);
	_cleanup_free_ char *why = nic_why(&interface->nic, &forecast);
	_cleanup_free_ char *remedy = nic_remedy(interface->device.name, &forecast);

	find(doctor, WARN, check, remedy ? remedy : "use a driver with native XDP where floods are expected",
	     "our program is attached in generic mode: each packet costs some 3 times as much%s%s", why ? "; " : "",
	     why ? why : "");
}

static void check_program(struct doctor *doctor, const char *check, const struct spw_interface *interface,
			  enum spw_attach_mode attach)
{
	const char *mode = interface->attached.native ? "native" : "generic";

	if (interface->xdp_err)
		find(doctor, WARN, check, "run as root", "cannot see whether an XDP program is attached: %s",
		     strerror(-interface->xdp_err));
	else if (!interface->attached.program_id && attach == SPW_ATTACH_GENERIC)
		find(doctor, OK, check, NULL, "no XDP program is attached; generic mode works with every driver");
	else if (!interface->attached.program_id)
		check_native(doctor, check, interface, attach, false);
	else if (!interface->attached.ours && !strcmp(interface->attached.program, "spillway"))
		find(doctor, FAIL, check, "use the configuration it was started with, or run 'detach' with that one",
		     "a spillway with another pin_dir is attached (id %u, %s mode)", interface->attached.program_id,
		     mode);
	else if (!interface->attached.ours)
		find(doctor, FAIL, check,
		     "if it is not needed, stop the program that owns it, or: ip link set dev NAME xdp off",
		     "another XDP program is attached: '%s' (id %u, %s mode)", interface->attached.program,
		     interface->attached.program_id, mode);
	else if (interface->attached.native)
		find(doctor, OK, check, NULL, "our program is attached in native mode");
	else
		check_generic(doctor, check, interface);
}

static void check_link(struct doctor *doctor, const char *check, const struct spw_interface *interface)
{
	const char *driver = *interface->device.driver ? interface->device.driver : "unknown";

	if (interface->device.without_ethernet)
		find(doctor, FAIL, check,
		     "list the Ethernet interface that carries its traffic, or remove it from 'interfaces'",
		     "is not an Ethernet device, so its packets cannot be judged; driver %s", driver);
	else if (!interface->device.up)
		find(doctor, WARN, check, "ip link set dev NAME up", "is down; driver %s, MTU %u", driver,
		     interface->device.mtu);
	else if (!interface->device.carrier)
		find(doctor, WARN, check, "plug in the cable, or look at the other end",
		     "has no carrier; driver %s, MTU %u", driver, interface->device.mtu);
	else if (interface->device.mtu > PAGE_BYTES_XDP && !spw_nic_forecast(&interface->nic).driver)
		find(doctor, WARN, check, "if attaching fails with an error about the MTU, set it to 3498 or less",
		     "is up; driver %s; MTU %u needs a driver with XDP fragments", driver, interface->device.mtu);
	else
		find(doctor, OK, check, NULL, "is up; driver %s, MTU %u", driver, interface->device.mtu);
}

static void check_interface(struct doctor *doctor, const struct spw_config *config, const char *name)
{
	struct spw_interface interface;

	spw_probe_interface(name, config->pin_dir, &interface);
	if (!interface.ifindex) {
		find(doctor, FAIL, name, "'ip link' lists the interfaces; correct 'interfaces'",
		     "there is no interface of that name in this network namespace");
		return;
	}
	check_link(doctor, name, &interface);
	check_program(doctor, name, &interface, config->attach);
	if (interface.below_count)
		check_below(doctor, config, name, &interface);
}

/* Without a configuration: the first interfaces that are up are the likely ones. */
static void check_likely_interfaces(struct doctor *doctor, const struct spw_config *config)
{
	struct if_nameindex *all = if_nameindex();
	size_t count = 0;

	for (size_t i = 0; all && all[i].if_name && count < GUESSED_MAX; i++) {
		struct spw_interface interface;

		spw_probe_interface(all[i].if_name, config->pin_dir, &interface);
		if (!strcmp(all[i].if_name, "lo") || !interface.device.up || interface.device.without_ethernet)
			continue;
		check_interface(doctor, config, all[i].if_name);
		count++;
	}
	if (all)
		if_freenameindex(all);
}

static void check_interfaces(struct doctor *doctor, const struct spw_call *call, const struct spw_config *config)
{
	if (spw_no_config(call))
		check_likely_interfaces(doctor, config);
	else
		for (size_t i = 0; i < config->interfaces_count; i++)
			check_interface(doctor, config, config->interfaces[i].name);
}

/* ---- services and sockets ---- */

static void check_service(struct doctor *doctor, const struct spw_config *config,
			  const struct spw_config_service *service)
{
	const struct spw_place *place = &service->place;
	_cleanup_free_ char *text = NULL;
	int err = spw_closed_ports(config, service, &text);

	if (err)
		find(doctor, WARN, "services", "see its netns, and mount /proc",
		     "%s:%u:%u: service '%s': cannot see its sockets: %s", place->file, place->line, place->column,
		     service->name, strerror(-err));
	else if (*text)
		find(doctor, WARN, "services",
		     "start the server, correct the ports, or name the network namespace of the server (netns)",
		     "%s:%u:%u: service '%s': nobody listens on %s", place->file, place->line, place->column,
		     service->name, text);
}

static void check_services(struct doctor *doctor, const struct spw_config *config)
{
	size_t before = doctor->counts[WARN];

	for (size_t i = 0; i < config->services_count; i++)
		check_service(doctor, config, &config->services[i]);
	if (config->services_count && doctor->counts[WARN] == before)
		find(doctor, OK, "services", NULL, "every port of every service has a socket");
}

/* A note, not a warning: those who may log in need not be connected now. */
static void check_management(struct doctor *doctor, const struct spw_config *config)
{
	bool seen[SPW_MANAGEMENT_PREFIXES_MAX] = {false};
	char text[SPW_PREFIX_TEXT];

	if (!config->management_prefixes_count || spw_find_logins(config, seen))
		return;
	for (size_t i = 0; i < config->management_prefixes_count; i++) {
		const struct spw_config_prefix *prefix = &config->management_prefixes[i];

		if (!seen[i])
			find(doctor, OK, "management",
			     "if you log in from elsewhere, correct management.prefixes before a class is cut",
			     "%s:%u:%u: note: nobody is logged in from %s now", prefix->place.file, prefix->place.line,
			     prefix->place.column, spw_prefix_format(&prefix->prefix, text));
	}
}

/* ---- agent ---- */

enum { ANSWER_SECONDS = 5 };

static void check_signal(struct doctor *doctor, const char *service, const char *signal, const json_t *note)
{
	const char *about = json_string_value(json_object_get(note, "about"));

	if (note && !json_is_true(json_object_get(note, "present")))
		find(doctor, WARN, "signals", NULL, "%s%s%s is absent: %s", service ? service : "", service ? ": " : "",
		     signal, about ? about : "?");
}

/* Signals that the running agent lacks. */
static void check_signals(struct doctor *doctor, const char *run_dir)
{
	json_t *request = json_pack("{s:s}", "verb", "explain"), *service, *note;
	char message[SPW_MESSAGE_MAX];
	json_t *answer = spw_control_call(run_dir, request, ANSWER_SECONDS, message);
	size_t before = doctor->counts[WARN], index;
	const char *signal;

	if (!json_is_true(json_object_get(answer, "ok"))) {
		const char *error = json_string_value(json_object_get(answer, "error"));

		find(doctor, WARN, "signals", NULL, "no answer from the agent: %s", error ? error : message);
	} else {
		json_array_foreach(json_object_get(answer, "services"), index, service)
			check_signal(doctor, json_string_value(json_object_get(service, "name")), "read_wait",
				     json_object_get(json_object_get(service, "signals_about"), "read_wait"));
		json_object_foreach(json_object_get(answer, "signals_about"), signal, note)
			check_signal(doctor, NULL, signal, note);
		if (doctor->counts[WARN] == before)
			find(doctor, OK, "signals", NULL, "all signals that 'spillway explain' shows are present");
	}
	json_decref(answer);
}

/* "10.0.0.5, 10.0.0.6": the sources of @answer. */
static void join_sources(const json_t *answer, char *text, size_t size)
{
	const json_t *source;
	size_t index;

	*text = '\0';
	json_array_foreach(json_object_get(answer, "sources"), index, source)
		snprintf(text + strlen(text), size - strlen(text), "%s%s", index ? ", " : "",
			 json_string_value(json_object_get(source, "source")));
}

/* Behind a balancer or a CDN all visitors of an address are in one class. */
static void check_few_sources(struct doctor *doctor, const char *run_dir)
{
	json_t *request = json_pack("{s:s, s:s, s:i}", "verb", "top", "by", "new", "most", 3);
	char message[SPW_MESSAGE_MAX], heaviest[256];
	json_t *answer = spw_control_call(run_dir, request, ANSWER_SECONDS, message);
	const json_t *few = json_object_get(answer, "few");
	double sources = json_number_value(json_object_get(few, "sources_share")) * 100;
	double prefixes = json_number_value(json_object_get(few, "prefixes_share")) * 100;

	join_sources(answer, heaviest, sizeof(heaviest));
	if (json_is_true(json_object_get(few, "most")))
		find(doctor, WARN, "sources", "docs/operations.md, Behind a proxy: let the proxy shed by these classes",
		     "8 sources bring %.0f %% of the new work, and 8 prefixes %.0f %% (%.0f/s; heaviest now: %s); if they are "
		     "balancers or a CDN, classes cannot tell their visitors apart",
		     sources, prefixes, json_number_value(json_object_get(few, "new_per_s")), heaviest);
	else if (few)
		find(doctor, OK, "sources", NULL, "no few sources bring most of the new work");
	json_decref(answer);
}

/* What the agent says of lists by URL. */
static void check_fetches(struct doctor *doctor, const char *run_dir)
{
	char message[SPW_MESSAGE_MAX], state[1024];
	json_t *answer = spw_control_call(run_dir, json_pack("{s:s}", "verb", "list-fetches"), ANSWER_SECONDS, message);
	const char *list;
	json_t *fetch;

	json_object_foreach(json_object_get(answer, "lists"), list, fetch)
	{
		bool bad = spw_view_download_is_bad(fetch);

		find(doctor, bad ? WARN : OK, "fetch",
		     bad ? "is its server well? 'spillway apply' tries failed ones again at once" : NULL,
		     "list '%s' is %s", list, spw_view_download_state(fetch, state, sizeof(state)));
	}
	json_decref(answer);
}

/* Whether the files as they are, or something last good, is in force. */
static void check_ruleset(struct doctor *doctor, const struct spw_snapshot *snapshot)
{
	static const char advice[] = "'spillway check' shows why; correct it, then 'spillway apply'";
	char when[SPW_LAST_GOOD_WHEN];
	bool kept = snapshot->agent.ruleset_kept_s;

	if (kept)
		find(doctor, WARN, "ruleset", advice,
		     "the last good one, of %s, is in force: the configuration or a list could not be used",
		     spw_last_good_when(snapshot->agent.ruleset_kept_s, snapshot->wall_s, when));
	for (size_t i = 0; i < snapshot->lists_count && !snapshot->agent.ruleset_kept_s; i++) {
		const struct spw_list_record *list = &snapshot->lists[i].record;

		if (!list->kept_s || list->state != SPW_RECORD_ACTIVE)
			continue;
		kept = true;
		find(doctor, WARN, "ruleset", advice, "list '%s' has its last good content, of %s", list->name,
		     spw_last_good_when(list->kept_s, snapshot->wall_s, when));
	}
	if (!kept)
		find(doctor, OK, "ruleset", NULL, "generation %llu, made of what the configuration names",
		     (unsigned long long)snapshot->agent.generation);
}

/* A name may have moved to another card since the agent attached. */
static void check_coverage(struct doctor *doctor, const struct spw_config *config,
			   const struct spw_agent_record *record)
{
	for (size_t i = 0; i < config->interfaces_count; i++) {
		const char *name = config->interfaces[i].name;
		u32 ifindex = spw_device_index(name);
		bool covered = !ifindex;

		for (size_t j = 0; j < SPW_INTERFACES_MAX; j++)
			covered |= record->interfaces[j].ifindex == ifindex;
		if (!covered)
			find(doctor, WARN, name, "spillway apply", "the running agent does not cover this device");
	}
}

/* Returns whether the agent is alive. */
static bool check_agent(struct doctor *doctor, const struct spw_pins *pins, const struct spw_config *config)
{
	const char *run_dir = config->run_dir;
	struct spw_snapshot snapshot;
	int err = spw_snapshot_read(pins, &snapshot);
	bool alive;

	if (err) {
		find(doctor, FAIL, "agent", "run as root", "the maps in %s cannot be read: %s", pins->dir,
		     strerror(-err));
		return false;
	}
	alive = snapshot.agent_alive;
	if (alive && spw_agent_lock_holder(run_dir) != snapshot.agent.pid)
		find(doctor, FAIL, "agent", "give each agent a pin_dir and a run_dir of its own",
		     "process %u uses the pins in %s, with another run_dir", snapshot.agent.pid, pins->dir);
	else if (alive)
		find(doctor, OK, "agent", NULL, "process %u is alive and renews the lease", snapshot.agent.pid);
	else if (snapshot.agent.pid)
		find(doctor, WARN, "agent", "see its log, then start it again: spillway run",
		     "process %u is dead or hangs; once its lease has ended, everything passes", snapshot.agent.pid);
	else
		find(doctor, OK, "agent", NULL, "is stopped; everything passes until the next 'spillway run'");
	if (alive) {
		check_ruleset(doctor, &snapshot);
		check_coverage(doctor, config, &snapshot.agent);
		check_signals(doctor, run_dir);
		check_few_sources(doctor, run_dir);
		check_fetches(doctor, run_dir);
	}
	spw_snapshot_free(&snapshot);
	return alive;
}

/* Returns whether an agent is alive. */
static bool check_pins(struct doctor *doctor, const struct spw_config *config)
{
	const char *pin_dir = config->pin_dir;
	char message[SPW_MESSAGE_MAX];
	struct spw_pins pins;
	int err = spw_pins_open(pin_dir, false, false, &pins, message);
	bool alive = false;

	if (!err) {
		find(doctor, OK, "pins", NULL, "%s, of this version's layout", pin_dir);
		alive = check_agent(doctor, &pins, config);
		spw_pins_close(&pins);
	} else if (err == -ENOENT) {
		find(doctor, OK, "pins", NULL, "nothing is pinned in %s yet", pin_dir);
	} else {
		find(doctor, FAIL, "pins",
		     err == -EPROTO ? "run the version that made them, or 'spillway detach' to start over"
				    : "run as root",
		     "%s", message);
	}
	return alive;
}

static void examine(struct doctor *doctor, const struct spw_call *call)
{
	struct spw_dry_run dry_run;

	check_capabilities(doctor);
	check_kernel(doctor);
	check_btf(doctor);
	check_jit(doctor);
	if (check_configuration(doctor, call, &dry_run)) {
		check_bpffs(doctor, dry_run.config.pin_dir);
		check_run_dir(doctor, dry_run.config.run_dir);
		if (dry_run.config.state_dir)
			check_state_dir(doctor, dry_run.config.state_dir);
		if (dry_run.config.state_dir)
			check_last_good(doctor, dry_run.config.state_dir);
		check_interfaces(doctor, call, &dry_run.config);
		if (!spw_no_config(call))
			check_services(doctor, &dry_run.config);
		check_management(doctor, &dry_run.config);
		if (!check_pins(doctor, &dry_run.config)) {
			check_metrics(doctor, &dry_run.config);
			check_copies(doctor, &dry_run.config);
		}
	} else {
		check_bpffs(doctor, SPW_PIN_DIR_DEFAULT);
		check_run_dir(doctor, SPW_RUN_DIR_DEFAULT);
		check_pins(doctor,
			   &(struct spw_config){.pin_dir = SPW_PIN_DIR_DEFAULT, .run_dir = SPW_RUN_DIR_DEFAULT});
	}
	spw_dry_run_free(&dry_run);
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	struct doctor doctor = {.json = call->json, .colour = spw_colour(), .checks = json_array()};
	int status;

	if (argc > 1) {
		json_decref(doctor.checks);
		return spw_usage(&spw_verb_doctor, "unexpected '%s'", argv[1]);
	}
	examine(&doctor, call);
	status = doctor.counts[FAIL] ? SPW_EXIT_FAILED : SPW_EXIT_DONE;
	if (call->json) {
		json_t *all = json_pack("{s:b, s:o}", "ok", !doctor.counts[FAIL], "checks", doctor.checks);

		return spw_print_json(all) == SPW_EXIT_DONE ? status : SPW_EXIT_FAILED;
	}
	json_decref(doctor.checks);
	printf("\n%zu ok, %zu to improve, %zu failed\n", doctor.counts[OK], doctor.counts[WARN], doctor.counts[FAIL]);
	return status;
}

const struct spw_verb spw_verb_doctor = {
	.name = "doctor",
	.usage = "",
	.summary = "Check whether this host can run the agent, and say what to do if not",
	.help = "ok: all is well. warn: works, but not as well as it could. FAIL: 'run' would not work; the exit status is 1.\n"
		"Without -c, and without a configuration at the default path, it checks the host and its interfaces.\n"
		"Nothing is changed, loaded or attached, so native XDP is a forecast, from a table of drivers (docs/nics.md).\n",
	.run = run,
};
