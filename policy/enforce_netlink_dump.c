/* SPDX-License-Identifier: ISC */
/*
 * What stands in the kernel, read over netlink: elements, the brake, doors.
 * bulkhead-guard (enforcer child).
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <time.h>

#include "policy/enforce_brake.h"
#include "policy/enforce_gather.h"
#include "policy/enforce_netlink_private.h"

#define RETRIES_MAX    50      /* of a dump that changed under us */
#define AGREE_PAUSE_NS 5000000 /* the kernel moves 10,000 elements in about this time */

/* --- dumps
 * ------------------------------------------------------------------------------------------- */

/* Sends a request and hands each answer to the callback; 0 or negative errno. */
static int
dump(struct enforce_netlink *nl, const struct nlmsghdr *request, mnl_cb_t each, void *arg)
{
	char answer[ENFORCE_NETLINK_MESSAGE_MAX];
	unsigned port = mnl_socket_get_portid(nl->requests);
	int r = MNL_CB_OK;
	ssize_t n;

	if (mnl_socket_sendto(nl->requests, request, request->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(nl->requests, answer, sizeof(answer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -(errno == EAGAIN ? ETIMEDOUT : errno);
		else if ((r = mnl_cb_run(answer, (size_t)n, request->nlmsg_seq, port, each, arg)) <
			 0)
			r = -errno;
	}
	if (r < 0)
		enforce_netlink_drain(nl);
	return r;
}

struct dumped {
	struct enforce_gather *gather;
	unsigned family, set, kind; /* of the dump that runs */
};

static const char *
comment_of(struct nftnl_set_elem *elem, char buf[NFT_USERDATA_MAXLEN + 1])
{
	uint32_t size = 0;
	const uint8_t *data = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_USERDATA, &size);

	/* type, length, text: one attribute, the comment, comes first */
	if (data == NULL || size < 3 || data[0] != NFTNL_UDATA_SET_ELEM_COMMENT ||
	    data[1] > size - 2)
		return "";
	memcpy(buf, data + 2, data[1]);
	buf[data[1]] = '\0';
	return buf;
}

/* The first counter's packets. */
static int
take_counter(struct nftnl_expr *expr, void *arg)
{
	uint64_t *packets = arg;

	if (strcmp(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "counter") == 0)
		*packets += nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS);
	return 0;
}

static uint64_t
packets_of(struct nftnl_set_elem *elem)
{
	uint64_t packets = 0;

	nftnl_set_elem_expr_foreach(elem, take_counter, &packets);
	return packets;
}

static int
take_element(struct nftnl_set_elem *elem, void *arg)
{
	const struct dumped *d = arg;
	char comment[NFT_USERDATA_MAXLEN + 1];
	uint64_t left_ms = 0;
	uint32_t size = 0;
	const void *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &size);

	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_EXPIRATION))
		left_ms = nftnl_set_elem_get_u64(elem, NFTNL_SET_ELEM_EXPIRATION);
	else if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_TIMEOUT))
		left_ms = nftnl_set_elem_get_u64(elem, NFTNL_SET_ELEM_TIMEOUT);
	enforce_gather_add(d->gather, d->family, d->set, d->kind, key, key != NULL ? size : 0,
	    comment_of(elem, comment), nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_TIMEOUT), left_ms,
	    packets_of(elem));
	return 0;
}

static int
take_elements(const struct nlmsghdr *h, void *arg)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (s == NULL) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	if (nftnl_set_elems_nlmsg_parse(h, s) >= 0)
		nftnl_set_elem_foreach(s, take_element, arg);
	nftnl_set_free(s);
	return MNL_CB_OK;
}

/* One set of one family; one that is missing holds nothing. */
static int
dump_set(struct enforce_netlink *nl, struct dumped *d)
{
	char buf[1024];
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(
	    buf, NFT_MSG_GETSETELEM, enforce_families[d->family].number, NLM_F_DUMP, nl->seq++);
	struct nftnl_set *s = enforce_netlink_set_of(nl, d->family, d->set, d->kind);
	int r;

	if (s == NULL)
		return -ENOMEM;
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	r = dump(nl, h, take_elements, d);
	if (r != -ENOENT)
		return r;
	enforce_gather_note_missing(d->gather);
	return 0;
}

static int
dump_all(struct enforce_netlink *nl, struct enforce_gather *g)
{
	struct dumped d = {.gather = g};
	int r = 0;

	enforce_gather_reset(g);
	for (d.family = 0; r == 0 && d.family < ENFORCE_FAMILY__COUNT; d.family++)
		for (d.set = 0;
		     (nl->families >> d.family & 1) != 0 && r == 0 && d.set < PLAN_SET__COUNT;
		     d.set++)
			for (d.kind = 0; r == 0 && d.kind < ENFORCE_KEY__COUNT; d.kind++)
				r = dump_set(nl, &d);
	return r;
}

/* A dump of a hash set that grows or shrinks at the moment leaves elements out and gives others
 * twice, and nothing in it says so: only what two dumps in a row agree upon is believed. */
static int
dump_agreed(struct enforce_netlink *nl, struct enforce_gather *g)
{
	const struct timespec pause = {.tv_nsec = AGREE_PAUSE_NS};
	uint64_t digest = 0, before = 0;
	unsigned tries;
	int r = -EINTR;

	for (tries = 0; tries < RETRIES_MAX; tries++) {
		if (tries > 1)
			nanosleep(&pause, NULL);
		r = dump_all(nl, g);
		if (r < 0 && r != -EINTR) /* EINTR: somebody changed the set during the dump */
			return r;
		digest = enforce_gather_sort(g);
		if (r == 0 && tries > 0 && digest == before)
			return 0;
		before = r == 0 ? digest : ~digest;
	}
	return r < 0 ? r : -EAGAIN;
}

