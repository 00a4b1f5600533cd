/* SPDX-License-Identifier: ISC */
/*
 * The judge's side of the enforcer: forks the child and asks it, one request after the other.
 * bulkhead-guard (judge process).
 */
#include "policy/enforce.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "policy/enforce_wire.h"
#include "policy/enforcer.h"

#define START_PATIENCE_NS \
	(10 * CLOCK_SECOND_NS) /* the ruleset beside another's with many thousand rules */
#define REPLY_PATIENCE_NS (2 * CLOCK_SECOND_NS)
#define KEY_PATIENCE_NS	  (CLOCK_SECOND_NS / 10000) /* measured: about 30 us each in three tables */
#define MOST_PATIENCE_NS  CLOCK_MINUTE_NS /* of one that says again and again that it goes on */
#define END_PATIENCE_MS	  1000
#define POSTED_MAX	  64
#define SILENCES_MAX	  5 /* in a row: it hangs for good, and a new one is better */

/* A request whose answer nobody waits for. */
struct posted {
	uint32_t id;
	uint8_t type;
	int64_t end_ns; /* of our patience */
	char server[INVENTORY_NAME_BYTES];
};

struct enforce {
	pid_t pid; /* 0 = reaped */
	int requests, events;
	int epoll; /* of both */
	uint32_t id, features;
	unsigned standing; /* elements at the last listing or replacement: a repair takes longer */
	unsigned silences; /* requests without an answer since the last one */
	bool gone;
	/* Answers come in the order of the requests: a ring. */
	struct posted posted[POSTED_MAX];
	unsigned posted_first, posted_count;
	struct enforce_report failure; /* the newest of what was posted, until it is told */
};

static const char *const feature_names[ENFORCE_FEATURE__COUNT] = {
    [ENFORCE_NETDEV_INGRESS] = "netdev-ingress",
    [ENFORCE_NETDEV_REJECT] = "netdev-reject",
    [ENFORCE_BRIDGE] = "bridge",
    [ENFORCE_BRIDGE_REJECT] = "bridge-reject",
    [ENFORCE_INET] = "inet",
    [ENFORCE_BRAKE] = "brake",
    [ENFORCE_NOTICE] = "notice",
};

const char *
enforce_feature_name(unsigned f)
{
	return f < ENFORCE_FEATURE__COUNT ? feature_names[f] : "unknown";
}

/* --- asking
 * ------------------------------------------------------------------------------------------ */

static int
gone(struct enforce *f, struct err *e)
{
	f->gone = true;
	return err_set(e, -EPIPE,
	    "the enforcer has ended; what was blocked stays so until its timeout, restart "
	    "bulkhead-guard");
}

/* What a reply that is no list says. */
static int
finish(struct enforce *f, const struct enforce_wire_header *h, struct wire_reader *r, struct err *e)
{
	char text[256];
	uint32_t number = wire_get_u32(r);

	if (h->type == ENFORCE_WIRE_DONE && wire_reader_finish(r) == 0) {
		f->features = number;
		return 0;
	}
	wire_get_text(r, text, sizeof(text));
	if (h->type != ENFORCE_WIRE_FAILED || wire_reader_finish(r) < 0 || number == 0 ||
	    number > 4095)
		return err_set(
		    e, -EBADMSG, "the enforcer sent a malformed reply; restart bulkhead-guard");
	return err_set(e, -(int)number, "%s", text);
}

static void
fail_posted(struct enforce *f, const struct posted *p, const char *why)
{
	f->failure.event = ENFORCE_FAILED;
	f->failure.verb = p->type == ENFORCE_WIRE_BLOCK ? "block" : "release";
	snprintf(f->failure.server, sizeof(f->failure.server), "%s", p->server);
	snprintf(f->failure.text, sizeof(f->failure.text), "%s", why);
}

static void
forget_oldest(struct enforce *f)
{
	f->posted_first = (f->posted_first + 1) % POSTED_MAX;
	f->posted_count--;
}

