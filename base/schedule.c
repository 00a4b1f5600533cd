/* SPDX-License-Identifier: ISC */
/* Turns of the processor; see schedule.h.  Every daemon. */
#include "base/schedule.h"

#include <linux/sched/types.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc knows these two calls only from 2.41 on. */
static bool
get_attributes(struct sched_attr *attr)
{
	return syscall(SYS_sched_getattr, 0, attr, sizeof(*attr), 0) == 0;
}

static void
set_attributes(const struct sched_attr *attr)
{
	(void)syscall(SYS_sched_setattr, 0, attr, 0);
}

void
schedule_prompt(void)
{
	struct sched_attr attr = {.size = sizeof(attr)};

	/* Who was started in another class (real time, batch, idle) was so on purpose. */
	if (!get_attributes(&attr) || attr.sched_policy != 0)
		return;
	attr.sched_runtime = SCHEDULE_SLICE_US * 1000;
	set_attributes(&attr);
}

void
schedule_background(void)
{
	struct sched_attr attr = {.size = sizeof(attr)};

	if (!get_attributes(&attr))
		return;
	if (attr.sched_policy == 0)
		attr.sched_runtime = 0; /* the kernel's own */
	if (attr.sched_nice < SCHEDULE_NICE_BACK)
		attr.sched_nice = SCHEDULE_NICE_BACK;
	set_attributes(&attr);
}
