/* SPDX-License-Identifier: ISC */
/*
 * Elements of our sets over netlink, in transactions.  libnftnl builds one add in about
 * 28 us where libnftables takes 180 us and reads other tables' interval sets into its cache.
 * bulkhead-guard (enforcer child).
 */
#include "policy/enforce_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "policy/enforce_brake.h"
#include "policy/enforce_netlink_private.h"

/* Elements in one message: a nested attribute holds less than 64 KiB, an element at most 232 bytes.
 */
#define CHUNK	    256
#define BATCH_FIRST (256u << 10)
#define BATCH_KEPT  (4u << 20)
#define SEND_BYTES \
	(128 << 20) /* limits, not reservations; PLAN_ELEMENTS_MAX in three families fits */
#define RECEIVE_BYTES (32 << 20)

static int
open_socket(struct mnl_socket **out, struct err *e)
{
	int fd, send_bytes = SEND_BYTES, receive_bytes = RECEIVE_BYTES;
	struct timeval patience = {.tv_sec = 2};
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

	if (s == NULL)
		return err_set(e, -errno,
		    "cannot open a netlink socket to nftables (%s); load nfnetlink",
		    strerror(errno));
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		int r = err_set(e, -errno, "cannot bind a netlink socket (%s)", strerror(errno));

		mnl_socket_close(s);
		return r;
	}
	fd = mnl_socket_get_fd(s);
	/* Refused without CAP_NET_ADMIN: then large batches fail and say so. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_bytes, sizeof(send_bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof(receive_bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	*out = s;
	return 0;
}

int
enforce_netlink_open(struct enforce_netlink **out, const char *table, struct err *e)
{
	struct enforce_netlink *nl = calloc(1, sizeof(*nl));
	int r, one = 1;

	if (nl == NULL || (nl->batch = malloc(BATCH_FIRST)) == NULL) {
		free(nl);
		return err_set(e, -ENOMEM, "no memory for the enforcer; give the guard more");
	}
	strncpy(nl->table, table, sizeof(nl->table) - 1);
	nl->seq = 1;
	nl->room = BATCH_FIRST;
	r = open_socket(&nl->requests, e);
	if (r < 0) {
		enforce_netlink_close(nl);
		return r;
	}
	/* The error alone, not the request with it: a batch may be megabytes. */
	(void)mnl_socket_setsockopt(nl->requests, NETLINK_CAP_ACK, &one, sizeof(one));
	*out = nl;
	return 0;
}

void
enforce_netlink_close(struct enforce_netlink *nl)
{
	if (nl == NULL)
		return;
	if (nl->requests != NULL)
		mnl_socket_close(nl->requests);
	free(nl->batch);
	free(nl);
}

void
enforce_netlink_set_families(struct enforce_netlink *nl, unsigned mask)
{
	nl->families = mask;
}

void
enforce_netlink_set_progress(struct enforce_netlink *nl, void (*progress)(void *arg), void *arg)
{
	nl->progress = progress;
	nl->progress_arg = arg;
}

uint32_t
enforce_netlink_port(const struct enforce_netlink *nl)
{
	return mnl_socket_get_portid(nl->requests);
}

