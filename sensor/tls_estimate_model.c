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
    [ESTIMATE_EHLO] = {"ehlo", CLIENT_LINE, ANSWER_LENGTH, {3.3F, .5F, .69F}, {5.2F, .6F, .51F}, 0,
	0, 0},
    [ESTIMATE_AUTH] = {"auth", CLIENT_LINE, ANSWER_LENGTH, {3.4F, .7F, .36F}, {3.3F, .5F, .69F}, 0,
	0, 0},
    [ESTIMATE_MAIL] = {"mail", CLIENT_LINE, ANSWER_LENGTH, {3.9F, .45F, .8F}, {3.2F, .7F, .36F}, 0,
	0, 0},
    [ESTIMATE_RCPT] = {"rcpt", CLIENT_LINE, ANSWER_LENGTH, {3.5F, .4F, .92F}, {3.2F, .8F, .22F}, 0,
	0, 0},
    [ESTIMATE_RCPT_REFUSED] = {"rcpt-refused", CLIENT_LINE, ANSWER_LENGTH, {3.5F, .4F, .92F},
	{4.3F, .7F, .36F}, 0, 0, 0},
    [ESTIMATE_DATA] = {"data", CLIENT_SIX, ANSWER_LENGTH, {0, 0, 1.F}, {3.7F, .4F, .92F}, 0, 0, 0},
    [ESTIMATE_ENVELOPE] = {"envelope", CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F},
	{-.35F, .65F, .43F}, 45, 36, -12.F},
    [ESTIMATE_ENVELOPE_REFUSED] = {"envelope-refused", CLIENT_ANY, ANSWER_RATIO,
	{5.F, 1.05F, -.05F}, {.4F, .6F, .51F}, 45, 60, -12.F},
    [ESTIMATE_ADDRESSES] = {"addresses", CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F},
	{-.6F, .65F, .43F}, 40, 16, -12.F},
    [ESTIMATE_MORE] = {"more", CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F}, {-.4F, .8F, .22F},
	RCPT_BYTES, 8, -12.F},
    [ESTIMATE_MORE_DATA] = {"more+data", CLIENT_ANY, ANSWER_RATIO, {5.F, 1.05F, -.05F},
	{-.2F, .8F, .22F}, RCPT_BYTES, 24, -12.F},
    [ESTIMATE_BODY] = {"body", CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY, {3.8F, .75F, .29F}, 120, 0,
	-3.F},
    [ESTIMATE_BODY_ENVELOPE] = {"body+envelope", CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY,
	{5.F, .7F, .36F}, 120, 50, -8.F},
    [ESTIMATE_CHUNK] = {"chunk", CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY, {3.8F, .75F, .29F}, 120, 0,
	-3.F},
    [ESTIMATE_BEGIN] = {"begin", CLIENT_ANY, ANSWER_LENGTH, {6.8F, .9F, .11F}, {4.5F, .8F, .22F},
	120, 16, -8.F},
    [ESTIMATE_ALL] = {"all", CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY, {4.8F, 1.F, 0}, 120, 40, -8.F},
    [ESTIMATE_ALL_REFUSED] = {"all-refused", CLIENT_ANY, ANSWER_LENGTH, SHAPE_BODY,
	{5.3F, .7F, .36F}, 120, 60, -8.F},
    [ESTIMATE_RSET] = {"rset", CLIENT_SIX, ANSWER_LENGTH, {0, 0, 1.F}, {3.F, .6F, .51F}, 0, 0, 0},
    [ESTIMATE_QUIT] = {"quit", CLIENT_SIX, ANSWER_LENGTH, {0, 0, 1.F}, {3.F, .7F, .36F}, 0, 0, 0},
};

#define ARC(a, b, p)                          \
	{                                     \
		ESTIMATE_##a, ESTIMATE_##b, p \
	}
