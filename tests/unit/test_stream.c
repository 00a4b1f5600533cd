/* SPDX-License-Identifier: ISC */
/*
 * sensor/stream: order, overlap, loss, wrap, bounded memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/stream.h"

/* What came out: the bytes, "[n]" for a gap, "<n>" for bytes that were cut. */
struct seen {
	char text[16384];
	size_t used;
};

static void
sink(void *arg, const uint8_t *data, uint32_t captured, uint32_t length)
{
	struct seen *s = arg;
	size_t room = sizeof(s->text) - s->used;

	assert_true(captured <= length);
	assert_true(length > 0);
	if (data == NULL) {
		s->used += (size_t)snprintf(s->text + s->used, room, "[%u]", length);
		return;
	}
	assert_true(captured < room);
	memcpy(s->text + s->used, data, captured);
	s->used += captured;
	s->text[s->used] = '\0';
	if (length > captured)
		s->used += (size_t)snprintf(s->text + s->used, room, "<%u>", length - captured);
}

struct fixture {
	struct stream_pool *pool;
	struct stream stream;
	struct seen seen;
	uint32_t base;
};

static void
begin(struct fixture *f, uint32_t pieces, uint32_t base)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(stream_pool_new(&f->pool, pieces), 0);
	f->base = base;
	stream_start(&f->stream, base);
}

static void
end(struct fixture *f)
{
	stream_drop(f->pool, &f->stream);
	stream_pool_free(f->pool);
}

/* Text at an offset; each segment is an allocation of its own, so that an over-read is seen. */
static void
add(struct fixture *f, uint32_t offset, const char *text, uint32_t cut, bool fin)
{
	uint32_t n = (uint32_t)strlen(text);
	uint8_t *copy = malloc(n > 0 ? n : 1);
	memcpy(copy, text, n);
	struct stream_segment segment = {
	    .seq = f->base + offset, .data = copy, .captured = n, .length = n + cut, .fin = fin};
	stream_add(f->pool, &f->stream, &segment, sink, &f->seen);
	free(copy);
}

static struct stream_stats
stats(const struct fixture *f)
{
	struct stream_stats s;

	stream_pool_get_stats(f->pool, &s);
	return s;
}

static void
in_order(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 8, 0xfffffffc); /* wraps inside the second segment */
	add(&f, 0, "ab", 0, false);
	add(&f, 2, "cdef", 0, false);
	add(&f, 6, "gh", 0, true);
	assert_string_equal(f.seen.text, "abcdefgh");
	assert_int_equal(stream_bytes(&f.stream), 8);
	assert_true((f.stream.flags & STREAM_FIN) != 0);
	assert_int_equal(stream_isn(&f.stream), 0xfffffffb);
	add(&f, 8, "xx", 0, false); /* after the FIN */
	assert_string_equal(f.seen.text, "abcdefgh");
	end(&f);
}

static void
retransmission_and_overlap(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 8, 100);
	add(&f, 0, "abcd", 0, false);
	add(&f, 0, "abcd", 0, false);
	add(&f, 2, "cdef", 0, false);
	add(&f, 5, "f", 0, false); /* keep-alive probe */
	assert_string_equal(f.seen.text, "abcdef");
	assert_int_equal(stats(&f).retransmitted, 1);
	assert_int_equal(stats(&f).gaps, 0);
	end(&f);
}

static void
reordering(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 16, 0xfffffff0);
	add(&f, 24, "yz", 0, true);
	add(&f, 8, "ijklmnop", 0, false);
	add(&f, 16, "qrst", 0, false);
	add(&f, 14, "opqrstuvwx", 0, false); /* overlaps both neighbours */
	add(&f, 16, "qr", 0, false);	     /* nothing new */
	assert_string_equal(f.seen.text, "");
	add(&f, 0, "abcdefgh", 0, false);
	assert_string_equal(f.seen.text, "abcdefghijklmnopqrstuvwxyz");
	assert_true((f.stream.flags & STREAM_FIN) != 0);
	assert_int_equal(f.stream.waiting_count, 0);
	assert_int_equal(stats(&f).gaps, 0);
	end(&f);
}

static void
proven_loss(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 8, 0);
	add(&f, 0, "ab", 0, false);
	add(&f, 6, "gh", 0, false);
	stream_acked(f.pool, &f.stream, f.base + 10, true, sink, &f.seen);
	assert_string_equal(f.seen.text, "ab[4]gh[2]");
	assert_int_equal(stats(&f).gaps, 2);
	assert_int_equal(stats(&f).gap_bytes, 6);
	add(&f, 10, "kl", 0, false);
	assert_string_equal(f.seen.text, "ab[4]gh[2]kl");
	assert_int_equal(stream_bytes(&f.stream), 12);
	end(&f);
}

static void
bare_acknowledgement_only_marks(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 8, 0);
	stream_acked(f.pool, &f.stream, f.base + 4, false, sink, &f.seen);
	add(&f, 0, "abcd", 0, false); /* it was only late */
	assert_string_equal(f.seen.text, "abcd");
	stream_acked(f.pool, &f.stream, f.base + 8, false, sink, &f.seen);
	add(&f, 8, "i", 0, false);
	add(&f, 9, "j", 0, false);
	assert_string_equal(f.seen.text, "abcd");
	add(&f, 10, "k", 0, false); /* the third one behind the hole */
	assert_string_equal(f.seen.text, "abcd[4]ijk");
	end(&f);
}

