/* SPDX-License-Identifier: ISC */
/* The registrable domain of a name; see suffix.h.  bulkhead-sensor, replay. */
#include "sensor/suffix.h"

#include <libpsl.h>
#include <stddef.h>

const char *
suffix_registrable(const char *name)
{
	const psl_ctx_t *list =
	    psl_builtin(); /* static; NULL where the library was built without */
	const char *domain = list != NULL ? psl_registrable_domain(list, name) : NULL;

	return domain != NULL ? domain : name;
}
