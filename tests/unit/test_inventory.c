/* SPDX-License-Identifier: ISC */
/* Inventory: files good and bad, what two servers must not share, and whose packet it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "policy/inventory.h"

static const char good_csv[] =
    "server,tenant,plan,virtualization,interfaces,macs,addresses,contact,lang\n"
    "# a comment, and a blank line\n"
    "\n"
    "vm-1,\"Shop, \"\"Best\"\"\",small,kvm,vnet1;vnet2,52:54:00:00:00:01,192.0.2.1;2001:db8:1::/64,"
    "a@example.org,ru\r\n"
    "vm-2,t2,,container,,52:54:00:00:00:02,192.0.2.16/28\n"
    "vm-3, t3 ,,,vnet3,,";

static struct inventory *
parse(const char *text)
{
	struct inventory *inv = NULL;
	struct err e = {0};

	if (inventory_parse(&inv, "hosts", text, strlen(text), &e) != 0)
		fail_msg("%s", e.text);
	return inv;
}

/* The text must be refused with a sentence that has this in it, and nothing may come out. */
static void
refuse(const char *text, const char *part)
{
	struct inventory *inv = (struct inventory *)&good_csv;
	struct err e = {0};

	assert_true(inventory_parse(&inv, "hosts", text, strlen(text), &e) < 0);
	assert_ptr_equal(inv, &good_csv);
	if (strstr(e.text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, part);
}

static void
test_csv(void **state)
{
	struct inventory *inv = parse(good_csv);
	const struct server *s = inventory_get(inv, 0);

	(void)state;
	assert_int_equal(inventory_count(inv), 3);
	assert_string_equal(s->tenant, "Shop, \"Best\"");
	assert_string_equal(s->plan, "small");
	assert_int_equal(s->virtualization, VIRT_KVM);
	assert_int_equal(s->ifname_count, 2);
	assert_int_equal(s->prefix_count, 2);
	assert_string_equal(s->lang, "ru");
	assert_string_equal(inventory_get(inv, 2)->tenant, "t3");
	assert_int_equal(inventory_get(inv, 2)->virtualization, VIRT_UNKNOWN);
	assert_int_equal(inventory_find(inv, "vm-2"), 1);
	assert_int_equal(inventory_find(inv, "vm-9"), -ENOENT);
	assert_null(inventory_get(inv, 3));
	inventory_free(inv);
}

static void
test_json(void **state)
{
	struct inventory *inv = parse("[{\"server\":\"vm-1\",\"interfaces\":[\"vnet1\"],"
				      "\"addresses\":[\"192.0.2.1\",\"2001:db8::/64\"],"
				      "\"virtualization\":\"kvm\",\"mode\":\"enforce\"},"
				      "{\"server\":\"vm-2\",\"macs\":[\"52:54:00:00:00:02\"]}]");

	(void)state;
	assert_int_equal(inventory_count(inv), 2);
	assert_string_equal(inventory_get(inv, 0)->mode, "enforce");
	assert_int_equal(inventory_get(inv, 1)->mac_count, 1);
	inventory_free(inv);
	assert_int_equal(inventory_count(inv = parse("[]")), 0);
	inventory_free(inv);
}

static void
test_bad_csv(void **state)
{
	(void)state;
	refuse("", "hosts:1: the file is empty");
	refuse("tenant,plan\na,b\n", "no column \"server\"");
	refuse("server,colour\na,b\n", "column \"colour\"");
	refuse("server,server\na,b\n", "doubled");
	refuse("server\nvm-1\nvm 2\n", "hosts:3: \"vm 2\" is no name");
	refuse("server\nvm-1\nvm-1\n", "hosts:3: server vm-1 is there twice");
	refuse("server,plan\nvm-1,a,b\n", "hosts:2: more cells");
	refuse("server,plan\nvm-1,\"a\n", "hosts:2: a quoted cell");
	refuse("server,addresses\nvm-1,192.0.2.1/24\n", "hosts:2: address");
	refuse("server,addresses\nvm-1,192.0.2.0/24\nvm-2,192.0.2.77\n",
	    "hosts:3: address 192.0.2.77 belongs to both server vm-1 and server vm-2");
	refuse("server,addresses\nvm-1,192.0.2.77\nvm-2,192.0.2.0/24\n", "hosts:3: address");
	refuse("server,addresses\nvm-1,192.0.2.7;192.0.2.7\n", "given twice");
	refuse("server,interfaces\nvm-1,vnet1\n\nvm-2,vnet1\n",
	    "hosts:4: interface vnet1 belongs to both server vm-1 and server vm-2");
	refuse("server,interfaces\nvm-1,interface-too-long-name\n", "interface");
	refuse("server,macs\nvm-1,52:54:00:00:00:01\nvm-2,52:54:00:00:00:01\n", "MAC");
	refuse("server,macs\nvm-1,52:54:00\n", "MAC \"52:54:00\"");
	refuse("server,virtualization\nvm-1,xen\n", "virtualization \"xen\"");
	refuse("server,lang\nvm-1,de\n", "lang must be en or ru");
	refuse("server,mode\nvm-1,block\n", "mode must be");
}

static void
test_bad_json(void **state)
{
	(void)state;
	refuse("[", "hosts:1: ");
	refuse("{}", "not an array");
	refuse("[\n{\"server\":\"vm-1\"},\n{\"server\":\"vm-1\"}]",
	    "hosts:3: server vm-1 is there twice");
	refuse("[\n{\"server\":\"a[{\\\"\"}]", "hosts:2: ");
	refuse("[{\"server\":7}]", "\"server\" is not text");
	refuse("[{\"server\":\"a\",\"interfaces\":\"x\"}]", "not an array");
	refuse("[{\"server\":\"a\",\"size\":\"x\"}]", "key \"size\"");
	refuse("[{\"server\":\"a\",\"server\":\"b\"}]", "duplicate");
	refuse("[{\"server\":\"a\\u0000b\"}]", "hosts:1");
	refuse("[7]", "not an object");
}

static struct inventory_owner
resolve(const struct inventory *inv, const char *ifname, const char *mac, const char *address)
{
	struct mac m = {{0}};
	struct addr a = {{0}};

	if (mac[0] != '\0')
		assert_int_equal(mac_parse(mac, &m), 0);
	if (address[0] != '\0')
		assert_int_equal(addr_parse(address, &a), 0);
	return inventory_resolve(inv, ifname, &m, &a);
}

static void
test_resolve(void **state)
{
	struct inventory *inv = parse(good_csv);
	struct inventory_owner o;

	(void)state;
	o = resolve(inv, "vnet2", "52:54:00:00:00:02", "192.0.2.17");
	assert_int_equal(o.index, 0); /* the interface wins over MAC and address */
	assert_int_equal(o.by, INVENTORY_BY_INTERFACE);
	assert_true(o.spoofed);
	o = resolve(inv, "vnet1", "", "2001:db8:1::99");
	assert_int_equal(o.index, 0);
	assert_false(o.spoofed);
	o = resolve(inv, "tap9", "52:54:00:00:00:02", "192.0.2.1");
	assert_int_equal(o.index, 1);
	assert_int_equal(o.by, INVENTORY_BY_MAC);
	assert_true(o.spoofed);
	o = resolve(inv, "", "", "192.0.2.31");
	assert_int_equal(o.index, 1);
	assert_int_equal(o.by, INVENTORY_BY_ADDRESS);
	o = resolve(inv, "", "", "192.0.2.32");
	assert_int_equal(o.index, -1);
	assert_int_equal(o.by, INVENTORY_NONE);
	o = resolve(inv, "vnet3", "", "203.0.113.5"); /* no prefixes: nothing is known against it */
	assert_false(o.spoofed);
	inventory_free(inv);
}

/* A complaint names an address, a log an interface: a person need not look the server's name up. */
static void
test_lookup(void **state)
{
	struct inventory *inv = parse(good_csv);

	(void)state;
	assert_int_equal(inventory_lookup(inv, "vm-1"), 0);
	assert_int_equal(inventory_lookup(inv, "vnet1"), 0);
	assert_int_equal(inventory_lookup(inv, "2001:db8:1::99"), 0);
	assert_int_equal(inventory_lookup(inv, "192.0.2.31"), 1);
	assert_int_equal(inventory_lookup(inv, "52:54:00:00:00:02"), 1);
	assert_int_equal(inventory_lookup(inv, "192.0.2.32"), -ENOENT);
	assert_int_equal(inventory_lookup(inv, "52:54:00:00:00:99"), -ENOENT);
	assert_int_equal(inventory_lookup(inv, "vm"), -ENOENT);
	assert_int_equal(inventory_lookup(inv, ""), -ENOENT);
	inventory_free(inv);
}

static void
test_change(void **state)
{
	struct inventory *inv = parse(good_csv);
	struct server s = *inventory_get(inv, 1);
	struct err e;

	(void)state;
	strcpy(s.ifnames[s.ifname_count++], "vnet1");
	assert_int_equal(inventory_put(inv, &s, &e), -EEXIST);
	assert_int_equal(resolve(inv, "vnet1", "", "").index, 0);
	strcpy(s.ifnames[0], "vnet9");
	assert_int_equal(inventory_put(inv, &s, &e), 1); /* replaced in its place */
	assert_int_equal(inventory_put(inv, &s, &e), 1); /* and again: no quarrel with itself */
	assert_int_equal(resolve(inv, "vnet9", "", "").index, 1);
	assert_int_equal(inventory_remove(inv, "vm-1"), 0);
	assert_int_equal(inventory_remove(inv, "vm-1"), -ENOENT);
	assert_int_equal(resolve(inv, "vnet1", "", "").index, -1);
	assert_int_equal(resolve(inv, "vnet9", "", "").index, 0);
	inventory_free(inv);
}

static void
test_many(void **state)
{
	struct inventory *inv;
	struct server s = {0};

	(void)state;
	assert_int_equal(inventory_new(&inv, NULL), 0);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(s.name, sizeof(s.name), "vm-%u", i);
		snprintf(s.ifnames[0], sizeof(s.ifnames[0]), "vnet%u", i);
		s.ifname_count = s.prefix_count = 1;
		s.prefixes[0].addr.bytes[0] = 0x20;
		s.prefixes[0].addr.bytes[6] = (uint8_t)(i * 7 >> 8);
		s.prefixes[0].addr.bytes[7] = (uint8_t)(i * 7);
		s.prefixes[0].bits = 64;
		assert_int_equal(inventory_put(inv, &s, NULL), i);
	}
	for (unsigned i = 0; i < 5000; i += 97) {
		struct addr a = {.bytes = {0x20}};

		a.bytes[6] = (uint8_t)(i * 7 >> 8);
		a.bytes[7] = (uint8_t)(i * 7);
		a.bytes[15] = 9;
		snprintf(s.name, sizeof(s.name), "vnet%u", i);
		assert_int_equal(resolve(inv, s.name, "", "").index, i);
		assert_int_equal(inventory_resolve(inv, "", &(struct mac){{0}}, &a).index, i);
	}
	inventory_free(inv);
}

