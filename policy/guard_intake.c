/* SPDX-License-Identifier: ISC */
/*
 * A support mail becomes a draft: a worker takes it apart, the guard finds the server, stores the files
 * and answers with a letter.  bulkhead-guard (judge process).
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "policy/check_spawner.h"
#include "policy/ctl_json.h"
#include "policy/guard_private.h"
#include "whitelist/letter.h"

#define TICKET_BIT     (UINT64_C(1) << 63) /* tells an intake from a run of checks */
#define CANDIDATES_MAX 16

struct guard_intake {
	uint64_t serial;
	char actor[64];
	struct guard_intake_how how;
	int scratch;	/* -1: it has ended */
	json_t *result; /* NULL: still running, or failed */
	struct err failed;
};

/* A server that the mail may be about. */
struct candidate {
	unsigned index;
	bool strong;
	char why[INTAKE_WHY_BYTES];
};

static void
free_intake(struct guard_intake *n)
{
	if (n == NULL)
		return;
	if (n->scratch >= 0)
		close(n->scratch);
	json_decref(n->result);
	free(n);
}

void
guard_intake_close(struct guard *g)
{
	for (unsigned i = 0; i < GUARD_INTAKES_MAX; i++) {
		free_intake(g->intakes[i]);
		g->intakes[i] = NULL;
	}
}

int
guard_intake_start(struct guard *g, const char *actor, int document,
    const struct guard_intake_how *how, uint64_t *serial, struct err *e)
{
	static const struct check_job job = {.kind = CHECK_JOB_INTAKE};
	struct guard_intake *n;
	unsigned slot = 0;
	int rc;

	if (g->checks == NULL)
		return err_set(
		    e, -ENOSYS, "this guard runs without workers: no mail can be taken apart");
	/* A free place, else that of the oldest which has ended. */
	for (unsigned i = 1; i < GUARD_INTAKES_MAX; i++) {
		const struct guard_intake *a = g->intakes[slot], *b = g->intakes[i];

		if (a != NULL &&
		    (b == NULL || (b->scratch < 0 && (a->scratch >= 0 || b->serial < a->serial))))
			slot = i;
	}
	if (g->intakes[slot] != NULL && g->intakes[slot]->scratch >= 0)
		return err_set(
		    e, -EAGAIN, "too many mails are being taken apart: try again in a moment");
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return err_set(e, -ENOMEM, "no memory for the mail");
	n->serial = ++g->run_count;
	n->how = *how;
	snprintf(n->actor, sizeof(n->actor), "%s", actor);
	/* The client has just written it: the worker reads from where the descriptor stands. */
	(void)lseek(document, 0, SEEK_SET);
	rc = n->scratch = evidence_store_scratch(g->evidence, e);
	if (rc >= 0)
		rc = check_spawner_start_into(
		    g->checks, TICKET_BIT | n->serial, &job, document, n->scratch, e);
	if (rc < 0) {
		free_intake(n);
		return rc;
	}
	free_intake(g->intakes[slot]);
	g->intakes[slot] = n;
	*serial = n->serial;
	return 0;
}

int
guard_intake_get(const struct guard *g, uint64_t serial, json_t **result, struct err *e)
{
	for (unsigned i = 0; i < GUARD_INTAKES_MAX; i++) {
		const struct guard_intake *n = g->intakes[i];

		if (n == NULL || n->serial != serial)
			continue;
		*result = n->result;
		if (n->result == NULL && n->scratch < 0)
			return err_set(e, -EBADMSG, "%s", n->failed.text);
		return 0;
	}
	return err_set(
	    e, -ENOENT, "that mail is no longer known: see whitelist list --state draft");
}

/* --- which server --- */

static void
add_candidate(struct candidate *list, unsigned *count, unsigned index, bool strong, const char *why,
    const char *word)
{
	for (unsigned i = 0; i < *count; i++)
		if (list[i].index == index) {
			list[i].strong |= strong;
			return;
		}
	if (*count == CANDIDATES_MAX)
		return;
	list[*count] = (struct candidate){.index = index, .strong = strong};
	snprintf(list[*count].why, sizeof(list[*count].why), why, word);
	(*count)++;
}

