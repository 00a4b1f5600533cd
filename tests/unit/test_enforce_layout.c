/* SPDX-License-Identifier: ISC */
/* What the enforcer refuses, where elements lie in the kernel, and the packets between judge and
 * child. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/enforce_brake.h"
#include "policy/enforce_gather.h"
#include "policy/enforce_layout.h"
#include "policy/enforce_wire.h"

static struct plan_element
element(const char *key, int64_t timeout_ns, const char *case_id)
{
	struct plan_element e = {.set = PLAN_SET_BLOCKED, .timeout_ns = timeout_ns};

	if (addr_prefix_parse(key, &e.prefix) < 0) {
		memset(&e.prefix, 0, sizeof(e.prefix));
		strncpy(e.ifname, key, sizeof(e.ifname) - 1);
	}
	strncpy(e.case_id, case_id, sizeof(e.case_id) - 1);
	return e;
}

/* --- layout --- */

static void
test_keys(void **state)
{
	static const struct {
		const char *key;
		unsigned kind, count;
		uint8_t last_key_end; /* the last byte that counts, of the last key */
	} cases[] = {
	    {"vnet1", ENFORCE_KEY_IFNAME, 1, 0},
	    {"192.0.2.9", ENFORCE_KEY_V4, 1, 9},
	    {"192.0.2.8/29", ENFORCE_KEY_V4, 8, 15},
	    {"192.0.2.0/24", ENFORCE_KEY_V4, 256, 255},
	    {"2001:db8::9", ENFORCE_KEY_V6, 1, 9},
	    {"2001:db8::8/125", ENFORCE_KEY_V6, 8, 15},
	    {"2001:db8:0:5::/64", ENFORCE_KEY_V6_64, 1, 5},
	    {"2001:db8::/56", ENFORCE_KEY_V6_64, 256, 255},
	};
	char comment[ENFORCE_COMMENT_BYTES];
	uint8_t key[ENFORCE_KEY_BYTES];
	unsigned i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan_element e = element(cases[i].key, 0, i % 2 == 0 ? "" : "bh-abcdefghij"),
				    back;
		const uint8_t ends[] = {15, 3, 15, 7};

		assert_int_equal(enforce_layout_kind(&e), cases[i].kind);
		assert_int_equal(enforce_layout_key_count(&e), cases[i].count);
		enforce_layout_comment(comment, &e);
		for (k = 0; k < cases[i].count; k++) { /* every key leads back to the element */
			enforce_layout_key(&e, k, key);
			assert_int_equal(enforce_layout_element(PLAN_SET_BLOCKED, cases[i].kind,
					     key, enforce_keys[cases[i].kind].size, comment, &back),
			    0);
			assert_int_equal(plan_compare(&e, &back), 0);
			assert_string_equal(e.case_id, back.case_id);
		}
		assert_int_equal(key[ends[cases[i].kind]], cases[i].last_key_end);
	}
}

/* A grant's pace survives the way through a comment, beside a prefix and without a case. */
static void
test_pace(void **state)
{
	static const char *const keys[] = {"vnet1", "192.0.2.8/29"};
	char comment[ENFORCE_COMMENT_BYTES];
	uint8_t key[ENFORCE_KEY_BYTES];
	struct plan_element e, back;
	unsigned i;
	struct err err;

	(void)state;
	for (i = 0; i < 2; i++) {
		e = element(keys[i], 0, "");
		e.set = PLAN_SET_GRANTED;
		e.pace = 123456;
		assert_int_equal(enforce_layout_check(&e, false, &err), 0);
		enforce_layout_comment(comment, &e);
		enforce_layout_key(&e, 0, key);
		assert_int_equal(enforce_layout_element(e.set, enforce_layout_kind(&e), key,
				     enforce_keys[enforce_layout_kind(&e)].size, comment, &back),
		    0);
		assert_int_equal(back.pace, 123456);
		assert_string_equal(back.case_id, "");
		assert_int_equal(plan_compare(&e, &back), 0);
	}
	e.pace = PLAN_PACE_MAX + 1;
	assert_int_equal(enforce_layout_check(&e, false, &err), -EINVAL);
	e.pace = 1;
	e.set = PLAN_SET_BLOCKED;
	assert_int_equal(enforce_layout_check(&e, false, &err), -EINVAL);
}

