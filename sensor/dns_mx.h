/* SPDX-License-Identifier: ISC */
/*
 * Questions for mail exchangers (RFC 1035): who asks for the MX of many domains is about to send to
 * many (Whyte 2006).  Reads one question, never an answer.  Pure.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_DNS_MX_H
#define SENSOR_DNS_MX_H

#include <stddef.h>
#include <stdint.h>

#define DNS_MX_NAME_BYTES 256 /* RFC 1035 2.3.4: 255 on the wire; as text with terminator fewer */

/*
 * One DNS message of a client.  Returns the length of the name (lower case, without the last dot,
 * terminated) when it is a question for MX in class IN, 0 when it is anything else: an answer, an
 * update, another type, a compressed or cut name, the root.  Bytes of a label that do not belong
 * into a host name become '?'.
 */
size_t dns_mx_parse(const uint8_t *message, size_t n, char name[DNS_MX_NAME_BYTES]);

#endif
