/* SPDX-License-Identifier: ISC */
/*
 * The control protocol on ctl.sock: one JSON object per frame (base/sock.h), descriptors for evidence.
 * Peer credentials give the role; one table gives each command the role it needs.  bulkhead-guard.
 *
 * Request  {"version":1,"command":"server.show","args":{"server":"vm-7"}}
 * Reply    {"version":1,"ok":true,"data":{...}}  or
 *          {"version":1,"ok":false,"error":{"code":"ENOENT","text":"one sentence"}}
 *
 * command          role     args                                        data
 * status           view     {}                                          {version, mode, plan_modes:{}, own_modes, preset, uptime_s, since, pid,
 *                                 servers, verdicts:{clear,watch,warn,throttle,block}, grants_active,
 *                                 applications_waiting, unattributed, safety_catch, enforcer:{pid,features:{..}},
 *                                 sensors:[{connected_since, packets, ring_drops, flows, flows_max, malformed, gaps,
 *                                 evicted, observations_lost, one_sided, interfaces, memory_bytes, last_heard_s,
 *                                 connected, ...}],
 *                                 ledger:{entries, head}, notices:{hooks, waiting, retrying, sent, dead, oldest,
 *                                 carrier_heard_s}, blocked:[SERVER ...]}
 * server.list      view     {from?: index}                              {servers:[SERVER ...], next?}: pages
 * server.show      view     {server}                                    SERVER + {counts, bulk, abuse, samples, grant_used:
 *                                                                        as grant of APPLICATION,
 *                                                                        outgoing:{helo, helo_at, tls_offered,
 *                                                                        tls_used}, last_activity, cases:[ids], case_list:[CASELINE]}
 * server.import    abuse    {file, text}                                {added, changed, removed, unchanged, servers}
 * server.merge     abuse    {source, text, remove_vanished?}            the same + {vanished}: what a hypervisor tells
 * server.set       abuse    {server, set:{key:value ...}, new?: true}   SERVER; new: must not exist yet, else must
 * server.remove    abuse    {server}                                    {removed}
 * explain          view     {target: server or case}                    CASE
 * block            abuse    {server, reason, for_s?, pin?}              SERVER
 * release          abuse    {server | all:true, reason}                 SERVER or {released:[names]}
 * mode             admin    {mode?: observe|enforce|inherit, server? | plan?}
 *                                                                       {mode, plans:[{plan, mode}], servers:[{server, mode}]}
 * whitelist.apply  support  APPLICATION fields + evidence:[{kind, name}]; one descriptor per item
 *                                                                        APPLICATION
 * whitelist.attach support  {id, evidence:[{kind, name}]} + descriptors APPLICATION
 * whitelist.list   view     {state?}                                    {applications:[APPLICATION ...]}
 * whitelist.show   view     {id}                                        APPLICATION + {history:[{seq, time, actor,
 *                                                                        action, detail}]}; evidence items
 *                                                                        + also_in:[{application, tenant, state}]
 * whitelist.check  support  {id, keys?: lines "selector._domainkey.domain record"}  {id, running}: begins
 * whitelist.checks view     {id}                                        {id, running, report: REPORT or null}
 * whitelist.intake support  {application?, server?, lang?}; one descriptor: the mail  {intake, running}: begins
 * whitelist.intaken support {intake}                                    {running} or APPLICATION + {from, subject, letter,
 *                                                                        guesses:[{field, value, why}], files:[{name,
 *                                                                        kind, trouble, why}], candidates:[{server,
 *                                                                        tenant, taken, why}], running}
 * whitelist.recheck support {id?}                                       {queued:[ids], skipped:[{application, why}]}: begins
 * whitelist.rechecked view  {ids:[...]}                                 {waiting, results:[{application, grant, WATCH
 *                                                                        pages members, watch_level, watch_reason}]}
 * whitelist.approve support {id, per_day?, until?, override?, reason?}  APPLICATION + {blocked:[names]}; until: date
 *                                                                        or span; override: role abuse
 * whitelist.review support {id}                                        APPLICATION
 * whitelist.reject support  {id, reason}                                APPLICATION
 * whitelist.ask    support  {id, message}                               APPLICATION + {letter}: text to the tenant
 * whitelist.revoke support  {id, reason}                                APPLICATION
 * whitelist.renew  support  {id, until?}                                APPLICATION
 * whitelist.dossier view    {id}; one descriptor: a memory file          {id}; the page is written into the file
 * whitelist.submit support  {id} + APPLICATION fields that a draft lacks APPLICATION
 * whitelist.suspend support {id, reason}                                APPLICATION
 * whitelist.resume abuse    {id, reason}                                APPLICATION
 * whitelist.import abuse    {file, text}                                {added, changed, unchanged}
 * ledger.show      view     {from?}                                     {entries:[{seq,time,actor,action,subject,
 *                                                                        detail,hash}], next?}: pages; without
 *                                                                        from the last 50
 * cases            view     {server?, shadow?, blocks?, open?, limit?}  {cases:[CASELINE ...]}, newest first, at most 100
 * case.observations support {target: server or case}                   CASELINE + {policy:{key:value}, mode, servers, grants
 *                                                                        as history.open} with one descriptor: what led
 *                                                                        to it (policy/history_pack.h)
 * history.open     abuse    {from?: ISO day}                            {files:[{name, bytes}], next, mode} with one
 *                                                                        descriptor per file (at most 8: `next` is the
 *                                                                        day to go on from, or null); without `from`
 *                                                                        also servers:[{server, tenant, plan, mode}],
 *                                                                        grants:[{id, state, servers, domains, per_day,
 *                                                                        per_hour, from, until}]
 * events.follow    view     {from?}                                     as ledger.show, and goes on (see below)
 * ledger.head      view     {}                                          {entries, head}
 * ledger.verify    view     {head?}                                     {entries, head, intact:true}
 *
 * notice.take      notify   {busy?: [hooks]}                            {notice: NOTICE + {version, case, tenant, url,
 *                                 subject, text, detail: CASE or null} or null}: given out for two minutes
 * notice.done      notify   {id, attempt, result: sent|retry|dead, error?}  {}
 * notice.list      view     {state?, limit?}                            {notices:[NOTICE ...]}: the newest first
 * notice.retry     abuse    {id | all:true}                             {retried}
 *
 * abuse.import     abuse    what whitelist/complaint.h says                  COMPLAINT + {known}
 * abuse.list       view     {server?}                                   {complaints:[COMPLAINT ...]}: the newest first
 * abuse.report     view     {case}                                      {about: CASE, server?: SERVER, complaints:[...]}
 *
 * COMPLAINT {type, source, arrival, imported, reporter, domain, server, how: history|inventory|none, counted}
 * NOTICE  {id, kind, about, hook, server, contact, lang, state, made, due, done, attempts, error}
 * SERVER  {server, tenant, plan, virtualization, mode, effective_mode, contact, lang, interfaces:[], macs:[], addresses:[], verdict,
 *          question, case, blocked_at, until, seconds_left, pinned, enforced, bulk_score, abuse_score, recipients_5min,
 *          recipients_hour, recipients_day, estimated_share, grant}
 * SCORE   {score, reasons:[{signal, points, value, threshold, window_s, visibility, text}]}
 * CASELINE {case, server, verdict: warn|throttle|block, question, by_person, pinned, shadow, begin, until, ended,
 *          messages_before, bulk, abuse, reason}
 * STEP    {time, what: raised|eased|blocked|extended|released|lifted, from, to, by, bulk, abuse, case, until, reason,
 *          shadow}
 * CASE    {case, last_case, server, tenant, question, verdict, by_person, pinned, shadow, reason, blocked_at,
 *          until, seconds_left, ended, messages_before_block, bound, counts, grant, bulk:SCORE, abuse:SCORE,
 *          samples:[{time, destination, port, visibility, helo, sender_domain, recipient_domain, reply}],
 *          timeline:[STEP ...], grant_missing, next_step, text:{en, ru}}
 * APPLICATION {id, state, purpose, servers:[], domains:[], per_day, list_size, list_origin, form_url, rules_url, contact, lang,
 *          created, changed, reason, grant:{state, per_day, per_hour, from, until, used_today, used_percent|null, watch:WATCH|null}|null,
 *          missing:[sentences],
 *          evidence:[{kind, name, type, size, sha256, added}]}
 *
 * events.follow streams: after the first reply the guard sends one more frame of the same shape whenever there are
 * new entries (looked for once a second), and one with no entries after 15 s of silence.  It starts with entry `from`,
 * else with what comes next.  The connection serves nothing else: what the client sends on it ends it.  Any command
 * may stream under this rule without a new version; a client that does not know it reads one reply and hangs up.
 * WATCH   {pages:{checked, level, reason, failing_since}, checked, level: unseen|well|warn|suspend, reason, messages, unsubscribable, recipients, unknown, volume}:
 *          the newest judgement, and what was counted since
 * REPORT: whitelist/check.h, check_report_json().
 *
 * Times are ISO 8601 or null.  Unknown members are ignored; a missing one is an error that names it.
 */
