/* SPDX-License-Identifier: GPL-2.0-only */
/* Guards from /proc: readings, and rates of them. */
#include "host_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "proc_text.h"

#define TEXT_MAX  (256u * 1024)
#define CORES_MAX 4096
#define CPU_WINDOW_NS                                                                                                  \
	250000000ull /* /proc/stat counts hundredths of a second: over less, a share is mostly rounding                \
		      */

/* A file that stays open. */
struct proc_file {
	int fd;
	int err; /* errno of its last failure; 0: none */
};

/* A counter now and at the read before. */
struct counted {
	u64 count;
	bool known;
};

struct core_times {
	u64 at_ns;
	size_t count; /* 0: not read yet */
	struct spw_cpu_times *cores;
};

struct pressure {
	struct proc_file file;
	struct counted total_us;
	u64 at_ns;
	struct spw_reading reading;
};

struct spw_host_signals {
	size_t cores_max;
	struct proc_file stat, softnet;
	struct core_times now, newer, older; /* shares are over `older` to `now` */
	struct spw_cpu_drops *drops, *drops_before;
	size_t drops_before_count;
	struct pressure pressures[3];
	u32 netstats_count;
	struct {
		struct proc_file file;
		struct counted overflows;
	} netstats[SPW_NAMESPACES_MAX];
	u64 at_ns; /* of the read before; 0: none */
	char about[SPW_HOST_SIGNALS][96];
	char text[TEXT_MAX];
};

static const char *const pressure_paths[] = {"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"};

static struct proc_file open_file(const char *path)
{
	struct proc_file file = {.fd = open(path, O_RDONLY | O_CLOEXEC)};

	file.err = file.fd < 0 ? errno : 0;
	return file;
}

