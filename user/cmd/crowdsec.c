/* SPDX-License-Identifier: GPL-2.0-only */
/* crowdsec: a bouncer. Turns decisions of CrowdSec's local API into bans, and lifts them again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "net/lapi.h"
#include "bouncer.h"
#include "cmd.h"

#define KEY_FILE_DEFAULT "/etc/spillway/crowdsec.key"
#define URL_DEFAULT	 "http://127.0.0.1:8080"
#define EVERY_MIN_NS	 SPW_SECOND_NS
#define EVERY_MAX_NS	 (3600 * SPW_SECOND_NS)
#define PAUSE_MAX_NS	 (60 * SPW_SECOND_NS) /* between failed attempts */

enum { KEY_BYTES = 256, URL_BYTES = 1024 };

enum option { URL, KEY, CA, LIST, OWNER, EVERY, ONCE };

static const struct spw_option options[] = {
	[URL] = {"url", 0, "URL", "the local API; default " URL_DEFAULT},
	[KEY] = {"key", 0, "FILE",
		 "file with the key that 'cscli bouncers add spillway' prints; default " KEY_FILE_DEFAULT},
	[CA] = {"ca", 0, "FILE", "certificates to trust for https, PEM; default: those of the host"},
	[LIST] = {"list", 0, "NAME", "the list that bans go to; default banned"},
	[OWNER] = {"owner", 0, "NAME", "owner of the bans; default crowdsec"},
	[EVERY] = {"every", 0, "DURATION", "time between requests, 1s to 1h; default 10s"},
	[ONCE] = {"once", 0, NULL, "request all decisions once, and exit"},
	{0},
};

struct crowdsec {
	const struct spw_call *call;
	char url[URL_BYTES];
	const char *key_file;
	struct spw_lapi lapi;
	struct spw_bouncer bouncer;
	u64 every_ns;
	bool once;
	bool whole;		    /* request all decisions: after a start, a failure, or a new agent */
	json_int_t agent;	    /* its process id */
	u32 failures;		    /* in a row */
	char said[SPW_MESSAGE_MAX]; /* the last failure logged */
	char skipped_said[SPW_CROWDSEC_SKIPS][sizeof(((struct spw_crowdsec_answer *)0)->example[0])];
};

/* ---- the key ---- */

static int read_key(const char *path, char key[KEY_BYTES], char *message)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	ssize_t length;

	if (fd < 0 || fstat(fd, &status))
		return spw_message(message, -errno, "cannot read the key %.200s: %m", path);
	if (!S_ISREG(status.st_mode) || (status.st_uid && status.st_uid != geteuid()))
		return spw_message(message, -EPERM, "the key %.200s must be a file that belongs to root", path);
	if (status.st_mode & 077)
		return spw_message(message, -EPERM,
				   "the key %.200s has mode %04o, so others can read it: chmod 600 %.200s", path,
				   status.st_mode & 07777, path);
	length = read(fd, key, KEY_BYTES);
	if (length < 0)
		return spw_message(message, -errno, "cannot read the key %.200s: %m", path);
	while (length && (key[length - 1] == '\n' || key[length - 1] == '\r' || key[length - 1] == ' '))
		length--;
	if (!length || length == KEY_BYTES)
		return spw_message(message, -EINVAL, "the key %.200s is %s", path, length ? "too long" : "empty");
	key[length] = '\0';
	if (strlen(key) != (size_t)length || !spw_text_printable(key))
		return spw_message(message, -EINVAL, "the key %.200s must be one line of text", path);
	return 0;
}

/* ---- one round ---- */

static bool feed(void *reader, const char *bytes, size_t length)
{
	return !spw_crowdsec_feed(reader, bytes, length);
}

/* Returns the answer, or NULL and @message. */
static const struct spw_crowdsec_answer *pull(struct crowdsec *crowdsec, struct spw_crowdsec_reader *reader,
					      char *message)
{
	char key[KEY_BYTES];
	const struct spw_crowdsec_answer *answer;
	int err = read_key(crowdsec->key_file, key, message);

	if (err)
		return NULL;
	crowdsec->lapi.key = key;
	err = spw_lapi_decisions(&crowdsec->lapi, crowdsec->whole, feed, reader, message);
	crowdsec->lapi.key = NULL;
	explicit_bzero(key, sizeof(key));
	if (err && err != -ECANCELED)
		return NULL;
	answer = spw_crowdsec_end(reader);
	if (!*answer->error)
		return answer;
	spw_message(message, -EPROTO, "the answer of %.200s is refused: %.200s", crowdsec->url, answer->error);
	return NULL;
}

