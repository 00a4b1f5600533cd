/* SPDX-License-Identifier: ISC */
/*
 * Link and ruleset events.  Everything read here comes from the kernel.  bulkhead-guard (enforcer
 * child).
 */
#include "policy/enforce_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/enforce_layout.h"

#define EVENT_BYTES   (64u << 10)
#define LEARN_SEQ     0x62680001u
#define RECEIVE_BYTES (32 << 20) /* a limit, not a reservation */

static int
open_netlink(int protocol, uint32_t group, struct err *e)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	struct sockaddr_nl here = {.nl_family = AF_NETLINK};
	int receive_bytes = RECEIVE_BYTES, r;

	if (fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0 &&
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0) {
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof(receive_bytes));
		return fd;
	}
	r = err_set(e, -errno, "cannot listen to the kernel's %s (%s); run with CAP_NET_ADMIN",
	    protocol == NETLINK_ROUTE ? "links" : "nftables", strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

/* A cursor over attributes. */
struct attributes {
	const uint8_t *at;
	size_t left; /* bytes */
};

/* The attributes behind a message's fixed header. */
static struct attributes
attributes_of(const struct nlmsghdr *h, size_t header)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(header);

	if (h->nlmsg_len < skip)
		return (struct attributes){NULL, 0};
	return (struct attributes){(const uint8_t *)h + skip, h->nlmsg_len - skip};
}

/* The attributes inside of one. */
static struct attributes
attributes_in(const struct rtattr *a)
{
	return (struct attributes){RTA_DATA(a), RTA_PAYLOAD(a)};
}

/* The next one, its type in *type, or NULL at the end. */
static const struct rtattr *
attributes_next(struct attributes *s, unsigned *type)
{
	const struct rtattr *a = (const struct rtattr *)(const void *)s->at;
	size_t step;

	if (s->left < sizeof(*a) || a->rta_len < sizeof(*a) || a->rta_len > s->left)
		return NULL;
	step = RTA_ALIGN(a->rta_len);
	if (step > s->left)
		step = s->left;
	s->at += step;
	s->left -= step;
	*type = a->rta_type & ~(unsigned)(NLA_F_NESTED | NLA_F_NET_BYTEORDER);
	return a;
}

/* Text of an attribute into a buffer, cut and terminated. */
static void
copy_text(char *out, size_t size, const struct rtattr *a)
{
	size_t n = strnlen(RTA_DATA(a), RTA_PAYLOAD(a));

	if (n >= size)
		n = size - 1;
	memset(out, 0, size);
	memcpy(out, RTA_DATA(a), n);
}

/* --- links
 * ------------------------------------------------------------------------------------------- */

int
enforce_watch_open_links(struct err *e)
{
	return open_netlink(NETLINK_ROUTE, RTNLGRP_LINK, e);
}

int
enforce_watch_ask_links(int fd)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} ask = {.header = {.nlmsg_len = sizeof(ask),
		     .nlmsg_type = RTM_GETLINK,
		     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

	return send(fd, &ask, sizeof(ask), 0) < 0 ? -errno : 0;
}

static bool
is_shared_kind(const char *kind)
{
	static const char *const kinds[] = {"bridge", "bond", "team"};
	unsigned i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	return false;
}

static void
take_link(
    const struct nlmsghdr *h, void (*each)(void *arg, const struct enforce_watch_link *), void *arg)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	struct enforce_watch_link link = {.done = h->nlmsg_type == NLMSG_DONE};
	struct attributes all, inside;
	const struct rtattr *a;
	unsigned type;
	char kind[32] = "";

	if (link.done) {
		each(arg, &link);
		return;
	}
	/* Family AF_BRIDGE tells of ports: its RTM_DELLINK is a port that left, not a link that
	 * died. */
	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifi_family != AF_UNSPEC)
		return;
	all = attributes_of(h, sizeof(*info));
	while ((a = attributes_next(&all, &type)) != NULL) {
		if (type == IFLA_IFNAME)
			copy_text(link.ifname, sizeof(link.ifname), a);
		if (type == IFLA_MASTER)
			link.bridged = true;
		if (type != IFLA_LINKINFO)
			continue;
		inside = attributes_in(a);
		while ((a = attributes_next(&inside, &type)) != NULL)
			if (type == IFLA_INFO_KIND)
				copy_text(kind, sizeof(kind), a);
	}
	link.index = info->ifi_index;
	link.gone = h->nlmsg_type == RTM_DELLINK;
	link.shared = (info->ifi_flags & IFF_LOOPBACK) != 0 || is_shared_kind(kind);
	if (link.ifname[0] != '\0')
		each(arg, &link);
}

void
enforce_watch_read_links(
    int fd, void (*each)(void *arg, const struct enforce_watch_link *), void *arg)
{
	static _Alignas(struct nlmsghdr) uint8_t buf[EVENT_BYTES];
	static const struct enforce_watch_link lost = {.lost = true};
	ssize_t n;

	for (;;) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)buf;
		size_t left;

		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			each(arg, &lost);
			continue;
		}
		if (n <= 0)
			return;
		for (left = (size_t)n; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
			take_link(h, each, arg);
	}
}