/* Processor seconds to read a file of so many servers, in an order that suits nobody. */
static double
time_of(unsigned count)
{
	char *text = malloc(count * 96U + 64), *at = text;
	struct inventory *inv;
	clock_t begin;
	double seconds;

	at += sprintf(at, "server,interfaces,macs,addresses\n");
	for (unsigned i = 0; i < count; i++) {
		unsigned n = i * 40503U % count; /* odd: every number once, scattered */

		at += sprintf(at,
		    "vm-%u,vnet%u,52:54:00:%02x:%02x:%02x,10.%u.%u.%u;2001:db8:%x::/64\n", n, n,
		    n >> 16, n >> 8 & 255, n & 255, n >> 16, n >> 8 & 255, n & 255, n);
	}
	begin = clock();
	inv = parse(text);
	seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
	assert_int_equal(inventory_count(inv), count);
	for (unsigned i = 0; i < count; i += 331) {
		char ifname[16], address[32];

		snprintf(ifname, sizeof(ifname), "vnet%u", i);
		snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		assert_int_equal(
		    resolve(inv, "", "", address).index, resolve(inv, ifname, "", address).index);
		assert_false(resolve(inv, ifname, "", address).spoofed);
	}
	inventory_free(inv);
	free(text);
	return seconds;
}

/* The largest inventory: the time grows with the number of servers (4 times), not with its square (16). */
static void
test_largest(void **state)
{
	double quarter = time_of(INVENTORY_SERVERS_MAX / 4), whole = time_of(INVENTORY_SERVERS_MAX);

	(void)state;
	print_message("%d servers in %.2f s, a quarter of them in %.2f s\n", INVENTORY_SERVERS_MAX,
	    whole, quarter);
	assert_true(whole < 9 * quarter);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_csv),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_bad_csv),
	    cmocka_unit_test(test_bad_json),
	    cmocka_unit_test(test_resolve),
	    cmocka_unit_test(test_lookup),
	    cmocka_unit_test(test_change),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