/* Once per kind and example, as a complete answer repeats them. */
static void log_skipped(struct crowdsec *crowdsec, const struct spw_crowdsec_answer *answer)
{
	static const char *const why[] = {
		[SPW_CROWDSEC_SCOPE] = "of a scope that is neither Ip nor Range",
		[SPW_CROWDSEC_TYPE] = "that are not bans",
		[SPW_CROWDSEC_ENDED] = "that ended already",
		[SPW_CROWDSEC_DAMAGED] = "that cannot be read",
		[SPW_CROWDSEC_TOO_MANY] = "beyond 131072, the most bans there can be",
	};

	for (u32 i = 0; i < SPW_CROWDSEC_SKIPS; i++) {
		if (!answer->skipped[i] || i == SPW_CROWDSEC_ENDED ||
		    !strcmp(crowdsec->skipped_said[i], answer->example[i]))
			continue;
		spw_log(i == SPW_CROWDSEC_TOO_MANY || i == SPW_CROWDSEC_DAMAGED ? LOG_ERR : LOG_NOTICE,
			"crowdsec: skipped %u decisions %s, such as: %s", answer->skipped[i], why[i],
			answer->example[i]);
		memcpy(crowdsec->skipped_said[i], answer->example[i], sizeof(crowdsec->skipped_said[i]));
	}
}

static void report(struct crowdsec *crowdsec, const struct spw_crowdsec_answer *answer,
		   const struct spw_bounced *bounced, u64 took_ns)
{
	double seconds = (double)took_ns / SPW_SECOND_NS;
	u32 skipped = 0;

	for (u32 i = 0; i < SPW_CROWDSEC_SKIPS; i++)
		skipped += answer->skipped[i];
	log_skipped(crowdsec, answer);
	if (bounced->refused)
		spw_log(LOG_ERR, "crowdsec: the agent refuses %u decisions: %s", bounced->refused, bounced->refusal);
	if (crowdsec->call->json) {
		printf("{\"all\": %s, \"in_force\": %u, \"lifted\": %u, \"refused\": %u, \"skipped\": %u, "
		       "\"seconds\": %.3f}\n",
		       crowdsec->whole ? "true" : "false", bounced->in_force, bounced->lifted, bounced->refused,
		       skipped, seconds);
		fflush(stdout);
	} else if (crowdsec->whole || bounced->in_force || bounced->lifted) {
		spw_log(LOG_INFO, "crowdsec: %u decisions in force%s, %u lifted, within %.3f s of the answer",
			bounced->in_force, crowdsec->whole ? " in all" : "", bounced->lifted, seconds);
	}
}

/* Returns 0, or -errno and @message. */
static int deliver(struct crowdsec *crowdsec, struct spw_crowdsec_reader *reader, char *message)
{
	const struct spw_crowdsec_answer *answer = pull(crowdsec, reader, message);
	struct spw_bounced bounced;
	u64 begun_ns;
	int err;

	if (!answer)
		return -EIO;
	begun_ns = spw_monotonic_ns();
	err = spw_bouncer_send(&crowdsec->bouncer, answer, crowdsec->whole, &bounced, message);
	if (!err)
		report(crowdsec, answer, &bounced, spw_monotonic_ns() - begun_ns);
	return err;
}

/*
 * Check the agent first: the local API reports a change only once, unless it is asked for everything. A new agent may
 * have started without the bans of the one before.
 */
static int do_round(struct crowdsec *crowdsec, char *message)
{
	struct spw_crowdsec_reader *reader;
	json_int_t agent;
	int err = spw_bouncer_agent(crowdsec->bouncer.run_dir, &agent, message);

	if (err)
		return err;
	reader = spw_crowdsec_open();
	if (!reader)
		return spw_message(message, -ENOMEM, "out of memory");
	crowdsec->whole |= agent != crowdsec->agent;
	err = deliver(crowdsec, reader, message);
	spw_crowdsec_close(reader);
	crowdsec->whole = err;
	crowdsec->agent = agent;
	return err;
}

/* ---- the loop ---- */

static void log_outcome(struct crowdsec *crowdsec, int err, const char *message)
{
	if (!err && *crowdsec->said)
		spw_log(LOG_NOTICE, "crowdsec: works again");
	else if (err && strcmp(crowdsec->said, message))
		spw_log(LOG_ERR, "crowdsec: %s; trying again", message);
	snprintf(crowdsec->said, sizeof(crowdsec->said), "%s", err ? message : "");
}