static void
add_named(
    const struct guard *g, const char *word, bool strong, struct candidate *list, unsigned *count)
{
	char lower[INTAKE_WORD_BYTES], label[INTAKE_WORD_BYTES];
	int index =
	    strong ? inventory_lookup(g->inventory, word) : inventory_find(g->inventory, word);

	snprintf(lower, sizeof(lower), "%s", word);
	for (char *p = lower; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (index < 0)
		index = inventory_find(g->inventory, lower);
	if (index >= 0) {
		add_candidate(
		    list, count, (unsigned)index, strong, "the mail says \"%.100s\"", word);
		return;
	}
	/* A host name of the provider: its first label is the server's name. */
	snprintf(label, sizeof(label), "%.*s", (int)strcspn(lower, "."), lower);
	if (strchr(lower, '.') == NULL || label[0] == '\0')
		return;
	index = inventory_find(g->inventory, label);
	if (index >= 0)
		add_candidate(list, count, (unsigned)index, true, "the mail says \"%.100s\"", word);
}

static const char *
tenant_of(const struct guard *g, const struct candidate *c)
{
	return inventory_get(g->inventory, c->index)->tenant;
}

static bool
is_one_tenant(const struct guard *g, const struct candidate *list, unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		if (strcmp(tenant_of(g, &list[0]), tenant_of(g, &list[i])) != 0)
			return false;
	return true;
}

/*
 * Fills the candidates, those to take first; returns how many of them to take, 0 when a person must ask.
 * Names and addresses that are told as such count before words that happen to be names; the sender's own
 * servers count before words.  Servers of two tenants, or of another one than the sender's, are never guessed.
 */
static unsigned
find_servers(
    const struct guard *g, const struct intake *in, struct candidate *list, unsigned *count)
{
	struct candidate own[CANDIDATES_MAX], strong[CANDIDATES_MAX];
	unsigned own_count = 0, strong_count = 0;

	for (unsigned i = 0; in->from[0] != '\0' && i < inventory_count(g->inventory); i++)
		if (strcasecmp(inventory_get(g->inventory, i)->contact, in->from) == 0)
			add_candidate(own, &own_count, i, false, "the sender %.100s is its contact",
			    in->from);
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < in->word_count; i++)
			if (in->words[i].strong == (pass == 0))
				add_named(g, in->words[i].text, pass == 0, list, count);
	for (unsigned i = 0; i < *count; i++)
		if (list[i].strong)
			strong[strong_count++] = list[i];
	for (unsigned i = 0, at = strong_count; i < *count; i++)
		if (!list[i].strong)
			strong[at++] = list[i];
	memcpy(list, strong, *count * sizeof(*list));
	if (strong_count > 0 || own_count == 0) {
		const unsigned taken = strong_count > 0 ? strong_count : *count == 1;

		if (own_count > 0 && strcmp(tenant_of(g, &own[0]), tenant_of(g, &strong[0])) != 0)
			return 0;
		return is_one_tenant(g, list, taken) ? taken : 0;
	}
	/* Nothing was named as a server: the sender's only one, or the one of his that a word names. */
	for (unsigned i = 0; own_count > 1 && i < own_count; i++)
		for (unsigned k = 0; k < *count; k++)
			if (list[k].index == own[i].index) {
				own[0] = list[k];
				own_count = 1;
			}
	memcpy(list, own, sizeof(own));
	*count = own_count;
	return own_count == 1;
}

/* --- fields --- */

static void
take_number(const struct intake *in, const char *field, uint64_t *out)
{
	const struct intake_guess *guess = intake_find(in, field);

	if (guess != NULL && *out == 0)
		*out = strtoull(guess->value, NULL, 10);
}

static void
take_text(const struct intake *in, const char *field, char *out, size_t size)
{
	const struct intake_guess *guess = intake_find(in, field);

	if (guess != NULL && out[0] == '\0' && strlen(guess->value) < size)
		snprintf(out, size, "%s", guess->value);
}

