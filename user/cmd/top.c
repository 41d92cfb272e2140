/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * top: a live screen of level, signals, services, classes and talkers. view/top.c makes the content; this reads the
 * pinned maps and asks the agent, once a second, and passes the screen to ncurses. Without a terminal: text, once.
 */
#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <time.h>

#include "net/control_client.h"
#include "base/clock.h"
#include "kernel/snapshot_reader.h"
#include "view/talkers.h"
#include "view/top.h"
#include "look.h"

enum {
	TURN_MS = 1000,
	ANSWER_SECONDS = 2,
	COLUMNS_PLAIN = 80,
	TALKERS_ASKED = 100,
};

/* The two latest snapshots. */
struct looking {
	const struct spw_call *call;
	char run_dir[200];
	struct spw_snapshot before, now;
	json_t *answer;
	char trouble[SPW_MESSAGE_MAX];
	char clock[16];
	enum spw_talker_order order;
	enum spw_talker_kind kind;
	bool paused, help;
};

static void ask_agent(struct looking *looking)
{
	json_t *request = json_pack("{s:s,s:s,s:i}", "verb", "top", "by", spw_talker_order_name(looking->order), "most",
				    TALKERS_ASKED);

	json_decref(looking->answer);
	looking->answer = spw_control_call(looking->run_dir, request, ANSWER_SECONDS, looking->trouble);
	if (looking->answer && !json_is_true(json_object_get(looking->answer, "ok"))) {
		snprintf(looking->trouble, sizeof(looking->trouble), "the agent says: %.300s",
			 json_string_value(json_object_get(looking->answer, "error")));
		json_decref(looking->answer);
		looking->answer = NULL;
	}
}

/* Take another snapshot; the current one becomes the former. */
static int look_again(struct looking *looking)
{
	struct spw_snapshot now;
	time_t seconds = time(NULL);
	struct tm parts;
	int status = spw_look(looking->call, &now);

	if (status != SPW_EXIT_DONE)
		return status;
	spw_snapshot_free(&looking->before);
	looking->before = looking->now;
	looking->now = now;
	strftime(looking->clock, sizeof(looking->clock), "%H:%M:%S", localtime_r(&seconds, &parts));
	ask_agent(looking);
	return SPW_EXIT_DONE;
}

static struct spw_top top_of(const struct looking *looking)
{
	return (struct spw_top){
		.before = looking->before.now_ns ? &looking->before : &looking->now,
		.now = &looking->now,
		.answer = looking->answer,
		.trouble = looking->trouble,
		.clock = looking->clock,
		.order = looking->order,
		.kind = looking->kind,
		.paused = looking->paused,
		.help = looking->help,
		.columns = COLUMNS_PLAIN,
	};
}

/* ---- once, as text ---- */

static u32 width_of_output(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20 ? COLUMNS_PLAIN : size.ws_col;
}

static int print_once(struct looking *looking)
{
	struct timespec turn = {.tv_sec = 1};
	struct spw_screen screen;
	struct spw_top top;
	int status = look_again(looking);

	while (status == SPW_EXIT_DONE && nanosleep(&turn, &turn) && errno == EINTR)
		;
	if (status == SPW_EXIT_DONE)
		status = look_again(looking);
	if (status != SPW_EXIT_DONE)
		return status;
	top = top_of(looking);
	if (looking->call->json)
		return spw_print_json(spw_view_top_json(&top));
	top.columns = width_of_output();
	if (spw_view_top(&top, &screen))
		return spw_fail("out of memory");
	spw_screen_print(stdout, &screen, (struct spw_style){spw_colour()});
	spw_screen_free(&screen);
	return SPW_EXIT_DONE;
}

/* ---- live ---- */

