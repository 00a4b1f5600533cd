/* SPDX-License-Identifier: ISC */
/* The dossier as a real HTML parser reads it, with hostile text in every field that there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <libxml/HTMLparser.h>

#include "base/clock.h"
#include "whitelist/dossier.h"
#include "whitelist/html.h"

#define NOW (INT64_C(1700000000) * CLOCK_SECOND_NS)

static const char template[] =
    "{\"id\":7,\"state\":\"submitted\",\"purpose\":\"newsletter\",\"servers\":[\"vm-1\",\"vm-2\"],"
    "\"domains\":[\"news.example\"],\"per_day\":5000,\"list_size\":4800,\"list_origin\":\"form\","
    "\"contact\":\"a@b.example\",\"lang\":\"ru\",\"created\":\"2026-01-01T00:00:00Z\",\"changed\":"
    "\"x\","
    "\"reason\":\"r\",\"grant\":{\"state\":\"active\",\"from\":\"f\",\"until\":\"u\",\"per_day\":"
    "5000,"
    "\"per_hour\":1250,\"used_today\":3050,\"used_percent\":61,\"watch\":{\"checked\":\"c\","
    "\"level\":\"warn\",\"reason\":\"w\"}},\"missing\":[\"m1\",\"m2\"],"
    "\"evidence\":[{\"kind\":\"sample-picture\",\"name\":\"n.png\",\"type\":\"image/"
    "png\",\"size\":5,"
    "\"sha256\":\"picture\",\"added\":\"a\",\"also_in\":[{\"application\":3,\"tenant\":\"t\","
    "\"state\":\"s\"}]},{\"kind\":\"unsubscribe-page\",\"name\":\"p.svg\",\"type\":\"image/"
    "svg+xml\","
    "\"size\":5,\"sha256\":\"text\",\"added\":\"a\",\"also_in\":[]},{\"kind\":\"sample-source\","
    "\"name\":\"m.eml\",\"type\":\"message/rfc822\",\"size\":9,\"sha256\":\"text\",\"added\":\"a\","
    "\"also_in\":[]},{\"kind\":\"note\",\"name\":\"gone\",\"type\":\"text/plain\",\"size\":9,"
    "\"sha256\":\"gone\",\"added\":\"a\",\"also_in\":[]}],"
    "\"history\":[{\"time\":\"t\",\"actor\":\"uid "
    "0\",\"action\":\"apply\",\"detail\":{\"state\":\"s\","
    "\"reason\":\"h\"}}]}";

static const char attack[] =
    "\"'><script>document.title='PWNED'</script><img src=x onerror=alert(1)>"
    "</title></style></pre></bdi>--><!--<svg onload=alert(1)>"
    "javascript:alert(1) {{7*7}} &lt; &#x3c; \xe2\x80\xae gnp.exe \xd7\xa9 \xff\xfe"
    "</table></div></body></html><base href=//evil.example/>";

static const char *source = "";

static int
open_evidence(void *arg, const char *sha256)
{
	const char *text = strcmp(sha256, "picture") == 0 ? "\x89PNG!" : source;
	int fd;

	(void)arg;
	if (strcmp(sha256, "gone") == 0)
		return -2;
	fd = memfd_create("evidence", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

/* Every text of the value is replaced, but for the words that choose a branch of the page. */
static void
poison(json_t *value, const char *with)
{
	const char *key;
	json_t *item;
	size_t i;
	void *next;

	if (json_is_array(value))
		json_array_foreach (value, i, item) {
			if (json_is_string(item))
				json_string_set_nocheck(item, with);
			else
				poison(item, with);
		}
	json_object_foreach_safe(value, next, key, item)
	{
		if (!json_is_string(item))
			poison(item, with);
		else if (strcmp(key, "sha256") != 0 && strcmp(key, "type") != 0 &&
			 strcmp(key, "kind") != 0)
			json_string_set_nocheck(item, with);
	}
}

static void
poison_report(struct check_report *r, const char *with)
{
	struct check_facts *f = &r->facts;
	char *const fields[] = {f->list_unsubscribe[0], f->body_link, f->body_link_text, f->subject,
	    f->from, f->list_id, f->structure, f->dkim[0].domain};

	check_report_init(r);
	for (unsigned id = 0; id < CHECK__COUNT; id++)
		check_report_add(r, (enum check_id)id, (enum check_level)(id % CHECK_LEVEL__COUNT),
		    with, "%s", with);
	/* Past the cleaning of check_report_add(), as a bug there would leave them. */
	snprintf(r->results[0].text, sizeof(r->results[0].text), "%s", with);
	snprintf(r->results[0].about, sizeof(r->results[0].about), "%s", with);
	f->list_unsubscribe_count = f->dkim_count = 1;
	strcpy(f->pictures[0].sha256, "picture");
	strcpy(f->pictures[1].sha256, "gone");
	f->picture_count = 2;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		snprintf(fields[i], CHECK_DOMAIN_BYTES, "%s", with);
}

struct page {
	char *text;
	size_t size;
};

static struct page
make_page(const char *with)
{
	static struct check_report report;
	static struct dossier_traffic traffic[2];
	json_t *application = json_loads(template, 0, NULL);
	struct dossier d = {.traffic = traffic, .open_evidence = open_evidence, .now_ns = NOW};
	struct page page = {NULL, 0};
	FILE *f = open_memstream(&page.text, &page.size);

	assert_non_null(application);
	traffic[0] = (struct dossier_traffic){.server = with != NULL ? with : "vm-1",
	    .tenant = with != NULL ? with : "acme",
	    .verdict = with != NULL ? with : "clear",
	    .has_days = true,
	    .blocked = 1u << 3};
	traffic[1] = (struct dossier_traffic){.server = "vm-2", .tenant = "", .verdict = "clear"};
	for (unsigned i = 0; i < DOSSIER_DAYS; i++)
		traffic[0].days[i] = (struct dossier_day){i, i * 1000, i % 7};
	traffic[0].days[5].recipients = UINT64_MAX / 2;
	d.application = application;
	d.traffic_count = 2;
	if (with != NULL) {
		poison(application, with);
		poison_report(&report, with);
		d.report = &report;
	}
	assert_int_equal(dossier_write(f, &d), 0);
	fclose(f);
	json_decref(application);
	return page;
}

