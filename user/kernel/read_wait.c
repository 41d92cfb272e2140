/* SPDX-License-Identifier: GPL-2.0-only */
/* Read and answer waits; the hooks that work are found by trial. */
#include "read_wait.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "libbpf_log.h"
#include "signals.skel.h"
#include "core/control/tally.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct spw_read_wait {
	struct signals_bpf *skeleton; /* NULL: absent */
	bool answers;
	void *tallies; /* of one service, all CPUs */
	size_t stride;
	int cpus;
	char about[512], about_answers[512];
};

/* A program and the hook that it needs. */
struct source {
	const char *program;
	const char *hook;
	enum bpf_attach_type type;
	const char *about;
};

/* Hooks of data ready, best first. */
static const struct source ready_sources[] = {
	{"data_ready", "sk_data_ready", BPF_TRACE_RAW_TP, "tracepoint sk_data_ready"},
	{"data_ready_fentry", "sock_def_readable", BPF_TRACE_FENTRY, "fentry sock_def_readable"},
};

/* Hooks of the first byte sent, best first. */
static const struct source answer_sources[] = {
	{"answer", "tcp_sendmsg_locked", BPF_TRACE_RAW_TP, "tracepoint tcp_sendmsg_locked"},
	{"answer_fentry", "tcp_sendmsg_locked", BPF_TRACE_FENTRY, "fentry tcp_sendmsg_locked"},
	{"answer_sent", "sock_send_length", BPF_TRACE_RAW_TP, "tracepoint sock_send_length"},
};

/* In addition to answer_fentry, where sendfile has its own path (before 6.5). */
static const struct source pages_source = {"answer_pages_fentry", "do_tcp_sendpages", BPF_TRACE_FENTRY, ""};

/* Always needed. */
static const char *const tracepoints[] = {"tcp_rcv_space_adjust", "tcp_destroy_sock"};

static void say(char about[512], const char *name, const char *what)
{
	size_t length = strlen(about);

	snprintf(about + length, 512 - length, "%s%s: %s", length ? "; " : "", name, what);
}

/* Data ready comes last, so that every wait that begins is also ended. */
static int attach_all(struct signals_bpf *skeleton)
{
	struct bpf_program *const first[] = {
		skeleton->progs.socket_gone,   skeleton->progs.data_read,	    skeleton->progs.answer,
		skeleton->progs.answer_fentry, skeleton->progs.answer_pages_fentry, skeleton->progs.answer_sent,
	};
	struct bpf_link **const links[] = {
		&skeleton->links.socket_gone,	&skeleton->links.data_read,	      &skeleton->links.answer,
		&skeleton->links.answer_fentry, &skeleton->links.answer_pages_fentry, &skeleton->links.answer_sent,
	};

	for (size_t i = 0; i < COUNT_OF(first); i++) {
		if (!bpf_program__autoload(first[i]))
			continue;
		*links[i] = bpf_program__attach(first[i]);
		if (!*links[i])
			return -errno;
	}
	return signals_bpf__attach(skeleton);
}

static bool hook_exists(const struct btf *kernel, const struct source *source)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", source->type == BPF_TRACE_RAW_TP ? "btf_trace_" : "", source->hook);
	return btf__find_by_name_kind(kernel, name,
				      source->type == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC) > 0;
}

static void choose(struct signals_bpf *skeleton, const struct source *source, bool chosen)
{
	bpf_program__set_autoload(bpf_object__find_program_by_name(skeleton->obj, source->program), chosen);
}

/* @answer: NULL: without answer waits */
static int load_with(const struct btf *kernel, const struct source *ready, const struct source *answer,
		     struct signals_bpf **loaded)
{
	struct signals_bpf *skeleton = signals_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	for (size_t i = 0; i < COUNT_OF(ready_sources); i++)
		choose(skeleton, &ready_sources[i], &ready_sources[i] == ready);
	for (size_t i = 0; i < COUNT_OF(answer_sources); i++)
		choose(skeleton, &answer_sources[i], &answer_sources[i] == answer);
	choose(skeleton, &pages_source,
	       answer && answer->type == BPF_TRACE_FENTRY && hook_exists(kernel, &pages_source));
	skeleton->rodata->answers_seen = answer;
	err = signals_bpf__load(skeleton);
	if (!err)
		err = attach_all(skeleton);
	if (err)
		signals_bpf__destroy(skeleton);
	else
		*loaded = skeleton;
	return err;
}

