/* SPDX-License-Identifier: ISC */
/* A decision made again; see case_replay.h.  bulkhead (CLI). */
#include "cli/case_replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/settings.h"
#include "base/sock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/history.h"
#include "cli/output_json.h"
#include "policy/history_file.h"
#include "policy/history_replay.h"
#include "policy/score_json.h"

/* --- asking --- */

/* The case, and the descriptor of what led to it. */
static int
ask(struct context *ctx, const char *target, json_t **answer, int *fd, struct err *e)
{
	int fds[SOCK_FDS_MAX];
	unsigned count = 0;
	int rc = client_call_files(
	    ctx, "case.observations", json_pack("{s:s}", "target", target), fds, &count, answer, e);

	if (rc < 0)
		return rc;
	if (count == 0)
		return err_set(e, -EPROTO,
		    "the guard sent no observations: use the bulkhead that "
		    "came with it");
	for (unsigned i = 1; i < count; i++)
		close(fds[i]);
	*fd = fds[0];
	return 0;
}

/* --- policies --- */

/* "key = value" lines, as in the file, of the policy that held then. */
static int
read_policy(const json_t *policy, struct settings *out, struct err *e)
{
	int fd = memfd_create("policy", MFD_CLOEXEC), rc;
	char path[40];
	const char *key;
	json_t *value;
	FILE *f;

	settings_init(out);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return err_set(e, -errno, "cannot hold the policy of then: %s", strerror(errno));
	}
	json_object_foreach ((json_t *)policy, key, value)
		if (json_is_string(value))
			fprintf(f, "%s = %s\n", key, json_string_value(value));
	fflush(f);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = config_read(settings_rows, settings_row_count, out, sizeof(*out), path, e);
	fclose(f);
	return rc < 0 ? err_wrap(e, "the policy that held then cannot be read by this version") : 0;
}

static json_t *
changed_settings(const struct settings *then, const struct settings *today)
{
	json_t *list = whatif_settings(then, today), *row, *out = json_array();
	size_t i;

	json_array_foreach (list, i, row)
		json_array_append_new(out,
		    json_pack("{s:O, s:O, s:O}", "key", json_object_get(row, "key"), "then",
			json_object_get(row, "today"), "today", json_object_get(row, "candidate")));
	json_decref(list);
	return out;
}

/* --- judging --- */

static int
replay_entry(void *arg, const struct history_entry *entry)
{
	return history_replay_entry(arg, entry);
}

static int
open_policy(
    const json_t *answer, const struct settings *settings, struct whatif **out, struct err *e)
{
	struct inventory *inv = NULL;
	struct grant *grants = NULL;
	unsigned count = 0;
	int rc = inventory_new(&inv, e);

	if (rc < 0)
		return rc;
	rc = history_read_servers(json_object_get(answer, "servers"), inv, e);
	if (rc < 0) {
		inventory_free(inv);
		return rc;
	}
	rc = whatif_new(out, settings, inv, false, e);
	if (rc == 0)
		rc = history_read_grants(json_object_get(answer, "grants"), &grants, &count, e);
	if (rc == 0)
		rc = judge_set_grants(whatif_judge(*out), grants, count, e);
	free(grants);
	return rc;
}

static json_t *
outcome_json(struct whatif *w, const char *server)
{
	int index = inventory_find(whatif_inventory(w), server);
	const struct whatif_outcome *o = index >= 0 ? whatif_outcome(w, (unsigned)index) : NULL;

	if (o == NULL)
		return json_pack("{s:s, s:n, s:n, s:o, s:n}", "verdict", "clear", "question", "at",
		    "points", json_real(0), "why");
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "verdict", rung_name(o->top), "question",
	    o->question >= 0 ? json_string(question_name((unsigned)o->question)) : json_null(),
	    "at", score_json_time(o->top_ns), "points", score_json_points(o->points), "why",
	    score_json_text_or_null(o->why));
}

static json_t *
kept_json(const json_t *answer)
{
	const char *question = output_json_get(answer, "question", NULL);

	return json_pack("{s:O, s:O, s:O, s:O}", "verdict", json_object_get(answer, "verdict"),
	    "question", json_object_get(answer, "question"), "at", json_object_get(answer, "begin"),
	    "points",
	    json_object_get(
		answer, question != NULL && strcmp(question, "abuse") == 0 ? "abuse" : "bulk"));
}

/* The same rung and question, within a minute. */
static bool
is_same(const json_t *kept, const json_t *again)
{
	int64_t a = 0, b = 0;

	if (strcmp(output_json_get(kept, "verdict", ""), output_json_get(again, "verdict", "?")) !=
		0 ||
	    strcmp(output_json_get(kept, "question", ""),
		output_json_get(again, "question", "?")) != 0 ||
	    clock_parse_iso(output_json_get(kept, "at", ""), &a) < 0 ||
	    clock_parse_iso(output_json_get(again, "at", ""), &b) < 0)
		return false;
	return llabs(a - b) <= WHATIF_SAME_NS;
}

