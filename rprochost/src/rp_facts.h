/* SPDX-License-Identifier: Apache-2.0
 *
 * What a result needs to know of this build and this process.
 *
 * Thread safety: any thread.
 */
#ifndef RP_FACTS_H
#define RP_FACTS_H

#include <stdint.h>

/* Name and version of the compiler that made the extension. */
const char *rp_compiler(void);

/* What one look at the clock costs, ns: part of every turn that is timed by itself. */
uint64_t rp_clock_cost_ns(void);

/* Returns 0: what a call from Python into C costs. */
uint64_t rp_nothing(void);

/* Have the kernel end this process with its parent, whose number is `pid`, however that ends. 0, or negative errno; -ESRCH when
 * it has ended already. */
int rp_die_with_parent(int pid);

#endif
