/* SPDX-License-Identifier: ISC */
/*
 * The schema of the database as a list of migrations.  A migration that was released is never
 * edited: a new one is appended.  Each runs in one transaction with the user_version that says that
 * it has run. bulkhead-guard.
 *
 * Times are INTEGER nanoseconds since 1970 (0 = never).  Lists are joined with ';', as in the
 * inventory file.  Enumerations are the numbers of their C enum, which are therefore never
 * renumbered.
 */
#include "policy/store_private.h"

#include <errno.h>
#include <stdio.h>

#define APPLICATION_ID 0x42686431 /* "Bhd1": tells our file from any other SQLite database */

static const char *const migrations[] = {
    /* 1 */
    "CREATE TABLE meta ("
    "  key TEXT PRIMARY KEY NOT NULL,"
    "  value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE server ("
    "  position INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE CHECK (name <> ''),"
    "  tenant TEXT NOT NULL,"
    "  plan TEXT NOT NULL,"
    "  mode TEXT NOT NULL CHECK (mode IN ('', 'observe', 'enforce')),"
    "  contact TEXT NOT NULL,"
    "  lang TEXT NOT NULL,"
    "  virtualization TEXT NOT NULL,"
    "  interfaces TEXT NOT NULL,"
    "  macs TEXT NOT NULL,"
    "  addresses TEXT NOT NULL"
    ") STRICT;"

    /* What the judge knows of a server, as judge_save() wrote it. */
    "CREATE TABLE state ("
    "  server TEXT PRIMARY KEY NOT NULL,"
    "  data BLOB NOT NULL"
    ") STRICT;"

    "CREATE TABLE block_case ("
    "  case_id TEXT PRIMARY KEY NOT NULL CHECK (case_id <> ''),"
    "  server TEXT NOT NULL,"
    "  question INTEGER NOT NULL CHECK (question BETWEEN 0 AND 2),"
    "  by_person INTEGER NOT NULL CHECK (by_person IN (0, 1)),"
    "  pinned INTEGER NOT NULL CHECK (pinned IN (0, 1)),"
    "  shadow INTEGER NOT NULL CHECK (shadow IN (0, 1)),"
    "  begin_ns INTEGER NOT NULL,"
    "  until_ns INTEGER NOT NULL,"
    "  end_ns INTEGER NOT NULL,"
    "  messages_before INTEGER NOT NULL,"
    "  bulk_points REAL NOT NULL,"
    "  abuse_points REAL NOT NULL,"
    "  detail TEXT NOT NULL,"
    "  reason TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX block_case_of_server ON block_case (server, begin_ns);"
    "CREATE INDEX block_case_open ON block_case (begin_ns) WHERE end_ns = 0;"

    "CREATE TABLE application ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),"
    "  purpose INTEGER NOT NULL CHECK (purpose BETWEEN 0 AND 1),"
    "  servers TEXT NOT NULL,"
    "  domains TEXT NOT NULL,"
    "  per_day INTEGER NOT NULL,"
    "  list_size INTEGER NOT NULL,"
    "  list_origin TEXT NOT NULL,"
    "  contact TEXT NOT NULL,"
    "  lang TEXT NOT NULL,"
    "  created_ns INTEGER NOT NULL,"
    "  changed_ns INTEGER NOT NULL,"
    "  grant_until_ns INTEGER NOT NULL,"
    "  reason TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE evidence ("
    "  application INTEGER NOT NULL REFERENCES application (id),"
    "  position INTEGER NOT NULL,"
    "  kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 6),"
    "  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),"
    "  size INTEGER NOT NULL,"
    "  type TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  added_ns INTEGER NOT NULL,"
    "  PRIMARY KEY (application, position)"
    ") STRICT, WITHOUT ROWID;"

    /* "grant" is a word of SQL.  Legacy imports have no application, so the id is not a reference.
     */
    "CREATE TABLE mail_grant ("
    "  id INTEGER PRIMARY KEY,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),"
    "  servers TEXT NOT NULL,"
    "  domains TEXT NOT NULL,"
    "  per_day INTEGER NOT NULL,"
    "  per_hour INTEGER NOT NULL,"
    "  from_ns INTEGER NOT NULL,"
    "  until_ns INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE ledger ("
    "  seq INTEGER PRIMARY KEY,"
    "  time_ns INTEGER NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  action TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  detail TEXT NOT NULL,"
    "  hash TEXT NOT NULL CHECK (length(hash) = 64)"
    ") STRICT;"
    "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    "CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    /* Without this, INSERT OR REPLACE would delete a row without asking the trigger above. */
    "CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger"
    " WHEN EXISTS (SELECT 1 FROM ledger WHERE seq = NEW.seq)"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;",

    /* The history of one application, who else shows the same evidence, and what the daily watch
     * over a grant counts. */
    "CREATE INDEX ledger_of_subject ON ledger (subject, seq);"
    "CREATE INDEX evidence_of_content ON evidence (sha256, application);"
    "CREATE TABLE grant_watch ("
    "  id INTEGER PRIMARY KEY REFERENCES mail_grant (id),"
    "  day_ns INTEGER NOT NULL,"
    "  messages INTEGER NOT NULL,"
    "  unsubscribable INTEGER NOT NULL,"
    "  recipients INTEGER NOT NULL,"
    "  unknown INTEGER NOT NULL,"
    "  volume INTEGER NOT NULL,"
    "  checked_ns INTEGER NOT NULL,"
    "  level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 3),"
    "  reason TEXT NOT NULL,"
    "  reminded_ns INTEGER NOT NULL"
    ") STRICT;",

    /* What the machine checks of an application found (whitelist/check.h as JSON), the newest run. */
    "CREATE TABLE check_report ("
    "  application INTEGER PRIMARY KEY REFERENCES application (id),"
    "  made_ns INTEGER NOT NULL,"
    "  report TEXT NOT NULL"
    ") STRICT;",

    /* The pages that C1, C2 and C4 visit. */
    ("ALTER TABLE application ADD COLUMN form_url TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE application ADD COLUMN rules_url TEXT NOT NULL DEFAULT '';"),

    /* What tenants and operators have to hear, for each hook once (policy/notice.h). */
    ("CREATE TABLE notice ("
     "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
     "  kind TEXT NOT NULL,"
     "  subject TEXT NOT NULL,"
     "  hook TEXT NOT NULL,"
     "  server TEXT NOT NULL,"
     "  contact TEXT NOT NULL,"
     "  lang TEXT NOT NULL,"
     "  made_ns INTEGER NOT NULL,"
     "  due_ns INTEGER NOT NULL,"
     "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),"
     "  done_ns INTEGER NOT NULL,"
     "  error TEXT NOT NULL,"
     "  attempts INTEGER NOT NULL DEFAULT 0,"
     "  UNIQUE (kind, subject, hook)"
     ") STRICT;"
     "CREATE INDEX notice_due ON notice (due_ns) WHERE state < 2;"
     "CREATE INDEX notice_state ON notice (state);"),

    /* The report that an approval was given on, and how the online checks stand against it since. */
    ("ALTER TABLE check_report ADD COLUMN approved TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE grant_watch ADD COLUMN pages_ns INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE grant_watch ADD COLUMN pages_bad_ns INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE grant_watch ADD COLUMN pages_level INTEGER NOT NULL DEFAULT 0"
     " CHECK (pages_level BETWEEN 0 AND 3);"
     "ALTER TABLE grant_watch ADD COLUMN pages_reason TEXT NOT NULL DEFAULT '';"),

    /* What a hypervisor told of its servers the last time, as it told it. */
    ("CREATE TABLE discovery ("
     "  source TEXT PRIMARY KEY NOT NULL,"
     "  text TEXT NOT NULL"
     ") STRICT, WITHOUT ROWID;"),
    /* Warnings and throttles are cases too, with the rung that they are about; and every step on the
     * ladder with who took it, for the timeline of a case. */
    ("ALTER TABLE block_case ADD COLUMN rung INTEGER NOT NULL DEFAULT 4 CHECK (rung BETWEEN 2 AND "
     "4);"
     "CREATE INDEX block_case_begin ON block_case (begin_ns);"
     "CREATE TABLE rung_step ("
     "  id INTEGER PRIMARY KEY,"
     "  server TEXT NOT NULL,"
     "  time_ns INTEGER NOT NULL,"
     "  from_rung INTEGER NOT NULL CHECK (from_rung BETWEEN 0 AND 4),"
     "  to_rung INTEGER NOT NULL CHECK (to_rung BETWEEN 0 AND 4),"
     "  shadow INTEGER NOT NULL CHECK (shadow IN (0, 1)),"
     "  bulk_points REAL NOT NULL,"
     "  abuse_points REAL NOT NULL,"
     "  until_ns INTEGER NOT NULL,"
     "  case_id TEXT NOT NULL,"
     "  actor TEXT NOT NULL,"
     "  reason TEXT NOT NULL"
     ") STRICT;"
     "CREATE INDEX rung_step_of_server ON rung_step (server, time_ns);"
     "CREATE INDEX rung_step_time ON rung_step (time_ns);"),

    /* Complaints of receivers (whitelist/complaint.h), and who had which address when. */
    ("CREATE TABLE complaint ("
     "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
     "  digest TEXT NOT NULL UNIQUE,"
     "  type TEXT NOT NULL,"
     "  source TEXT NOT NULL,"
     "  arrival_ns INTEGER NOT NULL,"
     "  imported_ns INTEGER NOT NULL,"
     "  reporter TEXT NOT NULL,"
     "  domain TEXT NOT NULL,"
     "  server TEXT NOT NULL,"
     "  how TEXT NOT NULL,"
     "  counted INTEGER NOT NULL CHECK (counted IN (0, 1))"
     ") STRICT;"
     "CREATE INDEX complaint_of_server ON complaint (server, id);"
     "CREATE TABLE address_owner ("
     "  id INTEGER PRIMARY KEY,"
     "  address TEXT NOT NULL,"
     "  server TEXT NOT NULL,"
     "  from_ns INTEGER NOT NULL,"
     "  until_ns INTEGER NOT NULL"
     ") STRICT;"
     "CREATE INDEX address_owner_now ON address_owner (server) WHERE until_ns = 0;"),
};

