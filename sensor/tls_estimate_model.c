/* SPDX-License-Identifier: ISC */
/* The tables of the estimator's model; see tls_estimate_model.h.  bulkhead-sensor and replay. */
#include "sensor/tls_estimate_model.h"

/* Shapes set by hand on captures of ten client styles against five servers, then checked on others.
 */
#define SHAPE_BODY                \
	{                         \
		8.5F, 1.7F, -.53F \
	}
#define RCPT_BYTES 24 /* a RCPT line is hardly shorter */
const struct state_row tls_model_states[ESTIMATE__STATES] = {
    [ESTIMATE_EHLO] = {CLIENT_LINE, ANSWER_LENGTH, {3.3F, .5F, .69F}, {5.2F, .6F, .51F}, 0, 0, 0},
    [ESTIMATE_AUTH] = {CLIENT_LINE, ANSWER_LENGTH, {3.4F, .7F, .36F}, {3.3F, .5F, .69F}, 0, 0, 0},
    [ESTIMATE_MAIL] = {CLIENT_LINE, ANSWER_LENGTH, {3.9F, .45F, .8F}, {3.2F, .7F, .36F}, 14, 8,
	-6.F},
    [ESTIMATE_RCPT] = {CLIENT_LINE, ANSWER_LENGTH, {3.5F, .4F, .92F}, {3.2F, .8F, .22F}, 14, 8,
	-6.F},
    [ESTIMATE_RCPT_REFUSED] = {CLIENT_LINE, ANSWER_LENGTH, {3.5F, .4F, .92F}, {4.3F, .7F, .36F}, 0,
	0, 0},
    [ESTIMATE_DATA] = {CLIENT_SIX, ANSWER_LENGTH, {0, 0, 1.F}, {3.7F, .4F, .92F}, 0, 0, 0},
    [ESTIMATE_ENVELOPE] = {CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F}, {-.35F, .65F, .43F}, 45,
	36, -12.F},
    [ESTIMATE_ENVELOPE_REFUSED] = {CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F}, {.4F, .6F, .51F},
	45, 60, -12.F},
    [ESTIMATE_ADDRESSES] = {CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F}, {-.6F, .65F, .43F}, 40,
	16, -12.F},
    [ESTIMATE_MORE] = {CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F}, {-.4F, .8F, .22F}, RCPT_BYTES,
	8, -12.F},
    [ESTIMATE_MORE_DATA] = {CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F}, {-.2F, .8F, .22F},
	RCPT_BYTES, 24, -12.F},
    [ESTIMATE_BODY] = {CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY, {3.8F, .75F, .29F}, 120, 0, -3.F},
    [ESTIMATE_BODY_ENVELOPE] = {CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY, {5.F, .7F, .36F}, 120, 50,
	-8.F},
    [ESTIMATE_CHUNK] = {CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY, {3.8F, .75F, .29F}, 120, 0, -3.F},
    [ESTIMATE_BEGIN] = {CLIENT_ANY, ANSWER_LENGTH, {6.8F, .9F, .11F}, {4.5F, .8F, .22F}, 120, 16,
	-8.F},
    [ESTIMATE_ALL] = {CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY, {4.8F, 1.F, 0}, 120, 40, -8.F},
    [ESTIMATE_ALL_REFUSED] = {CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY, {5.3F, .7F, .36F}, 120, 60,
	-8.F},
    [ESTIMATE_RSET] = {CLIENT_SIX, ANSWER_LENGTH, {0, 0, 1.F}, {3.F, .6F, .51F}, 0, 0, 0},
    [ESTIMATE_QUIT] = {CLIENT_QUIT, ANSWER_LENGTH, {0, 0, 1.F}, {3.F, .7F, .36F}, 0, 0, 0},
};

#define FROM(a, p)              \
	{                       \
		p, ESTIMATE_##a \
	}
