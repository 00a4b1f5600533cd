/* SPDX-License-Identifier: ISC */
/* libvirt: domains as servers, its test driver alive, and what is merged into what people said. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libvirt/libvirt.h>

#include "base/clock.h"
#include "policy/inventory_merge.h"
#include "policy/libvirt_source.h"
#include "policy/libvirt_xml.h"

/* Shaped like `virsh dumpxml` of a running KVM domain, with a network filter that knows two addresses. */
static const char running_kvm[] =
    "<domain type='kvm' id='7'>\n  <name>vm-7</name>\n"
    "  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>\n  <memory unit='KiB'>219200</memory>\n"
    "  <devices>\n    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n"
    "    <disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>\n"
    "    <interface type='bridge'>\n      <mac address='52:54:00:00:00:07'/>\n"
    "      <source bridge='br0'/>\n      <target dev='vnet7'/>\n      <model type='virtio'/>\n"
    "      <filterref filter='clean-traffic'>\n        <parameter name='IP' value='192.0.2.7'/>\n"
    "        <parameter name='IP' value='192.0.2.8'/>\n"
    "        <parameter name='IPV6' value='2001:db8:7::2'/>\n      </filterref>\n"
    "      <alias name='net0'/>\n    </interface>\n"
    "    <interface type='ethernet'>\n      <mac address='52:54:00:00:01:07'/>\n"
    "      <ip address='198.51.100.7' prefix='32'/>\n      <target dev='tap7'/>\n"
    "    </interface>\n  </devices>\n</domain>\n";

static const char openstack[] =
    "<domain type='kvm'><name>instance-0000002a</name><uuid>6a7d</uuid><metadata>"
    "<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>"
    "<nova:name>web 1</nova:name><nova:owner><nova:user uuid='u'>ann</nova:user>"
    "<nova:project uuid='p'>acme</nova:project></nova:owner><nova:ports><nova:port uuid='x'>"
    "<nova:ip type='fixed' address='203.0.113.5' ipVersion='4'/>"
    "<nova:ip type='floating' address='203.0.113.99' ipVersion='4'/>"
    "</nova:port></nova:ports></nova:instance></metadata><devices>"
    "<interface type='bridge'><mac address='fa:16:3e:00:00:01'/><target dev='tap42'/>"
    "</interface></devices></domain>";

static int
read_xml(const char *xml, bool running, struct server *out)
{
	return libvirt_xml_server(xml, strlen(xml), running, out, NULL);
}

static bool
has_address(const struct server *s, const char *text)
{
	char buf[ADDR_TEXT_BYTES];

	for (unsigned i = 0; i < s->prefix_count; i++)
		if (strcmp(addr_prefix_format(buf, &s->prefixes[i]), text) == 0)
			return true;
	return false;
}

static void
test_domains(void **state)
{
	struct server s;

	(void)state;
	assert_int_equal(read_xml(running_kvm, true, &s), 0);
	assert_string_equal(s.name, "vm-7");
	assert_int_equal(s.virtualization, VIRT_KVM);
	assert_int_equal(s.ifname_count, 2);
	assert_string_equal(s.ifnames[0], "vnet7");
	assert_string_equal(s.ifnames[1], "tap7");
	assert_int_equal(s.mac_count, 2);
	assert_int_equal(s.prefix_count, 4);
	assert_true(has_address(&s, "192.0.2.8"));
	assert_true(has_address(&s, "198.51.100.7"));
	assert_true(has_address(&s, "2001:db8:7::2"));
	assert_int_equal(read_xml(running_kvm, false, &s), 0);
	assert_int_equal(s.ifname_count, 0);
	assert_int_equal(read_xml(openstack, true, &s), 0);
	assert_string_equal(s.name, "instance-0000002a");
	assert_string_equal(s.tenant, "acme");
	assert_true(has_address(&s, "203.0.113.5"));
	assert_int_equal(s.prefix_count, 1); /* a floating address is the router's */
	assert_int_equal(
	    read_xml(
		"<domain type='lxc'><name>my box</name><uuid>6a7d-1</uuid></domain>", true, &s),
	    0);
	assert_string_equal(s.name, "6a7d-1");
	assert_int_equal(s.virtualization, VIRT_CONTAINER);
}

