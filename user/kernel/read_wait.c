/* SPDX-License-Identifier: GPL-2.0-only */
/* Read-wait: which way to hear of data that are ready is found by trying. */
#include "read_wait.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "signals.skel.h"
#include "signals/tally.h"

struct spw_read_wait {
	struct signals_bpf *skeleton; /* NULL: absent */
	void *tallies;		      /* of one service, all CPUs */
	size_t stride;
	int cpus;
	char about[512];
};

/* The ways to hear of data that are ready, best first. */
static const struct source {
	const char *program;
	const char *hook;
	enum bpf_attach_type type;
	const char *about;
} sources[] = {
	{"data_ready", "sk_data_ready", BPF_TRACE_RAW_TP, "tracepoint sk_data_ready"},
	{"data_ready_fentry", "sock_def_readable", BPF_TRACE_FENTRY, "fentry sock_def_readable"},
};

/* Needed with each of them. */
static const char *const tracepoints[] = {"tcp_rcv_space_adjust", "tcp_destroy_sock"};

/* What libbpf had to say: the verifier's last word, else its first complaint. */
static char libbpf_words[256];
static bool verifier_spoke;

static int keep_words(enum libbpf_print_level level, const char *format, va_list arguments)
{
	_cleanup_free_ char *text = NULL;
	const char *line;
	char *end;

	/* That the limit of locked memory stays matters before 5.11 only. */
	if (level != LIBBPF_WARN || strstr(format, "Failed to bump") || vasprintf(&text, format, arguments) < 0)
		return 0;
	end = strstr(text, "\nprocessed ");
	if (strstr(text, "BEGIN PROG LOAD LOG") && end) {
		*end = '\0';
		line = strrchr(text, '\n');
		snprintf(libbpf_words, sizeof(libbpf_words), "%s", line ? line + 1 : text);
		verifier_spoke = true;
	} else if (!*libbpf_words) {
		snprintf(libbpf_words, sizeof(libbpf_words), "%s", text);
		libbpf_words[strcspn(libbpf_words, "\n")] = '\0';
	}
	return 0;
}

static void say(struct spw_read_wait *wait, const char *name, const char *what)
{
	size_t length = strlen(wait->about);

	snprintf(wait->about + length, sizeof(wait->about) - length, "%s%s: %s", length ? "; " : "", name, what);
}

/* Readers are attached first, so that no wait begins that nobody would end. */
static int attach_all(struct signals_bpf *skeleton)
{
	skeleton->links.socket_gone = bpf_program__attach(skeleton->progs.socket_gone);
	if (!skeleton->links.socket_gone)
		return -errno;
	skeleton->links.data_read = bpf_program__attach(skeleton->progs.data_read);
	if (!skeleton->links.data_read)
		return -errno;
	return signals_bpf__attach(skeleton);
}

static int load_with(const struct source *source, struct signals_bpf **loaded)
{
	struct signals_bpf *skeleton = signals_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		struct bpf_program *program = bpf_object__find_program_by_name(skeleton->obj, sources[i].program);

		if (&sources[i] != source)
			bpf_program__set_autoload(program, false);
	}
	err = signals_bpf__load(skeleton);
	if (!err)
		err = attach_all(skeleton);
	if (err)
		signals_bpf__destroy(skeleton);
	else
		*loaded = skeleton;
	return err;
}

static bool hook_exists(const struct btf *kernel, const char *hook, enum bpf_attach_type type)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", type == BPF_TRACE_RAW_TP ? "btf_trace_" : "", hook);
	return btf__find_by_name_kind(kernel, name, type == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC) > 0;
}

static void try_sources(struct spw_read_wait *wait, const struct btf *kernel)
{
	int err;

	for (size_t i = 0; i < sizeof(tracepoints) / sizeof(*tracepoints); i++)
		if (!hook_exists(kernel, tracepoints[i], BPF_TRACE_RAW_TP)) {
			say(wait, tracepoints[i], "this kernel has no such tracepoint");
			return;
		}
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources) && !wait->skeleton; i++) {
		if (!hook_exists(kernel, sources[i].hook, sources[i].type)) {
			say(wait, sources[i].about, "this kernel has none");
			continue;
		}
		*libbpf_words = '\0';
		verifier_spoke = false;
		err = load_with(&sources[i], &wait->skeleton);
		if (!err)
			snprintf(wait->about, sizeof(wait->about), "%s", sources[i].about);
		else if (!verifier_spoke && (err == -EPERM || err == -EACCES))
			say(wait, sources[i].about, "not permitted; it takes root, or CAP_BPF and CAP_PERFMON");
		else
			say(wait, sources[i].about, *libbpf_words ? libbpf_words : strerror(-err));
	}
}

int spw_read_wait_open(struct spw_read_wait **opened)
{
	struct spw_read_wait *wait = calloc(1, sizeof(*wait));
	libbpf_print_fn_t print;
	struct btf *kernel;

	if (!wait)
		return -ENOMEM;
	wait->cpus = libbpf_num_possible_cpus();
	wait->stride = (sizeof(struct spw_signal_tally) + 7) / 8 * 8;
	wait->tallies = wait->cpus > 0 ? calloc((size_t)wait->cpus, wait->stride) : NULL;
	if (!wait->tallies) {
		free(wait);
		return -ENOMEM;
	}
	print = libbpf_set_print(keep_words);
	kernel = btf__load_vmlinux_btf();
	if (libbpf_get_error(kernel)) {
		say(wait, "kernel types", "none at /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)");
		kernel = NULL;
	} else {
		try_sources(wait, kernel);
	}
	btf__free(kernel);
	libbpf_set_print(print);
	*opened = wait;
	return 0;
}

const char *spw_read_wait_about(const struct spw_read_wait *wait)
{
	return wait->about;
}

int spw_read_wait_follow(struct spw_read_wait *wait, const struct spw_scope *scope)
{
	_cleanup_free_ struct spw_signal_scope *told = calloc(1, sizeof(*told));
	const u32 only = 0;

	if (!wait->skeleton)
		return 0;
	if (!told)
		return -ENOMEM;
	told->namespaces_count = scope->namespaces_count;
	for (u32 i = 0; i < scope->namespaces_count; i++)
		told->namespaces[i] = scope->namespaces[i].inode;
	for (u32 i = 0; i < scope->services_count; i++)
		if (scope->identities[i] < SPW_SERVICE_IDENTITIES)
			told->in[scope->identities[i]] = scope->in[i];
	for (u32 port = 0; port < 65536; port++)
		if (scope->ports[port])
			told->ports[port] = scope->identities[scope->ports[port] - 1] | scope->roles[port];
	return bpf_map_update_elem(bpf_map__fd(wait->skeleton->maps.signal_scope), &only, told, BPF_ANY) ? -errno : 0;
}

void spw_read_wait_read(struct spw_read_wait *wait, u32 identity, u64 now_ns, struct spw_service_facts *facts)
{
	facts->waits_present = false;
	if (!wait->skeleton || !identity || identity >= SPW_SERVICE_IDENTITIES)
		return;
	if (bpf_map_lookup_elem(bpf_map__fd(wait->skeleton->maps.signal_tallies), &identity, wait->tallies))
		return;
	facts->waits_present = true;
	spw_tally_sum(wait->tallies, wait->stride, wait->cpus, now_ns, facts);
}

void spw_read_wait_close(struct spw_read_wait *wait)
{
	if (!wait)
		return;
	signals_bpf__destroy(wait->skeleton);
	free(wait->tallies);
	free(wait);
}
