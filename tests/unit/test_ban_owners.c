/* SPDX-License-Identifier: GPL-2.0-only */
/* Owners of bans against a plain model: each owner's end and note, and what the ban shows of them. Labels in the map. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/text.h"
#include "user/core/bans/ban_owners.h"
#include "user/store/ban_label.h"
#include "user/store/ban_line.h"
#include "user/store/ban_spool_line.h"

static u64 state = 88172645463325252ull;

static u64 draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

enum {
	BANS = 40,
	OWNERS = 6, /* numbers 1 to 6 */
	ROUNDS = 200000,
};

/* The claim of an owner; until_ns 0: none. */
struct want {
	u64 until_ns;
	char note[SPW_BAN_NOTE_MAX];
};

static struct want model[BANS][OWNERS + 1];
static struct spw_ban bans[BANS];
/* The map: one note per ban, of the owner that it shows. */
static char written[BANS][SPW_BAN_NOTE_MAX];

static u64 latest(u32 at)
{
	u64 until_ns = 0;

	for (u32 owner = 1; owner <= OWNERS; owner++)
		until_ns = model[at][owner].until_ns > until_ns ? model[at][owner].until_ns : until_ns;
	return until_ns;
}

static u32 count_wants(u32 at, u64 now_ns)
{
	u32 count = 0;

	for (u32 owner = 1; owner <= OWNERS; owner++)
		count += model[at][owner].until_ns > now_ns;
	return count;
}

static void write_note(const struct spw_ban_owners *owners, u32 at, const char *alone)
{
	const char *note = spw_ban_note(owners, &bans[at]);

	snprintf(written[at], SPW_BAN_NOTE_MAX, "%s", note ? note : alone);
}

static void check(const struct spw_ban_owners *owners, u32 at)
{
	const struct spw_ban *ban = &bans[at];

	assert_true(ban->until_ns == latest(at));
	assert_true(model[at][ban->owner].until_ns == ban->until_ns);
	assert_string_equal(written[at], model[at][ban->owner].note);
	assert_true(spw_ban_owners_count(owners, ban) >= 1);
}

static void forget_all(struct spw_ban_owners *owners, u32 at)
{
	spw_ban_forget_claims(owners, &bans[at]);
	bans[at] = (struct spw_ban){0};
	memset(model[at], 0, sizeof(model[at]));
}

static void add(struct spw_ban_owners *owners, u32 at, u64 now_ns)
{
	u16 owner = (u16)(1 + draw() % OWNERS);
	struct want *want = &model[at][owner];
	char note[SPW_BAN_NOTE_MAX];
	struct spw_ban_claim_terms terms = {
		.until_ns = draw() % 50 ? now_ns + 1 + draw() % 1000 : SPW_BAN_FOREVER,
		.note = note,
		.owner = owner,
		.extend = draw() & 1,
	};

	snprintf(note, sizeof(note), "note %llu", (unsigned long long)draw() % 1000);
	assert_int_equal(spw_ban_claim(owners, &bans[at], &terms, written[at]), 0);
	if (!terms.extend || terms.until_ns > want->until_ns)
		want->until_ns = terms.until_ns;
	memcpy(want->note, note, sizeof(note));
	write_note(owners, at, note);
	check(owners, at);
}

static void lift(struct spw_ban_owners *owners, u32 at, u64 now_ns)
{
	u16 owner = (u16)(1 + draw() % OWNERS);
	bool wanted = model[at][owner].until_ns > now_ns;
	char note[SPW_BAN_NOTE_MAX];
	enum spw_ban_lifted lifted = spw_ban_lift(owners, &bans[at], owner, now_ns, note);

	if (wanted) {
		model[at][owner] = (struct want){0};
		assert_int_equal(lifted, count_wants(at, now_ns) ? SPW_BAN_KEPT : SPW_BAN_GONE);
	} else {
		assert_int_equal(lifted, SPW_BAN_NOT_OWNED);
	}
	if (lifted == SPW_BAN_KEPT) {
		memcpy(written[at], note, sizeof(note));
		check(owners, at);
	} else if (lifted == SPW_BAN_GONE) {
		forget_all(owners, at);
	}
}

static void prune(struct spw_ban_owners *owners, u32 at, u64 now_ns)
{
	spw_ban_prune(owners, &bans[at], now_ns);
	for (u32 owner = 1; owner <= OWNERS; owner++)
		if (owner != bans[at].owner && model[at][owner].until_ns <= now_ns)
			model[at][owner] = (struct want){0};
	assert_int_equal(spw_ban_owners_count(owners, &bans[at]), count_wants(at, now_ns));
	check(owners, at);
}

