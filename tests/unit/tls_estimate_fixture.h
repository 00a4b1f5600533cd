/* SPDX-License-Identifier: ISC */
/* Dialogues under TLS as the lengths of their turns; Postfix' replies unless said otherwise. */
#ifndef TESTS_UNIT_TLS_ESTIMATE_FIXTURE_H
#define TESTS_UNIT_TLS_ESTIMATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "sensor/tls_estimate.h"

static struct estimate s;
static uint32_t exchanges; /* said since begin() */

static const struct tls_hints postfix = {.port = 25,
    .starttls = true,
    .ehlo_seen = true,
    .pipelining = true,
    .chunking = true,
    .family = TLS_FAMILY_POSTFIX};
static const struct tls_hints unknown = {.port = 25, .starttls = true};

/* One exchange; a turn of more than a record goes in several. */
static inline void
turn(uint32_t client, uint32_t server)
{
	for (; client > 16384; client -= 16384)
		estimate_record(&s, TLS_FROM_CLIENT, 16384, 0);
	estimate_record(&s, TLS_FROM_CLIENT, client, 0);
	estimate_record(&s, TLS_FROM_SERVER, server, 0);
	exchanges++;
}

static inline void
begin(const struct tls_hints *hints)
{
	exchanges = 0;
	estimate_init(&s, hints);
	turn(24, 150); /* EHLO */
}

/* MAIL, RCPT..., DATA, body, each by itself. */
static inline void
steps(unsigned recipients, uint32_t body)
{
	turn(45, 14);
	for (unsigned i = 0; i < recipients; i++)
		turn(33 + i % 5, 14);
	turn(6, 37);
	turn(body, 40);
}

static inline void
pipelined(unsigned recipients, uint32_t body)
{
	turn(45 + 35 * recipients + 6, 14 + 14 * recipients + 37);
	turn(body, 40);
}

static inline void
bdat(unsigned recipients, uint32_t body)
{
	turn(45 + 35 * recipients, 14 + 14 * recipients);
	turn(body + 16, 40);
}

static inline struct tls_estimate
quit(void)
{
	struct tls_estimate e;

	turn(6, 15);
	estimate_finish(&s);
	estimate_get(&s, &e);
	return e;
}

#define assert_counts(e, m, r)                       \
	do {                                         \
		assert_int_equal((e).messages, m);   \
		assert_int_equal((e).recipients, r); \
	} while (0)

#endif
