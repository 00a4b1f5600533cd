/* SPDX-License-Identifier: ISC */
/*
 * Bounded reader and writer with a sticky error, all numbers in network byte order.
 * Check once at the end; reads after an error yield zeroes.  Every process.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
	const uint8_t *data;
	size_t size; /* bytes */
	size_t pos;
	bool failed;
};

struct wire_writer {
	uint8_t *data;
	size_t size; /* room in bytes */
	size_t pos;
	bool failed;
};

void wire_reader_init(struct wire_reader *r, const void *data, size_t size);
uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
/* Copies n bytes (zeroes them after an error). */
void wire_get_bytes(struct wire_reader *r, void *out, size_t n);
/* Length-prefixed (u8) text into a buffer of `size` bytes, always terminated; longer text is an
 * error. */
void wire_get_text(struct wire_reader *r, char *out, size_t size);
/* The same with a u16 before it. */
void wire_get_long_text(struct wire_reader *r, char *out, size_t size);
/* The same, made fit for people (text_clean()): what a worker made of a stranger's document. */
void wire_get_clean_text(struct wire_reader *r, char *out, size_t size);
/* A u16 that says how many follow; more than max is an error, and then none do. */
unsigned wire_get_count(struct wire_reader *r, unsigned max);
/* 0 when no error happened and every byte was read, else -EBADMSG. */
int wire_reader_finish(const struct wire_reader *r);

void wire_writer_init(struct wire_writer *w, void *data, size_t size);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bytes(struct wire_writer *w, const void *data, size_t n);
/* At most 255 bytes are written; longer text is cut. */
void wire_put_text(struct wire_writer *w, const char *text);
/* The same with a u16 before it, at most 65,535 bytes. */
void wire_put_long_text(struct wire_writer *w, const char *text);
/* Bytes written, or -ENOBUFS. */
long wire_writer_finish(const struct wire_writer *w);

#endif
