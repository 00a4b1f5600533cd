/* SPDX-License-Identifier: ISC */
/*
 * Runs workers (bulkhead-check) for the judge, which may not start programs itself: a child that is
 * forked before the jail takes jobs, starts at most CHECK_WORKERS_MAX workers at once, ends them at
 * their deadline, and hands their reports back.  This header is the judge's side.  Nothing here
 * waits.  bulkhead-guard.
 *
 * The child drops to the guard's user and has no capability.  It parses nothing: a report passes
 * through it as bytes of bounded length.  It has no system call filter of its own, because a filter
 * would be inherited by the programs that it starts, and these have their own.
 */
#ifndef POLICY_CHECK_SPAWNER_H
#define POLICY_CHECK_SPAWNER_H

#include "base/sandbox.h"
#include "whitelist/check_job.h"
#include "whitelist/intake.h"

struct check_spawner;

enum check_end {
	CHECK_END_DONE,	    /* with a report */
	CHECK_END_FAILED,   /* ended without a report that can be read */
	CHECK_END_KILLED,   /* by a signal: the jail, a crash, or the processor limit */
	CHECK_END_DEADLINE, /* still running at its deadline */
	CHECK_END_REFUSED,  /* CHECK_QUEUE_MAX jobs wait already */
	CHECK_END__COUNT
};

struct check_outcome {
	uint64_t ticket;
	enum check_end end;
	int signal;	/* KILLED */
	bool is_intake; /* DONE: which of the two */
	struct check_report report;
	struct intake intake;
};

/*
 * Forks the child.  `program` is the path of bulkhead-check; it is opened now, so that the child
 * needs no right on its folder later.  0, or negative errno with *e.
 */
int check_spawner_open(struct check_spawner **out, const char *program,
    const struct sandbox_user *user, struct err *e);
/* Ends the child and its workers.  NULL is fine. */
void check_spawner_close(struct check_spawner *s);
/* Readable when an outcome waits. */
int check_spawner_fd(const struct check_spawner *s);

/* Hands a job over with its document (-1: none; the caller closes its own).  The outcome comes later
 * under the ticket.  -EAGAIN when the child has too much to do, -EPIPE when it is gone. */
int check_spawner_start(struct check_spawner *s, uint64_t ticket, const struct check_job *job,
    int document, struct err *e);
/* The same for a worker that makes something of the document: it goes into `output`, a regular file that is
 * open for writing (-1: none). */
int check_spawner_start_into(struct check_spawner *s, uint64_t ticket, const struct check_job *job,
    int document, int output, struct err *e);
/* 1 and one outcome, 0 when none waits, -EPIPE when the child is gone. */
int check_spawner_poll(struct check_spawner *s, struct check_outcome *out);

#endif
