/* SPDX-License-Identifier: ISC */
/*
 * All that bulkhead-notice reads: the guard's packets, and the bytes of blocked servers.  First byte
 * even: a packet for the table.  Odd: a greeting's texts (up to a zero byte), then what a client says,
 * in pieces of their own allocation.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/responder_dialogue.h"
#include "policy/responder_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct responder_table *table;

static void
feed_table(const uint8_t *data, size_t size)
{
	if (table == NULL && responder_table_new(&table, NULL) != 0)
		abort();
	(void)responder_table_take(table, data, size);
	if (responder_table_count(table) > RESPONDER_TABLE_MAX)
		abort();
	for (uint32_t link = 0; link < 8; link++)
		if (strlen(responder_table_case(table, link)) > 15)
			abort();
}

/* Whatever the address and the case are, one line comes out. */
static void
greet(const char *text)
{
	char greeting[RESPONDER_GREETING_MAX];
	size_t n = responder_dialogue_greet(greeting, 554, "bh-x", text);

	if (n < 6 || n >= RESPONDER_GREETING_MAX || memchr(greeting, '\n', n) != greeting + n - 1 ||
	    memchr(greeting, '\r', n) != greeting + n - 2)
		abort();
}

static void
talk(const uint8_t *data, size_t size)
{
	struct responder_dialogue d = {0};
	unsigned answers = 0;

	while (size > 0) {
		size_t n = size < 13 ? size : 13, used = 0;
		uint8_t *piece = malloc(n);
		enum responder_act act;

		if (piece == NULL)
			abort();
		memcpy(piece, data, n);
		act = responder_dialogue_take(&d, piece, n, &used);
		free(piece);
		if (used == 0 || used > n || d.line_bytes >= RESPONDER_LINE_MAX + 1)
			abort();
		if (act == RESPONDER_QUIT || act == RESPONDER_END)
			return;
		answers += act == RESPONDER_REFUSE;
		if (answers >= RESPONDER_COMMANDS_MAX)
			abort();
		data += used;
		size -= used;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512] = "";
	const uint8_t *zero;
	size_t n;

	if (size == 0)
		return 0;
	data++;
	size--;
	if ((data[-1] & 1) == 0) {
		feed_table(data, size);
		return 0;
	}
	zero = memchr(data, 0, size);
	n = zero != NULL ? (size_t)(zero - data) : 0;
	memcpy(text, data, n < sizeof(text) - 1 ? n : sizeof(text) - 1);
	greet(text);
	talk(data + n, size - n);
	return 0;
}
