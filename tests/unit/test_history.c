/* SPDX-License-Identifier: ISC */
/*
 * Tests of policy/history_pack, history_unpack, history, history_file and the writer: what goes in
 * comes out, what is damaged or missing is told, what is too much is added up, and a day that is too
 * old goes.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/history.h"
#include "policy/history_file.h"
#include "policy/history_link.h"
#include "policy/tally.h"
#include "tests/unit/scratch.h"

#define START_NS (INT64_C(1780272000) * CLOCK_SECOND_NS)

struct list { /* what came out */
	struct history_entry entries[4096];
	unsigned count;
};

static int
collect(void *arg, const struct history_entry *entry)
{
	struct list *l = arg;

	assert_true(l->count < sizeof(l->entries) / sizeof(l->entries[0]));
	l->entries[l->count++] = *entry;
	return 0;
}

static struct history_entry
entry_of(unsigned kind, uint64_t session, int64_t after_ns)
{
	const uint8_t mx[4] = {198, 51, 100, (uint8_t)(1 + session % 200)};
	struct history_entry e = {.copies = 1, .distinct = 1, .server = "vm-7"};

	e.obs.kind = (uint8_t)kind;
	e.obs.session = session;
	e.obs.server = addr_from_v4(mx);
	e.obs.server_port = 25;
	e.obs.time_ns = START_NS + after_ns;
	return e;
}

static struct history_entry
recipient(uint64_t session, uint64_t person, unsigned class, unsigned remote)
{
	struct history_entry e =
	    entry_of(OBS_RECIPIENT, session, (int64_t)session * CLOCK_SECOND_NS / 8);

	e.obs.u.recipient.hash = person;
	snprintf(e.obs.u.recipient.domain, OBS_DOMAIN_BYTES, "d%u.example", (unsigned)person % 50);
	e.obs.u.recipient.domain_hash = tally_hash_text(e.obs.u.recipient.domain);
	snprintf(e.obs.u.recipient.sender_domain, OBS_DOMAIN_BYTES, "shop.example");
	e.obs.u.recipient.reply_class = (uint8_t) class;
	e.obs.u.recipient.reply.remote = (uint8_t)remote;
	return e;
}

/* Every kind with every member that is kept. */
static unsigned
one_of_each(struct history_entry out[16])
{
	unsigned n = 0;
	struct history_entry *e;

	out[n++] = entry_of(OBS_SESSION_START, 1, 0);
	out[n++] = recipient(1, 77, OBS_REJECTED, OBS_REMOTE_UNKNOWN);
	e = &out[n++];
	*e = entry_of(OBS_MESSAGE, 1, CLOCK_SECOND_NS);
	e->obs.u.message.reply.code = 250;
	e->obs.u.message.recipients_accepted = 3;
	e->obs.u.message.headers_seen = true;
	e->obs.u.message.headers = OBS_HDR_DATE | OBS_HDR_LIST_ID | OBS_HDR_TRUNCATED;
	e->obs.u.message.fingerprint = UINT64_C(0x123456789abcdef0);
	e->obs.u.message.subject_hash = 5;
	snprintf(e->obs.u.message.sender_domain, OBS_DOMAIN_BYTES, "shop.example");
	snprintf(e->obs.u.message.from_domain, OBS_DOMAIN_BYTES, "news.shop.example");
	e = &out[n++];
	*e = entry_of(OBS_ESTIMATE, 2, 2 * CLOCK_SECOND_NS);
	e->obs.visibility = OBS_TLS;
	e->obs.flags = OBS_F_ESTIMATED | OBS_F_GAP;
	e->obs.u.estimate.messages = -1;
	e->obs.u.estimate.recipients = 4;
	e->obs.u.estimate.recipients_rejected = 2;
	e->obs.u.estimate.typical_bytes = 34567;
	e->obs.u.estimate.envelope_bytes = 47;
	e->obs.u.estimate.confidence = 812;
	e = &out[n++];
	*e = entry_of(OBS_SESSION_END, 1, 3 * CLOCK_SECOND_NS);
	e->obs.u.end.is_smtp = true;
	e->obs.u.end.tls = OBS_TLS_STARTTLS;
	e->obs.u.end.end = OBS_END_RST;
	e->obs.u.end.habits = OBS_HABIT_EARLY | OBS_HABIT_NOT_SMTP;
	e->obs.u.end.counts.messages = 1;
	e->obs.u.end.counts.recipients_deferred = 1;
	snprintf(e->obs.u.end.helo, OBS_DOMAIN_BYTES, "vm7.example");
	snprintf(e->obs.u.end.greeting_host, OBS_DOMAIN_BYTES, "mx.google.com");
	e = &out[n++];
	*e = entry_of(OBS_CONNECT_FAILED, 3, 4 * CLOCK_SECOND_NS);
	e->obs.u.connect_failed.how = OBS_CONNECT_UNREACHABLE;
	e->blocked = true;
	e->copies = 300;
	e->distinct = 7;
	e = &out[n++];
	*e = entry_of(OBS_GREETING, 4, 5 * CLOCK_SECOND_NS);
	e->obs.u.greeting.reply.remote = OBS_REMOTE_LISTED;
	e = &out[n++];
	*e = entry_of(OBS_MX_QUERY, 0, 6 * CLOCK_SECOND_NS);
	e->obs.u.mx_query.name_hash = 99;
	e = &out[n++];
	*e = entry_of(0, 0, 7 * CLOCK_SECOND_NS);
	e->mark = HISTORY_RELEASED;
	return n;
}