/* Patterns that become a rule; a bare star would brake the uplink. */
static void
test_brake_patterns(void **state)
{
	static const char *const good[] = {"vnet*", "tap*", "vnet7", "a*"};
	static const char *const bad[] = {"*", "", "veth*i*", "vnet?", "v[0-9]", "lo", "vnet**",
	    "v\"};drop*", "a-name-that-is-too-long*"};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(enforce_brake_is_match(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(enforce_brake_is_match(bad[i]));
}

static void
test_foreign_elements(void **state)
{
	const uint8_t v4[4] = {192, 0, 2, 9}, v6[16] = {0x20, 1, 0xd, 0xb8};
	struct plan_element e;

	(void)state;
	assert_int_equal(enforce_layout_element(0, ENFORCE_KEY_V4, v4, 4, NULL, &e), 0);
	assert_int_equal(enforce_layout_element(0, ENFORCE_KEY_V4, v4, 4, "made by hand", &e), 0);
	assert_string_equal(e.case_id, "");
	assert_int_equal(enforce_layout_element(0, ENFORCE_KEY_V4, v4, 3, "case=x", &e), -EINVAL);
	assert_int_equal(enforce_layout_element(9, ENFORCE_KEY_V4, v4, 4, "case=x", &e), -EINVAL);
	assert_int_equal(enforce_layout_element(0, 9, v4, 4, "case=x", &e), -EINVAL);
	assert_int_equal(
	    enforce_layout_element(0, ENFORCE_KEY_V4, v4, 4, "case=x prefix=10.0.0.0/24", &e),
	    -EINVAL);
	assert_int_equal(
	    enforce_layout_element(0, ENFORCE_KEY_V4, v4, 4, "case=x prefix=192.0.0.0/16", &e),
	    -EINVAL);
	assert_int_equal(
	    enforce_layout_element(0, ENFORCE_KEY_V4, v4, 4, "case=x prefix=rubbish", &e), -EINVAL);
	assert_int_equal(
	    enforce_layout_element(0, ENFORCE_KEY_V6, v6, 16, "case=x prefix=2001:db8::/56", &e),
	    -EINVAL);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *key;
		int64_t timeout_ns;
		const char *case_id, *says; /* NULL: fine */
	} cases[] = {
	    {"vnet1", CLOCK_SECOND_NS, "bh-abc", NULL},
	    {"tap100i0", 0, "", NULL},
	    {"a-b_c.d+e@f", 0, "", NULL},
	    {"lo", 0, "", "\"lo\""},
	    {"..", 0, "", "\"..\""},
	    {"v*", 0, "", "\"v*\""},
	    {"a b", 0, "", "\"a b\""},
	    {"a\"b", 0, "", "a\"b"},
	    {"a;b", 0, "", "a;b"},
	    {"a\nb", 0, "", "a?b"},
	    {"vnet1", CLOCK_SECOND_NS - 1, "", "999999999 ns"},
	    {"vnet1", -1, "", "-1 ns"},
	    {"vnet1", PLAN_TIMEOUT_MAX_NS + 1, "", "10 years"},
	    {"vnet1", PLAN_TIMEOUT_MAX_NS, "", NULL},
	    {"vnet1", 0, "bh-\"x", "case id"},
	    {"192.0.2.1", 0, "", NULL},
	    {"2001:db8::/64", 0, "", NULL},
	    {"192.0.0.0/16", 0, "", "192.0.0.0/16 cannot be held"},
	    {"2001:db8::/48", 0, "", "2001:db8::/48 cannot be held"},
	    {"127.0.0.1", 0, "", "127.0.0.1"},
	    {"0.0.0.0", 0, "", "0.0.0.0"},
	    {"224.0.0.5", 0, "", "224.0.0.5"},
	    {"255.255.255.255", 0, "", "255.255.255.255"},
	    {"::1", 0, "", "::1"},
	    {"::", 0, "", "::"},
	    {"ff02::1", 0, "", "ff02::1"},
	};
	struct plan_element e;
	struct err err;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		e = element(cases[i].key, cases[i].timeout_ns, cases[i].case_id);
		if (cases[i].says == NULL) {
			assert_int_equal(enforce_layout_check(&e, false, &err), 0);
			continue;
		}
		assert_int_equal(enforce_layout_check(&e, false, &err), -EINVAL);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].says);
	}
	e = element("vnet1", 0, "");
	e.set = PLAN_SET__COUNT;
	assert_int_equal(enforce_layout_check(&e, true, &err), -EINVAL);
	e = element("vnet1", 0, "");
	memset(e.ifname, 'a', sizeof(e.ifname)); /* not terminated */
	assert_int_equal(enforce_layout_check(&e, false, &err), -EINVAL);
	e = element("192.0.2.0/24", 0, "");
	e.prefix.addr.bytes[15] = 1;
	assert_int_equal(enforce_layout_check(&e, false, &err), -EINVAL);
	e = element("2001:db8::/64", 0, "");
	e.prefix.addr.bytes[15] = 1;
	assert_int_equal(enforce_layout_check(&e, true, &err), -EINVAL);
	e = element("192.0.2.0/24", 0, "");
	e.prefix.bits = 200;
	assert_int_equal(enforce_layout_check(&e, false, &err), -EINVAL);
	e = element("vnet1", 5, "what is this"); /* a release looks at the key alone */
	assert_int_equal(enforce_layout_check(&e, true, &err), 0);
}

