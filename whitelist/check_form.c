/* SPDX-License-Identifier: ISC */
/*
 * The forms of a report: bounded wire format and JSON, both from one table of the facts; see
 * check.h.  bulkhead-check writes, bulkhead-guard reads.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/wire.h"
#include "whitelist/check.h"

enum form { FORM_TEXT, FORM_BOOL, FORM_U16, FORM_U32, FORM_U64, FORM_TIME, FORM_ADDR };

struct field {
	const char *name; /* in JSON */
	enum form form;
	size_t at, size; /* in its struct */
};

#define FIELD(s, member, form)                                                             \
	{                                                                                  \
#member, form, offsetof(struct s, member), sizeof(((struct s *)0)->member) \
	}

static const struct field fact_fields[] = {
    FIELD(check_facts, one_click, FORM_BOOL),
    FIELD(check_facts, body_link, FORM_TEXT),
    FIELD(check_facts, body_link_text, FORM_TEXT),
    FIELD(check_facts, from_domain, FORM_TEXT),
    FIELD(check_facts, from_organisation, FORM_TEXT),
    FIELD(check_facts, envelope_domain, FORM_TEXT),
    FIELD(check_facts, hop_name, FORM_TEXT),
    FIELD(check_facts, hop_address, FORM_ADDR),
    FIELD(check_facts, date_ns, FORM_TIME),
    FIELD(check_facts, subject, FORM_TEXT),
    FIELD(check_facts, from, FORM_TEXT),
    FIELD(check_facts, list_id, FORM_TEXT),
    FIELD(check_facts, charset, FORM_TEXT),
    FIELD(check_facts, structure, FORM_TEXT),
    FIELD(check_facts, size_bytes, FORM_U64),
    FIELD(check_facts, recipients, FORM_U32),
};
static const struct field dkim_fields[] = {
    FIELD(check_dkim, domain, FORM_TEXT),
    FIELD(check_dkim, selector, FORM_TEXT),
    FIELD(check_dkim, body_ok, FORM_BOOL),
    FIELD(check_dkim, verified, FORM_BOOL),
    FIELD(check_dkim, aligned, FORM_BOOL),
    FIELD(check_dkim, signs_one_click, FORM_BOOL),
    FIELD(check_dkim, key_bits, FORM_U16),
    FIELD(check_dkim, record, FORM_TEXT),
};
static const struct field picture_fields[] = {
    FIELD(check_picture, kind, FORM_TEXT),
    FIELD(check_picture, sha256, FORM_TEXT),
    FIELD(check_picture, format, FORM_TEXT),
    FIELD(check_picture, width, FORM_U32),
    FIELD(check_picture, height, FORM_U32),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
put_fields(struct wire_writer *w, const void *base, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *p = (const char *)base + fields[i].at;

		switch (fields[i].form) {
		case FORM_TEXT:
			wire_put_long_text(w, p);
			break;
		case FORM_BOOL:
			wire_put_u8(w, *(const bool *)p);
			break;
		case FORM_U16:
			wire_put_u16(w, *(const uint16_t *)(const void *)p);
			break;
		case FORM_U32:
			wire_put_u32(w, *(const uint32_t *)(const void *)p);
			break;
		case FORM_U64:
		case FORM_TIME:
			wire_put_u64(w, *(const uint64_t *)(const void *)p);
			break;
		case FORM_ADDR:
			wire_put_bytes(w, p, fields[i].size);
			break;
		}
	}
}

static void
get_fields(struct wire_reader *r, void *base, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *p = (char *)base + fields[i].at;

		switch (fields[i].form) {
		case FORM_TEXT:
			wire_get_clean_text(r, p, fields[i].size);
			break;
		case FORM_BOOL:
			*(bool *)p = wire_get_u8(r) == 1;
			break;
		case FORM_U16:
			*(uint16_t *)(void *)p = wire_get_u16(r);
			break;
		case FORM_U32:
			*(uint32_t *)(void *)p = wire_get_u32(r);
			break;
		case FORM_U64:
		case FORM_TIME:
			*(uint64_t *)(void *)p = wire_get_u64(r);
			break;
		case FORM_ADDR:
			wire_get_bytes(r, p, fields[i].size);
			break;
		}
	}
}

long
check_report_encode(const struct check_report *r, void *buf, size_t size)
{
	const struct check_facts *f = &r->facts;
	struct wire_writer w;

	wire_writer_init(&w, buf, size);
	wire_put_u8(&w, CHECK_WIRE_VERSION);
	wire_put_u64(&w, (uint64_t)r->made_ns);
	wire_put_u8(&w, r->overflow);
	wire_put_u16(&w, (uint16_t)r->count);
	for (unsigned i = 0; i < r->count; i++) {
		wire_put_u8(&w, r->results[i].id);
		wire_put_u8(&w, r->results[i].level);
		wire_put_long_text(&w, r->results[i].about);
		wire_put_long_text(&w, r->results[i].text);
	}
	put_fields(&w, f, fact_fields, COUNT(fact_fields));
	wire_put_u16(&w, (uint16_t)f->list_unsubscribe_count);
	for (unsigned i = 0; i < f->list_unsubscribe_count; i++)
		wire_put_long_text(&w, f->list_unsubscribe[i]);
	wire_put_u16(&w, (uint16_t)f->dkim_count);
	for (unsigned i = 0; i < f->dkim_count; i++)
		put_fields(&w, &f->dkim[i], dkim_fields, COUNT(dkim_fields));
	wire_put_u16(&w, (uint16_t)f->picture_count);
	for (unsigned i = 0; i < f->picture_count; i++)
		put_fields(&w, &f->pictures[i], picture_fields, COUNT(picture_fields));
	return wire_writer_finish(&w);
}

