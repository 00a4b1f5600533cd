/* SPDX-License-Identifier: ISC */
/*
 * The elements that stand in the kernel, read over netlink: asked for one by one where the kernel
 * tells how many there are, else dumped.  bulkhead-guard (enforcer child).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "policy/enforce_gather.h"
#include "policy/enforce_netlink_private.h"

#define RETRIES_MAX    50      /* of a dump that changed under us */
#define AGREE_PAUSE_NS 5000000 /* the kernel moves 10,000 elements in about this time */
#define ASK_KEYS       256     /* in one question: 36 bytes each, and one answer each */
#define ASK_BYTES      16384

/* enum nft_set_attributes of Linux 6.18; headers of Debian 12 end before it. */
#define SET_COUNT 20

/* Where a listing is. */
struct listing {
	struct enforce_netlink *nl;
	struct enforce_gather *gather;
	unsigned family, set, kind;
	unsigned answered; /* elements that came for the question or dump that runs */
};

/* --- one element
 * ------------------------------------------------------------------------------------- */

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

static int
take_element(struct nftnl_set_elem *elem, void *arg)
{
	struct listing *l = arg;
	char comment[NFT_USERDATA_MAXLEN + 1];
	uint64_t left_ms = 0;
	uint32_t size = 0;
	const void *key = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &size);

	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_EXPIRATION))
		left_ms = nftnl_set_elem_get_u64(elem, NFTNL_SET_ELEM_EXPIRATION);
	else if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_TIMEOUT))
		left_ms = nftnl_set_elem_get_u64(elem, NFTNL_SET_ELEM_TIMEOUT);
	enforce_gather_add(l->gather, l->family, l->set, l->kind, key, key != NULL ? size : 0,
	    comment_of(elem, comment), nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_TIMEOUT), left_ms,
	    enforce_netlink_packets(elem));
	l->answered++;
	return 0;
}

static int
take_elements(const struct nlmsghdr *h, void *arg)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (s == NULL)
		return -ENOMEM;
	if (nftnl_set_elems_nlmsg_parse(h, s) >= 0)
		nftnl_set_elem_foreach(s, take_element, arg);
	nftnl_set_free(s);
	return 0;
}

/* --- how many
 * ---------------------------------------------------------------------------------------- */

static int
take_count(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a;
	int64_t *count = arg;

	for (a = mnl_nlmsg_get_payload_offset(h, sizeof(struct nfgenmsg));
	     mnl_attr_ok(a, (int)((const char *)mnl_nlmsg_get_payload_tail(h) - (const char *)a));
	     a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == SET_COUNT &&
		    mnl_attr_get_payload_len(a) == sizeof(uint32_t))
			*count = ntohl(mnl_attr_get_u32(a));
	return 0;
}

/* How many elements the set has by the kernel's count, those that have expired and wait to be
 * collected included.  -ENOENT without such a set, -ENOTSUP when the kernel does not tell. */
static int64_t
count_set(const struct listing *l)
{
	char buf[1024];
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(
	    buf, NFT_MSG_GETSET, enforce_families[l->family].number, NLM_F_ACK, l->nl->seq++);
	struct nftnl_set *s = enforce_netlink_set_of(l->nl, l->family, l->set, l->kind);
	int64_t count = -ENOTSUP;
	int r;

	if (s == NULL)
		return -ENOMEM;
	nftnl_set_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	r = enforce_netlink_ask(l->nl, h, take_count, &count);
	return r < 0 ? r : count;
}

/* --- dumps
 * ------------------------------------------------------------------------------------------- */

/* One set of one family; one that is missing holds nothing. */
static int
dump_set(struct listing *l)
{
	char buf[1024];
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(
	    buf, NFT_MSG_GETSETELEM, enforce_families[l->family].number, NLM_F_DUMP, l->nl->seq++);
	struct nftnl_set *s = enforce_netlink_set_of(l->nl, l->family, l->set, l->kind);
	int r;

	if (s == NULL)
		return -ENOMEM;
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	r = enforce_netlink_ask(l->nl, h, take_elements, l);
	if (r != -ENOENT)
		return r;
	enforce_gather_note_missing(l->gather);
	return 0;
}