/* A reply that nobody waits for: of what was posted, or of a request whose patience was over. */
static void
take_late(struct enforce *f, const struct enforce_wire_header *h, struct wire_reader *r)
{
	struct posted *p = &f->posted[f->posted_first];
	struct err e;

	if (f->posted_count == 0)
		return;
	if (h->type == ENFORCE_WIRE_PROGRESS) {
		p->end_ns = clock_mono_ns() + REPLY_PATIENCE_NS;
		return;
	}
	if (p->id != h->id)
		return;
	if (finish(f, h, r, &e) < 0)
		fail_posted(f, p, e.text);
	forget_oldest(f);
}

/* One packet of the request `id`; what comes before it was posted, or is too late.  Size or negative
 * errno.  While the child says that it is at work, it has REPLY_PATIENCE_NS more each time. */
static ssize_t
receive(struct enforce *f, uint32_t id, int64_t end_ns, uint8_t *buf, struct enforce_wire_header *h,
    struct wire_reader *r, struct err *e)
{
	struct pollfd p = {.fd = f->requests, .events = POLLIN};
	int64_t most_ns = clock_mono_ns() + MOST_PATIENCE_NS, now_ns;
	ssize_t n;

	for (;;) {
		int64_t left_ms = (end_ns - clock_mono_ns()) / 1000000;

		if (poll(&p, 1, left_ms > 0 ? (int)left_ms : 0) == 0) {
			f->silences++;
			return err_set(e, -ETIMEDOUT,
			    "the enforcer did not answer in time; it may still act, compare with "
			    "`nft list ruleset`");
		}
		n = recv(f->requests, buf, ENFORCE_WIRE_PACKET_MAX, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return gone(f, e);
		f->silences = 0;
		wire_reader_init(r, buf, (size_t)n);
		if (enforce_wire_get_header(r, h) < 0)
			return err_set(e, -EBADMSG,
			    "the enforcer sent a malformed packet; restart bulkhead-guard");
		now_ns = clock_mono_ns();
		if (h->type == ENFORCE_WIRE_PROGRESS && end_ns < now_ns + REPLY_PATIENCE_NS &&
		    now_ns < most_ns)
			end_ns = now_ns + REPLY_PATIENCE_NS;
		if (h->id == id && h->type != ENFORCE_WIRE_PROGRESS)
			return n;
		take_late(f, h, r);
	}
}

/* A /24 is 256 keys. */
static int64_t
patience(const struct enforce *f, const struct plan_element *elements, unsigned count)
{
	int64_t keys = f->standing; /* which it may be putting back at the moment */
	unsigned i;

	for (i = 0; i < count; i++)
		keys += elements[i].ifname[0] != '\0' ? 1 : plan_prefix_keys(&elements[i].prefix);
	return REPLY_PATIENCE_NS + keys * KEY_PATIENCE_NS;
}

static int
ask(struct enforce *f, uint8_t type, const struct plan_element *elements, unsigned count,
    struct err *e)
{
	int64_t end_ns = clock_mono_ns() + patience(f, elements, count);
	uint8_t buf[ENFORCE_WIRE_PACKET_MAX];
	struct enforce_wire_header h = {0};
	struct wire_reader r;
	ssize_t n;
	int result;

