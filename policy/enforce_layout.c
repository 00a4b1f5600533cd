/* SPDX-License-Identifier: ISC */
/*
 * Where elements lie in the kernel, and which elements are refused.  Pure.  bulkhead-guard
 * (enforcer child).
 */
#include "policy/enforce_layout.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct enforce_family_row enforce_families[ENFORCE_FAMILY__COUNT] = {
    [ENFORCE_FAMILY_NETDEV] = {"netdev", NFPROTO_NETDEV, ENFORCE_NETDEV_INGRESS},
    [ENFORCE_FAMILY_BRIDGE] = {"bridge", NFPROTO_BRIDGE, ENFORCE_BRIDGE},
    [ENFORCE_FAMILY_INET] = {"inet", NFPROTO_INET, ENFORCE_INET},
};

/* A /64 is looked up by masking the packet's address: interval sets are slow to change (pipapo
 * takes tens of milliseconds per delete at 1,000 elements). */
const struct enforce_key_row enforce_keys[ENFORCE_KEY__COUNT] = {
    [ENFORCE_KEY_IFNAME] = {"", "ifname", "iifname", 16},
    [ENFORCE_KEY_V4] = {"4", "ipv4_addr", "ip saddr", 4},
    [ENFORCE_KEY_V6] = {"6", "ipv6_addr", "ip6 saddr", 16},
    [ENFORCE_KEY_V6_64] = {"6_64", "ipv6_addr", "ip6 saddr & ffff:ffff:ffff:ffff::", 16},
};

const char *
enforce_layout_set_name(char buf[ENFORCE_SET_NAME_BYTES], unsigned set, unsigned kind)
{
	snprintf(
	    buf, ENFORCE_SET_NAME_BYTES, "%s%s", plan_set_name(set), enforce_keys[kind].suffix);
	return buf;
}

enum enforce_key_kind
enforce_layout_kind(const struct plan_element *element)
{
	if (element->ifname[0] != '\0')
		return ENFORCE_KEY_IFNAME;
	if (addr_is_v4(&element->prefix.addr))
		return ENFORCE_KEY_V4;
	return element->prefix.bits <= 64 ? ENFORCE_KEY_V6_64 : ENFORCE_KEY_V6;
}

unsigned
enforce_layout_key_count(const struct plan_element *element)
{
	return element->ifname[0] != '\0' ? 1 : plan_prefix_keys(&element->prefix);
}

void
enforce_layout_key(
    const struct plan_element *element, unsigned index, uint8_t out[ENFORCE_KEY_BYTES])
{
	const uint8_t *bytes = element->prefix.addr.bytes;

	memset(out, 0, ENFORCE_KEY_BYTES);
	switch (enforce_layout_kind(element)) {
	case ENFORCE_KEY_IFNAME:
		memcpy(out, element->ifname, strnlen(element->ifname, sizeof(element->ifname)));
		break;
	case ENFORCE_KEY_V4:
		memcpy(out, bytes + 12, 4);
		out[3] = (uint8_t)(out[3] | index);
		break;
	case ENFORCE_KEY_V6:
		memcpy(out, bytes, 16);
		out[15] = (uint8_t)(out[15] | index);
		break;
	case ENFORCE_KEY_V6_64:
	case ENFORCE_KEY__COUNT:
		memcpy(out, bytes, 8);
		out[7] = (uint8_t)(out[7] | index);
		break;
	}
}

void
enforce_layout_comment(char buf[ENFORCE_COMMENT_BYTES], const struct plan_element *element)
{
	char prefix[ADDR_TEXT_BYTES];
	int n = snprintf(buf, ENFORCE_COMMENT_BYTES, "case=%s", element->case_id);

	if (enforce_layout_key_count(element) > 1)
		n += snprintf(buf + n, ENFORCE_COMMENT_BYTES - (size_t)n, " prefix=%s",
		    addr_prefix_format(prefix, &element->prefix));
	if (element->pace != 0)
		snprintf(buf + n, ENFORCE_COMMENT_BYTES - (size_t)n, " pace=%u", element->pace);
}

static void
element_from_key(struct plan_element *e, unsigned kind, const uint8_t *key)
{
	switch (kind) {
	case ENFORCE_KEY_IFNAME:
		memcpy(e->ifname, key, sizeof(e->ifname) - 1);
		break;
	case ENFORCE_KEY_V4:
		e->prefix.addr = addr_from_v4(key);
		e->prefix.bits = 128;
		break;
	case ENFORCE_KEY_V6:
		memcpy(e->prefix.addr.bytes, key, 16);
		e->prefix.bits = 128;
		break;
	default:
		memcpy(e->prefix.addr.bytes, key, 8);
		e->prefix.bits = 64;
		break;
	}
}

/* The word behind a tag, "" when there is none. */
static void
comment_word(const char *comment, const char *tag, char *out, size_t size)
{
	const char *at = strstr(comment, tag);
	size_t n = 0;

	if (at != NULL) {
		at += strlen(tag);
		n = strcspn(at, " ");
	}
	if (n >= size)
		n = size - 1;
	if (n > 0)
		memcpy(out, at, n);
	out[n] = '\0';
}