static void
test_round_trip(void **state)
{
	static struct list l;
	struct history_entry in[16];
	struct history_unpack *u;
	struct history_pack *p;
	const uint8_t *segment;
	unsigned n = one_of_each(in);
	size_t size;

	(void)state;
	l.count = 0;
	assert_int_equal(history_pack_new(&p), 0);
	assert_int_equal(history_unpack_new(&u), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(history_pack_add(p, &in[i]), 0);
	segment = history_pack_finish(p, &size);
	assert_non_null(segment);
	assert_int_equal(history_unpack(u, segment, size, collect, &l), 0);
	assert_int_equal(l.count, n);
	for (unsigned i = 0; i < n; i++) {
		const struct observation *a = &in[i].obs, *b = &l.entries[i].obs;

		assert_int_equal(l.entries[i].mark, in[i].mark);
		assert_int_equal(l.entries[i].blocked, in[i].blocked);
		assert_int_equal(l.entries[i].copies, in[i].copies);
		assert_int_equal(l.entries[i].distinct, in[i].distinct);
		assert_string_equal(l.entries[i].server, "vm-7");
		assert_int_equal(b->time_ns, a->time_ns);
		assert_int_equal(b->kind, a->kind);
		assert_int_equal(b->visibility, a->visibility);
		assert_int_equal(b->flags, a->flags);
		assert_int_equal(b->server_port, a->server_port);
		assert_memory_equal(&b->server, &a->server, sizeof(a->server));
	}
	/* Sessions stay together. */
	assert_int_equal(l.entries[1].obs.session, l.entries[0].obs.session);
	assert_int_not_equal(l.entries[3].obs.session, l.entries[0].obs.session);
	assert_int_equal(l.entries[1].obs.u.recipient.reply_class, OBS_REJECTED);
	assert_int_equal(l.entries[1].obs.u.recipient.reply.remote, OBS_REMOTE_UNKNOWN);
	assert_string_equal(l.entries[1].obs.u.recipient.domain, "d27.example");
	assert_int_equal(
	    l.entries[1].obs.u.recipient.domain_hash, in[1].obs.u.recipient.domain_hash);
	assert_int_equal(l.entries[2].obs.u.message.fingerprint, UINT64_C(0x123456789abcdef0));
	assert_int_equal(
	    l.entries[2].obs.u.message.headers, OBS_HDR_DATE | OBS_HDR_LIST_ID | OBS_HDR_TRUNCATED);
	assert_string_equal(l.entries[2].obs.u.message.from_domain, "news.shop.example");
	assert_int_equal(l.entries[3].obs.u.estimate.messages, -1);
	assert_int_equal(l.entries[3].obs.u.estimate.typical_bytes, 34567);
	assert_int_equal(l.entries[3].obs.u.estimate.envelope_bytes, 47);
	assert_int_equal(l.entries[3].obs.u.estimate.confidence, 812);
	assert_int_equal(l.entries[4].obs.u.end.habits, OBS_HABIT_EARLY | OBS_HABIT_NOT_SMTP);
	assert_int_equal(l.entries[4].obs.u.end.counts.messages, 1);
	assert_int_equal(l.entries[4].obs.u.end.counts.messages_refused, 0);
	assert_string_equal(l.entries[4].obs.u.end.greeting_host, "mx.google.com");
	history_pack_free(p);
	history_unpack_free(u);
}

/* People are known by 32 bits of their hash: the same one again is the same, another is another. */
static void
test_people(void **state)
{
	static struct list l;
	struct history_entry in[3] = {recipient(1, UINT64_C(0xaabbccdd11223344), 0, 0),
	    recipient(2, UINT64_C(0xaabbccdd11223345), 0, 0),
	    recipient(3, UINT64_C(0xaabbccdd11223344), 0, 0)};
	struct history_unpack *u;
	struct history_pack *p;
	const uint8_t *segment;
	size_t size;

	(void)state;
	l.count = 0;
	assert_int_equal(history_pack_new(&p), 0);
	assert_int_equal(history_unpack_new(&u), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(history_pack_add(p, &in[i]), 0);
	segment = history_pack_finish(p, &size);
	/* The full hash is not in it. */
	assert_null(memmem(segment, size, "\xaa\xbb\xcc\xdd\x11\x22\x33\x44", 8));
	assert_int_equal(history_unpack(u, segment, size, collect, &l), 0);
	assert_int_equal(l.entries[0].obs.u.recipient.hash, l.entries[2].obs.u.recipient.hash);
	assert_int_not_equal(l.entries[0].obs.u.recipient.hash, l.entries[1].obs.u.recipient.hash);
	history_pack_free(p);
	history_unpack_free(u);
}

/* Segments of one dictionary: what follows a lost one is skipped until the next fresh one. */
static void
test_lost_segment(void **state)
{
	static struct list l;
	uint8_t kept[4][HISTORY_SEGMENT_MAX];
	size_t sizes[4];
	struct history_unpack *u;
	struct history_pack *p;

	(void)state;
	l.count = 0;
	assert_int_equal(history_pack_new(&p), 0);
	assert_int_equal(history_unpack_new(&u), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct history_entry e = recipient(i, i, 0, 0);
		const uint8_t *segment;

		if (i == 3)
			history_pack_refresh(p);
		assert_int_equal(history_pack_add(p, &e), 0);
		segment = history_pack_finish(p, &sizes[i]);
		memcpy(kept[i], segment, sizes[i]);
	}
	assert_int_equal(history_unpack(u, kept[0], sizes[0], collect, &l), 0);
	assert_int_equal(history_unpack(u, kept[2], sizes[2], collect, &l), 1);
	assert_int_equal(history_unpack(u, kept[3], sizes[3], collect, &l), 0);
	assert_int_equal(l.count, 2);
	/* One flipped bit anywhere is found. */
	for (size_t i = 0; i < sizes[0]; i++) {
		kept[0][i] ^= 4;
		assert_int_not_equal(history_unpack(u, kept[0], sizes[0], collect, &l), 0);
		kept[0][i] ^= 4;
	}
	assert_int_equal(l.count, 2);
	history_pack_free(p);
	history_unpack_free(u);
}

/* More words than a dictionary holds: it begins anew, and nothing is lost. */
static void
test_full_dictionary(void **state)
{
	struct history_unpack *u;
	struct history_pack *p;
	static struct list l;
	unsigned in = 0, out = 0, fresh = 0;

	(void)state;
	assert_int_equal(history_pack_new(&p), 0);
	assert_int_equal(history_unpack_new(&u), 0);
	for (unsigned i = 0; i < 100000; i++) {
		struct history_entry e = recipient(i, i, 0, 0);
		const uint8_t *segment;
		size_t size;

		snprintf(e.obs.u.recipient.domain, OBS_DOMAIN_BYTES, "domain%u.example", i);
		in++;
		if (history_pack_add(p, &e) == 0)
			continue;
		l.count = 0;
		segment = history_pack_finish(p, &size);
		fresh += segment[5];
		assert_int_equal(history_unpack(u, segment, size, collect, &l), 0);
		out += l.count;
		assert_int_equal(history_pack_add(p, &e), 0);
	}
	assert_true(fresh >= 2);
	assert_true(in - out < 4096);
	history_pack_free(p);
	history_unpack_free(u);
}

/* --- adding up --- */

static struct history_unpack *fold_unpack;

static bool
read_at_once(void *arg, const uint8_t *segment, size_t size)
{
	assert_int_equal(history_unpack(fold_unpack, segment, size, collect, arg), 0);
	return true;
}

/* 40 facts one by one; of the rest, how many and how many different people. */
static void
test_folding(void **state)
{
	static struct list l;
	struct history *h;
	uint64_t accepted = 0, unknown = 0, people = 0, folded = 0;

	(void)state;
	l.count = 0;
	assert_int_equal(history_unpack_new(&fold_unpack), 0);
	assert_int_equal(history_new(&h, read_at_once, &l), 0);
	history_set_facts(h, 40);
	/* 400 people get mail twice, every tenth does not exist. */
	for (unsigned i = 0; i < 800; i++) {
		struct history_entry e =
		    recipient(i, 1000 + i % 400, i % 10 == 0 ? OBS_REJECTED : OBS_ACCEPTED,
			i % 10 == 0 ? OBS_REMOTE_UNKNOWN : OBS_REMOTE_NONE);

		e.obs.time_ns = START_NS + (int64_t)i * CLOCK_SECOND_NS / 20;
		history_note(h, 7, "vm-7", &e.obs, HISTORY_USUAL);
	}
	history_turn(h, START_NS + CLOCK_MINUTE_NS);
	for (unsigned i = 0; i < l.count; i++) {
		const struct history_entry *e = &l.entries[i];

		if (e->obs.u.recipient.reply_class == OBS_ACCEPTED)
			accepted += e->copies;
		else
			unknown += e->copies;
		people += e->distinct;
		folded += e->copies > 1;
		if (i > 0)
			assert_true(e->obs.time_ns >= l.entries[i - 1].obs.time_ns);
	}
	assert_int_equal(accepted, 720);
	assert_int_equal(unknown, 80);
	assert_true(folded >= 8 && l.count < 40 + 20);
	/* 40 one by one, and about 400 in the rest, which met some of the 40 again. */
	assert_in_range(people, 40 + 380, 40 + 420);
	/* Who is watched is kept one by one. */
	l.count = 0;
	for (unsigned i = 0; i < 800; i++) {
		struct history_entry e = recipient(i, i, OBS_ACCEPTED, 0);

		e.obs.time_ns = START_NS + CLOCK_MINUTE_NS + (int64_t)i * CLOCK_SECOND_NS / 20;
		history_note(h, 7, "vm-7", &e.obs, HISTORY_WATCHED);
	}
	history_flush(h);
	assert_int_equal(l.count, 800);
	history_free(h);
	history_unpack_free(fold_unpack);
}

static bool
refuse(void *arg, const uint8_t *segment, size_t size)
{
	(void)arg;
	(void)segment;
	(void)size;
	return false;
}

static void
test_refused_segments(void **state)
{
	struct history_counts counts;
	struct history *h;

	(void)state;
	assert_int_equal(history_new(&h, refuse, NULL), 0);
	for (unsigned i = 0; i < 5; i++) {
		struct history_entry e = recipient(i, i, 0, 0);

		e.obs.time_ns = START_NS + i * CLOCK_MINUTE_NS;
		history_note(h, 0, "vm-7", &e.obs, HISTORY_USUAL);
	}
	history_flush(h);
	counts = history_get_counts(h);
	assert_int_equal(counts.refused, 5);
	assert_int_equal(counts.segments, 0);
	history_free(h);
}

/* --- the writer --- */

static void
wait_for_report(struct history_link *l, bool (*enough)(const struct history_report *r))
{
	const struct timespec moment = {.tv_nsec = 5000000};

	for (unsigned i = 0; i < 12000 && !enough(history_link_report(l)); i++) {
		history_link_poll(l);
		nanosleep(&moment, NULL);
	}
	assert_true(enough(history_link_report(l)));
}

static bool
has_two_days(const struct history_report *r)
{
	return r->days == 2;
}

static bool
has_case(const struct history_report *r)
{
	return r->cases == 1;
}

static bool
write_link(void *arg, const uint8_t *segment, size_t size)
{
	return history_link_segment(arg, segment, size);
}

static void
count_file(const char *path, struct list *l)
{
	struct history_file_stats stats = {0};
	struct history_unpack *u;
	struct err e;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	l->count = 0;
	assert_int_equal(history_unpack_new(&u), 0);
	assert_int_equal(history_file_read(fd, path, u, collect, l, NULL, &stats, &e), 0);
	assert_int_equal(stats.skipped + stats.damaged, 0);
	history_unpack_free(u);
	close(fd);
}

static void
touch(const char *folder, const char *name)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("old", f);
	fclose(f);
}

/* Days are written, old ones go, a case is picked out of the day, and the rest of a segment that a
 * crash cut is not in the way. */
static void
test_writer(void **state)
{
	static struct list l;
	const struct history_limits limits = {.retention_ns = 30 * CLOCK_DAY_NS,
	    .case_retention_ns = CLOCK_DAY_NS,
	    .max_bytes = 1 << 20};
	int64_t now = clock_wall_ns();
	struct history_keep keep = {.from_ns = now - CLOCK_HOUR_NS,
	    .others_from_ns = now - CLOCK_HOUR_NS,
	    .until_ns = now + CLOCK_DAY_NS,
	    .server_count = 1};
	struct history_link *link;
	struct sandbox_user user;
	char folder[128], path[300], name[HISTORY_FILE_BYTES];
	struct history *h;
	struct err e;
	FILE *f;

	(void)state;
	memset(&e, 0, sizeof(e));
	user = (struct sandbox_user){.uid = getuid(), .gid = getgid(), .name = "self"};
	snprintf(folder, sizeof(folder), "%s/history", scratch);
	assert_int_equal(mkdir(folder, 0700), 0);
	touch(folder, "2020-01-01.bhh");
	touch(folder, "notes.txt");
	history_file_name(name, now - CLOCK_DAY_NS);
	touch(folder, name);
	history_file_name(name, now);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("BHH1 cut", f);
	fclose(f);
	assert_int_equal(history_link_open(&link, folder, &user, &e), 0);
	history_link_limits(link, &limits);
	assert_int_equal(history_new(&h, write_link, link), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct history_entry entry = recipient(i, i, 0, 0);

		entry.obs.time_ns = now;
		history_note(
		    h, i % 2, i % 2 == 0 ? "vm-even" : "vm-odd", &entry.obs, HISTORY_USUAL);
	}
	history_flush(h);
	snprintf(keep.case_id, sizeof(keep.case_id), "bh-0123456789");
	snprintf(keep.servers[0], sizeof(keep.servers[0]), "vm-odd");
	history_link_keep(link, &keep);
	wait_for_report(link, has_case);
	wait_for_report(link, has_two_days);
	count_file(path, &l);
	assert_int_equal(l.count, 100);
	snprintf(path, sizeof(path), "%s/bh-0123456789.case", folder);
	count_file(path, &l);
	assert_int_equal(l.count, 50);
	assert_string_equal(l.entries[0].server, "vm-odd");
	snprintf(path, sizeof(path), "%s/2020-01-01.bhh", folder);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/notes.txt", folder);
	assert_int_equal(access(path, F_OK), 0);
	history_free(h);
	history_link_close(link);
}

static bool
has_lost(const struct history_report *r)
{
	return r->lost > 0;
}

static void
note_people(struct history *h, unsigned first, unsigned count, int64_t now)
{
	for (unsigned i = first; i < first + count; i++) {
		struct history_entry entry = recipient(i, i, 0, 0);

		entry.obs.time_ns = now;
		history_note(h, 0, "vm-7", &entry.obs, HISTORY_USUAL);
	}
	history_flush(h);
}

/* No room in the middle of a segment: what was written of it goes, what stood before stays whole. */
static void
test_half_a_segment_is_cut_off(void **state)
{
	static struct list l;
	const struct sandbox_user user = {.uid = getuid(), .gid = getgid(), .name = "self"};
	const struct timespec moment = {.tv_nsec = 5000000};
	int64_t now = clock_wall_ns();
	char folder[128], path[300], name[HISTORY_FILE_BYTES];
	struct rlimit usual, small;
	struct history_link *link;
	struct stat before = {0}, after;
	struct history *h;
	struct err e;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/full", scratch);
	assert_int_equal(mkdir(folder, 0700), 0);
	history_file_name(name, now);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	small = (struct rlimit){.rlim_cur = 1200, .rlim_max = usual.rlim_max};
	signal(SIGXFSZ, SIG_IGN); /* the writer inherits both */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(history_link_open(&link, folder, &user, &e), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(history_new(&h, write_link, link), 0);

	note_people(h, 0, 2, now);
	for (unsigned i = 0; i < 12000 && before.st_size == 0; i++) {
		nanosleep(&moment, NULL);
		(void)stat(path, &before);
	}
	assert_in_range(before.st_size, 1, 1199);
	note_people(h, 2, 400, now);
	wait_for_report(link, has_lost);
	assert_string_not_equal(history_link_report(link)->error, "");
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	count_file(path, &l);
	assert_int_equal(l.count, 2);
	history_free(h);
	history_link_close(link);
}

static void
test_names(void **state)
{
	char name[HISTORY_FILE_BYTES];
	int64_t day;

	(void)state;
	history_file_name(name, START_NS + 5 * CLOCK_HOUR_NS);
	assert_string_equal(name, "2026-06-01.bhh");
	assert_int_equal(history_file_day(name, &day), 0);
	assert_true(day == START_NS);
	assert_int_not_equal(history_file_day("2026-13-01.bhh", &day), 0);
	assert_int_not_equal(history_file_day("../../etc/pass", &day), 0);
	assert_int_equal(history_case_name(name, "bh-abcdefghij"), 0);
	assert_string_equal(name, "bh-abcdefghij.case");
	assert_int_not_equal(history_case_name(name, "bh-../../../x"), 0);
	assert_int_not_equal(history_case_name(name, "vm-7"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_people),
	    cmocka_unit_test(test_lost_segment),
	    cmocka_unit_test(test_full_dictionary),
	    cmocka_unit_test(test_folding),
	    cmocka_unit_test(test_refused_segments),
	    cmocka_unit_test(test_writer),
	    cmocka_unit_test(test_half_a_segment_is_cut_off),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