static void
test_table_names(void **state)
{
	(void)state;
	assert_true(enforce_layout_is_table("bulkhead"));
	assert_true(enforce_layout_is_table("Lab_2"));
	assert_false(enforce_layout_is_table(""));
	assert_false(enforce_layout_is_table("2lab"));
	assert_false(enforce_layout_is_table("a b"));
	assert_false(enforce_layout_is_table("a;flush ruleset"));
	assert_false(enforce_layout_is_table("abcdefghijabcdefghijabcdefghijab"));
}

/* --- packets --- */

static void
test_packets(void **state)
{
	struct plan_element in[2] = {
	    element("vnet1", CLOCK_HOUR_NS, "bh-abcdefghij"), element("2001:db8::/64", 0, "")};
	struct enforce_wire_header h = {.type = ENFORCE_WIRE_BLOCK,
				       .flags = ENFORCE_WIRE_MORE,
				       .id = 77},
				   back;
	uint8_t buf[256];
	struct wire_writer w;
	struct wire_reader r;
	struct plan out;
	size_t size, cut;

	(void)state;
	wire_writer_init(&w, buf, sizeof(buf));
	enforce_wire_put_header(&w, &h);
	wire_put_u16(&w, 2);
	enforce_wire_put_element(&w, &in[0]);
	enforce_wire_put_element(&w, &in[1]);
	size = (size_t)wire_writer_finish(&w);

	plan_init(&out);
	wire_reader_init(&r, buf, size);
	assert_int_equal(enforce_wire_get_header(&r, &back), 0);
	assert_int_equal(back.type, h.type);
	assert_int_equal(back.flags, h.flags);
	assert_int_equal(back.id, h.id);
	assert_int_equal(enforce_wire_get_elements(&r, &out), 0);
	assert_int_equal(out.count, 2);
	assert_int_equal(plan_compare(&out.elements[0], &in[0]), 0);
	assert_true(out.elements[0].timeout_ns == CLOCK_HOUR_NS);
	assert_string_equal(out.elements[0].case_id, "bh-abcdefghij");
	assert_int_equal(plan_compare(&out.elements[1], &in[1]), 0);

	for (cut = 0; cut < size; cut++) { /* every truncation is noticed */
		wire_reader_init(&r, buf, cut);
		if (enforce_wire_get_header(&r, &back) == 0)
			assert_int_equal(enforce_wire_get_elements(&r, &out), -EBADMSG);
		else
			assert_true(cut < 8);
	}
	wire_reader_init(&r, buf, size + 1); /* so is a byte too many */
	assert_int_equal(enforce_wire_get_header(&r, &back), 0);
	assert_int_equal(enforce_wire_get_elements(&r, &out), -EBADMSG);
	buf[0] = ENFORCE_WIRE_VERSION + 1;
	wire_reader_init(&r, buf, size);
	assert_int_equal(enforce_wire_get_header(&r, &back), -EBADMSG);
	plan_fini(&out);
}