ssize_t
enforce_netlink_receive(struct enforce_netlink *nl, void *buf, size_t size, bool wait)
{
	struct sockaddr_nl from;
	struct iovec room = {buf, size};
	struct msghdr m = {.msg_name = &from, .msg_iov = &room, .msg_iovlen = 1};
	ssize_t n;

	for (;;) {
		m.msg_namelen = sizeof(from);
		n = recvmsg(mnl_socket_get_fd(nl->requests), &m, wait ? 0 : MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN && wait ? -ETIMEDOUT : -errno;
		if (m.msg_namelen != sizeof(from) || from.nl_pid != 0)
			continue; /* only the kernel answers */
		if ((m.msg_flags & MSG_TRUNC) != 0)
			return -EMSGSIZE;
		return n;
	}
}

void
enforce_netlink_drain(struct enforce_netlink *nl)
{
	char waste[8192];
	ssize_t n;

	do
		n = enforce_netlink_receive(nl, waste, sizeof(waste), false);
	while (n >= 0 || n == -ENOBUFS || n == -EMSGSIZE);
}

/* --- building and sending one transaction --------------------------------------------------------
 */

/* Room for one more message; NULL without memory. */
static char *
batch_end(struct enforce_netlink *nl)
{
	if (nl->room - nl->size < ENFORCE_NETLINK_MESSAGE_MAX) {
		uint8_t *bigger = realloc(nl->batch, nl->room * 2);

		if (bigger == NULL) {
			nl->failed = true;
			return NULL;
		}
		nl->batch = bigger;
		nl->room *= 2;
	}
	return (char *)nl->batch + nl->size;
}

static void
batch_begin(struct enforce_netlink *nl)
{
	nl->size = 0;
	nl->failed = false;
	nl->first_seq = nl->seq;
	nl->size += nftnl_batch_begin(batch_end(nl), nl->seq++)->nlmsg_len;
	nl->last = 0;
}

/* Takes the message that was built at batch_end(). */
static void
batch_take(struct enforce_netlink *nl, const struct nlmsghdr *message)
{
	nl->last = nl->size;
	nl->size += message->nlmsg_len;
}

/* A batch of 100,000 elements takes 45 MB; the next is usually one. */
static void
batch_trim(struct enforce_netlink *nl)
{
	uint8_t *smaller;

	if (nl->room <= BATCH_KEPT)
		return;
	smaller = realloc(nl->batch, BATCH_KEPT);
	if (smaller == NULL)
		return;
	nl->batch = smaller;
	nl->room = BATCH_KEPT;
}

/* What one answer of the kernel says of the batch: the first error, 0, or `so_far`. */
static int
read_verdict(const struct enforce_netlink *nl, const void *answer, size_t size, int so_far)
{
	const unsigned port = mnl_socket_get_portid(nl->requests);
	const struct nlmsghdr *h = answer;
	int left = (int)size, result = so_far;

	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(h);

		/* Another request's, or too short to say anything. */
		if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_pid != port ||
		    h->nlmsg_seq - nl->first_seq >= nl->seq - nl->first_seq ||
		    h->nlmsg_len < NLMSG_LENGTH(sizeof(error->error)))
			continue;
		if (error->error != 0 && (result == -EPROTO || result == 0))
			result = error->error;
		else if (error->error == 0 && result == -EPROTO)
			result = 0;
	}
	return result;
}

/* The kernel runs the whole transaction inside of sendmsg(): every answer waits afterwards.  One
 * ACK, asked of the last message, makes success positive evidence (an ACK of the batch end needs
 * kernel 6.10).  -EPROTO: nobody knows what the kernel did, because the answer did not come, or because
 * one of those that were lost may have been an error; every operation here may be repeated. */
static int
batch_commit(struct enforce_netlink *nl)
{
	char answer[8192];
	int result = -EPROTO;
	char *end = batch_end(nl);
	bool lost = false;
	ssize_t n;

	if (nl->failed)
		return -ENOMEM;
	if (nl->last == 0)
		return 0;
	((struct nlmsghdr *)(void *)(nl->batch + nl->last))->nlmsg_flags |= NLM_F_ACK;
	nl->size += nftnl_batch_end(end, nl->seq++)->nlmsg_len;
	if (mnl_socket_sendto(nl->requests, nl->batch, nl->size) < 0)
		return -errno;
	while ((n = enforce_netlink_receive(nl, answer, sizeof(answer), false)) != -EAGAIN) {
		if (n >= 0)
			result = read_verdict(nl, answer, (size_t)n, result);
		else
			lost = true;
		if (n < 0 && n != -ENOBUFS && n != -EMSGSIZE)
			break;
	}
	if (lost && result == 0)
		result = -EPROTO;
	batch_trim(nl);
	return result;
}

struct nftnl_set *
enforce_netlink_set_named(const struct enforce_netlink *nl, unsigned family, const char *name)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (s == NULL)
		return NULL;
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, enforce_families[family].number);
	nftnl_set_set_str(s, NFTNL_SET_TABLE, nl->table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, name);
	return s;
}

struct nftnl_set *
enforce_netlink_set_of(
    const struct enforce_netlink *nl, unsigned family, unsigned set, unsigned kind)
{
	char name[ENFORCE_SET_NAME_BYTES];

	return enforce_netlink_set_named(nl, family, enforce_layout_set_name(name, set, kind));
}

