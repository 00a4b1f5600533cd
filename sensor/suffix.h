/* SPDX-License-Identifier: ISC */
/*
 * The registrable domain of a name, by the Public Suffix List that is compiled into libpsl; the
 * only file that knows libpsl.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_SUFFIX_H
#define SENSOR_SUFFIX_H

/*
 * The organisation's part of a lower-case name ("mail.shop.example.co.uk": "example.co.uk"), a
 * pointer into it.  A public suffix itself, or a name of one label, is returned whole.
 */
const char *suffix_registrable(const char *name);

#endif
