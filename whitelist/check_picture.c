/* SPDX-License-Identifier: ISC */
/*
 * Pictures, decoded whole: a header alone proves nothing.  The only user of libpng, libjpeg and
 * libwebp.  bulkhead-check.
 */
#include "whitelist/check_picture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>
#include <webp/decode.h>

/* Check U7: what a page with words on it needs at least. */
#define PAGE_WIDTH_MIN	320
#define PAGE_HEIGHT_MIN 200
/* A baseline picture has one scan, a progressive one about ten; thousands are an attack. */
#define JPEG_SCANS_MAX 100

struct decoded {
	const char *format;
	uint32_t width, height;
	bool flat;     /* every pixel has one colour: no picture of a page */
	char why[200]; /* why it could not be decoded */
};

/* False and a sentence when the measures are beyond the bound. */
static bool
fits(struct decoded *d, uint64_t width, uint64_t height)
{
	d->width = (uint32_t)width;
	d->height = (uint32_t)height;
	if (width == 0 || height == 0 || width > CHECK_PICTURE_PIXELS_MAX ||
	    height > CHECK_PICTURE_PIXELS_MAX / width) {
		snprintf(d->why, sizeof(d->why),
		    "it has %" PRIu64 " x %" PRIu64 " pixels and at most %llu million are looked "
		    "at: send a smaller picture",
		    width, height, CHECK_PICTURE_PIXELS_MAX / 1000000);
		return false;
	}
	return true;
}

static bool
is_flat(const uint8_t *bytes, size_t n)
{
	return n > 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

static bool
decode_png(const uint8_t *data, size_t size, struct decoded *d)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	bool ok = false;
	uint8_t *grey;

	if (!png_image_begin_read_from_memory(&image, data, size)) {
		snprintf(d->why, sizeof(d->why), "%s", image.message);
		return false;
	}
	if (!fits(d, image.width, image.height)) {
		png_image_free(&image);
		return false;
	}
	image.format = PNG_FORMAT_GRAY;
	grey = malloc(PNG_IMAGE_SIZE(image));
	if (grey == NULL) {
		png_image_free(&image);
		snprintf(d->why, sizeof(d->why), "there is no memory for it");
		return false;
	}
	ok = png_image_finish_read(&image, &(png_color){255, 255, 255}, grey, 0, NULL) != 0;
	if (ok)
		d->flat = is_flat(grey, PNG_IMAGE_SIZE(image));
	else
		snprintf(d->why, sizeof(d->why), "%s", image.message);
	free(grey);
	return ok;
}

struct jpeg_failure {
	struct jpeg_error_mgr manager; /* first: libjpeg has the pointer to it */
	struct decoded *d;
	jmp_buf out;
};

static void __attribute__((noreturn)) jpeg_fail(j_common_ptr common)
{
	struct jpeg_failure *f = (struct jpeg_failure *)common->err;
	char text[JMSG_LENGTH_MAX];

	if (f->d->why[0] == '\0') {
		common->err->format_message(common, text);
		snprintf(f->d->why, sizeof(f->d->why), "%s", text);
	}
	longjmp(f->out, 1);
}

/* Warnings are what a cut file gives: the rest would be grey. */
static void
jpeg_message(j_common_ptr common, int level)
{
	if (level < 0)
		jpeg_fail(common);
}

static void
jpeg_progress(j_common_ptr common)
{
	struct jpeg_failure *f = (struct jpeg_failure *)common->err;

	if (((j_decompress_ptr)common)->input_scan_number > JPEG_SCANS_MAX) {
		snprintf(f->d->why, sizeof(f->d->why), "it has more than %d scans", JPEG_SCANS_MAX);
		jpeg_fail(common);
	}
}

static bool
decode_jpeg(const uint8_t *data, size_t size, struct decoded *d)
{
	struct jpeg_decompress_struct c = {0};
	struct jpeg_progress_mgr progress = {.progress_monitor = jpeg_progress};
	struct jpeg_failure failure = {.d = d};
	JSAMPARRAY row;

	c.err = jpeg_std_error(&failure.manager);
	failure.manager.error_exit = jpeg_fail;
	failure.manager.emit_message = jpeg_message;
	if (setjmp(failure.out) != 0) {
		jpeg_destroy_decompress(&c);
		return false;
	}
	jpeg_create_decompress(&c);
	c.progress = &progress;
	jpeg_mem_src(&c, data, (unsigned long)size);
	jpeg_read_header(&c, TRUE);
	if (!fits(d, c.image_width, c.image_height)) {
		jpeg_destroy_decompress(&c);
		return false;
	}
	jpeg_start_decompress(&c);
	row = c.mem->alloc_sarray(
	    (j_common_ptr)&c, JPOOL_IMAGE, c.output_width * (JDIMENSION)c.output_components, 1);
	while (c.output_scanline < c.output_height)
		jpeg_read_scanlines(&c, row, 1);
	jpeg_finish_decompress(&c);
	jpeg_destroy_decompress(&c);
	return true;
}

