/* SPDX-License-Identifier: ISC */
/* The configuration table and its reader; the only file that knows libconfuse.  Every process. */
#include "base/config.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define CONFIG_ROWS_MAX 96

/* Puts one value, given as text, into its field.  Returns 0 or -EINVAL with the reason in *e. */
static int
config_put(const struct config_row *row, void *target, const char *text, struct err *e)
{
	char *field = (char *)target + row->offset;
	char *end = NULL;
	double number = 0;
	int64_t span = 0;

	switch (row->type) {
	case CONFIG_TEXT: {
		size_t length = strlen(text);
		if (length >= row->size || (double)length < row->min || (double)length > row->max)
			return err_set(e, -EINVAL, "%s must have %.0f to %.0f characters", row->key,
			    row->min,
			    row->max < (double)row->size ? row->max : (double)row->size - 1);
		memcpy(field, text, length + 1);
		return 0;
	}
	case CONFIG_INT:
		errno = 0;
		int64_t integer = strtoll(text, &end, 10);
		if (errno != 0 || end == text || *end != '\0' || (double)integer < row->min ||
		    (double)integer > row->max)
			return err_set(e, -EINVAL,
			    "%s must be a whole number from %.0f to %.0f, not \"%s\"", row->key,
			    row->min, row->max, text);
		memcpy(field, &integer, sizeof(integer));
		return 0;
	case CONFIG_FLOAT:
		number = strtod(text, &end);
		if (end == text || *end != '\0' || !(number >= row->min && number <= row->max))
			return err_set(e, -EINVAL, "%s must be a number from %g to %g, not \"%s\"",
			    row->key, row->min, row->max, text);
		memcpy(field, &number, sizeof(number));
		return 0;
	case CONFIG_BOOL: {
		bool yes = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 ||
			   strcmp(text, "on") == 0;
		bool no = strcmp(text, "false") == 0 || strcmp(text, "no") == 0 ||
			  strcmp(text, "off") == 0;
		if (!yes && !no)
			return err_set(
			    e, -EINVAL, "%s must be yes or no, not \"%s\"", row->key, text);
		memcpy(field, &yes, sizeof(yes));
		return 0;
	}
	case CONFIG_SPAN:
		if (clock_parse_span(text, &span) != 0 || (double)span < row->min ||
		    (double)span > row->max) {
			char low[CLOCK_SPAN_BYTES], high[CLOCK_SPAN_BYTES];
			return err_set(e, -EINVAL,
			    "%s must be a duration like 90s 15m 2h 30d, from %s to %s, not \"%s\"",
			    row->key, clock_format_span(low, (int64_t)row->min),
			    clock_format_span(high, (int64_t)row->max), text);
		}
		memcpy(field, &span, sizeof(span));
		return 0;
	case CONFIG_LIST:
	case CONFIG__COUNT:
		break;
	}
	assert(0 && "lists are put by config_put_item");
	return -EINVAL;
}

/* Appends one item to a list field; the field holds "a\nb\nc". */
static int
config_put_item(const struct config_row *row, void *target, const char *text, struct err *e)
{
	char *field = (char *)target + row->offset;
	size_t used = strlen(field), length = strlen(text);

	if (strchr(text, '\n') != NULL || length == 0)
		return err_set(e, -EINVAL, "%s: an item is empty or has a line break", row->key);
	if (used + length + 2 > row->size)
		return err_set(e, -EINVAL, "%s: the list is longer than %zu characters", row->key,
		    row->size - 1);
	if (used != 0)
		field[used++] = '\n';
	memcpy(field + used, text, length + 1);
	return 0;
}

static int
config_check_items(const struct config_row *row, unsigned count, struct err *e)
{
	if (count < row->min || count > row->max)
		return err_set(
		    e, -EINVAL, "%s must have %.0f to %.0f items", row->key, row->min, row->max);
	return 0;
}

/* A preset list is written "a, b"; a preset of "" is the empty list. */
static void
config_preset_list(const struct config_row *row, void *target)
{
	const char *p = row->preset;
	char item[256];

	*((char *)target + row->offset) = '\0';
	while (*p != '\0') {
		size_t n = strcspn(p, ",");
		assert(n < sizeof(item));
		memcpy(item, p, n);
		item[n] = '\0';
		int r = config_put_item(row, target, item, NULL);
		assert(r == 0);
		(void)r;
		p += n;
		p += strspn(p, ", ");
	}
}

void
config_preset(const struct config_row *rows, size_t count, void *target)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].type == CONFIG_LIST) {
			config_preset_list(&rows[i], target);
			continue;
		}
		int r = config_put(&rows[i], target, rows[i].preset, NULL);
		assert(r == 0);
		(void)r;
	}
}

/* libconfuse reports through a callback without an argument of ours. */
static __thread struct err *config_error;

static void
config_on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[256];

	if (config_error == NULL || config_error->code != 0)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	err_set(config_error, -EINVAL, "%s:%d: %s", cfg->filename == NULL ? "?" : cfg->filename,
	    cfg->line, text);
}

/* Checks each value as it is parsed, so that the error has its line. */
static const struct config_row *config_rows_now;
static void *config_target_now;

static int
config_on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct config_row *row = config_rows_now;
	struct err reason = {0};
	int r = 0;

	while (strcmp(row->key, opt->name) != 0)
		row++;
	if (row->type == CONFIG_LIST) {
		*((char *)config_target_now + row->offset) = '\0';
		for (unsigned i = 0; r == 0 && i < cfg_opt_size(opt); i++)
			r = config_put_item(
			    row, config_target_now, cfg_opt_getnstr(opt, i), &reason);
		/* Called after each item: fewer than the least is checked at the end. */
		if (r == 0 && cfg_opt_size(opt) > row->max)
			r = config_check_items(row, cfg_opt_size(opt), &reason);
	} else {
		r = config_put(
		    row, config_target_now, cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1), &reason);
	}
	if (r != 0)
		cfg_error(cfg, "%s", reason.text);
	return r == 0 ? 0 : -1;
}