#ifndef POLICY_CTL_H
#define POLICY_CTL_H

#define CTL_VERSION 1

#include <jansson.h>

#include "base/err.h"
#include "base/settings.h"
#include "base/sock.h"

enum ctl_role {
	CTL_ROLE_NONE,
	CTL_ROLE_NOTIFY, /* bulkhead-notify: fetches notices, and may nothing else */
	CTL_ROLE_VIEW,
	CTL_ROLE_SUPPORT,
	CTL_ROLE_ABUSE,
	CTL_ROLE_ADMIN,
	CTL_ROLE__COUNT
};
const char *ctl_role_name(unsigned role);

struct guard; /* policy/guard.h */

/* One request of one peer. */
struct ctl_call {
	struct guard *guard;
	const struct sock_peer *peer;
	char actor[64]; /* for the ledger: "uid 0 (root)" */
	enum ctl_role role;
	const json_t *args;
	const int *fds; /* borrowed */
	unsigned fd_count;
	int64_t now_ns;
	/* A command that streams stores here the first ledger entry that was not sent yet. */
	int64_t *follow;
	/* Descriptors that go with the reply, at most SOCK_FDS_MAX; closed by the transport. */
	int *out_fds;
	unsigned *out_fd_count;
};

struct ctl_command {
	const char *name;
	enum ctl_role role;
	/* Returns 0 with *data (new reference) or negative errno with *e. */
	int (*run)(const struct ctl_call *call, json_t **data, struct err *e);
};

