/* SPDX-License-Identifier: ISC */
/* Every statement that the database is asked, in one table.  bulkhead-guard. */
#include "policy/store_private.h"

#define SERVER_COLUMNS \
	"name, tenant, plan, mode, contact, lang, virtualization, interfaces, macs, addresses"
#define CASE_COLUMNS                                                                         \
	"case_id, server, question, by_person, pinned, shadow, begin_ns, until_ns, end_ns, " \
	"messages_before, bulk_points, abuse_points, detail, reason, rung"
#define STEP_COLUMNS                                                                         \
	"server, time_ns, from_rung, to_rung, shadow, bulk_points, abuse_points, until_ns, " \
	"case_id, "                                                                          \
	"actor, reason"
#define APPLICATION_COLUMNS                                                                  \
	"state, purpose, servers, domains, per_day, list_size, list_origin, contact, lang, " \
	"created_ns, changed_ns, grant_until_ns, reason, form_url, rules_url"
#define EVIDENCE_COLUMNS "application, position, kind, sha256, size, type, name, added_ns"
#define GRANT_COLUMNS	 "id, state, servers, domains, per_day, per_hour, from_ns, until_ns"
#define LEDGER_COLUMNS	 "seq, time_ns, actor, action, subject, detail, hash"

#define WATCH_COLUMNS                                                                            \
	"id, day_ns, messages, unsubscribable, recipients, unknown, volume, checked_ns, level, " \
	"reason, reminded_ns, pages_ns, pages_bad_ns, pages_level, pages_reason"

#define COMPLAINT_COLUMNS                                                                \
	"digest, type, source, arrival_ns, imported_ns, reporter, domain, server, how, " \
	"counted"
#define NOTICE_COLUMNS \
	"kind, subject, hook, server, contact, lang, made_ns, due_ns, state, done_ns, error"

