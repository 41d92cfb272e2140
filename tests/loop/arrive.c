// SPDX-License-Identifier: GPL-2.0-only
/*
 * An open-loop load generator: visitors arrive on schedule, however slow the answers are. Started by tests/loop/loop.py
 * in a namespace whose loopback accepts the classes' prefixes (ip route add local PREFIX dev lo).
 *
 * A closed-loop generator (wrk) slows down with the server and hides overload; this one reports when it fell behind its
 * schedule. The number of sockets per process is limited, so several processes share the schedule.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "tally.h"

#define SENDERS_MAX 32
#define SPARE_FILES 64

struct options {
	struct loop_profile profile;
	struct loop_visits visits;
	double patience_s, drain_s, good_ms, lag_most_ms, at_s;
	unsigned int senders;
	int cpu;
};

static const char usage[] =
	"usage: arrive --profile 'SECONDS:RATE[-RATE][*] ...' --class NAME:PREFIX:SHARE... [option]...\n"
	"  rates in arrivals per second; * marks the segments that are measured\n"
	"  --target ADDRESS:PORT   198.18.0.1:80\n"
	"  --path PATH             /\n"
	"  --patience S            a visitor gives up so long after the first SYN (10)\n"
	"  --drain S               and so long after the last arrival (2)\n"
	"  --good MS               an answer within this time is good (1000)\n"
	"  --page N                a visit is N connections: one, and the others once it is answered (1)\n"
	"  --requests N            requests a connection, one after the other (1)\n"
	"  --persistent N          N connections stand from the start; a visit is a request over one of them\n"
	"  --evenly                arrivals evenly spread instead of at random (Poisson)\n"
	"  --seed N                of what is random (1)\n"
	"  --at S                  begin at this value of the monotonic clock\n"
	"  --lag-most MS           later than this on its own schedule: the figures are void (100)\n"
	"  --senders N             processes (as the files that one may open ask for)\n"
	"  --cpu N                 all on this CPU\n"
	"One JSON object on stdout. Exit status: 0, 1 failed, 2 usage, 3 void.\n";

static void fail_usage(const char *option, const char *value, const char *problem)
{
	fprintf(stderr, "arrive: %s '%s': %s\n", option, value, problem);
	exit(2);
}

static double read_number(const char *option, const char *value, double least, double most)
{
	char *end, problem[64];
	double number = strtod(value, &end);

	if (end != value && !*end && number >= least && number <= most)
		return number;
	snprintf(problem, sizeof(problem), "a number from %g to %g is wanted", least, most);
	fail_usage(option, value, problem);
	return 0;
}

static void read_target(struct sockaddr_in *target, const char *value)
{
	char address[16];
	unsigned int port;

	target->sin_family = AF_INET;
	if (sscanf(value, "%15[0-9.]:%u", address, &port) != 2 || port > 65535 ||
	    inet_pton(AF_INET, address, &target->sin_addr) != 1)
		fail_usage("--target", value, "ADDRESS:PORT is wanted, as in 198.18.0.1:80");
	target->sin_port = htons((uint16_t)port);
}

static const struct option long_options[] = {
	{"profile", 1, NULL, 'p'}, {"class", 1, NULL, 'c'},    {"target", 1, NULL, 't'},
	{"path", 1, NULL, 'u'},	   {"patience", 1, NULL, 'P'}, {"drain", 1, NULL, 'd'},
	{"good", 1, NULL, 'g'},	   {"page", 1, NULL, 'n'},     {"persistent", 1, NULL, 'k'},
	{"evenly", 0, NULL, 'e'},  {"seed", 1, NULL, 's'},     {"at", 1, NULL, 'a'},
	{"senders", 1, NULL, 'w'}, {"cpu", 1, NULL, 'C'},      {"lag-most", 1, NULL, 'l'},
	{"help", 0, NULL, 'h'},	   {"requests", 1, NULL, 'r'}, {0},
};

static void read_problem(const char *option, const char *value, const char *problem)
{
	if (problem)
		fail_usage(option, value, problem);
}

static void read_option(struct options *options, int option, const char *value)
{
	switch (option) {
	case 'p':
		read_problem("--profile", value, loop_read_profile(&options->profile, value));
		break;
	case 'c':
		read_problem("--class", value, loop_read_class(&options->profile, value));
		break;
	case 't':
		read_target(&options->visits.target, value);
		break;
	case 'u':
		options->visits.path = value;
		break;
	case 'P':
		options->patience_s = read_number("--patience", value, 0.01, 3600);
		break;
	case 'd':
		options->drain_s = read_number("--drain", value, 0, 3600);
		break;
	case 'g':
		options->good_ms = read_number("--good", value, 1, 3600e3);
		break;
	case 'n':
		options->visits.page = (unsigned int)read_number("--page", value, 1, 64);
		break;
	case 'r':
		options->visits.requests = (unsigned int)read_number("--requests", value, 1, 1e6);
		break;
	case 'k':
		options->visits.persistent = (unsigned int)read_number("--persistent", value, 1, 1e5);
		break;
	case 'e':
		options->profile.evenly = true;
		break;
	case 's':
		options->profile.seed = (uint64_t)read_number("--seed", value, 0, 1e15);
		break;
	case 'a':
		options->at_s = read_number("--at", value, 0, 1e12);
		break;
	case 'w':
		options->senders = (unsigned int)read_number("--senders", value, 1, SENDERS_MAX);
		break;
	case 'C':
		options->cpu = (int)read_number("--cpu", value, 0, CPU_SETSIZE - 1);
		break;
	case 'l':
		options->lag_most_ms = read_number("--lag-most", value, 0, 1e6);
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void read_options(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options){.patience_s = 10, .drain_s = 2, .good_ms = 1000, .lag_most_ms = 100, .cpu = -1};
	options->profile.seed = 1;
	options->visits.path = "/";
	options->visits.page = options->visits.requests = 1;
	read_target(&options->visits.target, "198.18.0.1:80");
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		read_option(options, option, optarg);
	if (optind == argc && options->profile.segments_count && options->profile.classes_count)
		return;
	fputs(usage, stderr);
	exit(2);
}

/* Raise the limit of open files to the maximum. */
static double raise_files(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	return (double)files.rlim_cur - SPARE_FILES;
}

