/* SPDX-License-Identifier: GPL-2.0-only */
/* The screen of `top`, exactly, on a small terminal and other sizes; drops as lines; pcapng blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/host/pcapng.h"
#include "user/view/drop.h"
#include "user/view/top.h"

#define S 1000000000ull

struct scene {
	struct spw_snapshot before, now;
	struct spw_list_snapshot lists[2][4];
	struct spw_service_snapshot services[1];
	json_t *answer;
	struct spw_top top;
};

/* @shed, @cut: levels; @admitted, @refused: new work so far. */
#define CLASS(number, title, is, place, shed, cut, admitted, refused)                                                  \
	{                                                                                                              \
		.id = (number),                                                                                        \
		.record = {.name = (title),                                                                            \
			   .state = (is),                                                                              \
			   .rank = (place),                                                                            \
			   .shed_from = (shed),                                                                        \
			   .cut_new_from = (cut),                                                                      \
			   .cut_all_from = SPW_LEVEL_NEVER},                                                           \
		.new_work = {(admitted), (refused)},                                                                   \
	}

static const struct spw_class_snapshot classes[] = {
	CLASS(0, "partner", SPW_RECORD_ACTIVE, 0, SPW_LEVEL_NEVER, SPW_LEVEL_NEVER, 40, 0),
	CLASS(1, "domestic", SPW_RECORD_ACTIVE, 1, SPW_RED, SPW_LEVEL_NEVER, 500, 0),
	CLASS(2, "international", SPW_RECORD_ACTIVE, 2, SPW_ORANGE, SPW_RED, 30, 70),
	CLASS(3, "unknown", SPW_RECORD_ACTIVE, 3, SPW_YELLOW, SPW_LEVEL_NEVER, 10, 5),
	CLASS(9, "gone", SPW_RECORD_RETIRED, 1, SPW_RED, SPW_RED, 2, 0),
};

static const char answer_text[] =
	"{'ok':true,'by':'packets','one_in':{'pass':64,'drop':512},"
	"'host':{'cpu':0.81,'softirq':0.31,'softnet_drops':0,'listen_overflows':12,'psi_cpu':0.55,'psi_io':0,'psi_memory':null},"
	"'services':[{'service':'shop','demand_per_s':5200,'admitted_per_s':941,'capacity_per_s':950,'budget_per_s':903,"
	"'wait_s':0.024,'wait_target_s':0.02,'saturated':true},"
	"{'service':'voice','demand_per_s':12,'admitted_per_s':12,'capacity_per_s':null,'budget_per_s':null,"
	"'wait_s':null,'wait_target_s':0.02,'saturated':false}],"
	"'shares':{'partner':1,'domestic':1,'international':0.31,'unknown':0},"
	"'sources':["
	"{'source':'198.18.3.9','class':'international','list':'abroad','packets_per_s':412345.5,'bytes_per_s':24740730,"
	"'new_per_s':412345.5,'dropped_per_s':411000,'error_per_s':0,'margin_per_s':8200},"
	"{'source':'2001:db8:1111:2222::/64','class':'unknown','list':null,'packets_per_s':8123,'bytes_per_s':12184500,"
	"'new_per_s':3,'dropped_per_s':0,'error_per_s':100,'margin_per_s':300},"
	"{'source':'198.18.2.77','class':'domestic','list':'home','packets_per_s':40,'bytes_per_s':2400,"
	"'new_per_s':0.4,'dropped_per_s':0,'error_per_s':900,'margin_per_s':30}],"
	"'prefixes':[{'source':'198.18.3.0/24','class':'international','list':'abroad','packets_per_s':500000,"
	"'bytes_per_s':30000000,'new_per_s':500000,'dropped_per_s':499000,'error_per_s':0,'margin_per_s':9000}]}";

static json_t *read_json(const char *single_quoted)
{
	char *text = strdup(single_quoted);
	json_t *value;

	for (char *at = text; *at; at++)
		if (*at == '\'')
			*at = '"';
	value = json_loads(text, 0, NULL);
	free(text);
	assert_non_null(value);
	return value;
}

