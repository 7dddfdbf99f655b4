/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_lifeline.h"

#include "rp_service.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WATCHES 4
#define SUBSCRIBERS 8

struct subscriber {
    void (*fn)(void *context);
    void *context;
};

struct watch {
    int fd; /* our own copy */
    uint64_t token;
};

struct rp_lifeline {
    pthread_mutex_t lock; /* taken after the service's, never before it */
    bool cut;
    int event;
    unsigned num_watches;
    struct watch watches[WATCHES];
    struct subscriber subscribers[SUBSCRIBERS];
};

struct rp_lifeline *rp_lifeline_new(void)
{
    struct rp_lifeline *lifeline = calloc(1, sizeof *lifeline);
    if (!lifeline)
        return NULL;
    lifeline->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lifeline->event < 0) {
        free(lifeline);
        return NULL;
    }
    pthread_mutex_init(&lifeline->lock, NULL);
    return lifeline;
}

void rp_lifeline_free(struct rp_lifeline *lifeline)
{
    for (unsigned i = 0; i < lifeline->num_watches; i++) {
        rp_service_remove(lifeline->watches[i].token);
        close(lifeline->watches[i].fd);
    }
    close(lifeline->event);
    pthread_mutex_destroy(&lifeline->lock);
    free(lifeline);
}

/* Edge triggered, so that a hang-up, which never goes away, is told once. */
static void on_ready(void *context, uint32_t epoll_events)
{
    (void)epoll_events;
    rp_lifeline_cut(context);
}

int rp_lifeline_watch(struct rp_lifeline *lifeline, int fd, int hangup_only)
{
    uint32_t events = EPOLLET | EPOLLRDHUP | (hangup_only ? 0 : (uint32_t)EPOLLIN);
    struct watch *watch = &lifeline->watches[lifeline->num_watches];
    if (lifeline->num_watches == WATCHES)
        return -ENOSPC;
    watch->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (watch->fd < 0)
        return -errno;
    int rc = rp_service_add(watch->fd, events, on_ready, lifeline, &watch->token);
    if (rc == 0)
        lifeline->num_watches++;
    else
        close(watch->fd);
    return rc;
}

void rp_lifeline_cut(struct rp_lifeline *lifeline)
{
    uint64_t one = 1;
    if (rp_forked()) /* its eventfd is shared with the parent, for whom the core lives */
        return;
    pthread_mutex_lock(&lifeline->lock);
    bool first = !lifeline->cut;
    __atomic_store_n(&lifeline->cut, true, __ATOMIC_SEQ_CST);
    if (first) {
        for (unsigned i = 0; i < SUBSCRIBERS; i++)
            if (lifeline->subscribers[i].fn)
                lifeline->subscribers[i].fn(lifeline->subscribers[i].context);
        ssize_t ignored = write(lifeline->event, &one, sizeof one);
        (void)ignored;
    }
    pthread_mutex_unlock(&lifeline->lock);
}

int rp_lifeline_is_cut(const struct rp_lifeline *lifeline)
{
    return __atomic_load_n(&lifeline->cut, __ATOMIC_SEQ_CST);
}

int rp_lifeline_fd(const struct rp_lifeline *lifeline)
{
    return lifeline->event;
}

int rp_lifeline_subscribe(struct rp_lifeline *lifeline, void (*fn)(void *context), void *context)
{
    int rc = -ENOSPC;
    pthread_mutex_lock(&lifeline->lock);
    for (unsigned i = 0; rc < 0 && i < SUBSCRIBERS; i++)
        if (!lifeline->subscribers[i].fn) {
            lifeline->subscribers[i] = (struct subscriber){.fn = fn, .context = context};
            rc = 0;
        }
    if (rc == 0 && lifeline->cut)
        fn(context);
    pthread_mutex_unlock(&lifeline->lock);
    return rc;
}

void rp_lifeline_unsubscribe(struct rp_lifeline *lifeline, void *context)
{
    pthread_mutex_lock(&lifeline->lock);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        if (lifeline->subscribers[i].context == context)
            lifeline->subscribers[i] = (struct subscriber){0};
    pthread_mutex_unlock(&lifeline->lock);
}
