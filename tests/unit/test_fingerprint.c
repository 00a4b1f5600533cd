/* SPDX-License-Identifier: ISC */
/* Templates stay near, strangers stay far; and the way from a MIME message to its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/body.h"

static uint64_t
fingerprint(const char *text)
{
	struct fingerprint f;
	fingerprint_init(&f);
	fingerprint_add(&f, (const uint8_t *)text, strlen(text));
	return fingerprint_finish(&f);
}

static const char *const texts[] = {
    "Dear %s, thank you for your order number %u. We have packed everything and handed it to the "
    "carrier "
    "today. You can follow your parcel at https://track.example/p/%u?id=%u at any time. If "
    "something is "
    "missing or broken, answer to this mail and our people will help you within one working day. "
    "Your shop.",
    "Hello %s, the spring collection has arrived! Come and see %u new coats, shoes and bags at "
    "prices that "
    "make you smile. Only this weekend we give you free delivery when you spend more than %u euro. "
    "Click "
    "here: https://news.example/spring/%u to see everything before others do. See you soon in our "
    "store.",
    "Hi %s, your backup job %u has finished with %u warnings and %u errors. The following files "
    "could not be "
    "read because they were open in another program. Please check the log on the server and run "
    "the job again "
    "by hand if you need these files. This message was made by a machine; nobody reads the answers "
    "to it.",
    "\xd0\xa3\xd0\xb2\xd0\xb0\xd0\xb6\xd0\xb0\xd0\xb5\xd0\xbc\xd1\x8b\xd0\xb9 %s, "
    "\xd0\xb2\xd0\xb0\xd1\x88 \xd0\xb7\xd0\xb0\xd0\xba\xd0\xb0\xd0\xb7 %u "
    "\xd0\xb3\xd0\xbe\xd1\x82\xd0\xbe\xd0\xb2 \xd0\xba "
    "\xd0\xb2\xd1\x8b\xd0\xb4\xd0\xb0\xd1\x87\xd0\xb5 "
    "\xd0\xb2 \xd0\xbd\xd0\xb0\xd1\x88\xd0\xb5\xd0\xbc "
    "\xd0\xbc\xd0\xb0\xd0\xb3\xd0\xb0\xd0\xb7\xd0\xb8\xd0\xbd\xd0\xb5 %u "
    "\xd0\xb4\xd0\xbe %u "
    "\xd1\x87\xd0\xb0\xd1\x81\xd0\xbe\xd0\xb2 \xd0\xb2\xd0\xb5\xd1\x87\xd0\xb5\xd1\x80\xd0\xb0",
};
static const char *const names[] = {"Anna", "Mr. Bartholomew Featherstonehaugh", "Li",
    "Jos\xc3\xa9 Garc\xc3\xads", "customer", "Dr. Smith"};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))
#define NAMES (sizeof(names) / sizeof(names[0]))

static uint64_t
filled(size_t text, size_t name, unsigned number)
{
	char out[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out, sizeof(out), texts[text], names[name], number, number * 7, number * 13);
#pragma GCC diagnostic pop
	return fingerprint(out);
}

static void
test_templates_are_near(void **state)
{
	unsigned worst = 0;
	(void)state;
	for (size_t t = 0; t < TEXTS - 1; t++)
		for (size_t a = 0; a < NAMES; a++)
			for (size_t b = 0; b < NAMES; b++) {
				unsigned d =
				    fingerprint_distance(filled(t, a, 17), filled(t, b, 980231));
				worst = d > worst ? d : worst;
			}
	print_message("worst distance inside a template: %u bits\n", worst);
	assert_true(worst <= FINGERPRINT_NEAR_BITS);
	/* fifteen words only: a name is a large part of them */
	assert_true(
	    fingerprint_distance(filled(3, 0, 1), filled(3, 2, 22)) <= FINGERPRINT_NEAR_BITS + 6);
}

static void
test_strangers_are_far(void **state)
{
	unsigned best = 64;
	(void)state;
	for (size_t t = 0; t < TEXTS; t++)
		for (size_t u = t + 1; u < TEXTS; u++) {
			unsigned d = fingerprint_distance(filled(t, 0, 1), filled(u, 0, 1));
			best = d < best ? d : best;
		}
	print_message("smallest distance between texts: %u bits\n", best);
	assert_true(best > FINGERPRINT_NEAR_BITS + 6);
}