/*
 * A dump of a hash set that grows or shrinks at the moment leaves elements out and gives others
 * twice, and nothing in it says so.  Believed is one that has as many as the kernel counts, or
 * that agrees with the one before.
 */
static int
dump_agreed(struct listing *l)
{
	const struct timespec pause = {.tv_nsec = AGREE_PAUSE_NS};
	struct enforce_gather g = {0};
	struct listing own = *l;
	uint64_t digest = 0, before = 0;
	unsigned tries;
	int r = -EINTR;

	own.gather = &g;
	for (tries = 0; tries < RETRIES_MAX; tries++) {
		if (tries > 1)
			nanosleep(&pause, NULL);
		enforce_gather_reset(&g);
		r = dump_set(&own);
		/* EINTR: somebody changed the set during the dump; ENOBUFS: a part was lost. */
		if (r < 0 && r != -EINTR && r != -ENOBUFS)
			break;
		digest = enforce_gather_sort(&g);
		if (r == 0 && ((tries > 0 && digest == before) || count_set(l) == g.count))
			break;
		before = r == 0 ? digest : ~digest;
		r = r == 0 ? -EAGAIN : r;
	}
	if (r == 0)
		enforce_gather_take(l->gather, &g);
	enforce_gather_fini(&g);
	return r;
}

/* --- one by one
 * -------------------------------------------------------------------------------------- */

/* Keys that are looked for. */
struct inquiry {
	uint8_t keys[ASK_KEYS][ENFORCE_KEY_BYTES];
	bool expired[ASK_KEYS]; /* by its deadline: no wonder when it is missing */
	unsigned count;
};

/* Asks for keys from `first` on; 0 = all of them came, 1 = the one after l->answered is missing. */
static int
ask_from(struct listing *l, const struct inquiry *q, unsigned first)
{
	char buf[ASK_BYTES];
	struct nlmsghdr *h;
	struct nftnl_set *s = enforce_netlink_set_of(l->nl, l->family, l->set, l->kind);
	int r;

	if (s == NULL)
		return -ENOMEM;
	for (unsigned i = first; i < q->count; i++) {
		struct nftnl_set_elem *elem = nftnl_set_elem_alloc();

		if (elem == NULL) {
			nftnl_set_free(s);
			return -ENOMEM;
		}
		nftnl_set_elem_set(
		    elem, NFTNL_SET_ELEM_KEY, q->keys[i], enforce_keys[l->kind].size);
		nftnl_set_elem_add(s, elem);
	}
	h = nftnl_nlmsg_build_hdr(
	    buf, NFT_MSG_GETSETELEM, enforce_families[l->family].number, NLM_F_ACK, l->nl->seq++);
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	l->answered = 0;
	r = enforce_netlink_ask(l->nl, h, take_elements, l);
	return r == -ENOENT ? 1 : r;
}

/* Adds to *found how many keys the kernel has, and those that have expired and are gone. */
static int
ask_inquiry(struct listing *l, struct inquiry *q, unsigned *found)
{
	unsigned at = 0;
	int r = 0;

	while (r >= 0 && at < q->count) {
		r = ask_from(l, q, at);
		if (r < 0)
			break;
		*found += l->answered;
		at += l->answered;
		if (r == 0 && at < q->count)
			r = -EPROTO; /* answers were lost */
		if (r == 1 && at < q->count)
			*found += q->expired[at++];
	}
	q->count = 0;
	return r < 0 ? r : 0;
}

/* Asks for every key of this set that is expected. */
static int
ask_expected(struct listing *l, const struct plan *expected, unsigned *found)
{
	static struct inquiry q;
	int64_t now_ns = clock_mono_ns();
	int r = 0;

	*found = 0;
	q.count = 0;
	for (unsigned i = 0; r == 0 && i < expected->count; i++) {
		const struct plan_element *e = &expected->elements[i];

		if (e->set != l->set || enforce_layout_kind(e) != l->kind)
			continue;
		for (unsigned k = 0; r == 0 && k < enforce_layout_key_count(e); k++) {
			enforce_layout_key(e, k, q.keys[q.count]);
			q.expired[q.count++] = e->timeout_ns != 0 && e->timeout_ns <= now_ns;
			if (q.count == ASK_KEYS)
				r = ask_inquiry(l, &q, found);
		}
	}
	return r == 0 ? ask_inquiry(l, &q, found) : r;
}