/* A grant's own ceiling: an hour's worth at once, refilled over the hour. */
static int
add_limit(struct nftnl_set_elem *elem, uint32_t pace)
{
	struct nftnl_expr *limit = nftnl_expr_alloc("limit");

	if (limit == NULL)
		return -ENOMEM;
	if (pace == 0)
		pace = ENFORCE_BRAKE_GRANT_DEFAULT;
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, pace);
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 3600);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, pace);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_set_elem_add_expr(elem, limit);
	return 0;
}

/* What was refused before the element was renewed; once for all its keys in all families. */
static int
add_counter(struct nftnl_set_elem *elem, uint64_t packets)
{
	struct nftnl_expr *counter = nftnl_expr_alloc("counter");

	if (counter == NULL)
		return -ENOMEM;
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, packets);
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, 0);
	nftnl_set_elem_add_expr(elem, counter);
	return 0;
}

static int
add_key(struct nftnl_set *s, const struct plan_element *element, unsigned kind, unsigned index,
    bool full, bool is_first)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
	uint8_t key[ENFORCE_KEY_BYTES];
	char comment[ENFORCE_COMMENT_BYTES];
	struct nftnl_udata_buf *udata;

	if (elem == NULL)
		return -ENOMEM;
	enforce_layout_key(element, index, key);
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key, enforce_keys[kind].size);
	if (element->set == PLAN_SET_GRANTED && add_limit(elem, element->pace) < 0) {
		nftnl_set_elem_free(elem);
		return -ENOMEM;
	}
	if (full && element->packets > 0 && element->set == PLAN_SET_BLOCKED && index == 0 &&
	    is_first && add_counter(elem, element->packets) < 0) {
		nftnl_set_elem_free(elem);
		return -ENOMEM;
	}
	if (full && element->timeout_ns > 0)
		nftnl_set_elem_set_u64(
		    elem, NFTNL_SET_ELEM_TIMEOUT, (uint64_t)element->timeout_ns / 1000000);
	if (full) {
		udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
		if (udata == NULL) {
			nftnl_set_elem_free(elem);
			return -ENOMEM;
		}
		enforce_layout_comment(comment, element);
		nftnl_udata_put_strz(udata, NFTNL_UDATA_SET_ELEM_COMMENT, comment);
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(udata),
		    nftnl_udata_buf_len(udata));
		nftnl_udata_buf_free(udata);
	}
	nftnl_set_elem_add(s, elem);
	return 0;
}

/* One message of NEWSETELEM or DELSETELEM; frees the set. */
static void
put_elements(struct enforce_netlink *nl, unsigned family, uint16_t type, struct nftnl_set *s)
{
	char *at = batch_end(nl);
	struct nlmsghdr *h;

	if (at != NULL) {
		h = nftnl_nlmsg_build_hdr(at, type, enforce_families[family].number,
		    type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, nl->seq++);
		nftnl_set_elems_nlmsg_build_payload(h, s);
		batch_take(nl, h);
	}
	nftnl_set_free(s);
}

static unsigned
first_family(const struct enforce_netlink *nl)
{
	return nl->families != 0 ? (unsigned)__builtin_ctz(nl->families) : 0;
}

/* One pass over the elements of one set of one family: adds or deletes those that belong there. */
static void
put_pass(struct enforce_netlink *nl, unsigned family, unsigned set, unsigned kind, uint16_t type,
    const struct plan_element *elements, unsigned count)
{
	struct nftnl_set *s = NULL;
	unsigned in_message = 0, i, k;

	for (i = 0; i < count && !nl->failed; i++) {
		if (elements[i].set != set || enforce_layout_kind(&elements[i]) != kind)
			continue;
		for (k = 0; k < enforce_layout_key_count(&elements[i]); k++) {
			if (s == NULL)
				s = enforce_netlink_set_of(nl, family, set, kind);
			if (s == NULL ||
			    add_key(s, &elements[i], kind, k, type == NFT_MSG_NEWSETELEM,
				family == first_family(nl)) < 0) {
				nl->failed = true;
				break;
			}
			if (++in_message < CHUNK)
				continue;
			put_elements(nl, family, type, s);
			s = NULL;
			in_message = 0;
		}
	}
	if (s != NULL)
		put_elements(nl, family, type, s);
}

/* DELSETELEM without a list empties the set. */
static void
put_flush(struct enforce_netlink *nl, unsigned family, unsigned set, unsigned kind)
{
	struct nftnl_set *s = enforce_netlink_set_of(nl, family, set, kind);

	if (s == NULL)
		nl->failed = true;
	else
		put_elements(nl, family, NFT_MSG_DELSETELEM, s);
}

