/* SPDX-License-Identifier: GPL-2.0-only */
/* See top.h. On a low terminal, sections lose rows to the talkers, from the top down. */
#include "top.h"

#include <ctype.h>
#include <string.h>

#include "core/words.h"
#include "json.h"
#include "numbers.h"
#include "state.h"
#include "talkers.h"
#include "text.h"

enum {
	NAME_COLUMNS = 14,
	SIGNAL_NAME_COLUMNS = 16,
	BAR_COLUMNS = 12,
	SIGNAL_COLUMNS = 40, /* two signals a row */
	HEAD_ROWS = 2,
	TALKERS_ROWS_MIN = 4, /* with their heading */
	TALKERS_PLAIN = 20,   /* if there is no terminal */
	SIGNALS_MOST = 12,
};

#define NOTEWORTHY 0.005

/* Rows of each section, without heading. */
struct layout {
	bool blanks; /* between the sections */
	u32 signals, services, classes, talkers;
};

/* ---- rates between two moments ---- */

static double seconds_between(const struct spw_top *top)
{
	u64 from = top->before->now_ns, to = top->now->now_ns;

	return to > from ? (double)(to - from) / 1e9 : 0;
}

/* A counter that restarted has no rate. */
static double rate(u64 before, u64 now, double seconds)
{
	return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

struct totals {
	double packets, bytes, dropped;
};

static struct totals total_rates(const struct spw_top *top)
{
	double seconds = seconds_between(top);
	struct totals totals = {0};

	for (u32 reason = 0; reason < SPW_REASONS_MAX; reason++) {
		const struct spw_sum *before = &top->before->reasons[reason], *now = &top->now->reasons[reason];

		for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
			double packets = rate(before->packets[verdict], now->packets[verdict], seconds);

			totals.packets += packets;
			totals.bytes += rate(before->bytes[verdict], now->bytes[verdict], seconds);
			totals.dropped += verdict == SPW_DROP ? packets : 0;
		}
	}
	return totals;
}

/* Indexed by verdict. */
struct class_rates {
	double packets[SPW_VERDICTS], new_work[SPW_VERDICTS];
};

static struct class_rates class_rates(const struct spw_top *top, const struct spw_class_snapshot *class)
{
	const struct spw_class_snapshot *earlier = spw_snapshot_class(top->before, class->id);
	struct spw_traffic now = spw_class_traffic(top->now, class->id);
	struct spw_traffic before = spw_class_traffic(top->before, class->id);
	double seconds = earlier ? seconds_between(top) : 0;
	struct class_rates rates = {0};

	for (u32 verdict = 0; verdict < SPW_VERDICTS; verdict++) {
		rates.packets[verdict] = rate(before.packets[verdict], now.packets[verdict], seconds);
		rates.new_work[verdict] =
			rate(earlier ? earlier->new_work[verdict] : 0, class->new_work[verdict], seconds);
	}
	return rates;
}

/* ---- pieces ---- */