static void
take_fields(const struct intake *in, const struct guard_intake_how *how, struct application *a)
{
	const struct intake_guess *purpose = intake_find(in, "purpose");
	const struct intake_guess *domain = intake_find(in, "domain");

	if (purpose != NULL && a->id == 0)
		a->purpose =
		    (uint8_t)(strcmp(purpose->value, "automatic") == 0 ? PURPOSE_AUTOMATIC
								       : PURPOSE_NEWSLETTER);
	if (domain != NULL && a->domain_count == 0 && application_is_domain(domain->value) &&
	    strlen(domain->value) < sizeof(a->domains[0])) {
		for (size_t i = 0; i <= strlen(domain->value); i++)
			a->domains[0][i] = (char)tolower((unsigned char)domain->value[i]);
		a->domain_count = 1;
	}
	take_number(in, "per_day", &a->per_day);
	take_number(in, "list_size", &a->list_size);
	take_text(in, "list_origin", a->list_origin, sizeof(a->list_origin));
	take_text(in, "form_url", a->form_url, sizeof(a->form_url));
	take_text(in, "rules_url", a->rules_url, sizeof(a->rules_url));
	if (a->contact[0] == '\0' && application_is_mail_address(in->from))
		snprintf(a->contact, sizeof(a->contact), "%s", in->from);
	if (a->id == 0)
		snprintf(
		    a->lang, sizeof(a->lang), "%s", how->lang[0] != '\0' ? how->lang : in->lang);
}

/* What a person named, else what was found; an application that has its servers keeps them. */
static void
take_servers(const struct guard *g, const struct guard_intake *n, const struct candidate *list,
    unsigned taken, struct application *a)
{
	if (a->server_count > 0)
		return;
	if (n->how.server[0] != '\0') {
		snprintf(a->servers[0], sizeof(a->servers[0]), "%s", n->how.server);
		a->server_count = 1;
		return;
	}
	for (; a->server_count < taken && a->server_count < GRANT_SERVERS_MAX; a->server_count++)
		snprintf(a->servers[a->server_count], sizeof(a->servers[0]), "%s",
		    inventory_get(g->inventory, list[a->server_count].index)->name);
}

/* The files into the store; one that it refuses is told like one that was not taken. */
static void
take_files(struct guard *g, const struct guard_intake *n, struct intake *in, struct application *a)
{
	for (unsigned i = 0; i < in->file_count; i++) {
		struct intake_file *f = &in->files[i];
		struct evidence *ev = &a->evidence[a->evidence_count];
		struct err e = {0};

		if (f->trouble != INTAKE_FINE)
			continue;
		if (a->evidence_count == EVIDENCE_PER_APPLICATION_MAX) {
			f->trouble = INTAKE_MANY;
			continue;
		}
		*ev = (struct evidence){.kind = f->kind, .added_ns = g->now_ns};
		text_clean(ev->name, sizeof(ev->name),
		    f->name[0] != '\0' ? f->name : evidence_kind_name(f->kind));
		if (evidence_store_add_part(g->evidence, n->scratch, f->offset, f->size, ev, &e) ==
		    0) {
			a->evidence_count++;
		} else {
			f->trouble = INTAKE_UNKNOWN;
			text_clean(f->why, sizeof(f->why), e.text);
		}
	}
}

/* --- the answer --- */

static json_t *
files_json(const struct intake *in)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < in->file_count; i++) {
		const struct intake_file *f = &in->files[i];
		const bool fine = f->trouble == INTAKE_FINE;

		json_array_append_new(
		    list, json_pack("{s:o, s:s?, s:s?, s:o}", "name", ctl_json_text(f->name),
			      "kind", fine ? evidence_kind_name(f->kind) : NULL, "trouble",
			      fine ? NULL : intake_trouble_name(f->trouble), "why",
			      ctl_json_text_or_null(f->why)));
	}
	return list;
}

static json_t *
guesses_json(const struct intake *in)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < in->guess_count; i++)
		json_array_append_new(
		    list, json_pack("{s:o, s:o, s:o}", "field", ctl_json_text(in->guesses[i].field),
			      "value", ctl_json_text(in->guesses[i].value), "why",
			      ctl_json_text(in->guesses[i].why)));
	return list;
}

static json_t *
candidates_json(const struct guard *g, const struct candidate *list, unsigned count, unsigned taken)
{
	json_t *out = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(
		    out, json_pack("{s:o, s:o, s:b, s:o}", "server",
			     ctl_json_text(inventory_get(g->inventory, list[i].index)->name),
			     "tenant", ctl_json_text_or_null(tenant_of(g, &list[i])), "taken",
			     i < taken, "why", ctl_json_text(list[i].why)));
	return out;
}