int
enforce_layout_element(unsigned set, unsigned kind, const uint8_t *key, size_t key_size,
    const char *comment, struct plan_element *out)
{
	struct plan_element e = {.set = (uint8_t)set};
	struct addr_prefix prefix;
	char text[ADDR_TEXT_BYTES];

	if (set >= PLAN_SET__COUNT || kind >= ENFORCE_KEY__COUNT ||
	    key_size != enforce_keys[kind].size)
		return -EINVAL;
	element_from_key(&e, kind, key);
	if (comment == NULL)
		comment = "";
	comment_word(comment, "case=", e.case_id, sizeof(e.case_id));
	comment_word(comment, " pace=", text, sizeof(text));
	e.pace = (uint32_t)strtoul(text, NULL, 10);
	comment_word(comment, " prefix=", text, sizeof(text));
	if (text[0] != '\0') {
		if (kind == ENFORCE_KEY_IFNAME || addr_prefix_parse(text, &prefix) < 0 ||
		    !addr_prefix_contains(&prefix, &e.prefix.addr))
			return -EINVAL;
		e.prefix = prefix;
	}
	if (e.ifname[0] == '\0' &&
	    (enforce_layout_key_count(&e) == 0 || enforce_layout_kind(&e) != kind))
		return -EINVAL;
	*out = e;
	return 0;
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool
enforce_layout_is_ifname(const char *ifname)
{
	size_t i, n = strnlen(ifname, OBS_IFNAME_BYTES);

	if (n == 0 || n >= OBS_IFNAME_BYTES)
		return false;
	for (i = 0; i < n; i++)
		if (!is_alnum(ifname[i]) && strchr("._-+@", ifname[i]) == NULL)
			return false;
	return strcmp(ifname, ".") != 0 && strcmp(ifname, "..") != 0 && strcmp(ifname, "lo") != 0;
}

bool
enforce_layout_is_table(const char *name)
{
	size_t i, n = strnlen(name, 32);

	if (n == 0 || n >= 32 || !is_alnum(name[0]) || (name[0] >= '0' && name[0] <= '9'))
		return false;
	for (i = 0; i < n; i++)
		if (!is_alnum(name[i]) && name[i] != '_')
			return false;
	return true;
}

static bool
has_host_bits(const struct addr_prefix *p)
{
	unsigned i;

	for (i = p->bits; i < 128; i++)
		if ((p->addr.bytes[i / 8] & (0x80u >> (i % 8))) != 0)
			return true;
	return false;
}

static int
check_prefix(const struct addr_prefix *p, struct err *e)
{
	static const char *const never[] = {
	    "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/128", "::1/128", "ff00::/8"};
	char text[ADDR_TEXT_BYTES];
	struct addr_prefix bad;
	unsigned i;

	if (p->bits > 128)
		return err_set(
		    e, -EINVAL, "a prefix of %u bits does not exist; ask for at most 128", p->bits);
	addr_prefix_format(text, p);
	if (plan_prefix_keys(p) == 0)
		return err_set(e, -EINVAL,
		    "%s cannot be held by the kernel sets; give IPv4 as /24 to /32, IPv6 as /56 to "
		    "/64 or /120 to "
		    "/128, or name the server's interface",
		    text);
	if (has_host_bits(p))
		return err_set(e, -EINVAL,
		    "%s has bits set behind its length; write the network address", text);
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (addr_prefix_parse(never[i], &bad) == 0 && bad.bits <= p->bits &&
		    addr_prefix_contains(&bad, &p->addr))
			return err_set(e, -EINVAL,
			    "%s is not the address of a server; correct the inventory", text);
	return 0;
}

static int
check_case(const char case_id[JUDGE_CASE_BYTES], struct err *e)
{
	size_t i, n = strnlen(case_id, JUDGE_CASE_BYTES);

	if (n >= JUDGE_CASE_BYTES)
		return err_set(e, -EINVAL,
		    "a case id is longer than %d characters; this is a bug of the judge",
		    JUDGE_CASE_BYTES - 1);
	for (i = 0; i < n; i++)
		if (!is_alnum(case_id[i]) && case_id[i] != '-')
			return err_set(e, -EINVAL,
			    "case id \"%s\" has a character that is not a letter, a digit or '-'",
			    case_id);
	return 0;
}

int
enforce_layout_check(const struct plan_element *element, bool is_release, struct err *e)
{
	int r;

	if (element->set >= PLAN_SET__COUNT)
		return err_set(
		    e, -EINVAL, "set %u does not exist; this is a bug of the judge", element->set);
	if (element->ifname[0] != '\0' && !enforce_layout_is_ifname(element->ifname))
		return err_set(e, -EINVAL,
		    "\"%.16s\" is not the name of a tenant's interface; correct the inventory",
		    element->ifname);
	if (element->ifname[0] == '\0') {
		r = check_prefix(&element->prefix, e);
		if (r < 0)
			return r;
	}
	if (is_release)
		return 0;
	if (element->pace > PLAN_PACE_MAX ||
	    (element->pace != 0 && element->set != PLAN_SET_GRANTED))
		return err_set(e, -EINVAL,
		    "a pace of %u an hour in set %s; only grants have one, of at most %u",
		    element->pace, plan_set_name(element->set), PLAN_PACE_MAX);
	if (element->timeout_ns != 0 && (element->timeout_ns < PLAN_TIMEOUT_MIN_NS ||
					    element->timeout_ns > PLAN_TIMEOUT_MAX_NS))
		return err_set(e, -EINVAL,
		    "a timeout of %lld ns is outside of 1 s to 10 years; use 0 for one without end",
		    (long long)element->timeout_ns);
	return check_case(element->case_id, e);
}