	if (f->gone)
		return gone(f, e);
	if (++f->id == 0)
		f->id = 1;
	result = enforce_wire_send_elements(f->requests, type, f->id, elements, count, 0);
	if (result == -EAGAIN)
		return err_set(e, -ETIMEDOUT, "the enforcer does not read; restart bulkhead-guard");
	if (result < 0)
		return gone(f, e);
	n = receive(f, f->id, end_ns, buf, &h, &r, e);
	return n < 0 ? (int)n : finish(f, &h, &r, e);
}

int
enforce_block(struct enforce *f, const struct plan_element *elements, unsigned count, struct err *e)
{
	return count == 0 ? 0 : ask(f, ENFORCE_WIRE_BLOCK, elements, count, e);
}

int
enforce_release(
    struct enforce *f, const struct plan_element *elements, unsigned count, struct err *e)
{
	return count == 0 ? 0 : ask(f, ENFORCE_WIRE_RELEASE, elements, count, e);
}

static int
post(struct enforce *f, uint8_t type, const char *server, const struct plan_element *elements,
    unsigned count, struct err *e)
{
	struct posted *p = &f->posted[(f->posted_first + f->posted_count) % POSTED_MAX];
	int r;

	if (count == 0)
		return 0;
	if (f->gone || count > ENFORCE_WIRE_ELEMENTS_MAX || f->posted_count == POSTED_MAX)
		return ask(f, type, elements, count, e);
	if (++f->id == 0)
		f->id = 1;
	r = enforce_wire_send_elements(f->requests, type, f->id, elements, count, MSG_DONTWAIT);
	if (r == -EAGAIN)
		return err_set(e, -ETIMEDOUT, "the enforcer does not read; restart bulkhead-guard");
	if (r < 0)
		return gone(f, e);
	p->id = f->id;
	p->type = type;
	p->end_ns = clock_mono_ns() + patience(f, elements, count);
	snprintf(p->server, sizeof(p->server), "%s", server);
	f->posted_count++;
	return 0;
}

int
enforce_post_block(struct enforce *f, const char *server, const struct plan_element *elements,
    unsigned count, struct err *e)
{
	return post(f, ENFORCE_WIRE_BLOCK, server, elements, count, e);
}

int
enforce_post_release(struct enforce *f, const char *server, const struct plan_element *elements,
    unsigned count, struct err *e)
{
	return post(f, ENFORCE_WIRE_RELEASE, server, elements, count, e);
}

int
enforce_replace_all(struct enforce *f, const struct plan *plan, struct err *e)
{
	int r = ask(f, ENFORCE_WIRE_REPLACE, plan->elements, plan->count, e);

	if (r == 0)
		f->standing = plan->count;
	return r;
}

/* Begins a small request in `buf`; enforce_wire_send() ends it. */
static void
begin_request(struct enforce *f, uint8_t type, struct wire_writer *w, uint8_t *buf, size_t size)
{
	struct enforce_wire_header h = {.type = type};

	if (++f->id == 0)
		f->id = 1;
	h.id = f->id;
	wire_writer_init(w, buf, size);
	enforce_wire_put_header(w, &h);
}

int
enforce_beat(struct enforce *f, int64_t for_ns, bool armed, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + patience(f, NULL, 0);
	uint8_t buf[ENFORCE_WIRE_PACKET_MAX];
	struct enforce_wire_header h = {0};
	struct wire_reader r;
	struct wire_writer w;
	ssize_t n;

	if (f->gone)
		return gone(f, e);
	begin_request(f, ENFORCE_WIRE_BEAT, &w, buf, sizeof(buf));
	wire_put_u32(&w, (uint32_t)(for_ns / 1000000));
	wire_put_u8(&w, armed);
	if (enforce_wire_send(f->requests, &w, 0) < 0)
		return gone(f, e);
	n = receive(f, f->id, end_ns, buf, &h, &r, e);
	return n < 0 ? (int)n : finish(f, &h, &r, e);
}

int
enforce_brake_state(struct enforce *f, struct enforce_brake_state *out, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + patience(f, NULL, 0);
	uint8_t buf[ENFORCE_WIRE_PACKET_MAX];
	struct enforce_brake_state state;
	struct enforce_wire_header h = {0};
	struct wire_reader r;
	struct wire_writer w;
	ssize_t n;
	int result;

	if (f->gone)
		return gone(f, e);
	begin_request(f, ENFORCE_WIRE_BRAKE, &w, buf, sizeof(buf));
	if (enforce_wire_send(f->requests, &w, 0) < 0)
		return gone(f, e);
	n = receive(f, f->id, end_ns, buf, &h, &r, e);
	if (n < 0)
		return (int)n;
	if (h.type != ENFORCE_WIRE_BRAKE_IS) {
		result = finish(f, &h, &r, e);
		return result < 0 ? result : -EBADMSG;
	}
	state.alive_ns = (int64_t)wire_get_u32(&r) * 1000000;
	state.armed = wire_get_u8(&r) != 0;
	state.dropped = wire_get_u64(&r);
	state.counted = wire_get_u64(&r);
	state.overflow = wire_get_u64(&r);
	wire_get_text(&r, state.overflow_link, sizeof(state.overflow_link));
	state.notice = wire_get_u8(&r) != 0;
	state.notice_links = wire_get_u32(&r);
	state.reset_links = wire_get_u32(&r);
	if (wire_reader_finish(&r) < 0)
		return err_set(
		    e, -EBADMSG, "the enforcer sent a malformed reply; restart bulkhead-guard");
	*out = state;
	return 0;
}

int
enforce_list(struct enforce *f, struct plan *out, struct err *e)
{
	uint8_t buf[ENFORCE_WIRE_PACKET_MAX];
	struct enforce_wire_header h = {0};
	struct wire_reader r;
	struct wire_writer w;
	ssize_t n;
	int result = 0;

	plan_init(out);
	if (f->gone)
		return gone(f, e);
	begin_request(f, ENFORCE_WIRE_LIST, &w, buf, sizeof(buf));
	if (enforce_wire_send(f->requests, &w, 0) < 0)
		return gone(f, e);
	do { /* each packet is a sign of life */
		n = receive(f, f->id, clock_mono_ns() + patience(f, NULL, 0), buf, &h, &r, e);
		if (n < 0)
			result = (int)n;
		else if (h.type != ENFORCE_WIRE_ELEMENTS)
			result = finish(f, &h, &r, e);
		else if ((result = enforce_wire_get_elements(&r, out)) < 0)
			err_set(
			    e, result, "cannot take the enforcer's list; restart bulkhead-guard");
	} while (
	    result == 0 && h.type == ENFORCE_WIRE_ELEMENTS && (h.flags & ENFORCE_WIRE_MORE) != 0);
	if (result < 0)
		plan_fini(out);
	else
		f->standing = out->count;
	return result;
}

int
enforce_features(struct enforce *f, uint32_t *mask, struct err *e)
{
	if (f->gone)
		return gone(f, e);
	*mask = f->features;
	return 0;
}

/* --- news
 * -------------------------------------------------------------------------------------------- */

int
enforce_fd(const struct enforce *f)
{
	return f->epoll;
}

pid_t
enforce_pid(const struct enforce *f)
{
	return f->pid;
}

static void
reap(struct enforce *f)
{
	if (f->pid > 0 && waitpid(f->pid, NULL, WNOHANG) != 0)
		f->pid = 0;
}

/* Takes the answers to what was posted that have come, and gives up those that are overdue. */
static void
take_answers(struct enforce *f)
{
	uint8_t buf[ENFORCE_WIRE_PACKET_MAX];
	struct enforce_wire_header h = {0};
	struct wire_reader r;
	ssize_t n;

	while ((n = recv(f->requests, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		f->silences = 0;
		wire_reader_init(&r, buf, (size_t)n);
		if (enforce_wire_get_header(&r, &h) == 0)
			take_late(f, &h, &r);
	}
	while (f->posted_count > 0 && clock_mono_ns() > f->posted[f->posted_first].end_ns) {
		fail_posted(f, &f->posted[f->posted_first], "the enforcer did not answer in time");
		f->silences++;
		forget_oldest(f);
	}
}

int
enforce_poll(struct enforce *f, struct enforce_report *out)
{
	struct enforce_report report = {.event = ENFORCE_NOTHING};
	struct enforce_wire_header h = {0};
	struct wire_reader r;
	uint8_t buf[512];
	ssize_t n;

	take_answers(f);
	if (f->silences >= SILENCES_MAX) {
		f->gone = true;
		report.event = ENFORCE_GONE;
		*out = report;
		return 0;
	}
	if (f->failure.event == ENFORCE_FAILED) {
		*out = f->failure;
		f->failure.event = ENFORCE_NOTHING;
		return 0;
	}
	do
		n = recv(f->events, buf, sizeof(buf), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		*out = report;
		return 0;
	}
	if (n <= 0) {
		f->gone = true;
		reap(f);
		report.event = ENFORCE_GONE;
		*out = report;
		return 0;
	}
	wire_reader_init(&r, buf, (size_t)n);
	if (enforce_wire_get_header(&r, &h) < 0)
		return -EBADMSG;
	if (h.type == ENFORCE_WIRE_LINK) {
		report.event = ENFORCE_LINK_CHANGED;
		report.link_up = wire_get_u8(&r) != 0;
		wire_get_text(&r, report.ifname, sizeof(report.ifname));
	} else if (h.type == ENFORCE_WIRE_REPAIRED || h.type == ENFORCE_WIRE_OVERFLOW) {
		report.event =
		    h.type == ENFORCE_WIRE_REPAIRED ? ENFORCE_REPAIRED : ENFORCE_OVERFLOW;
		wire_get_text(&r, report.text, sizeof(report.text));
	}
	if (wire_reader_finish(&r) < 0)
		return -EBADMSG;
	*out = report;
	return 0;
}

/* --- beginning and end
 * ------------------------------------------------------------------------------- */

static int
wait_until_ready(struct enforce *f, struct err *e)
{
	uint8_t buf[ENFORCE_WIRE_PACKET_MAX];
	struct enforce_wire_header h = {0};
	struct wire_reader r;
	ssize_t n = receive(f, 0, clock_mono_ns() + START_PATIENCE_NS, buf, &h, &r, e);

	return n < 0 ? (int)n : finish(f, &h, &r, e);
}

static int
start_child(struct enforce *f, const struct enforce_config *cfg, struct err *e)
{
	int requests[2] = {-1, -1}, events[2] = {-1, -1}, r = 0;
	struct timeval patience = {.tv_sec = 2};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, requests) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, events) < 0 ||
	    (f->pid = fork()) < 0)
		r = err_set(e, -errno, "cannot start the enforcer: %s", strerror(errno));
	if (r == 0 && f->pid == 0) {
		close(requests[0]);
		close(events[0]);
		/* The judge's exit handlers are not the child's. */
		_exit(enforcer_run(cfg, requests[1], events[1]));
	}
	if (requests[1] >= 0)
		close(requests[1]);
	if (events[1] >= 0)
		close(events[1]);
	f->requests = requests[0];
	f->events = events[0];
	if (r == 0)
		(void)setsockopt(f->requests, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return r;
}

static int
watch_child(struct enforce *f, struct err *e)
{
	struct epoll_event in = {.events = EPOLLIN};

	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (f->epoll < 0 || epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->requests, &in) < 0 ||
	    epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->events, &in) < 0)
		return err_set(e, -errno, "cannot wait for the enforcer: %s", strerror(errno));
	return 0;
}