static void set_the_scene(struct scene *scene)
{
	struct spw_snapshot *before = &scene->before, *now = &scene->now;

	memset(scene, 0, sizeof(*scene));
	before->now_ns = 1000 * S;
	before->control = (struct spw_control){.level = SPW_ORANGE,
					       .pinned_level = SPW_LEVEL_NEVER,
					       .most_level = SPW_RED,
					       .lease_until_ns = 1005 * S};
	memcpy(before->classes, classes, sizeof(classes));
	before->classes_count = sizeof(classes) / sizeof(*classes);
	for (u32 i = 0; i < 4; i++)
		scene->lists[0][i] = (struct spw_list_snapshot){(u16)i,
								{"", SPW_RECORD_ACTIVE, (i + 3) % 4, 0, 0, 0, 0},
								{{1000 * (i + 1), 10}, {60000, 600}},
								{0}};
	before->lists = scene->lists[0];
	before->lists_count = 4;
	before->services = scene->services;
	before->agent_alive = true;
	*now = *before;
	memcpy(scene->lists[1], scene->lists[0], sizeof(scene->lists[0]));
	now->lists = scene->lists[1];
	now->now_ns += 2 * S;
	/* In two seconds: lists none, of partners, home and abroad, in this sequence. */
	scene->lists[1][0].counter.packets[SPW_PASS] += 16000;
	scene->lists[1][1].counter.packets[SPW_PASS] += 240;
	scene->lists[1][2].counter.packets[SPW_PASS] += 91000;
	scene->lists[1][3].counter.packets[SPW_PASS] += 3000;
	scene->lists[1][3].counter.packets[SPW_DROP] += 822000;
	now->classes[0].new_work[SPW_PASS] += 24;
	now->classes[1].new_work[SPW_PASS] += 1700;
	now->classes[2].new_work[SPW_PASS] += 158;
	now->classes[2].new_work[SPW_DROP] += 822000;
	now->classes[3].new_work[SPW_DROP] += 1;
	now->reasons[SPW_REASON_ESTABLISHED].packets[SPW_PASS] += 110240;
	now->reasons[SPW_REASON_ESTABLISHED].bytes[SPW_PASS] += 165000000;
	now->reasons[SPW_REASON_SHARE].packets[SPW_DROP] += 822000;
	now->reasons[SPW_REASON_SHARE].bytes[SPW_DROP] += 49320000;
	scene->answer = read_json(answer_text);
	scene->top = (struct spw_top){
		.before = before,
		.now = now,
		.answer = scene->answer,
		.trouble = "no agent listens at /run/spillway/control.sock; start it with: spillway run",
		.clock = "12:03:10",
		.columns = 80,
		.rows = 24,
		.interactive = true,
	};
}

static char *shown(const struct spw_top *top, struct spw_style style)
{
	struct spw_screen screen;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	assert_int_equal(spw_view_top(top, &screen), 0);
	spw_screen_print(out, &screen, style);
	fclose(out);
	if (top->rows)
		assert_true(screen.rows <= top->rows || top->rows < 10);
	spw_screen_free(&screen);
	return text;
}

static void expect(const struct spw_top *top, const char *wanted)
{
	char *text = shown(top, (struct spw_style){false});
	const char *got = text;

	/* Row by row, to report the row that differs. */
	while (*wanted || *got) {
		size_t wanted_bytes = strcspn(wanted, "\n"), got_bytes = strcspn(got, "\n");

		if (wanted_bytes != got_bytes || strncmp(wanted, got, got_bytes))
			fail_msg("got\n\"%.*s\", wanted\n\"%.*s\"", (int)got_bytes, got, (int)wanted_bytes, wanted);
		wanted += wanted_bytes + (wanted[wanted_bytes] == '\n');
		got += got_bytes + (got[got_bytes] == '\n');
	}
	free(text);
}

/* clang-format off */
static const char golden[] =
	"spillway  ORANGE  enforcing, lease 3.0 s  12:03:10\n"
	"in 466k packets/s, 857Mbit/s, dropped 411k/s (88%); sampled 1/64, 1/512\n"
	"\n"
	"wait shop        [||||||||||||] 24 ms   cpu              [||||||||||  ] 81%\n"
	"softirq          [||||        ] 31%     listen_overflows [||||||||||||] 12/s\n"
	"psi_cpu          [|||||||     ] 55%\n"
	"\n"
	"SERVICE          demand/s   capacity     budget   admitted       wait   target\n"
	"shop                 5200        950        903        941      24 ms    20 ms\n"
	"voice                  12          -          -         12          -    20 ms\n"
	"\n"
	"CLASS            passed/s  dropped/s      new/s  refused/s   share  now\n"
	"partner               120          0         12          0    100%  served\n"
	"domestic            45.5k          0        850          0    100%  served\n"
	"international        1500       411k         79       411k     31%  sheds\n"
	"unknown              8000          0          0          1      0%  sheds\n"
	"\n"
	"SOURCE                  class        >packets/s     +/-   bit/s   new/s dropped\n"
	"198.18.3.9              international      412k      2%    198M    412k    100%\n"
	"2001:db8:1111:2222::/64 unknown            8123      5%   97.5M       3      0%\n"
	"198.18.2.77             domestic             40       ?   19.2k       0      0%\n"
	"\n"
	"\n"
	"s sort (packets)  t prefixes  p pause  h help  q quit\n";