static void
put_set(struct enforce_netlink *nl, unsigned family, unsigned set, unsigned kind,
    enum enforce_netlink_op op, const struct plan_element *elements, unsigned count)
{
	if (op == ENFORCE_NETLINK_REPLACE || op == ENFORCE_NETLINK_APPEND) {
		if (op == ENFORCE_NETLINK_REPLACE)
			put_flush(nl, family, set, kind);
		put_pass(nl, family, set, kind, NFT_MSG_NEWSETELEM, elements, count);
		return;
	}
	/* "add; delete" deletes what may be absent, and a third "add" renews the timeout, on every
	 * kernel. */
	put_pass(nl, family, set, kind, NFT_MSG_NEWSETELEM, elements, count);
	put_pass(nl, family, set, kind, NFT_MSG_DELSETELEM, elements, count);
	if (op == ENFORCE_NETLINK_ADD)
		put_pass(nl, family, set, kind, NFT_MSG_NEWSETELEM, elements, count);
}

int
enforce_netlink_apply(struct enforce_netlink *nl, enum enforce_netlink_op op,
    const struct plan_element *elements, unsigned count)
{
	unsigned family, set, kind;

	batch_begin(nl);
	for (family = 0; family < ENFORCE_FAMILY__COUNT; family++)
		for (set = 0; (nl->families >> family & 1) != 0 && set < PLAN_SET__COUNT; set++)
			for (kind = 0; kind < ENFORCE_KEY__COUNT; kind++)
				put_set(nl, family, set, kind, op, elements, count);
	return batch_commit(nl);
}

/* --- the heartbeat
 * ----------------------------------------------------------------------------------- */

/* Adds or deletes the elements of a plain set. */
static void
put_flag(
    struct enforce_netlink *nl, unsigned family, const char *name, uint16_t type, uint64_t left_ms)
{
	static const uint16_t protocols[] = ENFORCE_BRAKE_PROTOCOLS;
	struct nftnl_set *s = enforce_netlink_set_named(nl, family, name);

	for (size_t i = 0; s != NULL && i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
		const uint16_t key = htons(protocols[i]);

		if (elem == NULL) {
			nftnl_set_free(s);
			s = NULL;
			break;
		}
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, &key, sizeof(key));
		if (left_ms > 0)
			nftnl_set_elem_set_u64(elem, NFTNL_SET_ELEM_TIMEOUT, left_ms);
		nftnl_set_elem_add(s, elem);
	}
	if (s == NULL)
		nl->failed = true;
	else
		put_elements(nl, family, type, s);
}

int
enforce_netlink_beat(struct enforce_netlink *nl, uint64_t left_ms, bool armed)
{
	unsigned family;

	batch_begin(nl);
	for (family = 0; family < ENFORCE_FAMILY__COUNT; family++) {
		if ((nl->families >> family & 1) == 0)
			continue;
		if (left_ms > 0) {
			put_flag(nl, family, ENFORCE_BRAKE_ALIVE, NFT_MSG_NEWSETELEM, 0);
			put_flag(nl, family, ENFORCE_BRAKE_ALIVE, NFT_MSG_DELSETELEM, 0);
			put_flag(nl, family, ENFORCE_BRAKE_ALIVE, NFT_MSG_NEWSETELEM, left_ms);
		}
		put_flag(nl, family, ENFORCE_BRAKE_ARMED, NFT_MSG_NEWSETELEM, 0);
		if (!armed)
			put_flag(nl, family, ENFORCE_BRAKE_ARMED, NFT_MSG_DELSETELEM, 0);
	}
	return batch_commit(nl);
}

int
enforce_netlink_delete_chain(struct enforce_netlink *nl, const char *name)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h;
	int r;

	if (c == NULL)
		return -ENOMEM;
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, nl->table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	batch_begin(nl);
	h = nftnl_nlmsg_build_hdr(batch_end(nl), NFT_MSG_DELCHAIN, NFPROTO_NETDEV, 0, nl->seq++);
	nftnl_chain_nlmsg_build_payload(h, c);
	batch_take(nl, h);
	nftnl_chain_free(c);
	r = batch_commit(nl);
	return r == -ENOENT ? 0 : r;
}