const char *const store_statements[STORE_STMT__COUNT] = {
    [STORE_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_COMMIT] = "COMMIT",
    [STORE_ROLLBACK] = "ROLLBACK",
    [STORE_META_PUT] = "INSERT INTO meta (key, value) VALUES (?1, ?2)"
		       " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [STORE_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [STORE_SERVER_PUT] =
	"INSERT INTO server (" SERVER_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
	" ON CONFLICT (name) DO UPDATE SET tenant = excluded.tenant, plan = excluded.plan,"
	" mode = excluded.mode, contact = excluded.contact, lang = excluded.lang,"
	" virtualization = excluded.virtualization, interfaces = excluded.interfaces,"
	" macs = excluded.macs, addresses = excluded.addresses",
    [STORE_SERVER_REMOVE] = "DELETE FROM server WHERE name = ?1",
    [STORE_SERVER_EACH] = "SELECT " SERVER_COLUMNS " FROM server ORDER BY position",
    [STORE_CASE_PUT] = "INSERT INTO block_case (" CASE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
		       " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
		       " ON CONFLICT (case_id) DO UPDATE SET pinned = excluded.pinned,"
		       " by_person = excluded.by_person, shadow = excluded.shadow,"
		       " until_ns = excluded.until_ns, end_ns = excluded.end_ns,"
		       " messages_before = excluded.messages_before, detail = excluded.detail,"
		       " reason = excluded.reason",
    [STORE_CASE_GET] = "SELECT " CASE_COLUMNS " FROM block_case WHERE case_id = ?1",
    [STORE_CASE_NEWEST] = "SELECT " CASE_COLUMNS " FROM block_case WHERE server = ?1"
			  " AND rung = 4 ORDER BY end_ns = 0 DESC, begin_ns DESC, rowid DESC"
			  " LIMIT 1",
    [STORE_CASE_EACH_OPEN] = "SELECT " CASE_COLUMNS " FROM block_case WHERE end_ns = 0"
			     " AND rung = 4 ORDER BY begin_ns",
    [STORE_CASE_EACH_OF] = "SELECT " CASE_COLUMNS " FROM block_case WHERE server = ?1 AND rung = 4"
			   " ORDER BY begin_ns DESC, rowid DESC LIMIT ?2",
    [STORE_CASE_LIST] = "SELECT " CASE_COLUMNS " FROM block_case WHERE (?1 = '' OR server = ?1)"
			" AND shadow >= ?2 AND rung >= ?3 AND (?4 = 0 OR end_ns = 0)"
			" ORDER BY begin_ns DESC, rowid DESC LIMIT ?5",
    [STORE_CASE_END_BELOW] = "UPDATE block_case SET end_ns = ?2"
			     " WHERE server = ?1 AND end_ns = 0 AND rung < 4",
    [STORE_CASE_OPEN_BELOW] = "SELECT " CASE_COLUMNS " FROM block_case WHERE server = ?1"
			      " AND end_ns = 0 AND rung < 4 ORDER BY begin_ns DESC LIMIT 1",
    [STORE_CASE_FORGET] = "DELETE FROM block_case WHERE rung < 4 AND end_ns <> 0 AND end_ns < ?1",
    [STORE_CASE_SHIFT] = "UPDATE block_case SET begin_ns = begin_ns + ?1,"
			 " until_ns = iif(until_ns = 0, 0, until_ns + ?1) WHERE end_ns = 0",
    [STORE_STEP_ADD] = "INSERT INTO rung_step (" STEP_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
		       " ?7, ?8, ?9, ?10, ?11)",
    [STORE_STEP_EACH] = "SELECT " STEP_COLUMNS " FROM rung_step WHERE server = ?1"
			" AND time_ns >= ?2 AND time_ns <= ?3 ORDER BY time_ns, id LIMIT ?4",
    [STORE_STEP_FORGET] = "DELETE FROM rung_step WHERE time_ns < ?1",
    [STORE_STATE_PUT] = "INSERT INTO state (server, data) VALUES (?1, ?2)"
			" ON CONFLICT (server) DO UPDATE SET data = excluded.data",
    [STORE_STATE_REMOVE] = "DELETE FROM state WHERE server = ?1",
    [STORE_STATE_EACH] = "SELECT server, data FROM state",
    [STORE_APPLICATION_ADD] = "INSERT INTO application (" APPLICATION_COLUMNS ") VALUES"
			      " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [STORE_APPLICATION_PUT] =
	"UPDATE application SET (" APPLICATION_COLUMNS ") ="
	" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) WHERE id = ?16",
    [STORE_APPLICATION_GET] = "SELECT " APPLICATION_COLUMNS ", id FROM application WHERE id = ?1",
    [STORE_APPLICATION_EACH] = "SELECT " APPLICATION_COLUMNS ", id FROM application"
			       " WHERE ?1 < 0 OR state = ?1 ORDER BY id",
    [STORE_EVIDENCE_CLEAR] = "DELETE FROM evidence WHERE application = ?1",
    [STORE_EVIDENCE_ADD] = "INSERT INTO evidence (" EVIDENCE_COLUMNS ") VALUES"
			   " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [STORE_EVIDENCE_EACH] = "SELECT " EVIDENCE_COLUMNS " FROM evidence WHERE application = ?1"
			    " ORDER BY position",
    [STORE_CHECK_PUT] =
	"INSERT INTO check_report (application, made_ns, report) VALUES (?1, ?2, ?3)"
	" ON CONFLICT (application) DO UPDATE SET made_ns = excluded.made_ns,"
	" report = excluded.report",
    [STORE_CHECK_GET] = "SELECT report FROM check_report WHERE application = ?1",
    [STORE_CHECK_APPROVE] = "UPDATE check_report SET approved = report WHERE application = ?1",
    [STORE_CHECK_APPROVED] = "SELECT approved FROM check_report"
			     " WHERE application = ?1 AND approved <> ''",
    [STORE_EVIDENCE_OTHERS] = "SELECT DISTINCT application FROM evidence"
			      " WHERE sha256 = ?1 AND application <> ?2 ORDER BY application",
    [STORE_GRANT_PUT] =
	"INSERT INTO mail_grant (" GRANT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	" ON CONFLICT (id) DO UPDATE SET state = excluded.state, servers = excluded.servers,"
	" domains = excluded.domains, per_day = excluded.per_day, per_hour = excluded.per_hour,"
	" from_ns = excluded.from_ns, until_ns = excluded.until_ns",
    [STORE_GRANT_EACH] = "SELECT " GRANT_COLUMNS " FROM mail_grant ORDER BY id",
    [STORE_LEDGER_ADD] = "INSERT INTO ledger (" LEDGER_COLUMNS ") VALUES"
			 " (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STORE_LEDGER_LAST] = "SELECT " LEDGER_COLUMNS " FROM ledger ORDER BY seq DESC LIMIT 1",
    [STORE_LEDGER_EACH] = "SELECT " LEDGER_COLUMNS " FROM ledger WHERE seq >= ?1 ORDER BY seq",
    [STORE_LEDGER_EACH_OF] = "SELECT " LEDGER_COLUMNS " FROM ledger WHERE subject = ?1"
			     " ORDER BY seq DESC LIMIT ?2",
    [STORE_EVIDENCE_USES] = "SELECT DISTINCT application FROM evidence WHERE sha256 = ?1"
			    " ORDER BY application",
    [STORE_WATCH_PUT] = "INSERT OR REPLACE INTO grant_watch (" WATCH_COLUMNS ") VALUES"
			" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [STORE_WATCH_EACH] = "SELECT " WATCH_COLUMNS " FROM grant_watch ORDER BY id",
    [STORE_DISCOVERY_PUT] = "INSERT OR REPLACE INTO discovery (source, text) VALUES (?1, ?2)",
    [STORE_DISCOVERY_GET] = "SELECT text FROM discovery WHERE source = ?1",
    [STORE_COMPLAINT_ADD] =
	"INSERT INTO complaint (" COMPLAINT_COLUMNS ") VALUES"
	" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (digest) DO NOTHING",
    [STORE_COMPLAINT_EACH] = "SELECT " COMPLAINT_COLUMNS " FROM complaint"
			     " WHERE ?1 = '' OR server = ?1 ORDER BY id DESC LIMIT ?2",
    [STORE_COMPLAINT_FORGET] = "DELETE FROM complaint WHERE imported_ns < ?1",
    [STORE_OWNER_ADD] = "INSERT INTO address_owner (address, server, from_ns, until_ns)"
			" VALUES (?1, ?2, ?3, 0)",
    [STORE_OWNER_END] = "UPDATE address_owner SET until_ns = ?2"
			" WHERE server = ?1 AND until_ns = 0",
    [STORE_OWNER_EACH] = "SELECT address, server FROM address_owner WHERE from_ns <= ?1"
			 " AND (until_ns = 0 OR until_ns > ?1)",
    [STORE_OWNER_FORGET] = "DELETE FROM address_owner WHERE until_ns <> 0 AND until_ns < ?1",
    /* Once per kind, subject and hook: a second one is no error and changes nothing. */
    [STORE_NOTICE_ADD] = "INSERT INTO notice (" NOTICE_COLUMNS ") VALUES"
			 " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
			 " ON CONFLICT (kind, subject, hook) DO NOTHING",
    [STORE_NOTICE_SET] = "UPDATE notice SET state = ?2, due_ns = ?3, done_ns = ?4, attempts = ?5,"
			 " error = ?6, made_ns = ?7, contact = ?8, lang = ?9 WHERE id = ?1",
    [STORE_NOTICE_EACH_DUE] = "SELECT id, " NOTICE_COLUMNS ", attempts FROM notice"
			      " WHERE state < 2 AND due_ns <= ?1 ORDER BY due_ns, id",
    [STORE_NOTICE_EACH] = "SELECT id, " NOTICE_COLUMNS ", attempts FROM notice"
			  " WHERE ?1 < 0 OR state = ?1 ORDER BY id DESC LIMIT ?2",
    [STORE_NOTICE_GET] = "SELECT id, " NOTICE_COLUMNS ", attempts FROM notice WHERE id = ?1",
    [STORE_NOTICE_COUNT] = "SELECT state, count(*), sum(attempts > 0), min(made_ns) FROM notice"
			   " GROUP BY state",
    /* While a case stands, its notice is remembered: the case may still be changed. */
    [STORE_NOTICE_FORGET] = "DELETE FROM notice WHERE state >= 2 AND done_ns < ?1 AND NOT"
			    " EXISTS (SELECT 1 FROM block_case WHERE case_id = subject AND"
			    " end_ns = 0)",
};