static double number_in(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static bool is_there(const json_t *object, const char *key)
{
	return json_is_number(json_object_get(object, key));
}

static const char *text_in(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void put_coloured(struct spw_screen *screen, int colour, const char *text)
{
	spw_screen_colour(screen, colour);
	fputs(text, screen->out);
	spw_screen_colour(screen, SPW_PLAIN);
}

static const char *rounded(double number, char text[SPW_SHORT_TEXT])
{
	return spw_short_count(number > 0 ? (u64)(number + 0.5) : 0, text);
}

static void put_rate(struct spw_screen *screen, double number, int columns)
{
	char text[SPW_SHORT_TEXT];

	fprintf(screen->out, "%*s", columns, rounded(number, text));
}

/* Highlight refusals. */
static void put_refused(struct spw_screen *screen, double number, int columns)
{
	spw_screen_colour(screen, number >= 0.5 ? SPW_COLOUR_RED : SPW_PLAIN);
	put_rate(screen, number, columns);
	spw_screen_colour(screen, SPW_PLAIN);
}

static void put_percent(struct spw_screen *screen, double share, int columns)
{
	char text[SPW_SHORT_TEXT];

	snprintf(text, sizeof(text), "%.0f%%", share * 100);
	fprintf(screen->out, "%*s", columns, text);
}

static void put_bar(struct spw_screen *screen, double share)
{
	int filled = (int)((share < 0 ? 0 : share > 1 ? 1 : share) * BAR_COLUMNS + 0.5);

	putc('[', screen->out);
	spw_screen_colour(screen, share >= 1 ? SPW_COLOUR_RED : share >= 0.75 ? SPW_COLOUR_YELLOW : SPW_COLOUR_GREEN);
	for (int i = 0; i < filled; i++)
		putc('|', screen->out);
	spw_screen_colour(screen, SPW_PLAIN);
	fprintf(screen->out, "%*s]", BAR_COLUMNS - filled, "");
}

static void put_heading(struct spw_screen *screen, const char *text)
{
	put_coloured(screen, SPW_COLOUR_STRONG, text);
	spw_screen_row(screen);
}

/* ---- head ---- */

static void put_level(struct spw_screen *screen, u32 level)
{
	char word[SPW_SHORT_TEXT];

	snprintf(word, sizeof(word), "%s", spw_level_name(level));
	for (char *at = word; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	put_coloured(screen, (int)spw_level_colour(level), word);
}

static void put_state(struct spw_screen *screen, const struct spw_snapshot *now)
{
	u64 lease_ns = spw_lease_left_ns(now);
	char text[SPW_SHORT_TEXT];

	if (!lease_ns)
		put_coloured(screen, SPW_COLOUR_YELLOW, "everything passes, no lease");
	else if (now->control.mode == SPW_OBSERVE)
		put_coloured(screen, SPW_COLOUR_YELLOW, "mode observe, everything passes");
	else
		fputs("enforcing", screen->out);
	if (spw_level_pinned(now))
		put_coloured(screen, SPW_COLOUR_YELLOW, ", level set by hand");
	if (now->agent_alive)
		fprintf(screen->out, ", lease %s", spw_short_time(lease_ns, text));
	else
		put_coloured(screen, SPW_COLOUR_RED, ", the agent does not run");
}

static void put_head(struct spw_screen *screen, const struct spw_top *top)
{
	struct totals totals = total_rates(top);
	char packets[SPW_SHORT_TEXT], bits[SPW_SHORT_TEXT];

	fputs("spillway  ", screen->out);
	put_level(screen, top->now->control.level);
	fputs("  ", screen->out);
	put_state(screen, top->now);
	fprintf(screen->out, "  %s", top->clock);
	if (top->paused)
		put_coloured(screen, SPW_COLOUR_YELLOW, "  PAUSED");
	spw_screen_row(screen);
	fprintf(screen->out, "in %s packets/s, %sbit/s", rounded(totals.packets, packets),
		rounded(totals.bytes * 8, bits));
	fprintf(screen->out, ", dropped %s/s", rounded(totals.dropped, packets));
	if (totals.packets > 0)
		fprintf(screen->out, " (%.0f%%)", totals.dropped / totals.packets * 100);
	if (top->answer) {
		const json_t *one_in = json_object_get(top->answer, "one_in");

		fprintf(screen->out, "; sampled 1/%.0f, 1/%.0f", number_in(one_in, "pass"), number_in(one_in, "drop"));
	}
	spw_screen_row(screen);
}

/* ---- signals ---- */

/* One signal: its bar and the text after it. */
struct signal {
	char name[SPW_NAME_MAX + 8];
	double share;
	char words[SPW_SHORT_TEXT];
};

static void add_waits(const json_t *answer, struct signal *signals, u32 *count)
{
	size_t i;
	json_t *service;

	json_array_foreach(json_object_get(answer, "services"), i, service)
	{
		double target = number_in(service, "wait_target_s"), wait = number_in(service, "wait_s");
		struct signal *signal = &signals[*count];
		char text[SPW_SHORT_TEXT];

		if (*count == SIGNALS_MOST || !is_there(service, "wait_s"))
			continue;
		snprintf(signal->name, sizeof(signal->name), "wait %s", text_in(service, "service"));
		signal->share = target > 0 ? wait / target : 0;
		snprintf(signal->words, sizeof(signal->words), "%s", spw_short_time((u64)(wait * 1e9), text));
		++*count;
	}
}

static void add_host(const json_t *answer, struct signal *signals, u32 *count)
{
	const json_t *host = json_object_get(answer, "host");

	for (u32 i = 0; i < SPW_HOST_SIGNALS && *count < SIGNALS_MOST; i++) {
		const char *name = spw_signal_name(i);
		double value = number_in(host, name);
		bool share = i != SPW_SIGNAL_SOFTNET_DROPS && i != SPW_SIGNAL_OVERFLOWS;
		struct signal *signal = &signals[*count];

		/* Signals that should be zero are shown only if they are not. */
		if (!is_there(host, name) || (value < NOTEWORTHY && i != SPW_SIGNAL_CPU && i != SPW_SIGNAL_SOFTIRQ))
			continue;
		snprintf(signal->name, sizeof(signal->name), "%s", name);
		signal->share = share ? value : 1;
		if (share)
			snprintf(signal->words, sizeof(signal->words), "%.0f%%", value * 100);
		else
			snprintf(signal->words, sizeof(signal->words), "%.0f/s", value);
		++*count;
	}
}

static u32 gather_signals(const struct spw_top *top, struct signal signals[SIGNALS_MOST])
{
	u32 count = 0;

	add_waits(top->answer, signals, &count);
	add_host(top->answer, signals, &count);
	return count;
}

static void put_signals(struct spw_screen *screen, const struct spw_top *top, u32 rows)
{
	struct signal signals[SIGNALS_MOST];
	u32 count = gather_signals(top, signals);

	for (u32 row = 0; row < rows; row++) {
		for (u32 i = row * 2; i < row * 2 + 2 && i < count; i++) {
			spw_put_cell(screen->out, signals[i].name, SIGNAL_NAME_COLUMNS);
			putc(' ', screen->out);
			put_bar(screen, signals[i].share);
			fprintf(screen->out, " %-*s", SIGNAL_COLUMNS - SIGNAL_NAME_COLUMNS - BAR_COLUMNS - 4,
				signals[i].words);
		}
		spw_screen_row(screen);
	}
}

/* ---- services ---- */

static void put_known(struct spw_screen *screen, const json_t *object, const char *key, int columns)
{
	if (is_there(object, key))
		put_rate(screen, number_in(object, key), columns);
	else
		fprintf(screen->out, "%*s", columns, "-");
}

static void put_service(struct spw_screen *screen, const json_t *service)
{
	double wait = number_in(service, "wait_s"), target = number_in(service, "wait_target_s");
	char text[SPW_SHORT_TEXT] = "-";

	spw_put_cell(screen->out, text_in(service, "service"), NAME_COLUMNS);
	put_known(screen, service, "demand_per_s", 11);
	put_known(screen, service, "capacity_per_s", 11);
	put_known(screen, service, "budget_per_s", 11);
	put_known(screen, service, "admitted_per_s", 11);
	if (is_there(service, "wait_s"))
		spw_short_time((u64)(wait * 1e9), text);
	spw_screen_colour(screen, target > 0 && wait > target ? SPW_COLOUR_RED : SPW_PLAIN);
	fprintf(screen->out, "%11s", text);
	spw_screen_colour(screen, SPW_PLAIN);
	fprintf(screen->out, "%9s", spw_short_time((u64)(target * 1e9), text));
	spw_screen_row(screen);
}

static void put_services(struct spw_screen *screen, const struct spw_top *top, u32 rows)
{
	size_t i;
	json_t *service;

	put_heading(screen, "SERVICE          demand/s   capacity     budget   admitted       wait   target");
	json_array_foreach(json_object_get(top->answer, "services"), i, service)
	{
		if (i < rows)
			put_service(screen, service);
	}
}

/* ---- classes ---- */

static void put_share(struct spw_screen *screen, const struct spw_top *top, const char *class)
{
	const json_t *shares = json_object_get(top->answer, "shares");

	if (is_there(shares, class))
		put_percent(screen, number_in(shares, class), 8);
	else
		fprintf(screen->out, "%8s", "-");
}

static void put_class(struct spw_screen *screen, const struct spw_top *top, const struct spw_class_snapshot *class)
{
	const struct spw_class_record *record = &class->record;
	struct class_rates rates = class_rates(top, class);
	enum spw_treatment treatment =
		spw_treatment(record->shed_from, record->cut_new_from, record->cut_all_from, top->now->control.level);

	spw_put_cell(screen->out, record->name, NAME_COLUMNS);
	put_rate(screen, rates.packets[SPW_PASS], 11);
	put_refused(screen, rates.packets[SPW_DROP], 11);
	put_rate(screen, rates.new_work[SPW_PASS], 11);
	put_refused(screen, rates.new_work[SPW_DROP], 11);
	put_share(screen, top, record->name);
	fputs("  ", screen->out);
	spw_screen_colour(screen, treatment == SPW_SERVED ? SPW_PLAIN : SPW_COLOUR_STRONG);
	fputs(spw_treatment_text(treatment), screen->out);
	spw_screen_colour(screen, SPW_PLAIN);
	spw_screen_row(screen);
}

static u32 active_classes(const struct spw_snapshot *snapshot)
{
	u32 count = 0;

	for (size_t i = 0; i < snapshot->classes_count; i++)
		count += snapshot->classes[i].record.state == SPW_RECORD_ACTIVE;
	return count;
}

static void put_classes(struct spw_screen *screen, const struct spw_top *top, u32 rows)
{
	u32 left = active_classes(top->now);

	put_heading(screen, "CLASS            passed/s  dropped/s      new/s  refused/s   share  now");
	/* If there are too many, show the lower ones: they are shed first. */
	for (size_t i = 0; i < top->now->classes_count; i++) {
		if (top->now->classes[i].record.state != SPW_RECORD_ACTIVE)
			continue;
		if (left-- <= rows)
			put_class(screen, top, &top->now->classes[i]);
	}
}

/* ---- talkers ---- */

/* Uncertainty of a rate, from all causes, as a percentage. */
static void put_uncertain(struct spw_screen *screen, double packets, double error)
{
	char text[SPW_SHORT_TEXT];

	if (error <= 0)
		snprintf(text, sizeof(text), "0%%");
	else if (error < packets * 9.995)
		snprintf(text, sizeof(text), "%.0f%%", error / packets * 100);
	else
		snprintf(text, sizeof(text), "?");
	fprintf(screen->out, "%8s", text);
}

static void put_talker(struct spw_screen *screen, const json_t *talker)
{
	double packets = number_in(talker, "packets_per_s");
	double error = number_in(talker, "error_per_s") + number_in(talker, "margin_per_s");

	spw_put_cell(screen->out, text_in(talker, "source"), 23);
	putc(' ', screen->out);
	spw_put_cell(screen->out, text_in(talker, "class"), NAME_COLUMNS);
	put_rate(screen, packets, 9);
	put_uncertain(screen, packets, error);
	put_rate(screen, number_in(talker, "bytes_per_s") * 8, 8);
	put_rate(screen, number_in(talker, "new_per_s"), 8);
	spw_screen_colour(screen, number_in(talker, "dropped_per_s") > 0 ? SPW_COLOUR_RED : SPW_PLAIN);
	put_percent(screen, packets > 0 ? number_in(talker, "dropped_per_s") / packets : 0, 8);
	spw_screen_colour(screen, SPW_PLAIN);
	spw_screen_row(screen);
}

static const json_t *table_of(const struct spw_top *top)
{
	return json_object_get(top->answer, top->kind == SPW_TALKER_PREFIX ? "prefixes" : "sources");
}

static void put_talkers(struct spw_screen *screen, const struct spw_top *top, u32 rows)
{
	static const char *const places[SPW_TALKER_ORDERS] = {"packets/s", "bit/s", "new/s", "dropped"};
	char heading[100];
	size_t i;
	json_t *talker;

	snprintf(heading, sizeof(heading), "%-23s %-14spackets/s     +/-   bit/s   new/s dropped",
		 top->kind == SPW_TALKER_PREFIX ? "PREFIX" : "SOURCE", "class");
	spw_screen_colour(screen, SPW_COLOUR_STRONG);
	/* Mark the sort column. */
	for (const char *at = heading, *mark = strstr(heading, places[top->order]); *at; at++) {
		if (at == mark - 1)
			putc('>', screen->out);
		else
			putc(*at, screen->out);
	}
	spw_screen_colour(screen, SPW_PLAIN);
	spw_screen_row(screen);
	json_array_foreach(table_of(top), i, talker)
	{
		if (i < rows)
			put_talker(screen, talker);
	}
}

/* ---- the whole screen ---- */

static void put_no_agent(struct spw_screen *screen, const struct spw_top *top)
{
	put_coloured(screen, SPW_COLOUR_YELLOW, "No signals, services and talkers: ");
	spw_put_text(screen->out, top->trouble ? top->trouble : "the agent does not answer", SPW_FOR_TERMINAL);
	spw_screen_row(screen);
}

static const char *const help_rows[] = {
	"Keys",
	"  s        sort talkers by packets, bits, new work or drops",
	"  t        show single sources, or the prefixes around them",
	"  p        pause and continue",
	"  h, ?     this help; any key leaves it",
	"  q        quit",
	"",
	"Columns",
	"  demand     fresh new work per second (a SYN that is sent again counts once)",
	"  budget     new work per second that may pass now; -: everything passes",
	"  share      share of the class's sources that is admitted",
	"  +/-        error of packets/s: talkers are estimated from samples",
	"  dropped    share of a talker's packets that was dropped",
	"",
	"Levels, services and classes are exact. 'spillway explain' says why the",
	"level is what it is; 'spillway events --drops -f' shows drops one by one.",
};

static void put_help(struct spw_screen *screen)
{
	for (size_t i = 0; i < sizeof(help_rows) / sizeof(*help_rows); i++) {
		if (*help_rows[i] && *help_rows[i] != ' ' && !help_rows[i][strcspn(help_rows[i], " ")])
			put_coloured(screen, SPW_COLOUR_STRONG, help_rows[i]);
		else
			fputs(help_rows[i], screen->out);
		spw_screen_row(screen);
	}
}

static u32 rows_taken(const struct layout *layout, const struct spw_top *top)
{
	u32 services = layout->services ? layout->services + 1 : 0;
	u32 sections = 3 + (layout->signals > 0) + (services > 0);

	return HEAD_ROWS + layout->signals + services + layout->classes + 1 + (layout->blanks ? sections - 1 : 0) +
	       (top->interactive ? 1 : 0);
}

static struct layout lay_out(const struct spw_top *top)
{
	struct signal signals[SIGNALS_MOST];
	struct layout layout = {
		.blanks = true,
		.signals = (gather_signals(top, signals) + 1) / 2,
		.services = (u32)json_array_size(json_object_get(top->answer, "services")),
		.classes = active_classes(top->now),
		.talkers = TALKERS_PLAIN,
	};
	u32 room = top->rows > TALKERS_ROWS_MIN ? top->rows - TALKERS_ROWS_MIN : 1;

	if (!top->rows)
		return layout;
	while (rows_taken(&layout, top) > room) {
		if (layout.signals > 2)
			layout.signals--;
		else if (layout.blanks)
			layout.blanks = false;
		else if (layout.signals > 1)
			layout.signals--;
		else if (layout.services > 1)
			layout.services--;
		else if (layout.signals > 0)
			layout.signals--;
		else if (layout.classes > 2)
			layout.classes--;
		else
			break;
	}
	layout.talkers = top->rows > rows_taken(&layout, top) + 1 ? top->rows - rows_taken(&layout, top) - 1 : 0;
	return layout;
}

static void put_sections(struct spw_screen *screen, const struct spw_top *top, const struct layout *layout)
{
	put_head(screen, top);
	if (layout->signals) {
		if (layout->blanks)
			spw_screen_row(screen);
		put_signals(screen, top, layout->signals);
	}
	if (layout->services) {
		if (layout->blanks)
			spw_screen_row(screen);
		put_services(screen, top, layout->services);
	}
	if (layout->blanks)
		spw_screen_row(screen);
	put_classes(screen, top, layout->classes);
	if (layout->blanks)
		spw_screen_row(screen);
	if (top->answer)
		put_talkers(screen, top, layout->talkers);
	else
		put_no_agent(screen, top);
}

/* The last row of the terminal. */
static void put_keys(struct spw_screen *screen, const struct spw_top *top)
{
	while (screen->rows + 1 < top->rows)
		spw_screen_row(screen);
	spw_screen_colour(screen, SPW_COLOUR_STRONG);
	fprintf(screen->out, "s sort (%s)  t %s  p %s  h help  q quit", spw_talker_order_name(top->order),
		top->kind == SPW_TALKER_PREFIX ? "sources" : "prefixes", top->paused ? "go on" : "pause");
	spw_screen_colour(screen, SPW_PLAIN);
	spw_screen_row(screen);
}

int spw_view_top(const struct spw_top *top, struct spw_screen *screen)
{
	struct layout layout = lay_out(top);
	int err = spw_screen_begin(screen, top->columns);

	if (err)
		return err;
	if (top->help)
		put_help(screen);
	else
		put_sections(screen, top, &layout);
	if (top->interactive)
		put_keys(screen, top);
	return spw_screen_finish(screen);
}

/* ---- JSON ---- */

static json_t *class_json(const struct spw_top *top, const struct spw_class_snapshot *class)
{
	const struct spw_class_record *record = &class->record;
	const json_t *shares = json_object_get(top->answer, "shares");
	struct class_rates rates = class_rates(top, class);
	struct spw_json object = spw_json_object();

	spw_json_set(&object, "name", spw_json_text(record->name));
	spw_json_set(&object, "passed_per_s", json_real(rates.packets[SPW_PASS]));
	spw_json_set(&object, "dropped_per_s", json_real(rates.packets[SPW_DROP]));
	spw_json_set(&object, "new_per_s", json_real(rates.new_work[SPW_PASS]));
	spw_json_set(&object, "refused_per_s", json_real(rates.new_work[SPW_DROP]));
	spw_json_set(&object, "share",
		     is_there(shares, record->name) ? json_real(number_in(shares, record->name)) : json_null());
	spw_json_set(&object, "now",
		     json_string(spw_treatment_name(spw_treatment(record->shed_from, record->cut_new_from,
								  record->cut_all_from, top->now->control.level))));
	return spw_json_finish(&object);
}

json_t *spw_view_top_json(const struct spw_top *top)
{
	struct spw_json object = spw_json_object(), classes = spw_json_array();
	struct totals totals = total_rates(top);

	for (size_t i = 0; i < top->now->classes_count; i++)
		if (top->now->classes[i].record.state == SPW_RECORD_ACTIVE)
			spw_json_add(&classes, class_json(top, &top->now->classes[i]));
	spw_json_set(&object, "level", json_string(spw_level_name(top->now->control.level)));
	spw_json_set(&object, "enforcing", json_boolean(spw_enforcing(top->now)));
	spw_json_set(&object, "seconds", json_real(seconds_between(top)));
	spw_json_set(&object, "packets_per_s", json_real(totals.packets));
	spw_json_set(&object, "bytes_per_s", json_real(totals.bytes));
	spw_json_set(&object, "dropped_per_s", json_real(totals.dropped));
	spw_json_set(&object, "classes", spw_json_finish(&classes));
	spw_json_set(&object, "agent", top->answer ? json_deep_copy(top->answer) : json_null());
	return spw_json_finish(&object);
}
