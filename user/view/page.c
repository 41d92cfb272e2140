/* SPDX-License-Identifier: GPL-2.0-only */
/* See page.h. */
#include "page.h"

#include <string.h>

#include "text.h"

void spw_page_series(struct spw_page *page, const char *suffix, const struct spw_label *labels)
{
	const struct spw_family *family = page->family;
	const char *separator = "{";

	if (!page->begun)
		fprintf(page->out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
			family->type);
	page->begun = true;
	fprintf(page->out, "%s%s", family->name, suffix);
	for (; labels && labels->name; labels++) {
		fprintf(page->out, "%s%s=\"", separator, labels->name);
		spw_put_text(page->out, labels->value, SPW_FOR_LABEL);
		putc('"', page->out);
		separator = ",";
	}
	fputs(*separator == ',' ? "} " : " ", page->out);
}

void spw_page_count(struct spw_page *page, const struct spw_label *labels, u64 count)
{
	spw_page_series(page, "", labels);
	fprintf(page->out, "%llu\n", (unsigned long long)count);
}

void spw_page_seconds(struct spw_page *page, const struct spw_label *labels, u64 ns)
{
	spw_page_series(page, "", labels);
	fprintf(page->out, "%llu.%09llu\n", (unsigned long long)(ns / 1000000000),
		(unsigned long long)(ns % 1000000000));
}

void spw_page_number(struct spw_page *page, const struct spw_label *labels, double value)
{
	spw_page_series(page, "", labels);
	fprintf(page->out, "%.9g\n", value - value == 0 ? value : 0.0);
}

void spw_page_write(FILE *out, const struct spw_family *families, size_t count, const void *values)
{
	for (size_t i = 0; i < count; i++) {
		struct spw_page page = {.out = out, .family = &families[i]};

		families[i].emit(&page, values);
	}
}

/* HELP comes before TYPE, so the type is not known yet; only counters end in _total. */
static bool is_metadata(const char *line)
{
	return !strncmp(line, "# HELP ", 7) || !strncmp(line, "# TYPE ", 7);
}

void spw_page_open_metrics(FILE *out, char *text)
{
	static const char suffix[] = "_total";
	const size_t length = sizeof(suffix) - 1;
	char *line;

	while ((line = strsep(&text, "\n")) && text) {
		char *end = is_metadata(line) ? strchr(line + 7, ' ') : NULL;

		if (end && (size_t)(end - line) > 7 + length && !strncmp(end - length, suffix, length))
			fprintf(out, "%.*s%s\n", (int)(end - length - line), line, end);
		else
			fprintf(out, "%s\n", line);
	}
	fputs("# EOF\n", out);
}