#define SCHEMA_VERSION ((int)(sizeof(migrations) / sizeof(*migrations)))

static int
read_pragma(struct store *st, const char *sql, int *out, struct err *e)
{
	sqlite3_stmt *s;
	int value = 0;

	if (sqlite3_prepare_v2(st->db, sql, -1, &s, NULL) != SQLITE_OK)
		return store_fail(st, "read the version", e);
	int rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		value = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	if (rc != SQLITE_ROW)
		return store_fail(st, "read the version", e);
	*out = value;
	return 0;
}

/* The version in the file, or an error that says why it is not ours to use. */
static int
read_version(struct store *st, int *version, struct err *e)
{
	int id = 0, tables = 0, rc;

	rc = read_pragma(st, "PRAGMA application_id", &id, e);
	if (rc == 0)
		rc = read_pragma(st, "PRAGMA user_version", version, e);
	if (rc == 0)
		rc = read_pragma(st, "SELECT count(*) FROM sqlite_schema", &tables, e);
	if (rc < 0)
		return rc;
	if (id != APPLICATION_ID && (id != 0 || *version != 0 || tables != 0))
		return err_set(e, -EINVAL,
		    "%s is an SQLite database of another program: set state_dir to a folder of "
		    "Bulkhead's own",
		    st->path);
	if (*version > SCHEMA_VERSION)
		return err_set(e, -EPROTO,
		    "%s was written by a newer Bulkhead (schema %d, this one knows %d): install "
		    "that version "
		    "again, or restore the copy made before the upgrade",
		    st->path, *version, SCHEMA_VERSION);
	return 0;
}

int
store_migrate(struct store *st, struct err *e)
{
	int version = 0, rc;

	rc = read_version(st, &version, e);
	if (rc < 0 || version == SCHEMA_VERSION)
		return rc;
	if (sqlite3_exec(st->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return store_fail(st, "begin the migration", e);
	for (; version < SCHEMA_VERSION; version++) {
		char mark[96];

		snprintf(mark, sizeof(mark), "PRAGMA user_version = %d; PRAGMA application_id = %d",
		    version + 1, APPLICATION_ID);
		if (sqlite3_exec(st->db, migrations[version], NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(st->db, mark, NULL, NULL, NULL) != SQLITE_OK)
			goto fail;
	}
	if (sqlite3_exec(st->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
fail:
	rc = store_fail(st, "migrate the database", e);
	sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}