/* --- what a parser sees --- */

static const char *const elements[] = {"html", "head", "meta", "title", "style", "body", "h1", "h2",
    "h3", "p", "span", "table", "thead", "tbody", "tr", "th", "td", "bdi", "div", "ul", "li",
    "figure", "figcaption", "br", "code", "pre", "img", "svg", "rect", "line", "text", NULL};
static const char *const attributes[] = {"lang", "charset", "http-equiv", "content", "name",
    "class", "id", "alt", "src", "viewbox", "role", "aria-label", "x", "y", "x1", "x2", "y1", "y2",
    "width", "height", "text-anchor", "font-size", NULL};

static bool
is_in(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strcasecmp(*list, name) == 0)
			return true;
	return false;
}

static void
look(xmlNode *node, unsigned *count)
{
	for (; node != NULL; node = node->next) {
		if (node->type == XML_COMMENT_NODE)
			fail_msg("a comment: %s", (char *)node->content);
		if (node->type != XML_ELEMENT_NODE)
			continue;
		count[0]++;
		count[1] += strcmp((const char *)node->name, "img") == 0;
		if (!is_in(elements, (const char *)node->name))
			fail_msg("an element <%s>", (const char *)node->name);
		for (xmlAttr *a = node->properties; a != NULL; a = a->next) {
			xmlChar *value = xmlGetProp(node, a->name);

			if (!is_in(attributes, (const char *)a->name))
				fail_msg("an attribute %s of <%s>", (const char *)a->name,
				    (const char *)node->name);
			if (strcmp((const char *)a->name, "src") == 0)
				assert_memory_equal(value, "data:image/png;base64,", 22);
			xmlFree(value);
		}
		look(node->children, count);
	}
}

/* Elements and pictures of the page. */
static void
parse(const struct page *page, unsigned count[2])
{
	htmlDocPtr doc = htmlReadMemory(page->text, (int)page->size, NULL, "utf-8",
	    HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);

	assert_non_null(doc);
	count[0] = count[1] = 0;
	look(xmlDocGetRootElement(doc), count);
	xmlFreeDoc(doc);
}

static void
test_hostile(void **state)
{
	unsigned count[2], plain[2];
	struct page page;

	(void)state;
	source = "plain";
	page = make_page("harmless");
	parse(&page, plain);
	free(page.text);
	source = attack;
	page = make_page(attack);
	parse(&page, count);
	/* Not one element more than with harmless text: nothing broke out. */
	assert_int_equal(count[0], plain[0]);
	assert_int_equal(count[1], 1); /* the PNG; never the SVG */
	assert_null(strstr(page.text, "<script"));
	assert_null(strstr(page.text, "\xe2\x80\xae"));
	assert_null(memchr(page.text, 0xff, page.size));
	assert_non_null(strstr(page.text, "&lt;script&gt;"));
	free(page.text);
}

static void
test_huge(void **state)
{
	char *huge = malloc((1u << 20) + 1);
	unsigned count[2], plain[2];
	struct page page;

	(void)state;
	source = "plain";
	page = make_page("harmless");
	parse(&page, plain);
	free(page.text);
	memset(huge, '<', 1u << 20);
	huge[1u << 20] = '\0';
	source = huge;
	page = make_page(huge);
	parse(&page, count);
	assert_int_equal(count[0], plain[0]);
	free(page.text);
	free(huge);
}

static void
test_content(void **state)
{
	struct page page;

	(void)state;
	source = "Subject: x\r\n\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82";
	page = make_page(NULL);
	assert_non_null(strstr(page.text, "default-src 'none'; img-src data:"));
	assert_non_null(strstr(page.text, "61 % of today's 5000"));
	assert_non_null(strstr(page.text, "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"));
	assert_non_null(strstr(page.text, "bulkhead whitelist approve 7 --until 365d --override"));
	assert_null(strstr(page.text, "whitelist revoke"));
	assert_non_null(strstr(page.text, "Nothing yet."));
	assert_non_null(strstr(page.text, "application 3"));
	/* Nobody has decoded the pictures yet: their bytes stay where they are. */
	assert_null(strstr(page.text, "base64,"));
	assert_non_null(strstr(page.text, "Not shown: no check has decoded it"));
	free(page.text);
	page = make_page("harmless");
	assert_non_null(strstr(page.text, "not in the evidence store"));
	assert_non_null(strstr(page.text, "base64,iVBORyE=\""));
	free(page.text);
}

static void
test_bytes(void **state)
{
	char *out = NULL, text[600];
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	(void)state;
	for (unsigned i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "\xd0\x9f", 2); /* no character is cut where pieces meet */
	html_bytes(f, text, sizeof(text));
	html_bytes(f, "a\0b<", 4);
	html_print(f, "100%% %s %llu", "<&>", 7ULL);
	fclose(f);
	assert_memory_equal(out, text, sizeof(text));
	assert_string_equal(out + sizeof(text), "a\xef\xbf\xbd"
						"b&lt;100% &lt;&amp;&gt; 7");
	free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_huge),
	    cmocka_unit_test(test_content),
	    cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