static void
test_normalisation(void **state)
{
	(void)state;
	uint64_t plain = fingerprint("one two three four five six seven eight nine ten");
	assert_true(plain != 0);
	assert_true(
	    plain ==
	    fingerprint("ONE, two; three (four) five-six... 7 seven 88 eight nine\r\n\tten"));
	assert_true(plain == fingerprint("<p class=\"x\">one two</p> <b>three four five</b> six "
					 "<!-- no --> seven eight nine ten"));
	assert_true(plain == fingerprint("o1n2e two three four five six seven eight nine t0en"));
	uint64_t url =
	    fingerprint("one two three four five six at https://a.example/x?y=1 seven eight");
	assert_true(
	    url ==
	    fingerprint("one two three four five six at https://a.example/zzz/q#t seven eight"));
	assert_true(
	    url !=
	    fingerprint("one two three four five six at https://b.example/x?y=1 seven eight"));
	assert_true(fingerprint("5 < 7 one two three four five six seven") ==
		    fingerprint("one two three four five six seven"));
	assert_int_equal(fingerprint(""), 0);
	assert_int_equal(fingerprint("too few words"), 0);
	assert_int_equal(fingerprint("1 2 3 4 5 6 7 8 9 10 11 12"), 0);
}

static void
test_pieces_and_budget(void **state)
{
	struct fingerprint f;
	static char text[20000];
	size_t used = 0;
	(void)state;
	for (unsigned i = 0; used < sizeof(text) - 100; i++)
		used += (size_t)sprintf(text + used, "word%c%c <i>and</i> http://h%c.example/p?q ",
		    'a' + i % 26, 'a' + i / 26 % 26, 'a' + i % 7);
	uint64_t whole = fingerprint(text);
	for (size_t piece = 1; piece < 200; piece += 13) {
		fingerprint_init(&f);
		for (size_t i = 0; i < used; i += piece)
			if (fingerprint_add(&f, (const uint8_t *)text + i,
				used - i < piece ? used - i : piece) == 0)
				break;
		assert_true(fingerprint_finish(&f) == whole);
	}
	text[FINGERPRINT_TEXT_BYTES] = '\0';
	assert_true(fingerprint(text) == whole);
}

static uint64_t dice = 2026;

static unsigned
roll(unsigned n)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((dice >> 33) % n);
}

/* Words, markup, URLs, digits, encoded data and bytes of all kinds, cut anywhere. */
static void
test_any_bytes_in_any_pieces(void **state)
{
	static const char *const bits[] = {"word", "Two ", " a ", "12", "3x4y", "<b class=\"q\">",
	    "</p>", "< ", "<3", ": ", "http://host.example/path?x=1 ", "https://a1-b2.example",
	    ":/", "://", "\r\n", "\xd0\x96\xd0\xb8\xd0\xb7\xd0\xbd\xd1\x8c ",
	    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "-",
	    "exactlyfifteenn ", "sixteenletterssx ", "0123456789012345678901234567890123456789x "};
	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		char text[5000];
		size_t used = 0;
		struct fingerprint f;
		for (unsigned k = roll(300); k > 0 && used < sizeof(text) - 100; k--) {
			if (roll(8) == 0)
				text[used++] = (char)(1 + roll(255));
			else
				used += (size_t)sprintf(
				    text + used, "%s", bits[roll(sizeof(bits) / sizeof(bits[0]))]);
		}
		text[used] = '\0';
		uint64_t whole = fingerprint(text);
		fingerprint_init(&f);
		for (size_t i = 0; i < used;) {
			size_t step = 1 + roll(round % 2 == 0 ? 7 : 200);
			step = step < used - i ? step : used - i;
			uint8_t *copy = malloc(step);
			memcpy(copy, text + i, step);
			size_t left = fingerprint_add(&f, copy, step);
			free(copy);
			i += step;
			if (left == 0)
				break;
		}
		if (fingerprint_finish(&f) != whole)
			fail_msg("round %u, %zu bytes", round, used);
	}
}

/* The expectation that fingerprint.h gives: 64/pi * acos(1 - p) bits when a share p of the pairs of
 * words is replaced. */
