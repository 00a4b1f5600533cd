/* SPDX-License-Identifier: ISC */
/*
 * What the store_*.c files share and nobody else sees: the handle, its statements, small helpers.
 * bulkhead-guard.
 */
#ifndef POLICY_STORE_PRIVATE_H
#define POLICY_STORE_PRIVATE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/store.h"

enum store_stmt {
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_META_PUT,
	STORE_META_GET,
	STORE_SERVER_PUT,
	STORE_SERVER_REMOVE,
	STORE_SERVER_EACH,
	STORE_CASE_PUT,
	STORE_CASE_GET,
	STORE_CASE_NEWEST,
	STORE_CASE_EACH_OPEN,
	STORE_CASE_EACH_OF,
	STORE_CASE_LIST,
	STORE_CASE_END_BELOW,
	STORE_CASE_OPEN_BELOW,
	STORE_CASE_FORGET,
	STORE_CASE_SHIFT,
	STORE_STEP_ADD,
	STORE_STEP_EACH,
	STORE_STEP_FORGET,
	STORE_STATE_PUT,
	STORE_STATE_REMOVE,
	STORE_STATE_EACH,
	STORE_APPLICATION_ADD,
	STORE_APPLICATION_PUT,
	STORE_APPLICATION_GET,
	STORE_APPLICATION_EACH,
	STORE_EVIDENCE_CLEAR,
	STORE_EVIDENCE_ADD,
	STORE_EVIDENCE_EACH,
	STORE_GRANT_PUT,
	STORE_GRANT_EACH,
	STORE_CHECK_PUT,
	STORE_CHECK_GET,
	STORE_CHECK_APPROVE,
	STORE_CHECK_APPROVED,
	STORE_EVIDENCE_OTHERS,
	STORE_LEDGER_ADD,
	STORE_LEDGER_LAST,
	STORE_LEDGER_EACH,
	STORE_LEDGER_EACH_OF,
	STORE_EVIDENCE_USES,
	STORE_WATCH_PUT,
	STORE_WATCH_EACH,
	STORE_DISCOVERY_PUT,
	STORE_DISCOVERY_GET,
	STORE_COMPLAINT_ADD,
	STORE_COMPLAINT_EACH,
	STORE_COMPLAINT_FORGET,
	STORE_OWNER_ADD,
	STORE_OWNER_END,
	STORE_OWNER_EACH,
	STORE_OWNER_FORGET,
	STORE_NOTICE_ADD,
	STORE_NOTICE_SET,
	STORE_NOTICE_EACH_DUE,
	STORE_NOTICE_EACH,
	STORE_NOTICE_GET,
	STORE_NOTICE_COUNT,
	STORE_NOTICE_FORGET,
	STORE_STMT__COUNT
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmts[STORE_STMT__COUNT];
	unsigned depth; /* of nested transactions */
	bool failed;	/* an inner transaction was rolled back: the outer one must not commit */
	char path[256];
};

/* The text of each; prepared once, at the start.  store_statements.c. */
extern const char *const store_statements[STORE_STMT__COUNT];

/* Brings the database to the newest schema.  store_schema.c. */
int store_migrate(struct store *st, struct err *e);

/* The prepared statement, reset and without bindings. */
sqlite3_stmt *store_stmt(struct store *st, enum store_stmt id);

/* What SQLite said, as a sentence that begins with what was being done; returns its negative errno.
 */
int store_fail(struct store *st, const char *doing, struct err *e);

/* Steps a statement that returns no row and resets it. */
int store_run(struct store *st, sqlite3_stmt *s, const char *doing, struct err *e);

/* Calls fn for each row until it returns non-zero, which is then returned; resets the statement. */
int store_rows(struct store *st, sqlite3_stmt *s, const char *doing,
    int (*fn)(void *arg, sqlite3_stmt *row), void *arg, struct err *e);

/* Text parameters are copied by nobody: they must live until the statement has run. */
void store_bind_text(sqlite3_stmt *s, int column, const char *text);

/* A text column into a buffer, cut to its size and always terminated. */
void store_column_text(sqlite3_stmt *s, int column, char *out, size_t size);

#endif
