/* SPDX-License-Identifier: Apache-2.0
 *
 * The one C service thread of the process: our interrupt context. It sleeps in one epoll over doorbells and hang-ups and needs
 * no interpreter lock, so the name service, crash notice and queueing go on while the program sleeps or computes.
 *
 * It starts with the first source and lives as long as the process. A forked child has no such thread: every call
 * there returns -ECHILD.
 */
#ifndef RP_SERVICE_H
#define RP_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*rp_ready_fn)(void *context, uint32_t epoll_events);

/* Run fn in the service thread whenever fd is ready for epoll_events (EPOLLET, EPOLLEXCLUSIVE … as the caller says). Any
 * thread. 0 and *token, or negative errno. */
int rp_service_add(int fd, uint32_t epoll_events, rp_ready_fn fn, void *context, uint64_t *token);

/* When it returns, fn does not run and never will again. Any thread, the service thread too. Remove before closing the descriptor:
 * a copy of it in another process would keep the entry alive. */
int rp_service_remove(uint64_t token);

/* Run fn in the service thread and return its value. What must belong to a thread that lives as long as the
 * process is done this way, such as starting children that die with their parent thread. */
int rp_service_call(int (*fn)(void *argument), void *argument);

/* True in a child that was forked after the service started. */
extern bool rp_is_forked;
static inline bool rp_forked(void)
{
    return __atomic_load_n(&rp_is_forked, __ATOMIC_RELAXED);
}

#endif
