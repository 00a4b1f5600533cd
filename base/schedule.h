/* SPDX-License-Identifier: ISC */
/*
 * When a process gets its turn on a busy machine.  Called by the daemons' starts, before their
 * jails; where the kernel or a jail refuses, nothing changes and nothing is lost but speed.
 */
#ifndef BASE_SCHEDULE_H
#define BASE_SCHEDULE_H

#define SCHEDULE_SLICE_US  100 /* the shortest that the kernel takes (sched_setattr(2)) */
#define SCHEDULE_NICE_BACK 10  /* of what nobody waits for */

/*
 * For who is woken by packets and soon done: asks for turns of SCHEDULE_SLICE_US in the ordinary
 * class, without a privilege and without being favoured in the sum.  The kernel (EEVDF, from 6.12)
 * lets a short turn interrupt a longer one; older kernels ignore it.  Children inherit it.
 */
void schedule_prompt(void);

/* For who has time: the usual turns, and SCHEDULE_NICE_BACK unless it is nicer already. */
void schedule_background(void);

#endif
