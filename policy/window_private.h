/* SPDX-License-Identifier: ISC */
/*
 * What window.c does for window_observe.c.  Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_WINDOW_PRIVATE_H
#define POLICY_WINDOW_PRIVATE_H

#include "policy/window.h"

/* Adds to a counter, or takes back after a corrected estimate. */
void window_count(struct window *w, unsigned ring, double n);

/* One trial of a test; bad ones are discounted in sessions that were not seen whole. */
void window_trial(struct window *w, unsigned test, const struct window_context *c,
    const struct observation *o, bool bad, double weight);
/* One trial of which the ratios are known; the others go by the test's own steps. */
void window_trial_step(struct window *w, unsigned test, const struct window_context *c,
    const struct observation *o, bool bad, double weight, const struct window_step *step);
/* Takes back a bad trial of so many points that proved to be none. */
void window_trial_undo(struct window *w, unsigned test, const struct window_context *c,
    double taken_back, int64_t now_ns);

/* True when an active grant covers the sender or From domain. */
bool window_is_covered(const struct window_context *c, const char *domain);
/* Mail came in: a list's or forwarder's next burst answers it. */
void window_note_prompt(struct window *w, int64_t now_ns);
/* Counts recipients by span: n[TALLY_5MIN] of them are new in five minutes, and so on. */
void window_count_recipients(struct window *w, const struct window_context *c, const double n[3],
    bool covered, int64_t now_ns);
/* Something was delivered: an outage is over, and its backlog may drain. */
void window_note_delivery(struct window *w, const struct window_context *c, int64_t now_ns);

/* What is known of a session since its last message; NULL, or a slot made for it. */
struct window_session *window_find_session(struct window *w, uint64_t id);
struct window_session *window_take_session(
    struct window *w, const struct window_context *c, const struct observation *o);
/* Counts what waited for the From field. */
void window_release_held(struct window *w, const struct window_context *c, struct window_session *s,
    bool covered, int64_t now_ns);

/* True when the campaign is the one that a person's release lets drain and `n` of it may; takes
 * them off. */
bool window_drains(struct window *w, const struct window_campaign *m, double n, int64_t now_ns);

/* The destination as a peer; the least busy one makes room.  peer_find: NULL when unknown. */
struct window_peer *window_take_peer(struct window *w, uint64_t key, int64_t now_ns);
struct window_peer *window_find_peer(struct window *w, uint64_t key);
/* What the greeting says about the house. */
enum window_house window_house_of(const char *greeting_host);
/* Of `n` estimated recipients there, how many count as different people. */
double window_peer_people(
    const struct window *w, struct window_peer *p, double n, const struct observation *estimate);

/* True when messages of both are almost the same. */
bool window_campaign_fits(const struct window_campaign *k, const struct window_campaign *m);
/* Adds n recipients to the campaign that fits, else to a new one in the place of the smallest. */
void window_count_campaign(struct window *w, const struct window_campaign *m, double n);

#endif
