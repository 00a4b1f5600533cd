/* SPDX-License-Identifier: ISC */
/* A domain of libvirt as a server; see libvirt_xml.h.  bulkhead-libvirt. */
#include "policy/libvirt_xml.h"

#include <ctype.h>
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <string.h>

#define XML_MAX_BYTES (4u << 20)

/* A domain's XML is the provider's own, but its metadata may carry anybody's words. */
#define XML_OPTIONS (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA)

static bool
is_word(const char *text, size_t room)
{
	size_t length = strlen(text);

	if (length == 0 || length >= room)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && strchr("._:-", text[i]) == NULL)
			return false;
	return true;
}

/* Calls fn with the text of every node that the path finds. */
static void
each(xmlXPathContext *x, const char *path, void (*fn)(struct server *, const char *),
    struct server *s)
{
	xmlXPathObject *found = xmlXPathEvalExpression((const xmlChar *)path, x);
	int count = found != NULL && found->nodesetval != NULL ? found->nodesetval->nodeNr : 0;

	for (int i = 0; i < count; i++) {
		xmlChar *text = xmlNodeGetContent(found->nodesetval->nodeTab[i]);

		if (text != NULL)
			fn(s, (const char *)text);
		xmlFree(text);
	}
	xmlXPathFreeObject(found);
}

static void
take_name(struct server *s, const char *text)
{
	if (s->name[0] == '\0' && is_word(text, sizeof(s->name)))
		snprintf(s->name, sizeof(s->name), "%s", text);
}

static void
take_type(struct server *s, const char *text)
{
	static const struct {
		const char *type;
		enum virtualization v;
	} types[] = {{"kvm", VIRT_KVM}, {"lxc", VIRT_CONTAINER}, {"openvz", VIRT_CONTAINER},
	    {"vz", VIRT_CONTAINER}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(text, types[i].type) == 0)
			s->virtualization = (uint8_t)types[i].v;
}

static void
take_tenant(struct server *s, const char *text)
{
	if (s->tenant[0] == '\0' && strlen(text) < sizeof(s->tenant) &&
	    text[strcspn(text, "\n\r\t")] == '\0')
		snprintf(s->tenant, sizeof(s->tenant), "%s", text);
}

static void
take_device(struct server *s, const char *text)
{
	if (s->ifname_count == INVENTORY_IFNAMES_MAX || !is_word(text, sizeof(s->ifnames[0])))
		return;
	for (unsigned i = 0; i < s->ifname_count; i++)
		if (strcmp(s->ifnames[i], text) == 0)
			return;
	snprintf(s->ifnames[s->ifname_count++], sizeof(s->ifnames[0]), "%s", text);
}

static void
take_mac(struct server *s, const char *text)
{
	struct mac mac;

	if (s->mac_count == INVENTORY_MACS_MAX || mac_parse(text, &mac) != 0 || mac_is_zero(&mac))
		return;
	for (unsigned i = 0; i < s->mac_count; i++)
		if (memcmp(&s->macs[i], &mac, sizeof(mac)) == 0)
			return;
	s->macs[s->mac_count++] = mac;
}

void
libvirt_xml_add_address(struct server *s, const char *text)
{
	struct addr_prefix p;

	if (s->prefix_count == INVENTORY_PREFIXES_MAX || addr_prefix_parse(text, &p) != 0 ||
	    addr_is_zero(&p.addr))
		return;
	for (unsigned i = 0; i < s->prefix_count; i++)
		if (addr_prefix_contains(&s->prefixes[i], &p.addr) ||
		    addr_prefix_contains(&p, &s->prefixes[i].addr))
			return;
	s->prefixes[s->prefix_count++] = p;
}

int
libvirt_xml_server(const char *xml, size_t size, bool running, struct server *out, struct err *e)
{
	struct server s = {0};
	xmlXPathContext *x = NULL;
	xmlDoc *doc = size <= XML_MAX_BYTES
			  ? xmlReadMemory(xml, (int)size, "domain.xml", NULL, XML_OPTIONS)
			  : NULL;

	if (doc != NULL && doc->intSubset == NULL)
		x = xmlXPathNewContext(doc);
	if (x != NULL) {
		each(x, "/domain/name", take_name, &s);
		each(x, "/domain/uuid", take_name, &s);
		each(x, "/domain/@type", take_type, &s);
		each(x, "/domain/metadata//*[local-name()='owner']/*[local-name()='project']",
		    take_tenant, &s);
		if (running)
			each(x, "/domain/devices/interface/target/@dev", take_device, &s);
		each(x, "/domain/devices/interface/mac/@address", take_mac, &s);
		each(x,
		    "/domain/devices/interface/filterref/parameter[@name='IP' or "
		    "@name='IPV6']/@value",
		    libvirt_xml_add_address, &s);
		each(x, "/domain/devices/interface/ip/@address", libvirt_xml_add_address, &s);
		each(x,
		    "/domain/metadata//*[local-name()='port']/*[local-name()='ip' and "
		    "@type='fixed']/@address",
		    libvirt_xml_add_address, &s);
	}
	xmlXPathFreeContext(x);
	xmlFreeDoc(doc);
	if (s.name[0] == '\0')
		return err_set(
		    e, -EBADMSG, "libvirt gave a domain that cannot be read: see virsh dumpxml");
	*out = s;
	return 0;
}