/* Adds, extensions, unbans and time, in any order: the ban ends when its last owner's end is, never earlier or later. */
static void a_ban_holds_until_its_last_owner_ends(void **unused)
{
	struct spw_ban_owners owners;
	u64 now_ns = 1000;
	u32 most = 0;

	(void)unused;
	assert_int_equal(spw_ban_owners_init(&owners), 0);
	for (u32 round = 0; round < ROUNDS; round++) {
		u32 at = (u32)(draw() % BANS), what = (u32)(draw() % 8);

		now_ns += draw() % 4;
		if (bans[at].owner && bans[at].until_ns <= now_ns)
			forget_all(&owners, at);
		if (what < 4)
			add(&owners, at, now_ns);
		else if (bans[at].owner && what < 7)
			lift(&owners, at, now_ns);
		else if (bans[at].owner)
			prune(&owners, at, now_ns);
		most = owners.claims_count > most ? owners.claims_count : most;
	}
	assert_true(most > BANS);
	for (u32 at = 0; at < BANS; at++)
		forget_all(&owners, at);
	/* No leak: all claims are free again. */
	assert_int_equal(owners.claims_count, 0);
	assert_true(owners.claims_capacity <= 2 * BANS * OWNERS + 32);
	spw_ban_owners_free(&owners);
}

static void one_owner_costs_no_claim(void **unused)
{
	struct spw_ban_owners owners;
	struct spw_ban ban = {0};
	char note[SPW_BAN_NOTE_MAX];

	(void)unused;
	assert_int_equal(spw_ban_owners_init(&owners), 0);
	for (u64 i = 1; i < 100; i++)
		spw_ban_claim(&owners, &ban, &(struct spw_ban_claim_terms){i, "", 2, false}, NULL);
	assert_null(owners.claims);
	assert_true(spw_ban_needs_note(&ban, 3) && !spw_ban_needs_note(&ban, 2));
	spw_ban_claim(&owners, &ban, &(struct spw_ban_claim_terms){50, "second", 3, false}, "first");
	assert_int_equal(owners.claims_count, 2);
	assert_int_equal(spw_ban_lift(&owners, &ban, 2, 0, note), SPW_BAN_KEPT);
	assert_string_equal(note, "second");
	assert_true(ban.owner == 3 && ban.until_ns == 50 && !ban.claims && !owners.claims_count);
	spw_ban_owners_free(&owners);
}

/* Owners beyond the bound are refused, and change nothing. */
static void claims_are_bounded(void **unused)
{
	struct spw_ban_owners owners;
	struct spw_ban *many = calloc(SPW_BAN_CLAIMS_MAX / 2 + 1, sizeof(*many));
	const struct spw_ban_claim_terms first = {.until_ns = 100, .note = "", .owner = 2};
	const struct spw_ban_claim_terms second = {.until_ns = 200, .note = "", .owner = 3};
	u32 both = 0;
	int err = 0;

	(void)unused;
	assert_non_null(many);
	assert_int_equal(spw_ban_owners_init(&owners), 0);
	for (; !err && both <= SPW_BAN_CLAIMS_MAX / 2; both += !err) {
		assert_int_equal(spw_ban_claim(&owners, &many[both], &first, NULL), 0);
		err = spw_ban_claim(&owners, &many[both], &second, "");
	}
	assert_int_equal(err, -EDQUOT);
	assert_int_equal(both, SPW_BAN_CLAIMS_MAX / 2);
	assert_true(many[both].owner == 2 && many[both].until_ns == 100 && !many[both].claims);
	free(many);
	spw_ban_owners_free(&owners);
}