/* The normal interval; longer with each failure after the first. */
static void wait_for_next(const struct crowdsec *crowdsec)
{
	u64 ns = crowdsec->every_ns, most = ns > PAUSE_MAX_NS ? ns : PAUSE_MAX_NS;

	for (u32 i = 1; i < crowdsec->failures && ns < most; i++)
		ns *= 2;
	if (ns > most)
		ns = most;
	nanosleep(&(struct timespec){(time_t)(ns / SPW_SECOND_NS), (long)(ns % SPW_SECOND_NS)}, NULL);
}

static int run_rounds(struct crowdsec *crowdsec)
{
	char message[SPW_MESSAGE_MAX];

	for (;;) {
		int err = do_round(crowdsec, message);

		if (crowdsec->once)
			return err ? spw_fail("crowdsec: %s", message) : SPW_EXIT_DONE;
		log_outcome(crowdsec, err, message);
		crowdsec->failures = err ? crowdsec->failures + 1 : 0;
		wait_for_next(crowdsec);
	}
}

static int read_options(const struct spw_call *call, struct crowdsec *crowdsec)
{
	const char *every = call->options[EVERY] ?: "10s", *url = call->options[URL] ?: URL_DEFAULT;
	const char *wrong = spw_units_duration(every, &crowdsec->every_ns);
	size_t length;
	bool remote;

	if (wrong || crowdsec->every_ns < EVERY_MIN_NS || crowdsec->every_ns > EVERY_MAX_NS)
		return spw_usage(&spw_verb_crowdsec, "--every '%s': %s", every, wrong ? wrong : "must be 1s to 1h");
	wrong = spw_lapi_check_url(url, &remote);
	if (wrong)
		return spw_usage(&spw_verb_crowdsec, "--url '%s': %s", url, wrong);
	if (call->options[OWNER] && (!*call->options[OWNER] || !spw_text_printable(call->options[OWNER])))
		return spw_usage(&spw_verb_crowdsec, "--owner needs a name, such as crowdsec");
	if (remote)
		spw_log(LOG_WARNING, "crowdsec: --url %s sends the key unencrypted; use https://", url);
	snprintf(crowdsec->url, sizeof(crowdsec->url), "%s", url);
	length = strlen(crowdsec->url);
	while (length && crowdsec->url[length - 1] == '/')
		crowdsec->url[--length] = '\0';
	crowdsec->lapi = (struct spw_lapi){.url = crowdsec->url, .ca_file = call->options[CA]};
	crowdsec->key_file = call->options[KEY] ?: KEY_FILE_DEFAULT;
	crowdsec->bouncer.list = call->options[LIST] ?: "banned";
	crowdsec->bouncer.owner = call->options[OWNER] ?: "crowdsec";
	crowdsec->once = call->options[ONCE];
	return SPW_EXIT_DONE;
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	struct crowdsec crowdsec = {.call = call, .whole = true};
	struct spw_config config;
	int status;

	if (argc > 1)
		return spw_usage(&spw_verb_crowdsec, "unexpected '%s'", argv[1]);
	status = read_options(call, &crowdsec);
	if (status != SPW_EXIT_DONE)
		return status;
	status = spw_where(call, &config);
	crowdsec.bouncer.run_dir = config.run_dir;
	crowdsec.bouncer.pin_dir = config.pin_dir;
	if (status == SPW_EXIT_DONE)
		status = run_rounds(&crowdsec);
	spw_config_free(&config);
	return status;
}

const struct spw_verb spw_verb_crowdsec = {
	.name = "crowdsec",
	.usage = "",
	.summary = "Bouncer for CrowdSec: turn its decisions into bans",
	.options = options,
	.help = "Requests all decisions from the local API, then the new and the ended ones. Decisions of type ban, of scope Ip and\n"
		"Range, become bans in a list of the configuration, such as: lists: { banned: {} }. Others are skipped, and the log\n"
		"names one of each kind. Bans of other owners are not changed.\n\n"
		"Runs until it is stopped (spillway-crowdsec.service); the bans then stay until their end. While the local API or the\n"
		"agent cannot be reached, it tries again, and then requests all decisions. To end all its bans: spillway list flush\n"
		"banned --owner crowdsec. -j prints an object for each round.\n",
	.run = run,
};