struct policies {
	struct settings then, today;
	struct whatif *by_then, *by_today;
};

static json_t *
result_json(const json_t *answer, const struct policies *p, const struct history_replay *replay)
{
	const char *server = output_json_get(answer, "server", "");
	json_t *kept = kept_json(answer), *again = outcome_json(p->by_then, server),
	       *today = outcome_json(p->by_today, server);

	return json_pack("{s:O, s:O, s:O, s:I, s:b, s:o, s:o, s:b, s:o, s:b, s:o}", "case",
	    json_object_get(answer, "case"), "server", json_object_get(answer, "server"), "begin",
	    json_object_get(answer, "begin"), "observations",
	    (json_int_t)(replay->observations / replay->policy_count), "by_person",
	    json_is_true(json_object_get(answer, "by_person")), "kept", kept, "again", again,
	    "same", is_same(kept, again), "today", today, "today_same", is_same(kept, today),
	    "changed", changed_settings(&p->then, &p->today));
}

static int
judge_again(const json_t *answer, int fd, struct policies *p, json_t **data, struct err *e)
{
	struct history_file_stats stats = {0};
	struct history_replay replay = {.policy_count = 2};
	struct history_unpack *u = NULL;
	int rc = open_policy(answer, &p->then, &p->by_then, e);

	if (rc == 0)
		rc = open_policy(answer, &p->today, &p->by_today, e);
	if (rc == 0)
		rc = history_unpack_new(&u);
	if (rc < 0)
		return rc;
	replay.policy[0] = p->by_then;
	replay.policy[1] = p->by_today;
	rc = history_file_read(
	    fd, "the observations of the case", u, replay_entry, &replay, NULL, &stats, e);
	history_unpack_free(u);
	if (rc == 0)
		*data = result_json(answer, p, &replay);
	return rc;
}

int
case_replay(struct context *ctx, const char *target, json_t **data, struct err *e)
{
	struct policies *p = calloc(1, sizeof(*p));
	json_t *answer = NULL;
	int fd = -1, rc;

	if (p == NULL)
		return err_set(e, -ENOMEM, "no memory to judge the case again");
	rc = ask(ctx, target, &answer, &fd, e);
	if (rc == 0)
		rc = read_policy(json_object_get(answer, "policy"), &p->then, e);
	if (rc == 0)
		rc = settings_load(&p->today, ctx->config, e);
	if (rc == 0) {
		/* The mode decides nothing here, and a person may have set it. */
		memcpy(p->today.policy.mode, p->then.policy.mode, sizeof(p->then.policy.mode));
		rc = judge_again(answer, fd, p, data, e);
	}
	if (fd >= 0)
		close(fd);
	whatif_free(p->by_then);
	whatif_free(p->by_today);
	json_decref(answer);
	free(p);
	return rc;
}

/* --- text --- */

static void
print_outcome(const struct output *out, const char *title, const json_t *o, bool same)
{
	output_line(out, same ? OUTPUT_GOOD : OUTPUT_ALERT, "%-22s %s%s%s  %.19s  %.2f points%s",
	    title, output_json_get(o, "verdict", "?"),
	    json_is_string(json_object_get(o, "question")) ? ", " : "",
	    output_json_get(o, "question", ""), output_json_get(o, "at", "-"),
	    output_json_real(o, "points"), same ? "" : "  (another decision)");
}

void
print_case_replay(const struct output *out, const json_t *data)
{
	const json_t *changed = json_object_get(data, "changed"), *row;
	bool same = json_is_true(json_object_get(data, "same")),
	     today = json_is_true(json_object_get(data, "today_same"));
	size_t i;

	output_line(out, OUTPUT_BOLD, "case %s of server %s: %lld observations judged again",
	    output_json_get(data, "case", "?"), output_json_get(data, "server", "?"),
	    output_json_number(data, "observations"));
	print_outcome(out, "decided", json_object_get(data, "kept"), true);
	if (json_is_true(json_object_get(data, "by_person")))
		output_line(out, OUTPUT_PLAIN, "A person decided it; the judge alone:");
	print_outcome(out, "with the policy of then", json_object_get(data, "again"), same);
	print_outcome(out, "with that of today", json_object_get(data, "today"), today);
	if (json_array_size(changed) > 0)
		output_line(out, OUTPUT_PLAIN, "Settings that changed since:");
	json_array_foreach ((json_t *)changed, i, row)
		output_line(out, OUTPUT_PLAIN, "  %-22s %s -> %s", output_json_get(row, "key", "?"),
		    output_json_get(row, "then", "?"), output_json_get(row, "today", "?"));
	if (json_array_size(changed) == 0)
		output_line(out, OUTPUT_PLAIN, "No setting of the policy changed since.");
}

/* --- export --- */

static const char *
class_name(unsigned reply_class)
{
	static const char *const names[OBS_REPLY_CLASS__COUNT] = {
	    "accepted", "rejected", "deferred"};

	return reply_class < OBS_REPLY_CLASS__COUNT ? names[reply_class] : "?";
}

