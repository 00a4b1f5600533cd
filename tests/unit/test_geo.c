/* SPDX-License-Identifier: ISC */
/*
 * Databases that are good, of the wrong kind, absent and damaged.  The files are MaxMind's public test data, not
 * part of the project: $BULKHEAD_DATA/mmdb, else ../shared/data/mmdb; without them these cases are skipped.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sensor/geo.h"

#define PATH_BYTES 512

static char folder[PATH_BYTES / 2];

static const char *
data_path(char buf[PATH_BYTES], const char *name)
{
	snprintf(buf, PATH_BYTES, "%s/%s", folder, name);
	return buf;
}

static int
setup(void **state)
{
	const char *data = getenv("BULKHEAD_DATA");

	(void)state;
	snprintf(folder, sizeof(folder), "%s/mmdb", data != NULL ? data : "../shared/data");
	if (access(folder, R_OK) != 0)
		print_message("SKIPPED: no databases in %s (set BULKHEAD_DATA)\n", folder);
	return 0;
}

static void
need_data(void)
{
	if (access(folder, R_OK) != 0)
		skip();
}

static struct geo_info
look_up(struct geo *g, const char *text)
{
	struct addr a;
	struct geo_info info;

	assert_int_equal(addr_parse(text, &a), 0);
	memset(&info, 0xff, sizeof(info));
	geo_lookup(g, &a, &info);
	return info;
}

static void
test_look_up(void **state)
{
	char asn[PATH_BYTES], country[PATH_BYTES];
	struct geo *g = NULL;
	struct err e = {0};

	(void)state;
	need_data();
	data_path(asn, "GeoLite2-ASN-Test.mmdb");
	data_path(country, "GeoIP2-Country-Test.mmdb");
	assert_int_equal(geo_open(&g, asn, country, &e), 0);
	for (unsigned round = 0; round < 3; round++) { /* the second is answered by the cache */
		assert_int_equal(look_up(g, "1.128.0.7").asn, 1221);
		assert_int_equal(look_up(g, "12.81.92.1").asn, 7018);
		assert_string_equal(look_up(g, "2001:218::1").country, "JP");
		assert_string_equal(look_up(g, "81.2.69.160").country, "GB");
		assert_int_equal(look_up(g, "10.0.0.1").asn, 0);
		assert_string_equal(look_up(g, "10.0.0.1").country, "");
	}
	/* More addresses than the cache has slots. */
	for (unsigned i = 0; i < 100000; i++) {
		struct addr a =
		    addr_from_v4((const uint8_t[]){1, 128, (uint8_t)(i >> 8), (uint8_t)i});
		struct geo_info info;

		geo_lookup(g, &a, &info);
		assert_int_equal(info.asn, 1221);
	}
	geo_close(g);
}

static void
test_one_database(void **state)
{
	char path[PATH_BYTES];
	struct geo *g = NULL;

	(void)state;
	need_data();
	assert_int_equal(geo_open(&g, "", data_path(path, "lab-country.mmdb"), NULL), 0);
	assert_int_equal(look_up(g, "1.128.0.7").asn, 0);
	geo_close(g);
	/* IPv4 only: an IPv6 address is unknown, not an error. */
	assert_int_equal(geo_open(&g, data_path(path, "GeoLite2-ASN-Test.mmdb"), NULL, NULL), 0);
	assert_string_equal(look_up(g, "81.2.69.160").country, "");
	geo_close(g);
}

static void
test_wrong_kind(void **state)
{
	char asn[PATH_BYTES], country[PATH_BYTES];
	struct geo *g = NULL;
	struct err e = {0};

	(void)state;
	need_data();
	data_path(asn, "GeoLite2-ASN-Test.mmdb");
	data_path(country, "GeoIP2-Country-Test.mmdb");
	assert_int_equal(geo_open(&g, country, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, country));
	assert_non_null(strstr(e.text, "AS numbers"));
	assert_int_equal(geo_open(&g, asn, asn, &e), -EINVAL);
	assert_non_null(strstr(e.text, "country codes"));
	assert_null(g);
}

