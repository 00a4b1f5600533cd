/* SPDX-License-Identifier: ISC */
/*
 * Errors for people.  A function that can fail for a reason a person must act on
 * takes a `struct err *` as its last argument and returns a negative errno value;
 * the text is one sentence: what, where, and what to do.  Every process.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

struct err {
	int code;	/* negative errno value, 0 = no error */
	char text[480]; /* one sentence, no newline, valid UTF-8 where its parts were */
};

/*
 * Fills *e (which may be NULL: the caller does not want the text) and returns `code`,
 * so that `return err_set(e, -ENOENT, "...")` reads as one thought.  `code` < 0.
 * Control characters that came in through the arguments are replaced by '?'.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text that is already in *e.  Returns e->code. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