const struct arc tls_model_arcs[] = {
    ARC(EHLO, EHLO, -4.F),
    ARC(EHLO, AUTH, -1.5F),
    ARC(EHLO, MAIL, -.7F),
    ARC(EHLO, ENVELOPE, -.9F),
    ARC(EHLO, ENVELOPE_REFUSED, -4.F),
    ARC(EHLO, ADDRESSES, -2.F),
    ARC(EHLO, ALL, -2.6F),
    ARC(EHLO, QUIT, -3.F),
    ARC(EHLO, RSET, -4.F),

    ARC(AUTH, AUTH, -.8F),
    ARC(AUTH, MAIL, -1.F),
    ARC(AUTH, ENVELOPE, -1.2F),
    ARC(AUTH, ENVELOPE_REFUSED, -4.5F),
    ARC(AUTH, ADDRESSES, -2.F),
    ARC(AUTH, ALL, -3.5F),
    ARC(AUTH, QUIT, -3.F),
    ARC(AUTH, EHLO, -4.F),

    ARC(MAIL, RCPT, -.1F),
    ARC(MAIL, RCPT_REFUSED, -1.8F),
    ARC(MAIL, MAIL, -6.F),
    ARC(MAIL, RSET, -4.F),
    ARC(MAIL, QUIT, -4.F),

    ARC(RCPT, RCPT, -.9F),
    ARC(RCPT, RCPT_REFUSED, -2.5F),
    ARC(RCPT, DATA, -.7F),
    ARC(RCPT, CHUNK, -2.5F),
    ARC(RCPT, RSET, -4.F),
    ARC(RCPT, QUIT, -4.F),
    ARC(RCPT, MAIL, -7.F),

    ARC(RCPT_REFUSED, RCPT, -1.2F),
    ARC(RCPT_REFUSED, RCPT_REFUSED, -1.2F),
    ARC(RCPT_REFUSED, DATA, -1.F),
    ARC(RCPT_REFUSED, CHUNK, -3.F),
    ARC(RCPT_REFUSED, RSET, -1.5F),
    ARC(RCPT_REFUSED, QUIT, -1.5F),
    ARC(RCPT_REFUSED, MAIL, -4.F),

    ARC(DATA, BODY, -.1F),
    ARC(DATA, RSET, -4.5F),
    ARC(DATA, QUIT, -5.F),
    ARC(DATA, BODY_ENVELOPE, -6.F),

    ARC(ENVELOPE, BODY, -.2F),
    ARC(ENVELOPE, BODY_ENVELOPE, -3.5F),
    ARC(ENVELOPE, RSET, -4.5F),
    ARC(ENVELOPE, QUIT, -5.F),
    ARC(ENVELOPE, ENVELOPE, -6.F),
    ARC(ENVELOPE, MAIL, -7.F),

    ARC(ENVELOPE_REFUSED, ENVELOPE, -1.5F),
    ARC(ENVELOPE_REFUSED, ENVELOPE_REFUSED, -2.F),
    ARC(ENVELOPE_REFUSED, RSET, -1.F),
    ARC(ENVELOPE_REFUSED, QUIT, -1.F),

    ARC(ADDRESSES, CHUNK, -.7F),
    ARC(ADDRESSES, DATA, -1.2F),
    ARC(ADDRESSES, RSET, -4.5F),
    ARC(ADDRESSES, QUIT, -5.F),
    ARC(ADDRESSES, ADDRESSES, -6.F),
    ARC(ADDRESSES, RCPT, -5.F),

    ARC(ADDRESSES, MORE, -2.F),
    ARC(ADDRESSES, MORE_DATA, -1.8F),
    ARC(MORE, MORE, -.8F),
    ARC(MORE, MORE_DATA, -.8F),
    ARC(MORE, DATA, -2.F),
    ARC(MORE, CHUNK, -1.5F),
    ARC(MORE_DATA, BODY, -.2F),
    ARC(MORE_DATA, BODY_ENVELOPE, -3.F),
    ARC(MORE_DATA, RSET, -4.5F),
    ARC(MORE_DATA, QUIT, -5.F),

    ARC(BODY, MAIL, -1.2F),
    ARC(BODY, ENVELOPE, -1.3F),
    ARC(BODY, ENVELOPE_REFUSED, -4.F),
    ARC(BODY, ADDRESSES, -2.5F),
    ARC(BODY, RSET, -2.F),
    ARC(BODY, QUIT, -1.F),
    ARC(BODY, ALL, -6.F),

    ARC(BODY_ENVELOPE, BODY, -1.F),
    ARC(BODY_ENVELOPE, BODY_ENVELOPE, -.6F),
    ARC(BODY_ENVELOPE, QUIT, -5.F),
    ARC(BODY_ENVELOPE, RSET, -5.F),

    ARC(CHUNK, CHUNK, -1.5F),
    ARC(CHUNK, MAIL, -1.8F),
    ARC(CHUNK, ADDRESSES, -1.2F),
    ARC(CHUNK, ALL, -1.8F),
    ARC(CHUNK, RSET, -2.F),
    ARC(CHUNK, QUIT, -1.F),
    ARC(CHUNK, ENVELOPE, -4.F),

    ARC(ALL, ALL, -.8F),
    ARC(ALL, QUIT, -1.F),
    ARC(ALL, RSET, -2.F),
    ARC(ALL, ADDRESSES, -4.F),
    ARC(ALL, MAIL, -4.F),

    ARC(EHLO, BEGIN, -4.F),
    ARC(AUTH, BEGIN, -4.F),
    ARC(CHUNK, BEGIN, -2.F),
    ARC(ALL, BEGIN, -2.2F),
    ARC(RSET, BEGIN, -3.F),
    ARC(BODY, BEGIN, -6.F),
    ARC(BEGIN, CHUNK, -.1F),
    ARC(BEGIN, RSET, -5.F),
    ARC(BEGIN, QUIT, -5.F),

    ARC(EHLO, ALL_REFUSED, -4.5F),
    ARC(AUTH, ALL_REFUSED, -4.5F),
    ARC(ALL, ALL_REFUSED, -2.5F),
    ARC(CHUNK, ALL_REFUSED, -3.F),
    ARC(RSET, ALL_REFUSED, -3.F),
    ARC(ALL_REFUSED, ALL_REFUSED, -1.5F),
    ARC(ALL_REFUSED, ALL, -1.F),
    ARC(ALL_REFUSED, BEGIN, -2.F),
    ARC(ALL_REFUSED, RSET, -1.F),
    ARC(ALL_REFUSED, QUIT, -1.F),

    ARC(RSET, MAIL, -1.F),
    ARC(RSET, ENVELOPE, -1.F),
    ARC(RSET, ENVELOPE_REFUSED, -3.F),
    ARC(RSET, ADDRESSES, -2.F),
    ARC(RSET, ALL, -3.F),
    ARC(RSET, QUIT, -2.F),
    ARC(RSET, RSET, -3.F),
    ARC(RSET, EHLO, -5.F),

    ARC(QUIT, QUIT, -3.F),
};