static void
test_no_database(void **state)
{
	struct geo *g = NULL;
	struct err e = {0};
	struct addr a = addr_from_v4((const uint8_t[]){1, 2, 3, 4});
	struct geo_info info = {.asn = 7};

	(void)state;
	assert_int_equal(geo_open(&g, "/nonexistent/asn.mmdb", NULL, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/asn.mmdb"));
	assert_int_equal(geo_open(&g, NULL, "/etc/passwd", &e), -EBADMSG);
	assert_non_null(strstr(e.text, "/etc/passwd"));
	assert_int_not_equal(geo_open(&g, NULL, "/dev/null", &e), 0);
	assert_int_not_equal(geo_open(&g, NULL, "/", &e), 0);
	assert_null(g);
	assert_int_equal(geo_open(&g, NULL, NULL, &e), 0);
	geo_lookup(g, &a, &info);
	assert_int_equal(info.asn, 0);
	geo_close(g);
	geo_lookup(NULL, &a, &info);
	assert_string_equal(info.country, "");
	geo_close(NULL);
}

/* Every file, good and damaged, as both kinds: refused with a sentence, or open and harmless. */
static void
try_file(const char *path)
{
	for (unsigned kind = 0; kind < 2; kind++) {
		struct geo *g = NULL;
		struct err e = {0};

		if (geo_open(&g, kind == 0 ? path : NULL, kind == 1 ? path : NULL, &e) != 0) {
			assert_null(g);
			assert_true(e.text[0] != '\0');
			continue;
		}
		for (uint32_t i = 0; i < 5000; i++) {
			struct addr a;
			struct geo_info info;

			for (unsigned k = 0; k < 16; k++)
				a.bytes[k] =
				    (uint8_t)((i * 2654435761U + k * 40503U) >> (k % 4 * 8));
			if (i % 2 == 0) {
				memset(a.bytes, 0, 10);
				a.bytes[10] = a.bytes[11] = 0xff;
			}
			geo_lookup(g, &a, &info);
			assert_true(strlen(info.country) == 0 || strlen(info.country) == 2);
		}
		geo_close(g);
	}
}

static void
try_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char file[2 * PATH_BYTES];

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strstr(entry->d_name, ".mmdb") == NULL)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		try_file(file);
	}
	closedir(dir);
}

static void
test_damaged(void **state)
{
	char path[PATH_BYTES];

	(void)state;
	need_data();
	try_folder(folder);
	try_folder(data_path(path, "bad-data"));
}

/* A good file with bytes changed and its end cut. */
static void
test_flipped(void **state)
{
	static uint8_t bytes[1 << 20];
	char path[PATH_BYTES], copy[] = "/tmp/test_geo.XXXXXX";
	FILE *f;
	size_t n;
	int fd;
	uint32_t seed = 1;

	(void)state;
	need_data();
	f = fopen(data_path(path, "GeoLite2-ASN-Test.mmdb"), "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	assert_in_range(n, 1000, sizeof(bytes) - 1);
	fd = mkstemp(copy);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < 100; i++) {
		size_t at, cut;
		uint8_t old;

		seed = seed * 1664525 + 1013904223;
		at = seed % n;
		cut = i % 4 == 0 ? seed % n : n;
		old = bytes[at];
		bytes[at] ^= (uint8_t)(1U << (seed >> 29));
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes, cut, 0), (ssize_t)cut);
		try_file(copy);
		bytes[at] = old;
	}
	close(fd);
	unlink(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_look_up),
	    cmocka_unit_test(test_one_database),
	    cmocka_unit_test(test_wrong_kind),
	    cmocka_unit_test(test_no_database),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_flipped),
	};

	return cmocka_run_group_tests_name("geo", tests, setup, NULL);
}