static json_t *
hash_json(uint64_t hash)
{
	char text[20];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
	return hash != 0 ? json_string(text) : json_null();
}

static void
add_recipient(json_t *out, const struct observation *o)
{
	json_object_set_new(out, "recipient", hash_json(o->u.recipient.hash));
	json_object_set_new(
	    out, "recipient_domain", score_json_text_or_null(o->u.recipient.domain));
	json_object_set_new(
	    out, "sender_domain", score_json_text_or_null(o->u.recipient.sender_domain));
	json_object_set_new(out, "reply", json_string(class_name(o->u.recipient.reply_class)));
	json_object_set_new(
	    out, "remote", json_string(obs_remote_name(o->u.recipient.reply.remote)));
}

static void
add_message(json_t *out, const struct observation *o)
{
	json_object_set_new(out, "taken", json_boolean(o->u.message.reply.code / 100 == 2));
	json_object_set_new(out, "remote", json_string(obs_remote_name(o->u.message.reply.remote)));
	json_object_set_new(out, "recipients", json_integer(o->u.message.recipients_accepted));
	json_object_set_new(
	    out, "sender_domain", score_json_text_or_null(o->u.message.sender_domain));
	json_object_set_new(out, "from_domain", score_json_text_or_null(o->u.message.from_domain));
	json_object_set_new(out, "fingerprint", hash_json(o->u.message.fingerprint));
	json_object_set_new(out, "subject", hash_json(o->u.message.subject_hash));
	json_object_set_new(out, "headers", json_integer(o->u.message.headers));
}

static void
add_members(json_t *out, const struct observation *o)
{
	switch (o->kind) {
	case OBS_RECIPIENT:
		add_recipient(out, o);
		break;
	case OBS_MESSAGE:
		add_message(out, o);
		break;
	case OBS_ESTIMATE:
		json_object_set_new(out, "messages", json_integer(o->u.estimate.messages));
		json_object_set_new(out, "recipients", json_integer(o->u.estimate.recipients));
		json_object_set_new(
		    out, "recipients_rejected", json_integer(o->u.estimate.recipients_rejected));
		json_object_set_new(
		    out, "typical_bytes", json_integer(o->u.estimate.typical_bytes));
		json_object_set_new(out, "confidence", json_integer(o->u.estimate.confidence));
		break;
	case OBS_SESSION_END:
		json_object_set_new(out, "helo", score_json_text_or_null(o->u.end.helo));
		json_object_set_new(
		    out, "greeting", score_json_text_or_null(o->u.end.greeting_host));
		json_object_set_new(out, "tls", json_string(obs_tls_name(o->u.end.tls)));
		json_object_set_new(out, "habits", json_integer(o->u.end.habits));
		break;
	case OBS_CONNECT_FAILED:
		json_object_set_new(
		    out, "how", json_string(obs_connect_name(o->u.connect_failed.how)));
		break;
	case OBS_GREETING:
		json_object_set_new(
		    out, "remote", json_string(obs_remote_name(o->u.greeting.reply.remote)));
		break;
	default:
		break;
	}
}

static int
print_entry(void *arg, const struct history_entry *entry)
{
	const struct observation *o = &entry->obs;
	char address[ADDR_TEXT_BYTES];
	json_t *out = json_pack("{s:o, s:o, s:s}", "time", score_json_time(o->time_ns), "server",
	    score_json_text(entry->server), "kind",
	    entry->mark == HISTORY_RELEASED  ? "released"
	    : entry->mark == HISTORY_BLOCKED ? "blocked-by-person"
					     : obs_kind_name(o->kind));

	if (entry->mark == HISTORY_OBSERVATION) {
		json_object_set_new(
		    out, "visibility", json_string(obs_visibility_name(o->visibility)));
		json_object_set_new(out, "session", json_integer((json_int_t)o->session));
		json_object_set_new(
		    out, "destination", json_string(addr_format(address, &o->server)));
		json_object_set_new(out, "port", json_integer(o->server_port));
		json_object_set_new(out, "inbound", json_boolean((o->flags & OBS_F_INBOUND) != 0));
		json_object_set_new(out, "copies", json_integer((json_int_t)entry->copies));
		add_members(out, o);
	}
	json_dumpf(out, arg, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', arg);
	json_decref(out);
	return ferror((FILE *)arg) ? -EPIPE : 0;
}

int
case_export(struct context *ctx, const char *target, struct err *e)
{
	struct history_file_stats stats = {0};
	struct history_unpack *u = NULL;
	json_t *answer = NULL;
	int fd = -1, rc = ask(ctx, target, &answer, &fd, e);

	if (rc == 0)
		rc = history_unpack_new(&u);
	if (rc == 0)
		rc = history_file_read(
		    fd, "the observations of the case", u, print_entry, stdout, NULL, &stats, e);
	if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		rc = -EPIPE;
	if (rc == -EPIPE)
		err_set(e, rc, "the observations could not be written to standard output");
	history_unpack_free(u);
	json_decref(answer);
	if (fd >= 0)
		close(fd);
	return rc;
}