int
check_report_decode(struct check_report *out, const void *data, size_t size)
{
	struct check_facts *f = &out->facts;
	struct wire_reader r;

	check_report_init(out);
	wire_reader_init(&r, data, size);
	if (wire_get_u8(&r) != CHECK_WIRE_VERSION)
		return -EBADMSG;
	out->made_ns = (int64_t)wire_get_u64(&r);
	out->overflow = wire_get_u8(&r) == 1;
	out->count = wire_get_count(&r, CHECK_RESULTS_MAX);
	for (unsigned i = 0; i < out->count; i++) {
		out->results[i].id = wire_get_u8(&r);
		out->results[i].level = wire_get_u8(&r);
		if (out->results[i].id >= CHECK__COUNT ||
		    out->results[i].level >= CHECK_LEVEL__COUNT)
			r.failed = true;
		wire_get_clean_text(&r, out->results[i].about, CHECK_ABOUT_BYTES);
		wire_get_clean_text(&r, out->results[i].text, CHECK_TEXT_BYTES);
	}
	get_fields(&r, f, fact_fields, COUNT(fact_fields));
	f->list_unsubscribe_count = wire_get_count(&r, CHECK_URIS_MAX);
	for (unsigned i = 0; i < f->list_unsubscribe_count; i++)
		wire_get_clean_text(&r, f->list_unsubscribe[i], CHECK_URI_BYTES);
	f->dkim_count = wire_get_count(&r, CHECK_DKIM_MAX);
	for (unsigned i = 0; i < f->dkim_count; i++)
		get_fields(&r, &f->dkim[i], dkim_fields, COUNT(dkim_fields));
	f->picture_count = wire_get_count(&r, CHECK_PICTURES_MAX);
	for (unsigned i = 0; i < f->picture_count; i++)
		get_fields(&r, &f->pictures[i], picture_fields, COUNT(picture_fields));
	if (wire_reader_finish(&r) != 0) {
		check_report_init(out);
		return -EBADMSG;
	}
	return 0;
}

/* "date_ns" is "date" for people, "" is null. */
static json_t *
fields_json(const void *base, const struct field *fields, size_t count)
{
	json_t *out = json_object();

	for (size_t i = 0; i < count; i++) {
		const char *p = (const char *)base + fields[i].at;
		char text[CLOCK_ISO_BYTES > ADDR_TEXT_BYTES ? CLOCK_ISO_BYTES : ADDR_TEXT_BYTES];
		json_t *v = NULL;

		switch (fields[i].form) {
		case FORM_TEXT:
			v = *p != '\0' ? json_string(p) : json_null();
			break;
		case FORM_BOOL:
			v = json_boolean(*(const bool *)p);
			break;
		case FORM_U16:
			v = json_integer(*(const uint16_t *)(const void *)p);
			break;
		case FORM_U32:
			v = json_integer(*(const uint32_t *)(const void *)p);
			break;
		case FORM_U64:
			v = json_integer((json_int_t) * (const uint64_t *)(const void *)p);
			break;
		case FORM_TIME: {
			int64_t t = *(const int64_t *)(const void *)p;

			v = t != 0 ? json_string(clock_format_iso(text, t)) : json_null();
			break;
		}
		case FORM_ADDR: {
			const struct addr *a = (const struct addr *)p;

			v = addr_is_zero(a) ? json_null() : json_string(addr_format(text, a));
			break;
		}
		}
		json_object_set_new(out, fields[i].form == FORM_TIME ? "date" : fields[i].name, v);
	}
	return out;
}

static void
fields_from_json(void *base, const struct field *fields, size_t count, const json_t *from)
{
	for (size_t i = 0; i < count; i++) {
		char *p = (char *)base + fields[i].at;
		const json_t *v =
		    json_object_get(from, fields[i].form == FORM_TIME ? "date" : fields[i].name);
		const char *text = json_is_string(v) ? json_string_value(v) : "";

		switch (fields[i].form) {
		case FORM_TEXT:
			text_clean(p, fields[i].size, text);
			break;
		case FORM_BOOL:
			*(bool *)p = json_is_true(v);
			break;
		case FORM_U16:
			*(uint16_t *)(void *)p = (uint16_t)json_integer_value(v);
			break;
		case FORM_U32:
			*(uint32_t *)(void *)p = (uint32_t)json_integer_value(v);
			break;
		case FORM_U64:
			*(uint64_t *)(void *)p = (uint64_t)json_integer_value(v);
			break;
		case FORM_TIME:
			(void)clock_parse_iso(text, (int64_t *)(void *)p);
			break;
		case FORM_ADDR:
			(void)addr_parse(text, (struct addr *)p);
			break;
		}
	}
}