int
enforce_open(struct enforce **out, const struct enforce_config *cfg, struct err *e)
{
	struct enforce *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL)
		return err_set(e, -ENOMEM, "no memory for the enforcer; give the guard more");
	f->requests = f->events = f->epoll = -1;
	r = start_child(f, cfg, e);
	if (r == 0)
		r = wait_until_ready(f, e);
	if (r == 0)
		r = watch_child(f, e);
	if (r < 0) {
		enforce_close(f);
		return r;
	}
	*out = f;
	return 0;
}

void
enforce_close(struct enforce *f)
{
	struct pollfd p = {.events = POLLIN};

	if (f == NULL)
		return;
	if (f->requests >= 0)
		close(f->requests);
	/* Its end of the events closes when it ends. */
	p.fd = f->events;
	while (f->pid > 0 && f->events >= 0 && poll(&p, 1, END_PATIENCE_MS) > 0) {
		uint8_t waste[512];
		ssize_t n = recv(f->events, waste, sizeof(waste), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EINTR)) /* at its end errno is an old one */
			break;
	}
	/* One that hangs ends by itself when it looks at its sockets; the judge's jail has no
	 * kill(). */
	if (f->pid > 0 && f->events >= 0 && poll(&p, 1, 0) > 0)
		waitpid(f->pid, NULL, 0);
	if (f->events >= 0)
		close(f->events);
	if (f->epoll >= 0)
		close(f->epoll);
	free(f);
}