static void
test_bad_domains(void **state)
{
	char *many = malloc(200000);
	struct server s = {.name = "untouched"};
	size_t used;

	(void)state;
	assert_int_equal(read_xml("", true, &s), -EBADMSG);
	assert_int_equal(read_xml("<domain><name>x</nam", true, &s), -EBADMSG);
	assert_int_equal(read_xml("<domain><name>a b</name></domain>", true, &s), -EBADMSG);
	assert_int_equal(
	    read_xml("<!DOCTYPE d [<!ENTITY a 'x'>]><domain><name>&a;</name></domain>", true, &s),
	    -EBADMSG);
	assert_int_equal(read_xml("<!DOCTYPE d [<!ENTITY a SYSTEM "
				  "'file:///etc/passwd'>]><domain><name>&a;</name></domain>",
			     true, &s),
	    -EBADMSG);
	assert_string_equal(s.name, "untouched");
	used = (size_t)sprintf(many, "<domain type='kvm'><name>vm</name><devices>");
	for (unsigned i = 0; i < 1000; i++)
		used += (size_t)sprintf(many + used,
		    "<interface><mac address='52:54:00:00:%02x:%02x'/>"
		    "<target dev='a%u'/><ip address='10.0.%u.%u'/></interface>",
		    i >> 8, i & 255, i, i >> 8, i & 255);
	strcpy(many + used, "<interface><target dev='../x'/><mac address='zz'/><ip "
			    "address='banana'/></interface></devices></domain>");
	assert_int_equal(read_xml(many, true, &s), 0);
	assert_int_equal(s.ifname_count, INVENTORY_IFNAMES_MAX);
	assert_int_equal(s.mac_count, INVENTORY_MACS_MAX);
	assert_int_equal(s.prefix_count, INVENTORY_PREFIXES_MAX);
	free(many);
}

