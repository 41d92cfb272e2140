/* SPDX-License-Identifier: GPL-2.0-only */
/* fetch-list: downloads and checks a list for the agent (host/download_job.h). Not for people, so not in --help. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "base/write.h"
#include "cmd.h"
#include "config/file.h"
#include "host/confine.h"
#include "host/download_job.h"
#include "lists/lists.h"
#include "net/download.h"

#define MEMORY_MAX    (1536ull << 20) /* parsed JSON takes ten times its text */
#define CPU_SECONDS   60
#define CA_BYTES_MAX  (4u << 20)
#define SUM_BYTES_MAX 65536u
#define SUM_DIGITS    (SPW_SHA256_TEXT - 1)

_Static_assert(sizeof(((struct spw_download_answer *)0)->etag) == SPW_ETAG_BYTES, "taken as a whole");
_Static_assert(sizeof(((struct spw_download_answer *)0)->last_modified) == SPW_HTTP_DATE_BYTES, "taken as a whole");

static int get(const struct spw_download_request *request, const struct spw_file *ca, const char *url, bool anew,
	       size_t bytes_max, int fd, struct spw_download_answer *answer, char *message)
{
	return spw_download(
		&(struct spw_download){
			.url = url,
			.etag = anew ? NULL : request->etag,
			.last_modified = anew ? NULL : request->last_modified,
			.ca = ca->text,
			.ca_bytes = ca->length,
			.timeout_ns = request->timeout_ns,
			.bytes_max = bytes_max,
			.fd = fd,
		},
		answer, message);
}

static bool is_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A line of sha256sum(1), or the digits alone: returns what follows them; NULL: it is something else. */
static const char *take_sum(const char *line, char sum[SPW_SHA256_TEXT])
{
	size_t count = 0;

	while (count < SUM_DIGITS && is_digit(line[count])) {
		sum[count] = (char)(line[count] >= 'A' && line[count] <= 'F' ? line[count] | 0x20 : line[count]);
		count++;
	}
	sum[count] = '\0';
	return count == SUM_DIGITS && !is_digit(line[count]) ? line + count : NULL;
}

/* The sum of @name in @text, or the only one. False: there is none. */
static bool find_sum(char *text, const char *name, char sum[SPW_SHA256_TEXT])
{
	char found[SPW_SHA256_TEXT], *line;
	size_t sums = 0;

	while ((line = strsep(&text, "\n"))) {
		const char *rest = take_sum(line, found);

		if (!rest)
			continue;
		line[strcspn(line, "\r")] = '\0';
		memcpy(sum, found, sizeof(found));
		rest += strspn(rest, " \t*");
		if (!strcmp(rest, name))
			return true;
		sums++;
	}
	return sums == 1;
}

/* The file's name in a URL: "drop.txt". */
static void name_of(const char *url, char name[SPW_URL_BYTES])
{
	size_t length = strcspn(url, "?#");
	size_t begin = length;

	while (begin && url[begin - 1] != '/')
		begin--;
	memcpy(name, url + begin, length - begin);
	name[length - begin] = '\0';
}

static int check_sum(const struct spw_download_request *request, const struct spw_file *ca, const char *found,
		     char *message)
{
	char why[SPW_MESSAGE_MAX], name[SPW_URL_BYTES], sum[SPW_SHA256_TEXT];
	char text[SUM_BYTES_MAX + 1] = "";
	_cleanup_fd_ int fd = memfd_create("spillway-sum", MFD_CLOEXEC);
	struct spw_download_answer answer;

	if (fd < 0)
		return spw_message(message, -errno, "memfd_create: %m");
	if (get(request, ca, request->sha256_url, true, SUM_BYTES_MAX, fd, &answer, why))
		return spw_message(message, -EIO, "its SHA-256 cannot be fetched: %s", why);
	if (pread(fd, text, SUM_BYTES_MAX, 0) < 0)
		return spw_message(message, -errno, "pread: %m");
	name_of(request->url, name);
	if (!find_sum(text, name, sum))
		return spw_message(message, -EBADMSG, "sha256_url has no SHA-256 for '%.100s'", name);
	if (strcmp(sum, found))
		return spw_message(message, -EBADMSG, "its SHA-256 is %.12s..., and sha256_url says %.12s...", found,
				   sum);
	return 0;
}