static json_t *
answer(
    const struct guard *g, const struct intake *in, const struct application *a, json_t *candidates)
{
	static char letter[LETTER_BYTES];
	const struct letter_mail mail = {in->files, in->file_count};
	json_t *out = ctl_json_application(g, a);
	char subject[400];

	snprintf(subject, sizeof(subject), "Re: %s [whitelist %" PRId64 "]", in->subject, a->id);
	json_object_set_new(out, "from", ctl_json_text_or_null(in->from));
	json_object_set_new(out, "subject", ctl_json_text(subject));
	json_object_set_new(out, "guesses", guesses_json(in));
	json_object_set_new(out, "files", files_json(in));
	json_object_set_new(out, "candidates", candidates);
	json_object_set_new(out, "letter",
	    json_string(
		letter_write(letter, LETTER_RECEIVED, a, guard_is_all_kvm(g, a), &mail, NULL)));
	return out;
}

/* --- the end of it --- */

static int
find_target(struct guard *g, const struct guard_intake *n, struct application *a, struct err *e)
{
	int rc;

	if (n->how.application == 0) {
		*a = (struct application){.state = APPLICATION_DRAFT,
		    .lang = "en",
		    .created_ns = g->now_ns,
		    .changed_ns = g->now_ns};
		return 0;
	}
	rc = store_get_application(g->store, n->how.application, a, e);

	if (rc == 0 && (a->state == APPLICATION_REJECTED || a->state == APPLICATION_REVOKED))
		rc = err_set(e, -EPERM, "application %" PRId64 " is %s: make a new one of the mail",
		    a->id, application_state_name(a->state));
	return rc;
}

static int
make_draft(struct guard *g, struct guard_intake *n, struct intake *in, struct err *e)
{
	static struct application a; /* large */
	struct candidate candidates[CANDIDATES_MAX];
	unsigned count = 0, taken, before;
	int rc = find_target(g, n, &a, e);

	if (rc == 0 && in->refused[0] != '\0')
		rc = err_set(e, -EBADMSG,
		    "the mail cannot be read: %s; save its files and use whitelist apply",
		    in->refused);
	if (rc < 0)
		return rc;
	taken = find_servers(g, in, candidates, &count);
	take_servers(g, n, candidates, taken, &a);
	before = a.evidence_count;
	take_fields(in, &n->how, &a);
	take_files(g, n, in, &a);
	a.changed_ns = g->now_ns;
	if (a.state == APPLICATION_NEEDS_INFO)
		a.state = (uint8_t)application_next_state(&a, ACTION_SUBMIT, e);
	rc = guard_put_application(g, n->actor, "whitelist.intake", &a, NULL, e);
	if (rc < 0) {
		guard_forget_evidence(g, &a.evidence[before], a.evidence_count - before);
		return rc;
	}
	n->result = answer(g, in, &a, candidates_json(g, candidates, count, taken));
	(void)guard_check_start(g, n->actor, &a, "", NULL, NULL);
	return 0;
}

void
guard_intake_lose(struct guard *g)
{
	for (unsigned i = 0; i < GUARD_INTAKES_MAX; i++) {
		struct guard_intake *n = g->intakes[i];

		if (n == NULL || n->scratch < 0)
			continue;
		err_set(&n->failed, -EPIPE, "the workers' parent is gone: restart bulkhead-guard");
		close(n->scratch);
		n->scratch = -1;
	}
}

bool
guard_intake_hear(struct guard *g, struct check_outcome *o)
{
	struct guard_intake *n = NULL;
	int rc;

	if ((o->ticket & TICKET_BIT) == 0)
		return false;
	for (unsigned i = 0; i < GUARD_INTAKES_MAX; i++)
		if (g->intakes[i] != NULL && g->intakes[i]->serial == (o->ticket & ~TICKET_BIT))
			n = g->intakes[i];
	if (n == NULL || n->scratch < 0)
		return true;
	if (o->end == CHECK_END_DONE && o->is_intake)
		rc = make_draft(g, n, &o->intake, &n->failed);
	else
		rc = err_set(&n->failed, -EBADMSG,
		    "the mail could not be taken apart: %s; save its files and use whitelist apply",
		    o->end == CHECK_END_DEADLINE  ? "it takes too long"
		    : o->end == CHECK_END_KILLED  ? "its reader was ended"
		    : o->end == CHECK_END_REFUSED ? "too many documents wait"
						  : "its reader failed");
	if (rc < 0)
		log_event(LOG_LEVEL_WARN, "guard.intake", "error=\"%s\"", n->failed.text);
	close(n->scratch);
	n->scratch = -1;
	return true;
}
