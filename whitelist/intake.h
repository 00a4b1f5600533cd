/* SPDX-License-Identifier: ISC */
/*
 * A support mail taken apart for an application: the files in it with what they seem to be, and what
 * its words seem to say, each guess with its reason.  Plain data and its bounded wire form.
 * bulkhead-check (writes), bulkhead-guard (reads).
 */
#ifndef WHITELIST_INTAKE_H
#define WHITELIST_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whitelist/application.h"

#define INTAKE_MAIL_BYTES_MAX (32ULL << 20) /* larger than what mail systems carry (25 MB) */
#define INTAKE_FILES_MAX      24	    /* an application has 32 pieces of evidence in all */
#define INTAKE_WORDS_MAX      512
#define INTAKE_WORD_BYTES     64 /* as a server's name */
#define INTAKE_GUESSES_MAX    12
#define INTAKE_WHY_BYTES      160
#define INTAKE_WIRE_VERSION   0x81 /* no version of a report (check.h) has the high bit */

/* Why a file was not taken; the letter says it in the tenant's language. */
enum intake_trouble {
	INTAKE_FINE,
	INTAKE_PDF,
	INTAKE_OFFICE,	/* a document of a word processor, or an archive */
	INTAKE_PICTURE, /* a picture, but neither PNG nor JPEG nor WebP */
	INTAKE_OUTLOOK, /* .msg or winmail.dat */
	INTAKE_PAGE,	/* a saved web page */
	INTAKE_SMALL,	/* a logo or an icon; nobody is told */
	INTAKE_EMPTY,
	INTAKE_MANY, /* more than INTAKE_FILES_MAX */
	INTAKE_UNKNOWN,
	INTAKE_TROUBLE__COUNT
};

struct intake_file {
	uint8_t kind;	       /* enum evidence_kind; of no meaning with trouble */
	uint8_t trouble;       /* enum intake_trouble */
	uint32_t offset, size; /* bytes in the scratch file */
	char name[128];
	char why[INTAKE_WHY_BYTES]; /* English, no stop: "its name speaks of unsubscribing" */
};

/* A field of the application that the words seem to fill. */
struct intake_guess {
	char field[16]; /* as in APPLICATION of policy/ctl.h: "per_day" */
	char value[APPLICATION_TEXT_BYTES];
	char why[INTAKE_WHY_BYTES];
};

struct intake {
	char refused[INTAKE_WHY_BYTES]; /* why nothing was read; "" = it was */
	char from[128];			/* mail address of the tenant */
	char subject[320];
	char lang[3];
	struct intake_file files[INTAKE_FILES_MAX];
	unsigned file_count;
	struct intake_guess guesses[INTAKE_GUESSES_MAX];
	unsigned guess_count;
	/* Words that may name a server; strong: behind the word "server", or with a digit in it. */
	struct {
		char text[INTAKE_WORD_BYTES];
		bool strong;
	} words[INTAKE_WORDS_MAX];
	unsigned word_count;
};

const char *intake_trouble_name(unsigned trouble); /* "pdf" ... */

/* The guess about a field, or NULL; and a new one, dropped where there is no room. */
const struct intake_guess *intake_find(const struct intake *in, const char *field);
void intake_guess(struct intake *in, const char *field, const char *value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Bytes written into buf (CHECK_WIRE_MAX of check.h is enough), or -ENOBUFS. */
long intake_encode(const struct intake *in, void *buf, size_t size);
/* 0, or -EBADMSG.  Texts are cleaned again: a worker that was taken over must not reach a terminal. */
int intake_decode(struct intake *out, const void *data, size_t size);

#endif