static void numbers_of_owners_are_used_again(void **unused)
{
	struct spw_ban_owners owners;
	struct spw_ban_set set;
	struct spw_ban *ban;
	char name[SPW_BAN_OWNER_MAX];

	(void)unused;
	assert_int_equal(spw_ban_owners_init(&owners), 0);
	assert_int_equal(spw_ban_set_init(&set, 1), 0);
	assert_int_equal(spw_ban_owner_take(&owners, &set, "hand"), SPW_BAN_HAND);
	ban = spw_ban_set_put(&set, &(struct spw_prefix){{1ull << 40, 0}, 4, 32});
	ban->owner = spw_ban_owner_take(&owners, &set, "kept");
	for (u32 i = 0; i < 5 * SPW_BAN_OWNERS_MAX; i++) {
		snprintf(name, sizeof(name), "owner %u", i);
		assert_true(spw_ban_owner_take(&owners, &set, name));
	}
	assert_int_equal(spw_ban_owner_find(&owners, "kept"), ban->owner);
	assert_int_equal(spw_ban_owner_find(&owners, "hand"), SPW_BAN_HAND);
	assert_int_equal(owners.names_count, SPW_BAN_OWNERS_MAX);
	assert_int_equal(spw_ban_owner_find(&owners, ""), 0);
	spw_ban_set_free(&set);
	spw_ban_owners_free(&owners);
}

/* ---- labels ---- */

static void a_label_is_read_as_it_was_written(void **unused)
{
	(void)unused;
	for (u32 room = 0; room < SPW_BAN_OWNER_MAX; room++) {
		struct spw_ban_label label = {.owners = 1 + room % 9}, again;
		char packed[SPW_BAN_NOTE_MAX];

		snprintf(label.owner, sizeof(label.owner), "%.*s", room ? (int)room : 4,
			 room ? "fail2ban:a-jail-with-a-long-name-and-more" : "hand");
		memset(label.note, 'n', spw_ban_note_room(label.owner));
		spw_ban_pack_label(&label, packed);
		spw_ban_unpack_label(packed, &again);
		assert_string_equal(again.note, label.note);
		assert_string_equal(again.owner, label.owner);
		assert_int_equal(again.owners, room ? label.owners : 1);
	}
}

static void any_bytes_are_a_label(void **unused)
{
	(void)unused;
	for (u32 round = 0; round < 100000; round++) {
		char packed[SPW_BAN_NOTE_MAX];
		struct spw_ban_label label;

		for (u32 i = 0; i < sizeof(packed); i++)
			packed[i] = (char)(draw() % 3 ? 'a' + draw() % 26 : draw() & 0xff);
		if (draw() & 1)
			packed[draw() % sizeof(packed)] = '\0';
		spw_ban_unpack_label(packed, &label);
		assert_true(strnlen(label.note, sizeof(label.note)) < sizeof(label.note));
		assert_true(*label.owner && strnlen(label.owner, sizeof(label.owner)) < sizeof(label.owner));
		assert_true(spw_text_printable(label.owner) && label.owners);
	}
}

static void bans_of_older_agents_have_an_owner(void **unused)
{
	static const char *const expected[][2] = {
		{"", "hand"},	       {"failed logins", "hand"},	   {"fail2ban", "hand"},
		{"fail2ban ", "hand"}, {"fail2ban sshd", "fail2ban:sshd"}, {"fail2ban said so", "hand"}};

	(void)unused;
	for (u32 i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		char packed[SPW_BAN_NOTE_MAX] = "";
		struct spw_ban_label label;

		snprintf(packed, sizeof(packed), "%s", expected[i][0]);
		spw_ban_unpack_label(packed, &label);
		assert_string_equal(label.owner, expected[i][1]);
		assert_string_equal(label.note, expected[i][0]);
	}
}

static void long_notes_are_cut_between_characters(void **unused)
{
	char note[SPW_BAN_NOTE_MAX];

	(void)unused;
	assert_false(spw_ban_cut_note("short", 63, note));
	assert_string_equal(note, "short");
	assert_false(spw_ban_cut_note("exactly", 7, note));
	assert_string_equal(note, "exactly");
	assert_true(spw_ban_cut_note("a note that is too long", 10, note));
	assert_string_equal(note, "a note \xe2\x80\xa6");
	/* The umlaut does not fit. */
	assert_true(spw_ban_cut_note("a note\xc3\xbcxxxxxxx", 10, note));
	assert_string_equal(note, "a note\xe2\x80\xa6");
}

static void long_owners_stay_apart(void **unused)
{
	char one[SPW_BAN_OWNER_MAX], other[SPW_BAN_OWNER_MAX];

	(void)unused;
	spw_ban_shorten_owner("fail2ban:sshd", one);
	assert_string_equal(one, "fail2ban:sshd");
	spw_ban_shorten_owner("fail2ban:a-rather-long-jail-name-for-our-mail-platform", one);
	spw_ban_shorten_owner("fail2ban:a-rather-long-jail-name-for-our-web-platform", other);
	assert_int_equal(strlen(one), SPW_BAN_OWNER_MAX - 1);
	assert_memory_equal(one, "fail2ban:a-rather-long", 22);
	assert_string_not_equal(one, other);
	spw_ban_shorten_owner(one, other);
	assert_string_equal(one, other);
}