/* --- ruleset
 * ----------------------------------------------------------------------------------------- */

int
enforce_watch_open(struct enforce_watch *w, const char *table, struct err *e)
{
	memset(w, 0, sizeof(*w));
	strncpy(w->table, table, sizeof(w->table) - 1);
	w->self_pid = (uint32_t)getpid();
	w->fd = open_netlink(NETLINK_NETFILTER, NFNLGRP_NFTABLES, e);
	return w->fd < 0 ? w->fd : 0;
}

void
enforce_watch_close(struct enforce_watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static bool
is_our_table(const struct enforce_watch *w, const struct nlmsghdr *h)
{
	const struct nfgenmsg *g = NLMSG_DATA(h);
	struct attributes all = attributes_of(h, sizeof(*g));
	char name[sizeof(w->table) + 1] = "";
	const struct rtattr *a;
	unsigned family, type;

	for (family = 0; family < ENFORCE_FAMILY__COUNT; family++)
		if (enforce_families[family].number == g->nfgen_family)
			break;
	if (family == ENFORCE_FAMILY__COUNT || (w->families >> family & 1) == 0)
		return false;
	/* The table's name is attribute 1 of messages about tables, chains, rules, sets and
	 * elements alike. */
	while ((a = attributes_next(&all, &type)) != NULL)
		if (type == NFTA_TABLE_NAME)
			copy_text(name, sizeof(name), a);
	return strcmp(name, w->table) == 0;
}

static void
read_generation(struct enforce_watch_change *c, const struct nlmsghdr *h)
{
	struct attributes all = attributes_of(h, sizeof(struct nfgenmsg));
	const struct rtattr *a;
	uint32_t number;
	unsigned type;

	while ((a = attributes_next(&all, &type)) != NULL) {
		if (type == NFTA_GEN_PROC_PID && RTA_PAYLOAD(a) == sizeof(number)) {
			memcpy(&number, RTA_DATA(a), sizeof(number));
			c->pid = ntohl(number);
		}
		if (type == NFTA_GEN_PROC_NAME)
			copy_text(c->name, sizeof(c->name), a);
	}
}

/* 1 when this message ends somebody else's transaction that touched our tables. */
static int
take_event(struct enforce_watch *w, const struct nlmsghdr *h, struct enforce_watch_change *out)
{
	bool is_foreign;

	if (NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return 0;
	switch (NFNL_MSG_TYPE(h->nlmsg_type)) {
	case NFT_MSG_NEWSETELEM:
	case NFT_MSG_DELSETELEM:
		w->seen.elements |= is_our_table(w, h);
		return 0;
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
	case NFT_MSG_NEWSET:
	case NFT_MSG_DELSET:
		w->seen.rules |= is_our_table(w, h);
		return 0;
	case NFT_MSG_NEWGEN: /* closes a transaction and names who made it */
		read_generation(&w->seen, h);
		is_foreign = w->seen.pid != w->self_pid && (w->seen.elements || w->seen.rules);
		if (is_foreign) {
			w->seen.elements |= out->elements;
			w->seen.rules |= out->rules;
			w->seen.lost = out->lost;
			*out = w->seen;
		}
		memset(&w->seen, 0, sizeof(w->seen));
		return is_foreign;
	default:
		return 0;
	}
}

int
enforce_watch_read(struct enforce_watch *w, struct enforce_watch_change *out)
{
	static _Alignas(struct nlmsghdr) uint8_t buf[EVENT_BYTES];
	int result = 0;
	ssize_t n;

	memset(out, 0, sizeof(*out));
	for (;;) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)buf;
		size_t left;

		n = recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			memset(&w->seen, 0, sizeof(w->seen));
			out->lost = true;
			result = 1;
			continue;
		}
		if (n <= 0)
			return result;
		for (left = (size_t)n; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
			result |= take_event(w, h, out);
	}
}

/* The kernel's answer to "which generation?" carries the number and name of who asks. */
static int
ask_who_we_are(struct enforce_watch *w)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg info;
	} ask = {.header = {.nlmsg_len = sizeof(ask),
		     .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
		     .nlmsg_flags = NLM_F_REQUEST,
		     .nlmsg_seq = LEARN_SEQ}};
	static _Alignas(struct nlmsghdr) uint8_t buf[EVENT_BYTES];
	ssize_t n;

	if (send(w->fd, &ask, sizeof(ask), 0) < 0)
		return -errno;
	/* The answer waits already; what else waits is older than our ruleset. */
	while ((n = recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)buf;
		size_t left = (size_t)n;

		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			struct enforce_watch_change c = {0};

			if (h->nlmsg_seq != LEARN_SEQ ||
			    NFNL_MSG_TYPE(h->nlmsg_type) != NFT_MSG_NEWGEN)
				continue;
			read_generation(&c, h);
			if (c.pid != 0)
				w->self_pid = c.pid;
		}
	}
	return 0;
}

int
enforce_watch_learn(struct enforce_watch *w, uint32_t port)
{
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, 12), /* nlmsg_pid: whose transaction, in host order */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	int r = ask_who_we_are(w);

	if (r < 0)
		return r;
	return setsockopt(w->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0
		   ? -errno
		   : 0;
}
