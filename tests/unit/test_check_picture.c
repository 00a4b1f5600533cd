/* SPDX-License-Identifier: ISC */
/* C5 and U7: pictures that show something, and what cannot be looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <png.h>

#include "whitelist/check_picture.h"

static const struct check_report *
judge(const void *data, size_t size)
{
	static const struct check_job job = {
	    .kind = CHECK_JOB_PICTURE, .evidence = EVIDENCE_UNSUBSCRIBE_PAGE, .sha256 = "abc"};
	static struct check_report report;

	check_report_init(&report);
	check_picture(&job, data, size, &report);
	return &report;
}

static void
assert_result(const struct check_report *r, enum check_id id, uint8_t level, const char *says)
{
	const struct check_result *found = check_report_find(r, id);

	assert_non_null(found);
	if (found->level != level || strstr(found->text, says) == NULL)
		fail_msg("%s: %s", check_level_name(found->level), found->text);
}

/* A grey PNG: a slope, or even. */
static const struct check_report *
judge_png(unsigned width, unsigned height, bool even)
{
	png_image image = {.version = PNG_IMAGE_VERSION,
	    .width = width,
	    .height = height,
	    .format = PNG_FORMAT_GRAY};
	const size_t room = (size_t)width * height * 2 + 4096;
	uint8_t *pixels = malloc((size_t)width * height), *file = malloc(room);
	const struct check_report *r;
	png_alloc_size_t size = room;

	assert_true(pixels != NULL && file != NULL);
	for (unsigned i = 0; i < width * height; i++)
		pixels[i] = (uint8_t)(even ? 200u : i % width);
	assert_true(png_image_write_to_memory(&image, file, &size, 0, pixels, 0, NULL));
	r = judge(file, size);
	free(pixels);
	free(file);
	return r;
}

static void
test_pages(void **state)
{
	const struct check_report *r = judge_png(320, 200, false);

	(void)state;
	assert_result(r, CHECK_C5, CHECK_PASS, "png, 320x200");
	assert_result(r, CHECK_U7, CHECK_PASS, "320x200 pixels");
	assert_int_equal(r->facts.picture_count, 1);
	assert_string_equal(r->facts.pictures[0].kind, "unsubscribe-page");
	assert_string_equal(r->facts.pictures[0].sha256, "abc");
	assert_string_equal(r->facts.pictures[0].format, "png");
	assert_int_equal(r->facts.pictures[0].width, 320);
	assert_int_equal(r->facts.pictures[0].height, 200);
	r = judge_png(319, 200, false);
	assert_result(r, CHECK_C5, CHECK_PASS, "319x200");
	assert_result(r, CHECK_U7, CHECK_FAIL, "at least 320x200");
	assert_result(judge_png(320, 199, false), CHECK_U7, CHECK_FAIL, "320x199");
	r = judge_png(320, 200, true);
	assert_result(r, CHECK_C5, CHECK_FAIL, "one even colour");
	assert_result(r, CHECK_U7, CHECK_PASS, "320x200");
}

/* One of the inputs of tests/fuzz. */
static const struct check_report *
judge_file(const char *name)
{
	static uint8_t data[1 << 20];
	char path[80];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/picture/%s", name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	return judge(data, n);
}

static void
test_no_pictures(void **state)
{
	/* RIFF, a VP8X chunk that says animation, 320 x 200. */
	static const uint8_t animation[] =
	    "RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x3f\x01\0\xc7\0";
	static const struct {
		const char *file, *says;
	} rows[] = {
	    {"page.pdf", "it is a PDF"},
	    {"bomb.png", "send a smaller picture"},
	    {"cut.jpg", "cannot be decoded"},
	};
	uint8_t *large = calloc(1, CHECK_PICTURE_BYTES_MAX + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_result(judge_file(rows[i].file), CHECK_C5, CHECK_FAIL, rows[i].says);
		assert_result(judge_file(rows[i].file), CHECK_U7, CHECK_FAIL, rows[i].says);
	}
	assert_result(judge_file("small.png"), CHECK_C5, CHECK_PASS, "png, 5x3");
	assert_result(judge_file("small.png"), CHECK_U7, CHECK_FAIL, "5x3");
	assert_result(judge_file("head.webp"), CHECK_C5, CHECK_PASS, "webp, 1x1");
	assert_result(judge(animation, sizeof(animation)), CHECK_C5, CHECK_FAIL, "an animation");
	assert_result(judge("GIF89a", 6), CHECK_C5, CHECK_FAIL, "neither PNG nor JPEG nor WebP");
	assert_result(judge("", 0), CHECK_C5, CHECK_FAIL, "neither PNG nor JPEG nor WebP");
	assert_non_null(large);
	assert_result(
	    judge(large, CHECK_PICTURE_BYTES_MAX + 1), CHECK_C5, CHECK_FAIL, "larger than 32 MiB");
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pages),
	    cmocka_unit_test(test_no_pictures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
