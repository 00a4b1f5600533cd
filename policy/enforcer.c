/* SPDX-License-Identifier: ISC */
/*
 * The enforcer child's loop: packets in, acts (enforcer_state.c), packets out.  It holds
 * CAP_NET_ADMIN and nothing else, reads no file, and ends with its judge.  bulkhead-guard (enforcer
 * child).
 */
#include "policy/enforcer.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "policy/enforce_wire.h"
#include "policy/enforcer_state.h"

#define QUEUE_MAX   1024 /* news that the judge has not read yet */
#define QUEUE_BYTES 256	 /* of one */

#define PROGRESS_EVERY_NS (CLOCK_SECOND_NS / 4)

struct news {
	uint8_t data[QUEUE_BYTES];
	size_t size;
};

struct process {
	struct enforcer en;
	int requests, events;
	struct news *queue; /* a ring of QUEUE_MAX */
	unsigned first, queued;
	bool lost; /* the ring was full: the judge must look at everything */

	uint32_t request_id; /* of the request that is being acted upon; 0: none */
	int64_t progress_ns; /* when the judge was last told that we are at work */

	struct plan staged;		    /* elements of a request whose packets are coming in */
	struct enforce_wire_header staging; /* .id 0: none */
};

/* --- news
 * -------------------------------------------------------------------------------------------- */

static void
queue_put(struct process *p, const struct wire_writer *w)
{
	long size = wire_writer_finish(w);
	struct news *n;

	if (p->queued == QUEUE_MAX || size < 0) {
		p->lost = true;
		return;
	}
	n = &p->queue[(p->first + p->queued++) % QUEUE_MAX];
	memcpy(n->data, w->data, (size_t)size);
	n->size = (size_t)size;
}

static void
tell_link(void *arg, const char *ifname, bool up)
{
	struct enforce_wire_header h = {.type = ENFORCE_WIRE_LINK};
	uint8_t buf[QUEUE_BYTES];
	struct wire_writer w;

	wire_writer_init(&w, buf, sizeof(buf));
	enforce_wire_put_header(&w, &h);
	wire_put_u8(&w, up);
	wire_put_text(&w, ifname);
	queue_put(arg, &w);
}

static void
tell_text(struct process *p, uint8_t type, const char *text)
{
	struct enforce_wire_header h = {.type = type};
	uint8_t buf[QUEUE_BYTES];
	struct wire_writer w;

	wire_writer_init(&w, buf, sizeof(buf));
	enforce_wire_put_header(&w, &h);
	wire_put_text(&w, text);
	queue_put(p, &w);
}

static void
tell_repaired(void *arg, const char *text)
{
	tell_text(arg, ENFORCE_WIRE_REPAIRED, text);
}

static void
tell_overflow(void *arg, const char *text)
{
	tell_text(arg, ENFORCE_WIRE_OVERFLOW, text);
}