static const char golden_low[] =
	"spillway  ORANGE  enforcing, lease 3.0 s  12:03:10\n"
	"in 466k packets/s, 857Mbit/s, dropped 411k/s (88%); sampled 1/64, 1/512\n"
	"wait shop        [||||||||||||] 24 ms   cpu              [||||||||||  ] 81%\n"
	"SERVICE          demand/s   capacity     budget   admitted       wait   target\n"
	"shop                 5200        950        903        941      24 ms    20 ms\n"
	"CLASS            passed/s  dropped/s      new/s  refused/s   share  now\n"
	"partner               120          0         12          0    100%  served\n"
	"domestic            45.5k          0        850          0    100%  served\n"
	"international        1500       411k         79       411k     31%  sheds\n"
	"unknown              8000          0          0          1      0%  sheds\n"
	"SOURCE                  class        >packets/s     +/-   bit/s   new/s dropped\n"
	"198.18.3.9              international      412k      2%    198M    412k    100%\n"
	"2001:db8:1111:2222::/64 unknown            8123      5%   97.5M       3      0%\n"
	"198.18.2.77             domestic             40       ?   19.2k       0      0%\n"
	"s sort (packets)  t prefixes  p pause  h help  q quit\n";
/* clang-format on */

static void screen_of_80_by_24(void **state)
{
	struct scene scene;

	(void)state;
	set_the_scene(&scene);
	expect(&scene.top, golden);
	scene.top.rows = 15;
	expect(&scene.top, golden_low);
	json_decref(scene.answer);
}

static u32 longest_row(const char *text)
{
	u32 longest = 0;

	while (*text) {
		u32 length = (u32)strcspn(text, "\n");

		longest = length > longest ? length : longest;
		text += length + (text[length] == '\n');
	}
	return longest;
}

static u32 rows_of(const char *text)
{
	u32 rows = 0;

	for (; *text; text++)
		rows += *text == '\n';
	return rows;
}

/* At any size: nothing beyond it, the keys in the last row, talkers in all remaining rows. */
static void any_size(void **state)
{
	struct scene scene;

	(void)state;
	set_the_scene(&scene);
	for (u32 rows = 10; rows <= 60; rows++) {
		for (u32 columns = 10; columns <= 130; columns += 15) {
			char *text;

			scene.top.rows = rows;
			scene.top.columns = columns;
			text = shown(&scene.top, (struct spw_style){false});
			assert_true(longest_row(text) <= columns);
			assert_int_equal(rows_of(text), rows);
			if (columns > 75)
				assert_non_null(strstr(text, "q quit\n"));
			assert_non_null(strstr(text, "198.18.3.9"));
			free(text);
		}
	}
	scene.top.rows = 2;
	free(shown(&scene.top, (struct spw_style){true}));
	json_decref(scene.answer);
}

static void without_an_agent(void **state)
{
	struct scene scene;
	char *text;

	(void)state;
	set_the_scene(&scene);
	json_decref(scene.answer);
	scene.top.answer = NULL;
	scene.now.agent_alive = false;
	scene.top.interactive = false;
	scene.top.rows = 0;
	scene.top.columns = 200;
	text = shown(&scene.top, (struct spw_style){false});
	assert_non_null(strstr(text, "the agent does not run"));
	assert_non_null(strstr(text, "No signals, services and talkers: no agent listens at /run/spillway"));
	assert_non_null(strstr(text, "international        1500       411k"));
	assert_null(strstr(text, "SOURCE"));
	assert_null(strstr(text, "SERVICE "));
	free(text);
}