const size_t tls_model_arc_count = sizeof(tls_model_arcs) / sizeof(tls_model_arcs[0]);

/* Reply lengths by server software, with CRLF: MAIL, RCPT, DATA, end of data
 * (typical), a chunk that is not the last,
 * the last. */
const uint8_t tls_model_replies[TLS_FAMILY__COUNT][ESTIMATE__REPLIES] = {
    [TLS_FAMILY_POSTFIX] = {14, 14, 37, 40, 25, 48},
    [TLS_FAMILY_EXIM] = {8, 14, 56, 28, 29, 63},
    [TLS_FAMILY_GOOGLE] = {66, 66, 66, 78, 66, 78}, /* with an identifier of about 53 bytes */
    [TLS_FAMILY_EXCHANGE] = {21, 24, 46, 186, 31, 186},
};

const bool tls_model_vary[TLS_FAMILY__COUNT] = {[TLS_FAMILY_GOOGLE] = true};

uint8_t
tls_model_style(enum estimate_state state)
{
	switch (state) {
	case ESTIMATE_MAIL:
	case ESTIMATE_RCPT:
	case ESTIMATE_RCPT_REFUSED:
		return ESTIMATE_STYLE_STEPS;
	case ESTIMATE_DATA:
	case ESTIMATE_BODY:
		return ESTIMATE_STYLE_DATA;
	case ESTIMATE_ENVELOPE:
	case ESTIMATE_ENVELOPE_REFUSED:
	case ESTIMATE_BODY_ENVELOPE:
	case ESTIMATE_MORE_DATA:
		return ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_DATA;
	case ESTIMATE_MORE:
	case ESTIMATE_ADDRESSES:
		return ESTIMATE_STYLE_PIPELINED;
	case ESTIMATE_CHUNK:
		return ESTIMATE_STYLE_BDAT;
	case ESTIMATE_BEGIN:
	case ESTIMATE_ALL:
	case ESTIMATE_ALL_REFUSED:
		return ESTIMATE_STYLE_PIPELINED | ESTIMATE_STYLE_BDAT;
	default:
		return 0;
	}
}

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
