/* SPDX-License-Identifier: ISC */
/*
 * Questions to nftables over netlink: the brake, doors; elements are enforce_netlink_list.c.
 * bulkhead-guard (enforcer child).
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "policy/enforce_brake.h"
#include "policy/enforce_netlink_private.h"

#define RETRIES_MAX 50 /* of a dump that changed under us */

/* --- asking
 * ------------------------------------------------------------------------------------------- */

/* What an error or an end says: 0 or negative errno. */
static int
read_end(const struct nlmsghdr *h)
{
	int code = 0;

	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(code)))
		memcpy(&code, mnl_nlmsg_get_payload(h), sizeof(code));
	else if (h->nlmsg_type == NLMSG_ERROR)
		return -EPROTO;
	return code > 0 ? -EPROTO : code;
}

/* One datagram of the answer: 1 when it ends the answer, 0, or negative errno. */
static int
take_datagram(struct enforce_netlink *nl, const struct nlmsghdr *h, int left, uint32_t seq,
    int (*each)(const struct nlmsghdr *h, void *arg), void *arg)
{
	unsigned port = mnl_socket_get_portid(nl->requests);
	int r;

	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != seq || h->nlmsg_pid != port)
			continue;
		if ((h->nlmsg_flags & NLM_F_DUMP_INTR) != 0)
			return -EINTR;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
			r = read_end(h);
			return r < 0 ? r : 1;
		}
		if (h->nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		r = each(h, arg);
		if (r < 0)
			return r;
	}
	return 0;
}

int
enforce_netlink_ask(struct enforce_netlink *nl, const struct nlmsghdr *request,
    int (*each)(const struct nlmsghdr *h, void *arg), void *arg)
{
	static _Alignas(struct nlmsghdr) char answer[ENFORCE_NETLINK_MESSAGE_MAX];
	int r = 0;
	ssize_t n;

	if (mnl_socket_sendto(nl->requests, request, request->nlmsg_len) < 0)
		return -errno;
	while (r == 0) {
		n = enforce_netlink_receive(nl, answer, sizeof(answer), true);
		r = n < 0 ? (int)n
			  : take_datagram(nl, (const struct nlmsghdr *)(const void *)answer, (int)n,
				request->nlmsg_seq, each, arg);
		if (nl->progress != NULL)
			nl->progress(nl->progress_arg);
	}
	if (r < 0)
		enforce_netlink_drain(nl);
	return r < 0 ? r : 0;
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

uint64_t
enforce_netlink_packets(struct nftnl_set_elem *elem)
{
	uint64_t packets = 0;

	nftnl_set_elem_expr_foreach(elem, take_counter, &packets);
	return packets;
}

/* --- the brake and the doors
 * -------------------------------------------------------------------------- */

struct flag_walk {
	uint64_t packets, longest_ms, most; /* most: packets of one element, whose key is... */
	char most_key[OBS_IFNAME_BYTES];
	unsigned count;
};

static int
walk_flag(struct nftnl_set_elem *elem, void *arg)
{
	struct flag_walk *w = arg;
	uint64_t left_ms = 0, packets = enforce_netlink_packets(elem);
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
	return 0;
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
			r = (nl->families >> family & 1) != 0
				? enforce_netlink_ask(nl, h, walk_flags, w)
				: 0;
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
	return 0;
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

		r = enforce_netlink_ask(nl, h, walk_chain, &w);
	} while (r == -EINTR && ++tries < RETRIES_MAX);
	return r == -ENOENT ? 0 : r;
}