/* ---- files ---- */

static const struct spw_ban_moment same_boot = {.same_boot = true, .saved = 1.8e9, .now = 1.8e9, .now_ns = 1000};

static bool read_line(const char *text, struct spw_ban_line *line)
{
	return spw_ban_read_line(text, strlen(text), &same_boot, line);
}

static void files_without_owners_are_read(void **unused)
{
	static const char old[] = "{\"list\":\"banned\",\"prefix\":\"198.18.3.7/32\",\"until_ns\":5000,\"until\":1.8e9,"
				  "\"note\":\"fail2ban sshd\",\"packets\":3,\"bytes\":180}";
	static const char head[] = "{\"spillway\":\"entries\",\"version\":%d,\"boot_id\":\"x\",\"saved\":1.0}";
	struct spw_ban_moment moment = {0};
	struct spw_ban_line line;
	char text[128];

	(void)unused;
	assert_true(read_line(old, &line));
	assert_string_equal(line.owner, "fail2ban:sshd");
	assert_true(!line.shared && line.until_ns == 5000 && line.counted.packets == 3);
	for (int version = 0; version < 4; version++) {
		snprintf(text, sizeof(text), head, version);
		assert_int_equal(!spw_ban_read_head(text, strlen(text), "x", &moment), version == 1);
	}
}

static void lines_keep_owner_and_shared(void **unused)
{
	struct spw_ban_line line = {.list = "banned", .owner = "crowd\"sec", .until_ns = 77, .shared = true}, again;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	(void)unused;
	line.prefix = (struct spw_prefix){{198ull << 56, 0}, 4, 32};
	spw_ban_write_line(out, &line, &same_boot);
	fclose(out);
	assert_memory_equal(text, SPW_BAN_SHARED, strlen(SPW_BAN_SHARED));
	text[bytes - 1] = '\0';
	assert_true(read_line(text, &again));
	assert_string_equal(again.owner, line.owner);
	assert_true(again.shared && again.until_ns == 77);
	free(text);
}

static u64 age_of(const char *boot_id, u64 asked_ns, double asked)
{
	const struct spw_spool_moment written_at = {boot_id, asked, asked_ns},
				      now = {"this boot", 1000.0, 500000000000ull};
	json_t *request = json_pack("{s:s}", "verb", "list-add"), *again;
	char *text = spw_spool_print(request, &written_at);
	u64 age_ns = 0;

	assert_non_null(text);
	again = spw_spool_parse(text, strlen(text), &now, &age_ns);
	assert_true(json_equal(request, again));
	json_decref(request);
	json_decref(again);
	free(text);
	return age_ns;
}

/*
 * In the same boot the monotonic clock counts, in another the wall clock; a clock that went back makes nothing older.
 */
static void times_count_from_when_it_was_asked(void **unused)
{
	u64 age_ns;

	(void)unused;
	assert_true(age_of("this boot", 497000000000ull, 5.0) == 3000000000ull);
	assert_true(age_of("this boot", 600000000000ull, 5.0) == 0);
	assert_true(age_of("another", 497000000000ull, 990.0) == 10000000000ull);
	assert_true(age_of("another", 0, 2000.0) == 0);
	assert_true(age_of("another", 0, -1e300) == SPW_SPOOL_AGE_NS_MAX);
	assert_null(spw_spool_parse("{}", 2, &(struct spw_spool_moment){"", 0, 0}, &age_ns));
	assert_null(spw_spool_parse("", 0, &(struct spw_spool_moment){"", 0, 0}, &age_ns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ban_holds_until_its_last_owner_ends),
		cmocka_unit_test(one_owner_costs_no_claim),
		cmocka_unit_test(claims_are_bounded),
		cmocka_unit_test(numbers_of_owners_are_used_again),
		cmocka_unit_test(a_label_is_read_as_it_was_written),
		cmocka_unit_test(any_bytes_are_a_label),
		cmocka_unit_test(bans_of_older_agents_have_an_owner),
		cmocka_unit_test(long_notes_are_cut_between_characters),
		cmocka_unit_test(long_owners_stay_apart),
		cmocka_unit_test(files_without_owners_are_read),
		cmocka_unit_test(lines_keep_owner_and_shared),
		cmocka_unit_test(times_count_from_when_it_was_asked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
