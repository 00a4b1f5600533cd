/* SPDX-License-Identifier: ISC */
/*
 * Evidence files: content-addressed by SHA-256 under <state_dir>/evidence/ab/abcd..., copied from a passed
 * descriptor, size-limited, fsynced, never changed.  bulkhead-guard.
 */
#ifndef WHITELIST_EVIDENCE_H
#define WHITELIST_EVIDENCE_H

#include "base/err.h"
#include "whitelist/application.h"

struct evidence_store;

/* Makes the folder (0700) when it is absent. */
int evidence_store_open(
    struct evidence_store **out, const char *dir, uint64_t max_bytes, struct err *e);
void evidence_store_close(struct evidence_store *s);

/*
 * Copies the regular file behind fd from its start; fills sha256, size and type of *ev (kind and name are
 * the caller's).  The type must fit the kind (pictures: PNG, JPEG, WebP; text; message), from content by
 * libmagic.  Nothing is left behind on an error.  The same content twice is stored once.
 */
int evidence_store_add(struct evidence_store *s, int fd, struct evidence *ev, struct err *e);

/* The same for `size` bytes of the file from `offset` on. */
int evidence_store_add_part(struct evidence_store *s, int fd, uint64_t offset, uint64_t size,
    struct evidence *ev, struct err *e);

/* An unnamed file beside the evidence, for what a worker makes; gone when it is closed.  Descriptor or
 * negative errno. */
int evidence_store_scratch(struct evidence_store *s, struct err *e);

/* Removes stored content that nothing refers to any more; absent already is fine.  0 or negative errno. */
int evidence_store_remove(struct evidence_store *s, const char *sha256, struct err *e);

/* Calls fn for each stored content with the wall clock of its last change, until fn returns non-zero, which
 * is returned. */
int evidence_store_each(const struct evidence_store *s,
    int (*fn)(void *arg, const char *sha256, int64_t changed_ns), void *arg, struct err *e);
/* Removes what interrupted copies left before that time; returns how many. */
unsigned evidence_store_tidy(struct evidence_store *s, int64_t before_ns);

/* Opens stored content for reading; returns the descriptor or negative errno. */
int evidence_store_read(const struct evidence_store *s, const char *sha256, struct err *e);

#endif