/* clang-format off */
const struct way tls_model_ways[ESTIMATE__STATES][TLS_MODEL_WAYS_MOST + 1] = {
    [ESTIMATE_EHLO] = {
        FROM(EHLO, -4.F), FROM(AUTH, -4.F), FROM(RSET, -5.F),
    },
    [ESTIMATE_AUTH] = {
        FROM(EHLO, -1.5F), FROM(AUTH, -.8F),
    },
    [ESTIMATE_MAIL] = {
        FROM(EHLO, -.7F), FROM(AUTH, -1.F), FROM(MAIL, -6.F), FROM(RCPT, -7.F),
        FROM(RCPT_REFUSED, -4.F), FROM(ENVELOPE, -7.F), FROM(BODY, -1.2F), FROM(CHUNK, -1.8F),
        FROM(ALL, -4.F), FROM(RSET, -1.F),
    },
    [ESTIMATE_RCPT] = {
        FROM(MAIL, -.1F), FROM(RCPT, -.9F), FROM(RCPT_REFUSED, -1.2F), FROM(ADDRESSES, -5.F),
    },
    [ESTIMATE_RCPT_REFUSED] = {
        FROM(MAIL, -1.8F), FROM(RCPT, -2.5F), FROM(RCPT_REFUSED, -1.2F),
    },
    [ESTIMATE_DATA] = {
        FROM(RCPT, -.7F), FROM(RCPT_REFUSED, -1.F), FROM(ADDRESSES, -1.2F), FROM(MORE, -2.F),
    },
    [ESTIMATE_ENVELOPE] = {
        FROM(EHLO, -.9F), FROM(AUTH, -1.2F), FROM(ENVELOPE, -6.F),
        FROM(ENVELOPE_REFUSED, -1.5F), FROM(BODY, -1.3F), FROM(CHUNK, -4.F), FROM(RSET, -1.F),
    },
    [ESTIMATE_ENVELOPE_REFUSED] = {
        FROM(EHLO, -4.F), FROM(AUTH, -4.5F), FROM(ENVELOPE_REFUSED, -2.F), FROM(BODY, -4.F),
        FROM(RSET, -3.F),
    },
    [ESTIMATE_ADDRESSES] = {
        FROM(EHLO, -2.F), FROM(AUTH, -2.F), FROM(ADDRESSES, -6.F), FROM(BODY, -2.5F),
        FROM(CHUNK, -1.2F), FROM(ALL, -4.F), FROM(RSET, -2.F),
    },
    [ESTIMATE_MORE] = {
        FROM(ADDRESSES, -2.F), FROM(MORE, -.8F),
    },
    [ESTIMATE_MORE_DATA] = {
        FROM(ADDRESSES, -1.8F), FROM(MORE, -.8F),
    },
    [ESTIMATE_BODY] = {
        FROM(DATA, -.1F), FROM(ENVELOPE, -.2F), FROM(MORE_DATA, -.2F),
        FROM(BODY_ENVELOPE, -1.F),
    },
    [ESTIMATE_BODY_ENVELOPE] = {
        FROM(DATA, -6.F), FROM(ENVELOPE, -3.5F), FROM(MORE_DATA, -3.F),
        FROM(BODY_ENVELOPE, -.6F),
    },
    [ESTIMATE_CHUNK] = {
        FROM(RCPT, -2.5F), FROM(RCPT_REFUSED, -3.F), FROM(ADDRESSES, -.7F), FROM(MORE, -1.5F),
        FROM(CHUNK, -1.5F), FROM(BEGIN, -.1F),
    },
    [ESTIMATE_BEGIN] = {
        FROM(EHLO, -4.F), FROM(AUTH, -4.F), FROM(CHUNK, -2.F), FROM(ALL, -2.2F),
        FROM(RSET, -3.F), FROM(BODY, -6.F), FROM(ALL_REFUSED, -2.F),
    },
    [ESTIMATE_ALL] = {
        FROM(EHLO, -2.6F), FROM(AUTH, -3.5F), FROM(BODY, -6.F), FROM(CHUNK, -1.8F),
        FROM(ALL, -.8F), FROM(ALL_REFUSED, -1.F), FROM(RSET, -3.F),
    },
    [ESTIMATE_ALL_REFUSED] = {
        FROM(EHLO, -4.5F), FROM(AUTH, -4.5F), FROM(ALL, -2.5F), FROM(CHUNK, -3.F),
        FROM(RSET, -3.F), FROM(ALL_REFUSED, -1.5F),
    },
    [ESTIMATE_RSET] = {
        FROM(EHLO, -4.F), FROM(MAIL, -4.F), FROM(RCPT, -4.F), FROM(RCPT_REFUSED, -1.5F),
        FROM(DATA, -4.5F), FROM(ENVELOPE, -4.5F), FROM(ENVELOPE_REFUSED, -1.F),
        FROM(ADDRESSES, -4.5F), FROM(MORE_DATA, -4.5F), FROM(BODY, -2.F),
        FROM(BODY_ENVELOPE, -5.F), FROM(CHUNK, -2.F), FROM(ALL, -2.F), FROM(BEGIN, -5.F),
        FROM(ALL_REFUSED, -1.F), FROM(RSET, -3.F),
    },
    [ESTIMATE_QUIT] = {
        FROM(EHLO, -3.F), FROM(AUTH, -3.F), FROM(MAIL, -4.F), FROM(RCPT, -4.F),
        FROM(RCPT_REFUSED, -1.5F), FROM(DATA, -8.F), FROM(ENVELOPE, -8.F),
        FROM(ENVELOPE_REFUSED, -1.F), FROM(ADDRESSES, -7.F), FROM(MORE_DATA, -5.F),
        FROM(BODY, -1.F), FROM(BODY_ENVELOPE, -8.F), FROM(CHUNK, -1.F), FROM(ALL, -1.F),
        FROM(BEGIN, -8.F), FROM(ALL_REFUSED, -1.F), FROM(RSET, -2.F), FROM(QUIT, -3.F),
    },
};
/* clang-format on */

/*
 * From the sources of Postfix 3.7 (smtpd.c, cleanup) and Exim 4.96 (smtp_in.c), and from what the houses say in their
 * documentation and bounces.
 */
