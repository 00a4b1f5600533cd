/* SPDX-License-Identifier: ISC */
/* The ledger's hash chain; see ledger.h.  bulkhead-guard. */
#include "policy/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "policy/store.h"

static const char first_previous[HASH_SHA256_HEX] =
    "0000000000000000000000000000000000000000000000000000000000000000";

void
ledger_hash(const char *previous, const struct ledger_entry *entry, char out[HASH_SHA256_HEX])
{
	char text[HASH_SHA256_HEX + 64 + sizeof(entry->actor) + sizeof(entry->action) +
		  sizeof(entry->subject) + sizeof(entry->detail)];
	int n = snprintf(text, sizeof(text), "%s\n%" PRId64 "\n%" PRId64 "\n%s\n%s\n%s\n%s",
	    previous, entry->seq, entry->time_ns, entry->actor, entry->action, entry->subject,
	    entry->detail);

	hash_sha256_hex(out, text, (size_t)n);
}

/* A line feed in a field would let one entry be read as another with the same hash. */
static void
flatten(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

static int
append(struct store *st, struct ledger_entry *entry, struct err *e)
{
	struct ledger_entry last;
	int rc = store_last_ledger(st, &last, e);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	flatten(entry->actor);
	flatten(entry->action);
	flatten(entry->subject);
	flatten(entry->detail);
	entry->seq = rc == -ENOENT ? 1 : last.seq + 1;
	ledger_hash(rc == -ENOENT ? first_previous : last.hash, entry, entry->hash);
	return store_append_ledger(st, entry, e);
}

int
ledger_append(struct store *st, struct ledger_entry *entry, struct err *e)
{
	int rc = store_begin(st, e);

	if (rc < 0)
		return rc;
	rc = append(st, entry, e);
	if (rc == 0)
		return store_commit(st, e);
	store_rollback(st);
	return rc;
}

struct walk {
	char previous[HASH_SHA256_HEX];
	int64_t seq;
	const char *head;
	bool head_seen;
	struct err *e;
};

static int
check_entry(void *arg, const struct ledger_entry *entry)
{
	struct walk *w = arg;
	char hash[HASH_SHA256_HEX];

	if (entry->seq != w->seq + 1)
		return err_set(w->e, -EBADMSG,
		    "the ledger lacks entry %" PRId64 ": compare it with a copy of the database",
		    w->seq + 1);
	ledger_hash(w->previous, entry, hash);
	if (strcmp(hash, entry->hash) != 0)
		return err_set(w->e, -EBADMSG,
		    "entry %" PRId64
		    " of the ledger was changed after it was written: compare it with a copy of "
		    "the database",
		    entry->seq);
	w->seq = entry->seq;
	memcpy(w->previous, hash, sizeof(hash));
	if (w->head != NULL && strcasecmp(w->head, hash) == 0)
		w->head_seen = true;
	return 0;
}

int
ledger_verify(struct store *st, const char *head, int64_t *entries, struct err *e)
{
	struct walk w = {.seq = 0, .head = head, .e = e};
	int rc;

	memcpy(w.previous, first_previous, sizeof(w.previous));
	/* From the smallest number there is: an entry smuggled in before the first must show too.
	 */
	rc = store_each_ledger(st, INT64_MIN, check_entry, &w, e);
	if (rc < 0)
		return rc;
	if (head != NULL && !w.head_seen)
		return err_set(e, -EBADMSG,
		    "no entry of the ledger has the hash %s: its tail was cut, or the hash is "
		    "another ledger's",
		    head);
	*entries = w.seq;
	return 0;
}