/* --- putting keys together again --- */

static void
add_keys(struct enforce_gather *g, const struct plan_element *e, unsigned family, unsigned from,
    uint64_t left_ms)
{
	char comment[ENFORCE_COMMENT_BYTES];
	uint8_t key[ENFORCE_KEY_BYTES];
	unsigned i, kind = enforce_layout_kind(e);

	enforce_layout_comment(comment, e);
	for (i = from; i < enforce_layout_key_count(e); i++) {
		enforce_layout_key(e, i, key);
		enforce_gather_add(g, family, e->set, kind, key, enforce_keys[kind].size, comment,
		    left_ms != 0, left_ms, 1);
	}
}

static void
test_gather(void **state)
{
	const struct plan_element net = element("192.0.2.8/29", 0, "bh-net"),
				  tap = element("vnet1", 0, "bh-tap");
	struct enforce_gather g = {0};
	struct plan out;
	uint64_t digest;

	(void)state;
	plan_init(&out);
	assert_int_equal(enforce_gather_sort(&g), 0);
	assert_int_equal(enforce_gather_finish(&g, 2, false, &out), 0);
	assert_int_equal(out.count, 0);

	add_keys(&g, &net, 0, 0, 5000);
	add_keys(&g, &net, 1, 0, 4000);
	add_keys(&g, &tap, 0, 0, 0);
	add_keys(&g, &tap, 1, 0, 7000);
	digest = enforce_gather_sort(&g);
	add_keys(&g, &net, 1, 3, 6000); /* a dump may give keys twice */
	assert_true(enforce_gather_sort(&g) == digest);
	assert_int_equal(enforce_gather_finish(&g, 2, false, &out), 0);
	assert_int_equal(out.count, 2);
	assert_int_equal(plan_compare(&out.elements[0], &net), 0);
	assert_true(out.elements[0].timeout_ns == 4 * CLOCK_SECOND_NS); /* what ends first counts */
	assert_true(out.elements[1].timeout_ns == 7 * CLOCK_SECOND_NS);
	assert_string_equal(out.elements[1].case_id, "bh-tap");
	plan_fini(&out);

	enforce_gather_reset(&g);
	add_keys(&g, &net, 0, 0, 5000);
	add_keys(&g, &net, 1, 1, 5000); /* one of sixteen is missing */
	add_keys(&g, &tap, 0, 0, 5000); /* one of two */
	assert_true(enforce_gather_sort(&g) != digest);
	assert_int_equal(enforce_gather_finish(&g, 2, false, &out), 1);
	assert_int_equal(out.count, 0);
	assert_int_equal(enforce_gather_finish(&g, 2, true, &out), 1);
	assert_int_equal(out.count, 2);
	plan_fini(&out);

	enforce_gather_reset(&g);
	enforce_gather_add(&g, 0, 0, ENFORCE_KEY_V4, (const uint8_t *)"abc", 3, "", false, 0, 0);
	enforce_gather_add(&g, 0, 0, ENFORCE_KEY_V4, NULL, 0, "", false, 0, 0);
	assert_int_equal(enforce_gather_sort(&g), 0);
	assert_int_equal(enforce_gather_finish(&g, 1, true, &out), 1);
	assert_int_equal(out.count, 0);
	plan_fini(&out);
	enforce_gather_fini(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_pace),
	    cmocka_unit_test(test_brake_patterns),
	    cmocka_unit_test(test_foreign_elements),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_table_names),
	    cmocka_unit_test(test_packets),
	    cmocka_unit_test(test_gather),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