static void begin_colours(void)
{
	if (!spw_colour() || !has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(SPW_COLOUR_GREEN + 1, COLOR_GREEN, -1);
	init_pair(SPW_COLOUR_YELLOW + 1, COLOR_YELLOW, -1);
	init_pair(SPW_COLOUR_ORANGE + 1, COLORS >= 256 ? 208 : COLOR_YELLOW, -1);
	init_pair(SPW_COLOUR_RED + 1, COLOR_RED, -1);
}

static attr_t attributes_of(int colour)
{
	if (colour == SPW_PLAIN)
		return A_NORMAL;
	if (colour == SPW_COLOUR_STRONG || !spw_colour() || !has_colors())
		return A_BOLD;
	return A_BOLD | (attr_t)COLOR_PAIR(colour + 1);
}

static void show_piece(void *context, u32 row, int colour, const char *text, size_t bytes)
{
	u32 *last = context;

	if (row != *last)
		move((int)row, 0);
	*last = row;
	attrset(attributes_of(colour));
	addnstr(text, (int)bytes);
}

static void draw(const struct looking *looking)
{
	struct spw_top top = top_of(looking);
	struct spw_screen screen;
	u32 row = UINT32_MAX;

	top.interactive = true;
	top.columns = (u32)COLS;
	top.rows = (u32)LINES;
	if (spw_view_top(&top, &screen))
		return;
	erase();
	spw_screen_show(&screen, show_piece, &row);
	refresh();
	spw_screen_free(&screen);
}

/* Returns false to quit. */
static bool take_key(struct looking *looking, int key)
{
	if (key == 'q' || key == 'Q')
		return false;
	if (looking->help) {
		looking->help = false;
		return true;
	}
	if (key == 's' || key == 'S') {
		looking->order = (looking->order + 1) % SPW_TALKER_ORDERS;
		ask_agent(looking);
	} else if (key == 't' || key == 'T') {
		looking->kind = looking->kind == SPW_TALKER_SOURCE ? SPW_TALKER_PREFIX : SPW_TALKER_SOURCE;
	} else if (key == 'p' || key == 'P' || key == ' ') {
		looking->paused = !looking->paused;
	} else if (key == 'h' || key == 'H' || key == '?') {
		looking->help = true;
	}
	return true;
}

static int live(struct looking *looking)
{
	u64 next_ns = 0;
	int status = SPW_EXIT_DONE, key;

	for (;;) {
		u64 now_ns = spw_monotonic_ns();

		if (now_ns >= next_ns) {
			if (!looking->paused)
				status = look_again(looking);
			if (status != SPW_EXIT_DONE)
				return status;
			/* First rates come soon. */
			next_ns = now_ns + (looking->before.now_ns ? TURN_MS : TURN_MS / 4) * 1000000ull;
		}
		draw(looking);
		now_ns = spw_monotonic_ns();
		timeout(now_ns < next_ns ? (int)((next_ns - now_ns) / 1000000) + 1 : 0);
		key = getch();
		/* A vanished terminal fails at once, not after the timeout. */
		if (key == ERR && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
			return SPW_EXIT_DONE;
		if (key != ERR && key != KEY_RESIZE && !take_key(looking, key))
			return SPW_EXIT_DONE;
	}
}

static int show_live(struct looking *looking)
{
	SCREEN *terminal;
	int status;

	/* Read once before taking over the terminal, so that errors stay visible. */
	status = look_again(looking);
	if (status != SPW_EXIT_DONE)
		return status;
	setlocale(LC_CTYPE, "");
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return spw_fail("this terminal (TERM=%s) cannot be used; 'spillway top --once' prints plain text",
				getenv("TERM") ? getenv("TERM") : "");
	cbreak();
	noecho();
	keypad(stdscr, true);
	curs_set(0);
	begin_colours();
	status = live(looking);
	endwin();
	delscreen(terminal);
	/* The error was on a screen that is gone: show it again. */
	if (status != SPW_EXIT_DONE)
		status = look_again(looking);
	return status;
}

enum option { ONCE, BY, PREFIXES };

static const struct spw_option options[] = {
	[ONCE] = {"once", 0, NULL, "print once, as text; the default without a terminal"},
	[BY] = {"by", 0, "packets|bytes|new|dropped", "sort sources by this; packets is the default"},
	[PREFIXES] = {"prefixes", 0, NULL, "show the prefixes around the sources (/24, /48)"},
	{0},
};

static int run(const struct spw_call *call, int argc, char **argv)
{
	struct looking looking = {.call = call};
	struct spw_config config;
	bool once = call->options[ONCE] || call->json || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
	int status, order = call->options[BY] ? spw_talker_order_parse(call->options[BY]) : SPW_BY_PACKETS;

	if (argc > 1)
		return spw_usage(&spw_verb_top, "unexpected '%s'", argv[1]);
	if (order < 0)
		return spw_usage(&spw_verb_top, "--by '%s': packets, bytes, new or dropped", call->options[BY]);
	looking.order = (enum spw_talker_order)order;
	looking.kind = call->options[PREFIXES] ? SPW_TALKER_PREFIX : SPW_TALKER_SOURCE;
	status = spw_where(call, &config);
	if (status == SPW_EXIT_DONE) {
		snprintf(looking.run_dir, sizeof(looking.run_dir), "%s", config.run_dir);
		status = once ? print_once(&looking) : show_live(&looking);
	}
	spw_config_free(&config);
	spw_snapshot_free(&looking.before);
	spw_snapshot_free(&looking.now);
	json_decref(looking.answer);
	return status;
}

const struct spw_verb spw_verb_top = {
	.name = "top",
	.usage = "",
	.summary = "Show a live screen of level, signals, services, classes and the heaviest sources",
	.options = options,
	.help = "Keys: s sort, t sources or prefixes, p pause, h help, q quit. -j prints one JSON object.\n"
		"Level and classes come from the pinned maps and need no agent; signals, services and sources do.\n",
	.run = run,
};