/* All commands, from the ctl_cmd_*.c files; NULL-terminated tables. */
extern const struct ctl_command ctl_commands_server[];
extern const struct ctl_command ctl_commands_case[];
extern const struct ctl_command ctl_commands_whitelist[];
extern const struct ctl_command ctl_commands_dossier[];
extern const struct ctl_command ctl_commands_check[];
extern const struct ctl_command ctl_commands_decide[];
extern const struct ctl_command ctl_commands_intake[];
extern const struct ctl_command ctl_commands_system[];
extern const struct ctl_command ctl_commands_notice[];
extern const struct ctl_command ctl_commands_abuse[];
extern const struct ctl_command ctl_commands_history[];
extern const struct ctl_command ctl_commands_explain[];

/* The ledger's entries from *from on, at most a page, as {entries}; *from moves behind them. */
int ctl_follow_ledger(const struct guard *g, int64_t *from, json_t **data, struct err *e);

/* The transport: ctl.c. */
struct ctl;

/*
 * Listens at path and resolves the groups of the settings to roles; call while both are still allowed.
 * Peers of uid 0 and of our own uid are admins.  Mode 0660 with the one group that was configured (else with
 * `gid`); with several groups 0666, and who has no role is turned away unread.
 */
int ctl_open(
    struct ctl **out, const char *path, const struct settings *settings, gid_t gid, struct err *e);
/* Removes the socket file and closes every connection. */
void ctl_close(struct ctl *c);
/* One descriptor for the caller's epoll: readable when a client wants something. */
int ctl_fd(const struct ctl *c);
/* Accepts, reads, runs commands and writes replies, as far as each can go without waiting; closes clients
 * that have been idle for too long.  Call it when ctl_fd() is readable and about once a second. */
void ctl_poll(struct ctl *c, struct guard *g);

#endif