static int
config_parse(cfg_t *cfg, const struct config_row *rows, size_t count, void *copy, const char *path,
    struct err *e)
{
	cfg_set_error_function(cfg, config_on_error);
	for (size_t i = 0; i < count; i++)
		cfg_set_validate_func(cfg, rows[i].key, config_on_value);
	*e = (struct err){0};
	config_error = e;
	config_rows_now = rows;
	config_target_now = copy;
	int r = cfg_parse(cfg, path);
	config_error = NULL;
	config_target_now = NULL;
	if (r == CFG_SUCCESS)
		return 0;
	if (e->code == 0)
		err_set(e, r == CFG_FILE_ERROR ? -EIO : -EINVAL,
		    "%s: cannot be read as a configuration", path);
	return e->code;
}

int
config_read(const struct config_row *rows, size_t count, void *target, size_t target_size,
    const char *path, struct err *e)
{
	cfg_opt_t opts[CONFIG_ROWS_MAX + 1];
	struct err scratch;
	void *copy = NULL;
	cfg_t *cfg = NULL;
	int r;

	if (e == NULL)
		e = &scratch;
	assert(count <= CONFIG_ROWS_MAX);
	if (access(path, R_OK) != 0)
		return err_set(e, -errno, "%s: %s; give a configuration file that can be read",
		    path, strerror(errno));
	for (size_t i = 0; i < count; i++) {
		if (rows[i].type == CONFIG_LIST)
			opts[i] = (cfg_opt_t)CFG_STR_LIST(rows[i].key, NULL, CFGF_NODEFAULT);
		else
			opts[i] = (cfg_opt_t)CFG_STR(rows[i].key, NULL, CFGF_NODEFAULT);
	}
	opts[count] = (cfg_opt_t)CFG_END();
	r = -ENOMEM;
	copy = malloc(target_size);
	cfg = cfg_init(opts, CFGF_NONE);
	if (copy == NULL || cfg == NULL) {
		err_set(e, r, "no memory to read %s", path);
		goto out;
	}
	memcpy(copy, target, target_size);
	r = config_parse(cfg, rows, count, copy, path, e);
	if (r != 0)
		goto out;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].type == CONFIG_LIST && cfg_size(cfg, rows[i].key) != 0) {
			r = config_check_items(&rows[i], cfg_size(cfg, rows[i].key), e);
			if (r != 0) {
				err_wrap(e, "%s", path);
				goto out;
			}
		}
	}
	memcpy(target, copy, target_size);
out:
	if (cfg != NULL)
		cfg_free(cfg);
	free(copy);
	return r;
}

const char *
config_format(const struct config_row *row, const void *target, char *buf, size_t size)
{
	const char *field = (const char *)target + row->offset;
	char item[256], span[CLOCK_SPAN_BYTES];
	const char *cursor = field;
	int64_t integer;
	double number;
	size_t n;

	switch (row->type) {
	case CONFIG_TEXT:
		snprintf(buf, size, "\"%s\"", field);
		break;
	case CONFIG_INT:
		memcpy(&integer, field, sizeof(integer));
		snprintf(buf, size, "%lld", (long long)integer);
		break;
	case CONFIG_FLOAT:
		memcpy(&number, field, sizeof(number));
		snprintf(buf, size, "%g", number);
		break;
	case CONFIG_BOOL:
		snprintf(buf, size, "%s", *(const bool *)field ? "yes" : "no");
		break;
	case CONFIG_SPAN:
		memcpy(&integer, field, sizeof(integer));
		/* One unit, so that it reads back: the largest that divides it. */
		if (integer % CLOCK_DAY_NS == 0)
			snprintf(span, sizeof(span), "%lldd", (long long)(integer / CLOCK_DAY_NS));
		else if (integer % CLOCK_HOUR_NS == 0)
			snprintf(span, sizeof(span), "%lldh", (long long)(integer / CLOCK_HOUR_NS));
		else if (integer % CLOCK_MINUTE_NS == 0)
			snprintf(
			    span, sizeof(span), "%lldm", (long long)(integer / CLOCK_MINUTE_NS));
		else if (integer % CLOCK_SECOND_NS == 0)
			snprintf(
			    span, sizeof(span), "%llds", (long long)(integer / CLOCK_SECOND_NS));
		else
			snprintf(span, sizeof(span), "%lldms", (long long)(integer / 1000000));
		snprintf(buf, size, "%s", span);
		break;
	case CONFIG_LIST:
		n = (size_t)snprintf(buf, size, "{");
		while (n < size && config_list_next(&cursor, item, sizeof(item)))
			n += (size_t)snprintf(
			    buf + n, size - n, "%s\"%s\"", n > 1 ? ", " : "", item);
		if (n < size)
			snprintf(buf + n, size - n, "}");
		break;
	case CONFIG__COUNT:
		break;
	}
	return buf;
}

bool
config_list_next(const char **cursor, char *item, size_t size)
{
	size_t n = strcspn(*cursor, "\n");

	if (n == 0)
		return false;
	size_t kept = n < size ? n : size - 1;
	memcpy(item, *cursor, kept);
	item[kept] = '\0';
	*cursor += n + ((*cursor)[n] == '\n');
	return true;
}