static void
test_distance_is_as_expected(void **state)
{
	static const struct {
		unsigned replaced; /* of 300 words, each in two pairs */
		double wanted;
	} rows[] = {{0, 0}, {6, 5.8}, {26, 12.1}, {300, 32}};
	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		double sum = 0;
		for (unsigned round = 0; round < 400; round++) {
			char one[4000], other[4000];
			size_t a = 0, b = 0;
			for (unsigned i = 0; i < 300; i++) {
				unsigned word = roll(1u << 30), again = word;
				/* Evenly spread, so that no two neighbours are replaced. */
				if ((i + 1) * rows[row].replaced / 300 !=
				    i * rows[row].replaced / 300)
					again = roll(1u << 30);
				for (unsigned k = 0; k < 6; k++) {
					one[a++] = (char)('a' + (word >> (5 * k)) % 26);
					other[b++] = (char)('a' + (again >> (5 * k)) % 26);
				}
				one[a++] = other[b++] = ' ';
			}
			one[a] = other[b] = '\0';
			sum += fingerprint_distance(fingerprint(one), fingerprint(other));
		}
		print_message("%u of 300 words replaced: %.1f bits, expected %.1f\n",
		    rows[row].replaced, sum / 400, rows[row].wanted);
		assert_true(sum / 400 > rows[row].wanted - 1 && sum / 400 < rows[row].wanted + 1);
	}
}

/* --- MIME
 * ----------------------------------------------------------------------------------------------------
 */

static uint64_t
of_message(const char *message, size_t piece)
{
	static const uint8_t key[HASH_KEY_BYTES] = {1};
	struct body b;
	size_t n = strlen(message);
	body_init(&b, true);
	for (size_t i = 0; i < n; i += piece) {
		size_t step = n - i < piece ? n - i : piece;
		uint8_t *copy = malloc(step);
		memcpy(copy, message + i, step);
		body_add(&b, key, copy, step);
		free(copy);
	}
	return body_finish(&b, key);
}

#define WORDS "Thank you for coming to our garden party with friends and family last Sunday"

static void
test_mime(void **state)
{
	static const char *const same[] = {
	    "Subject: x\r\n\r\n" WORDS "\r\n",
	    "Content-Transfer-Encoding: base64\r\n\r\n"
	    "VGhhbmsgeW91IGZvciBjb21pbmcgdG8gb3VyIGdhcmRlbiBwYXJ0eSB3aXRoIGZyaWVuZHMgYW5k\r\n"
	    "IGZhbWlseSBsYXN0IFN1bmRheQ0K\r\n",
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "Thank=20you for com=\r\ning to our g=61rden party with friends and family la=\r\nst "
	    "Sunday\r\n",
	    "Content-Type: multipart/alternative; boundary=abc\r\n\r\nThis is a message in MIME "
	    "format, which is not text.\r\n"
	    "--abc\r\nContent-Type: text/plain\r\n\r\n" WORDS
	    "\r\n--abc\r\nContent-Type: text/html\r\n\r\n"
	    "<p>quite another text stands here for those who like colours</p>\r\n--abc--\r\n",
	    "Content-Type: multipart/mixed; boundary=abc\r\n\r\n--abc\r\nContent-Type: "
	    "multipart/alternative; boundary=def\r\n\r\n"
	    "--def\r\nContent-type: TEXT/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
	    "BASE64\r\n\r\n"
	    "VGhhbmsgeW91IGZvciBjb21pbmcgdG8gb3VyIGdhcmRlbiBwYXJ0eSB3aXRoIGZyaWVuZHMgYW5k\r\n"
	    "IGZhbWlseSBsYXN0IFN1bmRheQ0K\r\n--def--\r\n--abc--\r\n",
	    "Content-Type: multipart/mixed; boundary=abc\r\n\r\n--abc\r\nContent-Type: "
	    "image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	    "aGVsbG8gd29ybGQgdGhpcyBpcyBhIHBpY3R1cmUgYW5kIG5vIHRleHQgYXQgYWxs\r\n--"
	    "abc\r\n\r\n" WORDS "\r\n--abc--\r\n",
	};
	(void)state;
	uint64_t wanted = fingerprint(WORDS);
	assert_true(wanted != 0);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		for (size_t piece = 1; piece < 1000; piece += piece < 20 ? 1 : 300)
			if (of_message(same[i], piece) != wanted)
				fail_msg("message %zu in pieces of %zu", i, piece);
	assert_int_equal(of_message("Content-Type: image/png\r\n\r\n" WORDS, 9), 0);
	assert_int_equal(of_message("Content-Transfer-Encoding: x-uuencode\r\n\r\n" WORDS, 9), 0);
	assert_int_equal(of_message("Subject: x\r\n", 9), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_templates_are_near),
	    cmocka_unit_test(test_strangers_are_far),
	    cmocka_unit_test(test_normalisation),
	    cmocka_unit_test(test_pieces_and_budget),
	    cmocka_unit_test(test_any_bytes_in_any_pieces),
	    cmocka_unit_test(test_distance_is_as_expected),
	    cmocka_unit_test(test_mime),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
