/* SPDX-License-Identifier: ISC */
/*
 * The bounds by which the estimator spares ways: no gain is above its state's, whatever a path knows, and whatever the
 * turn is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>

#include "sensor/tls_estimate_model.h"
#include "sensor/tls_estimate_path.h"

#include <math.h>

#define TRIES 200000

static uint64_t seed = UINT64_C(88172645463325252);

static uint32_t
any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 33) % below);
}

/* A path that may have come from anywhere. */
static struct estimate_path
any_path(void)
{
	struct estimate_path p = {.open = (uint16_t)any(any(2) ? 4 : 200),
	    .typical_bytes = any(40000),
	    .guessed = any(128) & 127U,
	    .hides = any(2) & 1U,
	    .style = any(16) & 15U,
	    .step_kind = any(16) & 15U,
	    .step = (uint8_t)any(256),
	    .step_bytes = (uint16_t)any(600)};

	for (unsigned i = 0; i < ESTIMATE__REPLIES; i++)
		p.reply[i] = (uint8_t)(any(3) ? 8 + any(60) : any(256));
	p.taken_line = (uint8_t)any(90);
	p.line = (uint8_t)(any(2) ? 0 : 18 + any(100));
	return p;
}

static void
test_gain_has_a_bound(void **state)
{
	static const unsigned lengths[] = {6, 120, 3000, 60000};
	struct estimate s = {.chunk_bytes = 1000};
	bool reached[ESTIMATE__STATES] = {false};

	(void)state;
	for (unsigned n = 0; n < TRIES; n++) {
		struct estimate_path p = any_path();
		struct exchange x = {.c = 1 + any(lengths[any(4)]),
		    .s = 1 + any(any(4) ? 300 : 3000),
		    .slack = any(4) ? 0 : any(17),
		    .dsn = any(2) != 0,
		    .bye = any(3) ? 0 : 15,
		    .goodbye = any(2) ? 15 : 0,
		    .server = &tls_model_servers[any(TLS_FAMILY__COUNT)]};
		struct reading reading;

		if (any(2)) { /* several records */
			x.first = 1 + any(x.c);
			x.last = any(3) ? 1 + any(x.s) : x.server->nobody;
			x.last_slack = (uint16_t)(x.slack / 2);
		}
		x.ln_c = logf((float)x.c);
		x.ln_s = logf((float)x.s);
		if (any(3) == 0) /* a sum that comes out, and for the second time */
			p.step_bytes = (uint16_t)(x.s = p.reply[ESTIMATE_REPLY_MAIL] +
							p.reply[ESTIMATE_REPLY_DATA] +
							any(5) * p.reply[ESTIMATE_REPLY_RCPT] + 1);
		for (unsigned to = 0; to < ESTIMATE__STATES; to++) {
			const struct way *ways = tls_model_ways[to];

			for (unsigned i = 0; ways[i].cost < 0; i++) {
				float gain =
				    estimate_path_gain(&s, &p, ways[i].from, to, &x, &reading);
				assert_true(gain <= estimate_path_gain_most[to]);
				reached[to] |= gain >= estimate_path_gain_most[to] - 1;
			}
		}
	}
	/* And the bounds are no larger than they need be. */
	for (unsigned to = 0; to < ESTIMATE__STATES; to++)
		assert_true(reached[to]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_gain_has_a_bound)};

	return cmocka_run_group_tests_name("tls_estimate_path", tests, NULL, NULL);
}