static void other_moods(void **state)
{
	struct scene scene;
	char *text;

	(void)state;
	set_the_scene(&scene);
	scene.top.kind = SPW_TALKER_PREFIX;
	scene.top.order = SPW_BY_DROPPED;
	scene.top.paused = true;
	text = shown(&scene.top, (struct spw_style){false});
	assert_non_null(strstr(text, "PREFIX"));
	assert_non_null(strstr(text, "198.18.3.0/24"));
	assert_null(strstr(text, "198.18.3.9"));
	assert_non_null(strstr(text, ">dropped"));
	assert_non_null(strstr(text, "PAUSED"));
	free(text);
	scene.top.help = true;
	text = shown(&scene.top, (struct spw_style){false});
	assert_non_null(strstr(text, "Keys\n"));
	assert_true(longest_row(text) <= 80);
	assert_int_equal(rows_of(text), 24);
	free(text);
	scene.top.help = false;
	scene.now.control.lease_until_ns = 0;
	text = shown(&scene.top, (struct spw_style){true});
	assert_non_null(strstr(text, "everything passes, no lease"));
	assert_non_null(strstr(text, "\033["));
	free(text);
	scene.top.before = scene.top.now; /* the first snapshot has no rates */
	text = shown(&scene.top, (struct spw_style){false});
	assert_non_null(strstr(text, "in 0 packets/s"));
	free(text);
	json_decref(scene.answer);
}

/* Fault 44: arbitrary names and answers. */
static void hostile_answers(void **state)
{
	static const char *const answers[] = {
		"{}",
		"{'ok':true,'services':{},'sources':7,'host':[],'one_in':null,'shares':'x'}",
		"{'sources':[{}],'prefixes':[[],null,{'source':5,'packets_per_s':'x'}],'services':[{},null,{'service':{}}]}",
		"{'sources':[{'source':'\\u001b[2Jevil\\nrow','class':'\\u0007','packets_per_s':1e300,'bytes_per_s':-5,"
		"'new_per_s':1e18,'error_per_s':1e308,'margin_per_s':1e308,'dropped_per_s':1e305}],"
		"'services':[{'service':'\\u001b[31m\\u00e9','wait_s':1e9,'wait_target_s':0,'demand_per_s':1e17}]}",
	};
	struct scene scene;

	(void)state;
	set_the_scene(&scene);
	json_decref(scene.answer);
	strcpy(scene.now.classes[1].record.name, "\x1b]0;evil\x07\nname");
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		json_t *answer = read_json(answers[i]), *object;
		char *text;

		scene.top.answer = answer;
		for (u32 rows = 0; rows <= 24; rows += 12) {
			scene.top.rows = rows;
			text = shown(&scene.top, (struct spw_style){false});
			for (const char *at = text; *at; at++)
				assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
			free(text);
		}
		object = spw_view_top_json(&scene.top);
		assert_non_null(object);
		json_decref(object);
		json_decref(answer);
	}
}

static void as_json(void **state)
{
	struct scene scene;
	json_t *object, *class;

	(void)state;
	set_the_scene(&scene);
	object = spw_view_top_json(&scene.top);
	assert_string_equal(json_string_value(json_object_get(object, "level")), "orange");
	assert_true(json_real_value(json_object_get(object, "seconds")) == 2);
	assert_true(json_real_value(json_object_get(object, "dropped_per_s")) == 411000);
	assert_int_equal(json_array_size(json_object_get(object, "classes")), 4);
	class = json_array_get(json_object_get(object, "classes"), 2);
	assert_true(json_real_value(json_object_get(class, "refused_per_s")) == 411000);
	assert_true(json_real_value(json_object_get(class, "share")) == 0.31);
	assert_string_equal(json_string_value(json_object_get(class, "now")), "sheds");
	assert_true(json_equal(json_object_get(object, "agent"), scene.answer));
	json_decref(object);
	json_decref(scene.answer);
}

/* ---- drops ---- */