static void
gap_is_taken_back(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 8, 0);
	add(&f, 0, "ab", 0, false);
	stream_acked(f.pool, &f.stream, f.base + 6, true, sink, &f.seen); /* too early, or forged */
	add(&f, 2, "cd", 0, false);
	add(&f, 4, "ef", 0, false);
	assert_string_equal(f.seen.text, "ab[4]cdef");
	assert_int_equal(stream_bytes(&f.stream), 6);
	end(&f);
}

static void
nonsense_numbers(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 8, 0);
	stream_acked(f.pool, &f.stream, 0x7fffffff, true, sink, &f.seen);
	add(&f, STREAM_AHEAD_MAX + 1u, "x", 0, false);
	add(&f, 0, "ab", 0, false);
	assert_string_equal(f.seen.text, "ab");
	assert_int_equal(stats(&f).implausible, 2);
	end(&f);
}

static void
cut_packets(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 8, 0);
	add(&f, 0, "ab", 3, false);
	add(&f, 7, "hi", 1, false);   /* waits */
	add(&f, 3, "defg", 0, false); /* fills the hole, its own beginning was skipped */
	assert_string_equal(f.seen.text, "ab<3>fghi<1>");
	assert_int_equal(stream_bytes(&f.stream), 10);
	add(&f, 8, "", 4, false); /* cut away completely, and half of it old */
	assert_string_equal(f.seen.text, "ab<3>fghi<1><2>");
	end(&f);
}

static void
long_segments_wait_in_pieces(void **state)
{
	struct fixture f;
	static char text[8001];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 26);
	begin(&f, 8, 0);
	add(&f, 1, text, 5, true);
	assert_int_equal(f.stream.waiting_count, 6);
	add(&f, 0, "_", 0, false);
	assert_int_equal(f.seen.used, 1 + 8000 + 3);
	assert_memory_equal(f.seen.text + 1, text, 8000);
	assert_string_equal(f.seen.text + 8001, "<5>");
	assert_true((f.stream.flags & STREAM_FIN) != 0);
	end(&f);
}

static void
full_queue_gives_the_hole_up(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 1000, 0);
	for (uint32_t i = 0; i < STREAM_WAITING_MAX; i++)
		add(&f, 10 + 2 * i, "x", 0, false);
	assert_string_equal(f.seen.text, "");
	add(&f, 10 + 2 * STREAM_WAITING_MAX, "y", 0, false);
	assert_memory_equal(f.seen.text, "[10]x[1]x[1]x", 13);
	assert_int_equal(f.seen.text[f.seen.used - 1], 'y');
	assert_int_equal(stats(&f).pool_exhausted, 0);
	end(&f);
}

static void
empty_pool_is_counted(void **state)
{
	struct fixture f;
	struct stream other = {0};

	(void)state;
	begin(&f, 2, 0);
	add(&f, 5, "a", 0, false);
	add(&f, 7, "b", 0, false);
	stream_start(&other, 0);
	struct stream_segment segment = {
	    .seq = 3, .data = (const uint8_t *)"cd", .captured = 2, .length = 2};
	stream_add(f.pool, &other, &segment, sink, &f.seen);
	assert_string_equal(f.seen.text, "[3]cd");
	assert_int_equal(stats(&f).pool_exhausted, 1);
	stream_drop(f.pool, &f.stream); /* and the pieces can be used again */
	segment.seq = 9;
	stream_add(f.pool, &other, &segment, sink, &f.seen);
	assert_int_equal(other.waiting_count, 1);
	stream_drop(f.pool, &other);
	end(&f);
}

static void
finish_delivers_what_waits(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 8, 0);
	add(&f, 4, "ef", 0, false);
	add(&f, 8, "ij", 0, true);
	stream_finish(f.pool, &f.stream, sink, &f.seen);
	assert_string_equal(f.seen.text, "[4]ef[2]ij");
	assert_int_equal(f.stream.waiting_count, 0);
	end(&f);
}

/* Any order, any duplication of pieces of a text gives the text. */
static void
random_orders(void **state)
{
	char text[1000];
	unsigned random = 12345;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('A' + i % 50);
	for (unsigned round = 0; round < 300; round++) {
		struct fixture f;
		begin(&f, 100, 0xfffffe00u + round);
		for (unsigned i = 0; i < 60; i++) {
			char piece[64];
			random = random * 1103515245 + 12345;
			unsigned at = random / 65536 % 40 * 25, n = 1 + random / 7 % 50;
			if (at + n > sizeof(text))
				n = (unsigned)sizeof(text) - at;
			memcpy(piece, text + at, n);
			piece[n] = '\0';
			add(&f, at, piece, 0, false);
		}
		for (unsigned at = 0; at < sizeof(text);
		     at += 25) { /* then the sender repeats it all */
			char piece[26] = {0};
			memcpy(piece, text + at, 25);
			add(&f, at, piece, 0, false);
		}
		assert_int_equal(f.seen.used, sizeof(text));
		assert_memory_equal(f.seen.text, text, sizeof(text));
		assert_int_equal(f.stream.waiting_count, 0);
		end(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(in_order),
	    cmocka_unit_test(retransmission_and_overlap), cmocka_unit_test(reordering),
	    cmocka_unit_test(proven_loss), cmocka_unit_test(bare_acknowledgement_only_marks),
	    cmocka_unit_test(gap_is_taken_back), cmocka_unit_test(nonsense_numbers),
	    cmocka_unit_test(cut_packets), cmocka_unit_test(long_segments_wait_in_pieces),
	    cmocka_unit_test(full_queue_gives_the_hole_up), cmocka_unit_test(empty_pool_is_counted),
	    cmocka_unit_test(finish_delivers_what_waits), cmocka_unit_test(random_orders)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