/* Enough senders even if nobody is answered. */
static unsigned int senders_needed(const struct options *options)
{
	double most_per_s = 0, files = raise_files(), needed;

	for (size_t i = 0; i < options->profile.segments_count; i++) {
		const struct loop_segment *segment = &options->profile.segments[i];

		most_per_s = segment->from_per_s > most_per_s ? segment->from_per_s : most_per_s;
		most_per_s = segment->to_per_s > most_per_s ? segment->to_per_s : most_per_s;
	}
	needed = options->visits.persistent ? options->visits.persistent / files + 1
					    : most_per_s * options->patience_s * options->visits.page / files + 1;
	if (options->senders)
		return options->senders;
	return needed < SENDERS_MAX ? (unsigned int)needed : SENDERS_MAX;
}

static void pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		fprintf(stderr, "arrive: can't run on CPU %d: %s\n", cpu, strerror(errno));
}

static uint64_t start_ns(const struct options *options)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (options->at_s > 0)
		return (uint64_t)(options->at_s * 1e9);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 300000000;
}

/* Returns whether all senders finished. */
static bool send_all(const struct loop_visits *visits)
{
	pid_t senders[SENDERS_MAX] = {0}, parent = getpid();
	bool good = true;
	int status;

	for (unsigned int i = 0; i < visits->senders; i++) {
		senders[i] = fork();
		if (senders[i] < 0) {
			fprintf(stderr, "arrive: no process for a sender: %s\n", strerror(errno));
			good = false;
			break;
		}
		if (senders[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_TIMERSLACK, 1);
		_exit(getppid() != parent || loop_send(visits, i));
	}
	for (unsigned int i = 0; i < visits->senders && senders[i] > 0; i++) {
		while (waitpid(senders[i], &status, 0) < 0 && errno == EINTR)
			;
		good &= WIFEXITED(status) && !WEXITSTATUS(status);
	}
	return good;
}

int main(int argc, char **argv)
{
	static struct options options;
	struct loop_visits *visits = &options.visits;
	struct loop_profile *profile = &options.profile;
	size_t most;
	int result;

	read_options(&options, argc, argv);
	if (options.cpu >= 0)
		pin(options.cpu);
	most = loop_count_most(profile);
	visits->arrivals =
		mmap(NULL, most * sizeof(*visits->arrivals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (visits->arrivals == MAP_FAILED) {
		fprintf(stderr, "arrive: no memory for %zu arrivals: %s\n", most, strerror(errno));
		return 1;
	}
	visits->profile = profile;
	visits->arrivals_count = loop_schedule(profile, visits->arrivals, most);
	visits->senders = senders_needed(&options);
	visits->patience_ns = (uint64_t)(options.patience_s * 1e9);
	visits->end_ns = (uint64_t)((loop_seconds(profile) + options.drain_s) * 1e9);
	visits->start_ns = start_ns(&options);
	if (!send_all(visits))
		return 1;
	result = loop_print(&(struct loop_run){profile, visits->arrivals, visits->arrivals_count, options.drain_s,
					       options.good_ms, options.lag_most_ms, visits->senders},
			    stdout);
	if (result > 0)
		fprintf(stderr, "arrive: no memory for the figures\n");
	return result > 0 ? 1 : result < 0 ? 3 : 0;
}