/* As much as the judge takes; never waits for it. */
static void
queue_send(struct process *p)
{
	while (p->queued > 0) {
		const struct news *n = &p->queue[p->first];

		if (send(p->events, n->data, n->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		p->first = (p->first + 1) % QUEUE_MAX;
		p->queued--;
		if (p->queued > 0 || !p->lost)
			continue;
		p->lost = false;
		tell_repaired(p, "news of links were lost because the judge did not read them; "
				 "compare everything");
	}
}

/* --- replies
 * ----------------------------------------------------------------------------------------- */

/* Whoever waits for an answer hears that it will come. */
static void
tell_progress(void *arg)
{
	struct process *p = arg;
	int64_t now_ns = clock_mono_ns();
	struct enforce_wire_header h = {.type = ENFORCE_WIRE_PROGRESS, .id = p->request_id};
	uint8_t buf[64];
	struct wire_writer w;

	if (now_ns - p->progress_ns < PROGRESS_EVERY_NS)
		return;
	p->progress_ns = now_ns;
	wire_writer_init(&w, buf, sizeof(buf));
	enforce_wire_put_header(&w, &h);
	wire_put_u32(&w, 0);
	(void)enforce_wire_send(p->requests, &w, MSG_DONTWAIT);
}

static void
reply_done(struct process *p, uint32_t id)
{
	struct enforce_wire_header h = {.type = ENFORCE_WIRE_DONE, .id = id};
	uint8_t buf[64];
	struct wire_writer w;

	wire_writer_init(&w, buf, sizeof(buf));
	enforce_wire_put_header(&w, &h);
	wire_put_u32(&w, p->en.features);
	(void)enforce_wire_send(p->requests, &w, 0);
}

static void
reply_failed(struct process *p, uint32_t id, const struct err *e)
{
	struct enforce_wire_header h = {.type = ENFORCE_WIRE_FAILED, .id = id};
	uint8_t buf[512];
	struct wire_writer w;

	wire_writer_init(&w, buf, sizeof(buf));
	enforce_wire_put_header(&w, &h);
	wire_put_u32(&w, (uint32_t)-e->code);
	wire_put_text(&w, e->text);
	(void)enforce_wire_send(p->requests, &w, 0);
}

static void
reply_list(struct process *p, uint32_t id)
{
	struct plan list;
	struct err e;

	plan_init(&list);
	if (enforcer_list(&p->en, &list, &e) < 0)
		reply_failed(p, id, &e);
	else
		(void)enforce_wire_send_elements(
		    p->requests, ENFORCE_WIRE_ELEMENTS, id, list.elements, list.count, 0);
	plan_fini(&list);
}

static void
reply_beat(struct process *p, uint32_t id, struct wire_reader *r)
{
	uint32_t ms = wire_get_u32(r);
	uint8_t armed = wire_get_u8(r);
	struct err e;

	if (wire_reader_finish(r) < 0 || armed > 1)
		err_set(&e, -EBADMSG, "a heartbeat is malformed; this is a bug of the judge");
	else if (enforcer_beat(&p->en, (int64_t)ms * 1000000, armed, &e) == 0) {
		reply_done(p, id);
		return;
	}
	reply_failed(p, id, &e);
}

static void
reply_brake(struct process *p, uint32_t id)
{
	struct enforce_wire_header h = {.type = ENFORCE_WIRE_BRAKE_IS, .id = id};
	struct enforce_brake_state state;
	struct wire_writer w;
	uint8_t buf[128];
	struct err e;

	if (enforcer_brake(&p->en, &state, &e) < 0) {
		reply_failed(p, id, &e);
		return;
	}
	wire_writer_init(&w, buf, sizeof(buf));
	enforce_wire_put_header(&w, &h);
	wire_put_u32(&w, (uint32_t)(state.alive_ns / 1000000));
	wire_put_u8(&w, state.armed);
	wire_put_u64(&w, state.dropped);
	wire_put_u64(&w, state.counted);
	wire_put_u64(&w, state.overflow);
	wire_put_text(&w, state.overflow_link);
	wire_put_u8(&w, state.notice);
	wire_put_u32(&w, state.notice_links);
	wire_put_u32(&w, state.reset_links);
	(void)enforce_wire_send(p->requests, &w, 0);
}

/* --- requests
 * ---------------------------------------------------------------------------------------- */

static int
act(struct process *p, uint8_t type, struct err *e)
{
	switch (type) {
	case ENFORCE_WIRE_BLOCK:
		return enforcer_block(&p->en, &p->staged, e);
	case ENFORCE_WIRE_RELEASE:
		return enforcer_release(&p->en, &p->staged, e);
	case ENFORCE_WIRE_REPLACE:
		return enforcer_replace(&p->en, &p->staged, e);
	default:
		return err_set(
		    e, -EBADMSG, "verb %u does not exist; this is a bug of the judge", type);
	}
}

static void
drop_staged(struct process *p)
{
	plan_fini(&p->staged);
	memset(&p->staging, 0, sizeof(p->staging));
}

/* Elements of a verb: kept until the packet without MORE, then acted upon in one transaction. */
static void
take_elements(struct process *p, const struct enforce_wire_header *h, struct wire_reader *r)
{
	struct err e;
	int result;

	if (p->staging.id != 0 && (p->staging.id != h->id || p->staging.type != h->type))
		drop_staged(p); /* the judge gave up in the middle */
	p->staging = *h;
	result = enforce_wire_get_elements(r, &p->staged);
	if (result == -EBADMSG)
		err_set(
		    &e, result, "a packet of elements is malformed; this is a bug of the judge");
	else if (result < 0)
		err_set(&e, result, "more than %u elements in one change, or no memory for them",
		    PLAN_ELEMENTS_MAX);
	else if ((h->flags & ENFORCE_WIRE_MORE) != 0)
		return;
	else
		result = act(p, h->type, &e);
	if (result < 0)
		reply_failed(p, h->id, &e);
	else
		reply_done(p, h->id);
	drop_staged(p);
}

static void
take_packet(struct process *p, const uint8_t *data, size_t size)
{
	struct enforce_wire_header h = {0};
	struct wire_reader r;
	struct err e;

	wire_reader_init(&r, data, size);
	if (size > ENFORCE_WIRE_PACKET_MAX || enforce_wire_get_header(&r, &h) < 0 || h.id == 0) {
		drop_staged(p);
		err_set(&e, -EBADMSG, "a packet is malformed; this is a bug of the judge");
		reply_failed(p, h.id, &e);
		return;
	}
	p->request_id = h.id;
	p->progress_ns = clock_mono_ns();
	if (h.type == ENFORCE_WIRE_LIST) {
		reply_list(p, h.id);
	} else if (h.type == ENFORCE_WIRE_BEAT) {
		reply_beat(p, h.id, &r);
	} else if (h.type == ENFORCE_WIRE_BRAKE) {
		reply_brake(p, h.id);
	} else {
		take_elements(p, &h, &r);
	}
}

/* False when the judge is gone. */
static bool
read_requests(struct process *p)
{
	static uint8_t buf[ENFORCE_WIRE_PACKET_MAX];
	ssize_t n;

	for (;;) {
		n = recv(p->requests, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);
		if (n == 0)
			return false;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		take_packet(p, buf, (size_t)n);
		p->request_id = 0;
	}
}

/* --- the process
 * ------------------------------------------------------------------------------------- */

static void
loop(struct process *p)
{
	enum { REQUESTS, LINKS, CHANGES, EVENTS };
	struct pollfd fds[] = {
	    [REQUESTS] = {.fd = p->requests, .events = POLLIN},
	    [LINKS] = {.fd = p->en.links_fd, .events = POLLIN},
	    [CHANGES] = {.fd = p->en.watch.fd, .events = POLLIN},
	    [EVENTS] = {.fd = p->events},
	};

	for (;;) {
		int wait_ms = enforcer_repair_due(&p->en);

		queue_send(p);
		fds[EVENTS].events = p->queued > 0 ? POLLOUT : 0;
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), wait_ms) < 0 && errno != EINTR)
			return;
		/* Links first: a request may name one that has just died. */
		if (fds[LINKS].revents != 0)
			enforcer_read_links(&p->en);
		if (fds[CHANGES].revents != 0)
			enforcer_read_changes(&p->en);
		if (fds[REQUESTS].revents != 0 && !read_requests(p))
			return;
		if ((fds[EVENTS].revents & (POLLHUP | POLLERR)) != 0)
			return;
	}
}