#define LN_BODY 3.8F
#define IDENT	51 /* Google's identifier and " - gsmtp", when the greeting was not seen */
const struct server_row tls_model_servers[TLS_FAMILY__COUNT] = {
    [TLS_FAMILY_UNKNOWN] = {.refusal = 75, .spread = 3, .ln_body = LN_BODY},
    /* "554 5.5.1 Error: no valid recipients"; "550 5.1.1 <...>: Recipient address rejected: User unknown in ..." */
    [TLS_FAMILY_POSTFIX] = {{14, 14, 37, 40, 25, 48}, .bye = 15, .nobody = 38, .refusal = 100,
	.digits = 1, .spread = .8F, .longer = 4, /* queue ids of 10 to 12 letters, or 15 */
	.ln_body = LN_BODY},
    /* "503-All RCPT commands were rejected with this error:", that error, "503 Valid RCPT command must precede BDAT" */
    [TLS_FAMILY_EXIM] = {{8, 14, 56, 28, 29, 62}, .bye = 25, .bye_name = true, .nobody = 42,
	.repeats = 54 + 42, .refusal = 40, .digits = 2, .spread = .6F, .ln_body = LN_BODY},
    /* The refusal is that of an account that does not exist, in four lines. */
    [TLS_FAMILY_GOOGLE] = {{15, 15, 15, 27, 15, 27, 268 / ESTIMATE_REFUSED_UNIT}, .ident = true,
	.bye = 31, .bye_name = true, .refusal = 255, .ln_body = 4.36F},
    [TLS_FAMILY_EXCHANGE] = {{21, 24, 46, 186, 30, 186}, .bye = 48, .refusal = 102, .spread = 6,
	.ln_body = 5.23F},
};

uint8_t
tls_model_replies(const struct tls_hints *h, uint8_t reply[ESTIMATE__REPLIES])
{
	const struct server_row *server = &tls_model_servers[h->family];
	unsigned ident = h->name_bytes != 0 ? h->name_bytes : IDENT;

	for (unsigned i = 0; i < ESTIMATE__REPLIES; i++) {
		unsigned unit = i == ESTIMATE_REPLY_REFUSED ? ESTIMATE_REFUSED_UNIT : 1;

		reply[i] = (uint8_t)(server->reply[i] + (server->ident ? ident / unit : 0));
	}
	if (server->ident && h->name_bytes == 0)
		return (1U << ESTIMATE__REPLIES) - 1;
	return server->ident ? 0
			     : 1U << ESTIMATE_REPLY_BODY | 1U << ESTIMATE_REPLY_CHUNK |
				   1U << ESTIMATE_REPLY_LAST;
}

uint32_t
tls_model_bye(const struct tls_hints *h)
{
	const struct server_row *server = &tls_model_servers[h->family];

	if (server->bye_name)
		return h->name_bytes != 0 ? server->bye + (uint32_t)h->name_bytes : 0;
	return server->bye;
}

const uint8_t tls_model_style[ESTIMATE__STATES] = {
    [ESTIMATE_MAIL] = ESTIMATE_STYLE_STEPS,
    [ESTIMATE_RCPT] = ESTIMATE_STYLE_STEPS,
    [ESTIMATE_RCPT_REFUSED] = ESTIMATE_STYLE_STEPS,
    [ESTIMATE_DATA] = ESTIMATE_STYLE_DATA,
    [ESTIMATE_ENVELOPE] = ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_DATA,
    [ESTIMATE_ENVELOPE_REFUSED] = ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_DATA,
    [ESTIMATE_ADDRESSES] = ESTIMATE_STYLE_PIPELINED,
    [ESTIMATE_MORE] = ESTIMATE_STYLE_PIPELINED,
    [ESTIMATE_MORE_DATA] = ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_DATA,
    [ESTIMATE_BODY] = ESTIMATE_STYLE_DATA,
    [ESTIMATE_BODY_ENVELOPE] = ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_DATA,
    [ESTIMATE_CHUNK] = ESTIMATE_STYLE_BDAT,
    [ESTIMATE_BEGIN] = ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_BDAT,
    [ESTIMATE_ALL] = ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_BDAT,
    [ESTIMATE_ALL_REFUSED] = ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_BDAT,
};

static bool
state_has_envelope(enum estimate_state state)
{
	return state == ESTIMATE_ENVELOPE || state == ESTIMATE_ENVELOPE_REFUSED ||
	       state == ESTIMATE_ADDRESSES || state == ESTIMATE_BODY_ENVELOPE ||
	       state == ESTIMATE_ALL || state == ESTIMATE_ALL_REFUSED || state == ESTIMATE_MORE ||
	       state == ESTIMATE_MORE_DATA;
}

float
tls_model_offer_cost(const struct tls_hints *h, enum estimate_state state)
{
	float cost = 0;

	if (!h->ehlo_seen)
		return 0;
	if (!h->pipelining && state_has_envelope(state))
		cost -= 8;
	if (!h->chunking && (state == ESTIMATE_CHUNK || state == ESTIMATE_BEGIN ||
				state == ESTIMATE_ALL || state == ESTIMATE_ALL_REFUSED))
		cost -= 8;
	return cost;
}