/* Try @source in addition to what works already; false: @about says why it fails. */
static bool try_source(const struct btf *kernel, const struct source *ready, const struct source *answer,
		       struct signals_bpf **loaded, char about[512])
{
	const struct source *source = answer ? answer : ready;
	int err;

	if (!hook_exists(kernel, source)) {
		say(about, source->about, "this kernel has none");
		return false;
	}
	spw_libbpf_listen();
	err = load_with(kernel, ready, answer, loaded);
	if (!err)
		snprintf(about, 512, "%s", source->about);
	else if (!spw_libbpf_verifier_refused() && (err == -EPERM || err == -EACCES))
		say(about, source->about, "not permitted; it takes root, or CAP_BPF and CAP_PERFMON");
	else
		say(about, source->about, *spw_libbpf_words() ? spw_libbpf_words() : strerror(-err));
	return !err;
}

/* Add answer waits, if some hook for them works with @ready. */
static void add_answers(struct spw_read_wait *wait, const struct btf *kernel, const struct source *ready)
{
	struct signals_bpf *with = NULL;

	for (size_t i = 0; i < COUNT_OF(answer_sources) && !wait->answers; i++)
		wait->answers = try_source(kernel, ready, &answer_sources[i], &with, wait->about_answers);
	if (!wait->answers)
		return;
	signals_bpf__destroy(wait->skeleton);
	wait->skeleton = with;
}

static void try_sources(struct spw_read_wait *wait, const struct btf *kernel)
{
	for (size_t i = 0; i < COUNT_OF(tracepoints); i++) {
		const struct source needed = {.hook = tracepoints[i], .type = BPF_TRACE_RAW_TP};

		if (!hook_exists(kernel, &needed)) {
			say(wait->about, tracepoints[i], "this kernel has no such tracepoint");
			return;
		}
	}
	for (size_t i = 0; i < COUNT_OF(ready_sources) && !wait->skeleton; i++)
		if (try_source(kernel, &ready_sources[i], NULL, &wait->skeleton, wait->about))
			add_answers(wait, kernel, &ready_sources[i]);
}

int spw_read_wait_open(struct spw_read_wait **opened)
{
	struct spw_read_wait *wait = calloc(1, sizeof(*wait));
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
	spw_libbpf_listen();
	kernel = btf__load_vmlinux_btf();
	if (libbpf_get_error(kernel)) {
		say(wait->about, "kernel types", "none at /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)");
		kernel = NULL;
	} else {
		try_sources(wait, kernel);
	}
	btf__free(kernel);
	*opened = wait;
	return 0;
}

const char *spw_read_wait_about(const struct spw_read_wait *wait)
{
	return wait->about;
}

const char *spw_read_wait_about_answers(const struct spw_read_wait *wait)
{
	return *wait->about_answers ? wait->about_answers : wait->about;
}

int spw_read_wait_follow(struct spw_read_wait *wait, const struct spw_signal_scope *scope)
{
	const u32 only = 0;

	if (!wait->skeleton)
		return 0;
	return bpf_map_update_elem(bpf_map__fd(wait->skeleton->maps.signal_scope), &only, scope, BPF_ANY) ? -errno : 0;
}

int spw_read_wait_sockets(const struct spw_read_wait *wait)
{
	return wait->skeleton ? bpf_map__fd(wait->skeleton->maps.signal_waits) : -1;
}

int spw_read_wait_light(const struct spw_read_wait *wait)
{
	return wait->skeleton ? bpf_map__fd(wait->skeleton->maps.light_sockets) : -1;
}

void spw_read_wait_read(struct spw_read_wait *wait, u32 identity, u64 now_ns, struct spw_service_facts *facts)
{
	facts->waits_present = facts->answers_present = false;
	if (!wait->skeleton || !identity || identity >= SPW_SERVICE_IDENTITIES)
		return;
	if (bpf_map_lookup_elem(bpf_map__fd(wait->skeleton->maps.signal_tallies), &identity, wait->tallies))
		return;
	facts->waits_present = true;
	facts->answers_present = wait->answers;
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