static void
close_others(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > 3)
		(void)close_range(3, low - 1, 0);
	if (high > low + 1)
		(void)close_range(low + 1, high - 1, 0);
	(void)close_range(high + 1, ~0U, 0);
}

/* Another user than the judge's where there is one: then the judge cannot even send it a signal. */
static int
drop_privileges(struct err *e)
{
	struct sandbox_user user;
	int r = sandbox_find_user("bulkhead-enforcer", &user, NULL);

	if (r < 0)
		r = sandbox_find_user("", &user, e);
	return r < 0 ? r : sandbox_drop(&user, UINT64_C(1) << CAP_NET_ADMIN, e);
}

static int
start(struct process *p, const struct enforce_config *cfg, struct err *e)
{
	bool landlocked;
	int r;

	plan_init(&p->staged);
	p->en.tell_arg = p;
	p->en.tell_progress = tell_progress;
	p->queue = calloc(QUEUE_MAX, sizeof(*p->queue));
	if (p->queue == NULL)
		return err_set(e, -ENOMEM, "no memory for the enforcer; give the guard more");
	r = drop_privileges(e);
	if (r == 0) /* libnftables reads its files here, before the jail */
		r = enforcer_init(&p->en, cfg, e);
	if (r == 0)
		r = sandbox_landlock(NULL, &landlocked, e);
	if (r == 0)
		r = sandbox_seccomp(SANDBOX_ENFORCER, e);
	if (r < 0)
		return r;
	p->en.tell_link = tell_link;
	p->en.tell_repaired = tell_repaired;
	p->en.tell_overflow = tell_overflow;
	return 0;
}

int
enforcer_run(const struct enforce_config *cfg, int requests, int events)
{
	struct timeval patience = {.tv_sec = 2};
	struct process p = {.requests = requests,
	    .events = events,
	    .progress_ns = clock_mono_ns(),
	    .en = {.links_fd = -1, .watch.fd = -1}};
	struct err e;
	int r;

	/* It ends when its judge does, not when a terminal or the service manager says so. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_NAME, "bulkhead-enforc", 0, 0, 0);
	close_others(requests, events);
	(void)setsockopt(requests, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));

	r = start(&p, cfg, &e);
	if (r < 0) {
		reply_failed(&p, 0, &e);
	} else {
		reply_done(&p, 0);
		loop(&p);
	}
	enforcer_fini(&p.en);
	plan_fini(&p.staged);
	free(p.queue);
	return r < 0;
}