/* --- everything
 * -------------------------------------------------------------------------------------- */

static int
list_set(struct listing *l, const struct plan *expected)
{
	int64_t count = count_set(l);
	unsigned found = 0;
	int r;

	if (count == 0)
		return 0;
	if (count == -ENOENT) {
		enforce_gather_note_missing(l->gather);
		return 0;
	}
	if (count > 0 && expected != NULL) {
		r = ask_expected(l, expected, &found);
		/* Less than was counted before: some expired, or were taken away, while we asked. */
		if (r == 0 && (found == count || found == count_set(l)))
			return 0;
		/* EINVAL: a set of another shape has the name; nothing in it is ours. */
		if (r < 0 && r != -EPROTO && r != -ENOBUFS && r != -EINVAL)
			return r;
	}
	/* Keys that came twice are dropped in the end. */
	return count < 0 && count != -ENOTSUP ? (int)count : dump_agreed(l);
}

static int
list_family(struct listing *l, const struct plan *expected)
{
	int r = 0;

	for (l->set = 0; r == 0 && l->set < PLAN_SET__COUNT; l->set++)
		for (l->kind = 0; r == 0 && l->kind < ENFORCE_KEY__COUNT; l->kind++)
			r = list_set(l, expected);
	return r;
}

/* What the first family holds is looked for in the others. */
static int
learn_expected(struct listing *l, struct plan *out)
{
	int64_t now_ns = clock_mono_ns();
	int r;

	(void)enforce_gather_sort(l->gather);
	r = enforce_gather_finish(l->gather, 1, true, out);
	for (unsigned i = 0; r >= 0 && i < out->count; i++)
		if (out->elements[i].timeout_ns != 0)
			out->elements[i].timeout_ns += now_ns;
	return r < 0 ? r : 0;
}

int
enforce_netlink_list(
    struct enforce_netlink *nl, const struct plan *expected, bool partial, struct plan *out)
{
	struct enforce_gather g = {0};
	struct listing l = {.nl = nl, .gather = &g};
	struct plan learned;
	int r = 0;

	plan_init(&learned);
	for (l.family = 0; r == 0 && l.family < ENFORCE_FAMILY__COUNT; l.family++) {
		if ((nl->families >> l.family & 1) == 0)
			continue;
		r = list_family(&l, expected);
		if (r == 0 && expected == NULL) {
			r = learn_expected(&l, &learned);
			expected = &learned;
		}
	}
	if (r == 0) {
		(void)enforce_gather_sort(&g);
		r = enforce_gather_finish(
		    &g, (unsigned)__builtin_popcount(nl->families), partial, out);
	}
	plan_fini(&learned);
	enforce_gather_fini(&g);
	return r;
}

bool
enforce_netlink_is_empty(struct enforce_netlink *nl)
{
	struct listing l = {.nl = nl};

	for (l.family = 0; l.family < ENFORCE_FAMILY__COUNT; l.family++)
		for (l.set = 0; (nl->families >> l.family & 1) != 0 && l.set < PLAN_SET__COUNT;
		     l.set++)
			for (l.kind = 0; l.kind < ENFORCE_KEY__COUNT; l.kind++)
				if (count_set(&l) != 0)
					return false;
	return true;
}

bool
enforce_netlink_is_gone(struct enforce_netlink *nl)
{
	struct listing l = {.nl = nl, .set = PLAN_SET_BLOCKED, .kind = ENFORCE_KEY_IFNAME};

	for (l.family = ENFORCE_FAMILY_BRIDGE; l.family < ENFORCE_FAMILY__COUNT; l.family++)
		if ((nl->families >> l.family & 1) != 0 && count_set(&l) != -ENOENT)
			return false;
	return true;
}
