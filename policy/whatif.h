/* SPDX-License-Identifier: ISC */
/*
 * What if: the same observations judged by two policies, and what would have been different.  Pure:
 * time comes with the observations.  replay, and the kept observations of a case.
 */
#ifndef POLICY_WHATIF_H
#define POLICY_WHATIF_H

#include <jansson.h>

#include "policy/judge.h"

/* Blocks that begin within so much of each other are the same: a minute is what history keeps. */
#define WHATIF_SAME_NS (60 * INT64_C(1000000000))

/* What one policy did to one server. */
struct whatif_outcome {
	uint8_t top;	   /* enum rung: the highest */
	int question;	   /* of the first block, else of the highest rung; -1 = none */
	int64_t top_ns;	   /* when it was first reached */
	int64_t first_ns;  /* of the first block; 0 = none */
	int64_t since_ns;  /* of the block that stands; 0 = none */
	int64_t total_ns;  /* blocked, up to whatif_tick()'s newest time */
	unsigned blocks;   /* by the machine */
	uint64_t messages; /* completed before the first block */
	double points;	   /* of the question at the highest rung */
	char case_id[JUDGE_CASE_BYTES];
	int64_t grant_id; /* active grant at the highest rung, or 0 */
	char why[200];	  /* the leading reason there */
};

struct whatif; /* one policy at work */

/* The inventory is taken, also on failure.  open_inventory as in judge_new(). */
int whatif_new(struct whatif **out, const struct settings *settings, struct inventory *inventory,
    bool open_inventory, struct err *e);
void whatif_free(struct whatif *w);
struct judge *whatif_judge(struct whatif *w); /* borrowed; its on_change is ours */
struct inventory *whatif_inventory(struct whatif *w);

void whatif_observe(struct whatif *w, const struct observation *obs);
void whatif_tick(struct whatif *w, int64_t now_ns);

/* A person released the server then: its block, if it had one, is over. */
void whatif_note_release(struct whatif *w, unsigned index, int64_t now_ns);
/* What happened before is not told; what stands goes on. */
void whatif_begin(struct whatif *w, int64_t since_ns);

/* Borrowed; NULL when nothing ever happened to the server. */
const struct whatif_outcome *whatif_outcome(const struct whatif *w, unsigned index);

/* [{"key","today","candidate"}]: rows of the policy and lists that differ. */
json_t *whatif_settings(const struct settings *today, const struct settings *candidate);

/*
 * {"summary":{"servers","new","gone","earlier","later","same","rungs","grants_touched",
 *             "blocked","blocks","blocked_s","safety_catch": each {"today","candidate"}},
 *  "servers":[{"server","change","grant","today":OUTCOME,"candidate":OUTCOME}]}
 * change: "new" (only the candidate blocks), "gone" (only today's does), "earlier", "later" (the first
 * block by more than a minute), "same", "rung" (no block, but another highest rung from warn on).
 * Servers that both leave below warn are counted and not listed.
 * OUTCOME {"top","question","points","blocked_at","blocks","blocked_s","messages_before_block","case",
 *          "why"}
 */
json_t *whatif_compare(const struct whatif *today, const struct whatif *candidate);

/* {"summary":{"servers","blocked","blocks","blocked_s","safety_catch"},
 *  "servers":[{"server","grant"} + OUTCOME]} of one policy. */
json_t *whatif_report(const struct whatif *w);

#endif