int
enforce_netlink_list(struct enforce_netlink *nl, bool partial, struct plan *out)
{
	struct enforce_gather g = {0};
	int r = dump_agreed(nl, &g);

	if (r == 0)
		r = enforce_gather_finish(
		    &g, (unsigned)__builtin_popcount(nl->families), partial, out);
	enforce_gather_fini(&g);
	return r;
}

struct flag_walk {
	uint64_t packets, longest_ms, most; /* most: packets of one element, whose key is... */
	char most_key[OBS_IFNAME_BYTES];
	unsigned count;
};

static int
walk_flag(struct nftnl_set_elem *elem, void *arg)
{
	struct flag_walk *w = arg;
	uint64_t left_ms = 0, packets = packets_of(elem);
	uint32_t size = 0;
	const void *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &size);

	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_EXPIRATION))
		left_ms = nftnl_set_elem_get_u64(elem, NFTNL_SET_ELEM_EXPIRATION);
	if (left_ms > w->longest_ms)
		w->longest_ms = left_ms;
	w->packets += packets;
	w->count++;
	if (packets > w->most && key != NULL && size >= sizeof(w->most_key)) {
		w->most = packets;
		memcpy(w->most_key, key, sizeof(w->most_key) - 1);
	}
	return 0;
}

static int
walk_flags(const struct nlmsghdr *h, void *arg)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (s != NULL && nftnl_set_elems_nlmsg_parse(h, s) >= 0)
		nftnl_set_elem_foreach(s, walk_flag, arg);
	if (s != NULL)
		nftnl_set_free(s);
	return MNL_CB_OK;
}

/* Goes over a set by name in every family.  One that is missing holds nothing. */
static int
walk_set(struct enforce_netlink *nl, const char *name, struct flag_walk *w)
{
	unsigned family, tries;
	char buf[1024];
	int r = 0;

	for (family = 0; family < ENFORCE_FAMILY__COUNT && (r == 0 || r == -ENOENT); family++) {
		struct nftnl_set *s = enforce_netlink_set_named(nl, family, name);

		for (tries = 0, r = -EINTR; s != NULL && r == -EINTR && tries < RETRIES_MAX;
		     tries++) {
			struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM,
			    enforce_families[family].number, NLM_F_DUMP, nl->seq++);

			nftnl_set_elems_nlmsg_build_payload(h, s);
			r = (nl->families >> family & 1) != 0 ? dump(nl, h, walk_flags, w) : 0;
		}
		if (s == NULL)
			return -ENOMEM;
		nftnl_set_free(s);
	}
	return r == -ENOENT ? 0 : r;
}

int
enforce_netlink_overflow(struct enforce_netlink *nl, uint64_t *packets, char link[OBS_IFNAME_BYTES])
{
	struct flag_walk w = {0};
	int r = walk_set(nl, ENFORCE_BRAKE_OVERFLOW, &w);

	if (r < 0)
		return r;
	*packets = w.packets;
	memcpy(link, w.most_key, sizeof(w.most_key));
	return 0;
}

int
enforce_netlink_brake(struct enforce_netlink *nl, struct enforce_brake_state *out)
{
	struct flag_walk alive = {0}, armed = {0}, dropped = {0}, counted = {0};
	char link[OBS_IFNAME_BYTES] = "";
	uint64_t overflow = 0;
	int r = walk_set(nl, ENFORCE_BRAKE_ALIVE, &alive);

	if (r == 0)
		r = walk_set(nl, ENFORCE_BRAKE_ARMED, &armed);
	if (r == 0)
		r = walk_set(nl, ENFORCE_BRAKE_EXCESS, &dropped);
	if (r == 0)
		r = walk_set(nl, ENFORCE_BRAKE_COUNTED, &counted);
	if (r == 0)
		r = enforce_netlink_overflow(nl, &overflow, link);
	if (r < 0)
		return r;
	*out = (struct enforce_brake_state){
	    .alive_ns = (int64_t)alive.longest_ms * 1000000,
	    .armed = armed.count > 0,
	    .dropped = dropped.packets,
	    .counted = counted.packets,
	    .overflow = overflow,
	};
	memcpy(out->overflow_link, link, sizeof(out->overflow_link));
	return 0;
}

struct chain_walk {
	const char *table;
	void (*each)(void *arg, const char *name);
	void *arg;
};

static int
walk_chain(const struct nlmsghdr *h, void *arg)
{
	const struct chain_walk *w = arg;
	struct nftnl_chain *c = nftnl_chain_alloc();

	if (c != NULL && nftnl_chain_nlmsg_parse(h, c) == 0 &&
	    strcmp(nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE), w->table) == 0)
		w->each(w->arg, nftnl_chain_get_str(c, NFTNL_CHAIN_NAME));
	if (c != NULL)
		nftnl_chain_free(c);
	return MNL_CB_OK;
}

int
enforce_netlink_list_chains(
    struct enforce_netlink *nl, void (*each)(void *arg, const char *name), void *arg)
{
	struct chain_walk w = {nl->table, each, arg};
	unsigned tries = 0;
	char buf[256];
	int r;

	do {
		struct nlmsghdr *h = nftnl_nlmsg_build_hdr(
		    buf, NFT_MSG_GETCHAIN, NFPROTO_NETDEV, NLM_F_DUMP, nl->seq++);

		r = dump(nl, h, walk_chain, &w);
	} while (r == -EINTR && ++tries < RETRIES_MAX);
	return r == -ENOENT ? 0 : r;
}