static void drops_there_and_back(void **state)
{
	const struct spw_trace trace = {
		.packet = {.source_hi = 0xc6120309ull << 32,
			   .found = SPW_FOUND_IP | SPW_FOUND_PORTS,
			   .sport = 40000,
			   .dport = 443,
			   .family = 4,
			   .protocol = 6},
		.verdict = SPW_DROP,
		.reason = SPW_REASON_SHARE,
		.new_work = 1,
	};
	static const u8 header[] = {0x02, 0x00, 0xff, 0x7f, 0x0a};
	const struct spw_drop_view view = {
		.packet = {.number = 7, .trace = &trace, .length = 60, .class_name = "int\"er\n", .list_name = NULL},
		.wall_ns = 1700000000123456789,
		.one_in = 64,
		.header = header,
		.captured = sizeof(header),
	};
	size_t bytes;
	char *line = spw_view_drop_json(&view, &bytes), *text = NULL, comment[100];
	json_t *drop = json_loads(line, 0, NULL);
	FILE *out = open_memstream(&text, &bytes);
	u8 back[8];

	(void)state;
	assert_non_null(drop);
	assert_int_equal(json_integer_value(json_object_get(drop, "at_ns")), 1700000000123456789);
	assert_string_equal(json_string_value(json_object_get(drop, "at")), "2023-11-14T22:13:20.123Z");
	assert_int_equal(spw_drop_bytes(drop, back, sizeof(back)), sizeof(header));
	assert_memory_equal(back, header, sizeof(header));
	assert_int_equal(spw_drop_bytes(drop, back, 2), 2);
	assert_string_equal(spw_drop_comment(drop, comment, sizeof(comment)),
			    "share: class int\"er\n, list none, 1 in 64");
	spw_view_drop(out, drop, (struct spw_style){false});
	fclose(out);
	assert_non_null(strstr(text, ".123  198.18.3.9            40000 > 443   tcp   int\"er\xef\xbf\xbd"));
	assert_non_null(strstr(text, " share  1 in 64\n"));
	json_decref(drop);
	free(line);
	free(text);
	drop = json_loads("{\"header\":\"0g\"}", 0, NULL);
	assert_int_equal(spw_drop_bytes(drop, back, sizeof(back)), 0);
	json_decref(drop);
}

/* ---- pcapng ---- */

static u32 number_at(const char *bytes, size_t at)
{
	u32 number;

	memcpy(&number, bytes + at, sizeof(number));
	return number;
}

/* Both lengths of a block are right, options are terminated, comments are cut at character boundaries. */
static void blocks_are_whole(void **state)
{
	static char comment[3000];
	static const u8 frame[100] = {1, 2, 3};

	(void)state;
	for (u32 length = 0; length < 1200; length += 7) {
		char *bytes = NULL;
		size_t size, at = 0;
		FILE *out = open_memstream(&bytes, &size);
		u32 blocks = 0;

		memset(comment, 0, sizeof(comment));
		for (u32 i = 0; i < length; i++)
			strcat(comment, "\xc3\xa9");
		spw_pcapng_begin(out, "spillway", 100);
		spw_pcapng_put(out, &(struct spw_pcapng_packet){
					    .wall_ns = 0x123456789abcdef0,
					    .bytes = frame,
					    .captured = length % 101,
					    .length = 1500,
					    .comment = comment,
				    });
		fclose(out);
		for (; at < size; at += number_at(bytes, at + 4), blocks++) {
			assert_true(number_at(bytes, at + 4) >= 12 && number_at(bytes, at + 4) % 4 == 0);
			assert_int_equal(number_at(bytes, at + number_at(bytes, at + 4) - 4), number_at(bytes, at + 4));
			if (blocks == 2) {
				size_t option = at + 28 + ((length % 101 + 3) & ~3u);
				u32 count = number_at(bytes, option) >> 16;

				assert_int_equal(number_at(bytes, at + 12), 0x12345678);
				assert_int_equal(number_at(bytes, at + 16), 0x9abcdef0);
				assert_int_equal(number_at(bytes, at + 20), length % 101);
				assert_int_equal(number_at(bytes, at + 24), 1500);
				assert_int_equal(number_at(bytes, option) & 0xffff, 1);
				assert_int_equal(count, length < 500 ? length * 2 : 1000);
				option += 4 + ((count + 3) & ~3u);
				assert_int_equal(number_at(bytes, option), 9 << 16 | 7);
				assert_int_equal(number_at(bytes, option + 16), 0);
			}
		}
		assert_int_equal(at, size);
		assert_int_equal(blocks, 3);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(screen_of_80_by_24),	cmocka_unit_test(any_size),
		cmocka_unit_test(without_an_agent),	cmocka_unit_test(other_moods),
		cmocka_unit_test(hostile_answers),	cmocka_unit_test(as_json),
		cmocka_unit_test(drops_there_and_back), cmocka_unit_test(blocks_are_whole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