static bool
decode_webp(const uint8_t *data, size_t size, struct decoded *d)
{
	WebPBitstreamFeatures f;
	int width, height, stride, uv_stride;
	uint8_t *luma, *u, *v;

	if (WebPGetFeatures(data, size, &f) != VP8_STATUS_OK) {
		snprintf(d->why, sizeof(d->why), "its WebP header is broken");
		return false;
	}
	if (!fits(d, (uint64_t)f.width, (uint64_t)f.height))
		return false;
	if (f.has_animation) {
		snprintf(d->why, sizeof(d->why), "it is an animation: send a still picture");
		return false;
	}
	luma = WebPDecodeYUV(data, size, &width, &height, &u, &v, &stride, &uv_stride);
	if (luma == NULL)
		snprintf(d->why, sizeof(d->why), "its WebP data are broken or cut");
	WebPFree(luma);
	return luma != NULL;
}

static bool
decode(const uint8_t *data, size_t size, struct decoded *d)
{
	static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

	if (size > CHECK_PICTURE_BYTES_MAX) {
		snprintf(d->why, sizeof(d->why), "it is larger than %llu MiB",
		    CHECK_PICTURE_BYTES_MAX >> 20);
		return false;
	}
	if (size >= sizeof(png) && memcmp(data, png, sizeof(png)) == 0) {
		d->format = "png";
		return decode_png(data, size, d);
	}
	if (size >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0) {
		d->format = "jpeg";
		return decode_jpeg(data, size, d);
	}
	if (size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0) {
		d->format = "webp";
		return decode_webp(data, size, d);
	}
	if (size >= 5 && memcmp(data, "%PDF-", 5) == 0)
		snprintf(d->why, sizeof(d->why),
		    "it is a PDF: send a picture of the page (PNG, JPEG or WebP)");
	else
		snprintf(d->why, sizeof(d->why), "it is neither PNG nor JPEG nor WebP");
	return false;
}

static void
add_fact(const struct check_job *job, const struct decoded *d, struct check_facts *f)
{
	struct check_picture *p = &f->pictures[0];

	snprintf(p->kind, sizeof(p->kind), "%s", evidence_kind_name(job->evidence));
	snprintf(p->sha256, sizeof(p->sha256), "%s", job->sha256);
	snprintf(p->format, sizeof(p->format), "%s", d->format);
	p->width = d->width;
	p->height = d->height;
	f->picture_count = 1;
}

void
check_picture(const struct check_job *job, const void *data, size_t size, struct check_report *out)
{
	const char *kind = evidence_kind_name(job->evidence);
	struct decoded d = {.format = ""};
	bool page = job->evidence == EVIDENCE_UNSUBSCRIBE_PAGE;

	if (!decode(data, size, &d)) {
		check_report_add(
		    out, CHECK_C5, CHECK_FAIL, kind, "The %s cannot be decoded: %s.", kind, d.why);
		if (page)
			check_report_add(out, CHECK_U7, CHECK_FAIL, NULL,
			    "The picture of the unsubscribe page cannot be decoded: %s.", d.why);
		return;
	}
	add_fact(job, &d, &out->facts);
	check_report_add(out, CHECK_C5, d.flat ? CHECK_FAIL : CHECK_PASS, kind,
	    d.flat ? "The %s is one even colour and shows nothing (%s, %ux%u)."
		   : "The %s is a picture (%s, %ux%u).",
	    kind, d.format, d.width, d.height);
	if (page)
		check_report_add(out, CHECK_U7,
		    d.width < PAGE_WIDTH_MIN || d.height < PAGE_HEIGHT_MIN ? CHECK_FAIL
									   : CHECK_PASS,
		    NULL, "The picture of the unsubscribe page has %ux%u pixels (at least %dx%d).",
		    d.width, d.height, PAGE_WIDTH_MIN, PAGE_HEIGHT_MIN);
}