/* The test driver of libvirt: what it knows, and that a change is heard. */
static void
test_driver(void **state)
{
	struct libvirt_source *source = NULL;
	struct inventory *inv = NULL;
	virConnectPtr other;
	virDomainPtr domain;
	struct err e;

	(void)state;
	assert_int_equal(libvirt_source_open(&source, "nonsense:///x", false, &e), -ECONNREFUSED);
	if (libvirt_source_open(&source, "test:///default", true, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(libvirt_source_read(source, &inv, &e), 0);
	assert_int_equal(inventory_count(inv), 1);
	assert_string_equal(inventory_get(inv, 0)->name, "test");
	assert_string_equal(inventory_get(inv, 0)->ifnames[0], "testnet0");
	assert_true(has_address(inventory_get(inv, 0), "192.168.122.3")); /* its lease */
	inventory_free(inv);
	assert_int_equal(libvirt_source_wait(source, CLOCK_SECOND_NS / 10, &e), 0);
	/* In one process all connections to the test driver are one hypervisor. */
	other = virConnectOpen("test:///default");
	domain = virDomainLookupByName(other, "test");
	assert_int_equal(virDomainDestroy(domain), 0);
	assert_int_equal(libvirt_source_wait(source, 5 * CLOCK_SECOND_NS, &e), 1);
	assert_int_equal(libvirt_source_read(source, &inv, &e), 0);
	assert_int_equal(inventory_get(inv, 0)->ifname_count, 0);
	inventory_free(inv);
	assert_int_equal(virDomainCreate(domain), 0);
	assert_int_equal(libvirt_source_wait(source, 5 * CLOCK_SECOND_NS, &e), 1);
	virDomainFree(domain);
	virConnectClose(other);
	libvirt_source_close(source);
}

/* --- merging --- */

#define HEAD "server,tenant,plan,virtualization,interfaces,macs,addresses,contact,lang,mode\n"

static struct inventory *
parse(const char *rows)
{
	struct inventory *inv = NULL;
	char text[4096];
	struct err e;

	snprintf(text, sizeof(text), HEAD "%s", rows);
	if (inventory_parse(&inv, "rows", text, strlen(text), &e) < 0)
		fail_msg("%s", e.text);
	return inv;
}

static struct inventory *
merge(const char *current, const char *before, const char *seen, bool remove, unsigned *vanished)
{
	struct inventory *c = parse(current), *b = before != NULL ? parse(before) : NULL,
			 *s = parse(seen), *out = NULL;
	struct inventory_merged merged;
	struct err e;

	if (inventory_merge(&out, c, b, s, remove, &merged, &e) < 0) {
		print_message("%s\n", e.text);
		out = NULL;
	} else {
		*vanished = merged.vanished;
	}
	inventory_free(c);
	inventory_free(b);
	inventory_free(s);
	return out;
}

static const struct server *
named(const struct inventory *inv, const char *name)
{
	int i = inventory_find(inv, name);

	assert_true(i >= 0);
	return inventory_get(inv, (unsigned)i);
}

static void
test_overrides_stay(void **state)
{
	unsigned vanished;
	const struct server *s;
	/* People gave plan, contact, a second prefix, a mode, and corrected the tenant. */
	struct inventory *inv = merge("vm-1,shop,big,kvm,vnet1;mgmt1,52:54:00:00:00:01,192.0.2.1;"
				      "2001:db8:1::/64,a@example.org,ru,observe\n"
				      "vm-0,x,,,,,,,,\n",
	    "vm-1,proj,,kvm,vnet1,52:54:00:00:00:01,192.0.2.1,,,\n",
	    "vm-1,proj,,kvm,vnet4,52:54:00:00:00:0a,192.0.2.9,,,\nvm-2,,,kvm,vnet1,,192.0.2.1,,,\n",
	    false, &vanished);

	(void)state;
	assert_non_null(inv);
	assert_int_equal(inventory_count(inv), 3);
	assert_int_equal(vanished, 0);
	s = named(inv, "vm-1");
	assert_string_equal(s->tenant, "shop");
	assert_string_equal(s->plan, "big");
	assert_string_equal(s->mode, "observe");
	assert_string_equal(s->contact, "a@example.org");
	assert_string_equal(s->lang, "ru");
	assert_int_equal(s->ifname_count, 2);
	assert_string_equal(s->ifnames[0], "vnet4");
	assert_string_equal(s->ifnames[1], "mgmt1");
	assert_int_equal(s->mac_count, 1);
	assert_int_equal(s->macs[0].bytes[5], 10);
	assert_int_equal(s->prefix_count, 2);
	assert_true(has_address(s, "192.0.2.9"));
	assert_true(has_address(s, "2001:db8:1::/64"));
	assert_string_equal(named(inv, "vm-2")->ifnames[0], "vnet1");
	assert_string_equal(named(inv, "vm-0")->tenant, "x");
	inventory_free(inv);
}

static void
test_vanished(void **state)
{
	static const char current[] =
	    "vm-1,t,big,kvm,vnet1,52:54:00:00:00:01,192.0.2.1;192.0.2.77,,,\n"
	    "own,,,,eth9,,198.51.100.1,,,\n",
			  before[] = "vm-1,,,kvm,vnet1,52:54:00:00:00:01,192.0.2.1,,,\n";
	unsigned vanished;
	struct inventory *inv = merge(current, before, "vm-2,,,kvm,vnet1,,,,,\n", false, &vanished);
	const struct server *s;

	(void)state;
	assert_non_null(inv);
	assert_int_equal(vanished, 1);
	s = named(inv, "vm-1");
	assert_int_equal(s->ifname_count, 0); /* vnet1 is vm-2's now */
	assert_int_equal(s->mac_count, 1);
	assert_int_equal(s->prefix_count, 2);
	assert_string_equal(s->plan, "big");
	inventory_free(inv);
	/* Its address was given to another: only what people added stays. */
	inv = merge(
	    current, before, "vm-2,,,kvm,vnet1,52:54:00:00:00:01,192.0.2.1,,,\n", false, &vanished);
	assert_non_null(inv);
	s = named(inv, "vm-1");
	assert_int_equal(s->mac_count, 0);
	assert_int_equal(s->prefix_count, 1);
	assert_true(has_address(s, "192.0.2.77"));
	inventory_free(inv);
	inv = merge(current, before, "vm-2,,,kvm,vnet1,,,,,\n", true, &vanished);
	assert_non_null(inv);
	assert_int_equal(vanished, 1);
	assert_int_equal(inventory_find(inv, "vm-1"), -ENOENT);
	assert_true(inventory_find(inv, "own") >= 0); /* never the source's */
	inventory_free(inv);
}

static void
test_quarrels(void **state)
{
	unsigned vanished;
	struct inventory *inv;

	(void)state;
	/* The first time: the interface in the file was of yesterday. */
	inv = merge("vm-1,,,,vnet5,,192.0.2.1,,,\nvm-2,,,,vnet6,,192.0.2.2,,,\n", NULL,
	    "vm-1,,,kvm,vnet6,,,,,\nvm-2,,,kvm,vnet5,,,,,\n", false, &vanished);
	assert_non_null(inv);
	assert_string_equal(named(inv, "vm-1")->ifnames[0], "vnet6");
	assert_int_equal(named(inv, "vm-1")->ifname_count, 1);
	assert_true(has_address(named(inv, "vm-1"), "192.0.2.1"));
	assert_int_equal(named(inv, "vm-2")->virtualization, VIRT_KVM);
	inventory_free(inv);
	/* Two claim one address: a person has to say whose it is. */
	assert_null(merge("vm-1,,,,,,192.0.2.1,,,\n", NULL,
	    "vm-1,,,kvm,,,,,,\nvm-2,,,kvm,,,192.0.2.1,,,\n", false, &vanished));
	/* A prefix by hand says more than the address inside of it. */
	inv = merge(
	    "vm-1,,,,,,192.0.2.0/28,,,\n", NULL, "vm-1,,,kvm,,,192.0.2.7,,,\n", false, &vanished);
	assert_non_null(inv);
	assert_int_equal(named(inv, "vm-1")->prefix_count, 1);
	assert_true(has_address(named(inv, "vm-1"), "192.0.2.0/28"));
	inventory_free(inv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_domains),
	    cmocka_unit_test(test_bad_domains),
	    cmocka_unit_test(test_driver),
	    cmocka_unit_test(test_overrides_stay),
	    cmocka_unit_test(test_vanished),
	    cmocka_unit_test(test_quarrels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