/* Count its prefixes; @message is the first thing that is wrong with it. */
static int parse(const struct spw_download_request *request, const char *text, size_t bytes, u64 *prefixes,
		 char *message)
{
	const struct spw_list_options options = {request->strict, request->skip};
	struct spw_diagnostics diagnostics = {0};
	struct spw_list list = {0};
	int err = spw_list_parse(text, bytes, "content", &options, &list, &diagnostics);

	*prefixes = list.count;
	if (err) {
		size_t first = 0;

		while (first + 1 < diagnostics.count && diagnostics.items[first].severity != SPW_ERROR)
			first++;
		spw_message(message, err, "%.400s",
			    first < diagnostics.count ? diagnostics.items[first].text : strerror(-err));
	}
	spw_diagnostics_free(&diagnostics);
	spw_list_free(&list);
	return err;
}

static int check_count(const struct spw_download_request *request, struct spw_download_result *result)
{
	if (result->prefixes < request->min)
		return spw_message(result->message, -EBADMSG, "it has %llu prefixes, and min is %llu",
				   (unsigned long long)result->prefixes, (unsigned long long)request->min);
	if (2 * result->prefixes >= request->before)
		return 0;
	result->shrunk = 1;
	return spw_message(
		result->message, -EBADMSG,
		"it went from %llu prefixes to %llu and is kept back, as it was most likely cut off; if it is "
		"meant: spillway apply --shrunk, or write on_shrink: take",
		(unsigned long long)request->before, (unsigned long long)result->prefixes);
}

static int check(const struct spw_download_request *request, const struct spw_file *ca, size_t bytes,
		 struct spw_download_result *result)
{
	static const char nothing[1];
	char *text = bytes ? mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, SPW_DOWNLOAD_BODY_FD, 0) : (char *)nothing;
	int err = 0;

	if (text == MAP_FAILED)
		return spw_message(result->message, -errno, "mmap: %m");
	spw_sha256(text, bytes, result->sha256);
	if (*request->sha256_url)
		err = check_sum(request, ca, result->sha256, result->message);
	if (!err)
		err = parse(request, text, bytes, &result->prefixes, result->message);
	return err ? err : check_count(request, result);
}

static int fetch(const struct spw_download_request *request, struct spw_download_result *result)
{
	struct spw_download_answer answer;
	struct spw_file ca = {0};
	int err;

	/* As the user that runs the agent, who may read more. */
	if (*request->ca && spw_file_read(request->ca, CA_BYTES_MAX, false, &ca))
		return spw_message(result->message, -EINVAL, "cannot read ca: %s", ca.problem);
	err = spw_confine(&(struct spw_confinement){
		.parent = (pid_t)request->agent,
		.memory_max = MEMORY_MAX,
		.file_max = SPW_URL_COPY_BYTES_MAX,
		.cpu_seconds = CPU_SECONDS,
		.seconds = (u32)(spw_download_most_ns(request) / SPW_SECOND_NS),
	});
	if (err)
		return spw_message(result->message, err, "cannot drop the agent's rights: %s", strerror(-err));
	err = get(request, &ca, request->url, false, SPW_URL_COPY_BYTES_MAX, SPW_DOWNLOAD_BODY_FD, &answer,
		  result->message);
	result->retry_after_s = answer.retry_after_s;
	memcpy(result->etag, answer.etag, sizeof(result->etag));
	memcpy(result->last_modified, answer.last_modified, sizeof(result->last_modified));
	result->outcome = answer.unchanged ? SPW_DOWNLOAD_UNCHANGED : SPW_DOWNLOAD_CHANGED;
	return err || answer.unchanged ? err : check(request, &ca, answer.bytes, result);
}

static int run(const struct spw_call *call, int argc, char **argv)
{
	static struct spw_download_request request;
	static struct spw_download_result result;

	(void)argv;
	if (argc > 1 || call->help || isatty(STDIN_FILENO) ||
	    read(STDIN_FILENO, &request, sizeof(request)) != sizeof(request))
		return spw_fail("%s is called by the agent alone", SPW_DOWNLOAD_VERB);
	request.url[sizeof(request.url) - 1] = request.sha256_url[sizeof(request.sha256_url) - 1] = '\0';
	request.ca[sizeof(request.ca) - 1] = request.etag[sizeof(request.etag) - 1] = '\0';
	request.last_modified[sizeof(request.last_modified) - 1] = '\0';
	if (fetch(&request, &result))
		result.outcome = SPW_DOWNLOAD_FAILED;
	return spw_write_all(STDOUT_FILENO, &result, sizeof(result)) ? SPW_EXIT_FAILED : SPW_EXIT_DONE;
}

const struct spw_verb spw_verb_fetch_list = {
	.name = SPW_DOWNLOAD_VERB,
	.usage = "",
	.run = run,
};