static json_t *
facts_json(const struct check_facts *f)
{
	json_t *out = fields_json(f, fact_fields, COUNT(fact_fields));
	json_t *uris = json_array(), *dkim = json_array(), *pictures = json_array();

	for (unsigned i = 0; i < f->list_unsubscribe_count; i++)
		json_array_append_new(uris, json_string(f->list_unsubscribe[i]));
	for (unsigned i = 0; i < f->dkim_count; i++)
		json_array_append_new(
		    dkim, fields_json(&f->dkim[i], dkim_fields, COUNT(dkim_fields)));
	for (unsigned i = 0; i < f->picture_count; i++)
		json_array_append_new(
		    pictures, fields_json(&f->pictures[i], picture_fields, COUNT(picture_fields)));
	json_object_set_new(out, "list_unsubscribe", uris);
	json_object_set_new(out, "dkim", dkim);
	json_object_set_new(out, "pictures", pictures);
	return out;
}

json_t *
check_report_json(const struct check_report *r)
{
	char made[CLOCK_ISO_BYTES];
	json_t *results = json_array();

	for (unsigned i = 0; i < r->count; i++) {
		const struct check_result *c = &r->results[i];
		const struct check_info *info = check_info(c->id);
		char then[CLOCK_ISO_BYTES];

		json_array_append_new(
		    results, json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s?}", "id", info->name,
				 "level", check_level_name(c->level), "title", info->title, "about",
				 c->about[0] != '\0' ? c->about : NULL, "text", c->text, "made",
				 c->made_ns != 0 ? clock_format_iso(then, c->made_ns) : NULL));
	}
	return json_pack("{s:o, s:s?, s:o, s:o}", "made",
	    r->made_ns != 0 ? json_string(clock_format_iso(made, r->made_ns)) : json_null(),
	    "online_digest", r->online_digest[0] != '\0' ? r->online_digest : NULL, "results",
	    results, "facts", facts_json(&r->facts));
}

static unsigned
list_from_json(void *base, size_t each, unsigned max, const struct field *fields, size_t count,
    const json_t *from)
{
	unsigned n = 0;

	for (; n < max && n < json_array_size(from); n++)
		fields_from_json((char *)base + n * each, fields, count, json_array_get(from, n));
	return n;
}

int
check_report_from_json(struct check_report *out, const json_t *json)
{
	const json_t *facts = json_object_get(json, "facts"), *uris;
	const char *made = json_string_value(json_object_get(json, "made"));
	const char *digest = json_string_value(json_object_get(json, "online_digest"));
	struct check_facts *f = &out->facts;
	json_t *result;
	size_t at;

	check_report_init(out);
	if (made != NULL && clock_parse_iso(made, &out->made_ns) != 0)
		return -EINVAL;
	text_clean(out->online_digest, sizeof(out->online_digest), digest != NULL ? digest : "");
	json_array_foreach (json_object_get(json, "results"), at, result) {
		const char *then = json_string_value(json_object_get(result, "made"));
		const char *id = json_string_value(json_object_get(result, "id"));
		const char *level = json_string_value(json_object_get(result, "level"));
		const char *text = json_string_value(json_object_get(result, "text"));
		int i = id != NULL ? check_id_parse(id) : -1;
		int l = level != NULL ? check_level_parse(level) : -1;

		if (i < 0 || l < 0 || text == NULL)
			return -EINVAL;
		check_report_add(out, (enum check_id)i, (enum check_level)l,
		    json_string_value(json_object_get(result, "about")), "%s", text);
		if (then != NULL && out->count == at + 1 &&
		    clock_parse_iso(then, &out->results[at].made_ns) != 0)
			return -EINVAL;
	}
	fields_from_json(f, fact_fields, COUNT(fact_fields), facts);
	uris = json_object_get(facts, "list_unsubscribe");
	for (; f->list_unsubscribe_count < CHECK_URIS_MAX &&
	       f->list_unsubscribe_count < json_array_size(uris);
	     f->list_unsubscribe_count++) {
		const char *uri =
		    json_string_value(json_array_get(uris, f->list_unsubscribe_count));

		text_clean(f->list_unsubscribe[f->list_unsubscribe_count], CHECK_URI_BYTES,
		    uri != NULL ? uri : "");
	}
	f->dkim_count = list_from_json(f->dkim, sizeof(f->dkim[0]), CHECK_DKIM_MAX, dkim_fields,
	    COUNT(dkim_fields), json_object_get(facts, "dkim"));
	f->picture_count = list_from_json(f->pictures, sizeof(f->pictures[0]), CHECK_PICTURES_MAX,
	    picture_fields, COUNT(picture_fields), json_object_get(facts, "pictures"));
	return 0;
}
