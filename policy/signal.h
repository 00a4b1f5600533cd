/* SPDX-License-Identifier: ISC */
/*
 * Signals: one table of patterns, each with its question, its likelihood model, where it begins to
 * speak, how far it may go alone, and its sentence.  Derivations: policy/README.md.
 * Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_SIGNAL_H
#define POLICY_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/judge.h"
#include "policy/pool.h"
#include "policy/window.h"

/* How the signals of one question add up; see score.h. */
enum signal_group {
	SIGNAL_VOLUME,	      /* the same mail, looked at in several ways: the largest one counts */
	SIGNAL_DIRECT,	      /* each counts */
	SIGNAL_CORROBORATION, /* each counts, all together up to signal_group_highest() */
	SIGNAL_ALERT,	      /* tells people, but never lifts a score to throttle or block */
	SIGNAL_GROUP__COUNT
};

/* Bits of enum obs_visibility in which a signal can speak. */
#define SIGNAL_NEEDS_CLEAR (1u << OBS_CLEAR)
#define SIGNAL_NEEDS_TLS   (1u << OBS_TLS)
#define SIGNAL_NEEDS_ANY   (1u << OBS_CLEAR | 1u << OBS_TLS | 1u << OBS_FLOW)

struct signal_input {
	const struct window *window; /* turned to now */
	const struct window_ceilings *ceilings;
	int64_t now_ns;
	int64_t half_life_ns;	 /* of evidence that decays */
	struct pool_view tenant; /* the mailing it takes part in, of all servers of its tenant */
	struct pool_view others; /* ... of all tenants' servers */
	unsigned name_tenants;	 /* tenants whose servers greet by its name */
	const char *plan;	 /* for the sentence; "" = default */
};

struct signal_finding {
	double points; /* log-likelihood ratio, before caps; <= 0: silent */
	double value, threshold;
	double beside; /* a second number for the sentence */
	int64_t since_ns;
	uint8_t visibility; /* enum obs_visibility: the weakest evidence in it */
};

struct signal {
	const char *name; /* stable */
	uint8_t question, group;
	uint8_t needs;	   /* SIGNAL_NEEDS_* */
	uint8_t highest;   /* enum rung that it can reach alone */
	double activation; /* smallest value at which it speaks; meaning per row */
	bool decays;	   /* by half-life; else it slides out of its window */
	int64_t window_ns; /* 0 = since the evidence began */
	uint8_t subject;   /* for evaluate: a ring, a span, a test or a campaign kind */
	void (*evaluate)(
	    const struct signal *s, const struct signal_input *in, struct signal_finding *f);
	void (*explain)(const struct signal *s, const struct signal_input *in,
	    const struct signal_finding *f, char *buf, size_t size);
	const char *ask;    /* the question it answers, for people */
	const char *source; /* of the idea and the numbers */
};

extern const struct signal signal_table[];
extern const unsigned signal_count;

/* Log-likelihood ratios per trial of the Bernoulli tests, WINDOW_TEST__COUNT of them. */
extern const struct window_step signal_steps[WINDOW_TEST__COUNT];

/* The highest rung that the signals of a group can reach together. */
enum rung signal_group_highest(unsigned question, unsigned group);

/* n ln(l1/l0) - (l1 - l0): n events where l0 were expected of an honest sender and l1 of the other.
 * Up to l0 events it is only told that it is not above zero. */
double signal_poisson(double n, double mean_honest, double mean_other);

/* True when no row of the table speaks, but perhaps that mail only goes out ("one-way", below every
 * rung): a server that stands on no rung then stays there.  Cheap. */
bool signal_all_quiet(const struct signal_input *in);

/* One signal now; points are 0 below its activation. */
void signal_evaluate(
    const struct signal *s, const struct signal_input *in, struct signal_finding *f);

#endif
