/* SPDX-License-Identifier: ISC */
/*
 * JSON for programs: the data of a command as it is.  bulkhead (CLI).
 */
#include "cli/output_json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"

int
output_json(FILE *file, const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(12) | JSON_ENCODE_ANY);

	if (text == NULL)
		return -ENOMEM;
	/* jansson escapes C0; the rest of what text_is_control() knows stands only inside strings.
	 */
	for (const char *p = text; *p != '\0';) {
		uint32_t code;
		size_t length = text_decode(p, &code);

		if (*p != '\n' && text_is_control(code))
			fprintf(file, "\\u%04X", (unsigned)code);
		else
			fwrite(p, 1, length > 0 ? length : 1, file);
		p += length > 0 ? length : 1;
	}
	fputc('\n', file);
	free(text);
	return 0;
}

json_t *
output_json_text(const char *text)
{
	char clean[512];

	return text[0] != '\0' ? json_string(text_clean(clean, sizeof(clean), text)) : json_null();
}

const char *
output_json_get(const json_t *object, const char *member, const char *fallback)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text != NULL ? text : fallback;
}

long long
output_json_number(const json_t *object, const char *member)
{
	return (long long)json_number_value(json_object_get(object, member));
}

double
output_json_real(const json_t *object, const char *member)
{
	return json_number_value(json_object_get(object, member));
}

const char *
output_json_join(char *buf, size_t size, const json_t *list)
{
	size_t i, used = 0;
	json_t *item;

	snprintf(buf, size, "-");
	json_array_foreach ((json_t *)list, i, item) {
		const char *text = json_string_value(item);

		used += (size_t)snprintf(
		    buf + used, size - used, "%s%s", i > 0 ? ", " : "", text != NULL ? text : "?");
		if (used >= size)
			break;
	}
	return buf;
}