/* Read the whole file again into host->text. */
static bool read_again(struct spw_host_signals *host, struct proc_file *file)
{
	size_t length = 0;

	if (file->fd < 0)
		return false;
	file->err = 0;
	while (length < TEXT_MAX - 1) {
		ssize_t got = pread(file->fd, host->text + length, TEXT_MAX - 1 - length, (off_t)length);

		if (got < 0)
			file->err = errno;
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	host->text[length] = '\0';
	return !file->err;
}

static void say(struct spw_host_signals *host, enum spw_host_signal signal, const char *path, int err)
{
	snprintf(host->about[signal], sizeof(host->about[signal]), "%s%s%s", path, err ? ": " : "",
		 err ? strerror(err) : "");
}

static const struct spw_cpu_times *find_core(const struct core_times *times, u32 cpu)
{
	for (size_t i = 0; i < times->count; i++)
		if (times->cores[i].cpu == cpu)
			return &times->cores[i];
	return NULL;
}

/* The largest shares of any core present at both ends of the window. */
static void read_shares(const struct core_times *before, const struct core_times *now, struct spw_reading *busy,
			struct spw_reading *softirq)
{
	for (size_t i = 0; i < now->count; i++) {
		const struct spw_cpu_times *end = &now->cores[i], *start = find_core(before, end->cpu);
		double total, idle, soft;

		if (!start || end->total <= start->total)
			continue;
		total = (double)(end->total - start->total);
		/* Idle and iowait time may go back slightly. */
		idle = end->idle > start->idle ? (double)(end->idle - start->idle) : 0;
		soft = end->softirq > start->softirq ? (double)(end->softirq - start->softirq) : 0;
		if (idle > total)
			idle = total;
		if (soft > total)
			soft = total;
		if (1 - idle / total >= busy->value)
			*busy = (struct spw_reading){1 - idle / total, true};
		if (soft / total >= softirq->value)
			*softirq = (struct spw_reading){soft / total, true};
	}
}

static void copy_times(struct core_times *to, const struct core_times *from)
{
	memcpy(to->cores, from->cores, from->count * sizeof(*from->cores));
	to->count = from->count;
	to->at_ns = from->at_ns;
}

static void read_cpu(struct spw_host_signals *host, u64 now_ns, struct spw_reading *busy, struct spw_reading *softirq)
{
	struct core_times *now = &host->now;

	now->at_ns = now_ns;
	now->count = read_again(host, &host->stat) ? spw_proc_stat(host->text, now->cores, host->cores_max) : 0;
	if (!now->count || !host->older.count) {
		copy_times(&host->older, now);
		copy_times(&host->newer, now);
	} else {
		read_shares(&host->older, now, busy, softirq);
		if (now_ns - host->newer.at_ns >= CPU_WINDOW_NS) {
			copy_times(&host->older, &host->newer);
			copy_times(&host->newer, now);
		}
	}
	say(host, SPW_SIGNAL_CPU, "/proc/stat", host->stat.err);
	say(host, SPW_SIGNAL_SOFTIRQ, "/proc/stat", host->stat.err);
}

static const struct spw_cpu_drops *find_drops(const struct spw_cpu_drops *drops, size_t count, u32 cpu)
{
	for (size_t i = 0; i < count; i++)
		if (drops[i].cpu == cpu)
			return &drops[i];
	return NULL;
}

/* A core that comes back brings its old count: only cores seen twice in a row count. */
static void read_softnet(struct spw_host_signals *host, double seconds, struct spw_reading *drops)
{
	size_t count = read_again(host, &host->softnet) ? spw_proc_softnet(host->text, host->drops, host->cores_max)
							: 0;
	struct spw_cpu_drops *before = host->drops_before;
	u64 sum = 0;

	for (size_t i = 0; i < count; i++) {
		const struct spw_cpu_drops *core = find_drops(before, host->drops_before_count, host->drops[i].cpu);

		if (core && host->drops[i].drops > core->drops)
			sum += host->drops[i].drops - core->drops;
	}
	if (count && host->drops_before_count && seconds > 0)
		*drops = (struct spw_reading){(double)sum / seconds, true};
	host->drops_before = host->drops;
	host->drops_before_count = count;
	host->drops = before;
	say(host, SPW_SIGNAL_SOFTNET_DROPS, "/proc/net/softnet_stat", host->softnet.err);
}

static void read_overflows(struct spw_host_signals *host, double seconds, struct spw_reading *overflows)
{
	int err = host->netstats_count ? 0 : ENOENT;
	u64 sum = 0;

	for (u32 i = 0; i < host->netstats_count; i++) {
		struct counted *counted = &host->netstats[i].overflows;
		u64 count;

		if (!read_again(host, &host->netstats[i].file) || !spw_proc_overflows(host->text, &count)) {
			err = host->netstats[i].file.err ? host->netstats[i].file.err : EPROTO;
			counted->known = false;
			continue;
		}
		if (counted->known && seconds > 0) {
			sum += count > counted->count ? count - counted->count : 0;
			overflows->present = true;
		}
		*counted = (struct counted){count, true};
	}
	if (overflows->present)
		overflows->value = (double)sum / seconds;
	say(host, SPW_SIGNAL_OVERFLOWS, "/proc/net/netstat", overflows->present ? 0 : err);
}

static void read_pressure(struct spw_host_signals *host, u32 index, u64 now_ns, struct spw_reading *reading)
{
	struct pressure *pressure = &host->pressures[index];
	struct counted *total = &pressure->total_us;
	u64 count, elapsed_ns = now_ns - pressure->at_ns;

	if (total->known && elapsed_ns < SPW_PRESSURE_INTERVAL_NS) {
		*reading = pressure->reading;
		return;
	}
	pressure->reading = (struct spw_reading){0};
	if (!read_again(host, &pressure->file) || !spw_proc_pressure(host->text, &count)) {
		total->known = false;
	} else {
		if (total->known) {
			double share = count > total->count ? (double)(count - total->count) * 1e3 / (double)elapsed_ns
							    : 0;

			pressure->reading = (struct spw_reading){share < 1 ? share : 1, true};
		}
		*total = (struct counted){count, true};
		pressure->at_ns = now_ns;
	}
	*reading = pressure->reading;
	say(host, SPW_SIGNAL_PSI_CPU + index, pressure_paths[index], pressure->file.err);
}

void spw_host_signals_read(struct spw_host_signals *host, u64 now_ns, struct spw_reading readings[SPW_HOST_SIGNALS])
{
	double seconds = host->at_ns && now_ns > host->at_ns ? (double)(now_ns - host->at_ns) / 1e9 : 0;

	memset(readings, 0, sizeof(*readings) * SPW_HOST_SIGNALS);
	read_cpu(host, now_ns, &readings[SPW_SIGNAL_CPU], &readings[SPW_SIGNAL_SOFTIRQ]);
	read_softnet(host, seconds, &readings[SPW_SIGNAL_SOFTNET_DROPS]);
	read_overflows(host, seconds, &readings[SPW_SIGNAL_OVERFLOWS]);
	for (u32 i = 0; i < sizeof(host->pressures) / sizeof(*host->pressures); i++)
		read_pressure(host, i, now_ns, &readings[SPW_SIGNAL_PSI_CPU + i]);
	host->at_ns = now_ns;
}

int spw_host_signals_open(struct spw_host_signals **opened)
{
	struct spw_host_signals *host = calloc(1, sizeof(*host));
	long cores = sysconf(_SC_NPROCESSORS_CONF);

	if (!host)
		return -ENOMEM;
	host->cores_max = cores < 1 ? 1 : cores > CORES_MAX ? CORES_MAX : (size_t)cores;
	host->stat = open_file("/proc/stat");
	host->softnet = open_file("/proc/net/softnet_stat");
	for (u32 i = 0; i < sizeof(host->pressures) / sizeof(*host->pressures); i++)
		host->pressures[i].file = open_file(pressure_paths[i]);
	host->now.cores = calloc(host->cores_max, sizeof(*host->now.cores));
	host->newer.cores = calloc(host->cores_max, sizeof(*host->newer.cores));
	host->older.cores = calloc(host->cores_max, sizeof(*host->older.cores));
	host->drops = calloc(host->cores_max, sizeof(*host->drops));
	host->drops_before = calloc(host->cores_max, sizeof(*host->drops_before));
	if (!host->now.cores || !host->newer.cores || !host->older.cores || !host->drops || !host->drops_before) {
		spw_host_signals_close(host);
		return -ENOMEM;
	}
	for (u32 i = 0; i < SPW_HOST_SIGNALS; i++)
		snprintf(host->about[i], sizeof(host->about[i]), "not read yet");
	*opened = host;
	return 0;
}

static void close_netstats(struct spw_host_signals *host)
{
	for (u32 i = 0; i < host->netstats_count; i++)
		spw_close_fd(&host->netstats[i].file.fd);
	host->netstats_count = 0;
}

void spw_host_signals_follow(struct spw_host_signals *host, const struct spw_scope *scope)
{
	close_netstats(host);
	for (u32 i = 0; i < scope->namespaces_count; i++) {
		int fd = spw_namespace_proc(&scope->namespaces[i], "netstat");

		host->netstats[i].file = (struct proc_file){.fd = fd, .err = fd < 0 ? -fd : 0};
		host->netstats[i].overflows.known = false;
	}
	host->netstats_count = scope->namespaces_count;
}

const char *spw_host_signals_about(const struct spw_host_signals *host, enum spw_host_signal signal)
{
	return host->about[signal];
}

void spw_host_signals_close(struct spw_host_signals *host)
{
	if (!host)
		return;
	close_netstats(host);
	spw_close_fd(&host->stat.fd);
	spw_close_fd(&host->softnet.fd);
	for (u32 i = 0; i < sizeof(host->pressures) / sizeof(*host->pressures); i++)
		spw_close_fd(&host->pressures[i].file.fd);
	free(host->now.cores);
	free(host->newer.cores);
	free(host->older.cores);
	free(host->drops);
	free(host->drops_before);
	free(host);
}
