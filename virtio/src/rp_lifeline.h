/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the core of this boot still there? A lifeline is cut once: by the service thread, when a watched descriptor (a pidfd, the
 * control socket) hangs up, or by hand. Cutting it runs the subscribers at once, without the interpreter, so that
 * everyone who waits for the core wakes even while the program computes.
 */
#ifndef RP_LIFELINE_H
#define RP_LIFELINE_H

#include <stdbool.h>

struct rp_lifeline;

struct rp_lifeline *rp_lifeline_new(void); /* NULL: no memory or no descriptor */

/* Stops watching; no subscriber runs afterwards. Does not cut. */
void rp_lifeline_free(struct rp_lifeline *lifeline);

/* Cut when fd hangs up, or, unless hangup_only, becomes readable (a pidfd). The lifeline keeps a copy of fd. One thread at a time. */
int rp_lifeline_watch(struct rp_lifeline *lifeline, int fd, int hangup_only);

void rp_lifeline_cut(struct rp_lifeline *lifeline); /* any thread; the second cut does nothing */
int rp_lifeline_is_cut(const struct rp_lifeline *lifeline);
int rp_lifeline_fd(const struct rp_lifeline *lifeline); /* an eventfd, readable once cut */

/* fn runs once, when cut (at once if it is cut already). -ENOSPC: too many. Unsubscribing waits for a running fn. */
int rp_lifeline_subscribe(struct rp_lifeline *lifeline, void (*fn)(void *context), void *context);
void rp_lifeline_unsubscribe(struct rp_lifeline *lifeline, void *context);

#endif
